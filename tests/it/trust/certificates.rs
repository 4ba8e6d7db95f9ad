//! Authorities and certificates, good and bad, as files.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Files that end with the test, and the authority whose file is `ca.pem`.
pub(super) struct Certificates {
    directory: TempDir,
    pub(super) ca: Authority,
}

/// Who issues certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) file: String,
}

/// The files of a certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Certificates {
    pub(super) fn new() -> Self {
        let directory = crate::support::tempdir().expect("a directory");
        let ca = authority(directory.path(), "ca", None, |_| {});
        Self { directory, ca }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Another authority, in a file of its name; `by` is who has issued it, where it is not itself.
    pub(super) fn authority(
        &self,
        name: &str,
        by: Option<&Authority>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        authority(self.directory.path(), name, by, change)
    }

    /// A certificate of the authority for localhost, which may be changed, and its key.
    pub(super) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        self.issue_by(&self.ca, name, change)
    }

    pub(super) fn issue_by(
        &self,
        by: &Authority,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        self.issue_for(&KeyPair::generate().expect("a key"), by, name, change)
    }

    pub(super) fn issue_for(
        &self,
        key: &KeyPair,
        by: &Authority,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let mut params = for_localhost();
        change(&mut params);
        let certificate = params.signed_by(key, &by.issuer).expect("a certificate");
        let file =
            write(self.directory.path(), &format!("{name}.pem"), "CERTIFICATE", certificate.der());
        let path = self.directory.path();
        let key = write(path, &format!("{name}.key"), "PRIVATE KEY", key.serialized_der());
        Pair { certificate: file, key }
    }

    /// A certificate for localhost that has issued itself, as `openssl req -x509` makes it.
    pub(super) fn own_issuer(&self, name: &str) -> Pair {
        let mut params = for_localhost();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let path = self.directory.path();
        let certificate = write(path, &format!("{name}.pem"), "CERTIFICATE", certificate.der());
        let key = write(path, &format!("{name}.key"), "PRIVATE KEY", key.serialized_der());
        Pair { certificate, key }
    }

    /// Puts the certificate of an authority behind another one.
    pub(super) fn append(&self, pair: &Pair, authority: &Authority) {
        let read = |path| std::fs::read_to_string(path).expect("a file");
        let chain = read(&pair.certificate) + &read(&authority.file);
        std::fs::write(&pair.certificate, chain).expect("a file");
    }
}

impl Pair {
    /// The arguments for it.
    pub(super) fn options(&self) -> String {
        format!("--tls-cert {} --tls-key {}", self.certificate, self.key)
    }

    /// The hash of the whole certificate.
    pub(super) fn fingerprint(&self) -> String {
        let text = std::fs::read_to_string(&self.certificate).expect("a file");
        let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64.decode(base64.as_bytes()).expect("base64");
        Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn authority(
    directory: &Path,
    name: &str,
    by: Option<&Authority>,
    change: impl FnOnce(&mut CertificateParams),
) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.issuer),
        None => params.self_signed(&key),
    };
    let certificate = certificate.expect("a certificate");
    let file = write(directory, &format!("{name}.pem"), "CERTIFICATE", certificate.der());
    Authority { issuer: Issuer::new(params, key), file }
}

fn for_localhost() -> CertificateParams {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    CertificateParams::new(names).expect("names")
}

pub(super) fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

pub(super) fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

pub(super) fn expired(params: &mut CertificateParams) {
    params.not_after = rcgen::date_time_ymd(2024, 2, 29);
}

/// It ends in so many days and an hour.
pub(super) fn ends_in(days: u64) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        let left = Duration::from_secs(days * 86_400 + 3600);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + left;
    }
}

fn write(directory: &Path, name: &str, label: &str, der: &[u8]) -> String {
    let path = directory.join(name);
    let base64 = BASE64.encode(der);
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    std::fs::write(&path, text).expect("a file");
    // A key that others can read is a warning.
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file");
    path.into_os_string().into_string().expect("a path in UTF-8")
}
