//! An authority, a server and a client, as files that end with the test.

use std::path::PathBuf;

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64.encode(der);
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

pub(crate) struct Files {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Files {
    /// `ca.pem`, and of it `server.pem` for localhost and 127.0.0.1, and `client.pem`, with their keys.
    pub(crate) fn new() -> Self {
        let directory = crate::support::tempdir().expect("a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().expect("a key");
        let ca = pem("CERTIFICATE", params.self_signed(&key).expect("a certificate").der());
        let files = Self { directory, issuer: Issuer::new(params, key) };
        std::fs::write(files.path("ca.pem"), ca).expect("a file");
        files.issue("server", &["localhost", "127.0.0.1"]);
        files.issue("client", &["client.example"]);
        files
    }

    /// A certificate `NAME.pem` for these names, with its key in `NAME.key`.
    pub(crate) fn issue(&self, name: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(self.path(&format!("{name}.pem")), pem("CERTIFICATE", certificate.der()))
            .expect("a file");
        let path = self.path(&format!("{name}.key"));
        std::fs::write(&path, pem("PRIVATE KEY", key.serialized_der())).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("a mode");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The words, with `@` before the name of a file replaced by the directory.
    pub(crate) fn words(&self, words: &str) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        words.split_whitespace().map(|word| word.replace('@', &directory)).collect()
    }
}
