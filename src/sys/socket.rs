//! What the kernel knows of a socket.

use std::os::fd::{AsFd, AsRawFd};

/// Bytes handed to the kernel that the peer has not acknowledged (tcp(7), `SIOCOUTQ`), or 0
/// where the kernel does not say.
pub fn unacknowledged(socket: impl AsFd) -> u64 {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (the number of SIOCOUTQ) writes one int to the valid pointer given.
    let outcome =
        unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if outcome == 0 { u64::try_from(count).unwrap_or(0) } else { 0 }
}
