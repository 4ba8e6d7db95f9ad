//! What is said before TLS where a connection begins without it (`--starttls`): lines of plain text, and
//! the requests of LDAP and PostgreSQL, which are not of lines.

use std::fmt;
use std::str::FromStr;

use super::{Dialogue, DialogueStep, Ends, MOST, Speaker, quoted};
use crate::error::HandshakeError;
use crate::kind::Kind;

/// A protocol that begins in plain text and goes over to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StarttlsProtocol {
    /// RFC 3207.
    Smtp,
    /// RFC 9051 section 6.2.1.
    Imap,
    /// RFC 2595 section 4.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4511 section 4.14.
    Ldap,
    /// PostgreSQL, "SSL Session Encryption".
    Postgres,
}

impl StarttlsProtocol {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp, Self::Ldap, Self::Postgres];

    /// Its word in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Ldap => "ldap",
            Self::Postgres => "postgres",
        }
    }

    /// The greeting for clients, where the protocol has the server speak first: its own was consumed
    /// before TLS.
    pub fn greeting(self) -> Option<&'static str> {
        match self {
            Self::Smtp | Self::Ftp => Some("220 localhost ready\r\n"),
            Self::Imap => Some("* OK localhost ready\r\n"),
            Self::Pop3 => Some("+OK localhost ready\r\n"),
            Self::Ldap | Self::Postgres => None,
        }
    }

    /// What a client says.
    pub fn dialogue(self) -> Box<dyn Dialogue> {
        match self {
            Self::Ldap => Box::new(LdapDialogue),
            Self::Postgres => Box::new(PostgresDialogue),
            Self::Smtp | Self::Imap | Self::Pop3 | Self::Ftp => Box::new(LineDialogue::new(self)),
        }
    }
}

impl FromStr for StarttlsProtocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|it| it.as_str() == text);
        known.ok_or("use smtp, imap, pop3, ftp, ldap or postgres")
    }
}

impl fmt::Display for StarttlsProtocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The server of all these dialogues.
pub(super) fn server() -> Speaker {
    let what = "its answer in plain text";
    Speaker { kind: Kind::Starttls, who: "the server".to_owned(), what }
}

#[cold]
pub(super) fn refusal(said: &[u8]) -> HandshakeError {
    HandshakeError::new(Kind::Starttls, format!("the server answers: {}", quoted(said)))
}

/// A dialogue of lines.
///
/// ```text
///                                          (SMTP)
/// Greeting ── the server is ready ──> Hello ── STARTTLS is offered ──> Go ── yes ──> done
///     └──────────────────────────────────────────────────────────────^
/// ```
struct LineDialogue {
    protocol: StarttlsProtocol,
    stage: LineStage,
    /// The code of a reply of several lines, of which the last one has a blank behind it.
    code: Option<[u8; 3]>,
    is_offered: bool,
}

/// The reply that is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineStage {
    Greeting,
    Hello,
    Go,
}

/// What a line is about.
enum ReplyLine {
    /// The reply goes on.
    Part,
    Yes,
    No,
}

impl LineDialogue {
    fn new(protocol: StarttlsProtocol) -> Self {
        Self { protocol, stage: LineStage::Greeting, code: None, is_offered: false }
    }

    fn read(&mut self, line: &[u8]) -> ReplyLine {
        let is = |yes| if yes { ReplyLine::Yes } else { ReplyLine::No };
        match self.protocol {
            StarttlsProtocol::Pop3 => is(begins(line, b"+OK")),
            StarttlsProtocol::Imap => match self.stage {
                LineStage::Greeting => is(begins(line, b"* OK")),
                _ if begins(line, b"* BYE") => ReplyLine::No,
                _ if line.starts_with(b"*") => ReplyLine::Part,
                _ => is(begins(line, b"a1 OK")),
            },
            _ => self.read_coded(line),
        }
    }

    /// A line of SMTP (RFC 5321 section 4.2.1) or FTP (RFC 959 section 4.2): `220-` and more lines, of
    /// which FTP gives the code to the last one only.
    fn read_coded(&mut self, line: &[u8]) -> ReplyLine {
        let code = line.first_chunk::<3>().filter(|code| code.iter().all(u8::is_ascii_digit));
        let Some(first) = self.code.or(code.copied()) else { return ReplyLine::No };
        self.is_offered |= line.get(4..).is_some_and(|word| begins(word, b"STARTTLS"));
        if code != Some(&first) || line.get(3) == Some(&b'-') {
            self.code = Some(first);
            return ReplyLine::Part;
        }
        self.code = None;
        let expected = match (self.stage, self.protocol) {
            (LineStage::Hello, _) => b"250",
            (LineStage::Go, StarttlsProtocol::Ftp) => b"234",
            _ => b"220",
        };
        if first == *expected { ReplyLine::Yes } else { ReplyLine::No }
    }

    /// Answers a reply; true where that was the last one.
    fn answer(&mut self, out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        let (stage, words): (LineStage, &[u8]) = match (self.stage, self.protocol) {
            (LineStage::Greeting, StarttlsProtocol::Smtp) => {
                (LineStage::Hello, b"EHLO localhost\r\n")
            }
            (LineStage::Hello, _) if !self.is_offered => {
                let cause = "the server does not offer STARTTLS";
                return Err(HandshakeError::new(Kind::Starttls, cause));
            }
            (LineStage::Hello, _) => (LineStage::Go, b"STARTTLS\r\n"),
            (LineStage::Greeting, StarttlsProtocol::Imap) => (LineStage::Go, b"a1 STARTTLS\r\n"),
            (LineStage::Greeting, StarttlsProtocol::Pop3) => (LineStage::Go, b"STLS\r\n"),
            (LineStage::Greeting, _) => (LineStage::Go, b"AUTH TLS\r\n"),
            (LineStage::Go, _) => return Ok(true),
        };
        self.stage = stage;
        out.extend_from_slice(words);
        Ok(false)
    }
}

impl Dialogue for LineDialogue {
    fn step(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        let Some(end) = received.iter().position(|byte| *byte == b'\n') else {
            return Ok(DialogueStep::More);
        };
        let line = received.get(..end).unwrap_or_default();
        match self.read(line) {
            ReplyLine::Part => Ok(DialogueStep::Taken(end + 1)),
            ReplyLine::No => Err(refusal(line)),
            ReplyLine::Yes if self.answer(out)? => Ok(DialogueStep::Done(end + 1)),
            ReplyLine::Yes => Ok(DialogueStep::Taken(end + 1)),
        }
    }

    fn speaker(&self) -> Speaker {
        server()
    }

    fn may_be_followed(&self) -> bool {
        false
    }
}

/// Whether a line begins with a word, in capitals or not.
fn begins(line: &[u8], word: &[u8]) -> bool {
    let is_word = line.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    is_word && !line.get(word.len()).is_some_and(u8::is_ascii_alphanumeric)
}

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

    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        match received.first() {
            Some(&SEQUENCE) | None => {}
            Some(_) => return Err(refusal(received)),
        }
        let Some((_, message, rest)) = value(received)? else { return Ok(DialogueStep::More) };
        let (_, response) = whole(message, INTEGER)?;
        let (response, _) = whole(response, EXTENDED_RESPONSE)?;
        let (code, response) = whole(response, ENUMERATED)?;
        if code == [0] {
            return Ok(DialogueStep::Done(received.len() - rest.len()));
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

    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        match received {
            [] => Ok(DialogueStep::More),
            [b'S', ..] => Ok(DialogueStep::Done(1)),
            [b'N', ..] => {
                let cause = "the server answers N: it does not speak TLS";
                Err(HandshakeError::new(Kind::Starttls, cause))
            }
            [b'E', length @ ..] => {
                let Some((length, _)) = length.split_first_chunk::<4>() else {
                    return Ok(DialogueStep::More);
                };
                let whole = 1 + u32::from_be_bytes(*length) as usize;
                match received.get(TEXT..whole) {
                    Some(fields) => Err(refusal(message(fields))),
                    None if (TEXT..MOST).contains(&whole) => Ok(DialogueStep::More),
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
