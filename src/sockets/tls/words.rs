//! What an error of rustls, or an alert of the peer, means to a user. Pure.

use std::io;

use rustls::{
    AlertDescription as Alert, CertificateError, Error, InvalidMessage, OtherError,
    PeerIncompatible as Incompatible, PeerMisbehaved,
};

use super::certificate::{date, time};
use super::session::Ours;
use crate::error::HandshakeError;
use crate::kind::Kind;

/// A peer whose certificates, most often, take more than a handshake may have.
pub(crate) const TOO_LONG: &str = "the messages of its handshake are too long";

/// Whether bytes that came are the begin of a handshake of TLS, from a client.
pub fn looks_like_tls(first: &[u8]) -> bool {
    // A record of a handshake, of any version 3.x, whose first message is a ClientHello.
    matches!(first, [0x16, 0x03, _, _, _, 0x01, ..])
}

/// Whether a client learns by this error that its certificate is refused, after its handshake is done.
pub(super) fn is_late_refusal(error: &Error) -> bool {
    let Error::AlertReceived(alert) = error else { return false };
    matches!(alert, Alert::CertificateRequired) || rejection(*alert).is_some()
}

/// Whether this side has found out, and not the peer.
pub(super) fn is_own(error: &Error) -> bool {
    !matches!(error, Error::AlertReceived(_))
}

/// An error behind the handshake, which ends the stream.
#[cold]
pub(super) fn broken(error: &Error) -> io::Error {
    let text = match error {
        Error::AlertReceived(alert) => {
            format!("the peer ended TLS with the alert {}", name(*alert))
        }
        Error::DecryptError => "a record of TLS was altered on its way".to_owned(),
        error => format!("the peer broke the rules of TLS: {error}"),
    };
    io::Error::new(io::ErrorKind::ConnectionAborted, text)
}

/// A peer that closes before the handshake is done.
#[cold]
pub(super) fn cut(ours: &Ours, first: &[u8]) -> HandshakeError {
    let peer = peer(ours);
    if is_no_record(first) {
        return not_tls(ours, first);
    }
    if first.is_empty() && ours.is_client {
        let cause = "the server closed without an answer to the TLS handshake";
        return HandshakeError::new(Kind::TlsCut, cause).fix("perhaps it does not speak TLS");
    }
    HandshakeError::new(Kind::TlsCut, format!("the {peer} closed during the TLS handshake"))
}

/// Why a handshake fails.
#[cold]
pub(super) fn failure(
    error: &Error,
    ours: &Ours,
    first: &[u8],
    has_version: bool,
) -> HandshakeError {
    let peer = peer(ours);
    let new = |kind, cause: String| HandshakeError::new(kind, cause);
    match error {
        Error::InvalidCertificate(error) => certificate(error, ours),
        Error::AlertReceived(alert) => alerted(*alert, ours, has_version),
        Error::NoCertificatesPresented => {
            let cause = format!("the {peer} has given no certificate");
            new(Kind::TlsClientCertificate, cause).fix("--tls-client-ca asks each client for one")
        }
        Error::NoApplicationProtocol
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            let cause = format!("the {peer} speaks none of the protocols {}", ours.alpn.join(", "));
            new(Kind::TlsAlpn, cause).fix("--alpn names those that this side speaks")
        }
        Error::PeerIncompatible(why) => incompatible(why, ours),
        Error::InappropriateHandshakeMessage { .. } if ours.is_client && looks_like_tls(first) => {
            let cause = "the server sends back what it gets: it does not speak TLS";
            new(Kind::TlsNotTls, cause.to_owned()).fix("leave --tls out")
        }
        Error::PeerMisbehaved(PeerMisbehaved::SignedKxWithWrongAlgorithm) => {
            new(Kind::Tls, format!("the {peer} does not have the key of its certificate"))
        }
        Error::DecryptError => {
            let cause = format!("what the {peer} sent was altered on its way, or has other keys");
            new(Kind::Tls, cause)
        }
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
            new(Kind::Tls, TOO_LONG.to_owned())
        }
        error => new(Kind::Tls, format!("the {peer} broke the rules of TLS: {error}")),
    }
}

fn peer(ours: &Ours) -> &'static str {
    if ours.is_client { "server" } else { "client" }
}

/// Whether what a peer has sent first begins no record of TLS.
pub(super) fn is_no_record(first: &[u8]) -> bool {
    !matches!(first, [] | [0x14..=0x18] | [0x14..=0x18, 0x03, ..])
}

#[cold]
pub(super) fn not_tls(ours: &Ours, first: &[u8]) -> HandshakeError {
    let (peer, shown) = (peer(ours), first.escape_ascii());
    let cause = format!("the {peer} does not speak TLS: it began with `{shown}`");
    HandshakeError::new(Kind::TlsNotTls, cause).fix(match ours.is_client {
        true => "leave --tls out, or give --starttls where the server begins TLS when asked to",
        false => "clients need TLS here",
    })
}

fn incompatible(why: &Incompatible, ours: &Ours) -> HandshakeError {
    let peer = peer(ours);
    let version = || {
        HandshakeError::new(Kind::TlsVersion, format!("the {peer} speaks neither TLS 1.2 nor 1.3"))
    };
    match why {
        Incompatible::ServerDoesNotSupportTls12Or13
        | Incompatible::ServerTlsVersionIsDisabledByOurConfig
        | Incompatible::SupportedVersionsExtensionRequired
        // What TLS 1.1 and before did not have.
        | Incompatible::SignatureAlgorithmsExtensionRequired
        | Incompatible::Tls12NotOffered
        | Incompatible::Tls12NotOfferedOrEnabled => version().fix("older versions are not safe"),
        Incompatible::NoCipherSuitesInCommon
        | Incompatible::NoKxGroupsInCommon
        | Incompatible::NoSignatureSchemesInCommon
        | Incompatible::NamedGroupsExtensionRequired
        | Incompatible::NoCertificateRequestSignatureSchemesInCommon => HandshakeError::new(
            Kind::TlsVersion,
            format!("the {peer} has no cipher, key exchange or signature in common with this side"),
        ),
        why => HandshakeError::new(Kind::Tls, format!("the {peer} lacks what TLS needs: {why:?}")),
    }
}

/// What is wrong with the certificate of the peer.
fn certificate(error: &CertificateError, ours: &Ours) -> HandshakeError {
    use CertificateError as Bad;
    let peer = peer(ours);
    let new = |kind, what: &str| {
        HandshakeError::new(kind, format!("the certificate of the {peer} {what}"))
    };
    match error {
        Bad::ExpiredContext { not_after, .. } => {
            new(Kind::TlsExpired, &format!("expired at {}", date(time(*not_after))))
        }
        Bad::Expired => new(Kind::TlsExpired, "has expired"),
        Bad::NotValidYetContext { not_before, .. } => {
            let what = format!("is not valid before {}", date(time(*not_before)));
            new(Kind::TlsNotYetValid, &what).fix("is the clock of this machine right?")
        }
        Bad::NotValidYet => new(Kind::TlsNotYetValid, "is not valid yet"),
        Bad::NotValidForNameContext { expected, presented } => {
            let what = format!("is for {}, not for {}", shown(presented), expected.to_str());
            new(Kind::TlsName, &what).fix("--tls=NAME names the one to ask for")
        }
        Bad::NotValidForName => new(Kind::TlsName, "is for another name"),
        Bad::UnknownIssuer => {
            let error = new(Kind::TlsUntrusted, "was not issued by a trusted authority");
            error.fix(match ours.is_client {
                true => "--tls-ca FILE trusts its issuer, --tls-pin its key",
                false => "--tls-client-ca names those that are trusted",
            })
        }
        Bad::BadSignature => new(Kind::TlsUntrusted, "was not signed by the issuer that it names"),
        Bad::Revoked => new(Kind::TlsUntrusted, "was revoked"),
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => {
            let use_ = if ours.is_client { "for servers" } else { "for clients" };
            new(Kind::TlsCertificate, &format!("is not {use_}"))
        }
        Bad::BadEncoding => new(Kind::TlsCertificate, "is broken"),
        Bad::UnhandledCriticalExtension => {
            new(Kind::TlsCertificate, "has an unknown critical extension")
        }
        Bad::UnsupportedSignatureAlgorithmContext { .. }
        | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => new(
            Kind::TlsCertificate,
            "is signed with an algorithm that is not accepted, such as SHA-1",
        ),
        Bad::Other(OtherError(inner)) => match inner.downcast_ref::<HandshakeError>() {
            Some(error) => error.clone(),
            None => new(
                Kind::TlsCertificate,
                &format!("is not accepted: {}", reason(&inner.to_string())),
            ),
        },
        error => new(Kind::TlsCertificate, &format!("is not accepted: {error}")),
    }
}

/// What the error of a check says, as plain words.
fn reason(text: &str) -> &str {
    match text {
        "CaUsedAsEndEntity" => "it is that of an authority, not of a server or client",
        "EndEntityUsedAsCa" => "its issuer is no authority",
        "MaximumPathDepthExceeded" | "PathLenConstraintViolated" => "its issuers are too many",
        "NameConstraintViolation" => "its issuer may not issue for its names",
        "UnsupportedCertVersion" => "it is not of X.509 version 3",
        // Of the verifier of the platform, about the use of the certificate.
        "certificate had invalid extensions" => "it is made for another use",
        text => text,
    }
}

/// The names of a certificate, as far as they fit into a message.
fn shown(names: &[String]) -> String {
    /// Names, and characters of each.
    const MOST: (usize, usize) = (5, 60);
    let short = |name: &String| {
        let name = plain_name(name);
        let end = if name.chars().nth(MOST.1).is_some() { "..." } else { "" };
        let begin: String = name.chars().take(MOST.1).flat_map(char::escape_debug).collect();
        format!("{begin}{end}")
    };
    let list: Vec<String> = names.iter().take(MOST.0).map(short).collect();
    match names.len().saturating_sub(MOST.0) {
        _ if names.is_empty() => "no host name".to_owned(),
        0 => list.join(", "),
        more => format!("{} and {more} more names", list.join(", ")),
    }
}

/// rustls writes a name as it holds it: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn plain_name(name: &str) -> &str {
    let within = |before: &str, behind: &str| name.strip_prefix(before)?.strip_suffix(behind);
    within("DnsName(\"", "\")").or_else(|| within("IpAddress(", ")")).unwrap_or(name)
}

/// What an alert of the peer means; in a handshake whose version was agreed on, or was not yet.
fn alerted(alert: Alert, ours: &Ours, has_version: bool) -> HandshakeError {
    let peer = peer(ours);
    let new = |kind, what: &str| HandshakeError::new(kind, format!("the {peer} {what}"));
    match alert {
        Alert::CertificateRequired => wants_certificate(ours),
        // Before the alert above was made for it, servers had others.
        Alert::HandshakeFailure if ours.is_client && !ours.has_certificate && has_version => {
            wants_certificate(ours)
        }
        alert if ours.is_client && !ours.has_certificate && rejection(alert).is_some() => {
            wants_certificate(ours)
        }
        Alert::NoApplicationProtocol => {
            let what = format!("speaks none of the protocols {}", ours.alpn.join(", "));
            new(Kind::TlsAlpn, &what).fix("--alpn names those that this side speaks")
        }
        Alert::ProtocolVersion => new(Kind::TlsVersion, "speaks neither TLS 1.2 nor 1.3"),
        Alert::InsufficientSecurity => new(
            Kind::TlsVersion,
            "has no cipher in common with this side that is safe enough for it",
        ),
        Alert::HandshakeFailure => {
            new(Kind::TlsVersion, "broke off the handshake: it has no version or cipher in common")
        }
        Alert::UnrecognisedName => {
            new(Kind::TlsName, "does not know the name that it was asked for")
                .fix("--tls=NAME names another")
        }
        alert => match rejection(alert) {
            Some(why) => {
                new(Kind::TlsRejected, &format!("rejects the certificate of this side: {why}"))
            }
            None => {
                new(Kind::Tls, &format!("broke off the handshake with the alert {}", name(alert)))
            }
        },
    }
}

fn wants_certificate(ours: &Ours) -> HandshakeError {
    let peer = peer(ours);
    let what = if ours.has_certificate { "another" } else { "a client" };
    let cause = format!("the {peer} wants {what} certificate");
    HandshakeError::new(Kind::TlsClientCertificate, cause).fix("give --tls-cert and --tls-key")
}

/// Why the peer rejects the certificate of this side.
fn rejection(alert: Alert) -> Option<&'static str> {
    Some(match alert {
        Alert::UnknownCA => "it does not trust its issuer",
        Alert::CertificateExpired => "it has expired, or is not valid yet",
        Alert::CertificateRevoked => "it was revoked",
        Alert::BadCertificate => "it is broken, or for another name",
        Alert::UnsupportedCertificate => "it is made for another use",
        Alert::CertificateUnknown => "for another reason, such as a pin or the days that are left",
        Alert::AccessDenied => "access is denied",
        Alert::DecryptError => "a signature is wrong",
        _ => return None,
    })
}

/// The name of an alert.
fn name(alert: Alert) -> String {
    format!("{alert:?} ({})", u8::from(alert))
}
