//! The strings of a JSON text: taken whole where they are short, and in pieces else.

use std::borrow::Cow;

use data_encoding::BASE64;
use memchr::memchr2;

use super::{Parser, Whole};
use crate::framing::pickle::text::{PIECE, escape, push_code, take};

/// A string that is read in pieces.
pub(super) struct LongString {
    place: StringPlace,
    /// What is read of it; of base64, what is not decoded yet.
    text: Vec<u8>,
    bytes: Vec<u8>,
}

/// What a string is for.
#[derive(Clone, Copy)]
pub(super) enum StringPlace {
    Value,
    /// The first key of an object, which may be a tag.
    FirstKey,
    Key,
    /// Behind the tag of bytes, or of a bytearray.
    Base64 {
        is_array: bool,
    },
}

impl<'a> Parser<'a, '_> {
    /// Reads a string and does with it what it is for; a long one in pieces.
    pub(super) fn string(&mut self, place: StringPlace) -> Whole {
        self.expect(b'"')?;
        let mut text = Cow::Borrowed(&b""[..]);
        if self.piece(&mut text)? {
            return self.put(place, &text);
        }
        let text = text.into_owned();
        self.state.string = Some(LongString { place, text, bytes: Vec::new() });
        Ok(None)
    }

    /// Reads the next piece of a long string.
    pub(super) fn go_on(&mut self) -> Whole {
        let Some(LongString { place, text, mut bytes }) = self.state.string.take() else {
            return Ok(None);
        };
        let mut text = Cow::Owned(text);
        let is_whole = self.piece(&mut text)?;
        let mut text = text.into_owned();
        if let StringPlace::Base64 { is_array } = place {
            // Four characters are three bytes.
            let behind = if is_whole { Vec::new() } else { text.split_off(text.len() / 4 * 4) };
            bytes.extend_from_slice(&self.base64(&text)?);
            text = behind;
            if is_whole {
                return self.bytes(&bytes, is_array);
            }
        } else if is_whole {
            return self.put(place, &text);
        }
        self.state.string = Some(LongString { place, text, bytes });
        Ok(None)
    }

    /// Encodes a string that is whole.
    fn put(&mut self, place: StringPlace, text: &[u8]) -> Whole {
        match place {
            StringPlace::Value => {
                self.text(text);
                Ok(Some(true))
            }
            StringPlace::FirstKey => self.first(text),
            StringPlace::Key if text.first() == Some(&b'$') => self.unknown_tag(),
            StringPlace::Key => {
                self.expect(b':')?;
                self.text(text);
                Ok(None)
            }
            StringPlace::Base64 { is_array } => {
                let bytes = self.base64(text)?;
                self.bytes(&bytes, is_array)
            }
        }
    }

    /// A string with its quotes that cannot be long.
    pub(in crate::framing::pickle) fn short_string(&mut self) -> Result<Cow<'a, [u8]>, String> {
        self.expect(b'"')?;
        let mut text = Cow::Borrowed(&b""[..]);
        if self.piece(&mut text)? { Ok(text) } else { self.fail("too long a text for its tag") }
    }

    /// Reads about [`PIECE`] bytes of a string, or to its end; true then.
    fn piece(&mut self, text: &mut Cow<'a, [u8]>) -> Result<bool, String> {
        let enough = self.rest.len().saturating_sub(PIECE);
        loop {
            let plain = self.plain()?;
            match text.is_empty() {
                true => *text = Cow::Borrowed(plain),
                false => text.to_mut().extend_from_slice(plain),
            }
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(true);
                }
                [b'\\', rest @ ..] => {
                    self.rest = rest;
                    let code = self.escape()?;
                    push_code(code, text.to_mut());
                }
                _ => {}
            }
            if self.rest.len() <= enough {
                return Ok(false);
            }
        }
    }

    /// Takes what comes before a quote or backslash, or a piece of that.
    fn plain(&mut self) -> Result<&'a [u8], String> {
        let is_inside = |at: &usize| matches!(self.rest.get(*at), Some(0x80..=0xbf));
        let window = self.rest.get(..PIECE).unwrap_or(self.rest);
        let end = match memchr2(b'"', b'\\', window) {
            Some(end) => end,
            None if window.len() == self.rest.len() => {
                return self.fail("no JSON: a string without end");
            }
            // A character has up to four bytes, and is not cut.
            None => (PIECE - 3..=PIECE).rev().find(|end| !is_inside(end)).unwrap_or(PIECE),
        };
        let (plain, rest) = self.rest.split_at(end);
        // Not `any`: a loop that looks at all of them is a vector's work.
        if plain.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
            return self.fail("no JSON: a control character in the string");
        }
        if std::str::from_utf8(plain).is_err() {
            return self.fail("no UTF-8 in the string");
        }
        self.rest = rest;
        Ok(plain)
    }

    /// What follows a backslash: a code, which may be half of a surrogate pair. A half that stands
    /// alone is what Python has in its strings where a file name is not UTF-8.
    fn escape(&mut self) -> Result<u32, String> {
        let Some(kind) = take(&mut self.rest) else { return self.fail("no JSON: it ends") };
        if !b"\"\\/bfnrtu".contains(&kind) {
            return self.fail("no JSON: an unknown escape");
        }
        match escape(kind, &mut self.rest) {
            Some(code) => Ok(code),
            None => self.fail("no JSON: a broken escape"),
        }
    }

    fn bytes(&mut self, bytes: &[u8], is_array: bool) -> Whole {
        // The opcode for a bytearray came with protocol 5, Python 3.8.
        self.out.extend_from_slice(if is_array { b"cbuiltins\nbytearray\n" } else { b"" });
        self.counted(b'C', 0x8e, bytes);
        self.out.extend_from_slice(if is_array { b"\x85R" } else { b"" });
        self.expect(b'}')?;
        Ok(Some(!is_array))
    }

    fn base64(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        BASE64.decode(text).or_else(|_| self.fail("no base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::pickle::encoder::Encoder;

    fn string(text: &[u8]) -> Result<Vec<u8>, String> {
        let (out, state) = (&mut Vec::new(), &mut Encoder::default());
        Parser { text, rest: text, out, state }.short_string().map(Cow::into_owned)
    }

    #[test]
    fn strings_are_unescaped() {
        let cases = [
            (r#""a""#, "a"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""x\u00e9y\ud83d\ude00""#, "x\u{e9}y\u{1f600}"),
        ];
        for (text, expected) in cases {
            assert_eq!(string(text.as_bytes()).as_deref(), Ok(expected.as_bytes()));
        }
        for wrong in [r#""a"#, r#""\"#, r#""\x""#, r#""\u12""#, r#""\ud800\u""#, "\"\n\"", "a"] {
            assert!(string(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(string(b"\"\xff\"").is_err());
        let halves = string(br#""\ude00\ud83d\ud83d\ude00""#).unwrap();
        assert_eq!(halves, b"\xed\xb8\x80\xed\xa0\xbd\xf0\x9f\x98\x80");
    }
}
