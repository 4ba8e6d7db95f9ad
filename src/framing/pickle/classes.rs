//! The few classes of Python's library whose instances are data: what names them, and their
//! instances as JSON and as opcodes.
//!
//! Nothing is called: the arguments that CPython's pickler writes are read, checked and written
//! down, and what it does not write is refused.

use std::borrow::Cow;
use std::ops::Range;

use data_encoding::HEXLOWER;

use super::encoder::Parser;
use super::reader::Leaf;
use super::text;
use super::tree::{NodeKind, Tree, Value};
use super::writer::Writer;
use super::{FLOAT, PickleError, malformed, number, refused, stamp};

/// What is called to make what has no opcode: its module, its name, what it makes, and how many
/// arguments an instance has. A UUID is not called: it is made empty and filled.
type FunctionRow = (&'static str, &'static str, NodeKind, Range<usize>);

const FUNCTIONS: [FunctionRow; 16] = [
    ("_codecs", "encode", NodeKind::Latin1, NONE),
    ("builtins", "bytes", NodeKind::Bytes, NONE),
    ("builtins", "bytearray", NodeKind::Bytearray, NONE),
    ("builtins", "set", NodeKind::Set, NONE),
    ("builtins", "frozenset", NodeKind::Frozenset, NONE),
    ("builtins", "complex", NodeKind::Complex, 2..3),
    ("builtins", "object", NodeKind::ObjectClass, NONE),
    ("copyreg", "_reconstructor", NodeKind::Reconstructor, NONE),
    ("datetime", "datetime", NodeKind::Datetime, 1..3),
    ("datetime", "date", NodeKind::Date, 1..2),
    ("datetime", "time", NodeKind::Time, 1..3),
    ("datetime", "timedelta", NodeKind::Timedelta, 3..4),
    ("datetime", "timezone", NodeKind::Timezone, 1..3),
    ("decimal", "Decimal", NodeKind::Decimal, 1..2),
    ("uuid", "UUID", NodeKind::Uuid, NONE),
    ("collections", "OrderedDict", NodeKind::OrderedDict, 0..1),
];
const NONE: Range<usize> = 0..0;

/// A function by its name.
pub(super) fn find(module: &[u8], name: &[u8]) -> Option<Value> {
    // As Python 2 calls them.
    let module = match module {
        b"__builtin__" => &b"builtins"[..],
        b"copy_reg" => b"copyreg",
        other => other,
    };
    let is_it = |row: &FunctionRow| (row.0.as_bytes(), row.1.as_bytes()) == (module, name);
    FUNCTIONS.iter().position(is_it).map(Value::function)
}

/// What a function makes; `None` for any other value.
pub(super) fn function(value: Value) -> Option<NodeKind> {
    FUNCTIONS.get(value.row()?).map(|row| row.2)
}

/// Whether a pickle calls a class with so many arguments.
pub(super) fn takes(class: NodeKind, count: usize) -> bool {
    row(class).is_some_and(|row| row.3.contains(&count))
}

fn row(class: NodeKind) -> Option<&'static FunctionRow> {
    FUNCTIONS.iter().find(|row| row.2 == class)
}

/// Appends the opcode that names a class.
pub(super) fn import(class: NodeKind, out: &mut Vec<u8>) {
    let (module, name) = named(class);
    for part in ["c", module, "\n", name, "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The module and the name of a class.
fn named(class: NodeKind) -> (&'static str, &'static str) {
    row(class).map_or(("", ""), |row| (row.0, row.1))
}

/// The longest text of a decimal, as of an integer.
const MAX_DECIMAL: usize = 4300;
/// The most digits of its exponent. CPython's own limit is 10^18 - 1, less the digits before that.
const MAX_EXPONENT: usize = 17;
/// The digits of each group of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl Writer<'_> {
    /// Writes an instance.
    pub(super) fn instance(&mut self, class: NodeKind, value: Value) -> Result<(), PickleError> {
        if class == NodeKind::Timezone {
            return refused("a timezone outside of a datetime");
        }
        self.tag(class);
        let (tree, out) = (&self.tree, &mut self.written.out);
        let (open, close) = if class == NodeKind::Complex { ("[", "]}") } else { ("\"", "\"}") };
        out.extend_from_slice(open.as_bytes());
        let written = match (class, tree.members(value)) {
            (NodeKind::Complex, &[real, imaginary]) => complex(tree, real, imaginary, out),
            (NodeKind::Decimal, &[digits]) => {
                // No pickler escapes one.
                let text = tree.name(digits).filter(|text| is_decimal(text));
                text.map(|text| out.extend_from_slice(text))
            }
            (NodeKind::Uuid, state) => uuid(tree, state).map(|number| write_uuid(number, out)),
            (NodeKind::Timedelta, _) => {
                timedelta(tree, value).map(|delta| stamp::write_delta(delta, out))
            }
            (_, [state, timezone @ ..]) => {
                let state = state_of(tree, *state, stamp::width(class))?;
                let written = state.and_then(|state| stamp::write(&state, out));
                match timezone.first().filter(|_| written.is_some()) {
                    Some(timezone) => stamp::write_offset(offset(tree, *timezone)?, out),
                    None => written,
                }
            }
            _ => None,
        };
        out.extend_from_slice(close.as_bytes());
        written.map_or_else(|| malformed(format!("a malformed {}", named(class).1)), Ok)
    }
}

fn complex(tree: &Tree<'_>, real: Value, imaginary: Value, out: &mut Vec<u8>) -> Option<()> {
    let (Ok(Leaf::Float(real)), Ok(Leaf::Float(imaginary))) =
        (tree.leaf(real), tree.leaf(imaginary))
    else {
        return None;
    };
    number::write_float(real, out);
    out.push(b',');
    number::write_float(imaginary, out);
    Some(())
}

/// The bytes that a date or time is pickled as, if they are so many.
fn state_of<'a>(
    tree: &Tree<'a>,
    state: Value,
    width: usize,
) -> Result<Option<Cow<'a, [u8]>>, PickleError> {
    let is_bytes = matches!(tree.kind(state), NodeKind::Bytes | NodeKind::Latin1);
    if !is_bytes && !tree.is_text(state) {
        return Ok(None);
    }
    let (mut spelled, is_latin1) = tree.octets(state);
    let mut bytes = spelled.take(8 * width)?;
    if is_latin1 {
        bytes = Cow::Owned(text::latin1(&bytes)?);
    }
    Ok(Some(bytes).filter(|bytes| bytes.len() == width && spelled.raw.is_empty()))
}

/// The offset of a timezone, whose name is not kept: Python does not compare it either.
fn offset(tree: &Tree<'_>, timezone: Value) -> Result<stamp::Delta, PickleError> {
    match (tree.kind(timezone), tree.members(timezone)) {
        (NodeKind::Timezone, [delta, ..]) => {
            timedelta(tree, *delta).map_or_else(|| malformed("a malformed timezone"), Ok)
        }
        _ => malformed("a timezone without a fixed offset"),
    }
}

fn timedelta(tree: &Tree<'_>, value: Value) -> Option<stamp::Delta> {
    let int = |value: Value| match tree.leaf(value) {
        Ok(Leaf::Int(int)) => Some(int),
        Ok(Leaf::Digits(text)) => text.parse().ok(),
        _ => None,
    };
    match (tree.kind(value), tree.members(value)) {
        (NodeKind::Timedelta, &[days, seconds, micros]) => {
            stamp::Delta::new(int(days)?, int(seconds)?, int(micros)?)
        }
        _ => None,
    }
}

/// The number in the state of a UUID. Beside it may stand how safely it was made, which is not
/// kept: Python does not compare it either.
fn uuid(tree: &Tree<'_>, state: &[Value]) -> Option<u128> {
    let (number, rest) = match state {
        [key, number, rest @ ..] if tree.name(*key) == Some(b"int") => (*number, rest),
        _ => return None,
    };
    match rest {
        [] => {}
        [key, _] if tree.name(*key) == Some(b"is_safe") => {}
        _ => return None,
    }
    match tree.leaf(number).ok()? {
        Leaf::Int(int) => u128::try_from(int).ok(),
        Leaf::Digits(text) => text.parse().ok(),
        // With room for the sign.
        Leaf::Long(bytes) => match number::widen::<17>(bytes)? {
            [bytes @ .., 0] => Some(u128::from_le_bytes(bytes)),
            _ => None,
        },
        _ => None,
    }
}

fn write_uuid(number: u128, out: &mut Vec<u8>) {
    let digits = HEXLOWER.encode(&number.to_be_bytes());
    let mut rest = digits.as_str();
    for (at, len) in UUID_GROUPS.into_iter().enumerate() {
        let (group, behind) = rest.split_at_checked(len).unwrap_or_default();
        out.extend_from_slice(if at == 0 { b"" } else { b"-" });
        out.extend_from_slice(group.as_bytes());
        rest = behind;
    }
}

impl Parser<'_, '_> {
    /// Encodes the instance that a tag makes of what follows; returns whether it is hashable.
    #[inline(never)]
    pub(super) fn instance(&mut self, class: NodeKind) -> Result<bool, String> {
        import(class, self.out);
        if class == NodeKind::Complex {
            self.expect(b'[')?;
            self.float()?;
            self.expect(b',')?;
            self.float()?;
            self.expect(b']')?;
            self.out.extend_from_slice(b"\x86R");
            return Ok(true);
        }
        let text = self.short_string()?;
        let encoded = match class {
            NodeKind::Decimal if is_decimal(&text) => {
                self.text(&text);
                self.out.extend_from_slice(b"\x85R");
                Some(())
            }
            NodeKind::Uuid => encode_uuid(&text, self.out),
            NodeKind::Timedelta => stamp::parse_delta(&text).map(|delta| delta.encode(self.out)),
            NodeKind::Date | NodeKind::Time | NodeKind::Datetime => {
                stamp::encode(class, &text, self.out)
            }
            _ => None,
        };
        match encoded {
            Some(()) => Ok(class != NodeKind::Decimal || !is_signaling(&text)),
            None => self.fail(&format!("no {}", named(class).1)),
        }
    }

    fn float(&mut self) -> Result<(), String> {
        if !self.accept(b'{') {
            return self.float_number();
        }
        if &*self.short_string()? != FLOAT.as_bytes() {
            return self.fail("no float");
        }
        self.expect(b':')?;
        self.tagged(FLOAT.as_bytes())?;
        self.expect(b'}')
    }
}

/// Appends what makes a UUID empty and fills it, behind its class.
fn encode_uuid(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if !text.split(|byte| *byte == b'-').map(<[u8]>::len).eq(UUID_GROUPS) {
        return None;
    }
    let mut digits = text.iter().filter(|byte| **byte != b'-');
    let number = digits.try_fold(0, |number, digit| {
        Some(number << 4 | u128::from(char::from(*digit).to_digit(16)?))
    })?;
    // LONG1 of 17 bytes, the last of which is the sign (PEP 307).
    out.extend_from_slice(b")\x81}\x8c\x03int\x8a\x11");
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(b"\0sb");
    Some(())
}

/// Whether a decimal is a signaling NaN, which Python refuses to hash.
pub(super) fn is_signaling(text: &[u8]) -> bool {
    matches!(text, [b's', ..] | [b'-', b's', ..])
}

/// Whether this is how Python writes a decimal.
fn is_decimal(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let bare = text.strip_prefix(b"-").unwrap_or(text);
    let nan = bare.strip_prefix(b"s").unwrap_or(bare).strip_prefix(b"NaN");
    if text.len() > MAX_DECIMAL || bare == b"Infinity" || nan.is_some() {
        return text.len() <= MAX_DECIMAL && nan.is_none_or(digits);
    }
    let mut parts = bare.splitn(2, |byte| *byte == b'E');
    let mantissa = parts.next().unwrap_or_default();
    let is_exponent = |exponent: &[u8]| {
        let bare = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-"));
        let bare = bare.unwrap_or(exponent);
        (1..=MAX_EXPONENT).contains(&bare.len()) && digits(bare)
    };
    let mut halves = mantissa.splitn(2, |byte| *byte == b'.');
    mantissa.iter().any(u8::is_ascii_digit)
        && halves.all(digits)
        && parts.next().is_none_or(is_exponent)
}
