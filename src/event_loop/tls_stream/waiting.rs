//! Bytes that wait on one side of TLS: plaintext for a read, or records for the wire.

/// Bytes of which some at the front are done with. Where none wait, it holds no memory: a connection that
/// is idle costs no buffer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    done: usize,
}

impl Waiting {
    /// Those that wait.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.done..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rest().len()
    }

    /// Where more are put behind those.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Notes that the first `count` bytes are done with.
    pub(super) fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "{count} of {} bytes", self.len());
        self.done += count;
        if self.done >= self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Moves as many as fit into `into`.
    pub(super) fn deliver(&mut self, into: &mut [u8]) -> usize {
        let count = self.len().min(into.len());
        if let (Some(from), Some(to)) = (self.rest().get(..count), into.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.advance(count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_at_the_front_and_come_at_the_back() {
        let mut waiting = Waiting::default();
        waiting.back().extend_from_slice(b"abcdef");
        waiting.advance(2);
        assert_eq!((waiting.rest(), waiting.len()), (&b"cdef"[..], 4));
        waiting.back().extend_from_slice(b"g");
        let mut into = [0; 3];
        assert_eq!(waiting.deliver(&mut into), 3);
        assert_eq!(&into, b"cde");
        assert_eq!(waiting.deliver(&mut into), 2);
        assert_eq!(&into[..2], b"fg");
        assert!(waiting.is_empty());
        assert_eq!(waiting.deliver(&mut into), 0);
    }

    #[test]
    fn memory_is_held_as_long_as_something_waits() {
        let mut waiting = Waiting::default();
        waiting.back().extend_from_slice(&[7; 1000]);
        waiting.advance(999);
        assert!(waiting.bytes.capacity() >= 1000);
        waiting.advance(1);
        assert_eq!((waiting.bytes.capacity(), waiting.done), (0, 0));
    }
}
