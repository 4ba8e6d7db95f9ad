//! The end of a connection that is not read: what a paused channel does about it.

use super::id::Id;
use super::pool::Pool;

/// What a paused channel looks for at the end of what comes in.
///
/// ```text
/// pause ──> Resets     pause_end ──> Off     pause_until_end ──> Unchecked
///
///           an edge                ended, and nothing is unread
/// Quiet ──────────────> Unchecked ──────────────────────────────> Due: the end is read
///   ^                       │
///   └─────── otherwise ─────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) enum EndWatch {
    /// A reset that nothing unread precedes ends it.
    #[default]
    Resets,
    /// Nothing: its owner has not used all that was read before.
    Off,
    /// A reset as well as an orderly end; there was neither when it last looked.
    Quiet,
    /// The same, and it has to look.
    Unchecked,
    /// The end has come, with nothing before it.
    Due,
}

impl Pool {
    /// Stops reading a connection until `resume`, also where its end has come: for a handler that has
    /// yet to use what it was given.
    pub(crate) fn pause_end(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            (channel.paused, channel.end_watch) = (true, EndWatch::Off);
        }
    }

    /// Stops reading a connection until `resume`, but for an end that nothing unread precedes: `Eof`
    /// and `Closed` come all the same.
    pub(crate) fn pause_until_end(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id)
            && !(channel.paused && channel.end_watch >= EndWatch::Quiet)
        {
            (channel.paused, channel.end_watch) = (true, EndWatch::Unchecked);
            self.mark_dirty(id);
        }
    }
}
