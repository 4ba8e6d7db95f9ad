//! What is received on one connection: bytes become messages, a deadline runs for each, and a stream
//! without messages is searched for what `--expect` looks out for.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::config::Common;
use crate::buffers::{Budget, Share};
use crate::error::{Failure, Status};
use crate::framing::{Deframer, Frame, FrameError, Framer};
use crate::protocol::expect::Lookout;

/// The option that would fix this error, if there is one.
pub(crate) fn frame_fix(error: &FrameError) -> Option<&'static str> {
    error.is_limit().then_some("--max-frame sets it")
}

/// The failure of a connection that sends what is no message.
pub(crate) fn bad_frame(target: String, error: &FrameError) -> Failure {
    let cause = error.to_string();
    Failure::new(Status::Lost, error.kind(), "read from", target, cause).maybe_fix(frame_fix(error))
}

/// The receiving side of one connection. A server keeps one for each client, so what a stream
/// without messages does not need is boxed.
pub(crate) struct Receiver {
    /// When the last whole message came, or the connection.
    last_message: Instant,
    parts: Option<Box<Parts>>,
}

enum Parts {
    Messages {
        deframer: Deframer,
        /// The part of the deframer in what all connections hold.
        share: Share,
        /// When bytes last came, or the connection.
        last_read: Instant,
    },
    /// Looks for `--expect` where there are no messages, which are searched one by one.
    Search { lookout: Box<Lookout>, matched: bool },
}

impl Receiver {
    /// With `passes_on` a long message is given as a frame as well ([`Frame::wire`]).
    pub(crate) fn new(common: &Common, now: Instant, budget: &Budget, passes_on: bool) -> Self {
        let parts = match (common.wire.framer(), &common.goal.expect) {
            (Some(framer), _) => {
                let (mut deframer, share) = (Deframer::new(framer), budget.share());
                if passes_on {
                    deframer.pass_on();
                }
                Some(Parts::Messages { deframer, share, last_read: now })
            }
            (None, Some(expect)) if !common.wire.delivers_messages() => {
                Some(Parts::Search { lookout: Box::new(Lookout::new(expect)), matched: false })
            }
            (None, _) => None,
        };
        Self { last_message: now, parts: parts.map(Box::new) }
    }

    /// Lines may come as one from now on ([`Deframer::join_lines`]).
    pub(crate) fn join_lines(&mut self) {
        if let Some(Parts::Messages { deframer, .. }) = self.parts.as_deref_mut() {
            deframer.join_lines();
        }
    }

    /// Takes the state out while its messages are handled, and leaves one behind that has none.
    pub(crate) fn take(&mut self) -> Self {
        Self { last_message: self.last_message, parts: self.parts.take() }
    }

    /// Takes a piece of the stream and gives the messages that it completes. A stream without
    /// framing is taken as it comes. Once `stop` is set, later messages of the piece wait for the next
    /// call. Who takes a message of a framing notes that it has come, which
    /// spares each of them one more call on its way.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if let Some(Parts::Messages { deframer, share, .. }) = self.parts.as_deref_mut() {
            let outcome = deframer.feed_until(piece, eof, stop, deliver);
            share.set(deframer.held() + deframer.held_whole());
            return outcome;
        }
        if !piece.is_empty() {
            deliver(Frame { payload: piece, made: None, wire: None, partial: false, count: 1 });
        }
        if let Some(Parts::Search { lookout, matched }) = self.parts.as_deref_mut() {
            *matched |= lookout.feed(piece);
        }
        Ok(())
    }

    /// Has another framer cut the stream, behind the last message that was delivered.
    pub(crate) fn cut_by(&mut self, framer: Box<dyn Framer>, now: Instant, budget: &Budget) {
        match self.parts.as_deref_mut() {
            Some(Parts::Messages { deframer, share, .. }) => {
                deframer.switch(framer);
                share.set(deframer.held() + deframer.held_whole());
            }
            _ => {
                let (deframer, share) = (Deframer::new(framer), budget.share());
                self.parts = Some(Box::new(Parts::Messages { deframer, share, last_read: now }));
            }
        }
    }

    /// Bytes have come, and with them a whole message or not.
    pub(crate) fn note_read(&mut self, now: Instant, has_message: bool) {
        if has_message {
            self.last_message = now;
        }
        if let Some(Parts::Messages { last_read, .. }) = self.parts.as_deref_mut() {
            *last_read = now;
        }
    }

    /// When bytes last came, or the connection.
    pub(crate) fn last_read(&self) -> Instant {
        match self.parts.as_deref() {
            Some(Parts::Messages { last_read, .. }) => *last_read,
            _ => self.last_message,
        }
    }

    /// Bytes of memory that are held for a message that is not whole.
    pub(crate) fn held(&self) -> usize {
        match self.parts.as_deref() {
            Some(Parts::Messages { deframer, .. }) => deframer.held(),
            _ => 0,
        }
    }

    /// Whether messages wait that have been read.
    pub(crate) fn has_unread(&self) -> bool {
        match self.parts.as_deref() {
            Some(Parts::Messages { deframer, .. }) => deframer.has_unread(),
            _ => false,
        }
    }

    /// Whether a message is being made of what has come, which takes more than one turn.
    pub(crate) fn is_making(&self) -> bool {
        match self.parts.as_deref() {
            Some(Parts::Messages { deframer, .. }) => deframer.is_making(),
            _ => false,
        }
    }

    /// Drops what has been made of such a message.
    pub(crate) fn begin_anew(&mut self) {
        if let Some(Parts::Messages { deframer, .. }) = self.parts.as_deref_mut() {
            deframer.begin_anew();
        }
    }

    /// Whether the stream, which has no messages, has matched `--expect`.
    pub(crate) fn has_matched(&self) -> bool {
        matches!(self.parts.as_deref(), Some(Parts::Search { matched: true, .. }))
    }

    /// Bytes of a message that never became whole.
    pub(crate) fn undelivered(&self) -> u64 {
        match self.parts.as_deref() {
            Some(Parts::Messages { deframer, .. }) => deframer.pending() as u64,
            _ => 0,
        }
    }

    /// Bytes that came and are in no message that was delivered: once the connection is gone, lost.
    pub(crate) fn lost(&self) -> u64 {
        match self.parts.as_deref() {
            Some(Parts::Messages { deframer, .. }) => deframer.undelivered() as u64,
            _ => 0,
        }
    }

    /// How long no message has come.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_message)
    }
}
