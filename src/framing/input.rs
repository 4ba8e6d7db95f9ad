//! How stdin is cut into messages (`--input`).
//!
//! Owns the names of the forms and what each makes of its bytes; the cutting itself is that of
//! [`Deframer`], as on the wire. Pure: who reads stdin feeds it in.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::deframer::{Deframer, Frame};
use super::delimited::{Delimited, Ending};
use super::framer::{FrameError, Framer, within};
use super::sized::{Fixed, Whole};
use super::{name_of, named};

/// How stdin is cut into messages (`--input`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFraming {
    /// All of it is one message; none where it is empty.
    Raw,
    /// One message a line, its LF included.
    Line,
    /// One message a record; the zero byte that ends it is not part of it.
    Nul,
    /// One message a line of hex digits in either case, blanks and tabs allowed; blank lines
    /// count for nothing.
    Hex,
    /// Messages of this many bytes, at least one; the last may be shorter.
    Fixed(usize),
}

/// The forms that are a bare word on the command line.
const NAMES: [(&str, InputFraming); 4] = [
    ("raw", InputFraming::Raw),
    ("line", InputFraming::Line),
    ("nul", InputFraming::Nul),
    ("hex", InputFraming::Hex),
];

impl FromStr for InputFraming {
    type Err = String;

    /// Reads the value of `--input`; an error lists what is right.
    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &NAMES, Self::Fixed)
            .unwrap_or_else(|names| Err(format!("unknown input `{text}`: use {names}, fixed:N")))
    }
}

impl fmt::Display for InputFraming {
    /// The value of `--input`, as [`InputFraming::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(out, "fixed:{size}"),
            _ => out.write_str(name_of(self, &NAMES)),
        }
    }
}

/// Cuts stdin, which comes in arbitrary pieces, into messages.
pub struct Cutter {
    deframer: Deframer,
    /// Set where the lines are hex digits.
    hex: Option<HexLines>,
}

impl Cutter {
    /// A cutter at the start of stdin. `chomp` (`--chomp`) drops the LF from the messages of
    /// [`InputFraming::Line`]; `max` is the most bytes that a message may have.
    pub fn new(input: InputFraming, chomp: bool, max: usize) -> Self {
        let framer: Box<dyn Framer> = match input {
            InputFraming::Raw => Box::new(Whole::new(max)),
            InputFraming::Line if chomp => Box::new(Delimited::line(Ending::Drop, max)),
            InputFraming::Line => Box::new(Delimited::line(Ending::Keep, max)),
            InputFraming::Nul => Box::new(Delimited::nul(max).delivering_rest()),
            InputFraming::Hex => Box::new(Delimited::line(Ending::Drop, HexLines::longest(max))),
            InputFraming::Fixed(size) => Box::new(Fixed::with_rest(size, max)),
        };
        let hex = (input == InputFraming::Hex).then(|| HexLines::new(max));
        Self { deframer: Deframer::new(framer), hex }
    }

    /// Bytes of messages that are not delivered yet.
    pub fn pending(&self) -> usize {
        self.deframer.undelivered()
    }

    /// Whether messages are left that their receiver did not want yet.
    pub fn has_unread(&self) -> bool {
        self.deframer.has_unread()
    }

    /// Takes the next `piece` of stdin and delivers every message that it completes, in order.
    /// With `eof` it is the last piece; it may be empty.
    ///
    /// # Errors
    /// The first message that is too large or no hex ends the input: what comes before it has been
    /// delivered, and stdin cannot be read on with this cutter.
    pub fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), FrameError> {
        self.feed_until(piece, eof, &Cell::new(false), deliver)
    }

    /// The same, until the receiver of the messages sets `stop`. What is left is kept for the next call,
    /// also of the last piece.
    ///
    /// # Errors
    /// As those of [`Cutter::feed`].
    pub fn feed_until(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), FrameError> {
        let Some(hex) = &mut self.hex else {
            let deliver = &mut |frame: Frame<'_>| deliver(frame.payload);
            return self.deframer.feed_until(piece, eof, stop, deliver);
        };
        let take = &mut |line: Frame<'_>| hex.take(line.payload, deliver);
        let fed = self.deframer.feed_until(piece, eof, stop, take);
        // Lines come before what may be wrong with the cutting behind them.
        hex.failed.clone().map_or(fed, Err)
    }
}

/// Reads messages from lines of hex digits. The deframer below knows nothing of digits, and cuts on
/// behind a line that is none: the first error is kept here, and nothing behind it is delivered.
struct HexLines {
    /// Number of the line read last; the first is 1.
    line: u64,
    /// The most bytes that a message may have.
    max: usize,
    /// What was wrong with a line; those behind it are not delivered.
    failed: Option<FrameError>,
}

impl HexLines {
    fn new(max: usize) -> Self {
        Self { line: 0, max, failed: None }
    }

    /// The longest line worth holding for a message of `max` bytes: two digits a byte, and as
    /// much again for blanks.
    fn longest(max: usize) -> usize {
        max.saturating_mul(4).saturating_add(1024)
    }

    /// Delivers the message of the next line, which has no LF.
    fn take(&mut self, line: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        if self.failed.is_some() {
            return;
        }
        self.line += 1;
        match self.decode(line) {
            Ok(message) if message.is_empty() => {}
            Ok(message) => deliver(&message),
            Err(error) => self.failed = Some(error),
        }
    }

    fn decode(&self, line: &[u8]) -> Result<Vec<u8>, FrameError> {
        let malformed = |what: String| FrameError::Malformed(format!("line {}: {what}", self.line));
        // Of a file from Windows.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let digits: Vec<u8> = line.iter().copied().filter(|byte| !b" \t".contains(byte)).collect();
        // Looked for first: the decoder knows positions among the digits only, not in the line.
        if let Some(other) = digits.iter().find(|byte| !byte.is_ascii_hexdigit()) {
            return Err(malformed(format!("`{}` is not a hex digit", other.escape_ascii())));
        }
        let message = HEXLOWER_PERMISSIVE
            .decode(&digits)
            .map_err(|_| malformed("an odd number of hex digits".to_owned()))?;
        // The limit of the line leaves room for blanks, so that a message has one of its own.
        within(message.len() as u64, self.max)?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form, whether to chomp, the input, and the messages in it.
    type Case<'a> = (InputFraming, bool, &'a [u8], &'a [&'a [u8]]);

    /// The messages of `text`, and the error that ended it.
    fn cut(
        input: InputFraming,
        chomp: bool,
        text: &[u8],
    ) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut messages = Vec::new();
        let mut cutter = Cutter::new(input, chomp, 8);
        let fed = cutter.feed(text, true, &mut |message| messages.push(message.to_vec()));
        (messages, fed)
    }

    #[test]
    fn every_form_cuts_its_messages() {
        let cases: [Case<'_>; 12] = [
            (InputFraming::Raw, false, b"a\nb\n", &[b"a\nb\n"]),
            (InputFraming::Raw, false, b"", &[]),
            (InputFraming::Line, false, b"a\r\n\nb", &[b"a\r\n", b"\n", b"b"]),
            (InputFraming::Line, true, b"a\r\n\nb", &[b"a\r", b"", b"b"]),
            (InputFraming::Line, false, b"", &[]),
            (InputFraming::Nul, false, b"a\n\0\0b", &[b"a\n", b"", b"b"]),
            (InputFraming::Fixed(2), false, b"abcd", &[b"ab", b"cd"]),
            (InputFraming::Fixed(2), false, b"abc", &[b"ab", b"c"]),
            (InputFraming::Hex, false, b"00fF\n", &[b"\x00\xff"]),
            (InputFraming::Hex, false, b" 0 0\tff \r\n01\r", &[b"\x00\xff", b"\x01"]),
            (InputFraming::Hex, false, b"01\n\n \t\r\n02", &[b"\x01", b"\x02"]),
            (InputFraming::Hex, false, b"", &[]),
        ];
        for (input, chomp, text, expected) in cases {
            let (messages, fed) = cut(input, chomp, text);
            assert_eq!(messages, expected, "{input} of {}", text.escape_ascii());
            assert_eq!(fed, Ok(()));
        }
    }

    #[test]
    fn what_is_no_hex_names_its_line() {
        let cases: [(&[u8], &str); 4] = [
            (b"01\n\n012\n", "line 3: an odd number of hex digits"),
            (b"01\n0x2\n", "line 2: `x` is not a hex digit"),
            (b"01\n0\r1\n", "line 2: `\\r` is not a hex digit"),
            (b"01\n112233445566778899\n", "9 bytes long, and the limit is 8"),
        ];
        for (text, expected) in cases {
            let (messages, fed) = cut(InputFraming::Hex, false, text);
            assert_eq!(messages, [[1]], "{}", text.escape_ascii());
            assert_eq!(fed.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn nothing_is_delivered_behind_an_error() {
        let mut messages = 0;
        let mut cutter = Cutter::new(InputFraming::Hex, false, 8);
        let first = cutter.feed(b"01\nx\n02\n", false, &mut |_| messages += 1);
        assert_eq!(cutter.feed(b"03\n", true, &mut |_| messages += 1), first);
        assert_eq!((first.is_err(), messages), (true, 1));
    }

    #[test]
    fn a_message_over_the_limit_is_refused() {
        for (input, text) in [
            (InputFraming::Raw, &b"123456789"[..]),
            (InputFraming::Line, b"12345678\n"),
            (InputFraming::Nul, b"123456789"),
            (InputFraming::Fixed(9), b"1"),
        ] {
            let (messages, fed) = cut(input, false, text);
            assert!(messages.is_empty() && fed.is_err(), "{input}");
        }
    }

    #[test]
    fn names_parse_and_display_as_themselves() {
        for (name, input) in NAMES {
            assert_eq!((name.parse(), input.to_string().as_str()), (Ok(input), name));
        }
        assert_eq!("fixed:1k".parse(), Ok(InputFraming::Fixed(1024)));
        let error = "lines".parse::<InputFraming>().unwrap_err();
        assert_eq!(error, "unknown input `lines`: use raw, line, nul, hex, fixed:N");
        assert!(
            "json".parse::<InputFraming>().is_err() && "fixed:0".parse::<InputFraming>().is_err()
        );
    }
}
