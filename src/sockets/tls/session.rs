//! One connection of TLS: a connection of rustls, and what its errors mean.

use std::io;
use std::sync::Arc;

use rustls::ProtocolVersion;

use super::PeerCertificate;
use super::records::{RecordStep, Sinks, TlsRole};
use super::words;
use crate::error::HandshakeError;

/// Bytes that are kept of what a peer sends first, for the words about one that does not speak TLS.
const FIRST: usize = 24;

/// A record with the alert decode_error.
const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

/// What this side is, as far as the words of an error depend on it.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) is_client: bool,
    /// It has a certificate to give.
    pub(super) has_certificate: bool,
    /// The protocols that it offers, or takes.
    pub(super) alpn: Vec<String>,
}

/// A connection of TLS, without its socket: records go in and come out, and errors have plain words.
pub struct TlsSession {
    role: TlsRole,
    ours: Arc<Ours>,
    /// What the peer has sent first, up to `FIRST` bytes.
    first: Vec<u8>,
}

/// What came of the records of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsProgress {
    /// More of them may follow.
    More,
    /// The peer's close_notify has come, and nothing follows.
    Closed,
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
    /// The certificate of the peer, where it has given one.
    pub peer: Option<PeerCertificate>,
}

impl TlsSession {
    pub(super) fn new(role: TlsRole, ours: Arc<Ours>) -> Self {
        Self { role, ours, first: Vec::new() }
    }

    /// One of such a client, which trusts as its configuration has it.
    #[cfg(test)]
    pub(crate) fn of_client(client: rustls::client::UnbufferedClientConnection) -> Self {
        let ours = Ours { is_client: true, has_certificate: false, alpn: Vec::new() };
        Self::new(TlsRole::Client(Box::new(client)), Arc::new(ours))
    }

    /// One of such a server.
    #[cfg(test)]
    pub(crate) fn of_server(server: rustls::server::UnbufferedServerConnection) -> Self {
        let ours = Ours { is_client: false, has_certificate: true, alpn: Vec::new() };
        Self::new(TlsRole::Server(Box::new(server)), Arc::new(ours))
    }

    /// Whether this side is the client.
    pub fn is_client(&self) -> bool {
        self.ours.is_client
    }

    /// Whether the handshake goes on.
    pub fn is_handshaking(&self) -> bool {
        self.role.common().is_handshaking()
    }

    /// Notes what the peer has sent, for the words about one that does not speak TLS.
    pub(crate) fn note_first(&mut self, bytes: &[u8]) {
        let room = FIRST.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
    }

    /// Works on the records at the front of `wire` until nothing more can be done with what is there;
    /// returns how many bytes are done with. The rest belongs in front of what comes next.
    ///
    /// # Errors
    /// A [`HandshakeError`] inside, where the handshake fails; of a client also when the server refuses
    /// its certificate, which it learns afterwards in TLS 1.3. Any other error ends the stream. The alert
    /// for the peer is in `outgoing` then.
    pub(crate) fn process(
        &mut self,
        wire: &mut [u8],
        sinks: &mut Sinks<'_>,
    ) -> (usize, io::Result<TlsProgress>) {
        if self.is_handshaking() && words::is_no_record(&self.first) {
            return (0, Err(words::not_tls(&self.ours, &self.first).into()));
        }
        let (mut done, mut progress) = (0, TlsProgress::More);
        loop {
            let (count, step) = self.role.step(wire.get_mut(done..).unwrap_or_default(), sinks);
            done += count;
            match step {
                Ok(RecordStep::Done) => {}
                Ok(RecordStep::Idle) => return (done, Ok(progress)),
                Ok(RecordStep::Closed) => progress = TlsProgress::Closed,
                Err(error) => {
                    // A step that has something to send takes nothing from the wire.
                    let (rest, before) = (wire.get_mut(done..), sinks.outgoing.len());
                    let rest = rest.unwrap_or_default();
                    while self.role.common().wants_write() && self.role.step(rest, sinks).1.is_ok()
                    {
                    }
                    let is_told = sinks.outgoing.len() > before;
                    if !is_told && self.is_handshaking() && words::is_own(&error) {
                        // Of a message that is too long rustls tells the peer nothing. One that has not got
                        // as far as keys of its own takes this in the clear.
                        sinks.outgoing.extend_from_slice(&DECODE_ERROR);
                    }
                    return (done, Err(self.failure(&error)));
                }
            }
        }
    }

    /// Encrypts `plain`, or else a close_notify, into `into`, which has [`sealed`](super::records::sealed)
    /// bytes; returns how many it fills. `wire` is what has come of an unfinished record.
    ///
    /// # Errors
    /// The keys are used up.
    pub(crate) fn encrypt(
        &mut self,
        plain: Option<&[u8]>,
        wire: &mut [u8],
        into: &mut [u8],
    ) -> io::Result<usize> {
        self.role.encrypt(plain, wire, into).map_err(|error| self.failure(&error))
    }

    #[cold]
    fn failure(&self, error: &rustls::Error) -> io::Error {
        if self.is_handshaking() || words::is_late_refusal(error) {
            let has_version = self.role.common().protocol_version().is_some();
            words::failure(error, &self.ours, &self.first, has_version).into()
        } else {
            words::broken(error)
        }
    }

    /// The peer has closed before the handshake was done.
    #[cold]
    pub fn cut(&self) -> HandshakeError {
        words::cut(&self.ours, &self.first)
    }

    /// What was agreed; `None` until the handshake is done.
    pub fn agreed(&self) -> Option<Agreed> {
        if self.is_handshaking() {
            return None;
        }
        let common = self.role.common();
        let version = match common.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "1.2",
            _ => "1.3",
        };
        // rustls names those of TLS 1.3 with the version, unlike the registry.
        let cipher = common.negotiated_cipher_suite()?.suite().as_str()?;
        let alpn = common.alpn_protocol();
        let leaf = common.peer_certificates().and_then(<[_]>::first);
        Some(Agreed {
            version,
            cipher: cipher.replacen("TLS13_", "TLS_", 1),
            alpn: alpn.map(|name| name.escape_ascii().to_string()),
            peer: leaf.and_then(PeerCertificate::parse),
        })
    }
}
