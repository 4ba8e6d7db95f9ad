//! The strings of a JSON text: taken whole where they are short, and in pieces else.

use std::borrow::Cow;

use data_encoding::BASE64;
use memchr::memchr2;

use super::{Parser, Whole};
use crate::framing::pickle::text::{PIECE, escape, push_code, take};

/// A string that is read in pieces, each of which is encoded at once.
pub(super) struct LongString {
    place: StringPlace,
    /// Where in the pickle its length stands, which is written at the end.
    len_at: usize,
    /// Of base64: up to three characters that are not decoded yet.
    behind: Vec<u8>,
}

/// Bytes of the length of a long string.
const LEN: usize = size_of::<u64>();

/// What a string is for.
#[derive(Clone, Copy)]
pub(super) enum StringPlace {
    Value,
    /// The first key of an object, which may be a tag.
    FirstKey,
    Key,
    /// Behind the tag of bytes, or of a bytearray.
    Base64(ByteClass),
}

/// What the bytes of base64 become.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteClass {
    Bytes,
    Bytearray,
}

/// Names the class, which is called. The opcode for a bytearray came with protocol 5, Python 3.8.
const BYTEARRAY: &[u8] = b"cbuiltins\nbytearray\n";

impl<'a> Parser<'a, '_> {
    /// Reads a string and does with it what it is for; a long one in pieces.
    pub(super) fn string(&mut self, place: StringPlace) -> Whole {
        self.expect(b'"')?;
        let mut text = Cow::Borrowed(&b""[..]);
        if self.piece(&mut text)? {
            return self.put(place, &text);
        }
        self.begin_long(place, &text).map(|()| None)
    }

    /// Begins to encode a string of which this is the first piece. What the pieces encode is longer
    /// than 255 bytes, of which the length has eight bytes.
    fn begin_long(&mut self, place: StringPlace, text: &[u8]) -> Result<(), String> {
        let is_tag = matches!(place, StringPlace::FirstKey | StringPlace::Key);
        if is_tag && text.first() == Some(&b'$') {
            return self.unknown_tag();
        }
        let opcodes: &[u8] = match place {
            StringPlace::Value | StringPlace::Key => b"\x8d",
            StringPlace::FirstKey => b"}(\x8d",
            StringPlace::Base64(ByteClass::Bytearray) => &[BYTEARRAY, b"\x8e"].concat(),
            StringPlace::Base64(ByteClass::Bytes) => b"\x8e",
        };
        // About all that follows, so that the pickle moves once and not at each doubling.
        self.out.reserve(opcodes.len() + LEN + text.len() + self.rest.len());
        self.out.extend_from_slice(opcodes);
        let len_at = self.out.len();
        self.out.extend_from_slice(&[0; LEN]);
        let mut long = LongString { place, len_at, behind: Vec::new() };
        self.extend(&mut long, text, false)?;
        self.state.string = Some(long);
        Ok(())
    }

    /// Reads the next piece of a long string.
    pub(super) fn go_on(&mut self) -> Whole {
        let Some(mut long) = self.state.string.take() else { return Ok(None) };
        let mut text = match long.behind.is_empty() {
            true => Cow::Borrowed(&b""[..]),
            false => Cow::Owned(std::mem::take(&mut long.behind)),
        };
        let is_whole = self.piece(&mut text)?;
        self.extend(&mut long, &text, is_whole)?;
        if !is_whole {
            self.state.string = Some(long);
            return Ok(None);
        }
        let len = (self.out.len() - long.len_at - LEN) as u64;
        if let Some(place) = self.out.get_mut(long.len_at..long.len_at + LEN) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        match long.place {
            StringPlace::Value => Ok(Some(true)),
            StringPlace::Key => self.expect(b':').map(|()| None),
            StringPlace::FirstKey => {
                self.expect(b':')?;
                self.begin_object();
                Ok(None)
            }
            StringPlace::Base64(class) => self.end_bytes(class),
        }
    }

    /// Encodes a piece of a long string.
    fn extend(&mut self, long: &mut LongString, text: &[u8], is_last: bool) -> Result<(), String> {
        if !matches!(long.place, StringPlace::Base64(_)) {
            self.out.extend_from_slice(text);
            return Ok(());
        }
        // Four characters are three bytes.
        let end = if is_last { text.len() } else { text.len() / 4 * 4 };
        let (text, behind) = text.split_at(end);
        long.behind.extend_from_slice(behind);
        self.base64(text)
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
            StringPlace::Base64(class) => {
                let bytes = BASE64.decode(text).or_else(|_| self.fail("no base64"))?;
                self.bytes(&bytes, class)
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
                return self.fail("not JSON: a string without end");
            }
            // A character has up to four bytes, and is not cut.
            None => (PIECE - 3..=PIECE).rev().find(|end| !is_inside(end)).unwrap_or(PIECE),
        };
        let (plain, rest) = self.rest.split_at(end);
        // Not `any`: a loop that looks at all of them is a vector's work.
        if plain.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
            return self.fail("not JSON: a control character in the string");
        }
        if std::str::from_utf8(plain).is_err() {
            return self.fail("invalid UTF-8 in the string");
        }
        self.rest = rest;
        Ok(plain)
    }

    /// What follows a backslash: a code, which may be half of a surrogate pair. A half that stands
    /// alone is what Python has in its strings where a file name is not UTF-8.
    fn escape(&mut self) -> Result<u32, String> {
        let Some(kind) = take(&mut self.rest) else { return self.fail("not JSON: it ends") };
        if !b"\"\\/bfnrtu".contains(&kind) {
            return self.fail("not JSON: an unknown escape");
        }
        match escape(kind, &mut self.rest) {
            Some(code) => Ok(code),
            None => self.fail("not JSON: a broken escape"),
        }
    }

    fn bytes(&mut self, bytes: &[u8], class: ByteClass) -> Whole {
        if class == ByteClass::Bytearray {
            self.out.extend_from_slice(BYTEARRAY);
        }
        self.counted(b'C', 0x8e, bytes);
        self.end_bytes(class)
    }

    fn end_bytes(&mut self, class: ByteClass) -> Whole {
        if class == ByteClass::Bytearray {
            self.out.extend_from_slice(b"\x85R");
        }
        self.expect(b'}')?;
        Ok(Some(class == ByteClass::Bytes))
    }

    /// Appends the bytes of base64.
    fn base64(&mut self, text: &[u8]) -> Result<(), String> {
        let Ok(most) = BASE64.decode_len(text.len()) else { return self.fail("no base64") };
        let start = self.out.len();
        self.out.resize(start + most, 0);
        let into = self.out.get_mut(start..).unwrap_or_default();
        let Ok(len) = BASE64.decode_mut(text, into) else { return self.fail("no base64") };
        self.out.truncate(start + len);
        Ok(())
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

    /// Where a long string stands, and what is before and behind it in text and pickle.
    const PLACES: [(&str, &str, &[u8], &[u8]); 5] = [
        ("", "", b"", b""),
        ("[1,", ",2]", b"](K\x01", b"K\x02e"),
        ("{", ":1}", b"}(", b"K\x01u"),
        ("{\"a\":1,", ":1}", b"}(\x8c\x01aK\x01", b"K\x01u"),
        ("[{", ":[]}]", b"](}(", b"]ue"),
    ];

    #[track_caller]
    fn encode_in_steps(json: &str, expected: &[u8]) {
        for work in [0, 1, PIECE, usize::MAX] {
            let (mut encoder, mut out, mut steps) = (Encoder::default(), Vec::new(), 0);
            while !encoder.step(json.as_bytes(), &mut out, &mut { work }).unwrap() {
                steps += 1;
                assert!(encoder.string.as_ref().is_none_or(|string| string.behind.len() < 4));
            }
            assert!(out == expected, "{} bytes, not {}", out.len(), expected.len());
            assert_eq!(steps > 0, work <= PIECE);
            assert!(out.capacity() < json.len() + 1024, "{} for {}", out.capacity(), json.len());
        }
    }

    #[test]
    fn a_long_string_is_encoded_piece_by_piece() {
        let text = "plain \u{e9}\u{20ac}\u{1f600}\n".repeat(90_000);
        let (raw, long) = (format!("\"{}\"", text.replace('\n', "\\n")), text.len() as u64);
        // The least that pieces of a text can come to.
        let (few, nulls) = (format!("\"{}\"", "\\u0000".repeat(70_000)), "\0".repeat(70_000));
        for (spelling, text, len) in [(&raw, &text, long), (&few, &nulls, 70_000)] {
            for (before, behind, start, end) in PLACES {
                let pickle =
                    [b"\x80\x04", start, b"\x8d", &len.to_le_bytes(), text.as_bytes(), end, b"."];
                encode_in_steps(&format!("{before}{spelling}{behind}"), &pickle.concat());
            }
        }
    }

    #[test]
    fn long_bytes_are_decoded_piece_by_piece() {
        for len in [900_000_u32, 900_001, 900_002] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let (text, len) = (BASE64.encode(&bytes), u64::from(len).to_le_bytes());
            // An escape moves what is behind it against the pieces.
            for text in [text.clone(), text.replacen('A', "\\u0041", 1)] {
                let pickle = [b"\x80\x04\x8e", &len[..], &bytes, b"."].concat();
                encode_in_steps(&format!("{{\"$bytes\":\"{text}\"}}"), &pickle);
                let import = b"\x80\x04cbuiltins\nbytearray\n\x8e";
                let pickle = [import, &len[..], &bytes, b"\x85R."].concat();
                encode_in_steps(&format!("{{\"$bytearray\":\"{text}\"}}"), &pickle);
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_long_string_is_found() {
        let (long, mut out) = ("A".repeat(3 * PIECE), Vec::new());
        for wrong in [
            format!("\"{long}"),
            format!("\"{long}\n\""),
            format!("{{\"{long}\"}}"),
            format!("{{\"${long}\":1}}"),
            format!("{{\"a\":1,\"\\u0024{long}\":1}}"),
            format!("{{\"$bytes\":\"{long}A\"}}"),
            format!("{{\"$bytes\":\"{long}!AAA\"}}"),
            format!("{{\"$bytes\":\"{long}\",\"a\":1}}"),
            format!("{{\"$int\":\"{long}\"}}"),
        ] {
            let error = Encoder::default().step(wrong.as_bytes(), &mut out, &mut { usize::MAX });
            assert!(error.is_err(), "{}", wrong.get(..20).unwrap_or_default());
        }
    }
}
