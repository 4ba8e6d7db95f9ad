//! Strings as the opcodes spell them, and as JSON.
//!
//! In between, a string is UTF-8 in which halves of surrogate pairs may stand, coded like
//! characters (Python's "surrogatepass"). Nothing is copied until it is written.

use std::borrow::Cow;

use super::{PickleError, malformed};

/// What half of a surrogate pair begins with, and a few characters too.
const SURROGATE: u8 = 0xed;
/// How many bytes of a spelling are taken at a time; without a rest by three, as base64 wants it.
pub(super) const PIECE: usize = 384 << 10;

/// A string as it lies in the pickle.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) form: TextForm,
    pub(super) raw: &'a [u8],
}

/// How a string is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TextForm {
    Utf8,
    /// Latin-1 with `\uXXXX` and `\UXXXXXXXX` (CPython's raw-unicode-escape).
    Escaped,
    /// The `str` of Python 2: bytes, mostly ASCII.
    Old,
    /// The same as a literal between quotes, which are not part of this.
    Literal,
}

impl<'a> Text<'a> {
    pub(super) fn literal(line: &'a [u8]) -> Result<Self, PickleError> {
        match line.trim_ascii_end() {
            [quote @ (b'\'' | b'"'), raw @ .., last] if quote == last => {
                Ok(Self { form: TextForm::Literal, raw })
            }
            _ => malformed("a string without its quotes"),
        }
    }

    /// Takes off what about the first `most` bytes of the spelling stand for.
    pub(super) fn take(&mut self, most: usize) -> Result<Cow<'a, [u8]>, PickleError> {
        if let TextForm::Utf8 | TextForm::Old = self.form {
            let is_inside = |at: &usize| matches!(self.raw.get(*at), Some(0x80..=0xbf));
            // A character has up to four bytes, and is not cut.
            let end = (most..self.raw.len()).take(3).find(|end| !is_inside(end));
            let (taken, rest) = self.raw.split_at(end.unwrap_or(most + 3).min(self.raw.len()));
            self.raw = rest;
            return Ok(Cow::Borrowed(taken));
        }
        let last = self.raw.len().saturating_sub(most);
        let mut out = Vec::with_capacity(self.raw.len() - last);
        while self.raw.len() > last {
            if self.form.unit(&mut self.raw, &mut out).is_none() {
                return malformed("a string with a broken escape");
            }
        }
        Ok(Cow::Owned(out))
    }

    /// Whether it is text in Python 3 as well. Unless it names its coding, that is ASCII; else
    /// it is looked at when it is written.
    pub(super) fn is_text(mut self) -> Result<bool, PickleError> {
        match self.form {
            TextForm::Utf8 | TextForm::Escaped => return Ok(true),
            TextForm::Literal if memchr::memchr(b'\\', self.raw).is_some() => {}
            _ => return Ok(self.raw.is_ascii()),
        }
        let mut is_ascii = true;
        while !self.raw.is_empty() {
            is_ascii &= self.take(PIECE)?.is_ascii();
        }
        Ok(is_ascii)
    }
}

/// Appends the text as what stands between the quotes of JSON.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) -> Result<(), PickleError> {
    let mut rest = text;
    while let Err(error) = std::str::from_utf8(rest) {
        let (plain, broken) = rest.split_at(error.valid_up_to());
        let [SURROGATE, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, behind @ ..] = broken else {
            return malformed("a string that is not UTF-8");
        };
        write_json(plain, out);
        // Three bytes hold 4, 6 and 6 bits; ed gives the four highest.
        write_escape(0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f), out);
        rest = behind;
    }
    write_json(rest, out);
    Ok(())
}

/// The characters up to U+00FF as bytes.
pub(super) fn latin1(text: &[u8]) -> Result<Vec<u8>, PickleError> {
    let chars = std::str::from_utf8(text).ok().map(str::chars);
    let bytes = chars.and_then(|chars| chars.map(|char| u8::try_from(char).ok()).collect());
    bytes.map_or_else(|| malformed("bytes with a character that is not a byte"), Ok)
}

impl TextForm {
    /// Resolves the character or escape at the front, which is there; `None` if it is broken.
    fn unit(self, rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut push = |code: u32| match self {
            Self::Literal => out.push(code as u8),
            _ => push_code(code, out),
        };
        let known: &[u8] = match self {
            // The escapes of string literals in Python 2; any other pair is two characters.
            Self::Literal => b"abfnrtvx01234567\\'\"",
            _ => b"uU",
        };
        let byte = take(rest)?;
        if byte != b'\\' || self == Self::Escaped && rest.is_empty() {
            push(u32::from(byte));
            return Some(());
        }
        let kind = take(rest)?;
        if known.contains(&kind) {
            push(escape(kind, rest)?);
        } else {
            // Both stay, and a second backslash escapes nothing.
            push(u32::from(byte));
            push(u32::from(kind));
        }
        Some(())
    }

    /// The first byte of the string whose spelling begins with these bytes. Only an escape is
    /// resolved.
    pub(super) fn first(self, mut raw: &[u8]) -> Option<u8> {
        let mut resolved = Vec::new();
        match raw.first() {
            Some(b'\\') if matches!(self, Self::Escaped | Self::Literal) => {
                self.unit(&mut raw, &mut resolved)?;
                resolved.first().copied()
            }
            first => first.copied(),
        }
    }
}

/// Appends UTF-8 with what JSON wants escaped.
fn write_json(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    // What RFC 8259, section 7, wants escaped: controls, the quote and the backslash.
    let is_special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    // Most texts have none, and a loop without an exit is a vector's work.
    if !text.iter().fold(false, |found, byte| found | is_special(byte)) {
        return out.extend_from_slice(text);
    }
    while let Some(at) = rest.iter().position(is_special) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = special;
        // Where one is, there may be nothing else.
        while let Some(byte) = rest.first().filter(|byte| is_special(byte)) {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                _ => write_escape(u32::from(*byte), out),
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
}

/// Appends a code of 16 bits.
fn write_escape(code: u32, out: &mut Vec<u8>) {
    let digit = |shift: u32| b"0123456789abcdef".get((code >> shift & 0xf) as usize).copied();
    let digits = [12, 8, 4, 0].map(|shift| digit(shift).unwrap_or_default());
    let [first, second, third, last] = digits;
    out.extend_from_slice(&[b'\\', b'u', first, second, third, last]);
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

/// Takes the next byte.
pub(super) fn take(rest: &mut &[u8]) -> Option<u8> {
    let (byte, behind) = rest.split_first()?;
    *rest = behind;
    Some(*byte)
}

/// The code of an escape, of which the backslash and its kind have been taken: what JSON and Python
/// have in common means the same in both. `None` for digits that are none, which are not taken.
pub(super) fn escape(kind: u8, rest: &mut &[u8]) -> Option<u32> {
    Some(match kind {
        b'a' => 7,
        b'b' => 8,
        b't' => 9,
        b'n' => 10,
        b'v' => 11,
        b'f' => 12,
        b'r' => 13,
        b'x' => hex(rest, 2)?,
        b'u' | b'U' => {
            let code = hex(rest, if kind == b'u' { 4 } else { 8 })?;
            second_half(code, rest).unwrap_or(code)
        }
        // Up to three octal digits. 0o777 loses its highest bit, as in Python 2.
        b'0'..=b'7' => {
            let mut value = u32::from(kind - b'0');
            for _ in 0..2 {
                let Some((digit @ b'0'..=b'7', behind)) = rest.split_first() else { break };
                value = value * 8 + u32::from(digit - b'0');
                *rest = behind;
            }
            value
        }
        other => u32::from(other),
    })
}

/// Takes a code of exactly `width` hex digits, of which there are up to 8.
fn hex(rest: &mut &[u8], width: usize) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(width)?;
    let digit = |code, digit: &u8| Some(code << 4 | char::from(*digit).to_digit(16)?);
    let code = digits.iter().try_fold(0, digit).filter(|code| *code <= u32::from(char::MAX))?;
    *rest = behind;
    Some(code)
}

/// The character of a surrogate pair, whose second half is taken if it follows as `\uXXXX`: a
/// Python 2 whose characters have 16 bits writes pairs, and so does JSON.
fn second_half(high: u32, rest: &mut &[u8]) -> Option<u32> {
    let mut behind = rest.strip_prefix(b"\\u")?;
    let low = hex(&mut behind, 4)?;
    let is_pair = (0xd800..=0xdbff).contains(&high) && (0xdc00..=0xdfff).contains(&low);
    *rest = if is_pair { behind } else { *rest };
    is_pair.then(|| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}
