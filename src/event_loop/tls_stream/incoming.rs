//! What was read of the wire and not delivered: the beginning of a record, and plaintext.

use super::waiting::Waiting;

/// What waits of what was read.
#[derive(Debug, Default)]
pub(super) struct IncomingRecords {
    /// The beginning of a record, or of a message of the handshake.
    pub(super) partial: Vec<u8>,
    /// Plaintext for which a read had no room.
    pub(super) plain: Waiting,
    /// The last read of the wire left nothing behind.
    pub(super) is_drained: bool,
}

/// Where the plaintext of one read of the wire goes: into a buffer, and behind that into what waits.
pub(super) struct RecordIntake<'a> {
    into: &'a mut [u8],
    pub(super) filled: usize,
    plain: &'a mut Waiting,
}

impl IncomingRecords {
    /// Keeps the beginning of a record in the place of the one before.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            // A connection that is idle holds no buffer.
            self.partial = Vec::new();
            return;
        }
        self.partial.clear();
        self.partial.extend_from_slice(rest);
    }
}

impl<'a> RecordIntake<'a> {
    pub(super) fn new(into: &'a mut [u8], plain: &'a mut Waiting) -> Self {
        Self { into, filled: 0, plain }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let room = self.into.get_mut(self.filled..).unwrap_or_default();
        let (now, later) = bytes.split_at(bytes.len().min(room.len()));
        if let Some(room) = room.get_mut(..now.len()) {
            room.copy_from_slice(now);
        }
        self.filled += now.len();
        self.plain.back().extend_from_slice(later);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_fills_the_buffer_first_and_waits_behind_it() {
        let (mut into, mut plain) = ([0; 5], Waiting::default());
        let mut intake = RecordIntake::new(&mut into, &mut plain);
        for bytes in [&b"abc"[..], b"def", b"gh"] {
            intake.take(bytes);
        }
        assert_eq!(intake.filled, 5);
        assert_eq!((&into, plain.rest()), (b"abcde", &b"fgh"[..]));
    }

    #[test]
    fn a_record_that_is_whole_leaves_no_buffer() {
        let mut incoming = IncomingRecords::default();
        incoming.keep(b"begin");
        incoming.keep(b"beg");
        assert_eq!(incoming.partial, b"beg");
        incoming.keep(b"");
        assert_eq!(incoming.partial.capacity(), 0);
    }
}
