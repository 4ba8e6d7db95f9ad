//! The rest of the input once `--count` or `--expect` is met: what stdin holds already is sent
//! before the run ends.

use std::time::{Duration, Instant};

use super::DatagramContext;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::text::number;
use crate::sessions::core::GRACE;
use crate::sessions::input::InputReader;
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;

/// How far the rest of the input is.
///
/// ```text
/// Unused ── begin ──> Sending ── stdin has nothing now, and all of it is sent ──> Over
///                        └────── 2 s have passed ──> Late: what is left is unsent, status 6
/// ```
///
/// Nothing more is received meanwhile. stdin may stay open: what it does not hold now is not
/// waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum InputDrain {
    #[default]
    Unused,
    /// Until this time.
    Sending(Instant),
    Over,
    Late,
}

/// Whether more may come of the input: it is open, and has not ended.
pub(super) fn has_more(input: &InputReader) -> bool {
    input.is_open() && !input.progress().ended
}

impl InputDrain {
    /// Begins to send the rest; a second call changes nothing. While what was read waits
    /// to be sent (`is_blocked`), nothing more is read.
    pub(super) fn begin(&mut self, context: &mut DatagramContext<'_>, is_blocked: bool) {
        if *self == Self::Unused {
            *self = Self::Sending(context.pool.now() + GRACE);
            context.sockets.set_paused(context.pool, true);
            if !is_blocked {
                context.core.input.resume(context.pool);
            }
            self.look(context);
        }
    }

    /// Whether the rest is on its way.
    pub(super) fn is_sending(self) -> bool {
        matches!(self, Self::Sending(_))
    }

    /// Whether an end of this kind waits for what is to be sent: one in order does, until the rest is
    /// sent or late.
    pub(super) fn delays(self, how: ShutdownMode) -> bool {
        matches!(how, ShutdownMode::Enough | ShutdownMode::InOrder(_)) && !self.is_over()
    }

    /// Whether the end waits for nothing more.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Over | Self::Late)
    }

    /// Has [`InputDrain::step`] called in the next turn: something was sent, or read.
    pub(super) fn look(self, context: &mut DatagramContext<'_>) {
        if self.is_sending() {
            context.arm(timers::QUIT, Duration::ZERO);
        }
    }

    /// Ends the run where the rest is sent, or where its time is over.
    pub(super) fn step(&mut self, context: &mut DatagramContext<'_>, is_blocked: bool) {
        let Self::Sending(until) = *self else { return };
        let left = until.saturating_duration_since(context.pool.now());
        if !left.is_zero() && is_blocked {
            return context.arm(timers::QUIT, left);
        }
        if !left.is_zero() && context.pool.has_ready() {
            return self.look(context);
        }
        *self = if left.is_zero() { Self::Late } else { Self::Over };
        context.end(ShutdownMode::Enough);
    }

    /// The failure of a run that ends with so many bytes of its input unsent; more may be unread.
    pub(super) fn failure(self, unsent: usize) -> Option<Failure> {
        (self == Self::Late).then(|| {
            let limit = humantime::format_duration(GRACE);
            let unsent = number(unsent as u64, "byte");
            let cause = format!("{unsent} and what is unread were not sent within {limit}");
            Failure::new(Status::Lost, Kind::Unsent, "send", "the rest of the input", cause)
        })
    }
}
