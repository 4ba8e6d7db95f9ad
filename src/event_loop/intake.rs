//! The incoming side of a connection that has messages.
//!
//! ```text
//!               a piece comes, or `resume`
//!          ┌───────────────────────────────────┐
//!          │                                   v
//! Waiting or Held <── all is delivered, ── Delivering ── a bad frame ──> closed
//!          ^          or the handler           │
//!          │          pauses or switches       └── the handler closes ─> closed
//!          └───────────────────────────────────┘
//! ```
//!
//! | state | `state` | mark `HELD` of the channel | reads |
//! |---|---|---|---|
//! | Waiting | a deframer | not set | as any channel |
//! | Held | a deframer that has something unread, or bytes behind the last message | set | none, until that is delivered |
//! | Delivering | with the turn | as before | none |

use std::cell::Cell;

use bytes::Bytes;

use crate::buffers::Share;
use crate::framing::{Deframer, FrameSettings, Framer};

/// The incoming side of a connection that has, or had, messages.
pub(super) struct Intake {
    pub(super) state: IntakeState,
    /// The framing of what is sent.
    pub(super) settings: FrameSettings,
    /// Marks what is sent; `None` where the stream is bytes again.
    pub(super) encoder: Option<Box<dyn Framer>>,
    /// Its part in what all connections hold.
    pub(super) share: Share,
}

pub(super) enum IntakeState {
    Frames(Deframer),
    /// The framing is over, and these bytes came behind its last message.
    Bytes(Bytes),
    /// The turn has the deframer, and goes on with it.
    Delivering,
    /// The turn has it, and the handler has asked for another framing meanwhile.
    Switching(Option<Box<dyn Framer>>),
}

impl IntakeState {
    pub(super) fn has_rest(&self) -> bool {
        match self {
            Self::Frames(deframer) => deframer.has_unread(),
            Self::Bytes(rest) => !rest.is_empty(),
            Self::Delivering | Self::Switching(_) => false,
        }
    }

    /// Another framing, or none, from behind the last message on.
    pub(super) fn switch(self, to: Option<Box<dyn Framer>>) -> Self {
        match (self, to) {
            (Self::Frames(mut deframer), Some(framer)) => {
                deframer.switch(framer);
                Self::Frames(deframer)
            }
            (Self::Frames(deframer), None) => Self::Bytes(deframer.into_rest().into()),
            (Self::Bytes(rest), Some(framer)) => Self::Frames(deframer(framer, &rest)),
            (Self::Bytes(rest), None) => Self::Bytes(rest),
            (Self::Delivering | Self::Switching(_), to) => Self::Switching(to),
        }
    }
}

/// A deframer that has looked at nothing of `rest`.
fn deframer(framer: Box<dyn Framer>, rest: &[u8]) -> Deframer {
    let mut deframer = Deframer::new(framer);
    // Stopped from the start, it delivers nothing, and so nothing can fail.
    let kept = deframer.feed_until(rest, false, &Cell::new(true), &mut |_| {});
    debug_assert!(kept.is_ok(), "a frame was looked at");
    deframer
}
