//! Recordings as text: one JSON object a line (NDJSON), in the words of the events.
//!
//! Each socket has a number, `conn`, counted from 1 in the order of opening, and each line has
//! everything about its socket, so that a line can be understood alone:
//!
//! ```json
//! {"ts":1763646660.500000,"event":"accepted","proto":"tcp","conn":1,"local":"127.0.0.1:80","peer":"127.0.0.1:5"}
//! {"ts":1763646660.500120,"event":"data","proto":"tcp","conn":1,"local":"…","peer":"…","dir":"in","len":5,"text":"PING\n"}
//! {"ts":1763646660.500200,"event":"data","proto":"tcp","conn":1,"local":"…","peer":"…","dir":"out","len":2,"b64":"//4="}
//! {"ts":1763646660.500300,"event":"eof","proto":"tcp","conn":1,"local":"…","peer":"…","dir":"in"}
//! {"ts":1763646660.500400,"event":"closed","proto":"tcp","conn":1,"local":"…","peer":"…","reason":"peer","detail":"fin"}
//! ```
//!
//! * The first line of a socket has its role: `accepted` (the other side connected),
//!   `connected` (this side did), `listening` (a datagram socket for many peers). `proto` is
//!   `tcp`, `unix`, `udp`, or `unixgram`.
//! * `data` is what one read or write moved, or one datagram, with its `peer` and, on multicast,
//!   its `group`; `dir` is `in` or `out`; the payload is `text`, or `b64` where it is not UTF-8.
//! * `eof` is one side's FIN: that of the peer (`in`) or our own (`out`).
//!
//! A reader needs `event` and `conn`, `proto` on a first line, `dir` and a payload on `data`, `dir`
//! on `eof`, and `peer` on data of a `listening` socket. Of `closed` only the `detail` `reset` means
//! something to it, and `ts` to those who keep the pauses; the rest is for people.

use std::fmt;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use serde::Deserialize;

use super::json;
use super::name::Name;
use super::notice::Notice;
use crate::close::Detail;
use crate::protocol::replay::{Recorded, RecordedEvent, Recording};
use crate::protocol::text::without_bom;
use crate::recording::{Direction, Observation, Proto, RecordedFlow, Role};

/// Appends what was seen as a line.
pub(crate) fn write(
    recorded: &RecordedFlow,
    observation: &Observation<'_>,
    time: SystemTime,
    out: &mut Vec<u8>,
) {
    let event = |name| {
        Notice::new(name)
            .proto(recorded.proto.as_str())
            .conn(recorded.number)
            .local(&recorded.local)
    };
    let of_peer = |name| match &recorded.peer {
        Some(peer) => event(name).peer(peer),
        None => event(name),
    };
    let event = match *observation {
        Observation::Opened => of_peer(match recorded.role {
            Role::Accepted => Name::Accepted,
            Role::Connected => Name::Connected,
            Role::Bound => Name::Listening,
        }),
        Observation::Bytes(direction, bytes) => {
            of_peer(Name::Data).direction(direction).bytes(bytes)
        }
        Observation::Datagram(direction, peer, bytes) => {
            let event = event(Name::Data).peer(peer).direction(direction).bytes(bytes);
            let to = if direction == Direction::In { &recorded.local } else { peer };
            if is_group(to) { event.group(to) } else { event }
        }
        Observation::Ended(direction) => of_peer(Name::Eof).direction(direction),
        Observation::Closed { reason, .. } => of_peer(Name::Closed).closed(reason),
    };
    json::write(&event, None, time, out);
}

/// Whether a name is that of a multicast group and a port.
fn is_group(name: &str) -> bool {
    name.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_multicast())
}

/// A line that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BadLine {
    /// Counted from 1.
    pub number: usize,
    /// What is wrong with it.
    pub cause: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.number, self.cause)
    }
}

/// The end of the year 9999. Times beyond it are none that a clock shows, and a pause of that
/// length could be added to no other time.
const LATEST: Duration = Duration::from_secs(253_402_300_800);

/// Reads a whole transcript.
///
/// # Errors
/// The first line that is no line of a transcript.
pub fn parse(bytes: &[u8]) -> Result<Recording, BadLine> {
    let mut recording = Recording::default();
    let bytes = without_bom(bytes);
    // A string of JSON holds no raw LF (RFC 8259, section 7), so each LF ends a line.
    for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !text.trim_ascii().is_empty() {
            let bad = |cause| BadLine { number: index + 1, cause };
            parse_line(text, &mut recording).map_err(bad)?;
        }
    }
    Ok(recording)
}

/// What a reader looks at.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    ts: f64,
    event: String,
    conn: u64,
    proto: Option<String>,
    peer: Option<String>,
    dir: Option<String>,
    text: Option<String>,
    b64: Option<String>,
    detail: Option<String>,
}

fn parse_line(text: &[u8], recording: &mut Recording) -> Result<(), String> {
    let entry: Entry = serde_json::from_slice(text).map_err(|error| in_words(&error))?;
    let name = Name::of_word(&entry.event);
    let role = match name {
        Some(Name::Accepted) => Some(Role::Accepted),
        Some(Name::Connected) => Some(Role::Connected),
        Some(Name::Listening) => Some(Role::Bound),
        _ => None,
    };
    // A file may hold any number here: negative ones are refused as well.
    let at = Duration::try_from_secs_f64(entry.ts).ok().filter(|at| *at < LATEST);
    let at = at.ok_or("a `ts` that is not a time")?;
    if let Some(role) = role {
        let name = entry.proto.as_deref().ok_or("missing field `proto`")?;
        let proto = name.parse().map_err(|()| format!("unknown `proto` {name:?}"))?;
        check_role(proto, role)?;
        return recording.open(entry.conn, proto, role, at);
    }
    let event = match name {
        Some(Name::Data) => RecordedEvent::Data(entry.direction()?, entry.payload()?),
        Some(Name::Eof) => RecordedEvent::Eof(entry.direction()?),
        Some(Name::Closed) => RecordedEvent::Closed { reset: entry.is_reset() },
        _ => return Err(format!("unknown `event` {:?}", entry.event)),
    };
    recording.add(entry.conn, Recorded { at, peer: entry.peer, event })
}

/// Streams are made by somebody, datagrams accepted by nobody.
fn check_role(proto: Proto, role: Role) -> Result<(), String> {
    let fits = if proto.is_stream() { role != Role::Bound } else { role != Role::Accepted };
    if fits { Ok(()) } else { Err(format!("this `event` does not happen on {proto}")) }
}

impl Entry {
    fn direction(&self) -> Result<Direction, String> {
        let word = self.dir.as_deref().ok_or("missing field `dir`")?;
        Direction::of_word(word).ok_or_else(|| format!("`dir` is {word:?}, not \"in\" or \"out\""))
    }

    fn is_reset(&self) -> bool {
        self.detail.as_deref() == Some(Detail::Reset.as_str())
    }

    fn payload(&self) -> Result<Vec<u8>, String> {
        match (&self.text, &self.b64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(b64)) => {
                BASE64.decode(b64.as_bytes()).map_err(|error| format!("bad `b64`: {error}"))
            }
            (None, None) => Err("missing field `text` or `b64`".to_owned()),
            (Some(_), Some(_)) => Err("both `text` and `b64`".to_owned()),
        }
    }
}

/// The error of serde_json, with the column where it knows one: the line is ours to name.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        serde_json::error::Category::Data => words.to_owned(),
        _ => format!("not JSON: {words} at column {}", error.column()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::close::CloseReason;

    fn line(proto: Proto, role: Role, peer: Option<&str>) -> RecordedFlow {
        let peer = peer.map(str::to_owned);
        RecordedFlow { number: 1, proto, role, local: "127.0.0.1:80".to_owned(), peer }
    }

    fn written(recorded: &RecordedFlow, observations: &[Observation<'_>]) -> String {
        let mut out = Vec::new();
        observations
            .iter()
            .for_each(|observation| write(recorded, observation, UNIX_EPOCH, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stream_from_first_to_last() {
        let line = line(Proto::Tcp, Role::Accepted, Some("[::1]:5"));
        let observations = [
            Observation::Opened,
            Observation::Bytes(Direction::In, b"a\n"),
            Observation::Bytes(Direction::Out, b"\xff"),
            Observation::Ended(Direction::In),
            Observation::Closed { reason: CloseReason::PEER, reset: false },
        ];
        let head = r#"{"ts":0.000000,"event":"#;
        let socket = r#""proto":"tcp","conn":1,"local":"127.0.0.1:80","peer":"[::1]:5""#;
        let rests = [
            format!(r#"{head}"accepted",{socket}}}"#),
            format!(r#"{head}"data",{socket},"dir":"in","len":2,"text":"a\n"}}"#),
            format!(r#"{head}"data",{socket},"dir":"out","len":1,"b64":"/w=="}}"#),
            format!(r#"{head}"eof",{socket},"dir":"in"}}"#),
            format!(r#"{head}"closed",{socket},"reason":"peer","detail":"fin"}}"#),
        ];
        let text = written(&line, &observations);
        assert_eq!(text.lines().collect::<Vec<_>>(), rests);
        let recording = parse(text.as_bytes()).unwrap();
        assert_eq!(recording.lines.len(), 1);
        assert_eq!(recording.lines[0].events.len(), 4);
    }

    #[test]
    fn a_datagram_names_its_peer_and_its_group() {
        let bound = line(Proto::Udp, Role::Bound, None);
        let text = written(&bound, &[Observation::Datagram(Direction::Out, "239.1.2.3:9", b"")]);
        let fields = r#""peer":"239.1.2.3:9","group":"239.1.2.3:9","dir":"out","len":0,"text":"""#;
        assert!(text.contains(fields), "{text}");
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let open = r#"{"event":"accepted","proto":"tcp","conn":1}"#;
        let table = [
            ("{", "not JSON: EOF while parsing an object at column 1"),
            (r#"{"conn":1}"#, "missing field `event`"),
            (r#"{"event":"data"}"#, "missing field `conn`"),
            (r#"{"event":"data","conn":1,"text":"x"}"#, "missing field `dir`"),
            (r#"{"event":"data","conn":1,"dir":"in"}"#, "missing field `text` or `b64`"),
            (r#"{"event":"data","conn":1,"dir":"up","text":""}"#, r#"`dir` is "up""#),
            (r#"{"event":"data","conn":1,"dir":"in","b64":"?"}"#, "bad `b64`"),
            (r#"{"event":"data","conn":2,"dir":"in","text":""}"#, "conn 2 is not open"),
            (r#"{"event":"accepted","proto":"tcp","conn":1}"#, "conn 1 is open already"),
            (r#"{"event":"accepted","conn":2}"#, "missing field `proto`"),
            (r#"{"event":"accepted","proto":"udp","conn":2}"#, "does not happen on udp"),
            (r#"{"event":"hello","conn":1}"#, r#"unknown `event` "hello""#),
            (r#"{"event":"closed","conn":1,"ts":-1}"#, "a `ts` that is not a time"),
            (r#"{"event":"closed","conn":1,"ts":1e19}"#, "a `ts` that is not a time"),
        ];
        for (text, cause) in table {
            let error = parse(format!("{open}\n\n{text}\n").as_bytes()).unwrap_err();
            assert_eq!(error.number, 3, "{text}");
            assert!(error.cause.contains(cause), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(pieces: Vec<(bool, Vec<u8>)>) {
            let line = line(Proto::Unix, Role::Connected, Some("unix"));
            let mut out = Vec::new();
            write(&line, &Observation::Opened, UNIX_EPOCH, &mut out);
            let side = |ours| if ours { Direction::Out } else { Direction::In };
            for (ours, bytes) in &pieces {
                write(&line, &Observation::Bytes(side(*ours), bytes), UNIX_EPOCH, &mut out);
            }
            let recording = parse(&out).unwrap();
            let read = recording.lines[0].events.iter().map(|one| one.event.clone());
            let expected =
                pieces.into_iter().map(|(ours, bytes)| RecordedEvent::Data(side(ours), bytes));
            prop_assert!(read.eq(expected));
        }
    }
}
