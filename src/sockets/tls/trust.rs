//! Who is trusted: the checks of the peer's certificate, inside the handshake, so that the peer learns of
//! a refusal by an alert.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::certificate::{self, date, time};
use super::identity::read_store;
use super::{PeerCertificate, Pins, provider};
use crate::error::{Failure, HandshakeError, Status};
use crate::kind::Kind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who has to have issued a server's certificate.
pub(super) enum Issuers {
    /// Anybody; neither names nor dates are looked at.
    Anybody,
    /// Those that this machine trusts, or that `SSL_CERT_FILE` names.
    Platform,
    /// These alone.
    These(Vec<CertificateDer<'static>>),
}

/// How a client checks a server.
#[derive(Debug)]
pub(super) struct ServerTrust {
    /// Checks the issuers, the name and the dates.
    chain: Option<Arc<dyn ServerCertVerifier>>,
    /// Those that are trusted, and may be the server's own.
    authorities: Vec<CertificateDer<'static>>,
    pins: Pins,
    min_days: Option<u32>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerTrust {
    pub(super) fn new(
        issuers: Issuers,
        pins: Pins,
        min_days: Option<u32>,
    ) -> Result<Self, Failure> {
        let (chain, authorities): (Option<Arc<dyn ServerCertVerifier>>, _) = match issuers {
            Issuers::Anybody => (None, Vec::new()),
            Issuers::Platform => (Some(platform()?), Vec::new()),
            Issuers::These(authorities) => {
                let roots = roots(&authorities);
                let builder = WebPkiServerVerifier::builder_with_provider(roots, provider());
                (Some(builder.build().map_err(|_| no_trust_store())?), authorities)
            }
        };
        let algorithms = provider().signature_verification_algorithms;
        Ok(Self { chain, authorities, pins, min_days, algorithms })
    }

    /// Whether the name of the server has to be in its certificate.
    pub(super) fn checks_name(&self) -> bool {
        self.chain.is_some()
    }

    fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(chain) = &self.chain else { return Ok(()) };
        if !self.authorities.contains(leaf) {
            let verified = chain.verify_server_cert(leaf, intermediates, name, ocsp, now);
            return verified.map(drop).map_err(|error| more_exactly(error, leaf));
        }
        // It is trusted itself, and so nobody else is asked. Most certificates that are made by hand are
        // authorities as well, which the check of a chain takes for no server's.
        check_dates(leaf, now)?;
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
    }

    fn check_key(&self, certificate: &PeerCertificate, leaf: &[u8]) -> Result<(), HandshakeError> {
        if self.pins.is_empty() || self.pins.has(certificate.pin) {
            return Ok(());
        }
        let cause = format!("the key of the server is {}, not that of --tls-pin", certificate.pin);
        let error = HandshakeError::new(Kind::TlsPin, cause);
        Err(match self.pins.has(super::Pin::of_key(leaf)) {
            true => {
                error.fix("--tls-pin has the hash of the certificate; it takes that of its key")
            }
            false => error,
        })
    }

    fn check_days(
        &self,
        certificate: &PeerCertificate,
        now: UnixTime,
    ) -> Result<(), HandshakeError> {
        let Some(days) = self.min_days else { return Ok(()) };
        let left = certificate.not_after.duration_since(time(now)).unwrap_or_default();
        if left >= DAY.saturating_mul(days) {
            return Ok(());
        }
        let (left, end) = (left.as_secs() / DAY.as_secs(), date(certificate.not_after));
        let days_left = match left {
            1 => "1 day".to_owned(),
            left => format!("{left} days"),
        };
        let cause = format!("the certificate of the server expires at {end}, in {days_left}");
        Err(HandshakeError::new(Kind::TlsExpiresSoon, cause)
            .fix(format!("--tls-min-days asks for {days}")))
    }
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_chain(leaf, intermediates, name, ocsp, now)?;
        if !self.pins.is_empty() || self.min_days.is_some() {
            let certificate = PeerCertificate::parse(leaf).ok_or(CertificateError::BadEncoding)?;
            self.check_key(&certificate, leaf).map_err(inside)?;
            self.check_days(&certificate, now).map_err(inside)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// How a server checks a client.
pub(super) struct ClientTrust {
    chain: Arc<dyn ClientCertVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

impl ClientTrust {
    /// A client has to have a certificate that one of these has issued, or that is one of these.
    pub(super) fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, Failure> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots(&authorities), provider());
        let chain = builder.build().map_err(|_| no_trust_store())?;
        Ok(Self { chain, authorities })
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientTrust").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for ClientTrust {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !self.authorities.contains(leaf) {
            let verified = self.chain.verify_client_cert(leaf, intermediates, now);
            return verified.map_err(|error| more_exactly(error, leaf));
        }
        check_dates(leaf, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// The dates of a certificate that is trusted itself.
fn check_dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = PeerCertificate::parse(leaf).ok_or(CertificateError::BadEncoding)?;
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let not_before = UnixTime::since_unix_epoch(since(certificate.not_before));
    let not_after = UnixTime::since_unix_epoch(since(certificate.not_after));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    Ok(())
}

/// Says of a date that it is that of an issuer, where the leaf has another; and of an authority that has
/// signed itself that nobody trusts it, as most certificates that are made by hand are such.
fn more_exactly(error: Error, leaf: &CertificateDer<'_>) -> Error {
    let Error::InvalidCertificate(why) = &error else { return error };
    if let CertificateError::Other(other) = why
        && other.to_string() == "CaUsedAsEndEntity"
        && certificate::is_self_issued(leaf)
    {
        return CertificateError::UnknownIssuer.into();
    }
    let (at, kind, what) = match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            (not_after, Kind::TlsExpired, "expired at")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            (not_before, Kind::TlsNotYetValid, "is not valid before")
        }
        _ => return error,
    };
    let at = time(*at);
    match PeerCertificate::parse(leaf) {
        Some(leaf) if leaf.not_after != at && leaf.not_before != at => {
            let whose = "the certificate of an issuer in the peer's chain";
            let cause = format!("{whose} {what} {}", date(at));
            inside(HandshakeError::new(kind, cause))
        }
        _ => error,
    }
}

/// Those that this machine trusts, or that the environment names.
fn platform() -> Result<Arc<dyn ServerCertVerifier>, Failure> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let once = match named {
        Some(path) => read_store(&path)?,
        None => None,
    };
    Ok(match once {
        Some(authorities) => {
            let roots = roots(&authorities);
            let builder = WebPkiServerVerifier::builder_with_provider(roots, provider());
            builder.build().map_err(|_| no_trust_store())?
        }
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider());
            Arc::new(verifier.map_err(|_| no_trust_store())?)
        }
    })
}

/// An error of a check as one of rustls, which carries it to `words`.
fn inside(error: HandshakeError) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

fn roots(authorities: &[CertificateDer<'static>]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    Arc::new(roots)
}

/// Nobody is trusted here.
#[cold]
fn no_trust_store() -> Failure {
    let cause = match std::env::var_os("SSL_CERT_FILE") {
        Some(file) => format!("SSL_CERT_FILE is {}, which has no certificates", file.display()),
        None => "this machine trusts no certificate authorities".to_owned(),
    };
    Failure::new(Status::Handshake, Kind::TlsNoTrustStore, "verify", "any server", cause)
        .fix("--tls-ca FILE names those to trust, and so does SSL_CERT_FILE for all programs")
}
