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

/// Whether a child that has not been waited for ends, or has ended, with all of its threads. The kernel
/// closes what a process has open before it says how the process ended (do_exit()), and marks its threads
/// before both. False where `/proc` does not show that: it is that of other processes, or hides them.
#[cfg(target_os = "linux")]
pub fn is_exiting(child: &Child) -> bool {
    let is_marked = |stat: std::path::PathBuf| {
        let text = std::fs::read_to_string(stat).unwrap_or_default();
        is_exiting_thread(&text, std::process::id())
    };
    // The first thread may end alone.
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).ok();
    let mut threads = threads.into_iter().flatten().flatten().map(|one| one.path().join("stat"));
    threads.next().is_some_and(is_marked) && threads.all(is_marked)
}

#[cfg(not(target_os = "linux"))]
pub fn is_exiting(_child: &Child) -> bool {
    false
}

/// Whether the line of proc(5) about a thread is that of a child of `parent`, and it ends.
#[cfg(target_os = "linux")]
fn is_exiting_thread(stat: &str, parent: u32) -> bool {
    /// `PF_EXITING` among the flags; a zombie keeps it.
    const EXITING: u32 = 0x4;
    // The name, in brackets, may hold anything. Behind it are the state, the parent, and four others
    // before the flags.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_ascii_whitespace());
    let Some(mut fields) = fields else { return false };
    let mut number = |skipped| fields.nth(skipped).and_then(|field| field.parse::<u32>().ok());
    number(1) == Some(parent) && number(4).is_some_and(|flags| flags & EXITING != 0)
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_is_told_from_the_others() {
        for (stat, expected) in [
            ("7 (sh) Z 5 7 7 0 -1 4228100 100 0", true),
            ("7 (a) b) (c) R 5 7 7 0 -1 4 100 0", true),
            ("7 (sh) S 5 7 7 0 -1 4194304 100 0", false),
            // That of another process, where /proc is of another PID namespace.
            ("7 (sh) Z 6 7 7 0 -1 4228100 100 0", false),
            ("7 (sh) Z 5 7", false),
            ("", false),
        ] {
            assert_eq!(is_exiting_thread(stat, 5), expected, "{stat}");
        }
    }

    #[test]
    fn a_zombie_has_ended_and_a_child_that_waits_has_not() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert!(!is_exiting(&child));
        drop(child.stdin.take());
        while !is_exiting(&child) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
