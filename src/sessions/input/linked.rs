//! stdin that goes to a connection without being looked at.

use super::{InputReader, Mode};
use crate::event_loop::{Id, Pool};
use crate::protocol::relay::Source;

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
}
