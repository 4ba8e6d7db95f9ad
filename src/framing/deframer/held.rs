//! What has come and is not delivered yet.

use std::ops::Range;

use bytes::Bytes;

/// Bytes of which the first ones are taken.
#[derive(Default)]
pub(super) struct UnreadBytes {
    pub(super) bytes: Vec<u8>,
    taken: usize,
}

impl UnreadBytes {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Keeps the last bytes. They move once they fill less than half of the memory: all moves
    /// together copy each byte once at most.
    pub(super) fn keep(mut self, left: usize) -> Self {
        self.taken = self.bytes.len() - left;
        if left < self.bytes.capacity() / 2 { Self::new(self.rest().to_vec()) } else { self }
    }
}

/// A whole frame with its marks, and where in it the payload lies.
pub(super) struct BegunFrame {
    pub(super) frame: Vec<u8>,
    pub(super) payload: Range<usize>,
    pub(super) partial: bool,
    pub(super) draft: Draft,
}

/// What has been made of a frame.
#[derive(Default)]
pub(super) struct Draft {
    /// The message.
    pub(super) made: Option<Bytes>,
    /// The beginning of what it is passed on as.
    pub(super) wire: Vec<u8>,
}
