//! Programs that a session runs: starting them, hearing of their ends, and leaving none behind.
//!
//! It waits for what it started and for nothing else, so that several owners of children get along
//! in one process. What a child is for, and what its end means, its owner knows.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Failure, Status};
use crate::event_loop::{Directions, Id, Pool, TimerKey, stdio};
use crate::protocol::text::escape;
use crate::sys;

/// How long a child that was asked to end has before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// What is said to one process only, and not to its children: socket activation and readiness
/// (sd_listen_fds(3), sd_notify(3)), and what another wirecat says of itself.
const PRIVATE: [&str; 7] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WIRECAT_ADDR",
    "WIRECAT_HOST",
    "WIRECAT_PORT",
];

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// A program that is looked up in `PATH`; `None` without a word to name it.
    pub fn new(words: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = words.into_iter();
        Some(Self { name: words.next()?, args: words.collect() })
    }

    /// A line for the shell.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self { name: "/bin/sh".into(), args: vec!["-c".into(), line.as_ref().to_owned()] }
    }

    /// What it is called in messages.
    pub fn title(&self) -> String {
        let text = match self.args.as_slice() {
            [flag, line] if self.name == "/bin/sh" && flag == "-c" => line,
            _ => &self.name,
        };
        escape(text.as_encoded_bytes())
    }

    fn command(&self, env: &[(&'static str, OsString)]) -> Command {
        let mut command = Command::new(&self.name);
        for name in PRIVATE {
            command.env_remove(name);
        }
        command.args(&self.args).envs(env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn failure(&self, error: &io::Error) -> Failure {
        let target = escape(self.name.as_encoded_bytes());
        if error.kind() != io::ErrorKind::NotFound {
            return Failure::io(Status::NotRunnable, "run", target, error);
        }
        let fix = match target.contains('/') {
            true => "the file is missing, or for a script its interpreter",
            false => "no directory of PATH has it",
        };
        Failure::io(Status::NotFound, "run", target, error).fix(fix)
    }
}

/// What a child has for stdin or stdout.
#[derive(Debug)]
pub enum Stream {
    /// The null device.
    Null,
    /// The same as this process.
    Inherit,
    /// The stderr of this process.
    Stderr,
    /// A pipe whose other end is a channel of the pool.
    Pipe,
    /// This, of which the child gets a copy and the parent keeps none.
    Fd(OwnedFd),
}

impl Stream {
    fn into_stdio(self) -> io::Result<Stdio> {
        Ok(match self {
            Self::Null => Stdio::null(),
            Self::Inherit => Stdio::inherit(),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned()?.into(),
            Self::Pipe => Stdio::piped(),
            Self::Fd(fd) => fd.into(),
        })
    }
}

/// How a program is to be started. Its stderr is that of this process.
#[derive(Debug)]
pub struct Launch {
    /// What to run.
    pub program: Program,
    /// What its environment has beside ours.
    pub env: Vec<(&'static str, OsString)>,
    /// Its stdin.
    pub stdin: Stream,
    /// Its stdout.
    pub stdout: Stream,
    /// Whether it leads a process group: signals then reach its own children too, and the keys of
    /// the terminal (^C) do not.
    pub group: bool,
}

/// Names a child of one [`Children`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChildId(u64);

/// A child that runs, and the channels to it.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The child.
    pub id: ChildId,
    /// What is sent to this channel, the child reads. Where the child is gone, it ends with
    /// `BrokenPipe`.
    pub stdin: Option<Id>,
    /// What the child writes comes in by this channel.
    pub stdout: Option<Id>,
}

/// A child that has ended. Its last output may still be in the pipe.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The child.
    pub id: ChildId,
    status: ExitStatus,
}

impl Exit {
    /// The status as a shell has it: 128 and the number of the signal that killed it.
    pub fn status(&self) -> Status {
        let killed = self.status.signal().map(|signal| 128 + signal);
        match u8::try_from(self.status.code().or(killed).unwrap_or(0)) {
            Ok(0) => Status::Done,
            Ok(code) => Status::Command(code),
            Err(_) => Status::Command(u8::MAX),
        }
    }

    /// Whether a signal ended it.
    pub fn was_killed(&self) -> bool {
        self.status.signal().is_some()
    }

    /// Whether it ended with 0.
    pub fn is_success(&self) -> bool {
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

/// The living children of one owner. Dropping it kills them.
#[derive(Debug)]
pub struct Children {
    living: Vec<Living>,
    started: u64,
    timer: TimerKey,
}

#[derive(Debug)]
struct Living {
    id: ChildId,
    child: Child,
    group: bool,
    /// It was asked to end, and is killed at this time.
    kill_at: Option<Instant>,
}

impl Children {
    /// No children yet. `purpose` is the timer of this owner's for killing
    /// ([`Children::on_timer`]).
    pub fn new(purpose: u8) -> Self {
        Self { living: Vec::new(), started: 0, timer: TimerKey::global(purpose) }
    }

    /// Starts a program. Of our descriptors it gets what the launch names, and stderr.
    ///
    /// # Errors
    /// `Status::NotFound` and `Status::NotRunnable`.
    pub fn spawn(&mut self, pool: &mut Pool, launch: Launch) -> Result<Started, Failure> {
        let Launch { program, env, stdin, stdout, group } = launch;
        let mut command = program.command(&env);
        if group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let fail = |error: io::Error| program.failure(&error);
        command.stdin(stdin.into_stdio().map_err(fail)?);
        command.stdout(stdout.into_stdio().map_err(fail)?);
        let mut child = sys::child::spawn(command).map_err(fail)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        self.started += 1;
        let id = ChildId(self.started);
        self.living.push(Living { id, child, group, kill_at: None });
        let mut channel = |fd: Option<OwnedFd>, sides| {
            fd.map(|fd| pool.add_channel(stdio::own_pipe(fd)?, sides)).transpose()
        };
        let channels = channel(stdin.map(OwnedFd::from), Directions::Write)
            .and_then(|stdin| Ok((stdin, channel(stdout.map(OwnedFd::from), Directions::Read)?)));
        match channels {
            Ok((stdin, stdout)) => Ok(Started { id, stdin, stdout }),
            Err(error) => {
                self.signal(id, libc::SIGKILL);
                Err(Failure::io(Status::Local, "talk to", program.title(), &error))
            }
        }
    }

    /// The children that have ended since the last call; to be called at each `Signal::Child`.
    pub fn reap(&mut self) -> Vec<Exit> {
        let mut exits = Vec::new();
        self.living.retain_mut(|one| {
            // Only a child that was reaped elsewhere is an error, and it is gone too.
            let status = one.child.try_wait().unwrap_or(Some(ExitStatus::from_raw(0xff00)));
            exits.extend(status.map(|status| Exit { id: one.id, status }));
            status.is_none()
        });
        exits
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.living.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.living.is_empty()
    }

    /// Signals a child, and where it leads a group all of that.
    pub fn signal(&self, id: ChildId, signal: i32) {
        for one in self.living.iter().filter(|one| one.id == id) {
            sys::child::signal(&one.child, one.group, signal);
        }
    }

    /// Asks a child to end by a signal, or expects that it has been asked already (`None`), and
    /// kills it if it has not after a while.
    pub fn ask_to_end(&mut self, pool: &mut Pool, id: ChildId, signal: Option<i32>) {
        let kill_at = pool.now() + GRACE;
        for one in self.living.iter_mut().filter(|one| one.id == id) {
            if let Some(signal) = signal {
                sys::child::signal(&one.child, one.group, signal);
            }
            one.kill_at.get_or_insert(kill_at);
        }
        self.arm(pool);
    }

    /// Asks a child to end (`SIGTERM`), and kills it if it has not after a while.
    pub fn terminate(&mut self, pool: &mut Pool, id: ChildId) {
        self.ask_to_end(pool, id, Some(libc::SIGTERM));
    }

    /// Asks all children to end, and kills those that have not after a while.
    pub fn terminate_all(&mut self, pool: &mut Pool) {
        let all: Vec<ChildId> = self.living.iter().map(|one| one.id).collect();
        all.into_iter().for_each(|id| self.terminate(pool, id));
    }

    /// Kills all children now. Their ends are still to be reaped.
    pub fn kill_all(&mut self) {
        for one in &self.living {
            sys::child::signal(&one.child, one.group, libc::SIGKILL);
        }
    }

    /// The owner's timer has fired: kills what has not ended in time.
    pub fn on_timer(&mut self, pool: &mut Pool) {
        let now = pool.now();
        for one in &mut self.living {
            if one.kill_at.is_some_and(|at| at <= now) {
                sys::child::signal(&one.child, one.group, libc::SIGKILL);
                one.kill_at = None;
            }
        }
        self.arm(pool);
    }

    fn arm(&self, pool: &mut Pool) {
        if let Some(at) = self.living.iter().filter_map(|one| one.kill_at).min() {
            pool.arm(self.timer, at.saturating_duration_since(pool.now()));
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill_all();
        for one in &mut self.living {
            // A process that was killed ends, whatever it was doing.
            let _ = one.child.wait();
        }
    }
}

/// Puts a program in the place of this one; returns only where that fails.
pub fn exec(program: &Program, env: &[(&'static str, OsString)]) -> Failure {
    program.failure(&sys::child::exec(program.command(env)))
}

#[cfg(test)]
mod tests;
