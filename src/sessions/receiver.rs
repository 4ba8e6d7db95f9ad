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

/// The receiving side of one connection. A server keeps one for each client, so what a stream
/// without messages does not need is boxed.
pub(crate) struct Receiver {
    /// When the last whole message came, or the connection.
    last_message: Instant,
    parts: Option<Box<Parts>>,
}

enum Parts {
    Messages(Deframer),
    /// Looks for `--expect` where there are no messages, which are searched one by one.
    Search {
        lookout: Box<Lookout>,
        matched: bool,
    },
}

impl Receiver {
    pub(crate) fn new(common: &Common, now: Instant) -> Self {
        let parts = match (common.wire.framer(), &common.goal.expect) {
            (Some(framer), _) => Some(Parts::Messages(Deframer::new(framer))),
            (None, Some(expect)) if !common.wire.has_messages() => {
                Some(Parts::Search { lookout: Box::new(Lookout::new(expect)), matched: false })
            }
            (None, _) => None,
        };
        Self { last_message: now, parts: parts.map(Box::new) }
    }

    /// Takes the state out while its messages are handled, and leaves one behind that has none.
    pub(crate) fn take(&mut self) -> Self {
        Self { last_message: self.last_message, parts: self.parts.take() }
    }

    /// Takes a piece of the stream and gives the messages that it completes. A stream without
    /// framing is taken as it comes. Who takes a message of a framing notes that it has come, which
    /// spares each of them one more call on its way.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if let Some(Parts::Messages(deframer)) = self.parts.as_deref_mut() {
            return deframer.feed(piece, eof, deliver);
        }
        if !piece.is_empty() {
            deliver(Frame { payload: piece, made: None, partial: false });
        }
        if let Some(Parts::Search { lookout, matched }) = self.parts.as_deref_mut() {
            *matched |= lookout.feed(piece);
        }
        Ok(())
    }

    /// A message has come.
    pub(crate) fn note_message(&mut self, now: Instant) {
        self.last_message = now;
    }

    /// Whether the stream, which has no messages, has matched `--expect`.
    pub(crate) fn has_matched(&self) -> bool {
        matches!(self.parts.as_deref(), Some(Parts::Search { matched: true, .. }))
    }

    /// Bytes of a message that never became whole.
    pub(crate) fn undelivered(&self) -> u64 {
        match self.parts.as_deref() {
            Some(Parts::Messages(deframer)) => deframer.pending() as u64,
            _ => 0,
        }
    }

    /// How long no message has come.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_message)
    }
}
