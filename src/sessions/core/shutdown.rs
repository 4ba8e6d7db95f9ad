//! The end of a run: what has arrived is read, the other programs end, stdout drains, and the
//! summary is reported last.

use std::time::Duration;

use super::{Core, Disposition, NOTE_AFTER, OutputPatience, STDOUT_GONE};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::children::ChildPurpose;
use crate::sessions::console::StdoutEnd;
use crate::sessions::ready::Readiness;
use crate::sessions::timers;

/// Upper bound on loop turns spent draining input at shutdown. At 256 KiB a turn, 1000 turns exceed
/// any kernel buffer, so that only a peer that never stops sending reaches it.
const DRAIN_TURNS: u32 = 1000;
/// Upper bound on how long what `-- CMD` has sent takes to arrive on this machine.
const ARRIVAL: Duration = Duration::from_millis(20);

/// How far the run is.
///
/// ```text
///  Working ──────────────── begin_ending ───────> Closing ── finish ──> Waiting ──> Flushing ──> Over
///     │                                              ^                     │  programs    stdout   ^
///     └─ drain_then_end ─> Draining ─ begin_ending ──┘                     └──── no stdout ────────┘
/// ```
///
/// No phase is entered twice and none leads back. The session works up to `Closing`; after that
/// only the core does. How long the phases behind `Working` may take, `stop` draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections come and go, and data flows.
    Working,
    /// What has arrived is read before anything is closed.
    Draining(Drain),
    /// Connections are being closed, and nothing new begins.
    Closing {
        /// Input was drained before.
        drained: bool,
    },
    /// All is closed, and other programs still run.
    Waiting,
    /// Everything is reported but the summary, and stdout drains.
    Flushing,
    /// The summary is written; only its hooks may still run.
    Over,
}

impl Phase {
    /// Whether the session has work to do.
    pub(super) fn is_working(self) -> bool {
        self < Self::Waiting
    }

    fn is_closing(self) -> bool {
        self >= Self::Closing { drained: false }
    }
}

/// What ends the draining of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Drain {
    /// Nothing is left to read, or so many turns have passed.
    Within(u32),
    /// stdout is full; when it takes data again, reading goes on.
    AfterOutput,
}

/// How the run ends, as far as something has decided it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The first decision stays, unless it is overruled.
    status: Option<Status>,
    /// Not everything is in the recording.
    pub(super) unrecorded: bool,
}

impl Core {
    /// From here on connections are closed, and nothing new begins.
    pub(crate) fn begin_ending(&mut self, pool: &mut Pool) {
        if !self.phase.is_closing() {
            self.phase = Phase::Closing { drained: self.is_draining() };
            if !self.console.is_remote() {
                Readiness::announce_end();
            }
            self.console.report(pool, &Notice::new(Name::Stopping));
            // Silent while all goes well: an end is explained only where it takes long.
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
    }

    /// Whether the run is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.phase.is_closing()
    }

    /// Whether all is closed.
    pub(crate) fn is_over(&self) -> bool {
        !self.phase.is_working()
    }

    /// Whether the run was asked to end as soon as its input is drained.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining(_) | Phase::Closing { drained: true })
    }

    /// Decides the status, unless something has decided it before.
    pub(crate) fn decide(&mut self, status: Status) {
        self.outcome.status.get_or_insert(status);
    }

    /// Decides the status whatever was decided before.
    pub(crate) fn overrule(&mut self, status: Status) {
        self.outcome.status = Some(status);
    }

    /// Ends the run in order once what has arrived is read, with [`Disposition::End`]. The first
    /// look whether it is comes `after` this time.
    pub(crate) fn drain_then_end(&mut self, pool: &mut Pool, after: Duration) {
        if self.phase == Phase::Working {
            self.phase = Phase::Draining(Drain::Within(DRAIN_TURNS));
            pool.arm(TimerKey::global(timers::DRAIN), after);
        }
    }

    /// stdout takes data again, and draining that waited for it goes on.
    pub(super) fn drain_after_output(&self, pool: &mut Pool) {
        if self.phase == Phase::Draining(Drain::AfterOutput) {
            pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
        }
    }

    pub(super) fn drain_step(&mut self, pool: &mut Pool) -> Disposition {
        let turns = match self.phase {
            Phase::Draining(Drain::Within(turns)) => turns,
            Phase::Draining(Drain::AfterOutput) => DRAIN_TURNS,
            _ => return Disposition::Nothing,
        };
        // Received data has nowhere to go now, and the turns would be used up in vain.
        if self.console.is_full() {
            self.phase = Phase::Draining(Drain::AfterOutput);
            return Disposition::Nothing;
        }
        if pool.has_ready() && turns > 0 {
            self.phase = Phase::Draining(Drain::Within(turns - 1));
            pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
            return Disposition::Nothing;
        }
        Disposition::End
    }

    /// Children have ended.
    pub(super) fn reap(&mut self, pool: &mut Pool) {
        self.children.reap(pool);
        for exit in self.children.take_exits(ChildPurpose::MainCommand) {
            if let Some(status) = self.command.on_exit(&exit, self.outcome.status) {
                let text = format!("{}: {exit}", self.command.title());
                let event = Notice::new(Name::Error).kind(Kind::Child).message(text);
                self.console.report(pool, &event);
                self.overrule(status);
            }
            if !self.phase.is_closing() {
                // The run ends with its command, while stdin may never end. What the command sent
                // last may still be on its way: its exit and the arrival have no order.
                self.input.close(pool);
                self.drain_then_end(pool, ARRIVAL);
            }
        }
        self.console.on_hook_exits(pool, &mut self.children);
        // In `Waiting` this may be the exit that the end has waited for.
        self.advance(pool);
    }

    /// The work is done: what is left are other programs, and then the summary. An unmet
    /// `--expect` or `--count` shows here.
    pub(crate) fn finish(&mut self, pool: &mut Pool) {
        if !self.phase.is_working() {
            return;
        }
        debug_assert!(self.phase.is_closing(), "{:?} finishes without an end", self.phase);
        // What another loop has received counts as well: the one with the console knows.
        let is_decided = self.is_decided() || self.console.is_remote();
        if let (false, Some(failure)) = (is_decided, self.goal.unmet(self.received())) {
            self.fail(pool, &failure);
        }
        self.input.close(pool);
        // Its end writes what is buffered: a full disk may show here for the first time.
        pool.end_recording();
        self.check_recording(pool);
        self.console.report(pool, &Notice::new(Name::Stopped));
        self.phase = Phase::Waiting;
        // A command that works with a run that has failed has nothing to work with.
        if self.status() != Status::Done {
            self.command.terminate(pool, &mut self.children);
        }
        // Armed anew: what the run waits for from here on is something else.
        pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        self.advance(pool);
    }

    /// The status so far. What is missing in a recording was lost, even where all else went well.
    pub(crate) fn status(&self) -> Status {
        match self.outcome.status.unwrap_or(Status::Done) {
            Status::Done if self.outcome.unrecorded => Status::Local,
            status => status,
        }
    }

    /// Whether something has decided the status.
    pub(crate) fn is_decided(&self) -> bool {
        self.outcome.status.is_some()
    }

    /// Goes on with the end as far as the other programs allow. stdout is waited for, unless the
    /// run is aborted: then what it does not take now is given up.
    fn advance(&mut self, pool: &mut Pool) {
        let is_quiet = self.console.hooks.are_idle();
        if self.phase == Phase::Waiting && is_quiet && !self.command.is_running() {
            let status = self.status();
            self.phase =
                if self.console.finish(pool, status) { Phase::Over } else { Phase::Flushing };
            // Not before the last line is queued: what stdout takes without waiting still goes out.
            if self.patience == OutputPatience::Over {
                self.abandon_output(pool);
            }
        }
        if self.phase == Phase::Over && self.console.hooks.are_idle() {
            pool.halt();
        }
    }

    /// Reports what an end that takes long waits for.
    pub(crate) fn report_waiting(&mut self, pool: &mut Pool) {
        if self.console.is_remote() {
            return;
        }
        let what = match self.phase {
            phase if phase.is_working() => "the peer to take what is left".to_owned(),
            Phase::Flushing => "the reader of stdout to take what is left".to_owned(),
            _ if self.command.is_running() => format!("{} to end", self.command.title()),
            _ => "the commands of --on to end".to_owned(),
        };
        self.console.warn(pool, Kind::Waiting, &format!("waiting for {what} (-w limits this)"));
    }

    /// A recording has ended before the run.
    pub(super) fn on_recording_failed(&mut self, pool: &mut Pool) -> Disposition {
        let Some(failure) = pool.take_recording_failure() else { return Disposition::Nothing };
        if !self.note_unrecorded(pool, &failure) {
            return Disposition::Nothing;
        }
        // As with data: whoever reads stdout has seen enough. What is relayed goes on.
        self.decide(Status::Done);
        self.unless_over(Disposition::EndNow(STDOUT_GONE))
    }

    /// Reports why not everything is recorded, unless the reader of stdout has left, which is its
    /// right. Returns whether that ends the run.
    pub(super) fn note_unrecorded(&mut self, pool: &mut Pool, failure: &Failure) -> bool {
        let is_unread = self.console.is_record() && failure.kind == Kind::Reset;
        if !is_unread {
            self.console.report_failure(pool, failure);
            self.outcome.unrecorded = true;
        }
        is_unread && !self.console.is_view
    }

    /// stdout is gone, or drained after the last data.
    pub(super) fn stdout_closed(&mut self, pool: &mut Pool, end: &End) -> Disposition {
        let is_needed = !self.console.shows_as_text() || self.phase >= Phase::Flushing;
        match self.console.stdout_closed(end) {
            StdoutEnd::Unread if !is_needed => return self.resume(pool),
            // Whoever reads stdout has seen enough, and that outranks a count that is not met.
            StdoutEnd::Unread => self.decide(Status::Done),
            // The peers have ended while the run goes on. It has no stdout that could fail now.
            StdoutEnd::Flushed if self.phase < Phase::Flushing => {
                self.console.release_stdout();
                return self.resume(pool);
            }
            StdoutEnd::Flushed => {}
            lost @ (StdoutEnd::Failed(_) | StdoutEnd::Undelivered(_)) => {
                lost.failure().iter().for_each(|failure| self.fail(pool, failure));
                if !is_needed {
                    return self.resume(pool);
                }
                if self.phase == Phase::Waiting {
                    self.command.terminate(pool, &mut self.children);
                }
            }
        }
        if self.phase == Phase::Flushing {
            let status = self.status();
            self.console.finished(pool, status);
            self.phase = Phase::Over;
            self.advance(pool);
        }
        self.unless_over(Disposition::EndNow(STDOUT_GONE))
    }
}
