//! JSON text as a pickle of protocol 4, with neither frames nor a memo, which every Python 3.4 and
//! later loads.
//!
//! The parser is its own because numbers must come as they are written (serde_json rounds integers
//! beyond 64 bits), keys in their order, and halves of surrogate pairs as they are. It stops after so
//! much work and goes on later: all that it keeps refers to the text by an offset.

mod strings;

use super::classes;
use super::text::take;
use super::tree::NodeKind;
use super::{FLOAT, INT, MAX_DEPTH, TAGS, number};
use strings::{ByteClass, LongString, StringPlace};

/// A pickle in the making.
///
/// ```text
///               a group begins, or a group goes on
///          ┌──────────────────────────────────────────┐
///          v                                          │
/// ──> before a value ── it is whole ──> behind it ────┴── no group is left ──> done
///          │                               ^
///          │ more than a piece of a string │ its end
///          └────────> in a string ─────────┘
/// ```
#[derive(Default)]
pub(in crate::framing) struct Encoder {
    /// How many bytes of the text are read.
    at: usize,
    /// The groups in which it is.
    levels: Vec<EncoderLevel>,
    string: Option<LongString>,
}

/// A list, or what else a tag has made of one, or an object.
#[derive(Clone, Copy)]
struct EncoderLevel {
    kind: NodeKind,
    next: NextMember,
    /// All members are hashable.
    hashable: bool,
}

/// What the next value of a group is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NextMember {
    /// A member of a list, a tuple or a set.
    Item,
    /// A value of a dict that is written as an object; its key is encoded.
    Field,
    /// A key of a dict that is written as pairs.
    PairKey,
    /// The value behind it.
    PairValue,
}

/// Encodes one JSON text as a pickle and appends it to `out`, in one step.
///
/// # Errors
/// As those of [`Encoder::step`].
#[cfg(test)]
pub(super) fn encode(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    Encoder::default().step(json, out, &mut { usize::MAX }).map(drop)
}

impl Encoder {
    /// Reads on until that has cost `work`, about in bytes read, which is taken off it, and appends
    /// opcodes to `out`. Each call has the same text, and `out` as the one before left it. Returns
    /// whether the pickle is whole.
    ///
    /// # Errors
    /// What is wrong with the text, and where; what was appended then is of no use.
    pub(in crate::framing) fn step(
        &mut self,
        json: &[u8],
        out: &mut Vec<u8>,
        work: &mut usize,
    ) -> Result<bool, String> {
        if self.at == 0 {
            out.extend_from_slice(b"\x80\x04");
        }
        let rest = json.get(self.at..).unwrap_or_default();
        let left = rest.len();
        let mut parser = Parser { text: json, rest, out, state: self };
        let is_whole = parser.run(left.saturating_sub(*work))?;
        let read = left - parser.rest.len();
        self.at += read;
        *work = work.saturating_sub(read);
        Ok(is_whole)
    }
}

pub(super) struct Parser<'a, 'o> {
    text: &'a [u8],
    /// What has not been read of it.
    rest: &'a [u8],
    pub(super) out: &'o mut Vec<u8>,
    state: &'o mut Encoder,
}

/// The opcodes of a group: an empty one, what begins one that is not, and what ends that.
fn opcodes(kind: NodeKind) -> (&'static [u8], &'static [u8], u8) {
    match kind {
        NodeKind::Dict => (b"}", b"}(", b'u'),
        NodeKind::OrderedDict => (b")R", b")R(", b'u'),
        NodeKind::Tuple => (b")", b"(", b't'),
        NodeKind::Set => (b"\x8f", b"\x8f(", 0x90),
        NodeKind::Frozenset => (b"(\x91", b"(", 0x91),
        _ => (b"]", b"](", b'e'),
    }
}

/// Whether the value that was read is hashable; `None` where it is not whole.
type Whole = Result<Option<bool>, String>;

impl<'a> Parser<'a, '_> {
    /// Reads until less than `rest` bytes are left, or to the end; true then.
    fn run(&mut self, rest: usize) -> Result<bool, String> {
        loop {
            let whole = if self.state.string.is_some() { self.go_on() } else { self.value() };
            if let Some(hashable) = whole?
                && self.close(hashable)?
            {
                self.skip_blanks();
                if !self.rest.is_empty() {
                    return self.fail("not JSON: something follows");
                }
                self.out.push(b'.');
                return Ok(true);
            }
            if self.rest.len() < rest {
                return Ok(false);
            }
        }
    }

    /// Encodes a value, or begins to.
    fn value(&mut self) -> Whole {
        if self.state.levels.len() > MAX_DEPTH {
            return self.fail(&format!("nested deeper than {MAX_DEPTH}"));
        }
        self.skip_blanks();
        let (opcode, rest) = match self.rest {
            [b'[', ..] => return self.members(NodeKind::List),
            [b'{', rest @ ..] => {
                self.rest = rest;
                if !self.accept(b'}') {
                    return self.string(StringPlace::FirstKey);
                }
                self.out.push(b'}');
                return Ok(Some(false));
            }
            [b'"', ..] => return self.string(StringPlace::Value),
            [b'-' | b'0'..=b'9', ..] => return self.number().map(|()| Some(true)),
            [b'n', b'u', b'l', b'l', rest @ ..] => (b'N', rest),
            [b't', b'r', b'u', b'e', rest @ ..] => (0x88, rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (0x89, rest),
            [] => return self.fail("not JSON: it ends"),
            _ => return self.fail("not JSON"),
        };
        self.out.push(opcode);
        self.rest = rest;
        Ok(Some(true))
    }

    /// Reads what stands between a value and the next one, and ends the groups that end there. True
    /// where no value follows.
    fn close(&mut self, mut hashable: bool) -> Result<bool, String> {
        while let Some(level) = self.state.levels.last_mut() {
            level.hashable &= hashable;
            let EncoderLevel { kind, next, hashable: all } = *level;
            let is_set = matches!(kind, NodeKind::Set | NodeKind::Frozenset);
            if !hashable && (is_set || next == NextMember::PairKey) {
                return self.fail("a key or member of a set that can be changed");
            }
            match next {
                NextMember::PairKey => {
                    level.next = NextMember::PairValue;
                    return self.expect(b',').map(|()| false);
                }
                NextMember::PairValue => {
                    level.next = NextMember::PairKey;
                    self.expect(b']')?;
                }
                NextMember::Item | NextMember::Field => {}
            }
            if self.accept(b',') {
                match next {
                    NextMember::Field => self.string(StringPlace::Key).map(drop)?,
                    NextMember::PairValue => self.expect(b'[')?,
                    NextMember::Item | NextMember::PairKey => {}
                }
                return Ok(false);
            }
            self.out.push(opcodes(kind).2);
            if next != NextMember::Field {
                self.expect(b']')?;
            }
            if kind != NodeKind::List {
                self.expect(b'}')?;
            }
            self.state.levels.pop();
            hashable = kind == NodeKind::Frozenset || kind == NodeKind::Tuple && all;
        }
        Ok(true)
    }

    /// Begins a list, or what else a tag has made of it.
    fn members(&mut self, kind: NodeKind) -> Whole {
        self.expect(b'[')?;
        let (empty, start, _) = opcodes(kind);
        if kind == NodeKind::OrderedDict {
            classes::import(kind, self.out);
        }
        if self.accept(b']') {
            self.out.extend_from_slice(empty);
            if kind != NodeKind::List {
                self.expect(b'}')?;
            }
            return Ok(Some(matches!(kind, NodeKind::Frozenset | NodeKind::Tuple)));
        }
        self.out.extend_from_slice(start);
        let mut next = NextMember::Item;
        if kind.is_dict() {
            self.expect(b'[')?;
            next = NextMember::PairKey;
        }
        self.state.levels.push(EncoderLevel { kind, next, hashable: true });
        Ok(None)
    }

    /// Encodes a number. As in Python, it is an integer where nothing makes it a float.
    fn number(&mut self) -> Result<(), String> {
        let (text, rest) = self.number_text();
        if let Some(int) = number::short_int(text) {
            self.rest = rest;
            number::encode_i64(int, self.out);
            return Ok(());
        }
        if !number::is_number(text) || text.iter().any(|byte| b".eE".contains(byte)) {
            return self.float_number();
        }
        self.rest = rest;
        self.int(text)
    }

    /// Encodes a number as a float, also an integer.
    pub(super) fn float_number(&mut self) -> Result<(), String> {
        let (text, rest) = self.number_text();
        if !number::is_number(text) {
            return self.fail("not JSON: a malformed number");
        }
        match std::str::from_utf8(text).unwrap_or_default().parse::<f64>() {
            Ok(float) if float.is_finite() => number::encode_float(float, self.out),
            _ => return self.fail("a number beyond what a float can be"),
        }
        self.rest = rest;
        Ok(())
    }

    /// The text of the number that follows, and what is behind it.
    fn number_text(&self) -> (&'a [u8], &'a [u8]) {
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let len = self.rest.iter().take_while(is_part).count();
        self.rest.split_at(len)
    }

    fn int(&mut self, digits: &[u8]) -> Result<(), String> {
        number::encode_int(digits, self.out).or_else(|what| self.fail(&what))
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

    /// Encodes an object from the first value on, or what a tag makes of that.
    fn first(&mut self, key: &[u8]) -> Whole {
        self.expect(b':')?;
        // A tag is the only key of its object: what follows its value has to be the brace.
        if key.first() != Some(&b'$') {
            self.out.extend_from_slice(b"}(");
            self.text(key);
            self.begin_object();
            return Ok(None);
        }
        use NodeKind::{Bytearray, Bytes, Dict, Frozenset, OrderedDict, Set, Tuple};
        let kind = TAGS.iter().find(|(_, tag)| tag.as_bytes() == key).map(|(kind, _)| *kind);
        let hashable = match kind {
            Some(kind @ (Tuple | Set | Frozenset | Dict | OrderedDict)) => {
                return self.members(kind);
            }
            Some(Bytes) => return self.string(StringPlace::Base64(ByteClass::Bytes)),
            Some(Bytearray) => return self.string(StringPlace::Base64(ByteClass::Bytearray)),
            Some(class) => self.instance(class)?,
            None => self.tagged(key).map(|()| true)?,
        };
        self.expect(b'}')?;
        Ok(Some(hashable))
    }

    /// What follows are the values and keys of an object, of which the first key is encoded.
    fn begin_object(&mut self) {
        let (kind, next) = (NodeKind::Dict, NextMember::Field);
        self.state.levels.push(EncoderLevel { kind, next, hashable: true });
    }

    /// Encodes the number that a tag makes of the string behind it.
    pub(super) fn tagged(&mut self, tag: &[u8]) -> Result<(), String> {
        if tag == INT.as_bytes() {
            let text = self.short_string()?;
            return self.int(&text);
        }
        if tag != FLOAT.as_bytes() {
            return self.unknown_tag();
        }
        let float = match &*self.short_string()? {
            b"nan" => f64::NAN,
            b"inf" => f64::INFINITY,
            b"-inf" => f64::NEG_INFINITY,
            _ => return self.fail("neither nan, inf nor -inf"),
        };
        number::encode_float(float, self.out);
        Ok(())
    }

    fn unknown_tag<T>(&self) -> Result<T, String> {
        self.fail("a key with `$` that is not a tag (write it as {\"$dict\":[[key,value]]})")
    }

    /// An error at this place.
    #[cold]
    pub(super) fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at byte {}", self.text.len() - self.rest.len()))
    }

    fn skip_blanks(&mut self) {
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
        self.fail(&format!("not JSON: `{}` is missing", char::from(mark)))
    }
}
