//! A source of bytes that are in memory already, and then end.

use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};

use super::transport::Transport;

/// A channel that delivers these bytes.
pub struct Memory(Bytes);

impl Memory {
    /// A source of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Transport for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.0.len());
        self.0.copy_to_slice(into.get_mut(..count).unwrap_or_default());
        Ok(count)
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
