//! JSON text as a pickle of protocol 4, with neither frames nor a memo, which every Python 3.4 and
//! later loads.

use data_encoding::BASE64;

use super::json::{Lexer, Token};
use super::{MAX_DEPTH, PickleError, number, tag};

/// Encodes one JSON text as a pickle and appends it to `out`.
///
/// # Errors
/// What is wrong with the text, and where; what was appended then is of no use.
pub(in crate::framing) fn encode(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(b"\x80\x04");
    let mut encoder = Encoder { lexer: Lexer::new(json), out, open: Vec::new() };
    let mut whole = None;
    loop {
        whole = match (whole, encoder.open.is_empty()) {
            (None, _) => encoder.value()?,
            (Some(_), true) => break,
            (Some(hashable), false) => encoder.go_on(hashable)?,
        };
    }
    encoder.lexer.finish()?;
    out.push(b'.');
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    /// A JSON object.
    Object,
    /// The list of pairs in `{"$dict":…}`.
    Pairs,
    Tuple,
    Set,
    Frozenset,
}

impl Kind {
    /// What makes an empty one, and whether it stands before the mark of one with members.
    fn empty(self) -> (&'static [u8], bool) {
        match self {
            Self::List => (b"]", true),
            Self::Object | Self::Pairs => (b"}", true),
            Self::Tuple => (b")", false),
            Self::Set => (b"\x8f", true),
            Self::Frozenset => (b"(\x91", false),
        }
    }

    /// What puts everything behind the mark into it.
    fn closing(self) -> u8 {
        match self {
            Self::List => b'e',
            Self::Object | Self::Pairs => b'u',
            Self::Tuple => b't',
            Self::Set => 0x90,
            Self::Frozenset => 0x91,
        }
    }
}

/// A container of which a part has been read.
struct Open {
    kind: Kind,
    /// All its members so far may be keys.
    hashable: bool,
    /// The value of a pair comes next.
    at_value: bool,
}

struct Encoder<'a, 'o> {
    lexer: Lexer<'a>,
    out: &'o mut Vec<u8>,
    open: Vec<Open>,
}

impl<'a> Encoder<'a, '_> {
    /// Reads a value, or its beginning; returns whether it is hashable once it is whole.
    fn value(&mut self) -> Result<Option<bool>, String> {
        match self.lexer.value()? {
            Token::Null => self.out.push(b'N'),
            Token::Bool(true) => self.out.push(0x88),
            Token::Bool(false) => self.out.push(0x89),
            Token::Int(digits) => self.int(digits)?,
            Token::Float(float) => number::encode_float(float, self.out),
            Token::Text(text) => self.text(&text),
            Token::Array => return self.open(Kind::List),
            Token::Object => return self.object(),
        }
        Ok(Some(true))
    }

    fn int(&mut self, digits: &str) -> Result<(), String> {
        number::encode_int(digits, self.out).or_else(|error| match error {
            PickleError::Malformed(what) | PickleError::Unsafe(what) => self.lexer.fail(&what),
        })
    }

    fn text(&mut self, text: &[u8]) {
        match u8::try_from(text.len()) {
            Ok(len) => self.out.extend_from_slice(&[0x8c, len]),
            Err(_) => {
                self.out.push(0x8d);
                self.out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            }
        }
        self.out.extend_from_slice(text);
    }

    /// An object is a dict, or one of the tagged forms.
    fn object(&mut self) -> Result<Option<bool>, String> {
        if self.lexer.accept(b'}') {
            self.out.push(b'}');
            return Ok(Some(false));
        }
        let key = self.lexer.string()?;
        self.lexer.expect(b':')?;
        if key.first() != Some(&b'$') {
            self.out.extend_from_slice(b"}(");
            self.text(&key);
            return self.push(Kind::Object, true);
        }
        let kind = match std::str::from_utf8(&key).unwrap_or_default() {
            tag::TUPLE => Kind::Tuple,
            tag::SET => Kind::Set,
            tag::FROZENSET => Kind::Frozenset,
            tag::DICT => Kind::Pairs,
            tag => return self.tagged_text(tag),
        };
        self.lexer.expect(b'[')?;
        self.open(kind)
    }

    /// The tagged forms that are one string.
    fn tagged_text(&mut self, tag: &str) -> Result<Option<bool>, String> {
        if ![tag::BYTES, tag::BYTEARRAY, tag::INT, tag::FLOAT].contains(&tag) {
            return self.unknown_tag();
        }
        let text = self.lexer.string()?;
        // What is none is neither base64 nor a number.
        let text = std::str::from_utf8(&text).unwrap_or("?");
        match tag {
            tag::BYTES => self.bytes(text)?,
            tag::INT => self.int(text)?,
            tag::FLOAT => {
                let float = match text {
                    "nan" => f64::NAN,
                    "inf" => f64::INFINITY,
                    "-inf" => f64::NEG_INFINITY,
                    _ => return self.lexer.fail("neither nan, inf nor -inf"),
                };
                number::encode_float(float, self.out);
            }
            _ => {
                self.out.extend_from_slice(b"cbuiltins\nbytearray\n");
                self.bytes(text)?;
                self.out.extend_from_slice(b"\x85R");
            }
        }
        self.lexer.expect(b'}')?;
        Ok(Some(tag != tag::BYTEARRAY))
    }

    fn unknown_tag<T>(&self) -> Result<T, String> {
        self.lexer.fail("a key with `$` that is no tag (write it as {\"$dict\":[[key,value]]})")
    }

    fn bytes(&mut self, text: &str) -> Result<(), String> {
        let Ok(bytes) = BASE64.decode(text.as_bytes()) else { return self.lexer.fail("no base64") };
        match u8::try_from(bytes.len()) {
            Ok(len) => self.out.extend_from_slice(&[b'C', len]),
            Err(_) => {
                self.out.push(0x8e);
                self.out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
        }
        self.out.extend_from_slice(&bytes);
        Ok(())
    }

    /// Begins a container whose bracket has been read.
    fn open(&mut self, kind: Kind) -> Result<Option<bool>, String> {
        let (empty, stays) = kind.empty();
        if self.lexer.accept(b']') {
            self.out.extend_from_slice(empty);
            return self.whole(kind, true).map(Some);
        }
        if stays {
            self.out.extend_from_slice(empty);
        }
        self.out.push(b'(');
        if kind == Kind::Pairs {
            self.lexer.expect(b'[')?;
        }
        self.push(kind, false)
    }

    fn push(&mut self, kind: Kind, at_value: bool) -> Result<Option<bool>, String> {
        if self.open.len() >= MAX_DEPTH {
            return self.lexer.fail(&format!("nested deeper than {MAX_DEPTH}"));
        }
        self.open.push(Open { kind, hashable: true, at_value });
        Ok(None)
    }

    /// A member of a container is whole, and hashable or not; goes on to the next one.
    fn go_on(&mut self, hashable: bool) -> Result<Option<bool>, String> {
        let Some(mut open) = self.open.pop() else { return Ok(Some(hashable)) };
        let is_key = match open.kind {
            Kind::Set | Kind::Frozenset => true,
            Kind::Pairs => !open.at_value,
            _ => false,
        };
        if is_key && !hashable {
            return self.lexer.fail("a key or member of a set that can be changed");
        }
        open.hashable &= hashable;
        let more = match open.kind {
            Kind::Object => self.next_key()?,
            Kind::Pairs => self.next_of_pair(&mut open)?,
            _ => self.lexer.accept(b','),
        };
        if more {
            self.open.push(open);
            return Ok(None);
        }
        self.lexer.expect(if open.kind == Kind::Object { b'}' } else { b']' })?;
        self.out.push(open.kind.closing());
        self.whole(open.kind, open.hashable).map(Some)
    }

    /// Behind the value of an object: the next key, if there is one.
    fn next_key(&mut self) -> Result<bool, String> {
        if !self.lexer.accept(b',') {
            return Ok(false);
        }
        let key = self.lexer.string()?;
        if key.first() == Some(&b'$') {
            return self.unknown_tag();
        }
        self.lexer.expect(b':')?;
        self.text(&key);
        Ok(true)
    }

    /// Behind a key or value in a list of pairs: whether another follows.
    fn next_of_pair(&mut self, open: &mut Open) -> Result<bool, String> {
        open.at_value = !open.at_value;
        if open.at_value {
            self.lexer.expect(b',')?;
            return Ok(true);
        }
        self.lexer.expect(b']')?;
        if !self.lexer.accept(b',') {
            return Ok(false);
        }
        self.lexer.expect(b'[')?;
        Ok(true)
    }

    /// Behind the bracket of a container: the brace of its tag, and whether it is hashable.
    fn whole(&mut self, kind: Kind, hashable: bool) -> Result<bool, String> {
        if !matches!(kind, Kind::List | Kind::Object) {
            self.lexer.expect(b'}')?;
        }
        Ok(match kind {
            Kind::Tuple => hashable,
            Kind::Frozenset => true,
            _ => false,
        })
    }
}
