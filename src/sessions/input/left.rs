//! What is left of an input that is given up: what decides whether its receivers are cut.

use super::InputReader;
use super::throttle::Throttle;
use crate::event_loop::Pool;
use crate::protocol::relay::{InputState, Source};

/// What is known of the part of the input that is not sent.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// It failed, and so ended before its end.
    pub(super) failed: bool,
    /// No byte behind so many is to be sent.
    last: Option<u64>,
    /// So many bytes were left when it was given up.
    pub(super) behind: u64,
}

impl InputReader {
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

    /// Whether it is known not to be sent whole, should it be given up now.
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
