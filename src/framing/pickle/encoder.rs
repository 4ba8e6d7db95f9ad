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
enum Form {
    List,
    /// A JSON object.
    Object,
    /// The list of pairs in `{"$dict":…}`.
    Pairs,
    Tuple,
    Set,
    Frozenset,
}

impl Form {
    /// The opcodes of an empty container, those before the members of any other, and the one that
    /// puts everything behind the mark into it.
    fn opcodes(self) -> (&'static [u8], &'static [u8], u8) {
        match self {
            Self::List => (b"]", b"](", b'e'),
            Self::Object | Self::Pairs => (b"}", b"}(", b'u'),
            Self::Tuple => (b")", b"(", b't'),
            Self::Set => (b"\x8f", b"\x8f(", 0x90),
            Self::Frozenset => (b"(\x91", b"(", 0x91),
        }
    }
}

/// A container of which a part has been read.
struct Open {
    form: Form,
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
            Token::Array => return self.open(Form::List),
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
            return self.push(Form::Object, true);
        }
        let form = match std::str::from_utf8(&key).unwrap_or_default() {
            tag::TUPLE => Form::Tuple,
            tag::SET => Form::Set,
            tag::FROZENSET => Form::Frozenset,
            tag::DICT => Form::Pairs,
            tag => return self.tagged_text(tag),
        };
        self.lexer.expect(b'[')?;
        self.open(form)
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
        self.counted(b'C', 0x8e, &bytes);
        Ok(())
    }

    /// Begins a container whose bracket has been read.
    fn open(&mut self, form: Form) -> Result<Option<bool>, String> {
        let (empty, start, _) = form.opcodes();
        if self.lexer.accept(b']') {
            self.out.extend_from_slice(empty);
            return self.whole(form, true).map(Some);
        }
        self.out.extend_from_slice(start);
        if form == Form::Pairs {
            self.lexer.expect(b'[')?;
        }
        self.push(form, false)
    }

    fn push(&mut self, form: Form, at_value: bool) -> Result<Option<bool>, String> {
        if self.open.len() >= MAX_DEPTH {
            return self.lexer.fail(&format!("nested deeper than {MAX_DEPTH}"));
        }
        self.open.push(Open { form, hashable: true, at_value });
        Ok(None)
    }

    /// A member of a container is whole, and hashable or not; goes on to the next one.
    fn go_on(&mut self, hashable: bool) -> Result<Option<bool>, String> {
        let Some(mut open) = self.open.pop() else { return Ok(Some(hashable)) };
        let is_key = match open.form {
            Form::Set | Form::Frozenset => true,
            Form::Pairs => !open.at_value,
            _ => false,
        };
        if is_key && !hashable {
            return self.lexer.fail("a key or member of a set that can be changed");
        }
        open.hashable &= hashable;
        let more = match open.form {
            Form::Object => self.next_key()?,
            Form::Pairs => self.next_of_pair(&mut open)?,
            _ => self.lexer.accept(b','),
        };
        if more {
            self.open.push(open);
            return Ok(None);
        }
        self.lexer.expect(if open.form == Form::Object { b'}' } else { b']' })?;
        self.out.push(open.form.opcodes().2);
        self.whole(open.form, open.hashable).map(Some)
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
    fn whole(&mut self, form: Form, hashable: bool) -> Result<bool, String> {
        if !matches!(form, Form::List | Form::Object) {
            self.lexer.expect(b'}')?;
        }
        Ok(match form {
            Form::Tuple => hashable,
            Form::Frozenset => true,
            _ => false,
        })
    }
}
