//! The opcodes of values without parts, read without a copy, and never more than there is.

use super::text::{Text, TextForm, take};
use super::tree::{NodeKind, Tree, Value};
use super::{PickleError, malformed, number};

/// What is left of a pickle.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// A value without parts.
pub(super) enum Leaf<'a> {
    /// `None`, `True` or `False`, as JSON has it.
    Word(&'static str),
    Int(i64),
    /// Two's complement, the least significant byte first.
    Long(&'a [u8]),
    /// Digits with or without a sign.
    Digits(&'a str),
    Float(f64),
    Text(Text<'a>),
    /// Bytes or a bytearray.
    Bytes(Text<'a>),
}

impl<'a> Reader<'a> {
    #[inline]
    fn take(&mut self, len: u64) -> Result<&'a [u8], PickleError> {
        let taken = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let Some((bytes, rest)) = taken else { return malformed("it ends in the middle") };
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, PickleError> {
        take(&mut self.0).map_or_else(|| malformed("it ends in the middle"), Ok)
    }

    /// An unsigned integer of this many bytes, up to eight, little-endian.
    #[inline]
    pub(super) fn uint<const WIDTH: usize>(&mut self) -> Result<u64, PickleError> {
        let bytes = self.take(WIDTH as u64)?;
        Ok(bytes.iter().rev().fold(0, |uint, byte| uint << 8 | u64::from(*byte)))
    }

    #[inline]
    fn i32(&mut self) -> Result<i32, PickleError> {
        self.uint::<4>().map(|bits| bits as u32 as i32)
    }

    /// Bytes behind their length, which has `WIDTH` bytes.
    #[inline]
    fn counted<const WIDTH: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let len = self.uint::<WIDTH>()?;
        self.take(len)
    }

    /// Bytes behind their length of four bytes with a sign.
    fn counted_signed(&mut self) -> Result<&'a [u8], PickleError> {
        // The format says so, and CPython refuses what is negative.
        match u64::try_from(self.i32()?) {
            Ok(len) => self.take(len),
            Err(_) => malformed("a negative length"),
        }
    }

    /// A line without its LF.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = self.take(end as u64)?;
        self.take(1)?;
        Ok(line)
    }

    /// The index of a memo on a line.
    pub(super) fn index(&mut self) -> Result<u32, PickleError> {
        let line = self.line()?;
        let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        number.map_or_else(|| malformed("a memo index that is no number"), Ok)
    }

    /// The value of an opcode without parts; `None` for any other opcode.
    ///
    /// Inlined, so that the machine, which only passes over values, makes none of them.
    #[inline(always)]
    pub(super) fn leaf(&mut self, opcode: u8) -> Result<Option<Leaf<'a>>, PickleError> {
        let text = |form, raw| Leaf::Text(Text { form, raw });
        let bytes = |raw| Leaf::Bytes(Text { form: TextForm::Old, raw });
        Ok(Some(match opcode {
            b'N' => Leaf::Word("null"),
            0x88 => Leaf::Word("true"),
            0x89 => Leaf::Word("false"),
            b'K' => Leaf::Int(self.uint::<1>()? as i64),
            b'M' => Leaf::Int(self.uint::<2>()? as i64),
            b'J' => Leaf::Int(i64::from(self.i32()?)),
            0x8a => Leaf::Long(self.counted::<1>()?),
            0x8b => Leaf::Long(number::check_long(self.counted_signed()?)?),
            // How protocols 0 and 1 write bools.
            b'I' => match self.line()? {
                b"00" => Leaf::Word("false"),
                b"01" => Leaf::Word("true"),
                line => Leaf::Digits(number::digits(line)?),
            },
            b'L' => {
                let line = self.line()?;
                Leaf::Digits(number::digits(line.strip_suffix(b"L").unwrap_or(line))?)
            }
            // The one opcode that is big-endian.
            b'G' => Leaf::Float(f64::from_bits(self.uint::<8>()?.swap_bytes())),
            b'F' => Leaf::Float(number::float(self.line()?)?),
            b'S' => Leaf::Text(Text::literal(self.line()?)?),
            b'T' => text(TextForm::Old, self.counted_signed()?),
            b'U' => text(TextForm::Old, self.counted::<1>()?),
            b'V' => text(TextForm::Escaped, self.line()?),
            b'X' => text(TextForm::Utf8, self.counted::<4>()?),
            // Protocol 4 added lengths of one byte and of eight (PEP 3154).
            0x8c => text(TextForm::Utf8, self.counted::<1>()?),
            0x8d => text(TextForm::Utf8, self.counted::<8>()?),
            b'B' => bytes(self.counted::<4>()?),
            b'C' => bytes(self.counted::<1>()?),
            0x8e | 0x96 => bytes(self.counted::<8>()?),
            _ => return Ok(None),
        }))
    }
}

impl<'a> Tree<'a> {
    /// A value without parts.
    pub(super) fn leaf(&self, value: Value) -> Result<Leaf<'a>, PickleError> {
        let mut reader = Reader(self.pickle.get(value.at()..).unwrap_or_default());
        let opcode = reader.u8()?;
        reader.leaf(opcode)?.map_or_else(|| malformed("no value where one belongs"), Ok)
    }

    /// What stands before a string, and how it is spelled; `None` for any other value.
    fn text(&self, value: Value) -> Option<(usize, TextForm)> {
        match value.group().map_or(self.byte(value), |_| 0) {
            b'V' => Some((1, TextForm::Escaped)),
            b'S' => Some((2, TextForm::Literal)),
            b'U' => Some((2, TextForm::Old)),
            b'T' => Some((5, TextForm::Old)),
            0x8c => Some((2, TextForm::Utf8)),
            b'X' => Some((5, TextForm::Utf8)),
            0x8d => Some((9, TextForm::Utf8)),
            _ => None,
        }
    }

    pub(super) fn is_text(&self, value: Value) -> bool {
        self.text(value).is_some()
    }

    /// Whether a value can be the key of a JSON object: a string whose first character is not
    /// `$`. No more than that is looked at, for the memo may repeat a long string. An empty one is
    /// followed by a quote or an opcode, and `$` is neither.
    pub(super) fn is_plain_key(&self, value: Value) -> bool {
        self.text(value).is_some_and(|(header, form)| {
            let text = self.pickle.get(value.at() + header..).unwrap_or_default();
            form.first(text) != Some(b'$')
        })
    }

    /// A string as it is spelled; `None` for any other value.
    pub(super) fn name(&self, value: Value) -> Option<&'a [u8]> {
        match self.leaf(value) {
            Ok(Leaf::Text(text)) => Some(text.raw),
            _ => None,
        }
    }

    /// What the bytes of a value are spelled in, and whether their characters stand for them.
    pub(super) fn octets(&self, value: Value) -> (Text<'a>, bool) {
        let is_latin1 = self.kind(value) == NodeKind::Latin1;
        match (self.members(value), self.leaf(value)) {
            (&[inner], _) => {
                let (text, is_inner) = self.octets(inner);
                (text, is_latin1 || is_inner)
            }
            (_, Ok(Leaf::Bytes(text) | Leaf::Text(text))) if value.group().is_none() => {
                (text, false)
            }
            _ => (Text { form: TextForm::Old, raw: b"" }, false),
        }
    }
}
