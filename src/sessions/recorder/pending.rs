//! Records that wait to be written. It knows no file.

/// Records in their order, of which the first bytes may be written.
///
/// ```text
/// [ written, not moved out of the way yet | waits since an earlier write | fresh ]
///   0                                 gone                           fresh     len
/// ```
#[derive(Debug, Default)]
pub(super) struct PendingRecords {
    bytes: Vec<u8>,
    /// How much of them is written.
    gone: usize,
    /// Where those begin that came since the last write.
    fresh: usize,
    /// Bytes of whole records that are written, and are here no more.
    written: u64,
}

impl PendingRecords {
    /// What a record is appended to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that take memory.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// Bytes that are to be written.
    pub(super) fn waiting(&self) -> usize {
        debug_assert!(self.gone <= self.bytes.len(), "{} of {}", self.gone, self.bytes.len());
        self.bytes.len() - self.gone
    }

    /// Bytes of whole records that are written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Notes that `count` more bytes are written.
    pub(super) fn advance(&mut self, count: usize) {
        self.gone += count;
    }

    /// Makes room after a write. What is written is not moved out of the way until it is as much as the
    /// rest.
    pub(super) fn tidy(&mut self) {
        if self.waiting() == 0 {
            self.written += self.bytes.len() as u64;
            self.clear();
        } else if self.gone > self.bytes.len() / 2 {
            self.bytes.drain(..std::mem::take(&mut self.gone));
        }
    }

    /// Gives up what waits.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.gone = 0;
    }

    /// The same with its memory.
    pub(super) fn drop_all(&mut self) {
        (self.bytes, self.gone) = (Vec::new(), 0);
    }

    /// What comes from here on is fresh.
    pub(super) fn mark(&mut self) {
        self.fresh = self.bytes.len();
    }

    /// Puts bytes ahead of the fresh records, and behind the `head` with which the file begins.
    #[cfg(feature = "tls")]
    pub(super) fn insert(&mut self, head: usize, more: Vec<u8>) {
        let is_begin = self.written == 0 && self.fresh == 0;
        let at = if is_begin { head } else { self.fresh };
        self.bytes.splice(at..at, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(text: &[u8]) -> PendingRecords {
        let mut pending = PendingRecords::default();
        pending.buffer().extend_from_slice(text);
        pending
    }

    #[test]
    fn what_is_written_moves_once_it_is_as_much_as_the_rest() {
        let mut pending = pending(b"12345678");
        pending.advance(4);
        pending.tidy();
        assert_eq!((pending.len(), pending.waiting(), pending.rest()), (8, 4, &b"5678"[..]));
        pending.advance(1);
        pending.tidy();
        assert_eq!((pending.len(), pending.rest(), pending.written()), (3, &b"678"[..], 0));
        pending.advance(3);
        pending.tidy();
        assert_eq!((pending.len(), pending.waiting(), pending.written()), (0, 0, 3));
    }

    #[test]
    fn what_is_given_up_is_not_written() {
        let mut pending = pending(b"1234");
        pending.advance(2);
        pending.clear();
        assert_eq!((pending.len(), pending.waiting(), pending.written()), (0, 0, 0));
        pending.buffer().extend_from_slice(b"56");
        pending.advance(1);
        pending.drop_all();
        assert_eq!((pending.len(), pending.rest()), (0, &b""[..]));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn secrets_stand_ahead_of_what_is_fresh_and_behind_the_head() {
        let mut pending = pending(b"HEADone");
        pending.insert(4, b"<a>".to_vec());
        assert_eq!(pending.rest(), b"HEAD<a>one");
        pending.mark();
        pending.buffer().extend_from_slice(b"two");
        pending.insert(4, b"<b>".to_vec());
        assert_eq!(pending.rest(), b"HEAD<a>one<b>two");
        pending.advance(pending.len());
        pending.tidy();
        pending.mark();
        pending.buffer().extend_from_slice(b"three");
        pending.insert(4, b"<c>".to_vec());
        assert_eq!(pending.rest(), b"<c>three");
    }
}
