//! Messages on a byte stream: where each one ends, and how it is marked for the other side.
//!
//! Owns `--frame` ([`Framing`]) and `--input` ([`InputFraming`]): their names, the [`Framer`] behind each
//! and the [`Deframer`] that runs a framer over a stream. Pure: bytes in, messages out; no file
//! descriptor, no clock, and no memory held beyond the one message that has no end yet.

mod decimal;
mod deframer;
mod delimited;
mod delimiters;
mod framer;
mod input;
mod length_field;
mod lines;
mod obj;
mod pickle;
mod prefixed;
#[cfg(test)]
mod properties;
mod sized;
mod tinyproto;

use std::fmt;
use std::str::FromStr;

pub use deframer::{Deframer, Frame};
#[cfg(feature = "cli")]
pub(crate) use deframer::{LONG, WORK};
pub use delimiters::Delimiters;
pub use framer::{FrameError, Framer, Step};
pub use input::{Cutter, InputFraming};
pub use length_field::LengthField;
pub use lines::{Line, Lines};
pub use tinyproto::{Exchange, ExchangeError, FULL as TINYPROTO_FULL};

use crate::values::parse_size;
use decimal::{ContentLength, Netstring};
use delimited::{Delimited, Ending};
use length_field::HeaderCounted;
use obj::Obj;
use prefixed::{Prefix, Prefixed};
use sized::{Fixed, Pieces};

/// The longest message unless another limit is set, in bytes.
const DEFAULT_MAX: usize = 16 << 20;

/// How messages are marked on a stream (`--frame`).
///
/// A name becomes one by parsing, also where it has parts:
///
/// ```
/// use wirecat::framing::{Deframer, Framing};
///
/// let mllp: Framing = r"delim:\x0b,\x1c\r".parse()?;
/// let mut messages = Deframer::new(mllp.framer(65536).ok_or("no framing")?);
/// let (mut wire, mut got) = (Vec::new(), Vec::new());
/// messages.encode(b"MSH|^~\\&|", &mut wire)?;
/// assert_eq!(wire, b"\x0bMSH|^~\\&|\x1c\r");
/// messages.feed(&wire, true, &mut |message| got.extend_from_slice(message.payload))?;
/// assert_eq!(got, b"MSH|^~\\&|");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Not at all: the stream is bytes.
    None,
    /// A line feed ends a message.
    Line,
    /// A zero byte ends a message.
    Nul,
    /// `5:hello,` (<https://cr.yp.to/proto/netstrings.txt>).
    Netstring,
    /// A length of one byte precedes a message.
    U8,
    /// A length of two bytes, big-endian, precedes a message.
    U16,
    /// A length of four bytes, big-endian, precedes a message.
    U32,
    /// A length of two bytes, little-endian, precedes a message.
    U16Le,
    /// A length of four bytes, little-endian, precedes a message.
    U32Le,
    /// An unsigned LEB128 length precedes a message, as in a stream of protobuf messages.
    Varint,
    /// Every message has this many bytes, at least one.
    Fixed(usize),
    /// A length in digits and a space precede a message, as of syslog over TCP (RFC 6587).
    Octet,
    /// Headers with the length precede a message, as of LSP and DAP.
    ContentLength,
    /// Texts end a message, and perhaps begin it, as of MLLP.
    Delimiters(Delimiters),
    /// A message has its length in its own header, as of Modbus/TCP.
    LengthField(LengthField),
    /// A length in hex precedes a Python pickle, as the library obj-over-tcp has it; the messages
    /// are JSON text.
    Obj,
    /// A length is offered and the message sent when the peer answers go, as the library tinyproto
    /// has it; [`Exchange`] has what goes in between.
    Tinyproto,
}

/// The framings that are a bare word on the command line.
const NAMES: [(&str, Framing); 14] = [
    ("none", Framing::None),
    ("line", Framing::Line),
    ("nul", Framing::Nul),
    ("netstring", Framing::Netstring),
    ("u8", Framing::U8),
    ("u16", Framing::U16),
    ("u32", Framing::U32),
    ("u16le", Framing::U16Le),
    ("u32le", Framing::U32Le),
    ("varint", Framing::Varint),
    ("octet", Framing::Octet),
    ("content-length", Framing::ContentLength),
    ("obj", Framing::Obj),
    ("tinyproto", Framing::Tinyproto),
];

impl Framing {
    /// The framer for one direction of one stream; `None` where the stream is bytes.
    ///
    /// `max_frame` (`--max-frame`) limits the payload in bytes, in both directions. Most protocols of
    /// the internet end lines with CR LF, unix with LF: both are read, unless
    /// [`FrameSettings::keep_cr`] says otherwise.
    pub fn framer(&self, max_frame: usize) -> Option<Box<dyn Framer>> {
        self.with_lines(Ending::DropWithCr, max_frame)
    }

    /// The same, with lines that end so.
    fn with_lines(&self, ending: Ending, max_frame: usize) -> Option<Box<dyn Framer>> {
        let prefixed = |prefix| -> Option<Box<dyn Framer>> {
            Some(Box::new(Prefixed::new(prefix, max_frame)))
        };
        match self {
            Self::None => None,
            Self::Line => Some(Box::new(Delimited::line(ending, max_frame))),
            Self::Nul => Some(Box::new(Delimited::nul(max_frame))),
            Self::Netstring => Some(Box::new(Netstring::new(max_frame))),
            Self::U8 => prefixed(Prefix::BigEndian { width: 1 }),
            Self::U16 => prefixed(Prefix::BigEndian { width: 2 }),
            Self::U32 => prefixed(Prefix::BigEndian { width: 4 }),
            Self::U16Le => prefixed(Prefix::LittleEndian { width: 2 }),
            Self::U32Le => prefixed(Prefix::LittleEndian { width: 4 }),
            Self::Varint => prefixed(Prefix::Varint),
            Self::Octet => prefixed(Prefix::Decimal),
            Self::ContentLength => Some(Box::new(ContentLength::new(max_frame))),
            Self::Delimiters(texts) => Some(Box::new(Delimited::between(texts.clone(), max_frame))),
            Self::LengthField(field) => Some(Box::new(HeaderCounted::new(*field, max_frame))),
            Self::Fixed(size) => Some(Box::new(Fixed::new(*size, max_frame))),
            Self::Obj => Some(Box::new(Obj::new(max_frame))),
            Self::Tinyproto => {
                let max = max_frame.min(tinyproto::LONGEST as usize);
                Some(Box::new(Prefixed::new(Prefix::BigEndian { width: 4 }, max)))
            }
        }
    }
}

impl Framing {
    /// The longest input that can become a message of `max_frame` bytes on the wire.
    pub fn longest_input(&self, max_frame: usize) -> usize {
        match self {
            // The JSON text of a pickle has up to 14 times its bytes.
            Self::Obj => max_frame.saturating_mul(14),
            _ => max_frame,
        }
    }

    /// The bytes that a message has at least.
    pub fn least(&self) -> usize {
        match self {
            Self::Fixed(size) => *size,
            Self::LengthField(field) => field.header(),
            _ => 0,
        }
    }
}

impl FromStr for Framing {
    type Err = String;

    /// Reads the value of `--frame`; an error lists what is right.
    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &NAMES, Self::Fixed).unwrap_or_else(|names| {
            if let Some(texts) = text.strip_prefix("delim:") {
                return texts.parse().map(Self::Delimiters);
            }
            if text.starts_with('u') && text.contains('@') {
                return text.parse().map(Self::LengthField);
            }
            Err(format!(
                "unknown framing `{text}`: use {names}, fixed:N, delim:END, delim:START,END or \
                 uN@OFFSET"
            ))
        })
    }
}

impl fmt::Display for Framing {
    /// The value of `--frame`, as [`Framing::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(out, "fixed:{size}"),
            Self::Delimiters(texts) => write!(out, "delim:{texts}"),
            Self::LengthField(field) => field.fmt(out),
            _ => out.write_str(name_of(self, &NAMES)),
        }
    }
}

/// The framer of a stream that is taken as it comes, in pieces of `most` bytes at most.
pub(crate) fn pieces(most: usize) -> Box<dyn Framer> {
    Box::new(Pieces::new(most))
}

/// Reads one of these names, or `fixed:N`; the names in a list where it is neither.
pub(crate) fn named<T: Clone>(
    text: &str,
    names: &[(&str, T)],
    fixed: fn(usize) -> T,
) -> Result<Result<T, String>, String> {
    let known = names.iter().find(|(name, _)| *name == text).map(|(_, value)| Ok(value.clone()));
    let size = || text.strip_prefix("fixed:").map(|size| fixed_size(size).map(fixed));
    let list = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.or_else(size).ok_or_else(list)
}

/// The name of a value that has one.
pub(crate) fn name_of<T: PartialEq>(value: &T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, named)| named == value).map_or("", |(name, _)| name)
}

/// The `N` of `fixed:N`: a size such as `512`, `64k` = `64KiB` or `10kB` = 10,000.
fn fixed_size(text: &str) -> Result<usize, String> {
    match parse_size(text).map(usize::try_from) {
        Ok(Ok(0)) => Err("a message of `fixed:0` would never end: N is at least 1".to_owned()),
        Ok(Ok(size)) => Ok(size),
        _ => Err(format!("bad size `{text}` in `fixed:{text}`: use fixed:N, as in fixed:512")),
    }
}

/// How messages are marked on a stream, and what limits them. A [`Framing`] is one with messages of
/// up to 16 MiB.
///
/// ```
/// use wirecat::framing::{FrameSettings, Framing};
///
/// let settings = Framing::Line.max_frame(4096).keep_cr();
/// assert_ne!(settings, FrameSettings::from(Framing::Line));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSettings {
    /// How messages are marked.
    pub framing: Framing,
    /// The longest message to send or take, in bytes.
    pub max: usize,
    /// With [`Framing::Line`]: a carriage return before the line feed belongs to the message.
    pub keep_cr: bool,
}

impl Framing {
    /// This framing with messages of so many bytes at most.
    pub fn max_frame(self, bytes: usize) -> FrameSettings {
        FrameSettings { max: bytes, ..self.into() }
    }
}

impl FrameSettings {
    /// The same, with each carriage return before a line feed as part of its message.
    #[must_use]
    pub fn keep_cr(self) -> Self {
        Self { keep_cr: true, ..self }
    }

    /// The framer for one direction of one stream; `None` where the stream is bytes.
    pub fn framer(&self) -> Option<Box<dyn Framer>> {
        let ending = if self.keep_cr { Ending::Drop } else { Ending::DropWithCr };
        self.framing.with_lines(ending, self.max)
    }
}

impl From<Framing> for FrameSettings {
    fn from(framing: Framing) -> Self {
        Self { framing, max: DEFAULT_MAX, keep_cr: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_displays_as_itself() {
        for (name, framing) in NAMES {
            assert_eq!(framing.to_string(), name);
            assert_eq!(name.parse(), Ok(framing));
        }
    }

    #[test]
    fn fixed_takes_sizes() {
        let cases = [("1", 1), ("512", 512), ("64k", 65536), ("64KiB", 65536), ("10kB", 10_000)];
        for (text, size) in cases {
            assert_eq!(format!("fixed:{text}").parse(), Ok(Framing::Fixed(size)), "{text}");
        }
        assert_eq!(Framing::Fixed(65536).to_string(), "fixed:65536");
    }

    #[test]
    fn a_wrong_name_lists_the_right_ones() {
        assert_eq!(
            "lines".parse::<Framing>().unwrap_err(),
            "unknown framing `lines`: use none, line, nul, netstring, u8, u16, u32, u16le, \
             u32le, varint, octet, content-length, obj, tinyproto, fixed:N, delim:END, \
             delim:START,END or uN@OFFSET"
        );
        for text in [
            "", "fixed", "Line", "Obj", "fixed:", "fixed:-1", "fixed:x", "u16@", "u12@3", "delim",
            "delim:", "delim:,", "Octet",
        ] {
            assert!(text.parse::<Framing>().is_err(), "{text}");
        }
        let error = "fixed:0".parse::<Framing>().unwrap_err();
        assert!(error.contains("at least 1"), "{error}");
    }

    #[test]
    fn a_grammar_displays_as_it_is_written() {
        for text in [r"delim:\x0b,\x1c\r", "delim:END", r"delim:\x2c", "u16@2-4", "u24le@0+1"] {
            assert_eq!(text.parse::<Framing>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn only_none_has_no_framer() {
        for (_, framing) in NAMES {
            assert_eq!(framing.framer(16).is_none(), framing == Framing::None);
        }
    }
}
