//! Handshakes in memory: certificates and set-ups, and what each side has to say about them.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rcgen::{CertificateParams, Issuer, KeyPair};
use tempfile::TempDir;

use super::records::{Sinks, sealed};
use super::*;
use crate::error::HandshakeError;
use crate::kind::Kind;

/// Certificates and keys as files of a directory that ends with the test.
struct Files(TempDir);

mod files;
mod matrix;
mod pins;

/// An authority, which issues certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A name that no file has yet.
    fn name(&self, what: &str) -> String {
        format!("{what}-{}.pem", std::fs::read_dir(self.0.path()).unwrap().count())
    }

    fn pem(&self, name: &str, label: &str, der: &[u8]) -> PathBuf {
        self.write(name, &pem_text(label, der))
    }

    fn authority(&self, name: &str) -> Authority {
        self.authority_with(name, |_| {})
    }

    fn authority_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let params = authority_params(name, change);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = self.pem(&format!("{name}.pem"), "CERTIFICATE", certificate.der());
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// An authority that another one has issued.
    fn intermediate(
        &self,
        by: &Authority,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        let params = authority_params(name, change);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &by.issuer).unwrap();
        let file = self.pem(&format!("{name}.pem"), "CERTIFICATE", certificate.der());
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// As `issue`, with the certificate of the issuer behind it.
    fn issue_behind(&self, by: &Authority, params: &CertificateParams) -> IdentityFiles {
        let files = self.issue(by, params);
        let chain =
            [&files.certificate, &by.file].map(|file| std::fs::read_to_string(file).unwrap());
        std::fs::write(&files.certificate, chain.concat()).unwrap();
        files
    }

    fn issue(&self, by: &Authority, params: &CertificateParams) -> IdentityFiles {
        self.issue_for(by, params, &KeyPair::generate().unwrap())
    }

    fn issue_for(
        &self,
        by: &Authority,
        params: &CertificateParams,
        key: &KeyPair,
    ) -> IdentityFiles {
        let certificate = params.signed_by(key, &by.issuer).unwrap();
        let certificate = self.pem(&self.name("certificate"), "CERTIFICATE", certificate.der());
        let key = self.pem(&self.name("key"), "PRIVATE KEY", key.serialized_der());
        IdentityFiles { certificate, key: Some(key) }
    }
}

fn authority_params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    change(&mut params);
    params
}

fn pem_text(label: &str, der: &[u8]) -> String {
    let base64 = BASE64.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn for_localhost() -> CertificateParams {
    CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn server_of(identity: ServerIdentity) -> ServerTlsOptions {
    ServerTlsOptions { identity, client_authorities: None, alpn: Vec::new(), key_log: None }
}

fn trusting(file: &Path) -> ClientTlsOptions {
    ClientTlsOptions { authorities: Some(file.to_owned()), ..ClientTlsOptions::default() }
}

/// A handshake that both sides agree to.
fn assert_agree(server: &ServerTlsOptions, client: &ClientTlsOptions) {
    let (server, client) = (ServerTls::new(server).unwrap(), ClientTls::new(client).unwrap());
    let (mut client, mut server) =
        (client.session("localhost").unwrap(), server.session().unwrap());
    assert_eq!(shake(&mut client, &mut server), (None, None));
    assert!(client.agreed().is_some() && server.agreed().is_some());
}

/// A side, and what has come for it and is not whole.
type Side<'a> = (&'a mut TlsSession, Vec<u8>);

/// Moves records between the two until nothing is left to move; returns the first error of each.
fn shake(
    client: &mut TlsSession,
    server: &mut TlsSession,
) -> (Option<HandshakeError>, Option<HandshakeError>) {
    let (mut of_client, mut of_server) = (None, None);
    let (mut client, mut server): (Side<'_>, Side<'_>) =
        ((client, Vec::new()), (server, Vec::new()));
    let mut wire = Vec::new();
    for _ in 0..20 {
        wire = carry(&mut client, &wire, &mut of_client);
        wire = carry(&mut server, &wire, &mut of_server);
    }
    (of_client, of_server)
}

/// Has a side work on these records alone; returns what it answers as well.
fn take(session: &mut TlsSession, bytes: &[u8]) -> (std::io::Result<TlsProgress>, Vec<u8>) {
    let (mut wire, mut outgoing) = (bytes.to_vec(), Vec::new());
    session.note_first(bytes);
    let mut sinks = Sinks { data: &mut |_| {}, outgoing: &mut outgoing };
    (session.process(&mut wire, &mut sinks).1, outgoing)
}

/// Has a side take what comes, and returns what it answers.
fn carry(to: &mut Side<'_>, wire: &[u8], error: &mut Option<HandshakeError>) -> Vec<u8> {
    let (session, incoming) = to;
    session.note_first(wire);
    incoming.extend_from_slice(wire);
    let mut outgoing = Vec::new();
    if error.is_none() {
        let mut sinks = Sinks { data: &mut |_| {}, outgoing: &mut outgoing };
        let (done, outcome) = session.process(incoming, &mut sinks);
        incoming.drain(..done);
        if let Err(failed) = outcome {
            *error = Some(HandshakeError::of(&failed).expect("its own words").clone());
        }
    }
    outgoing
}

#[test]
fn two_sides_agree_and_carry_bytes() {
    let files = Files::new();
    let authority = files.authority("ca");
    let identity = files.issue(&authority, &for_localhost());
    let server = ServerTls::new(&ServerTlsOptions {
        alpn: vec!["b".into(), "a".into()],
        ..server_of(ServerIdentity::Files(identity))
    })
    .unwrap();
    let client =
        ClientTls::new(&ClientTlsOptions { alpn: vec!["a".into()], ..trusting(&authority.file) })
            .unwrap();
    let (mut client, mut server) =
        (client.session("localhost").unwrap(), server.session().unwrap());
    assert_eq!((client.agreed(), server.agreed()), (None, None));
    assert_eq!(shake(&mut client, &mut server), (None, None));
    let agreed = client.agreed().unwrap();
    assert_eq!((agreed.version, agreed.alpn.as_deref()), ("1.3", Some("a")));
    assert!(agreed.cipher.starts_with("TLS_AES_"), "{}", agreed.cipher);
    let peer = agreed.peer.unwrap();
    assert_eq!(peer.names, ["localhost", "127.0.0.1"]);
    assert_eq!(server.agreed().unwrap().peer, None);
    let mut wire = vec![0; sealed(5)];
    let count = client.encrypt(Some(b"hello"), &mut [], &mut wire).unwrap();
    let (mut read, mut outgoing) = (Vec::new(), Vec::new());
    let mut data = |bytes: &[u8]| read.extend_from_slice(bytes);
    let mut sinks = Sinks { data: &mut data, outgoing: &mut outgoing };
    let (done, outcome) = server.process(&mut wire[..count], &mut sinks);
    assert_eq!((done, outcome.unwrap()), (count, TlsProgress::More));
    assert_eq!(read, b"hello");
}

#[test]
fn a_pin_is_enough_for_a_certificate_that_is_self_signed() {
    let server = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    let pins: Pins = server.pin().unwrap().to_string().parse().unwrap();
    let client = ClientTls::new(&ClientTlsOptions { pins, ..ClientTlsOptions::default() }).unwrap();
    let (mut client, mut server) = (client.session("10.1.1.1").unwrap(), server.session().unwrap());
    assert_eq!(shake(&mut client, &mut server), (None, None));
    let other = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    let pins: Pins = other.pin().unwrap().to_string().parse().unwrap();
    let client = ClientTls::new(&ClientTlsOptions { pins, ..ClientTlsOptions::default() }).unwrap();
    let server = ServerTls::new(&server_of(ServerIdentity::SelfSigned(Vec::new()))).unwrap();
    let (mut client, mut server) = (client.session("10.1.1.1").unwrap(), server.session().unwrap());
    let (client, server) = shake(&mut client, &mut server);
    assert_eq!(client.unwrap().kind, Kind::TlsPin);
    assert_eq!(server.unwrap().kind, Kind::TlsRejected);
}
