//! What comes in on one connection: bytes become messages, a deadline runs for each, and a stream
//! without messages is searched for what `--expect` looks out for.

use std::time::{Duration, Instant};

use super::config::Common;
use crate::error::{Failure, Status};
use crate::framing::{Deframer, Frame, FrameError};
use crate::protocol::expect::Lookout;

/// A connection delivers what is no message.
pub(crate) fn bad_frame(target: String, error: &FrameError) -> Failure {
    let cause = error.to_string();
    Failure::new(Status::Lost, error.kind(), "read from", target, cause).maybe_fix(error.fix())
}

/// The receiving side of one connection.
pub(crate) struct Inlet {
    deframer: Option<Deframer>,
    /// When the last whole message came, or the connection.
    last_message: Instant,
    /// Looks for `--expect` where there are no messages, which are searched one by one. In a box,
    /// because it is large and mostly not there.
    lookout: Option<Box<Lookout>>,
    matched: bool,
}

impl Inlet {
    pub(crate) fn new(common: &Common, now: Instant) -> Self {
        let framer = common.wire.framer();
        let expect = common.goal.expect.as_ref().filter(|_| !common.wire.has_messages());
        Self {
            deframer: framer.map(Deframer::new),
            last_message: now,
            lookout: expect.map(|expect| Box::new(Lookout::new(expect))),
            matched: false,
        }
    }

    /// Takes a piece of the stream and gives the messages that it completes. A stream without
    /// framing is taken as it comes.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        now: Instant,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        let Some(deframer) = &mut self.deframer else {
            if !piece.is_empty() {
                deliver(Frame { payload: piece, made: None, partial: false });
            }
            self.matched |= self.lookout.as_mut().is_some_and(|lookout| lookout.feed(piece));
            return Ok(());
        };
        let last_message = &mut self.last_message;
        deframer.feed(piece, eof, &mut |frame| {
            *last_message = now;
            deliver(frame);
        })
    }

    /// Whether the stream, which has no messages, has matched `--expect`.
    pub(crate) fn has_matched(&self) -> bool {
        self.matched
    }

    /// Bytes of a message that never became whole.
    pub(crate) fn undelivered(&self) -> u64 {
        self.deframer.as_ref().map_or(0, |deframer| deframer.pending() as u64)
    }

    /// What is left of the time for the next message; `None` when it is over.
    pub(crate) fn time_left(&self, limit: Duration, now: Instant) -> Option<Duration> {
        let spent = now.saturating_duration_since(self.last_message);
        limit.checked_sub(spent).filter(|left| !left.is_zero())
    }
}
