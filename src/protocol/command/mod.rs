//! Commands to a run (`--input commands` and `--input json`): one command a
//! line, in words for a person at a terminal or in JSON for a program.
//!
//! Pure: it reads what was asked for, and does not know whether that can be done.

mod json;
mod json_values;
mod words;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::framing::{name_of, named};
use crate::values::parse_duration;

/// What one line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send these bytes as one message.
    Send {
        /// The message.
        payload: Vec<u8>,
        /// The receivers.
        to: Recipient,
    },
    /// Write what is queued, then close.
    Close(Recipient),
    /// Say who is there.
    List,
    /// Say what was counted.
    Stats,
    /// Join a multicast group.
    Join(String),
    /// Leave a multicast group.
    Leave(String),
    /// Dial one more peer.
    Connect {
        /// Its address.
        address: String,
        /// Whether to do so where that peer is connected already.
        another: bool,
    },
    /// Listen on one more address.
    Listen(String),
    /// Stop reading.
    Pause(Recipient),
    /// Read again.
    Resume(Recipient),
    /// Write what is queued, then half-close.
    Finish(Recipient),
    /// Read one message.
    Read {
        /// The connections to read from.
        of: Recipient,
        /// What the message is; without it a message of `--frame`, or whatever comes next.
        form: Option<ReadForm>,
        /// The time for the whole message.
        within: Option<Duration>,
    },
    /// Report the time every so often; `None` ends that.
    Tick(Option<Duration>),
    /// Drain and stop.
    Quit,
}

/// Every command: in words, and as JSON. This is the list that errors show.
const COMMANDS: [(&str, &str); 16] = [
    ("/all TEXT", r#"{"send":TEXT}, {"b64":...} or {"hex":...}"#),
    ("/to ID TEXT", r#"{"send":TEXT,"to":ID}"#),
    ("/close [ID]", r#"{"close":ID}"#),
    ("/finish [ID]", r#"{"finish":ID}"#),
    ("/pause [ID]", r#"{"pause":ID}"#),
    ("/resume [ID]", r#"{"resume":ID}"#),
    ("", r#"{"read":ID,"as":FORM,"within":TIME}"#),
    ("/connect ADDR", r#"{"connect":ADDR}"#),
    ("/listen ADDR", r#"{"listen":ADDR}"#),
    ("/list", r#"{"list":true}"#),
    ("/stats", r#"{"stats":true}"#),
    ("/tick TIME", r#"{"tick":TIME}"#),
    ("/join GROUP", r#"{"join":GROUP}"#),
    ("/leave GROUP", r#"{"leave":GROUP}"#),
    ("/quit", r#"{"quit":true}"#),
    ("//TEXT to send text that starts with a slash", ""),
];

/// The shortest time between ticks: the timers of the loop are of whole milliseconds.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// The commands of one form, as an error lists them.
fn known(form: CommandForm) -> String {
    let of_form = |(words, json): &(&'static str, &'static str)| match form {
        CommandForm::Words => *words,
        CommandForm::Json => *json,
    };
    let list: Vec<_> = COMMANDS.iter().map(of_form).filter(|text| !text.is_empty()).collect();
    list.split_last()
        .map_or_else(String::new, |(last, others)| format!("{} or {last}", others.join(", ")))
}

/// The peers that a command concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Every peer that is connected or has sent a datagram.
    All,
    /// The connection with this number, which its events carry as `conn`.
    Conn(u64),
    /// The peer with this address, which its events carry as `peer`.
    Peer(String),
}

/// How commands are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandForm {
    /// In words (`--input commands`).
    Words,
    /// As one JSON object each (`--input json`).
    Json,
}

impl CommandForm {
    /// Reads a line without its LF.
    ///
    /// # Errors
    /// What is wrong and what is right, in words.
    pub fn parse(self, line: &[u8]) -> Result<Command, String> {
        match self {
            Self::Words => words::parse(line),
            Self::Json => json::parse(line),
        }
    }

    /// The longest line worth holding where a message has `max` bytes at most: JSON may take six
    /// characters for a byte (`\u0000`), and the rest of a line is short.
    pub fn longest(self, max: usize) -> usize {
        let per_byte = match self {
            Self::Words => 1,
            Self::Json => 6,
        };
        max.saturating_mul(per_byte).saturating_add(1024)
    }
}

impl FromStr for CommandForm {
    type Err = String;

    /// Reads the value of `--input`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "commands" => Ok(Self::Words),
            "json" => Ok(Self::Json),
            _ => Err("use commands or json".to_owned()),
        }
    }
}

impl fmt::Display for CommandForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Words => "commands",
            Self::Json => "json",
        })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("all"),
            Self::Conn(number) => write!(out, "#{number}"),
            Self::Peer(peer) => out.write_str(peer),
        }
    }
}

/// A peer as events write it, `IP:PORT` or the address of a unix socket; or one that a sender looks
/// up, `HOST:PORT` or `[IP%INTERFACE]:PORT`.
fn peer(text: &str) -> Option<Recipient> {
    match text.parse::<SocketAddr>() {
        // In the form of events: [0:0::1]:7 and [::1]:7 are one peer.
        Ok(address) => Some(Recipient::Peer(address.to_string())),
        Err(_) => (text.starts_with("unix:") || has_host_and_port(text))
            .then(|| Recipient::Peer(text.to_owned())),
    }
}

/// How often to tick: no time, or `off`, is never.
fn tick(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    match parse_duration(text)? {
        Duration::ZERO => Ok(None),
        every if every < SHORTEST_TICK => Err("the shortest time between ticks is 1ms".to_owned()),
        every => Ok(Some(every)),
    }
}

/// Whether this may be a host and a port. Whoever looks the host up reports what is wrong with it.
fn has_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = !host.contains([':', '/']) || (host.starts_with('[') && host.ends_with(']'));
    is_number && port.parse::<u16>().is_ok_and(|port| port > 0) && is_host && !host.is_empty()
}

/// The number of a connection; they count from 1.
fn conn(number: u64) -> Option<Recipient> {
    (number > 0).then_some(Recipient::Conn(number))
}

/// What ends the one message of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadForm {
    /// A line, as `--frame line` cuts them.
    Line,
    /// Nothing: whatever comes next is the message.
    Raw,
    /// This many bytes, at least one.
    Fixed(usize),
}

/// The forms that are a bare word.
const NAMES: [(&str, ReadForm); 2] = [("line", ReadForm::Line), ("raw", ReadForm::Raw)];

impl FromStr for ReadForm {
    type Err = String;

    /// Reads the value of `as`; an error lists what is right.
    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &NAMES, Self::Fixed)
            .unwrap_or_else(|names| Err(format!("unknown form `{text}`: use {names} or fixed:N")))
    }
}

impl fmt::Display for ReadForm {
    /// The value of `as`, as [`ReadForm::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(out, "fixed:{size}"),
            _ => out.write_str(name_of(self, &NAMES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_written_as_in_events() {
        let table = [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("[0:0::1]:80", Some("[::1]:80")),
            ("unix:@name", Some("unix:@name")),
            ("localhost:80", Some("localhost:80")),
            ("[fe80::1%lo]:80", Some("[fe80::1%lo]:80")),
            ("fe80::1%lo:80", None),
            ("http://host:80", None),
            ("localhost:0", None),
            ("localhost:+5", None),
            ("localhost:65536", None),
            (":80", None),
            ("127.0.0.1", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|peer| Recipient::Peer(peer.to_owned()));
            assert_eq!(peer(text), expected, "{text}");
        }
    }

    #[test]
    fn forms_are_named_as_on_the_command_line() {
        for form in [CommandForm::Words, CommandForm::Json] {
            assert_eq!(form.to_string().parse(), Ok(form));
        }
        assert!("line".parse::<CommandForm>().is_err());
    }

    #[test]
    fn every_form_is_written_as_it_is_read() {
        let table =
            [("line", ReadForm::Line), ("raw", ReadForm::Raw), ("fixed:10", ReadForm::Fixed(10))];
        for (text, form) in table {
            assert_eq!(text.parse(), Ok(form));
            assert_eq!(form.to_string(), text);
        }
        assert_eq!("fixed:1k".parse(), Ok(ReadForm::Fixed(1024)));
    }

    #[test]
    fn a_form_that_is_none_is_refused() {
        let table = [
            ("Line", "unknown form `Line`: use line, raw or fixed:N"),
            ("", "unknown form ``"),
            ("fixed:0", "N is at least 1"),
            ("fixed:-1", "bad size `-1`"),
            ("fixed:99999999999999999999", "bad size"),
        ];
        for (text, expected) in table {
            let error = text.parse::<ReadForm>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
