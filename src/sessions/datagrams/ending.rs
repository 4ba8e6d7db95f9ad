//! What the end of a run still waits for: the rest of the input once `--count` or `--expect` is met, and
//! the answers to what was sent (`--reply`). What stdin holds already is sent before the run ends.

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

/// Whether the input may give more: it is open, and has not ended.
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

    /// The failure of a run that ends with `unsent` bytes of its input; more may be unread.
    pub(super) fn failure(self, unsent: usize) -> Option<Failure> {
        (self == Self::Late).then(|| {
            let limit = humantime::format_duration(GRACE);
            let unsent = number(unsent as u64, "byte");
            let cause = format!("{unsent} and what is unread were not sent within {limit}");
            Failure::new(Status::Lost, Kind::Unsent, "send", "the rest of the input", cause)
        })
    }
}

/// The answers to what was sent.
///
/// ```text
/// Sending ── begin, behind the last message ──> Awaiting ── silence for the patience ──> end
/// ```
pub(super) struct Answers {
    /// How long another one is awaited; `None` where none is wanted.
    patience: Option<Duration>,
    count: u64,
    last: Instant,
}

impl Answers {
    pub(super) fn new(patience: Option<Duration>, now: Instant) -> Self {
        Self { patience, count: 0, last: now }
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.patience.is_some()
    }

    /// Whether there is none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One has come.
    pub(super) fn note(&mut self, now: Instant) {
        self.count += 1;
        self.last = now;
    }

    /// The silence begins anew.
    pub(super) fn listen_on(&mut self, now: Instant) {
        self.last = now;
    }

    /// Everything is sent: awaits answers, or ends the run where none is wanted.
    pub(super) fn begin(&mut self, context: &mut DatagramContext<'_>) {
        match self.patience {
            Some(patience) if !context.core.has_enough() => {
                self.last = context.pool.now();
                context.arm(timers::ANSWERS, patience);
            }
            _ => context.end(ShutdownMode::Enough),
        }
    }

    /// The timer has fired: ends the run if the silence after the last answer is long enough.
    pub(super) fn check(&self, context: &mut DatagramContext<'_>) {
        let Some(patience) = self.patience else { return };
        let silent = context.pool.now().saturating_duration_since(self.last);
        if let Some(left) = context.sockets.limit_left(patience, silent) {
            return context.arm(timers::ANSWERS, left);
        }
        if self.is_empty() {
            context.core.fail(context.pool, &silence(Kind::Reply, "an answer", patience));
        }
        context.end(ShutdownMode::Enough);
    }

    /// Ends the run without waiting for more.
    pub(super) fn give_up(&self, context: &mut DatagramContext<'_>) {
        if self.are_wanted() && self.is_empty() && !context.core.has_enough() {
            let cause = "none came before the end of the commands";
            let failure = Failure::new(Status::Unmet, Kind::Reply, "receive", "an answer", cause);
            context.core.fail(context.pool, &failure);
        }
        context.end(ShutdownMode::Enough);
    }
}

/// Nothing has moved within `--idle-timeout` of a sender.
pub(super) fn idle(limit: Duration) -> Failure {
    let cause = format!("no traffic for {}", humantime::format_duration(limit));
    Failure::new(Status::Timeout, Kind::Idle, "finish", "sending", cause)
}

/// Nothing of the kind has come within a limit.
pub(super) fn silence(kind: Kind, target: &str, limit: Duration) -> Failure {
    let cause = format!("none within {}", humantime::format_duration(limit));
    Failure::new(Status::Unmet, kind, "receive", target, cause)
}
