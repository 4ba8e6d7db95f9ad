//! Both sides' configurations of TLS: made once, for keys are slow to make.

use std::sync::{Arc, OnceLock};

use data_encoding::BASE64;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use wirecat::sockets::tls::{
    ClientTls, ClientTlsOptions, IdentityFiles, ServerIdentity, ServerTls, ServerTlsOptions,
    provider,
};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// The sides of wirecat, and others of rustls by itself for each version.
pub(super) struct Parties {
    pub(super) client: ClientTls,
    pub(super) server: ServerTls,
    servers: [Arc<ServerConfig>; 2],
    clients: [Arc<ClientConfig>; 2],
    /// Those that do not trust the server.
    strangers: [Arc<ClientConfig>; 2],
}

pub(super) fn parties() -> &'static Parties {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    PARTIES.get_or_init(|| {
        // Ed25519 has signatures of one length, and the serial number is drawn otherwise.
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let names = vec!["localhost".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).expect("a name");
        params.serial_number = Some(1.into());
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let directory = crate::support::tempdir().expect("a directory");
        let write = |name: &str, label: &str, der: &[u8]| {
            let (path, base64) = (directory.path().join(name), BASE64.encode(der));
            let pem = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
            std::fs::write(&path, pem).expect("a file");
            path
        };
        let path = write("server.pem", "CERTIFICATE", &certificate);
        let identity = IdentityFiles {
            certificate: path.clone(),
            key: Some(write("server.key", "PRIVATE KEY", key.serialized_der())),
        };
        let of_client = ClientTlsOptions {
            name: Some("localhost".to_owned()),
            authorities: Some(path),
            ..ClientTlsOptions::default()
        };
        let of_server = ServerTlsOptions {
            identity: ServerIdentity::Files(identity),
            client_authorities: None,
            alpn: Vec::new(),
            key_log: None,
        };
        Parties {
            client: ClientTls::new(&of_client).expect("a client"),
            server: ServerTls::new(&of_server).expect("a server"),
            servers: VERSIONS.map(|version| server(version, &certificate, &key)),
            clients: VERSIONS.map(|version| client(version, Some(&certificate))),
            strangers: VERSIONS.map(|version| client(version, None)),
        }
    })
}

fn server(
    version: &'static SupportedProtocolVersion,
    certificate: &CertificateDer<'static>,
    key: &rcgen::KeyPair,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[version]).expect("a version");
    let config = builder.with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate.clone()], key).expect("a pair"))
}

fn client(
    version: &'static SupportedProtocolVersion,
    trusted: Option<&CertificateDer<'static>>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.cloned());
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[version]).expect("a version");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // What one scenario has agreed on is no matter to the next.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

impl Parties {
    /// A server of version 1.2, or 1.3.
    pub(super) fn server_of(&self, version: usize) -> Connection {
        let config = Arc::clone(&self.servers[version]);
        Connection::Server(ServerConnection::new(config).expect("a server"))
    }

    /// A client of version 1.2, or 1.3, which may not trust the server.
    pub(super) fn client_of(&self, version: usize, trusts: bool) -> Connection {
        let configs = if trusts { &self.clients } else { &self.strangers };
        let name = ServerName::try_from("localhost").expect("a name");
        let config = Arc::clone(&configs[version]);
        Connection::Client(ClientConnection::new(config, name).expect("a client"))
    }
}
