//! The programs that a session runs: one table starts them, reaps them, and leaves none behind.
//!
//! Each child has a `ChildPurpose`, and the part of the session that this purpose belongs to takes
//! its exits. That part decides what an exit means.

mod program;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool, TimerKey};
use crate::sys;

use super::timers;
pub use program::Program;
pub(crate) use program::Stream;
use program::{channels, set_streams};

/// How long a child that was asked to end has before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How often a process group is checked after its leader has ended.
const LOOK: Duration = Duration::from_millis(20);
/// What a child is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildPurpose {
    /// `-- CMD`.
    MainCommand,
    /// `--on`.
    Hook,
    /// `--exec`.
    Connection,
}

/// How a program is to be started. Its stderr is that of this process.
#[derive(Debug)]
pub(crate) struct ChildSpec {
    pub(crate) purpose: ChildPurpose,
    pub(crate) program: Program,
    /// What its environment has beside ours.
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) stdin: Stream,
    pub(crate) stdout: Stream,
    /// Whether it leads a process group: signals then reach its own children too, and the keys of
    /// the terminal (^C) do not.
    pub(crate) group: bool,
}

/// Names a child of one [`Children`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChildId(u64);

/// A child that runs, and the channels to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) id: ChildId,
    /// The channel to the stdin of the child. Once the child is gone, it ends with `BrokenPipe`.
    pub(crate) stdin: Option<Id>,
    /// What the child writes comes in by this channel.
    pub(crate) stdout: Option<Id>,
}

/// A child that has ended. Its last output may still be in its pipe or socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    pub(crate) id: ChildId,
    purpose: ChildPurpose,
    status: ExitStatus,
}

impl Exit {
    /// The status as a shell has it: 128 and the number of the signal that killed it.
    pub(crate) fn status(&self) -> Status {
        let killed = self.status.signal().map(|signal| 128 + signal);
        match u8::try_from(self.status.code().or(killed).unwrap_or(0)) {
            Ok(0) => Status::Done,
            Ok(code) => Status::Command(code),
            Err(_) => Status::Command(u8::MAX),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_main_command(raw: i32) -> Self {
        let (id, purpose) = (ChildId(1), ChildPurpose::MainCommand);
        Self { id, purpose, status: ExitStatus::from_raw(raw) }
    }

    /// Whether a signal ended it.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal().is_some()
    }

    /// Whether it ended with 0.
    pub(crate) fn is_success(&self) -> bool {
        self.status.success()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => write!(out, "exit status {code}"),
            (None, Some(signal)) => write!(out, "killed by signal {signal}"),
            (None, None) => write!(out, "no exit status"),
        }
    }
}

/// The children of a session. Dropping it kills those that live.
///
/// ```text
///  Running ── ask_to_end ──> Asked ── GRACE is over ──> Killed
///     └───────────┬────────────┴──── reap ────────────────┘
///                 v
///               ended ── take_exits ──> (gone)
/// ```
///
/// A signal from outside ends a child in any state; only `reap` sees that. SIGCHLD shows neither
/// whose end it is nor how many have ended, so each child is asked once per signal.
///
/// A child that was asked to end, and leads a group, has ended when all of the group has: what its
/// members do about the signal may take them longer than their leader. What a child leaves behind that
/// ends by itself is left alone.
#[derive(Debug, Default)]
pub(crate) struct Children {
    living: Vec<Living>,
    /// Reaped, and not yet taken by whom they are for.
    ended: Vec<Exit>,
    started: u64,
}

#[derive(Debug)]
struct Living {
    id: ChildId,
    purpose: ChildPurpose,
    process: Child,
    group: bool,
    state: ChildState,
    /// It was reaped, and others of its group live.
    ended: Option<ExitStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChildState {
    Running,
    /// It has been sent a signal, and gets SIGKILL at this time.
    Asked {
        kill_at: Instant,
    },
    /// It has been sent SIGKILL.
    Killed,
}

impl Living {
    /// Signals the child, and where it leads a group all of that.
    fn signal(&self, signal: i32) {
        sys::child::signal(&self.process, self.group, signal);
    }

    /// How it has ended, with its group where that was asked to end.
    fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            // Only a child that was reaped elsewhere is an error, and it is gone too.
            // An end that nobody saw counts as a failure: 0xff00 is exit status 255, as wait(2) has
            // it.
            self.ended = self.process.try_wait().unwrap_or(Some(ExitStatus::from_raw(0xff00)));
        }
        let is_asked = self.group && matches!(self.state, ChildState::Asked { .. });
        self.ended.filter(|_| !is_asked || !sys::child::group_lives(&self.process))
    }

    fn kill(&mut self) {
        self.signal(sys::signals::SIGKILL);
        self.state = ChildState::Killed;
    }

    fn kill_at(&self) -> Option<Instant> {
        match self.state {
            ChildState::Asked { kill_at } => Some(kill_at),
            // No second timer: SIGKILL cannot be caught, and SIGCHLD shows the end.
            ChildState::Running | ChildState::Killed => None,
        }
    }
}

impl Children {
    /// Starts a program. Of our descriptors it gets what the launch names, and stderr.
    ///
    /// # Errors
    /// `Status::NotFound` and `Status::NotRunnable`.
    pub(crate) fn spawn(&mut self, pool: &mut Pool, launch: ChildSpec) -> Result<Started, Failure> {
        let ChildSpec { purpose, program, env, stdin, stdout, group } = launch;
        debug_assert!(
            purpose != ChildPurpose::MainCommand
                || self.living.iter().all(|one| one.purpose != purpose),
            "a run has one main command"
        );
        let mut command = program.command(&env);
        if group {
            // 0 stands for the number of the child. It is set before execve(2), for which `spawn`
            // waits: the group is there before anybody can signal it.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let fail = |error: io::Error| program.failure(&error);
        let socket = set_streams(&mut command, stdin, stdout).map_err(fail)?;
        // This drops the command, and with it our descriptors of the child's end.
        let process = sys::child::spawn(command).map_err(fail)?;
        self.started += 1;
        let id = ChildId(self.started);
        let mut living =
            Living { id, purpose, process, group, state: ChildState::Running, ended: None };
        let channels = channels(pool, &mut living.process, socket);
        // It runs already. Killed, it still has to be reaped: unreaped children stay as zombies.
        if channels.is_err() {
            living.kill();
        }
        self.living.push(living);
        match channels {
            Ok((stdin, stdout)) => Ok(Started { id, stdin, stdout }),
            Err(error) => Err(Failure::io(Status::Local, "talk to", program.title(), &error)),
        }
    }

    /// Notes the children that have ended; to be called once at each `Signal::Child`, and each time
    /// that [`timers::CHILDREN`] has fired.
    pub(crate) fn reap(&mut self, pool: &mut Pool) {
        debug_assert!(self.ended.is_empty(), "nobody took {:?}", self.ended);
        let Self { living, ended, .. } = self;
        living.retain_mut(|one| {
            let status = one.try_wait();
            ended.extend(status.map(|status| Exit { id: one.id, purpose: one.purpose, status }));
            status.is_none()
        });
        sys::child::reap_orphans(|pid| living.iter().any(|one| one.process.id() == pid));
        self.arm(pool);
    }

    /// Whether a child ends, and its exit is still to come.
    pub(crate) fn is_exiting(&self, id: ChildId) -> bool {
        let child = self.living.iter().find(|one| one.id == id && one.ended.is_none());
        child.is_some_and(|one| sys::child::is_exiting(&one.process))
    }

    /// The exits of this purpose since the last call.
    pub(crate) fn take_exits(&mut self, purpose: ChildPurpose) -> Vec<Exit> {
        self.ended.extract_if(.., |exit| exit.purpose == purpose).collect()
    }

    /// Asks a child to end by a signal, or expects that it has been asked already (`None`), and
    /// kills it if it has not after a while.
    pub(crate) fn ask_to_end(&mut self, pool: &mut Pool, id: ChildId, signal: Option<i32>) {
        self.ask(pool, signal, |one| one.id == id);
    }

    /// Asks a child to end (`SIGTERM`), and kills it if it has not after a while.
    pub(crate) fn terminate(&mut self, pool: &mut Pool, id: ChildId) {
        self.ask(pool, Some(sys::signals::SIGTERM), |one| one.id == id);
    }

    /// Asks all children of a purpose to end, and kills those that have not after a while.
    pub(crate) fn terminate_all(&mut self, pool: &mut Pool, purpose: ChildPurpose) {
        self.ask(pool, Some(sys::signals::SIGTERM), |one| one.purpose == purpose);
    }

    fn ask(&mut self, pool: &mut Pool, signal: Option<i32>, whom: impl Fn(&Living) -> bool) {
        let kill_at = pool.now() + GRACE;
        for one in self.living.iter_mut().filter(|one| whom(one)) {
            if let Some(signal) = signal {
                one.signal(signal);
            }
            // To be asked again gives it no more time.
            if one.state == ChildState::Running {
                one.state = ChildState::Asked { kill_at };
            }
        }
        self.arm(pool);
    }

    /// [`timers::CHILDREN`] has fired: kills what has not ended in time. `reap` follows.
    pub(crate) fn on_timer(&mut self, pool: &mut Pool) {
        let now = pool.now();
        for one in &mut self.living {
            // The child that the timer was armed for may have been reaped since: then nobody is
            // due.
            if one.kill_at().is_some_and(|at| at <= now) {
                one.kill();
            }
        }
    }

    fn arm(&self, pool: &mut Pool) {
        // One timer serves all: it fires for the earliest, and is armed again for those behind it.
        if let Some(at) = self.living.iter().filter_map(Living::kill_at).min() {
            let mut after = at.saturating_duration_since(pool.now());
            // No signal comes at the end of a group.
            if self.living.iter().any(|one| one.ended.is_some()) {
                after = after.min(LOOK);
            }
            pool.arm(TimerKey::global(timers::CHILDREN), after);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        // All are killed before the first is waited for, so that they end side by side.
        self.living.iter_mut().for_each(Living::kill);
        for one in &mut self.living {
            // A process that was killed ends, whatever it was doing.
            let _ = one.process.wait();
        }
    }
}

/// Puts a program in the place of this one; returns only where that fails.
pub fn exec(program: &Program, env: &[(&'static str, OsString)]) -> Failure {
    program.failure(&sys::child::exec(program.command(env)))
}

#[cfg(test)]
mod tests;
