//! Starting programs: as children, and in place of this one.
//!
//! Both begin with the signals and limits as this program found them, whatever it handles, ignores
//! or raises itself.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal};

use super::{process, signals};

/// Starts a child. Should this process die without a word (`SIGKILL`), it gets `SIGTERM`.
///
/// # Errors
/// Those of `fork(2)` and `execve(2)`.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    // A signal between fork and exec would run a handler of ours in the child, and be lost on it.
    let mask = signals::block_all()?;
    let prepare = move || {
        signals::restore();
        process::restore_descriptor_limit();
        // fork(2) clears this setting, so the child makes it for itself. Linux sends the signal
        // when the thread that forked ends, not when the process does (prctl(2)).
        die_with_parent()?;
        // Last: execve(2) keeps the mask, and a signal that comes from here on does its default.
        signals::set_mask(&mask)
    };
    // SAFETY: `prepare` makes system calls only, of which each is async-signal-safe.
    let outcome = unsafe { command.pre_exec(prepare) }.spawn();
    signals::set_mask(&mask)?;
    outcome
}

/// Puts another program in the place of this one; returns only where that fails.
pub fn exec(mut command: Command) -> io::Error {
    signals::restore();
    process::restore_descriptor_limit();
    command.exec()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}

/// Whether a process group that was led by a child has members still, which a child that was waited
/// for is none of.
///
/// As long as it has, its number is given to no other process or group (setpgid(2), alloc_pid()).
pub fn group_lives(child: &Child) -> bool {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
}

/// Whether a child that has not been waited for ends, or has ended. The kernel closes what a process
/// has open before it says how the process ended (do_exit()), and marks it before both.
pub fn is_exiting(child: &Child) -> bool {
    /// `PF_EXITING`, which proc(5) shows among the flags; a zombie keeps it.
    const EXITING: u32 = 0x4;
    // The name, in brackets, may hold anything. Of the fields behind it the flags are the seventh.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_ascii_whitespace());
    let flags = fields.and_then(|mut fields| fields.nth(6)?.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & EXITING != 0)
}

/// Reaps the processes that became children of this one without being started by it: the first
/// process of a PID namespace inherits all orphans, and those that nobody waits for stay as zombies
/// (pid_namespaces(7)). `own` is true of those whose end somebody else waits for.
pub fn reap_orphans(own: impl Fn(u32) -> bool) {
    if !rustix::process::getpid().is_init() {
        return;
    }
    // The next signal comes for one of our own; orphans behind it are then seen, too.
    while let Some(pid) =
        ended_child().filter(|pid| !own(pid.as_raw_nonzero().get().unsigned_abs()))
    {
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
    }
}

/// A child that has ended, which stays to be waited for.
fn ended_child() -> Option<Pid> {
    // SAFETY: an all-zero siginfo_t is a valid value for the kernel to overwrite.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is valid for writing.
    let outcome = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) };
    // SAFETY: waitid(2) has filled the fields of a child, or left them 0 where none has ended.
    (outcome == 0).then(|| unsafe { info.si_pid() }).and_then(Pid::from_raw)
}

/// Signals a child that has not been waited for, or with `group` all of the process group that it
/// leads or has led, and that lives. One that has ended meanwhile needs no signal.
pub fn signal(child: &Child, group: bool, signal: i32) {
    // A child that has not been waited for keeps its number, so nobody else is hit.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) else { return };
    let _ = match group {
        true => rustix::process::kill_process_group(pid, signal),
        false => rustix::process::kill_process(pid, signal),
    };
}
