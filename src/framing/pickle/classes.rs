//! The few classes of Python's library whose instances are data: what names them, and their
//! instances as JSON and as opcodes.
//!
//! Nothing is called: the arguments that CPython's pickler writes are read, checked and written
//! down, and what it does not write is refused.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::encoder::Parser;
use super::reader::Leaf;
use super::text;
use super::tree::{NodeKind, Tree, Value};
use super::writer::Writer;
use super::{FLOAT, PickleError, malformed, number, refused, stamp};

/// What is called to make what has no opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Encode,
    /// What protocols 0 and 1 make an instance with, and its second argument.
    Reconstructor,
    Object,
    Make(NodeKind),
}

/// Each function by its module and name.
const FUNCTIONS: [(&str, &str, Function); 16] = [
    ("_codecs", "encode", Function::Encode),
    ("builtins", "bytes", Function::Make(NodeKind::Bytes)),
    ("builtins", "bytearray", Function::Make(NodeKind::Bytearray)),
    ("builtins", "set", Function::Make(NodeKind::Set)),
    ("builtins", "frozenset", Function::Make(NodeKind::Frozenset)),
    ("builtins", "complex", Function::Make(NodeKind::Complex)),
    ("builtins", "object", Function::Object),
    ("copyreg", "_reconstructor", Function::Reconstructor),
    ("datetime", "datetime", Function::Make(NodeKind::Datetime)),
    ("datetime", "date", Function::Make(NodeKind::Date)),
    ("datetime", "time", Function::Make(NodeKind::Time)),
    ("datetime", "timedelta", Function::Make(NodeKind::Timedelta)),
    ("datetime", "timezone", Function::Make(NodeKind::Timezone)),
    ("decimal", "Decimal", Function::Make(NodeKind::Decimal)),
    ("uuid", "UUID", Function::Make(NodeKind::Uuid)),
    ("collections", "OrderedDict", Function::Make(NodeKind::OrderedDict)),
];

/// The row of a function.
pub(super) fn find(module: &[u8], name: &[u8]) -> Option<usize> {
    // As Python 2 calls them.
    let module = match module {
        b"__builtin__" => &b"builtins"[..],
        b"copy_reg" => b"copyreg",
        other => other,
    };
    let row =
        |(of, called, _): &(&str, &str, _)| (of.as_bytes(), called.as_bytes()) == (module, name);
    FUNCTIONS.iter().position(row)
}

pub(super) fn function(row: usize) -> Option<Function> {
    FUNCTIONS.get(row).map(|(.., function)| *function)
}

/// Whether a pickle calls a class with so many arguments. A UUID is not called: it is made empty and
/// filled.
pub(super) fn takes(class: NodeKind, count: usize) -> bool {
    match class {
        NodeKind::Datetime | NodeKind::Time | NodeKind::Timezone => (1..=2).contains(&count),
        NodeKind::Date | NodeKind::Decimal => count == 1,
        NodeKind::Complex => count == 2,
        NodeKind::Timedelta => count == 3,
        NodeKind::OrderedDict => count == 0,
        _ => false,
    }
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
    let row = FUNCTIONS.iter().find(|(.., made)| *made == Function::Make(class));
    row.map_or(("", ""), |(module, name, _)| (module, name))
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
        if contents(&self.tree, class, value, &mut self.written.out)?.is_none() {
            return malformed(format!("a malformed {}", named(class).1));
        }
        self.written.out.push(b'}');
        Ok(())
    }
}

/// Appends what an instance is made of; `None` where its class refuses that.
fn contents(
    tree: &Tree<'_>,
    class: NodeKind,
    value: Value,
    out: &mut Vec<u8>,
) -> Result<Option<()>, PickleError> {
    let start = out.len();
    out.push(b'"');
    match (class, tree.members(value)) {
        (NodeKind::Complex, &[real, imaginary]) => {
            let (Leaf::Float(real), Leaf::Float(imaginary)) =
                (tree.leaf(real)?, tree.leaf(imaginary)?)
            else {
                return Ok(None);
            };
            out.truncate(start);
            out.push(b'[');
            number::write_float(real, out);
            out.push(b',');
            number::write_float(imaginary, out);
            out.push(b']');
            return Ok(Some(()));
        }
        (NodeKind::Decimal, &[digits]) => {
            // No pickler escapes one.
            let Some(text) = tree.name(digits).filter(|text| is_decimal(text)) else {
                return Ok(None);
            };
            out.extend_from_slice(text);
        }
        (NodeKind::Uuid, state) => {
            let Some(number) = uuid(tree, state) else { return Ok(None) };
            let digits = HEXLOWER_PERMISSIVE.encode(&number.to_be_bytes());
            let mut rest = digits.as_bytes();
            for (at, len) in UUID_GROUPS.into_iter().enumerate() {
                let (group, behind) = rest.split_at_checked(len).unwrap_or_default();
                out.extend_from_slice(if at == 0 { b"" } else { b"-" });
                out.extend_from_slice(group);
                rest = behind;
            }
        }
        (NodeKind::Timedelta, _) => match timedelta(tree, value) {
            Some(delta) => stamp::write_delta(delta, out),
            None => return Ok(None),
        },
        (_, [state, timezone @ ..]) => {
            let kind = tree.kind(*state);
            if !matches!(kind, NodeKind::Bytes | NodeKind::Latin1) && !tree.is_text(*state) {
                return Ok(None);
            }
            let (mut spelled, is_latin1) = tree.octets(*state);
            let state = spelled.take(8 * stamp::width(class))?;
            let latin1 = is_latin1.then(|| text::latin1(&state)).transpose()?;
            let state = latin1.as_deref().unwrap_or(&state);
            let fits = state.len() == stamp::width(class) && spelled.raw.is_empty();
            if !fits || stamp::write(state, out).is_none() {
                return Ok(None);
            }
            if let Some(timezone) = timezone.first() {
                let offset = offset(tree, *timezone)?;
                if stamp::write_offset(offset, out).is_none() {
                    return Ok(None);
                }
            }
        }
        _ => return Ok(None),
    }
    out.push(b'"');
    Ok(Some(()))
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
        // Two's complement: the highest bit is the sign.
        Leaf::Long(bytes) if bytes.last().is_none_or(|last| last & 0x80 == 0) => {
            let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
            let mut wide = [0; size_of::<u128>()];
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(u128::from_le_bytes(wide))
        }
        _ => None,
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
    let mut digits = [0; 32];
    let mut groups = text.split(|byte| *byte == b'-');
    let mut rest = digits.as_mut_slice();
    for len in UUID_GROUPS {
        let group = groups.next().filter(|group| group.len() == len)?;
        let (place, behind) = rest.split_at_mut_checked(len)?;
        place.copy_from_slice(group);
        rest = behind;
    }
    let mut bytes = HEXLOWER_PERMISSIVE.decode(&digits).ok().filter(|_| groups.next().is_none())?;
    bytes.reverse();
    // LONG1 of 17 bytes, the last of which is the sign (PEP 307).
    out.extend_from_slice(b")\x81}\x8c\x03int\x8a\x11");
    out.extend_from_slice(&bytes);
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
