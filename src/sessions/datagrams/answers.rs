//! `--reply` of the senders: answers, and the silence after the last of them.

use std::time::{Duration, Instant};

use super::DatagramContext;
use super::service::silence;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;

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

    /// The timer has gone off: ends the run where the silence after the last answer is long enough.
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
