//! SOCKS5 (RFC 1928), with a user and a password (RFC 1929).

use std::net::IpAddr;

use super::via::{Hop, ViaHost};
use super::{Dialogue, DialogueStep, Ends, Speaker};
use crate::error::HandshakeError;
use crate::kind::Kind;

const VERSION: u8 = 5;
/// The version of the login (RFC 1929 section 2).
const LOGIN: u8 = 1;
const NO_LOGIN: u8 = 0;
const BY_PASSWORD: u8 = 2;
const NONE_OF_THESE: u8 = 0xff;
const CONNECT: u8 = 1;
const INET4: u8 = 1;
const NAME: u8 = 3;
const INET6: u8 = 4;

/// What is asked of a SOCKS proxy.
///
/// ```text
///          no login wanted
/// Methods ───────────────────────────────> Request ── it succeeds ──> done
///    └── a password wanted ──> Login ── taken ──^
/// ```
pub(super) struct SocksDialogue {
    hop: Hop,
    state: SocksState,
}

/// The reply that is awaited.
#[derive(Clone, Copy)]
enum SocksState {
    Methods,
    Login,
    Request,
}

impl SocksDialogue {
    pub(super) fn new(hop: Hop) -> Self {
        Self { hop, state: SocksState::Methods }
    }

    fn on_method(&mut self, method: u8, out: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        match (method, self.hop.login()) {
            (NO_LOGIN, _) => self.request(out),
            (BY_PASSWORD, Some((user, password))) => {
                out.push(LOGIN);
                for text in [user, password] {
                    push_counted(text, out);
                }
                self.state = SocksState::Login;
            }
            (NONE_OF_THESE, login) => {
                let words = match login {
                    Some(_) => "takes no user with a password",
                    None => "wants a user and a password",
                };
                return Err(self.hop.unauthorised(words));
            }
            _ => {
                let words = format!("chooses login method {method}, which was not offered");
                return Err(self.hop.fails(Kind::ProxyReply, &words));
            }
        }
        Ok(DialogueStep::Taken(2))
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        out.extend([VERSION, CONNECT, 0]);
        match &self.hop.target.host {
            ViaHost::Ip(IpAddr::V4(ip)) => {
                out.push(INET4);
                out.extend(ip.octets());
            }
            ViaHost::Ip(IpAddr::V6(ip)) => {
                out.push(INET6);
                out.extend(ip.octets());
            }
            ViaHost::Name(name) => {
                out.push(NAME);
                push_counted(name.as_bytes(), out);
            }
        }
        out.extend(self.hop.target.port.to_be_bytes());
        self.state = SocksState::Request;
    }

    /// A reply to the request: `VER REP RSV ATYP BND.ADDR BND.PORT`.
    fn on_reply(&self, received: &[u8]) -> Result<DialogueStep, HandshakeError> {
        // Of a refusal some proxies send no more than its code.
        match received.get(1) {
            Some(0) | None => {}
            Some(code) => return Err(self.refusal(*code)),
        }
        let address = match (received.get(3), received.get(4)) {
            (Some(&INET4), _) => 4,
            (Some(&INET6), _) => 16,
            (Some(&NAME), Some(length)) => 1 + usize::from(*length),
            (Some(&NAME) | None, _) => return Ok(DialogueStep::More),
            (Some(other), _) => {
                let words = format!("replies with an address of the unknown type {other}");
                return Err(self.hop.fails(Kind::ProxyReply, &words));
            }
        };
        let whole = 4 + address + 2;
        Ok(if received.len() < whole { DialogueStep::More } else { DialogueStep::Done(whole) })
    }

    /// The codes of RFC 1928 section 6, in its words.
    #[cold]
    fn refusal(&self, code: u8) -> HandshakeError {
        let (kind, words) = match code {
            1 => (Kind::ProxyFailed, "general SOCKS server failure"),
            2 => (Kind::ProxyDenied, "connection not allowed by ruleset"),
            3 => (Kind::Unreachable, "network unreachable"),
            4 => (Kind::Unreachable, "host unreachable"),
            5 => (Kind::Refused, "connection refused"),
            6 => (Kind::Unreachable, "TTL expired"),
            7 => (Kind::ProxyFailed, "command not supported"),
            8 => (Kind::ProxyFailed, "address type not supported"),
            _ => (Kind::ProxyFailed, "unknown code"),
        };
        self.hop.fails(kind, &format!("answers: {words} ({code})"))
    }

    #[cold]
    fn foreign(&self, version: u8) -> HandshakeError {
        let words = match self.state {
            SocksState::Login => format!("answers the login in version {version}, not {LOGIN}"),
            _ => format!("replies in version {version}, not {VERSION}"),
        };
        let error = self.hop.fails(Kind::ProxyReply, &words);
        match version {
            b'H' => error.fix("if it speaks HTTP, write http://HOST:PORT"),
            0 | 4 => error.fix("SOCKS4 is not supported"),
            _ => error,
        }
    }
}

impl Dialogue for SocksDialogue {
    fn begin(&mut self, _: &Ends, out: &mut Vec<u8>) {
        match self.hop.login() {
            Some(_) => out.extend([VERSION, 2, NO_LOGIN, BY_PASSWORD]),
            None => out.extend([VERSION, 1, NO_LOGIN]),
        }
    }

    fn step(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        let expected = if let SocksState::Login = self.state { LOGIN } else { VERSION };
        match (self.state, received) {
            (_, []) => Ok(DialogueStep::More),
            (_, [version, ..]) if *version != expected => Err(self.foreign(*version)),
            (_, [_]) => Ok(DialogueStep::More),
            (SocksState::Methods, [_, method, ..]) => self.on_method(*method, out),
            (SocksState::Login, [_, 0, ..]) => {
                self.request(out);
                Ok(DialogueStep::Taken(2))
            }
            (SocksState::Login, _) => {
                Err(self.hop.unauthorised("does not accept the user and the password"))
            }
            (SocksState::Request, _) => self.on_reply(received),
        }
    }

    fn speaker(&self) -> Speaker {
        self.hop.speaker()
    }

    fn ends(&mut self, (_, local): Ends) -> Ends {
        (self.hop.target.endpoint(), local)
    }
}

/// Bytes behind their number, of which there are 255 at most: the options are checked for that.
fn push_counted(bytes: &[u8], out: &mut Vec<u8>) {
    let bytes = bytes.get(..255).unwrap_or(bytes);
    out.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(bytes);
}
