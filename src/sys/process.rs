//! The process as a whole: its limits and its terminal.

use std::os::fd::AsFd;

use rustix::process::{Resource, Rlimit, getpgrp, getrlimit, setrlimit};

/// Raises the limit of open descriptors to the most that the user may have, and returns it
/// (`None`: no limit).
///
/// The soft limit of 1,024 exists for programs that use select(2); this one does not.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Whether this process is in the background of the given terminal, where reading it fails.
pub fn in_background(terminal: impl AsFd) -> bool {
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|foreground| foreground != getpgrp())
}
