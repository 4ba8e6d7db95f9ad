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

/// Signals a child that has not been waited for, or with `group` all of the process group that it
/// leads. One that has ended meanwhile needs no signal.
pub fn signal(child: &Child, group: bool, signal: i32) {
    // A child that has not been waited for keeps its number, so nobody else is hit.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) else { return };
    let _ = match group {
        true => rustix::process::kill_process_group(pid, signal),
        false => rustix::process::kill_process(pid, signal),
    };
}
