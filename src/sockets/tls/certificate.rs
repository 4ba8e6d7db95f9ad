//! What a certificate says: its subject, its names, its dates and the pin of its key.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Pin;

/// What the certificate of a peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Whom it is issued to, as RFC 4514 writes it: `CN=localhost`. It may be empty.
    pub subject: String,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// When it begins.
    pub not_before: SystemTime,
    /// When it ends.
    pub not_after: SystemTime,
    /// The pin of its key.
    pub pin: Pin,
}

impl PeerCertificate {
    /// Reads a certificate in DER; `None` is one that is broken.
    pub fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let spki = ParsedCertificate::try_from(der).ok()?.subject_public_key_info();
        let certificate = Certificate::from_der(der).ok()?;
        let parts = certificate.tbs_certificate();
        let time = |since: Duration| SystemTime::UNIX_EPOCH.checked_add(since);
        Some(Self {
            subject: parts.subject().to_string(),
            names: match parts.get_extension::<SubjectAltName>() {
                Ok(Some((_, names))) => names.0.iter().filter_map(name).collect(),
                _ => Vec::new(),
            },
            not_before: time(parts.validity().not_before.to_unix_duration())?,
            not_after: time(parts.validity().not_after.to_unix_duration())?,
            pin: Pin::of_key(&spki),
        })
    }
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| {
        let parts = certificate.tbs_certificate();
        parts.issuer() == parts.subject()
    })
}

/// A host name or an address of a certificate; there are others, such as those of people.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// A time of rustls as one of the system.
pub(super) fn time(time: UnixTime) -> SystemTime {
    let since = Duration::from_secs(time.as_secs());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A time as a date: `2026-11-28 00:42:00 UTC`.
pub(super) fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(last_that_has_a_date(time)).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

/// humantime writes dates up to the year 9999.
fn last_that_has_a_date(time: SystemTime) -> SystemTime {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    time.min(SystemTime::UNIX_EPOCH.checked_add(LAST).unwrap_or(time))
}
