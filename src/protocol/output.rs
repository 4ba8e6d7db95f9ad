//! How a received message is written to stdout: the forms of `--output` and their bytes.
//!
//! Pure: it appends to a buffer and writes nowhere. The JSON form is an event, so the report floor
//! owns it; [`Written`] holds only the forms that are made here.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;

use crate::protocol::text::{escape_keeping_newlines, escape_words};
use crate::recording::Direction;

/// What `--output` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes in one of the forms that [`write()`] makes.
    Written(Written),
    /// One `data` event a message, as NDJSON.
    Json,
    /// Nothing.
    None,
}

/// The forms in which a message is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The payload unchanged.
    Raw,
    /// The payload, and a newline where it lacks one.
    Line,
    /// The payload and a NUL.
    Nul,
    /// One line of lower-case hex digits.
    Hex,
    /// A hexdump below a line with time, direction, peer and length.
    Dump,
}

/// A word that names no form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown form: use raw, line, nul, hex, dump, json or none")]
pub struct UnknownOutput;

impl Output {
    /// A hexdump.
    pub const DUMP: Self = Self::Written(Written::Dump);

    const ALL: [Self; 7] = [
        Self::Written(Written::Raw),
        Self::Written(Written::Line),
        Self::Written(Written::Nul),
        Self::Written(Written::Hex),
        Self::Written(Written::Dump),
        Self::Json,
        Self::None,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Written(Written::Raw) => "raw",
            Self::Written(Written::Line) => "line",
            Self::Written(Written::Nul) => "nul",
            Self::Written(Written::Hex) => "hex",
            Self::Written(Written::Dump) => "dump",
            Self::Json => "json",
            Self::None => "none",
        }
    }
}

impl FromStr for Output {
    type Err = UnknownOutput;

    fn from_str(word: &str) -> Result<Self, UnknownOutput> {
        Self::ALL.into_iter().find(|output| output.name() == word).ok_or(UnknownOutput)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A message with all that a form may show of it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The payload without its frame.
    pub payload: &'a [u8],
    /// Whether it was received or sent.
    pub direction: Direction,
    /// The peer's address.
    pub peer: &'a str,
    /// When it came or went.
    pub time: SystemTime,
}

/// What becomes of the control characters of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controls {
    /// A program reads them.
    Kept,
    /// A terminal shows them to a person, and is not to obey them.
    Escaped,
}

/// Appends a message in its written form. Other forms than lines are either asked for byte by byte or
/// harmless on a terminal.
pub fn write(form: Written, message: &Shown<'_>, controls: Controls, out: &mut Vec<u8>) {
    match form {
        Written::Raw => out.extend_from_slice(message.payload),
        Written::Line if controls == Controls::Escaped => {
            write_line(escape_keeping_newlines(message.payload).as_bytes(), out);
        }
        Written::Line => write_line(message.payload, out),
        Written::Nul => {
            out.extend_from_slice(message.payload);
            out.push(b'\0');
        }
        Written::Hex => write_line(HEXLOWER.encode(message.payload).as_bytes(), out),
        Written::Dump => out.extend_from_slice(dump(message).as_bytes()),
    }
}

/// Appends a line, and a newline where it lacks one.
pub fn write_line(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(line);
    end_line(line, out);
}

/// Appends a newline where the line before it lacks one.
pub fn end_line(line: &[u8], out: &mut Vec<u8>) {
    if !line.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// Bytes in a row of a dump.
const ROW: usize = 16;

fn dump(message: &Shown<'_>) -> String {
    // humantime panics on a time before 1970, which a machine without a clock battery can show.
    let time = humantime::format_rfc3339_micros(message.time.max(UNIX_EPOCH));
    // The name of a unix socket is its owner's choice, and may hold what a terminal obeys.
    let peer = escape_words(message.peer);
    let arrow = match message.direction {
        Direction::In => '<',
        Direction::Out => '>',
    };
    let mut text = format!("{time} {arrow} {peer} {} B\n", message.payload.len());
    // The offsets of a dump are all as wide as its last one.
    let width = match message.payload.len().saturating_sub(ROW) {
        0..=0xffff => 4,
        0x1_0000..=0xff_ffff => 6,
        0x100_0000..=0xffff_ffff => 8,
        _ => 16,
    };
    for (row, bytes) in message.payload.chunks(ROW).enumerate() {
        // Writing to a string does not fail, here and below.
        let _ = write!(text, "{:0width$x}:   ", row * ROW);
        for at in 0..ROW {
            let gap = if at == ROW / 2 { " " } else { "" };
            let _ = match bytes.get(at) {
                Some(byte) => write!(text, "{gap}{byte:02x} "),
                None => write!(text, "{gap}   "),
            };
        }
        // Bytes from 0x80 on are parts of characters at best, and C1 controls at worst.
        let is_plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        text.push_str("  ");
        text.extend(bytes.iter().map(|byte| if is_plain(byte) { char::from(*byte) } else { '.' }));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(form: Written, payload: &[u8], controls: Controls) -> String {
        let message = Shown {
            payload,
            direction: Direction::In,
            peer: "127.0.0.1:5000",
            time: UNIX_EPOCH + Duration::from_micros(1_795_182_660_123_456),
        };
        let mut out = Vec::new();
        write(form, &message, controls, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_form_ends_a_message_its_own_way() {
        let table = [
            (Written::Raw, "a\x07b", "a\x07b"),
            (Written::Raw, "", ""),
            (Written::Line, "a\x07b", "a\x07b\n"),
            (Written::Line, "ab\n", "ab\n"),
            (Written::Line, "", "\n"),
            (Written::Nul, "a\n", "a\n\0"),
            (Written::Hex, "a\n\x7f", "610a7f\n"),
        ];
        for (form, payload, expected) in table {
            assert_eq!(written(form, payload.as_bytes(), Controls::Kept), expected, "{form:?}");
        }
    }

    #[test]
    fn a_terminal_gets_lines_without_control_characters() {
        assert_eq!(
            written(Written::Line, b"a\x1b[2J\tb\nc", Controls::Escaped),
            "a\\x1b[2J\tb\nc\n"
        );
        assert_eq!(written(Written::Raw, b"a\x1b[2J", Controls::Escaped), "a\x1b[2J");
    }

    #[test]
    fn a_dump_shows_time_direction_peer_length_and_bytes() {
        assert_eq!(
            written(Written::Dump, b"0123456789abcdef\x00\xffz", Controls::Kept),
            "2026-11-20T13:51:00.123456Z < 127.0.0.1:5000 19 B\n\
             0000:   30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66   0123456789abcdef\n\
             0010:   00 ff 7a                                           ..z\n"
        );
        assert_eq!(
            written(Written::Dump, b"", Controls::Kept),
            "2026-11-20T13:51:00.123456Z < 127.0.0.1:5000 0 B\n"
        );
    }

    #[test]
    fn a_time_before_1970_is_no_reason_to_die() {
        let message = Shown {
            payload: b"",
            direction: Direction::Out,
            peer: "unix:/a\nb",
            time: UNIX_EPOCH - Duration::from_secs(1),
        };
        assert_eq!(dump(&message), "1970-01-01T00:00:00.000000Z > unix:/a\\nb 0 B\n");
    }

    #[test]
    fn words_and_forms_map_both_ways() {
        for output in Output::ALL {
            assert_eq!(output.to_string().parse(), Ok(output));
        }
        let error = "Raw".parse::<Output>().unwrap_err().to_string();
        assert!(Output::ALL.iter().all(|output| error.contains(output.name())), "{error}");
    }
}
