//! A child process, and what the kernel counted of it by its end.

use std::fs;
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Fallible;

/// The unit of the times in /proc/PID/stat. USER_HZ is part of the kernel's interface and 100 on
/// every architecture that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// A process that runs. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
}

/// What a process has used.
pub(crate) struct Used {
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// Bytes that it wrote, to whatever.
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

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Fallible<Duration> {
        cpu(&fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?)
    }

    /// Waits for the end, which must be a success.
    pub(crate) fn wait(mut self) -> Fallible<Used> {
        let pid = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(pid).ok_or("a process without a number")?;
        // The counters are whole once the process has ended, and gone once it is reaped.
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id()))?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("it ended with {status}").into());
        }
        Ok(Used { cpu: cpu(&stat)?, written: written(&io)? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fields 14 and 15 of /proc/PID/stat; the second one is the name in parentheses, which may hold
/// anything.
fn cpu(stat: &str) -> Fallible<Duration> {
    let (_, behind_name) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let mut ticks = 0;
    for field in behind_name.split_whitespace().skip(11).take(2) {
        ticks += field.parse::<u32>()?;
    }
    Ok(TICK * ticks)
}

/// `wchar` of /proc/PID/io counts write(2) and its like, splice(2) included.
fn written(io: &str) -> Fallible<u64> {
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    Ok(line.ok_or("no wchar in /proc/PID/io")?.trim().parse()?)
}
