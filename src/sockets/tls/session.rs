//! One connection of TLS: a connection of rustls, and what its errors mean.

use std::io::{self, Read};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use rustls::{Connection, IoState, ProtocolVersion};

use super::PeerCertificate;
use super::words;
use crate::error::HandshakeError;

/// Bytes that are kept of what a peer sends first, for the words about one that does not speak TLS.
const FIRST: usize = 24;

/// What this side is, as far as the words of an error depend on it.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) is_client: bool,
    /// It has a certificate to give.
    pub(super) has_certificate: bool,
    /// The protocols that it offers, or takes.
    pub(super) alpn: Vec<String>,
}

/// A connection of TLS, without its socket. It is a [`Connection`] whose errors have plain words.
pub struct TlsSession {
    connection: Connection,
    ours: Arc<Ours>,
    /// What the peer has sent first, up to `FIRST` bytes.
    first: Vec<u8>,
}

/// What the two sides have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The version of TLS: `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite, as the registry of the IANA names it.
    pub cipher: String,
    /// The protocol above, where one was agreed on.
    pub alpn: Option<String>,
    /// The name that a client has asked for; `None` on the client.
    pub server_name: Option<String>,
    /// The certificate of the peer, where it has given one.
    pub peer: Option<PeerCertificate>,
}

impl TlsSession {
    pub(super) fn new(connection: Connection, ours: Arc<Ours>) -> Self {
        Self { connection, ours, first: Vec::new() }
    }

    /// Reads records from a socket, as [`Connection::read_tls`] does.
    ///
    /// # Errors
    /// Those of the socket, and that of a peer whose records are not taken out.
    pub fn read_tls(&mut self, from: &mut dyn Read) -> io::Result<usize> {
        if self.first.len() >= FIRST {
            return self.connection.read_tls(from);
        }
        self.connection.read_tls(&mut Tee { from, first: &mut self.first })
    }

    /// Works on the records that were read, as [`Connection::process_new_packets`] does.
    ///
    /// # Errors
    /// A [`HandshakeError`] inside, where the handshake fails; of a client also when the server refuses
    /// its certificate, which it learns afterwards in TLS 1.3. Any other error ends the stream.
    pub fn process(&mut self) -> io::Result<IoState> {
        if self.connection.is_handshaking() && words::is_no_record(&self.first) {
            return Err(words::not_tls(&self.ours, &self.first).into());
        }
        self.connection.process_new_packets().map_err(|error| {
            if self.connection.is_handshaking() || words::is_late_refusal(&error) {
                let has_version = self.connection.protocol_version().is_some();
                words::failure(&error, &self.ours, &self.first, has_version).into()
            } else {
                words::broken(&error)
            }
        })
    }

    /// The peer has closed before the handshake was done.
    #[cold]
    pub fn cut(&self) -> HandshakeError {
        words::cut(&self.ours, &self.first)
    }

    /// What was agreed; `None` until the handshake is done.
    pub fn agreed(&self) -> Option<Agreed> {
        if self.connection.is_handshaking() {
            return None;
        }
        let version = match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "1.2",
            _ => "1.3",
        };
        // rustls names those of TLS 1.3 with the version, unlike the registry.
        let cipher = self.connection.negotiated_cipher_suite()?.suite().as_str()?;
        let alpn = self.connection.alpn_protocol();
        let leaf = self.connection.peer_certificates().and_then(<[_]>::first);
        Some(Agreed {
            version,
            cipher: cipher.replacen("TLS13_", "TLS_", 1),
            alpn: alpn.map(|name| name.escape_ascii().to_string()),
            server_name: match &self.connection {
                Connection::Server(server) => server.server_name().map(str::to_owned),
                Connection::Client(_) => None,
            },
            peer: leaf.and_then(PeerCertificate::parse),
        })
    }
}

impl Deref for TlsSession {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for TlsSession {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// A reader that keeps what comes first.
struct Tee<'a> {
    from: &'a mut dyn Read,
    first: &'a mut Vec<u8>,
}

impl Read for Tee<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        let kept = count.min(FIRST.saturating_sub(self.first.len()));
        self.first.extend_from_slice(into.get(..kept).unwrap_or_default());
        Ok(count)
    }
}
