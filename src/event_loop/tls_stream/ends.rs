//! How the two directions of a stream inside TLS end.

use std::io;

/// The ends, each as far as it has come.
///
/// | the peer's direction | `is_over` | `take_error` |
/// |---|---|---|
/// | Open | no | nothing |
/// | Closed: its close_notify came | yes | nothing |
/// | Broken: the rules are broken, or FIN came alone | yes | the error, once |
#[derive(Debug, Default)]
pub(super) struct StreamEnds {
    theirs: PeerEnd,
    /// Bytes of the close_notify that this side has sent.
    notified: Option<usize>,
    /// The end of the stream is to be RST.
    is_reset: bool,
}

#[derive(Debug, Default)]
enum PeerEnd {
    #[default]
    Open,
    Closed,
    /// Until the error is taken.
    Broken(Option<io::Error>),
}

impl StreamEnds {
    /// The peer's close_notify has come.
    pub(super) fn close(&mut self) {
        debug_assert!(!matches!(self.theirs, PeerEnd::Broken(_)), "nothing is read behind it");
        self.theirs = PeerEnd::Closed;
    }

    /// Nothing that follows can be trusted.
    pub(super) fn break_off(&mut self, error: io::Error) {
        self.theirs = PeerEnd::Broken(Some(error));
    }

    /// Whether the peer sends nothing more.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.theirs, PeerEnd::Open)
    }

    /// Whether the peer has said so, by its close_notify.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.theirs, PeerEnd::Closed)
    }

    /// Whether an error waits to be taken.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.theirs, PeerEnd::Broken(Some(_)))
    }

    /// What has broken the stream, the first time.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        match &mut self.theirs {
            PeerEnd::Broken(error) => error.take(),
            _ => None,
        }
    }

    /// Notes that a close_notify of `bytes` bytes is sent.
    pub(super) fn notify(&mut self, bytes: usize) {
        debug_assert!(self.notified.is_none(), "one is sent");
        self.notified = Some(bytes);
    }

    /// Bytes of the close_notify, once it is sent.
    pub(super) fn notified(&self) -> Option<usize> {
        self.notified
    }

    /// The end is to be RST, which no close_notify precedes.
    pub(super) fn reset(&mut self) {
        self.is_reset = true;
    }

    /// Whether a close_notify is to precede the FIN of this side.
    pub(super) fn owes_notify(&self) -> bool {
        self.notified.is_none() && !self.is_reset && !self.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_taken_once_and_the_direction_stays_over() {
        let mut ends = StreamEnds::default();
        assert!(!ends.is_over() && ends.take_error().is_none());
        ends.break_off(io::ErrorKind::UnexpectedEof.into());
        assert!(ends.is_over() && ends.is_broken() && !ends.is_closed());
        assert!(!ends.owes_notify());
        assert_eq!(ends.take_error().map(|error| error.kind()), Some(io::ErrorKind::UnexpectedEof));
        assert!(ends.take_error().is_none());
        assert!(ends.is_over() && !ends.is_broken());
    }

    #[test]
    fn a_close_notify_is_owed_once_and_not_ahead_of_rst() {
        let mut ends = StreamEnds::default();
        ends.close();
        assert!(ends.is_over() && ends.is_closed() && ends.take_error().is_none());
        assert!(ends.owes_notify() && ends.notified().is_none());
        ends.notify(24);
        assert!(!ends.owes_notify());
        assert_eq!(ends.notified(), Some(24));
        let mut ends = StreamEnds::default();
        ends.reset();
        assert!(!ends.owes_notify());
    }
}
