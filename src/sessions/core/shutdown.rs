//! The end of a run: what has come is read, the other programs end, stdout drains, and the last
//! word is the summary.

use std::time::Duration;

use super::{Core, Disposition, NOTE_AFTER, UNHEARD};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::StdoutEnd;
use crate::sessions::timers;

/// Upper bound on loop turns spent draining input at shutdown. At 256 KiB a turn, 1000 turns exceed
/// any kernel buffer, so only a peer that never stops sending hits it.
const READ_ON: u32 = 1000;
/// What `-- CMD` has sent is on its way to us for so long at most, on this machine.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The session has its own work to do.
    Working,
    /// That is done, and other programs still run.
    Waiting,
    /// Everything is said but the summary, and stdout drains.
    Closing,
    /// The last word has been said; only its hooks may still run.
    Over,
}

/// The run ends as soon as what has come is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaving {
    /// After so many turns at the latest.
    Within(u32),
    /// What has come waits for stdout.
    AfterOutput,
}

impl Core {
    /// Ends the run in order once what has come is read; the session hears [`Disposition::End`].
    /// `after` this time it is looked for the first time.
    pub(crate) fn leave(&mut self, pool: &mut Pool, after: Duration) {
        if self.leaving.is_none() {
            self.leaving = Some(Leaving::Within(READ_ON));
            pool.arm(TimerKey::global(timers::DRAIN), after);
        }
    }

    /// Output takes data again; what waited for that is read before the end.
    pub(super) fn leave_after_output(&self, pool: &mut Pool) {
        if matches!(self.leaving, Some(Leaving::AfterOutput)) {
            pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
        }
    }

    pub(super) fn leave_when_read(&mut self, pool: &mut Pool) -> Disposition {
        let turns = match self.leaving {
            None => return Disposition::Nothing,
            Some(Leaving::Within(turns)) => turns,
            Some(Leaving::AfterOutput) => READ_ON,
        };
        if self.console.is_full() {
            self.leaving = Some(Leaving::AfterOutput);
            return Disposition::Nothing;
        }
        if pool.has_ready() && turns > 0 {
            self.leaving = Some(Leaving::Within(turns - 1));
            pool.arm(TimerKey::global(timers::DRAIN), Duration::ZERO);
            return Disposition::Nothing;
        }
        self.unless_over(Disposition::End)
    }

    /// Children have ended.
    pub(super) fn reap(&mut self, pool: &mut Pool) {
        if let Some(exit) = self.companion.reap() {
            if let Some(status) = self.companion.verdict(&exit, self.status) {
                let text = format!("{}: {exit}", self.companion.title());
                let event = Notice::new(Name::Error).kind(Kind::Child).message(text);
                self.console.report(pool, &event);
                self.overrule(status);
            }
            if self.stage == Stage::Working && !self.ending {
                self.feed.close(pool);
                self.leave(pool, ON_ITS_WAY);
            }
        }
        self.console.reap_hooks(pool);
        self.advance(pool);
    }

    /// `--timeout` ran out.
    pub(super) fn time_is_up(&mut self, pool: &mut Pool) {
        let limit = humantime::format_duration(self.common.limits.timeout.unwrap_or_default());
        let cause = format!("the time of {limit} is up");
        let failure = Failure::new(Status::Timeout, Kind::Timeout, "finish", "the run", cause);
        self.fail(pool, &failure);
        self.console.cut_hooks(pool);
        if self.stage != Stage::Working {
            if self.status() == Status::Done {
                self.overrule(Status::Timeout);
            }
            self.companion.terminate(pool);
            self.hurry(pool);
        }
    }

    /// `--wait` ran out before the other side came.
    pub(crate) fn patience_ends(
        &mut self,
        pool: &mut Pool,
        operation: &'static str,
        target: &str,
        cause: &str,
    ) {
        let patience = humantime::format_duration(self.common.limits.wait.unwrap_or_default());
        let cause = format!("{cause} within {patience}");
        let failure = Failure::new(Status::Timeout, Kind::Timeout, operation, target, cause);
        self.fail(pool, &failure);
    }

    /// The work is done: what is left are other programs, and then the last word. An unmet
    /// `--expect` or `--count` shows here.
    pub(crate) fn finish(&mut self, pool: &mut Pool) {
        if self.stage != Stage::Working {
            return;
        }
        let is_open = self.status.is_none() || self.terminated;
        if let (true, Some(failure)) = (is_open, self.unmet()) {
            self.console.complain(pool, &failure);
            self.overrule(failure.status);
        }
        self.feed.close(pool);
        pool.end_recording();
        self.check_recording(pool);
        self.console.report(pool, &Notice::new(Name::Stopped));
        self.stage = Stage::Waiting;
        // A command that works with a run that has failed has nothing to work with.
        if self.status() != Status::Done {
            self.companion.terminate(pool);
        }
        pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        self.advance(pool);
    }

    /// The status so far. What is missing in a recording was lost, even where all else went well.
    pub(crate) fn status(&self) -> Status {
        match self.status.unwrap_or(Status::Done) {
            Status::Done if self.unrecorded => Status::Local,
            status => status,
        }
    }

    /// Whether something has decided the status.
    pub(crate) fn is_decided(&self) -> bool {
        self.status.is_some()
    }

    /// Goes on with the end as far as the other programs allow. stdout is waited for, unless the
    /// run is hurried: then what it does not take now is given up.
    fn advance(&mut self, pool: &mut Pool) {
        let is_quiet = self.console.hooks.are_idle();
        if self.stage == Stage::Waiting && is_quiet && !self.companion.is_running() {
            let status = self.status();
            self.stage =
                if self.console.finish(pool, status) { Stage::Over } else { Stage::Closing };
            if self.hurried {
                self.hurry(pool);
            }
        }
        if self.stage == Stage::Over && self.console.hooks.are_idle() {
            pool.stop();
        }
    }

    /// Waits for stdout no longer, once nothing else is waited for.
    pub(super) fn hurry(&mut self, pool: &mut Pool) {
        self.hurried = true;
        if self.stage == Stage::Closing {
            self.console.abandon(pool, CloseReason::HOST);
        }
    }

    /// Says what an end that takes long waits for.
    pub(crate) fn report_waiting(&mut self, pool: &mut Pool) {
        let what = match self.stage {
            Stage::Working => "the peer to take what is left".to_owned(),
            Stage::Closing => "the reader of stdout to take what is left".to_owned(),
            _ if self.companion.is_running() => format!("{} to end", self.companion.title()),
            _ => "the commands of --on to end".to_owned(),
        };
        self.console.warn(pool, Kind::Waiting, &format!("waiting for {what} (-w limits this)"));
    }

    /// stdout is gone, or drained after the last data.
    pub(super) fn stdout_closed(&mut self, pool: &mut Pool, end: &End) -> Disposition {
        match self.console.stdout_closed(end) {
            StdoutEnd::Failed(failure) => {
                self.fail(pool, &failure);
                if self.stage == Stage::Waiting {
                    self.companion.terminate(pool);
                }
            }
            // Whoever reads stdout has seen enough, and that outranks a count that is not met.
            StdoutEnd::Unread => self.decide(Status::Done),
            StdoutEnd::Flushed => {}
        }
        if self.stage == Stage::Closing {
            let status = self.status();
            self.console.finished(pool, status);
            self.stage = Stage::Over;
            self.advance(pool);
        }
        self.unless_over(Disposition::EndNow(UNHEARD))
    }
}
