//! JSON text as tokens.
//!
//! A parser of its own because numbers must come as they are written (serde_json rounds integers
//! beyond 64 bits), keys in their order, and depth without recursion.

use std::borrow::Cow;

use memchr::memchr2;

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
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
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
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest {
            [b'[', ..] => self.word(1, Token::Array),
            [b'{', ..] => self.word(1, Token::Object),
            [b'n', b'u', b'l', b'l', ..] => self.word(4, Token::Null),
            [b't', b'r', b'u', b'e', ..] => self.word(4, Token::Bool(true)),
            [b'f', b'a', b'l', b's', b'e', ..] => self.word(5, Token::Bool(false)),
            [b'"', ..] => self.string().map(Token::Text),
            [b'-' | b'0'..=b'9', ..] => self.number(rest),
            [] => self.fail("no JSON: it ends"),
            _ => self.fail("no JSON"),
        }
    }

    fn word(&mut self, len: usize, token: Token<'a>) -> Result<Token<'a>, String> {
        self.at += len;
        Ok(token)
    }

    fn number(&mut self, rest: &'a [u8]) -> Result<Token<'a>, String> {
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let len = rest.iter().take_while(is_part).count();
        let text = rest.get(..len).and_then(|text| std::str::from_utf8(text).ok());
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
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(end) = memchr2(b'"', b'\\', rest) else {
            return self.fail("no JSON: a string without end");
        };
        let plain = self.text(rest.get(..end).unwrap_or_default())?;
        self.at += end;
        if self.accept_here(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut whole = plain.to_vec();
        while !self.accept_here(b'"') {
            if self.accept_here(b'\\') {
                push(self.escape()?, &mut whole);
                continue;
            }
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(end) = memchr2(b'"', b'\\', rest) else {
                return self.fail("no JSON: a string without end");
            };
            whole.extend_from_slice(self.text(rest.get(..end).unwrap_or_default())?);
            self.at += end;
        }
        Ok(Cow::Owned(whole))
    }

    /// Takes `mark` if it comes next, blanks not passed over.
    fn accept_here(&mut self, mark: u8) -> bool {
        let found = self.text.get(self.at) == Some(&mark);
        self.at += usize::from(found);
        found
    }

    fn text(&self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        if bytes.iter().any(|byte| *byte < 0x20) {
            return self.fail("no JSON: a control character in the string");
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(bytes),
            Err(_) => self.fail("no UTF-8 in the string"),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<u32, String> {
        let Some(kind) = self.text.get(self.at) else { return self.fail("no JSON: it ends") };
        self.at += 1;
        Ok(u32::from(match kind {
            b'"' | b'\\' | b'/' => *kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(),
            _ => return self.fail("no JSON: an unknown escape"),
        }))
    }

    /// What follows `\u`: one code, or the two of a pair. A half that stands alone is what Python
    /// has in its strings where a file name is no UTF-8.
    fn unicode(&mut self) -> Result<u32, String> {
        let code = self.code()?;
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !((0xd800..=0xdbff).contains(&code) && rest.starts_with(b"\\u")) {
            return Ok(code);
        }
        let alone = self.at;
        self.at += 2;
        match self.code()? {
            low @ 0xdc00..=0xdfff => Ok(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)),
            _ => {
                self.at = alone;
                Ok(code)
            }
        }
    }

    fn code(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..).and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match text.and_then(|text| u32::from_str_radix(text, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.fail("no JSON: a broken escape"),
        }
    }
}

/// Appends a code as UTF-8, and half of a surrogate pair in the same way.
fn push(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([12, 6, 0].map(|shift| match shift {
            12 => 0xe0 | (code >> 12) as u8,
            _ => 0x80 | (code >> shift & 0x3f) as u8,
        })),
    }
}

/// RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent =
            exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
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
