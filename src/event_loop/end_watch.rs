//! The end of a connection that is not read: what a paused channel does about it.

use rustix::io::Errno;
use std::io::ErrorKind;

use super::channel::Channel;
use super::id::Id;
use super::lifecycle::Half;
use super::marks::Marks;
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

impl Channel {
    /// Looks for the end of a connection that is not read and not written: its peer has said FIN, or
    /// it is paused and nothing is unread. Neither a read nor a write would meet the reset. True where
    /// the peer has closed it in order and reads no more.
    pub(super) fn has_hung_up(&mut self) -> bool {
        // Messages that wait come before the reset.
        let is_used = self.end_watch != EndWatch::Off && !self.marks.has(Marks::HELD);
        let may_be_reset = self.marks.has(Marks::HUNG_UP) && is_used;
        let looks = may_be_reset || self.end_watch == EndWatch::Unchecked;
        if looks && self.paused && self.reading.is_open() {
            let watches = self.end_watch != EndWatch::Resets;
            let (reset, ended) = match self.transport.has_ended() {
                Ok(true) => (self.take_reset(), watches),
                Ok(false) => (None, false),
                Err(error) => (Some(error), false),
            };
            if watches {
                self.end_watch = if ended { EndWatch::Due } else { EndWatch::Quiet };
                if ended {
                    self.readable = true;
                    self.marks.set(Marks::NOTICE, true);
                }
            }
            if let Some(error) = reset {
                self.fail_reading(error);
            }
        }
        // With FIN to be sent the end is near, and what is queued meets the error by itself.
        if !self.marks.has(Marks::HUNG_UP) || self.reading != Half::Ended || !self.writing.is_open()
        {
            return false;
        }
        self.marks.set(Marks::HUNG_UP, false);
        match self.transport.take_error() {
            Some(error) => {
                // What Linux calls EPIPE in SO_ERROR is an RST behind the peer's FIN (tcp_reset()).
                let is_reset = error.kind() == ErrorKind::BrokenPipe;
                self.fail_writing(if is_reset { Errno::CONNRESET.into() } else { error });
                false
            }
            None => self.transport.is_deserted(),
        }
    }
}
