//! JSON text as tokens.
//!
//! A parser of its own because numbers must come as they are written (serde_json rounds integers
//! beyond 64 bits), keys in their order, and depth without recursion.

use std::borrow::Cow;

use memchr::memchr2;

use super::text::{hex, joined, push_code};

/// A place in a JSON text.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

/// A value without parts, or the beginning of one with parts.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// Only digits and perhaps a minus.
    Int(&'a str),
    Float(f64),
    /// UTF-8, where halves of surrogate pairs are coded as characters are.
    Text(Cow<'a, [u8]>),
    Array,
    Object,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// An error at this place.
    pub(super) fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at byte {}", self.at))
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
    }

    /// Takes `mark` if it comes next.
    pub(super) fn accept(&mut self, mark: u8) -> bool {
        self.skip_blanks();
        let found = self.text.get(self.at) == Some(&mark);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, mark: u8) -> Result<(), String> {
        if self.accept(mark) {
            return Ok(());
        }
        self.fail(&format!("no JSON: `{}` is missing", char::from(mark)))
    }

    /// Makes sure that nothing follows.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.skip_blanks();
        if self.at == self.text.len() { Ok(()) } else { self.fail("no JSON: something follows") }
    }

    /// The next value, or its beginning.
    pub(super) fn value(&mut self) -> Result<Token<'a>, String> {
        self.skip_blanks();
        match self.rest() {
            [b'[', ..] => self.word(1, Token::Array),
            [b'{', ..] => self.word(1, Token::Object),
            [b'n', b'u', b'l', b'l', ..] => self.word(4, Token::Null),
            [b't', b'r', b'u', b'e', ..] => self.word(4, Token::Bool(true)),
            [b'f', b'a', b'l', b's', b'e', ..] => self.word(5, Token::Bool(false)),
            [b'"', ..] => self.string().map(Token::Text),
            [b'-' | b'0'..=b'9', ..] => self.number(),
            [] => self.fail("no JSON: it ends"),
            _ => self.fail("no JSON"),
        }
    }

    fn word(&mut self, len: usize, token: Token<'a>) -> Result<Token<'a>, String> {
        self.at += len;
        Ok(token)
    }

    fn number(&mut self) -> Result<Token<'a>, String> {
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let len = self.rest().iter().take_while(is_part).count();
        let text = self.rest().get(..len).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.unwrap_or_default();
        if !is_number(text.as_bytes()) {
            return self.fail("no JSON: a number that is none");
        }
        if !text.bytes().any(|byte| b".eE".contains(&byte)) {
            return self.word(len, Token::Int(text));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => self.word(len, Token::Float(float)),
            _ => self.fail("a number beyond what a float can be"),
        }
    }

    /// A string with its quotes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, String> {
        self.expect(b'"')?;
        let mut whole = Cow::Borrowed(self.plain()?);
        while self.take() == Some(b'\\') {
            let code = self.escape()?;
            let plain = self.plain()?;
            push_code(code, whole.to_mut());
            whole.to_mut().extend_from_slice(plain);
        }
        Ok(whole)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// Takes what comes before a quote or backslash.
    fn plain(&mut self) -> Result<&'a [u8], String> {
        let Some(end) = memchr2(b'"', b'\\', self.rest()) else {
            return self.fail("no JSON: a string without end");
        };
        let plain = self.rest().get(..end).unwrap_or_default();
        if plain.iter().any(|byte| *byte < 0x20) {
            return self.fail("no JSON: a control character in the string");
        }
        if std::str::from_utf8(plain).is_err() {
            return self.fail("no UTF-8 in the string");
        }
        self.at += end;
        Ok(plain)
    }

    /// What follows a backslash: a code, which may be half of a surrogate pair. A half that stands
    /// alone is what Python has in its strings where a file name is not UTF-8.
    fn escape(&mut self) -> Result<u32, String> {
        let Some(kind) = self.take() else { return self.fail("no JSON: it ends") };
        Ok(u32::from(match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let Some(code) = hex(self.rest(), 4) else {
                    return self.fail("no JSON: a broken escape");
                };
                self.at += 4;
                let pair = joined(code, self.rest());
                self.at += if pair.is_some() { 6 } else { 0 };
                return Ok(pair.unwrap_or(code));
            }
            _ => return self.fail("no JSON: an unknown escape"),
        }))
    }
}

/// RFC 8259, section 6. The text consists of the characters of numbers alone.
fn is_number(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json() {
        for right in ["0", "-0", "12", "-1.5", "0.0", "1e5", "1E+5", "1.25e-7"] {
            assert!(is_number(right.as_bytes()), "{right}");
        }
        for wrong in ["", "-", "01", "+1", "1.", ".5", "1e", "1e+", "1.5.2", "0x1", "1-2"] {
            assert!(!is_number(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn strings_are_unescaped() {
        let cases = [
            (r#""a""#, "a"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""x\u00e9y\ud83d\ude00""#, "x\u{e9}y\u{1f600}"),
        ];
        for (text, expected) in cases {
            let string = Lexer::new(text.as_bytes()).string();
            assert_eq!(string.as_deref(), Ok(expected.as_bytes()));
        }
        for wrong in [r#""a"#, r#""\"#, r#""\x""#, r#""\u12""#, r#""\ud800\u""#, "\"\n\"", "a"] {
            assert!(Lexer::new(wrong.as_bytes()).string().is_err(), "{wrong}");
        }
        assert!(Lexer::new(b"\"\xff\"").string().is_err());
        let halves = Lexer::new(br#""\ude00\ud83d\ud83d\ude00""#).string().unwrap();
        assert_eq!(*halves, b"\xed\xb8\x80\xed\xa0\xbd\xf0\x9f\x98\x80"[..]);
    }
}
