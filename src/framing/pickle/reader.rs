//! The arguments of opcodes, taken from the pickle without a copy, never more than it has.

use super::text::Text;
use super::{PickleError, malformed, number};

/// A place in a pickle.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pickle: &'a [u8],
    at: usize,
}

/// A value without parts.
pub(super) enum Leaf<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Two's complement, the least significant byte first.
    Long(&'a [u8]),
    /// Digits with or without a sign.
    Digits(&'a str),
    Float(f64),
    Text(Text<'a>),
    /// Bytes or a bytearray.
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(super) fn new(pickle: &'a [u8], at: usize) -> Self {
        Self { pickle, at }
    }

    /// How many bytes have been taken.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.pickle.len() - self.at
    }

    #[inline]
    fn take(&mut self, len: u64) -> Result<&'a [u8], PickleError> {
        let rest = self.pickle.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let Some(bytes) = taken else { return malformed("it ends in the middle") };
        self.at += bytes.len();
        Ok(bytes)
    }

    /// An unsigned integer of this many bytes, up to eight, little-endian.
    pub(super) fn uint<const WIDTH: usize>(&mut self) -> Result<u64, PickleError> {
        let bytes = self.take(WIDTH as u64)?;
        Ok(bytes.iter().rev().fold(0, |uint, byte| uint << 8 | u64::from(*byte)))
    }

    pub(super) fn u8(&mut self) -> Result<u8, PickleError> {
        let Some(byte) = self.pickle.get(self.at) else {
            return malformed("it ends in the middle");
        };
        self.at += 1;
        Ok(*byte)
    }

    fn i32(&mut self) -> Result<i32, PickleError> {
        self.uint::<4>().map(|bits| bits as u32 as i32)
    }

    /// Bytes behind their length, which has `WIDTH` bytes.
    fn counted<const WIDTH: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let len = self.uint::<WIDTH>()?;
        self.take(len)
    }

    /// Bytes behind their length of four bytes with a sign.
    fn counted_signed(&mut self) -> Result<&'a [u8], PickleError> {
        match u64::try_from(self.i32()?) {
            Ok(len) => self.take(len),
            Err(_) => malformed("a negative length"),
        }
    }

    /// A line without its LF.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = self.pickle.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
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
    #[inline]
    pub(super) fn leaf(&mut self, opcode: u8) -> Result<Option<Leaf<'a>>, PickleError> {
        Ok(Some(match opcode {
            b'N' => Leaf::None,
            0x88 => Leaf::Bool(true),
            0x89 => Leaf::Bool(false),
            b'I' => match self.line()? {
                b"00" => Leaf::Bool(false),
                b"01" => Leaf::Bool(true),
                line => Leaf::Digits(number::digits(line)?),
            },
            b'L' => {
                let line = self.line()?;
                Leaf::Digits(number::digits(line.strip_suffix(b"L").unwrap_or(line))?)
            }
            b'J' => Leaf::Int(i64::from(self.i32()?)),
            b'K' => Leaf::Int(self.uint::<1>()? as i64),
            b'M' => Leaf::Int(self.uint::<2>()? as i64),
            0x8a => Leaf::Long(self.counted::<1>()?),
            0x8b => Leaf::Long(number::check_long(self.counted_signed()?)?),
            b'G' => Leaf::Float(f64::from_bits(self.uint::<8>()?.swap_bytes())),
            b'F' => Leaf::Float(number::float(self.line()?)?),
            b'S' => Leaf::Text(Text::literal(self.line()?)?),
            b'T' => Leaf::Text(Text::Old(self.counted_signed()?)),
            b'U' => Leaf::Text(Text::Old(self.counted::<1>()?)),
            b'V' => Leaf::Text(Text::Escaped(self.line()?)),
            b'X' => Leaf::Text(Text::Utf8(self.counted::<4>()?)),
            0x8c => Leaf::Text(Text::Utf8(self.counted::<1>()?)),
            0x8d => Leaf::Text(Text::Utf8(self.counted::<8>()?)),
            b'B' => Leaf::Bytes(self.counted::<4>()?),
            b'C' => Leaf::Bytes(self.counted::<1>()?),
            0x8e | 0x96 => Leaf::Bytes(self.counted::<8>()?),
            _ => return Ok(None),
        }))
    }
}
