//! The side of a server.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ParsedCertificate, UnbufferedServerConnection};
use rustls::sign::SingleCertAndKey;
use rustls::{KeyLog, ServerConfig};

use super::identity::{read_authorities, self_signed};
use super::records::TlsRole;
use super::session::{Ours, TlsSession};
use super::trust::ClientTrust;
use super::{IdentityFiles, Pin, provider};
use crate::error::{Failure, HandshakeError, Status};
use crate::kind::Kind;

/// Who a server is.
#[derive(Clone, Debug)]
pub enum ServerIdentity {
    /// A certificate and its key.
    Files(IdentityFiles),
    /// A certificate that is made for this run: for localhost, the name of this machine, and the
    /// addresses that it listens on.
    SelfSigned(Vec<IpAddr>),
}

/// Who a server is, and what it asks of its clients.
#[derive(Clone, Debug)]
pub struct ServerTlsOptions {
    /// Who it is.
    pub identity: ServerIdentity,
    /// The file of the certificates to trust; a client then needs one that they have issued.
    pub client_authorities: Option<PathBuf>,
    /// The protocols to take, the best first.
    pub alpn: Vec<String>,
    /// Takes the secrets of each session.
    pub key_log: Option<Arc<dyn KeyLog>>,
}

/// The side of a server: it is made once, and cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Arc<Parts>);

struct Parts {
    config: Arc<ServerConfig>,
    pin: Option<Pin>,
    ours: Arc<Ours>,
    warnings: Vec<(Kind, String)>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// Clones are equal, and nothing else.
impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ServerTls {}

impl ServerTls {
    /// Reads the files, or makes a certificate.
    ///
    /// # Errors
    /// A file cannot be read, or is wrong.
    pub fn new(options: &ServerTlsOptions) -> Result<Self, Failure> {
        let identity = match &options.identity {
            ServerIdentity::Files(files) => files.read()?,
            ServerIdentity::SelfSigned(addresses) => self_signed(addresses)?,
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Failure::new(Status::Local, Kind::Tls, "begin", "TLS", error.to_string())
            })?;
        let builder = match &options.client_authorities {
            Some(path) => {
                let trust = ClientTrust::new(read_authorities(path)?)?;
                builder.with_client_cert_verifier(Arc::new(trust))
            }
            None => builder.with_no_client_auth(),
        };
        let resolver = SingleCertAndKey::from(identity.key.clone());
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = options.alpn.iter().map(|name| name.clone().into()).collect();
        // A ticket that a client does not read before it closes would cost it what it has sent: the kernel
        // answers with a reset.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(key_log) = &options.key_log {
            config.key_log = key_log.clone();
        }
        let leaf = identity.key.cert.first();
        let leaf = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        let pin = leaf.map(|leaf| Pin::of_key(&leaf.subject_public_key_info()));
        let ours = Ours { is_client: false, has_certificate: true, alpn: options.alpn.clone() };
        let (config, ours) = (Arc::new(config), Arc::new(ours));
        Ok(Self(Arc::new(Parts { config, pin, ours, warnings: identity.warnings })))
    }

    /// The pin of its key, with which a client can be started.
    pub fn pin(&self) -> Option<Pin> {
        self.0.pin
    }

    /// What is to be said about the files.
    pub fn warnings(&self) -> &[(Kind, String)] {
        &self.0.warnings
    }

    /// The connection of a client.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn session(&self) -> Result<TlsSession, HandshakeError> {
        let connection = UnbufferedServerConnection::new(self.0.config.clone())
            .map_err(|error| HandshakeError::new(Kind::Tls, error.to_string()))?;
        Ok(TlsSession::new(TlsRole::Server(Box::new(connection)), self.0.ours.clone()))
    }
}
