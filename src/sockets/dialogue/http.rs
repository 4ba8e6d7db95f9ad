//! A tunnel through a proxy of HTTP: CONNECT (RFC 9110 section 9.3.6).

use data_encoding::BASE64;

use super::via::Hop;
use super::{Dialogue, Ends, Speaker, Step, quoted};
use crate::error::HandshakeError;
use crate::kind::Kind;

/// Most fields of a reply.
const FIELDS: usize = 64;

/// What is asked of an HTTP proxy: one request, and replies of 1xx up to the one that counts.
pub(super) struct ConnectDialogue {
    hop: Hop,
}

impl ConnectDialogue {
    pub(super) fn new(hop: Hop) -> Self {
        Self { hop }
    }

    /// The user and the password, as they are sent.
    fn login(&self) -> Option<String> {
        let (user, password) = self.hop.login()?;
        Some(BASE64.encode(&[user, b":", password].concat()))
    }

    /// Whether a reply repeats the password, which belongs into no event and no log.
    fn repeats_password(&self, reason: &str) -> bool {
        let password = self.hop.login().map(|(_, password)| String::from_utf8_lossy(password));
        let mut secrets = [self.login(), password.map(Into::into)].into_iter().flatten();
        secrets.any(|secret| !secret.is_empty() && reason.contains(&secret))
    }

    #[cold]
    fn refusal(&self, code: u16, reason: &str) -> HandshakeError {
        let reason = if self.repeats_password(reason) { "(with the password)" } else { reason };
        let words = format!("answers: {}", quoted(format!("{code} {reason}").as_bytes()));
        match code {
            407 => self.hop.unauthorised(&words),
            401 | 403 | 405 | 451 => self.hop.fails(Kind::ProxyDenied, &words),
            504 => self.hop.fails(Kind::Timeout, &words),
            _ => self.hop.fails(Kind::ProxyFailed, &words),
        }
    }

    #[cold]
    fn foreign(&self, first: Option<&u8>, error: httparse::Error) -> HandshakeError {
        let words = match error {
            httparse::Error::TooManyHeaders => format!("replies with more than {FIELDS} fields"),
            error => format!("replies with something that is not HTTP: {error}"),
        };
        let error = self.hop.fails(Kind::ProxyReply, &words);
        match first {
            Some(5) => error.fix("if it speaks SOCKS, write socks5://HOST:PORT"),
            _ => error,
        }
    }
}

impl Dialogue for ConnectDialogue {
    fn begin(&mut self, _: &Ends, out: &mut Vec<u8>) {
        let target = &self.hop.target;
        out.extend(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").bytes());
        if let Some(login) = self.login() {
            out.extend(format!("Proxy-Authorization: Basic {login}\r\n").bytes());
        }
        out.extend(b"\r\n");
    }

    /// Of a 2xx reply the fields mean nothing, not even those of a length: the stream follows.
    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut reply = httparse::Response::new(&mut fields);
        match reply.parse(received) {
            Ok(httparse::Status::Partial) => Ok(Step::More),
            Ok(httparse::Status::Complete(length)) => match reply.code.unwrap_or_default() {
                100 | 102..=199 => Ok(Step::Taken(length)),
                200..=299 => Ok(Step::Done(length)),
                code => Err(self.refusal(code, reply.reason.unwrap_or_default())),
            },
            Err(error) => Err(self.foreign(received.first(), error)),
        }
    }

    fn speaker(&self) -> Speaker {
        self.hop.speaker()
    }

    fn ends(&mut self, (_, local): Ends) -> Ends {
        (self.hop.target.endpoint(), local)
    }
}
