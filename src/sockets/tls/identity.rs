//! Who this side is: a certificate and its key, from files or made for this run; and files of
//! certificates that are trusted. A file is read once.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::pem::{PemSection, sections};
use super::provider;
use crate::error::{Failure, Status};
use crate::kind::Kind;

/// Most bytes of a file of certificates or of a key. All that Debian trusts is 220 KB.
const MOST: u64 = 16 << 20;
/// The permission of others to read a file.
const OTHERS_READ: u32 = 0o004;

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// The certificate, and behind it those of who issued it (PEM).
    pub certificate: PathBuf,
    /// The key (PEM); where there is none it is in the file of the certificate.
    pub key: Option<PathBuf>,
}

/// A certificate with its key, and what is to be said about them.
pub(super) struct TlsIdentity {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) warnings: Vec<(Kind, String)>,
}

const CERTIFICATES: &str = "take certificates from";
const KEY: &str = "take a key from";
const CERTIFICATE: &str = "CERTIFICATE";

impl IdentityFiles {
    /// Reads both files.
    pub(super) fn read(&self) -> Result<TlsIdentity, Failure> {
        let file = PemFile::read(CERTIFICATES, &self.certificate)?;
        let chain = file.certificates()?;
        let file = match &self.key {
            Some(path) => PemFile::read(KEY, path)?,
            None => PemFile { operation: KEY, ..file },
        };
        let (line, der) = file.key()?;
        let key = provider().key_provider.load_private_key(der).map_err(|_| {
            file.wrong(Some(line), "it is broken, or of a kind that is not supported")
                .fix("RSA of 2048 bits or more, ECDSA P-256, P-384, P-521 and Ed25519 are")
        })?;
        let identity = CertifiedKey::new(chain, key);
        self.check_fit(&identity, &file, line)?;
        let mut warnings = Vec::new();
        if file.is_exposed {
            let name = &file.name;
            let text = format!("others can read the key in {name} (chmod 600 {name})");
            warnings.push((Kind::Exposed, text));
        }
        Ok(TlsIdentity { key: Arc::new(identity), warnings })
    }

    /// The key is that of the first certificate.
    fn check_fit(
        &self,
        identity: &CertifiedKey,
        key: &PemFile,
        line: usize,
    ) -> Result<(), Failure> {
        let certificate = self.certificate.display();
        let is_of = |certificate: &CertificateDer<'_>| {
            let parsed = ParsedCertificate::try_from(certificate).ok();
            // A key that cannot name its public half is believed.
            let spki = identity.key.public_key();
            spki.is_none_or(|spki| Some(spki) == parsed.map(|it| it.subject_public_key_info()))
        };
        match identity.cert.iter().position(is_of) {
            Some(0) => Ok(()),
            Some(at) => Err(key
                .wrong(Some(line), format!("it fits certificate {} of {certificate}", at + 1))
                .fix("the certificate of the key comes first, and those of its issuers after it")),
            None => Err(key
                .wrong(Some(line), format!("it does not fit the certificate in {certificate}"))
                .fix("each certificate has one key; openssl x509 -pubkey and openssl pkey -pubout print the same for both")),
        }
    }
}

/// All certificates of a file, which are trusted.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    PemFile::read(CERTIFICATES, path)?.certificates()
}

/// Sees to it that what `SSL_CERT_FILE` names has an end. Of a regular file the length says so, and others
/// read it; what is none, such as a pipe, is read here and but once.
pub(super) fn read_store(path: &Path) -> Result<Option<Vec<CertificateDer<'static>>>, Failure> {
    let failure =
        |error| Failure::io(Status::Local, CERTIFICATES, path.display().to_string(), &error);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > MOST => Err(failure(too_large())),
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            let (bytes, _) = read(path).map_err(failure)?;
            Ok(Some(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect()))
        }
        // Whatever else is wrong, there is no certificate.
        _ => Ok(None),
    }
}

/// A file of PEM that was read.
struct PemFile {
    operation: &'static str,
    name: String,
    sections: Vec<PemSection>,
    is_exposed: bool,
}

impl PemFile {
    fn read(operation: &'static str, path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let (bytes, is_exposed) = read(path).map_err(|error| {
            let failure = Failure::io(Status::Local, operation, &*name, &error);
            match error.kind() {
                io::ErrorKind::IsADirectory => {
                    failure.fix("name a file; it may have many certificates, one after the other")
                }
                _ => failure,
            }
        })?;
        let mut file = Self { operation, name, sections: Vec::new(), is_exposed };
        file.sections = sections(&bytes).map_err(|bad| file.wrong(bad.line, bad.cause))?;
        Ok(file)
    }

    /// Its certificates, of which there is at least one.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let mut certificates = Vec::new();
        for section in self.sections.iter().filter(|section| section.label == CERTIFICATE) {
            let der = CertificateDer::from(section.der.clone());
            if ParsedCertificate::try_from(&der).is_err() {
                return Err(self
                    .wrong(Some(section.line), "it is not a certificate of X.509 version 3")
                    .fix("openssl x509 -text shows what it is"));
            }
            certificates.push(der);
        }
        if let (true, Some(first)) = (certificates.is_empty(), self.sections.first()) {
            let cause = format!("there is {}, and no certificate", article(&first.label));
            let failure = self.wrong(Some(first.line), cause);
            return Err(match first.label.as_str() {
                "TRUSTED CERTIFICATE" => failure.fix("openssl x509 without -trustout writes one"),
                _ => failure.fix("a certificate begins with -----BEGIN CERTIFICATE-----"),
            });
        }
        Ok(certificates)
    }

    /// Its only key, and the line where it begins.
    fn key(&self) -> Result<(usize, PrivateKeyDer<'static>), Failure> {
        let is_key = |section: &&PemSection| section.label.ends_with("PRIVATE KEY");
        let mut keys = self.sections.iter().filter(is_key);
        let (key, second) = (keys.next(), keys.next());
        let Some(key) = key else {
            let first = self.sections.first();
            let found = first.map_or_else(String::new, |first| article(&first.label));
            let failure = self.wrong(None, format!("there is {found}, and no key"));
            return Err(failure.fix("a key begins with -----BEGIN PRIVATE KEY-----"));
        };
        if let Some(second) = second {
            let cause = format!("it is a second key, after that of line {}", key.line);
            return Err(self.wrong(Some(second.line), cause).fix("leave one key in it"));
        }
        let der = key.der.clone();
        let der = match key.label.as_str() {
            _ if key.is_encrypted => None,
            "PRIVATE KEY" => Some(PrivatePkcs8KeyDer::from(der).into()),
            "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(der).into()),
            "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(der).into()),
            "ENCRYPTED PRIVATE KEY" => None,
            label => {
                let failure = self.wrong(Some(key.line), format!("there is {}", article(label)));
                return Err(failure.fix("openssl pkey converts it"));
            }
        };
        let der = der.ok_or_else(|| {
            self.wrong(Some(key.line), "the key is encrypted")
                .fix(format!("decrypt it: openssl pkey -in {} -out NEW", self.name))
        })?;
        Ok((key.line, der))
    }

    #[cold]
    fn wrong(&self, line: Option<usize>, cause: impl Into<String>) -> Failure {
        let target = match line {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        };
        Failure::new(Status::Usage, Kind::Usage, self.operation, target, cause)
    }
}

/// The bytes of a file, and whether others can read it.
fn read(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    if (&mut file).take(MOST + 1).read_to_end(&mut bytes)? as u64 > MOST {
        return Err(too_large());
    }
    debug_assert!(bytes.len() as u64 <= MOST, "{}", bytes.len());
    Ok((bytes, metadata.is_file() && metadata.mode() & OTHERS_READ != 0))
}

#[cold]
fn too_large() -> io::Error {
    io::Error::other("it is larger than 16 MiB")
}

fn article(label: &str) -> String {
    let article = if label.starts_with(['A', 'E', 'I', 'O', 'R', 'X']) { "an" } else { "a" };
    format!("{article} {label}")
}

/// A certificate for this run, which its own key has signed: for localhost, the name of this machine,
/// and some addresses.
pub(super) fn self_signed(addresses: &[IpAddr]) -> Result<TlsIdentity, Failure> {
    /// It begins before now, as the clocks of clients may differ, and outlives any run.
    const BEFORE: Duration = Duration::from_secs(24 * 60 * 60);
    const AFTER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let fail =
        |cause: String| Failure::new(Status::Local, Kind::Tls, "make", "a certificate", cause);
    let key = KeyPair::generate().map_err(|error| fail(error.to_string()))?;
    let mut params = CertificateParams::default();
    let host = dns_lookup::get_hostname().unwrap_or_default();
    let names = ["localhost", &*host].into_iter().filter_map(|name| name.try_into().ok());
    params.subject_alt_names = names.map(SanType::DnsName).collect();
    params.subject_alt_names.dedup();
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    params.distinguished_name.push(DnType::CommonName, "wirecat");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_the_epoch();
    (params.not_before, params.not_after) = (now - BEFORE, now + AFTER);
    let certificate = params.self_signed(&key).map_err(|error| fail(error.to_string()))?;
    let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = provider().key_provider.load_private_key(der);
    let key = key.map_err(|error| fail(error.to_string()))?;
    let identity = CertifiedKey::new(vec![certificate.into()], key);
    Ok(TlsIdentity { key: Arc::new(identity), warnings: Vec::new() })
}

fn since_the_epoch() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
