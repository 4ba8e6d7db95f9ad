//! The side of a client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, KeyLog};

use super::identity::read_authorities;
use super::records::TlsRole;
use super::session::{Ours, TlsSession};
use super::trust::{Issuers, ServerTrust};
use super::{IdentityFiles, Pins, provider};
use crate::error::{Failure, HandshakeError, Status};
use crate::kind::Kind;

/// What a client asks of a server, and who it is.
#[derive(Clone, Debug, Default)]
pub struct ClientTlsOptions {
    /// The name that the server's certificate is for, which it is asked for as well (SNI); `None` is the
    /// host that is dialed.
    pub name: Option<String>,
    /// The file of the certificates to trust, and no others; `None` are those of this machine.
    pub authorities: Option<PathBuf>,
    /// Take any certificate.
    pub insecure: bool,
    /// The keys that the server may have. Without `authorities` nothing else is looked at: neither who
    /// has issued the certificate, nor its names or dates.
    pub pins: Pins,
    /// The days that the server's certificate has to be valid from now on.
    pub min_days: Option<u32>,
    /// The certificate to give to a server that asks for one.
    pub identity: Option<IdentityFiles>,
    /// The protocols to offer, the best first.
    pub alpn: Vec<String>,
    /// Takes the secrets of each session.
    pub key_log: Option<Arc<dyn KeyLog>>,
}

/// The side of a client: it is made once, and cheap to clone.
#[derive(Clone)]
pub struct ClientTls(Arc<Parts>);

struct Parts {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    checks_name: bool,
    ours: Arc<Ours>,
    warnings: Vec<(Kind, String)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// Clones are equal, and nothing else.
impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ClientTls {}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or is wrong; the name is none; nobody is trusted.
    pub fn new(options: &ClientTlsOptions) -> Result<Self, Failure> {
        debug_assert!(!options.insecure || options.pins.is_empty(), "a rule excludes it");
        let issuers = match &options.authorities {
            _ if options.insecure => Issuers::Anybody,
            Some(path) => Issuers::These(read_authorities(path)?),
            None if !options.pins.is_empty() => Issuers::Anybody,
            None => Issuers::Platform,
        };
        let trust = ServerTrust::new(issuers, options.pins.clone(), options.min_days)?;
        let checks_name = trust.checks_name();
        let name = options.name.as_deref().map(server_name).transpose();
        let name = name.map_err(|cause| {
            let name = options.name.as_deref().unwrap_or_default();
            Failure::new(Status::Usage, Kind::Usage, "use", format!("--tls={name}"), cause)
        })?;
        let identity = options.identity.as_ref().map(IdentityFiles::read).transpose()?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Failure::new(Status::Local, Kind::Tls, "begin", "TLS", error.to_string())
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
        let mut config = match &identity {
            Some(identity) => {
                let resolver = SingleCertAndKey::from(identity.key.clone());
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = options.alpn.iter().map(|name| name.clone().into()).collect();
        config.resumption = Resumption::disabled();
        if let Some(key_log) = &options.key_log {
            config.key_log = key_log.clone();
        }
        let ours = Arc::new(Ours {
            is_client: true,
            has_certificate: identity.is_some(),
            alpn: options.alpn.clone(),
        });
        let warnings = identity.map(|identity| identity.warnings).unwrap_or_default();
        let config = Arc::new(config);
        Ok(Self(Arc::new(Parts { config, name, checks_name, ours, warnings })))
    }

    /// What is to be said about the files.
    pub fn warnings(&self) -> &[(Kind, String)] {
        &self.0.warnings
    }

    /// A connection to a host: a name or an address, without a port.
    ///
    /// # Errors
    /// No certificate can be for this host.
    pub fn session(&self, host: &str) -> Result<TlsSession, HandshakeError> {
        let name = match (&self.0.name, server_name(host)) {
            (Some(name), _) => name.clone(),
            (None, Ok(name)) => name,
            // No name is checked, and that of an address is not sent.
            (None, Err(_)) if !self.0.checks_name => {
                ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
            }
            (None, Err(cause)) => {
                return Err(HandshakeError::new(Kind::TlsName, format!("{host:?} {cause}"))
                    .fix("--tls=NAME names the one in its certificate"));
            }
        };
        let connection = UnbufferedClientConnection::new(self.0.config.clone(), name)
            .map_err(|error| HandshakeError::new(Kind::Tls, error.to_string()))?;
        Ok(TlsSession::new(TlsRole::Client(Box::new(connection)), self.0.ours.clone()))
    }
}

/// A name as it is sent and verified.
fn server_name(name: &str) -> Result<ServerName<'static>, &'static str> {
    // An address may have the interface to reach it by, and brackets; a name may end with the root.
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let address = address.split_once('%').map_or(address, |(address, _)| address);
    if let Ok(address) = address.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_owned();
    if !name.is_ascii() {
        return Err("it is no host name in ASCII: write it as xn--...");
    }
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Err("it has more than 253 bytes, or more than 63 between two dots");
    }
    ServerName::try_from(name)
        .map_err(|_| "it is no host name: one has letters, digits, `-` and single dots")
}
