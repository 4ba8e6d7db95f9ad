//! Strings and bytes as the opcodes hold them, and as JSON text.
//!
//! Nothing is copied until it is written. What protocol 0 escapes is resolved while writing.

use data_encoding::BASE64;
use memchr::memchr;

use super::reader::Reader;
use super::{PickleError, malformed};

/// What half of a surrogate pair begins with, and a few characters too.
const SURROGATE: u8 = 0xed;
/// The longest text that is looked at as a name.
const LONGEST_NAME: usize = 64;

/// A string as it lies in the pickle.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    /// UTF-8.
    Utf8(&'a [u8]),
    /// Latin-1 with `\uXXXX`.
    Escaped(&'a [u8]),
    /// The `str` of Python 2: bytes, mostly ASCII.
    Old(&'a [u8]),
    /// The same as a literal between quotes, which are not part of this.
    Literal(&'a [u8]),
}

/// The argument of an opcode that makes a string.
pub(super) fn string<'a>(opcode: u8, reader: &mut Reader<'a>) -> Result<Text<'a>, PickleError> {
    match opcode {
        b'S' => literal(reader.line()?),
        b'T' => reader.signed().map(Text::Old),
        b'U' => reader.short().map(Text::Old),
        b'V' => reader.line().map(Text::Escaped),
        b'X' => reader.medium().map(Text::Utf8),
        0x8c => reader.short().map(Text::Utf8),
        0x8d => reader.long().map(Text::Utf8),
        _ => malformed("no string where one belongs"),
    }
}

/// The string whose opcode is at an offset.
pub(super) fn at(pickle: &[u8], at: u32) -> Result<Text<'_>, PickleError> {
    let mut reader = Reader::new(pickle, at as usize);
    let opcode = reader.u8()?;
    string(opcode, &mut reader)
}

/// The argument of an opcode that makes bytes.
pub(super) fn octets<'a>(opcode: u8, reader: &mut Reader<'a>) -> Result<&'a [u8], PickleError> {
    match opcode {
        b'B' => reader.medium(),
        b'C' => reader.short(),
        0x8e | 0x96 => reader.long(),
        _ => malformed("no bytes where they belong"),
    }
}

/// Appends the bytes whose opcode is at an offset, in base64.
pub(super) fn write_octets(pickle: &[u8], at: u32, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let mut reader = Reader::new(pickle, at as usize);
    let opcode = reader.u8()?;
    if matches!(opcode, b'S' | b'T' | b'U') {
        let bytes = match string(opcode, &mut reader)? {
            Text::Literal(text) => unescape(text)?,
            Text::Old(bytes) | Text::Utf8(bytes) | Text::Escaped(bytes) => bytes.to_vec(),
        };
        append_base64(&bytes, out);
    } else {
        append_base64(octets(opcode, &mut reader)?, out);
    }
    Ok(())
}

fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + BASE64.encode_len(bytes.len()), 0);
    if let Some(place) = out.get_mut(start..) {
        BASE64.encode_mut(bytes, place);
    }
}

/// What is between the quotes of a literal.
fn literal(line: &[u8]) -> Result<Text<'_>, PickleError> {
    match line.trim_ascii() {
        [quote @ (b'\'' | b'"'), inner @ .., last] if quote == last => Ok(Text::Literal(inner)),
        _ => malformed("a string without its quotes"),
    }
}

impl Text<'_> {
    /// Whether it is text in Python 3 as well. A `str` of Python 2 beyond ASCII is bytes.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::Utf8(_) | Self::Escaped(_) => true,
            Self::Old(bytes) => bytes.is_ascii(),
            Self::Literal(text) => unescape(text).is_ok_and(|bytes| bytes.is_ascii()),
        }
    }

    /// Refuses what is no text of its form.
    pub(super) fn check(&self) -> Result<(), PickleError> {
        match self {
            Self::Utf8(bytes) => each_piece(bytes, &mut |_, _| {}),
            Self::Escaped(text) => each_char(text, &mut |_| {}),
            Self::Literal(text) => unescape(text).map(drop),
            Self::Old(_) => Ok(()),
        }
    }

    /// The text as UTF-8, if it is short enough to be a name.
    pub(super) fn name(&self) -> Option<Vec<u8>> {
        let (Self::Utf8(bytes) | Self::Old(bytes) | Self::Escaped(bytes) | Self::Literal(bytes)) =
            self;
        (bytes.len() <= LONGEST_NAME).then(|| bytes.to_vec())
    }

    /// Whether the key would be taken for a tag in JSON.
    pub(super) fn looks_like_a_tag(&self) -> bool {
        match self {
            Self::Utf8(bytes) | Self::Old(bytes) => bytes.first() == Some(&b'$'),
            Self::Escaped(text) => {
                let head = text.get(..text.len().min(10)).unwrap_or_default();
                let mut first = Vec::new();
                // What is cut off here in the middle of an escape is behind the first character.
                let _ = each_char(head, &mut |code| first.push(code));
                first.first() == Some(&u32::from('$'))
            }
            Self::Literal(text) => unescape(text).is_ok_and(|bytes| bytes.first() == Some(&b'$')),
        }
    }

    /// Appends the text as a JSON string.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), PickleError> {
        out.push(b'"');
        match self {
            Self::Utf8(bytes) if memchr(SURROGATE, bytes).is_some() => {
                each_piece(bytes, &mut |plain, half| {
                    append_json(plain, out);
                    half.into_iter().for_each(|half| append_escape(half, out));
                })?;
            }
            Self::Utf8(bytes) | Self::Old(bytes) => append_json(bytes, out),
            Self::Literal(text) => append_json(&unescape(text)?, out),
            Self::Escaped(text) => each_char(text, &mut |code| match char::from_u32(code) {
                Some(char @ ' '..='~') if char != '"' && char != '\\' => out.push(char as u8),
                Some(char) => append_json(char.encode_utf8(&mut [0; 4]).as_bytes(), out),
                None => append_escape(code, out),
            })?,
        }
        out.push(b'"');
        Ok(())
    }

    /// Appends what the characters up to U+00FF are as bytes, in base64.
    pub(super) fn write_latin1(&self, out: &mut Vec<u8>) -> Result<(), PickleError> {
        let mut bytes = Vec::new();
        let mut fits = true;
        let mut add = |code: u32| match u8::try_from(code) {
            Ok(byte) => bytes.push(byte),
            Err(_) => fits = false,
        };
        match self {
            Self::Utf8(text) | Self::Old(text) => match std::str::from_utf8(text) {
                Ok(text) => text.chars().map(u32::from).for_each(add),
                Err(_) => fits = false,
            },
            Self::Literal(text) => unescape(text)?.into_iter().map(u32::from).for_each(add),
            Self::Escaped(text) => each_char(text, &mut add)?,
        }
        if !fits {
            return malformed("bytes with a character that is no byte");
        }
        append_base64(&bytes, out);
        Ok(())
    }
}

/// Appends UTF-8 with what JSON wants escaped.
fn append_json(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    while let Some(at) = rest.iter().position(is_special) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => append_escape(u32::from(*byte), out),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
}

fn append_escape(code: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
}

/// The pieces of a `str` of Python, which may hold halves of surrogate pairs, each coded like a
/// character of UTF-8 (the error handler "surrogatepass"): UTF-8, and the half that follows.
fn each_piece(text: &[u8], deliver: &mut dyn FnMut(&[u8], Option<u32>)) -> Result<(), PickleError> {
    let mut rest = text;
    while let Err(error) = std::str::from_utf8(rest) {
        let (plain, broken) = rest.split_at(error.valid_up_to());
        let [SURROGATE, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, behind @ ..] = broken else {
            return malformed("a string that is not UTF-8");
        };
        let half = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
        deliver(plain, Some(half));
        rest = behind;
    }
    deliver(rest, None);
    Ok(())
}

/// The codes of Latin-1 with `\uXXXX` and `\UXXXXXXXX` (CPython's raw-unicode-escape).
fn each_char(text: &[u8], deliver: &mut dyn FnMut(u32)) -> Result<(), PickleError> {
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.first()) {
            (b'\\', Some(b'u' | b'U')) => {
                let mut code = escape(&mut rest)?;
                // A pair of surrogates is one character of a Python 2 that knew no better.
                if (0xd800..=0xdbff).contains(&code) && rest.starts_with(b"\\u") {
                    let mut behind = rest.get(1..).unwrap_or_default();
                    if let low @ 0xdc00..=0xdfff = escape(&mut behind)? {
                        code = 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00;
                        rest = behind;
                    }
                }
                if code > u32::from(char::MAX) {
                    return malformed("a string with a broken escape");
                }
                deliver(code);
            }
            (b'\\', Some(other)) => {
                deliver(u32::from(b'\\'));
                deliver(u32::from(*other));
                rest = rest.get(1..).unwrap_or_default();
            }
            _ => deliver(u32::from(*byte)),
        }
    }
    Ok(())
}

/// Takes `uXXXX` or `UXXXXXXXX` from the front.
fn escape(rest: &mut &[u8]) -> Result<u32, PickleError> {
    let width = if rest.first() == Some(&b'u') { 4 } else { 8 };
    let digits = rest.get(1..=width).unwrap_or_default();
    *rest = rest.get(1 + width..).unwrap_or_default();
    hex(digits, width)
}

fn hex(digits: &[u8], width: usize) -> Result<u32, PickleError> {
    let valid = digits.len() == width && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| valid);
    match text.and_then(|text| u32::from_str_radix(text, 16).ok()) {
        Some(code) => Ok(code),
        None => malformed("a string with a broken escape"),
    }
}

/// The bytes of a Python 2 literal.
fn unescape(text: &[u8]) -> Result<Vec<u8>, PickleError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let Some((kind, behind)) = rest.split_first() else {
            return malformed("a string with a broken escape");
        };
        rest = behind;
        let byte = match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'\\' | b'\'' | b'"' => *kind,
            b'x' => {
                let digits = rest.get(..2).unwrap_or_default();
                rest = rest.get(2..).unwrap_or_default();
                hex(digits, 2)? as u8
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|byte| (b'0'..=b'7').contains(byte));
                let count = more.count();
                let (digits, behind) = rest.split_at(count);
                rest = behind;
                let value = |sum: u32, digit: &u8| sum * 8 + u32::from(digit - b'0');
                digits.iter().fold(u32::from(kind - b'0'), value) as u8
            }
            _ => {
                bytes.push(b'\\');
                *kind
            }
        };
        bytes.push(byte);
    }
    Ok(bytes)
}
