//! The fields of a `tls` event: what the two sides of a connection have agreed on.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

use crate::fields::fields;

fields! {
    /// What two sides have agreed on, and the certificate that the peer has given.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(crate) struct TlsFigures {
        version: Cow<'static, str> = "version": "the version of TLS: 1.2 or 1.3";
        cipher: Cow<'static, str> = "cipher": "the cipher suite, as IANA names it";
        alpn: Option<Cow<'static, str>> = "alpn": "the protocol agreed on (--alpn)";
        subject: Option<Cow<'static, str>> = "subject": "whom the peer's certificate is issued to";
        names: Option<Vec<String>> = "names": "the host names and addresses that it is for";
        not_after: Option<Duration> = "not_after": "when it ends: seconds since 1970-01-01 00:00 UTC";
    }
}

impl fmt::Display for TlsFigures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.version, self.cipher)?;
        for (label, word) in [("alpn", &self.alpn), ("to", &self.subject)] {
            if let Some(word) = word {
                write!(out, " {label} {word}")?;
            }
        }
        if let Some(names) = self.names.as_deref().filter(|names| !names.is_empty()) {
            write!(out, " for {}", names.join(" "))?;
        }
        let Some(end) = self.not_after.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end))
        else {
            return Ok(());
        };
        let mut text = String::new();
        // humantime writes dates up to the year 9999.
        match write!(text, "{}", humantime::format_rfc3339_seconds(end)) {
            Ok(()) => write!(out, " until {text}"),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_agreed_is_a_line() {
        let plain = TlsFigures {
            version: "1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            ..TlsFigures::default()
        };
        assert_eq!(plain.to_string(), "1.3 TLS_AES_128_GCM_SHA256");
        let full = TlsFigures {
            alpn: Some("h2".into()),
            subject: Some("CN=a".into()),
            names: Some(vec!["a.example".to_owned(), "::1".to_owned()]),
            not_after: Some(Duration::from_secs(1 << 31)),
            ..plain
        };
        let text = "1.3 TLS_AES_128_GCM_SHA256 alpn h2 to CN=a for a.example ::1 \
                    until 2038-01-19T03:14:08Z";
        assert_eq!(full.to_string(), text);
        let forever = TlsFigures { not_after: Some(Duration::MAX), ..full };
        assert!(!forever.to_string().contains("until"));
    }
}
