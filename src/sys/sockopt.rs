//! Socket options of datagram sockets that no safe crate offers.

use std::io;
use std::os::fd::AsFd;

/// Something that the kernel tells of every datagram once it is asked to; `mmsg::Arrival` is
/// where it appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// When it came: SO_TIMESTAMPNS.
    Time,
    /// How many were dropped before it: SO_RXQ_OVFL (Linux 2.6.33).
    Drops,
    /// Datagrams of one size and sender come as one buffer with a note of the size: UDP_GRO
    /// (Linux 5.0). Whoever reads the socket without looking at the note takes them for one.
    Coalesced,
}

/// Asks the kernel to report something of every datagram from now on.
///
/// # Errors
/// `Unsupported` elsewhere than on Linux; what setsockopt(2) says, `ENOPROTOOPT` for one.
pub fn report(socket: impl AsFd, what: Report) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return linux::turn_on(socket.as_fd(), what);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, what);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Sends without UDP checksums from now on (SO_NO_CHECK), which rules segmentation out.
#[cfg(all(target_os = "linux", test))]
pub(super) fn set_no_checksum(socket: impl AsFd) -> io::Result<()> {
    linux::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK)
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::ffi::c_int;
    use std::os::fd::{AsRawFd, BorrowedFd};

    fn option(what: Report) -> (c_int, c_int) {
        match what {
            // The first socket that asks has Linux stamp every packet of the machine as it comes
            // in; until then a datagram gets its time when it is read.
            Report::Time => (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
            // Linux adds it to a datagram only once there are drops, so most carry nothing.
            Report::Drops => (libc::SOL_SOCKET, libc::SO_RXQ_OVFL),
            Report::Coalesced => (libc::SOL_UDP, libc::UDP_GRO),
        }
    }

    pub(super) fn turn_on(socket: BorrowedFd<'_>, what: Report) -> io::Result<()> {
        let (level, name) = option(what);
        set(socket, level, name)
    }

    pub(super) fn set(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<()> {
        let (on, length): (c_int, _) = (1, size_of::<c_int>() as libc::socklen_t);
        let (fd, value) = (socket.as_raw_fd(), (&raw const on).cast());
        // SAFETY: the kernel reads `length` bytes from `value`, which has that many.
        let outcome = unsafe { libc::setsockopt(fd, level, name, value, length) };
        if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
