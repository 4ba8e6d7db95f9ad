//! JSON text as a pickle of protocol 4, with neither frames nor a memo, which every Python 3.4 and
//! later loads.
//!
//! The parser is its own because numbers must come as they are written (serde_json rounds integers
//! beyond 64 bits), keys in their order, and halves of surrogate pairs as they are.

use std::borrow::Cow;

use data_encoding::BASE64;
use memchr::memchr2;

use super::classes;
use super::text::{escape, push_code, take};
use super::tree::NodeKind;
use super::{FLOAT, INT, MAX_DEPTH, PickleError, TAGS, number};

/// Encodes one JSON text as a pickle and appends it to `out`.
///
/// # Errors
/// What is wrong with the text, and where; what was appended then is of no use.
pub(in crate::framing) fn encode(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(b"\x80\x04");
    let mut encoder = Encoder { text: json, rest: json, out };
    encoder.value(0)?;
    encoder.skip_blanks();
    if !encoder.rest.is_empty() {
        return encoder.fail("no JSON: something follows");
    }
    out.push(b'.');
    Ok(())
}

pub(super) struct Encoder<'a, 'o> {
    text: &'a [u8],
    /// What has not been read of it.
    rest: &'a [u8],
    pub(super) out: &'o mut Vec<u8>,
}

/// What has become of an object at its first value.
enum Begun {
    /// A dict with a first key.
    Object,
    /// A tag, which makes this of the list that follows.
    Members(NodeKind),
    Whole {
        hashable: bool,
    },
}

impl<'a> Encoder<'a, '_> {
    /// Encodes a value; returns whether it is hashable.
    fn value(&mut self, depth: usize) -> Result<bool, String> {
        if depth > MAX_DEPTH {
            return self.fail(&format!("nested deeper than {MAX_DEPTH}"));
        }
        self.skip_blanks();
        match self.rest.first() {
            Some(b'[') => self.members(NodeKind::List, depth),
            Some(b'{') => match self.begin()? {
                Begun::Object => self.object(depth),
                Begun::Members(kind) => self.members(kind, depth),
                Begun::Whole { hashable } => Ok(hashable),
            },
            _ => self.scalar().map(|()| true),
        }
    }

    fn scalar(&mut self) -> Result<(), String> {
        match self.rest {
            [b'"', ..] => {
                let text = self.string()?;
                self.text(&text);
            }
            [b'-' | b'0'..=b'9', ..] => self.number(false)?,
            [b'n', b'u', b'l', b'l', rest @ ..] => self.word(b'N', rest),
            [b't', b'r', b'u', b'e', rest @ ..] => self.word(0x88, rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => self.word(0x89, rest),
            [] => return self.fail("no JSON: it ends"),
            _ => return self.fail("no JSON"),
        }
        Ok(())
    }

    fn word(&mut self, opcode: u8, rest: &'a [u8]) {
        self.out.push(opcode);
        self.rest = rest;
    }

    /// Encodes a number, also an integer as a float if `as_float` says so.
    pub(super) fn number(&mut self, as_float: bool) -> Result<(), String> {
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let len = self.rest.iter().take_while(is_part).count();
        let (text, rest) = self.rest.split_at(len);
        if !as_float && let Some(int) = number::short_int(text) {
            self.rest = rest;
            number::encode_i64(int, self.out);
            return Ok(());
        }
        if !number::is_number(text) {
            return self.fail("no JSON: a number that is none");
        }
        let text = std::str::from_utf8(text).unwrap_or_default();
        // As in Python, it is an integer where nothing makes it a float.
        if !as_float && !text.bytes().any(|byte| b".eE".contains(&byte)) {
            self.rest = rest;
            return self.int(text);
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => number::encode_float(float, self.out),
            _ => return self.fail("a number beyond what a float can be"),
        }
        self.rest = rest;
        Ok(())
    }

    fn int(&mut self, digits: &str) -> Result<(), String> {
        number::encode_int(digits, self.out).or_else(|error| match error {
            PickleError::Malformed(what) | PickleError::Unsafe(what) => self.fail(&what),
        })
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.counted(0x8c, 0x8d, text);
    }

    /// Appends bytes behind their length, of one byte with the first opcode or of eight bytes with
    /// the second.
    fn counted(&mut self, short: u8, long: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.out.extend_from_slice(&[short, len]),
            Err(_) => {
                self.out.push(long);
                self.out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    /// Encodes a list, or what else a tag has made of it.
    fn members(&mut self, kind: NodeKind, depth: usize) -> Result<bool, String> {
        self.expect(b'[')?;
        // An empty one, what begins one that is not, and what puts all behind the mark into it.
        let (empty, start, end): (&[u8], &[u8], u8) = match kind {
            NodeKind::Dict => (b"}", b"}(", b'u'),
            NodeKind::Tuple => (b")", b"(", b't'),
            NodeKind::Set => (b"\x8f", b"\x8f(", 0x90),
            NodeKind::Frozenset => (b"(\x91", b"(", 0x91),
            NodeKind::OrderedDict => (b")R", b")R(", b'u'),
            _ => (b"]", b"](", b'e'),
        };
        if kind == NodeKind::OrderedDict {
            classes::import(kind, self.out);
        }
        let mut hashable = true;
        if self.accept(b']') {
            self.out.extend_from_slice(empty);
        } else {
            self.out.extend_from_slice(start);
            loop {
                hashable &= self.member(kind, depth)?;
                if !self.accept(b',') {
                    break;
                }
            }
            self.expect(b']')?;
            self.out.push(end);
        }
        if kind != NodeKind::List {
            self.expect(b'}')?;
        }
        Ok(kind == NodeKind::Frozenset || kind == NodeKind::Tuple && hashable)
    }

    /// Encodes a member; of a dict, which is a list of pairs, a pair.
    fn member(&mut self, kind: NodeKind, depth: usize) -> Result<bool, String> {
        if kind.is_dict() {
            self.expect(b'[')?;
        }
        let hashable = self.value(depth + 1)?;
        if !hashable && (kind.is_dict() || matches!(kind, NodeKind::Set | NodeKind::Frozenset)) {
            return self.fail("a key or member of a set that can be changed");
        }
        if kind.is_dict() {
            self.expect(b',')?;
            self.value(depth + 1)?;
            self.expect(b']')?;
        }
        Ok(hashable)
    }

    /// Reads an object up to its first value.
    fn begin(&mut self) -> Result<Begun, String> {
        self.expect(b'{')?;
        if self.accept(b'}') {
            self.out.push(b'}');
            return Ok(Begun::Whole { hashable: false });
        }
        let key = self.string()?;
        self.expect(b':')?;
        // A tag is the only key of its object: what follows its value has to be the brace.
        if key.first() != Some(&b'$') {
            self.out.extend_from_slice(b"}(");
            self.text(&key);
            return Ok(Begun::Object);
        }
        let kind = TAGS.iter().find(|(_, tag)| tag.as_bytes() == &*key).map(|(kind, _)| *kind);
        if let Some(
            kind @ (NodeKind::Tuple
            | NodeKind::Set
            | NodeKind::Frozenset
            | NodeKind::Dict
            | NodeKind::OrderedDict),
        ) = kind
        {
            return Ok(Begun::Members(kind));
        }
        let hashable = match kind {
            Some(class) if !matches!(class, NodeKind::Bytes | NodeKind::Bytearray) => {
                self.instance(class)?
            }
            _ => self.tagged(kind, &key).map(|()| kind != Some(NodeKind::Bytearray))?,
        };
        self.expect(b'}')?;
        Ok(Begun::Whole { hashable })
    }

    /// Encodes the members of an object from its first value on.
    fn object(&mut self, depth: usize) -> Result<bool, String> {
        loop {
            self.value(depth + 1)?;
            if !self.accept(b',') {
                break;
            }
            let key = self.string()?;
            if key.first() == Some(&b'$') {
                return self.unknown_tag();
            }
            self.expect(b':')?;
            self.text(&key);
        }
        self.expect(b'}')?;
        self.out.push(b'u');
        Ok(false)
    }

    /// Encodes what a tag makes of the string behind it.
    pub(super) fn tagged(&mut self, kind: Option<NodeKind>, tag: &[u8]) -> Result<(), String> {
        if kind.is_none() && ![INT.as_bytes(), FLOAT.as_bytes()].contains(&tag) {
            return self.unknown_tag();
        }
        let text = self.string()?;
        match kind {
            Some(NodeKind::Bytes) => self.bytes(&text)?,
            Some(_) => {
                // The opcode for a bytearray came with protocol 5, Python 3.8.
                self.out.extend_from_slice(b"cbuiltins\nbytearray\n");
                self.bytes(&text)?;
                self.out.extend_from_slice(b"\x85R");
            }
            // What is no UTF-8 is no digit.
            None if tag == INT.as_bytes() => self.int(std::str::from_utf8(&text).unwrap_or("?"))?,
            None => {
                let float = match &*text {
                    b"nan" => f64::NAN,
                    b"inf" => f64::INFINITY,
                    b"-inf" => f64::NEG_INFINITY,
                    _ => return self.fail("neither nan, inf nor -inf"),
                };
                number::encode_float(float, self.out);
            }
        }
        Ok(())
    }

    fn unknown_tag<T>(&self) -> Result<T, String> {
        self.fail("a key with `$` that is no tag (write it as {\"$dict\":[[key,value]]})")
    }

    fn bytes(&mut self, text: &[u8]) -> Result<(), String> {
        let Ok(bytes) = BASE64.decode(text) else { return self.fail("no base64") };
        self.counted(b'C', 0x8e, &bytes);
        Ok(())
    }

    /// An error at this place.
    #[cold]
    pub(super) fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at byte {}", self.text.len() - self.rest.len()))
    }

    pub(super) fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Takes `mark` if it comes next.
    pub(super) fn accept(&mut self, mark: u8) -> bool {
        self.skip_blanks();
        let found = self.rest.first() == Some(&mark);
        if found {
            take(&mut self.rest);
        }
        found
    }

    pub(super) fn expect(&mut self, mark: u8) -> Result<(), String> {
        if self.accept(mark) {
            return Ok(());
        }
        self.fail(&format!("no JSON: `{}` is missing", char::from(mark)))
    }

    /// A string with its quotes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, String> {
        self.expect(b'"')?;
        let mut whole = Cow::Borrowed(self.plain()?);
        while take(&mut self.rest) == Some(b'\\') {
            let code = self.escape()?;
            let plain = self.plain()?;
            push_code(code, whole.to_mut());
            whole.to_mut().extend_from_slice(plain);
        }
        Ok(whole)
    }

    /// Takes what comes before a quote or backslash.
    fn plain(&mut self) -> Result<&'a [u8], String> {
        let Some(end) = memchr2(b'"', b'\\', self.rest) else {
            return self.fail("no JSON: a string without end");
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &[u8]) -> Result<Vec<u8>, String> {
        Encoder { text, rest: text, out: &mut Vec::new() }.string().map(Cow::into_owned)
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
