//! How far a channel and its two directions have come, in words.

use std::io;

use crate::close::CloseReason;

/// How far a channel has come as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The connection is being made; what is sent waits.
    Connecting,
    Open,
    /// Closed by the handler: flushes, says FIN, and reads what comes only to throw it away.
    Closing(CloseReason),
    /// Closed and flushed; waits for the peer's FIN, not for long.
    Lingering(CloseReason),
}

impl Phase {
    /// Why the handler closed this channel, if it did.
    pub(super) fn closing(self) -> Option<CloseReason> {
        match self {
            Self::Closing(reason) | Self::Lingering(reason) => Some(reason),
            Self::Connecting | Self::Open => None,
        }
    }
}

/// One direction of a channel.
#[derive(Debug)]
pub(super) enum Way {
    Open,
    /// Only when writing: says FIN once the queue is empty.
    Finishing,
    /// Ended in order, or never was.
    Ended,
    Failed(io::Error),
}

impl Way {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed(_))
    }
}

/// Which directions a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// A connection.
    Both,
    /// Like stdin.
    Read,
    /// Like stdout.
    Write,
}
