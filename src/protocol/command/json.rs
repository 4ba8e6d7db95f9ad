//! Commands as JSON objects, for a program: strict, so that a mistake is an error, not a guess.

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::de::{Deserialize, Deserializer};

use super::json_values::{OneOrAll, PeerId, TimeText, True};
use super::{Command, CommandForm, ReadForm, Recipient, known, tick};
use crate::protocol::text::without_bom;
use crate::values::parse_duration;

/// Reads one object.
///
/// # Errors
/// What is wrong and what is right, in words.
pub(super) fn parse(line: &[u8]) -> Result<Command, String> {
    let line = without_bom(line);
    // serde would read the values of an array as if they had keys.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(none("not a JSON object"));
    }
    let object: CommandObject = serde_json::from_slice(line).map_err(|error| malformed(&error))?;
    object.command()
}

/// serde_json counts lines within the text, and a command is one line of many.
fn malformed(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(&format!(" at line {} column ", error.line())) {
        Some((what, column)) => format!("{what} (column {column})"),
        None => text,
    }
}

/// All keys that a command may have; which of them go together is decided afterwards.
#[derive(Default, serde::Deserialize)]
// A misspelled `too` would otherwise send to all what is meant for one. A key that comes twice is
// an error as well, where RFC 8259, section 4, leaves open which one counts.
#[serde(deny_unknown_fields, default)]
struct CommandObject {
    #[serde(deserialize_with = "given")]
    send: Option<String>,
    #[serde(deserialize_with = "given")]
    b64: Option<String>,
    #[serde(deserialize_with = "given")]
    hex: Option<String>,
    #[serde(deserialize_with = "given")]
    to: Option<PeerId>,
    #[serde(deserialize_with = "given")]
    close: Option<OneOrAll>,
    #[serde(deserialize_with = "given")]
    list: Option<True>,
    #[serde(deserialize_with = "given")]
    stats: Option<True>,
    #[serde(deserialize_with = "given")]
    join: Option<String>,
    #[serde(deserialize_with = "given")]
    leave: Option<String>,
    #[serde(deserialize_with = "given")]
    quit: Option<True>,
    #[serde(deserialize_with = "given")]
    connect: Option<String>,
    #[serde(deserialize_with = "given")]
    another: Option<True>,
    #[serde(deserialize_with = "given")]
    listen: Option<String>,
    #[serde(deserialize_with = "given")]
    pause: Option<OneOrAll>,
    #[serde(deserialize_with = "given")]
    resume: Option<OneOrAll>,
    #[serde(deserialize_with = "given")]
    finish: Option<OneOrAll>,
    #[serde(deserialize_with = "given")]
    read: Option<OneOrAll>,
    #[serde(deserialize_with = "given", rename = "as")]
    form: Option<String>,
    #[serde(deserialize_with = "given")]
    within: Option<TimeText>,
    #[serde(deserialize_with = "given")]
    tick: Option<TimeText>,
}

impl CommandObject {
    fn command(self) -> Result<Command, String> {
        let (has_to, is_another) = (self.to.is_some(), self.another.is_some());
        let (has_form, has_within) = (self.form.is_some(), self.within.is_some());
        let form = self.form.map(|text| text.parse::<ReadForm>()).transpose()?;
        let within = self.within.map(|TimeText(text)| within(&text)).transpose()?;
        let wrong = |cause| format!("`tick`: {cause}");
        let tick = self.tick.map(|TimeText(text)| tick(&text).map_err(wrong));
        let to = self.to.map_or(Recipient::All, |PeerId(to)| to);
        let send = |payload| Command::Send { payload, to: to.clone() };
        let b64 = self.b64.map(|text| base64(&text)).transpose()?;
        let hex = self.hex.map(|text| hex(&text)).transpose()?;
        // Three spellings of one command: which was used makes no difference behind this.
        let payloads = [self.send.map(String::into_bytes), b64, hex];
        let others = [
            self.close.map(|OneOrAll(recipient)| Command::Close(recipient)),
            self.list.map(|True| Command::List),
            self.stats.map(|True| Command::Stats),
            self.join.map(Command::Join),
            self.leave.map(Command::Leave),
            self.quit.map(|True| Command::Quit),
            self.connect.map(|address| Command::Connect { address, another: is_another }),
            self.listen.map(Command::Listen),
            self.pause.map(|OneOrAll(recipient)| Command::Pause(recipient)),
            self.resume.map(|OneOrAll(recipient)| Command::Resume(recipient)),
            self.finish.map(|OneOrAll(recipient)| Command::Finish(recipient)),
            self.read.map(|OneOrAll(of)| Command::Read { of, form, within }),
            tick.transpose()?.map(Command::Tick),
        ];
        let mut commands =
            payloads.into_iter().flatten().map(send).chain(others.into_iter().flatten());
        let command = commands.next().ok_or_else(|| none("no command"))?;
        if commands.next().is_some() {
            return Err(none("more than one command in one object"));
        }
        let is_send = matches!(command, Command::Send { .. });
        let is_connect = matches!(command, Command::Connect { .. });
        let is_read = matches!(command, Command::Read { .. });
        let stray = [
            (has_to && !is_send, "`to` goes with send, b64 or hex only"),
            (is_another && !is_connect, "`another` goes with connect only"),
            (has_form && !is_read, "`as` goes with read only"),
            (has_within && !is_read, "`within` goes with read only"),
        ];
        let first = stray.into_iter().find(|(is_stray, _)| *is_stray);
        first.map_or(Ok(command), |(_, misplaced)| Err(misplaced.to_owned()))
    }
}

/// What is wrong, and what is right.
fn none(what: &str) -> String {
    format!("{what}: use {}", known(CommandForm::Json))
}

/// A time that is none cannot be kept.
fn within(text: &str) -> Result<Duration, String> {
    match parse_duration(text).map_err(|cause| format!("`within`: {cause}"))? {
        Duration::ZERO => Err("`within`: the time must be more than zero".to_owned()),
        within => Ok(within),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let wrong = |error| format!("`b64` is not base64 with padding (RFC 4648, section 4): {error}");
    BASE64.decode(text.as_bytes()).map_err(wrong)
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = |error| format!("`hex` is not an even number of hex digits: {error}");
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(wrong)
}

/// The value of a key that is there. An `Option` alone would take null for a key that is not.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn send(payload: &[u8], to: Recipient) -> Command {
        Command::Send { payload: payload.to_vec(), to }
    }

    fn connect(address: &str, another: bool) -> Command {
        Command::Connect { address: address.to_owned(), another }
    }

    fn read(of: Recipient, form: Option<ReadForm>, secs: Option<u64>) -> Command {
        Command::Read { of, form, within: secs.map(Duration::from_secs) }
    }

    #[test]
    fn every_command_is_read() {
        let peer = || Recipient::Peer("127.0.0.1:5".into());
        let table = [
            (r#"{"send":"a\nb"}"#, send(b"a\nb", Recipient::All)),
            (r#"{"send":""}"#, send(b"", Recipient::All)),
            (r#" { "to" : 7 , "send" : "x" } "#, send(b"x", Recipient::Conn(7))),
            (r#"{"send":"x","to":"127.0.0.1:5"}"#, send(b"x", peer())),
            (r#"{"b64":"/wBh"}"#, send(b"\xff\x00a", Recipient::All)),
            (r#"{"hex":"fF00","to":1}"#, send(b"\xff\x00", Recipient::Conn(1))),
            (r#"{"close":3}"#, Command::Close(Recipient::Conn(3))),
            (r#"{"close":"127.0.0.1:5"}"#, Command::Close(peer())),
            (r#"{"close":null}"#, Command::Close(Recipient::All)),
            (r#"{"list":true}"#, Command::List),
            (r#"{"stats":true}"#, Command::Stats),
            (r#"{"tick":"1s"}"#, Command::Tick(Some(Duration::from_secs(1)))),
            (r#"{"tick":"0.25"}"#, Command::Tick(Some(Duration::from_millis(250)))),
            (r#"{"tick":"off"}"#, Command::Tick(None)),
            (r#"{"tick":"0s"}"#, Command::Tick(None)),
            (r#"{"join":"239.1.2.3:5"}"#, Command::Join("239.1.2.3:5".into())),
            (r#"{"leave":"239.1.2.3:5"}"#, Command::Leave("239.1.2.3:5".into())),
            ("{\"quit\":true}\r", Command::Quit),
            (r#"{"connect":"[::1]:7"}"#, connect("[::1]:7", false)),
            (r#"{"another":true,"connect":"unix:/p"}"#, connect("unix:/p", true)),
            (r#"{"listen":":0"}"#, Command::Listen(":0".into())),
            (r#"{"pause":3}"#, Command::Pause(Recipient::Conn(3))),
            (r#"{"pause":null}"#, Command::Pause(Recipient::All)),
            (r#"{"resume":"127.0.0.1:5"}"#, Command::Resume(peer())),
            (r#"{"finish":4294967296}"#, Command::Finish(Recipient::Conn(1 << 32))),
            (r#"{"read":1}"#, read(Recipient::Conn(1), None, None)),
            (r#"{"read":null,"as":"raw"}"#, read(Recipient::All, Some(ReadForm::Raw), None)),
            (
                r#"{"within":"1m30s","as":"fixed:10","read":"127.0.0.1:5"}"#,
                read(peer(), Some(ReadForm::Fixed(10)), Some(90)),
            ),
            (r#"{"read":2,"within":"2"}"#, read(Recipient::Conn(2), None, Some(2))),
        ];
        for (line, command) in table {
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
        }
    }

    #[test]
    fn a_mistake_is_answered_with_what_is_right() {
        let table = [
            ("", "not a JSON object: use {\"send\":TEXT}"),
            ("{", "(column 1)"),
            ("hello", "not a JSON object"),
            (r#"{"send":"x"} {"quit":true}"#, "trailing characters (column 14)"),
            (r#"["x"]"#, "not a JSON object"),
            (r#"{"send":"x""#, "EOF while parsing an object (column 11)"),
            ("{}", "no command: use {\"send\":TEXT}"),
            (r#"{"to":1}"#, "no command: use"),
            (r#"{"sned":"x"}"#, "unknown field `sned`, expected one of `send`, `b64`"),
            (r#"{"send":"x","send":"y"}"#, "duplicate field `send`"),
            (r#"{"send":"x","b64":""}"#, "more than one command"),
            (r#"{"list":true,"quit":true}"#, "more than one command"),
            (r#"{"send":"x","quit":true}"#, "more than one command"),
            (r#"{"send":5}"#, "invalid type: integer `5`, expected a string (column 9)"),
            (r#"{"send":null}"#, "invalid type: null, expected a string"),
            (r#"{"send":"x","to":null}"#, "leave it out for all"),
            (r#"{"send":"x","to":0}"#, "expected the number of a connection or \"IP:PORT\""),
            (r#"{"send":"x","to":-1}"#, "expected the number of a connection"),
            (r#"{"send":"x","to":1.5}"#, "expected the number of a connection"),
            (r#"{"send":"x","to":"bob"}"#, "string \"bob\", expected the number of a connection"),
            (r#"{"close":true}"#, "or null for all"),
            (r#"{"close":1,"to":1}"#, "`to` goes with send, b64 or hex only"),
            (r#"{"list":false}"#, "expected true"),
            (r#"{"quit":1}"#, "expected a boolean"),
            (r#"{"join":["a"]}"#, "expected a string"),
            (r#"{"b64":"/w"}"#, "`b64` is not base64 with padding"),
            (r#"{"b64":"_-8="}"#, "`b64` is not base64 with padding"),
            (r#"{"hex":"abc"}"#, "`hex` is not an even number of hex digits"),
            (r#"{"hex":"0x"}"#, "`hex` is not an even number of hex digits"),
            (r#"{"send":"\ud800"}"#, "(column"),
            (r#"{"connect":1}"#, "expected a string"),
            (r#"{"connect":":1","another":false}"#, "expected true"),
            (r#"{"listen":":1","another":true}"#, "`another` goes with connect only"),
            (r#"{"another":true}"#, "no command: use"),
            (r#"{"pause":0}"#, "or null for all"),
            (r#"{"resume":true}"#, "or null for all"),
            (r#"{"finish":"3"}"#, "string \"3\", expected the number of a connection"),
            (r#"{"finish":18446744073709551616}"#, "expected the number of a connection"),
            (r#"{"pause":1,"resume":1}"#, "more than one command"),
            (r#"{"pause":1,"to":1}"#, "`to` goes with send, b64 or hex only"),
            (r#"{"read":-1}"#, "expected the number of a connection"),
            (r#"{"read":1,"as":"words"}"#, "unknown form `words`: use line, raw or fixed:N"),
            (r#"{"read":1,"as":"fixed:0"}"#, "N is at least 1"),
            (r#"{"read":1,"as":null}"#, "expected a string"),
            (r#"{"read":1,"within":2}"#, "a time is a string: write \"2s\""),
            (r#"{"read":1,"within":"soon"}"#, "`within`: \"soon\" is not a duration"),
            (r#"{"read":1,"within":"0ms"}"#, "`within`: the time must be more than zero"),
            (r#"{"read":1,"within":"99y"}"#, "too long: at most 10 years"),
            (r#"{"send":"x","as":"line"}"#, "`as` goes with read only"),
            (r#"{"close":1,"within":"2s"}"#, "`within` goes with read only"),
            (r#"{"tick":5}"#, "a time is a string: write \"5s\""),
            (r#"{"tick":0.5}"#, "expected a time as a string, such as \"5s\""),
            (r#"{"tick":"10us"}"#, "`tick`: the shortest time between ticks is 1ms"),
            (r#"{"tick":"often"}"#, "`tick`: \"often\" is not a duration"),
            (r#"{"tick":"1s","to":1}"#, "`to` goes with send, b64 or hex only"),
        ];
        for (line, expected) in table {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
            assert!(!error.contains("at line"), "{line}: {error}");
        }
        assert!(parse(b"{\"send\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn what_a_program_writes_is_what_is_sent(text: String, bytes: Vec<u8>, number in 1_u64..) {
            let line = json!({ "send": text, "to": number }).to_string();
            prop_assert_eq!(parse(line.as_bytes()), Ok(send(text.as_bytes(), Recipient::Conn(number))));
            let line = json!({ "b64": BASE64.encode(&bytes) }).to_string();
            prop_assert_eq!(parse(line.as_bytes()), Ok(send(&bytes, Recipient::All)));
            let line = json!({ "hex": HEXLOWER_PERMISSIVE.encode(&bytes) }).to_string();
            prop_assert_eq!(parse(line.as_bytes()), Ok(send(&bytes, Recipient::All)));
        }

        #[test]
        fn what_a_program_asks_to_read_is_what_is_read(
            number in 1_u64..,
            size in 1_usize..,
            millis in 1_u64..1_000_000,
        ) {
            let (form, within) = (ReadForm::Fixed(size), Duration::from_millis(millis));
            let line = json!({
                "read": number, "as": form.to_string(), "within": format!("{millis}ms"),
            });
            let read = Command::Read {
                of: Recipient::Conn(number), form: Some(form), within: Some(within),
            };
            prop_assert_eq!(parse(line.to_string().as_bytes()), Ok(read));
        }

        #[test]
        fn any_address_can_be_asked_for(address: String, another: bool) {
            let line = match another {
                true => json!({ "connect": address, "another": true }),
                false => json!({ "connect": address }),
            };
            let command = connect(&address, another);
            prop_assert_eq!(parse(line.to_string().as_bytes()), Ok(command));
            let line = json!({ "listen": address }).to_string();
            prop_assert_eq!(parse(line.as_bytes()), Ok(Command::Listen(address)));
        }

        #[test]
        fn no_line_does_harm(line: Vec<u8>, text in "[{}\\[\\]\":,a-z0-9 ]*") {
            let _ = parse(&line);
            let _ = parse(text.as_bytes());
        }
    }
}
