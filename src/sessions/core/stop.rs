//! What asks a run to end before it is done, and how long it has from then.
//!
//! | asked by | what is queued for peers | stdout |
//! |---|---|---|
//! | the end of the work | as long as it takes | as long as it takes |
//! | `-- CMD` that has ended, of a listener | 2 s | as long as it takes |
//! | `/quit`, the first signal, `--timeout` | 2 s | the same 2 s |
//! | the second signal, a stdout without reader, the end of those 2 s | no time | no time |
//! | `--timeout` when all is closed | | no time |
//!
//! No time means that what the kernel takes at once still goes out. The first SIGTERM asks a listener
//! to end in order, and `/quit` asks any command: the status is 0 unless something was lost. What was to
//! be sent and was not is `unsent`, what stdout did not take is `undelivered`.

use std::time::Duration;

use super::state::Phase;
use super::{Core, Disposition};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::timers;

/// Grace period for queued data: a signal, `--timeout`, `/quit`, a missed deadline, `--count` or
/// `--expect` met.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// Delay before the waiting notice.
pub(crate) const NOTE_AFTER: Duration = Duration::from_secs(3);

/// The close reason of a run that a signal ends.
pub(crate) const SIGNALLED: CloseReason = CloseReason::new(Cause::Host, Detail::Signal);
/// The close reason of a run that `--timeout` ends.
pub(super) const TIMED_OUT: CloseReason = CloseReason::new(Cause::Timeout, Detail::Timeout);
/// The close reason of a run whose stdout is gone.
pub(super) const STDOUT_GONE: CloseReason = CloseReason::new(Cause::Host, Detail::Local);

/// The peer that a listener or sender awaits under `--wait`.
pub(super) struct AwaitedPeer {
    operation: &'static str,
    target: String,
    cause: &'static str,
}

impl Core {
    /// Reports `starting`, and the warnings about the options.
    #[cold]
    pub(crate) fn report_starting(&mut self, pool: &mut Pool) {
        self.console.report(pool, &Notice::new(Name::Starting));
        for (kind, text) in std::mem::take(&mut self.common.warnings) {
            self.console.warn(pool, kind, &text);
        }
    }

    /// Starts `--wait`, where it is given. In its failure `operation` on `target` failed,
    /// because of `cause` within the time.
    pub(crate) fn await_first(
        &mut self,
        pool: &mut Pool,
        operation: &'static str,
        target: impl Into<String>,
        cause: &'static str,
    ) {
        if let Some(patience) = self.common.limits.wait {
            self.awaited = Some(AwaitedPeer { operation, target: target.into(), cause });
            pool.arm(TimerKey::global(timers::FIRST_PEER), patience);
        }
    }

    /// A peer arrived within `--wait`.
    pub(crate) fn peer_arrived(&mut self, pool: &mut Pool) {
        if self.awaited.take().is_some() {
            pool.disarm(TimerKey::global(timers::FIRST_PEER));
        }
    }

    /// `--wait` ran out: the run fails, with a `better` reason where there is one.
    pub(crate) fn fail_waiting(&mut self, pool: &mut Pool, better: Option<Failure>) {
        let Some(AwaitedPeer { operation, target, cause }) = self.awaited.take() else { return };
        let patience = humantime::format_duration(self.common.limits.wait.unwrap_or_default());
        let cause = format!("{cause} within {patience}");
        let silence = || Failure::new(Status::Timeout, Kind::Timeout, operation, target, cause);
        self.fail(pool, &better.unwrap_or_else(silence));
    }

    /// Cuts off after a time, for this reason, what is not closed in order by then.
    pub(crate) fn limit_flushing(&mut self, pool: &mut Pool, reason: CloseReason, after: Duration) {
        self.state.set_grace(reason);
        pool.arm(TimerKey::global(timers::GRACE), after);
    }

    /// The same for stdout as well: the run is to end [`GRACE`] from now.
    pub(crate) fn limit_end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.state.limit_output();
        self.limit_flushing(pool, reason, GRACE);
    }

    /// Why connections are cut off when the time to flush is over.
    pub(in crate::sessions) fn grace_reason(&self) -> CloseReason {
        self.state.grace()
    }

    /// The time to flush is over.
    pub(super) fn grace_is_over(&mut self, pool: &mut Pool) -> Disposition {
        if self.state.is_output_limited() {
            self.abandon_output(pool);
        }
        self.unless_over(Disposition::Own)
    }

    pub(super) fn on_signal(&mut self, pool: &mut Pool, signal: Signal) -> Disposition {
        let Some(status) = status_of(signal) else { return self.unless_over(Disposition::Own) };
        self.command.pass_on(pool, &mut self.children, signal);
        if signal == Signal::Interrupt {
            self.console.note_interrupt();
        }
        let in_order = signal == Signal::Terminate && self.listens;
        if !in_order {
            self.overrule(status);
        }
        if self.state.note_signal() {
            self.abandon_output(pool);
            return self.unless_over(Disposition::EndNow(SIGNALLED));
        }
        self.limit_end(pool, SIGNALLED);
        self.unless_over(match in_order && !self.is_draining() {
            true => Disposition::Stop,
            false => Disposition::GiveUp(SIGNALLED),
        })
    }

    /// Whether a signal has asked for the end.
    pub(crate) fn is_signalled(&self) -> bool {
        self.state.is_signalled()
    }

    /// `--timeout` ran out.
    pub(super) fn time_is_up(&mut self, pool: &mut Pool) {
        let limit = humantime::format_duration(self.common.limits.timeout.unwrap_or_default());
        let cause = format!("the time of {limit} is up (-w)");
        let failure = Failure::new(Status::Timeout, Kind::Timeout, "finish", "the run", cause);
        self.fail(pool, &failure);
        self.console.cut_hooks(pool, &mut self.children);
        // Then all connections are closed: programs and stdout are left, and get no more time.
        if !self.state.is_working() {
            // `fail` leaves a status that is decided, and `Done` would hide that the end was cut.
            if self.status() == Status::Done {
                self.overrule(Status::Timeout);
            }
            self.command.terminate(pool, &mut self.children);
            self.abandon_output(pool);
        }
    }

    /// Abandons output that stdout does not take at once, when nothing else is pending.
    pub(super) fn abandon_output(&mut self, pool: &mut Pool) {
        self.state.abandon_output();
        self.console.reporter.hurry();
        if self.state.phase() == Phase::Flushing {
            self.console.abandon(pool, CloseReason::HOST);
        }
    }
}

/// The status of a run that a signal ends.
pub(crate) fn status_of(signal: Signal) -> Option<Status> {
    match signal {
        Signal::Interrupt => Some(Status::Interrupt),
        Signal::Terminate => Some(Status::Terminate),
        Signal::Hangup => Some(Status::Hangup),
        _ => None,
    }
}
