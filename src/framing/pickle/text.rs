//! Strings as the opcodes spell them, and as JSON.
//!
//! In between, a string is UTF-8 in which halves of surrogate pairs may stand, coded like
//! characters (Python's "surrogatepass"). Nothing is copied until it is written.

use std::borrow::Cow;

use data_encoding::BASE64;

use super::{PickleError, malformed};

/// What half of a surrogate pair begins with, and a few characters too.
const SURROGATE: u8 = 0xed;
/// The longest text that is compared with a name.
const LONGEST_NAME: usize = 64;

/// A string as it lies in the pickle.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    Utf8(&'a [u8]),
    /// Latin-1 with `\uXXXX`.
    Escaped(&'a [u8]),
    /// The `str` of Python 2: bytes, mostly ASCII.
    Old(&'a [u8]),
    /// The same as a literal between quotes, which are not part of this.
    Literal(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(super) fn literal(line: &'a [u8]) -> Result<Self, PickleError> {
        match line.trim_ascii_end() {
            [quote @ (b'\'' | b'"'), inner @ .., last] if quote == last => Ok(Self::Literal(inner)),
            _ => malformed("a string without its quotes"),
        }
    }

    /// The string without escapes.
    pub(super) fn resolve(self) -> Result<Cow<'a, [u8]>, PickleError> {
        match self {
            Self::Utf8(bytes) | Self::Old(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Escaped(text) => unescape_unicode(text).map(Cow::Owned),
            Self::Literal(text) => unescape(text).map(Cow::Owned),
        }
    }

    /// Refuses what is not well-formed. True if it is text in Python 3 as well: a `str` of
    /// Python 2 beyond ASCII is bytes.
    pub(super) fn check(self) -> Result<bool, PickleError> {
        let resolved = self.resolve()?;
        match self {
            Self::Utf8(_) => each_piece(&resolved, &mut |_, _| {}).map(|()| true),
            Self::Escaped(_) => Ok(true),
            Self::Old(_) | Self::Literal(_) => Ok(resolved.is_ascii()),
        }
    }

    /// The text without resolving escapes, if it is short enough to be a name.
    pub(super) fn name(self) -> &'a [u8] {
        let (Self::Utf8(name) | Self::Old(name) | Self::Escaped(name) | Self::Literal(name)) = self;
        if name.len() <= LONGEST_NAME { name } else { &[] }
    }

    /// The characters up to U+00FF as bytes.
    pub(super) fn latin1(self) -> Result<Vec<u8>, PickleError> {
        let resolved = self.resolve()?;
        let chars = std::str::from_utf8(&resolved).ok().map(str::chars);
        let bytes = chars.and_then(|chars| chars.map(|char| u8::try_from(char).ok()).collect());
        bytes.map_or_else(|| malformed("bytes with a character that is no byte"), Ok)
    }

    /// Appends the text as a JSON string.
    pub(super) fn write(self, out: &mut Vec<u8>) -> Result<(), PickleError> {
        out.push(b'"');
        each_piece(&self.resolve()?, &mut |plain, half| {
            write_json(plain, out);
            half.into_iter().for_each(|half| write_escape(half, out));
        })?;
        out.push(b'"');
        Ok(())
    }
}

pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + BASE64.encode_len(bytes.len()), 0);
    if let Some(place) = out.get_mut(start..) {
        BASE64.encode_mut(bytes, place);
    }
}

/// Appends UTF-8 with what JSON wants escaped.
fn write_json(text: &[u8], out: &mut Vec<u8>) {
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
            _ => write_escape(u32::from(*byte), out),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
}

fn write_escape(code: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
}

/// Appends a code as UTF-8, and half of a surrogate pair in the same form.
pub(super) fn push_code(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend(
            [0xe0 | code >> 12, 0x80 | code >> 6 & 0x3f, 0x80 | code & 0x3f].map(|byte| byte as u8),
        ),
    }
}

/// The pieces of a string: UTF-8, and the half of a surrogate pair that follows.
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

/// A number of exactly `width` hex digits at the front.
pub(super) fn hex(text: &[u8], width: usize) -> Option<u32> {
    let digits = text.get(..width).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    std::str::from_utf8(digits).ok().and_then(|text| u32::from_str_radix(text, 16).ok())
}

/// The code of a surrogate pair, whose second half is the escape `\uXXXX` at the front.
pub(super) fn joined(high: u32, text: &[u8]) -> Option<u32> {
    let low = hex(text.strip_prefix(b"\\u")?, 4)?;
    let is_pair = (0xd800..=0xdbff).contains(&high) && (0xdc00..=0xdfff).contains(&low);
    is_pair.then(|| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}

/// Resolves Latin-1 with `\uXXXX` and `\UXXXXXXXX` (CPython's raw-unicode-escape).
fn unescape_unicode(text: &[u8]) -> Result<Vec<u8>, PickleError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let width = match (byte, behind.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            (b'\\', Some(other)) => {
                out.push(b'\\');
                push_code(u32::from(*other), &mut out);
                rest = behind.get(1..).unwrap_or_default();
                continue;
            }
            _ => {
                push_code(u32::from(*byte), &mut out);
                continue;
            }
        };
        let digits = behind.get(1..).unwrap_or_default();
        let code = hex(digits, width).filter(|code| *code <= u32::from(char::MAX));
        let Some(code) = code else { return malformed("a string with a broken escape") };
        rest = digits.get(width..).unwrap_or_default();
        // A pair of surrogates is one character of a Python 2 whose characters have 16 bits.
        let pair = joined(code, rest);
        if pair.is_some() {
            rest = rest.get(6..).unwrap_or_default();
        }
        push_code(pair.unwrap_or(code), &mut out);
    }
    Ok(out)
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
                let Some(code) = hex(rest, 2) else {
                    return malformed("a string with a broken escape");
                };
                rest = rest.get(2..).unwrap_or_default();
                code as u8
            }
            b'0'..=b'7' => {
                let mut value = u32::from(kind - b'0');
                for _ in 0..2 {
                    let Some((digit @ b'0'..=b'7', behind)) = rest.split_first() else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    rest = behind;
                }
                value as u8
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
