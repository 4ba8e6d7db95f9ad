//! The arguments of opcodes: bytes taken from the pickle, never more than it has.

use super::{PickleError, malformed};

/// A place in a pickle.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pickle: &'a [u8],
    at: usize,
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

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], PickleError> {
        match self.pickle.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => malformed("it ends in the middle"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.take(N)?;
        bytes.try_into().or_else(|_| malformed("it ends in the middle"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, PickleError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, PickleError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, PickleError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, PickleError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, PickleError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, PickleError> {
        self.array().map(f64::from_be_bytes)
    }

    /// Bytes behind their length of one byte.
    pub(super) fn short(&mut self) -> Result<&'a [u8], PickleError> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// Bytes behind their length of four bytes.
    pub(super) fn medium(&mut self) -> Result<&'a [u8], PickleError> {
        let len = self.u32()?;
        self.sized(u64::from(len))
    }

    /// Bytes behind their length of four bytes with a sign.
    pub(super) fn signed(&mut self) -> Result<&'a [u8], PickleError> {
        match u64::try_from(self.i32()?) {
            Ok(len) => self.sized(len),
            Err(_) => malformed("a negative length"),
        }
    }

    /// Bytes behind their length of eight bytes.
    pub(super) fn long(&mut self) -> Result<&'a [u8], PickleError> {
        let len = self.u64()?;
        self.sized(len)
    }

    fn sized(&mut self, len: u64) -> Result<&'a [u8], PickleError> {
        match usize::try_from(len) {
            Ok(len) => self.take(len),
            Err(_) => malformed("it ends in the middle"),
        }
    }

    /// A line without its LF.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = self.pickle.get(self.at..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(end) => {
                let line = self.take(end)?;
                self.at += 1;
                Ok(line)
            }
            None => malformed("it ends in the middle"),
        }
    }

    /// A number on a line, as of a memo.
    pub(super) fn index_line(&mut self) -> Result<u32, PickleError> {
        let line = self.line()?;
        let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        number.map_or_else(|| malformed("a memo index that is no number"), Ok)
    }
}
