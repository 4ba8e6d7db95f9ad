//! What only the channel of stdin knows: how much has passed over a link, and how much is left of an input
//! that is given up, which decides whether its receivers are cut.

use super::throttle::Throttle;
use super::{InputReader, Mode};
use crate::event_loop::{Id, Pool};
use crate::protocol::relay::{InputState, Source};

/// What is known of the part of the input that is not sent.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// It failed before its end.
    pub(super) failed: bool,
    /// Nothing behind this many bytes is sent.
    last: Option<u64>,
    /// Bytes that were left when it was given up.
    pub(super) behind: u64,
}

impl InputReader {
    /// Its channel, where each byte goes to the wire as it is, and at once. A person types too little
    /// for that to matter.
    pub(crate) fn verbatim(&self) -> Option<Id> {
        let is_plain = matches!(self.mode, Mode::Plain) && self.encoder.is_plain();
        let is_stream = self.progress.source == Source::Stream && !self.progress.ended;
        self.id.filter(|_| is_plain && is_stream && self.throttle.is_none())
    }

    /// Notes what has passed over a link.
    pub(crate) fn note_linked(&mut self, pool: &Pool) {
        let traffic = self.id.and_then(|id| pool.traffic(id));
        self.progress.empty &= traffic.is_none_or(|traffic| traffic.received == 0);
    }

    /// What follows is read again.
    pub(crate) fn unlink(&self, pool: &mut Pool) {
        if let Some(id) = self.id {
            pool.unlink(id);
        }
    }

    /// Whether it is linked, and its connection takes nothing for now.
    pub(crate) fn waits_for_peer(&self, pool: &Pool) -> bool {
        self.id.is_some_and(|id| pool.waits_for_sink(id))
    }

    /// Bytes of it that are not sent, as far as is known: what has been read, and what waits to be.
    /// An idle pipe or terminal has none.
    pub(super) fn left(&self, pool: &Pool) -> u64 {
        let Some(id) = self.id else { return self.left.behind };
        let held = self.throttle.as_ref().map_or(0, Throttle::waiting) + self.mode.pending();
        let held = held + self.encoder.pending();
        let unread = match (self.left.last, self.progress) {
            (Some(last), _) => last.saturating_sub(self.read_so_far(pool)),
            (None, InputState { source: Source::Stream, ended: false, .. }) => pool.unread(id),
            // What a person has typed ahead is for whoever reads the terminal next.
            _ => 0,
        };
        unread + held as u64
    }

    fn read_so_far(&self, pool: &Pool) -> u64 {
        // At its end the channel is gone.
        self.id.and_then(|id| pool.traffic(id)).map_or(u64::MAX, |traffic| traffic.received)
    }

    /// Whether some of it is known to stay unsent if it is given up now.
    pub(crate) fn is_cut_short(&self, pool: &Pool) -> bool {
        self.left.failed || self.left(pool) > 0
    }

    /// The same as a number of bytes, once.
    pub(crate) fn take_left(&mut self, pool: &Pool) -> u64 {
        let left = self.left(pool);
        self.left.behind = 0;
        left
    }

    /// What is there now is the last that is sent. False where there is nothing.
    pub(crate) fn begin_last(&mut self, pool: &Pool) -> bool {
        let left = self.left(pool);
        if left > 0 {
            let unread = self.id.map_or(0, |id| pool.unread(id));
            self.left.last = Some(self.read_so_far(pool).saturating_add(unread));
        }
        left > 0
    }

    /// Whether no more is sent than was there at [`InputReader::begin_last`].
    pub(crate) fn is_last(&self) -> bool {
        self.left.last.is_some()
    }

    /// Whether the last of it is read, and not held any more.
    pub(crate) fn is_last_read(&self, pool: &Pool) -> bool {
        self.is_last() && self.is_open() && (self.progress.ended || self.left(pool) == 0)
    }
}
