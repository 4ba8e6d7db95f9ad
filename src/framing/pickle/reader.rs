//! The opcodes of values without parts, read without a copy, and never more than there is.

use super::classes;
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
        // The format has it signed, and CPython refuses what is negative.
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
        number.map_or_else(|| malformed("a memo index that is not a number"), Ok)
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
            0x8b => Leaf::Long(number::check_long(self.counted_signed()?).or_else(malformed)?),
            // How protocols 0 and 1 write bools.
            b'I' => match self.line()? {
                b"00" => Leaf::Word("false"),
                b"01" => Leaf::Word("true"),
                line => Leaf::Digits(number::digits(line).or_else(malformed)?),
            },
            b'L' => {
                let line = self.line()?;
                let digits = number::digits(line.strip_suffix(b"L").unwrap_or(line));
                Leaf::Digits(digits.or_else(malformed)?)
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

    /// What a string begins with, as it is spelled, and how; `None` for any other value. Its end is not
    /// looked for: the memo may repeat a long one.
    fn start(&self, value: Value) -> Option<(&'a [u8], TextForm)> {
        let (header, form) = match value.group().map_or(self.byte(value), |_| 0) {
            b'V' => (1, TextForm::Escaped),
            b'S' => (2, TextForm::Literal),
            b'U' => (2, TextForm::Old),
            b'T' => (5, TextForm::Old),
            0x8c => (2, TextForm::Utf8),
            b'X' => (5, TextForm::Utf8),
            0x8d => (9, TextForm::Utf8),
            _ => return None,
        };
        Some((self.pickle.get(value.at() + header..)?, form))
    }

    pub(super) fn is_text(&self, value: Value) -> bool {
        self.start(value).is_some()
    }

    /// Whether a value can be the key of a JSON object: a string whose first character is not `$`. An
    /// empty one is followed by a quote or an opcode, and `$` is neither.
    pub(super) fn is_plain_key(&self, value: Value) -> bool {
        self.start(value).is_some_and(|(text, form)| form.first(text) != Some(b'$'))
    }

    /// Whether a string begins like a decimal that Python refuses to hash.
    pub(super) fn is_signaling(&self, value: Value) -> bool {
        self.start(value).is_some_and(|(text, _)| classes::is_signaling(text))
    }

    /// A string as it is spelled; `None` for any other value.
    pub(super) fn name(&self, value: Value) -> Option<&'a [u8]> {
        match self.leaf(value) {
            Ok(Leaf::Text(text)) => Some(text.raw),
            _ => None,
        }
    }

    /// What a string or the bytes of a value are spelled in, and whether characters stand for bytes.
    pub(super) fn octets(&self, value: Value) -> (Text<'a>, bool) {
        if let &[inner] = self.members(value) {
            let (text, is_latin1) = self.octets(inner);
            return (text, is_latin1 || self.kind(value) == NodeKind::Latin1);
        }
        match value.group().map_or_else(|| self.leaf(value).ok(), |_| None) {
            Some(Leaf::Bytes(text) | Leaf::Text(text)) => (text, false),
            _ => (Text { form: TextForm::Old, raw: b"" }, false),
        }
    }
}
