//! The few classes of Python's library whose instances are data: what names them, and their
//! instances as JSON and as opcodes.
//!
//! Nothing is called: the arguments that CPython's pickler writes are read, checked and written
//! down, and what it does not write is refused.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::encoder::Encoder;
use super::reader::Leaf;
use super::tree::{NodeKind, Value};
use super::writer::{Writer, octets};
use super::{FLOAT, PickleError, malformed, number, refused, stamp};

/// A class whose instances are data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Datetime,
    Date,
    Time,
    Timedelta,
    /// Only as an argument of a datetime or a time.
    Timezone,
    Decimal,
    Complex,
    Uuid,
    OrderedDict,
}

/// Each class by its module and name, and with how many arguments a pickle calls it at least and
/// at most. A UUID is not called: it is made empty and filled.
const CLASSES: [(Class, &str, &str, (usize, usize)); 9] = [
    (Class::Datetime, "datetime", "datetime", (1, 2)),
    (Class::Date, "datetime", "date", (1, 1)),
    (Class::Time, "datetime", "time", (1, 2)),
    (Class::Timedelta, "datetime", "timedelta", (3, 3)),
    (Class::Timezone, "datetime", "timezone", (1, 2)),
    (Class::Decimal, "decimal", "Decimal", (1, 1)),
    (Class::Complex, "builtins", "complex", (2, 2)),
    (Class::Uuid, "uuid", "UUID", (usize::MAX, 0)),
    (Class::OrderedDict, "collections", "OrderedDict", (0, 0)),
];

/// The longest text of a decimal, as of an integer.
const MAX_DECIMAL: usize = 4300;
/// The most digits of its exponent. CPython's own limit is 10^18 - 1, less the digits before that.
const MAX_EXPONENT: usize = 17;
/// The digits of each group of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl Class {
    pub(super) fn named(module: &[u8], name: &[u8]) -> Option<Self> {
        let found = CLASSES.iter().find(|(_, in_module, called, _)| {
            (in_module.as_bytes(), called.as_bytes()) == (module, name)
        });
        found.map(|(class, ..)| *class)
    }

    /// Whether a pickle calls the class with so many arguments.
    pub(super) fn takes(self, count: usize) -> bool {
        let (.., (least, most)) = self.entry();
        (least..=most).contains(&count)
    }

    /// The opcode that names the class.
    pub(super) fn import(self, out: &mut Vec<u8>) {
        let (_, module, name, _) = self.entry();
        for part in ["c", module, "\n", name, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn name(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> (Self, &'static str, &'static str, (usize, usize)) {
        let [first, rest @ ..] = CLASSES;
        rest.into_iter().find(|(class, ..)| *class == self).unwrap_or(first)
    }
}

impl Writer<'_> {
    /// Writes an instance; returns whether it is hashable.
    // Apart, so that a level of what is nested takes no more of the stack.
    #[inline(never)]
    pub(super) fn instance(&mut self, class: Class, value: Value) -> Result<bool, PickleError> {
        if class == Class::Timezone {
            return refused("a timezone outside of a datetime");
        }
        self.tag(NodeKind::Instance(class));
        let hashable = match self.contents(class, value)? {
            Some(hashable) => hashable,
            None => return malformed(format!("a {} that is none", class.name())),
        };
        self.out.push(b'}');
        Ok(hashable)
    }

    /// Writes what an instance is made of; `None` where its class refuses that.
    fn contents(&mut self, class: Class, value: Value) -> Result<Option<bool>, PickleError> {
        let tree = self.tree;
        let mut text = Vec::new();
        match (class, tree.members(value)) {
            (Class::Complex, &[real, imaginary]) => {
                let (Leaf::Float(real), Leaf::Float(imaginary)) =
                    (tree.leaf(real)?, tree.leaf(imaginary)?)
                else {
                    return Ok(None);
                };
                self.out.push(b'[');
                number::write_float(real, self.out);
                self.out.push(b',');
                number::write_float(imaginary, self.out);
                self.out.push(b']');
                return Ok(Some(true));
            }
            (Class::Decimal, &[digits]) => {
                let Leaf::Text(digits) = tree.leaf(digits)? else { return Ok(None) };
                text = digits.resolve()?.into_owned();
                if !is_decimal(&text) {
                    return Ok(None);
                }
            }
            (Class::Uuid, state) => {
                let Some(number) = self.uuid(state) else { return Ok(None) };
                let digits = HEXLOWER_PERMISSIVE.encode(&number.to_be_bytes());
                let mut rest = digits.as_bytes();
                for len in UUID_GROUPS {
                    let (group, behind) = rest.split_at_checked(len).unwrap_or_default();
                    text.extend_from_slice(if text.is_empty() { b"" } else { b"-" });
                    text.extend_from_slice(group);
                    rest = behind;
                }
            }
            (Class::Timedelta, _) => match self.timedelta(value) {
                Some(delta) => stamp::write_delta(delta, &mut text),
                None => return Ok(None),
            },
            (_, [state, timezone @ ..]) => {
                let is_state = matches!(
                    tree.kind(*state),
                    NodeKind::Bytes | NodeKind::Latin1 | NodeKind::Leaf
                );
                let state = if is_state { octets(tree, *state)? } else { return Ok(None) };
                if state.len() != stamp::width(class) || stamp::write(&state, &mut text).is_none() {
                    return Ok(None);
                }
                if let Some(timezone) = timezone.first() {
                    let offset = self.offset(*timezone)?;
                    if stamp::write_offset(offset, &mut text).is_none() {
                        return Ok(None);
                    }
                }
            }
            _ => return Ok(None),
        }
        self.out.push(b'"');
        self.out.extend_from_slice(&text);
        self.out.push(b'"');
        // Python refuses to hash a signaling NaN.
        Ok(Some(class != Class::Decimal || !text.contains(&b's')))
    }

    /// The offset of a timezone, whose name is not kept: Python does not compare it either.
    fn offset(&self, timezone: Value) -> Result<stamp::Delta, PickleError> {
        let members = self.tree.members(timezone);
        match (self.tree.kind(timezone), members) {
            (NodeKind::Instance(Class::Timezone), [delta, ..]) => {
                let offset = self.timedelta(*delta);
                offset.map_or_else(|| malformed("a timezone that is none"), Ok)
            }
            _ => malformed("a timezone that is no fixed offset"),
        }
    }

    fn timedelta(&self, value: Value) -> Option<stamp::Delta> {
        let int = |value: Value| match self.tree.leaf(value) {
            Ok(Leaf::Int(int)) => Some(int),
            Ok(Leaf::Digits(text)) => text.parse().ok(),
            _ => None,
        };
        match (self.tree.kind(value), self.tree.members(value)) {
            (NodeKind::Instance(Class::Timedelta), &[days, seconds, micros]) => {
                stamp::Delta::new(int(days)?, int(seconds)?, int(micros)?)
            }
            _ => None,
        }
    }

    /// The number in the state of a UUID. Beside it may stand how safely it was made, which is not
    /// kept: Python does not compare it either.
    fn uuid(&self, state: &[Value]) -> Option<u128> {
        let (number, rest) = match state {
            [key, number, rest @ ..] if self.tree.name(*key) == Some(b"int") => (*number, rest),
            _ => return None,
        };
        match rest {
            [] => {}
            [key, _] if self.tree.name(*key) == Some(b"is_safe") => {}
            _ => return None,
        }
        match self.tree.leaf(number).ok()? {
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
}

impl Encoder<'_, '_> {
    /// Encodes the instance that a tag makes of what follows; returns whether it is hashable.
    #[inline(never)]
    pub(super) fn instance(&mut self, class: Class) -> Result<bool, String> {
        class.import(self.out);
        if class == Class::Complex {
            self.expect(b'[')?;
            self.float()?;
            self.expect(b',')?;
            self.float()?;
            self.expect(b']')?;
            self.out.extend_from_slice(b"\x86R");
            return Ok(true);
        }
        let text = self.string()?;
        let encoded = match class {
            Class::Decimal if is_decimal(&text) => {
                self.text(&text);
                self.out.extend_from_slice(b"\x85R");
                Some(())
            }
            Class::Uuid => encode_uuid(&text, self.out),
            Class::Timedelta => stamp::parse_delta(&text).map(|delta| delta.encode(self.out)),
            Class::Date | Class::Time | Class::Datetime => stamp::encode(class, &text, self.out),
            _ => None,
        };
        match encoded {
            Some(()) => Ok(class != Class::Decimal || !text.contains(&b's')),
            None => self.fail(&format!("no {}", class.name())),
        }
    }

    fn float(&mut self) -> Result<(), String> {
        if !self.accept(b'{') {
            return self.number(true);
        }
        if &*self.string()? != FLOAT.as_bytes() {
            return self.fail("no float");
        }
        self.expect(b':')?;
        self.tagged(None, FLOAT.as_bytes())?;
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
