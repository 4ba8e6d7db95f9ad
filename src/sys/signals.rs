//! Signal dispositions that `signal-hook` does not offer: ignoring, and asking what was inherited.

use std::io;

/// Ignores a signal for the whole process.
///
/// Needed for `SIGTTIN` and `SIGTTOU`: with a handler the kernel restarts the read and signals
/// again for ever, while an ignored one makes a background read fail with `EIO` (termios(3),
/// `__tty_check_change` in the kernel).
///
/// # Errors
/// Those of `sigaction(2)`.
pub fn ignore(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_IGN installs no handler code; `signal` touches no memory of ours.
    let previous = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if previous == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether the parent started us with this signal ignored, as `nohup` and `&` in scripts do.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is a valid value for the kernel to overwrite.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only queries; `current` is valid for writing.
    let outcome = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut current) };
    outcome == 0 && current.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_known_to_be() {
        assert!(!is_ignored(libc::SIGWINCH));
        ignore(libc::SIGWINCH).unwrap();
        assert!(is_ignored(libc::SIGWINCH));
    }
}
