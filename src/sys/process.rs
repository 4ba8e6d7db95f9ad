//! The process as a whole: its limits and its terminal.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, getpgrp, getrlimit, setrlimit};

/// The limit of open descriptors that this process was started with, once it has raised it.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit of open descriptors to the most that the user may have, and returns it
/// (`None`: no limit).
///
/// The soft limit of 1,024 exists for programs that use select(2); this one does not.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => {
            let _ = INHERITED.set(limit);
            raised.current
        }
        // Linux refuses any limit above fs.nr_open, even one that is in force already, with EPERM.
        Err(_) => limit.current,
    }
}

/// Whether a descriptor of this number is one of the last `last` that this process may have, of which half of
/// all count at most. The kernel gives each new one the lowest number that is free (open(2)), so all below it
/// are in use.
pub fn is_among_last(fd: BorrowedFd<'_>, last: u64) -> bool {
    let number = u64::try_from(fd.as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::Nofile)
        .current
        .is_some_and(|limit| number.saturating_add(last.min(limit / 2)) >= limit)
}

/// Gives the limit back that the process was started with: a program that uses select(2), or that
/// closes every descriptor there may be, suffers from a high one.
///
/// For a process that is about to execute another program. It is async-signal-safe.
pub(super) fn restore_descriptor_limit() {
    if let Some(limit) = INHERITED.get() {
        // A limit can always be lowered.
        let _ = setrlimit(Resource::Nofile, *limit);
    }
}

/// Whether this process is in the background of the given terminal, where reading it fails.
pub fn in_background(terminal: impl AsFd) -> bool {
    // ENOTTY where it is not the controlling terminal of this process (tcgetpgrp(3)).
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|foreground| foreground != getpgrp())
}

/// Whether this process is in the foreground of its terminal, whose keys then signal it (^C). One
/// without a terminal is not.
pub fn in_foreground() -> bool {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Without a controlling terminal this fails with ENXIO (tty(4)).
    let terminal = rustix::fs::open("/dev/tty", flags, Mode::empty());
    terminal.is_ok_and(|terminal| !in_background(terminal))
}
