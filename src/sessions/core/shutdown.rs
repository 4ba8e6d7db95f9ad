//! The end of a run: what has arrived is read, the other programs end, stdout drains, and the
//! summary is reported last.

use std::time::Duration;

use super::state::{DrainStep, Phase, Unread};
use super::{Core, Disposition, NOTE_AFTER, STDOUT_GONE};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::children::ChildPurpose;
use crate::sessions::console::StdoutEnd;
use crate::sessions::ready::ReadyNotifier;
use crate::sessions::timers;

/// Upper bound on how long what `-- CMD` has sent takes to arrive on this machine.
const ARRIVAL: Duration = Duration::from_millis(20);

impl Core {
    /// From here on connections are closed, and nothing new begins.
    pub(crate) fn begin_ending(&mut self, pool: &mut Pool) {
        if self.state.begin_closing() {
            if !self.console.is_remote() {
                ReadyNotifier::announce_end();
            }
            self.console.report(pool, &Notice::new(Name::Stopping));
            // Silent while all goes well: an end is explained only where it takes long.
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
    }

    /// Whether the run is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.state.is_closing()
    }

    /// Whether all is closed.
    pub(crate) fn is_over(&self) -> bool {
        !self.state.is_working()
    }

    /// Whether the run was asked to end as soon as its input is drained.
    pub(crate) fn is_draining(&self) -> bool {
        self.state.is_draining()
    }

    /// Decides the status, unless something has decided it before.
    pub(crate) fn decide(&mut self, status: Status) {
        self.state.decide(status);
    }

    /// Decides the status whatever was decided before.
    pub(crate) fn overrule(&mut self, status: Status) {
        self.state.overrule(status);
    }

    /// Ends the run in order once what has arrived is read, with [`Disposition::End`]. The first
    /// look whether it is comes `after` this time.
    pub(crate) fn drain_then_end(&mut self, pool: &mut Pool, after: Duration) {
        if self.state.begin_draining() {
            pool.arm(TimerKey::global(timers::DRAIN), after);
        }
    }

    /// stdout takes data again, and draining that waited for it goes on.
    pub(super) fn drain_after_output(&self, pool: &mut Pool) {
        if self.state.waits_for_output() {
            pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
        }
    }

    pub(super) fn drain_step(&mut self, pool: &mut Pool) -> Disposition {
        let unread = match (self.console.is_full(), pool.has_ready()) {
            (true, _) => Unread::Blocked,
            (false, true) => Unread::Some,
            (false, false) => Unread::Nothing,
        };
        match self.state.drain_step(unread) {
            DrainStep::LookAgain => {
                pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
                Disposition::Nothing
            }
            DrainStep::Wait => Disposition::Nothing,
            DrainStep::End => Disposition::End,
        }
    }

    /// Children have ended.
    pub(super) fn reap(&mut self, pool: &mut Pool) {
        self.children.reap(pool);
        for exit in self.children.take_exits(ChildPurpose::MainCommand) {
            if let Some(status) = self.command.on_exit(&exit, self.state.decided()) {
                let text = format!("{}: {exit}", self.command.title());
                let event = Notice::new(Name::Error).kind(Kind::Child).message(text);
                self.console.report(pool, &event);
                self.overrule(status);
            }
            if !self.state.is_closing() {
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
        if !self.state.is_working() {
            return;
        }
        debug_assert!(self.state.is_closing(), "{:?} finishes without an end", self.state);
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
        self.state.enter(Phase::Waiting);
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
        self.state.status()
    }

    /// Whether something has decided the status.
    pub(crate) fn is_decided(&self) -> bool {
        self.state.decided().is_some()
    }

    /// Goes on with the end as far as the other programs allow. stdout is waited for, unless the
    /// run is aborted: then what it does not take now is given up.
    fn advance(&mut self, pool: &mut Pool) {
        let is_quiet = self.console.hooks.are_idle();
        if self.state.phase() == Phase::Waiting && is_quiet && !self.command.is_running() {
            let status = self.status();
            let is_done = self.console.finish(pool, status);
            self.state.enter(if is_done { Phase::Over } else { Phase::Flushing });
            // Not before the last line is queued: what stdout takes without waiting still goes out.
            if self.state.is_output_abandoned() {
                self.abandon_output(pool);
            }
        }
        if self.state.phase() == Phase::Over && self.console.hooks.are_idle() {
            pool.halt();
        }
    }

    /// Reports what an end that takes long waits for.
    pub(crate) fn report_waiting(&mut self, pool: &mut Pool) {
        if self.console.is_remote() {
            return;
        }
        let what = match self.state.phase() {
            _ if self.state.is_working() => "the peer to take what is left".to_owned(),
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
            self.state.note_unrecorded();
        }
        is_unread && !self.console.is_view
    }

    /// stdout is gone, or drained after the last data.
    pub(super) fn stdout_closed(&mut self, pool: &mut Pool, end: &End) -> Disposition {
        let is_needed = !self.console.shows_as_text() || self.state.phase() >= Phase::Flushing;
        match self.console.stdout_closed(end) {
            StdoutEnd::Unread if !is_needed => return self.resume(pool),
            // Whoever reads stdout has seen enough, and that outranks a count that is not met.
            StdoutEnd::Unread => self.decide(Status::Done),
            // The peers have ended while the run goes on. It has no stdout that could fail now.
            StdoutEnd::Flushed if self.state.phase() < Phase::Flushing => {
                self.console.release_stdout();
                return self.resume(pool);
            }
            StdoutEnd::Flushed => {}
            lost @ (StdoutEnd::Failed(_) | StdoutEnd::Undelivered(_)) => {
                lost.failure().iter().for_each(|failure| self.fail(pool, failure));
                if !is_needed {
                    return self.resume(pool);
                }
                if self.state.phase() == Phase::Waiting {
                    self.command.terminate(pool, &mut self.children);
                }
            }
        }
        if self.state.phase() == Phase::Flushing {
            let status = self.status();
            self.console.finished(pool, status);
            self.state.enter(Phase::Over);
            self.advance(pool);
        }
        self.unless_over(Disposition::EndNow(STDOUT_GONE))
    }
}
