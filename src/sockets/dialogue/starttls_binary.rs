//! Requests for TLS that are not of lines.

use super::starttls::{refusal, server};
use super::{Dialogue, Ends, MOST, Speaker, Step};
use crate::error::HandshakeError;
use crate::kind::Kind;

/// LDAP: an ExtendedRequest of 1.3.6.1.4.1.1466.20037, and its response (RFC 4511 section 4.14).
pub(super) struct LdapDialogue;

/// The name of the extended operation.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const ENUMERATED: u8 = 10;
const EXTENDED_RESPONSE: u8 = 0x78;

/// A value of BER: its tag, its contents and what follows it.
type Value<'a> = (u8, &'a [u8], &'a [u8]);

/// Reads one; `None` where it is not whole.
fn value(bytes: &[u8]) -> Result<Option<Value<'_>>, HandshakeError> {
    let broken = || HandshakeError::new(Kind::Starttls, "the answer of the server is not LDAP");
    let [tag, length, rest @ ..] = bytes else { return Ok(None) };
    let (length, rest) = match *length {
        short @ ..=0x7f => (usize::from(short), rest),
        // So many bytes of a length.
        long @ 0x81..=0x84 => {
            let Some((length, rest)) = rest.split_at_checked(usize::from(long & 0x7f)) else {
                return Ok(None);
            };
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return Err(broken()),
    };
    match rest.split_at_checked(length) {
        Some((contents, rest)) => Ok(Some((*tag, contents, rest))),
        None if length > MOST => Err(broken()),
        None => Ok(None),
    }
}

/// The same where the value must be whole, and of this tag.
fn whole(bytes: &[u8], expected: u8) -> Result<(&[u8], &[u8]), HandshakeError> {
    match value(bytes)? {
        Some((tag, contents, rest)) if tag == expected => Ok((contents, rest)),
        _ => Err(HandshakeError::new(Kind::Starttls, "the server answers something else in LDAP")),
    }
}

impl Dialogue for LdapDialogue {
    fn begin(&mut self, _: &Ends, out: &mut Vec<u8>) {
        // LDAPMessage { 1, [APPLICATION 23] { [0] START_TLS } }; all lengths are below 128.
        let length = START_TLS.len() as u8;
        out.extend([SEQUENCE, length + 7, INTEGER, 1, 1, 0x77, length + 2, 0x80, length]);
        out.extend_from_slice(START_TLS);
    }

    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        match received.first() {
            Some(&SEQUENCE) | None => {}
            Some(_) => return Err(refusal(received)),
        }
        let Some((_, message, rest)) = value(received)? else { return Ok(Step::More) };
        let (_, response) = whole(message, INTEGER)?;
        let (response, _) = whole(response, EXTENDED_RESPONSE)?;
        let (code, response) = whole(response, ENUMERATED)?;
        if code == [0] {
            return Ok(Step::Done(received.len() - rest.len()));
        }
        let (_, response) = whole(response, OCTETS)?;
        let (diagnostic, _) = whole(response, OCTETS)?;
        let number = code.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let words = [format!("result {number} ").as_bytes(), diagnostic].concat();
        Err(refusal(&words))
    }

    fn speaker(&self) -> Speaker {
        server()
    }

    fn may_be_followed(&self) -> bool {
        false
    }
}

/// PostgreSQL: an SSLRequest, and one byte.
pub(super) struct PostgresDialogue;

/// The bytes of the message before its text: the tag and the length.
const TEXT: usize = 5;

impl Dialogue for PostgresDialogue {
    fn begin(&mut self, _: &Ends, out: &mut Vec<u8>) {
        // The length, and 80877103.
        out.extend([0, 0, 0, 8, 4, 210, 22, 47]);
    }

    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        match received {
            [] => Ok(Step::More),
            [b'S', ..] => Ok(Step::Done(1)),
            [b'N', ..] => {
                let cause = "the server answers N: it does not speak TLS";
                Err(HandshakeError::new(Kind::Starttls, cause))
            }
            [b'E', length @ ..] => {
                let Some((length, _)) = length.split_first_chunk::<4>() else {
                    return Ok(Step::More);
                };
                let whole = 1 + u32::from_be_bytes(*length) as usize;
                match received.get(TEXT..whole) {
                    Some(fields) => Err(refusal(message(fields))),
                    None if (TEXT..MOST).contains(&whole) => Ok(Step::More),
                    None => Err(refusal(received)),
                }
            }
            _ => Err(refusal(received)),
        }
    }

    fn speaker(&self) -> Speaker {
        server()
    }

    fn may_be_followed(&self) -> bool {
        false
    }
}

/// The text of an ErrorResponse: fields that begin with their type, and end with NUL.
fn message(fields: &[u8]) -> &[u8] {
    let mut fields = fields.split(|byte| *byte == 0);
    fields.find_map(|field| field.strip_prefix(b"M")).unwrap_or_default()
}
