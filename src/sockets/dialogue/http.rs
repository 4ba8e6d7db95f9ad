//! A tunnel through a proxy of HTTP: CONNECT (RFC 9110 section 9.3.6).

use std::borrow::Cow;

use data_encoding::BASE64;

use super::via::Hop;
use super::{Dialogue, DialogueStep, Ends, Speaker, quoted};
use crate::error::HandshakeError;
use crate::kind::Kind;

/// Most fields of a reply.
const FIELDS: usize = 64;
/// A password that is shorter may stand in a reply by chance: it counts as a word only.
const LEAST: usize = 4;

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

    /// A reply without the password, which belongs in no event and no log.
    fn masked(&self, reason: &str) -> String {
        let password = self.hop.login().map(|(_, password)| String::from_utf8_lossy(password));
        match password.filter(|password| !password.is_empty()) {
            Some(password) => masked(reason, &[&self.login().unwrap_or_default(), &password]),
            None => reason.to_owned(),
        }
    }

    #[cold]
    fn refusal(&self, code: u16, reason: &str) -> HandshakeError {
        let said = format!("{code} {}", self.masked(reason));
        let words = format!("answers: {}", quoted(said.as_bytes()));
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

/// The words behind the version and the code of a reply. httparse gives none where one of them is not
/// ASCII.
#[cold]
fn reason(reply: &[u8]) -> Cow<'_, str> {
    let line = reply.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default())
}

/// A text with each secret in it replaced, the first of them where two begin at one place.
fn masked(text: &str, secrets: &[&str]) -> String {
    let goes_on = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let mut shown = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let before = shown.chars().next_back();
        let behind = secrets.iter().find_map(|secret| {
            let behind = rest.strip_prefix(secret)?;
            let is_word = !goes_on(before) && !goes_on(behind.chars().next());
            (secret.len() >= LEAST || is_word).then_some(behind)
        });
        match behind {
            Some(behind) => {
                shown.push_str("***");
                rest = behind;
            }
            None => {
                shown.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    shown
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
    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut reply = httparse::Response::new(&mut fields);
        // The fields mean nothing here, and one that is written wrongly is no reason to miss what is said.
        let outcome = httparse::ParserConfig::default()
            .ignore_invalid_headers_in_responses(true)
            .parse_response(&mut reply, received);
        match outcome {
            Ok(httparse::Status::Partial) => Ok(DialogueStep::More),
            Ok(httparse::Status::Complete(length)) => match reply.code.unwrap_or_default() {
                100 | 102..=199 => Ok(DialogueStep::Taken(length)),
                200..=299 => Ok(DialogueStep::Done(length)),
                code => Err(self.refusal(code, &reason(received))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_and_other_words_are_kept() {
        for (text, secret, shown) in [
            ("Access denied by a rule", "a", "Access denied by *** rule"),
            ("bad password 'a'", "a", "bad password '***'"),
            ("banana", "a", "banana"),
            ("a", "a", "***"),
            ("abc abcd 1abc", "abc", "*** abcd 1abc"),
            ("joe:secret, xsecretx", "secret", "joe:***, x***x"),
            ("secretsecret", "secret", "******"),
            ("Basic am9lOnNlY3JldA== is wrong", "secret", "Basic *** is wrong"),
            // A part of what is masked anyway.
            ("Basic am9lOnNlY3JldA==", "am9l", "Basic ***"),
            ("é wide", "é", "*** wide"),
            ("", "secret", ""),
        ] {
            assert_eq!(masked(text, &["am9lOnNlY3JldA==", secret]), shown, "{text:?} {secret:?}");
        }
    }
}
