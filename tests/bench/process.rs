//! A child process, and what the kernel has counted of it.

use std::fs;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Fallible;

/// How long a process may take to do what it is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at, where there is no event.
const PAUSE: Duration = Duration::from_millis(1);
/// The kernel adds the times of a child to those of its parent when it is reaped: one at a time,
/// so that the difference is that of one child.
static REAPING: Mutex<()> = Mutex::new(());

/// A process that runs. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// User and system time of all its threads, and of the children that it has waited for.
    pub(crate) cpu: Duration,
    /// Bytes that it wrote, to whatever, splice(2) not included.
    pub(crate) written: u64,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Fallible<Self> {
        let started = command.spawn();
        Ok(Self { child: started.map_err(|error| format!("{command:?}: {error}"))? })
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn has_ended(&mut self) -> Fallible<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    fn pid(&self) -> Fallible<i32> {
        Ok(i32::try_from(self.child.id())?)
    }

    /// Keeps it on one core, where one is named and the machine has more than one.
    pub(crate) fn pin(&self, core: Option<usize>) -> Fallible<()> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        if let Some(core) = core.filter(|_| cores > 1) {
            let mut set = CpuSet::new();
            set.set(core)?;
            sched_setaffinity(nix::unistd::Pid::from_raw(self.pid()?), &set)?;
        }
        Ok(())
    }

    /// User and system time so far, of all threads that it has now; its children do not count.
    pub(crate) fn cpu(&self) -> Fallible<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // The first number is the time on a core in nanoseconds (sched-stats.rst).
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += text.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// A number of /proc/PID/status; those of memory are in kB.
    pub(crate) fn status(&self, name: &str) -> Fallible<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or(format!("no {name} in /proc/PID/status"))?.parse()?)
    }

    /// Waits until the children that serve its clients have ended.
    pub(crate) fn wait_for_children(&self) -> Fallible<()> {
        let list = format!("/proc/{0}/task/{0}/children", self.child.id());
        let started = Instant::now();
        while !fs::read_to_string(&list).unwrap_or_default().trim().is_empty() {
            if started.elapsed() > PATIENCE {
                return Err("its children do not end".into());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits for the end, which must be a success.
    pub(crate) fn wait(self) -> Fallible<Used> {
        let (used, status) = self.reap()?;
        if status.success() { Ok(used) } else { Err(format!("it ended with {status}").into()) }
    }

    /// Asks it to end (SIGTERM), which any status may follow.
    pub(crate) fn stop(self) -> Fallible<Used> {
        kill(nix::unistd::Pid::from_raw(self.pid()?), Signal::SIGTERM)?;
        Ok(self.reap()?.0)
    }

    fn reap(mut self) -> Fallible<(Used, ExitStatus)> {
        let pid = Pid::from_raw(self.pid()?).ok_or("a process without a number")?;
        // The counters are whole once the process has ended, and gone once it is reaped.
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap_or_default();
        let alone = REAPING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = reaped()?;
        let status = self.child.wait()?;
        let cpu = reaped()?.saturating_sub(before);
        drop(alone);
        Ok((Used { cpu, written: written(&io) }, status))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _alone = REAPING.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of all children that were waited for, and of theirs (wait4(2)).
fn reaped() -> Fallible<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    let micros = times.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok(Duration::from_micros(u64::try_from(micros.into_iter().sum::<i64>())?))
}

/// `wchar` of /proc/PID/io counts write(2) and its like.
fn written(io: &str) -> u64 {
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or_default()
}
