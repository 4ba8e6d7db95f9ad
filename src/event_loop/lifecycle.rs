//! The life of a channel: an overall [`ChannelPhase`], one [`Half`] per direction, and the [`CloseMode`]
//! of an orderly close. `channel.rs` draws who moves which.

use super::id::Id;
use super::pool::{Pool, Source};
use crate::close::CloseReason;

/// How far a channel has come as a whole. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelPhase {
    /// The connection is being made; what is sent waits.
    Connecting,
    /// In use.
    Open,
    /// Closed by the handler: it flushes, sends FIN, and discards what it reads.
    Closing(CloseReason),
    /// Closed and flushed; it waits up to `LINGER` for the peer's FIN.
    Lingering(CloseReason),
}

impl ChannelPhase {
    /// Why the handler closed this channel, if it did.
    pub(super) fn close_reason(self) -> Option<CloseReason> {
        match self {
            Self::Closing(reason) | Self::Lingering(reason) => Some(reason),
            Self::Connecting | Self::Open => None,
        }
    }
}

/// One direction of a channel. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Open,
    /// Of the writing half only: FIN follows once the queue is empty.
    Finishing,
    /// Ended in order, or never was.
    Ended,
    /// The channel keeps the error.
    Failed,
}

impl Half {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed)
    }
}

/// Which directions a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// A connection.
    Both,
    /// Like stdin.
    Read,
    /// Like stdout.
    Write,
}

/// How an orderly close ends: with FIN or RST, and what is awaited first. Every mode writes what
/// is queued before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseMode {
    /// FIN; waits up to 500 ms for the acknowledgement of every byte, and not for the peer's FIN.
    NoWait,
    /// FIN; waits up to 500 ms for the peer's FIN, and then cuts the connection.
    Linger,
    /// FIN; waits like `Linger`, but never cuts while bytes are unacknowledged. A peer that goes on
    /// sending is answered with RST as soon as the socket is gone, which would destroy what the
    /// kernel still holds for it.
    UntilAcked,
    /// RST in place of FIN, so that the peer knows that what came is not all; not before every byte
    /// is acknowledged. A channel without RST just ends.
    ResetWhenAcked,
}

impl CloseMode {
    /// Whether the close waits for the peer's FIN.
    pub(super) fn awaits_fin(self) -> bool {
        matches!(self, Self::Linger | Self::UntilAcked)
    }

    /// Whether the close waits for acknowledgements without a limit.
    pub(super) fn awaits_all_acks(self) -> bool {
        matches!(self, Self::UntilAcked | Self::ResetWhenAcked)
    }
}

impl Pool {
    /// Half-closes: FIN once everything queued is written. Reading goes on.
    pub fn finish(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id)
            && channel.writing.is_open()
        {
            channel.writing = Half::Finishing;
            self.mark_dirty(id);
        }
    }

    /// Closes in order and ends with `Closed`: writes what is queued, and then does what the mode
    /// says. The handler gets no more data. A listener, a datagram socket, and a connection that is
    /// still being made have no order to keep: they close as with `abort`.
    pub fn close(&mut self, id: Id, reason: CloseReason, mode: CloseMode) {
        match self.sources.get_mut(id) {
            Some(Source::Channel(channel)) if channel.closed.is_some() => {}
            Some(Source::Channel(channel)) if channel.phase == ChannelPhase::Open => {
                channel.phase = ChannelPhase::Closing(reason);
                channel.close_mode = mode;
                channel.paused = false;
                if channel.writing.is_open() {
                    channel.writing = Half::Finishing;
                }
                self.mark_dirty(id);
                self.queue_for_read(id);
            }
            Some(Source::Channel(channel)) if channel.phase != ChannelPhase::Connecting => {}
            Some(_) => self.abort(id, reason),
            None => {}
        }
    }

    /// Closes at the end of this turn, whatever is queued or unread.
    pub fn abort(&mut self, id: Id, reason: CloseReason) {
        match self.sources.get_mut(id) {
            Some(Source::Channel(channel)) if channel.closed.is_none() => {
                channel.closed = Some(reason);
                channel.paused = true;
            }
            Some(Source::Acceptor(acceptor)) if acceptor.closed.is_none() => {
                acceptor.closed = Some(reason);
                acceptor.paused = true;
            }
            Some(Source::Datagrams(datagrams)) if datagrams.closed.is_none() => {
                datagrams.closed = Some(reason);
            }
            _ => return,
        }
        self.closed.push(id);
    }
}
