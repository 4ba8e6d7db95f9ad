//! What the kernel knows of a socket, and the options of datagram sockets that no safe crate offers.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

/// Bytes handed to the kernel that the peer has not acknowledged (tcp(7), `SIOCOUTQ`), or 0
/// where the kernel does not count them.
pub fn unacknowledged(socket: impl AsFd) -> u64 {
    // Linux counts from the last acknowledgement to the end of what was written, in which a FIN is
    // one byte (tcp_ioctl()). It is 0 while the connection is being made.
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (the number of SIOCOUTQ) writes one int to the valid pointer given.
    let outcome =
        unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if outcome == 0 { u64::try_from(count).unwrap_or(0) } else { 0 }
}

/// Has TCP send without pauses, where its congestion control is one that paces: BBR of any version.
///
/// # Errors
/// Those of getsockopt(2) and setsockopt(2).
pub fn unpace(socket: impl AsFd) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};
        if tcp_congestion(&socket)?.starts_with("bbr") {
            // Any user may have this one, and each kernel has it (tcp(7)).
            set_tcp_congestion(&socket, "reno")?;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
    Ok(())
}

/// Sets how many bytes have to be there before a poll reports that a TCP connection can be read
/// (SO_RCVLOWAT). An end, a failure and an urgent byte are reported all the same.
///
/// # Errors
/// `Unsupported` elsewhere than on Linux; those of setsockopt(2).
pub fn set_receive_low_mark(socket: impl AsFd, bytes: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let bytes = std::ffi::c_int::try_from(bytes).unwrap_or(std::ffi::c_int::MAX);
        linux::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, bytes);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What [`set_receive_low_mark`] has set.
#[cfg(all(target_os = "linux", test))]
pub fn receive_low_mark(socket: impl AsFd) -> io::Result<usize> {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    let (fd, pointer) = (socket.as_fd().as_raw_fd(), (&raw mut value).cast());
    // SAFETY: the kernel writes at most `length` bytes to `value`, which has that many.
    let outcome = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, pointer, &raw mut length)
    };
    if outcome == 0 { Ok(value as usize) } else { Err(io::Error::last_os_error()) }
}

/// Whether the other side of a stream has ended it and left nothing to read.
///
/// # Errors
/// It has reset it, or is gone; this takes the error from the socket.
pub fn has_ended(socket: impl AsFd) -> io::Result<bool> {
    // A peek takes a pending error from the socket as a read does, but leaves bytes and FIN.
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match recv(socket, &mut [0_u8], flags) {
        Ok((count, _)) => Ok(count == 0),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// How many datagrams this socket has lost to a full receive buffer so far, a counter that wraps
/// (SO_MEMINFO, Linux 4.12); `None` where the kernel does not count them.
///
/// Arrivals carry the same counter, but only a later arrival shows the last losses.
pub fn dropped(socket: impl AsFd) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        // SK_MEMINFO_VARS values, of which SK_MEMINFO_DROPS is the last (linux/sock_diag.h).
        let mut values = [0_u32; 9];
        // An older kernel has fewer of them and shortens the length (getsockopt(2)).
        let mut length = size_of_val(&values) as libc::socklen_t;
        let (fd, pointer) = (socket.as_fd().as_raw_fd(), values.as_mut_ptr().cast());
        // SAFETY: the kernel writes at most `length` bytes to `values`, which has that many.
        let outcome = unsafe {
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, pointer, &raw mut length)
        };
        let [.., drops] = values;
        let is_whole = length as usize == size_of_val(&values);
        (outcome == 0 && is_whole).then_some(drops)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        None
    }
}

/// Something that the kernel reports of every datagram once it is asked to; `mmsg::Arrival` is
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
    /// Which of our addresses it was sent to: IP_PKTINFO, IPV6_RECVPKTINFO.
    Local,
    /// The errors that come back, of an unconnected socket as well, as errors of the next call:
    /// IP_RECVERR. They wait in a queue beside it until [`take_errors`].
    ///
    /// [`take_errors`]: crate::sys::mmsg::take_errors
    Errors,
}

/// Asks the kernel to report something of every datagram from now on.
///
/// # Errors
/// `Unsupported` elsewhere than on Linux; those of setsockopt(2), such as `ENOPROTOOPT`.
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
    linux::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1)
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::ffi::c_int;
    use std::os::fd::{AsRawFd, BorrowedFd};

    use rustix::net::AddressFamily;
    use rustix::net::sockopt::socket_domain;

    fn option(socket: BorrowedFd<'_>, what: Report) -> io::Result<(c_int, c_int)> {
        let is_v6 = || Ok::<_, io::Error>(socket_domain(socket)? == AddressFamily::INET6);
        Ok(match what {
            // The first socket that asks has Linux stamp every packet of the machine as it comes
            // in; until then a datagram gets its time when it is read.
            Report::Time => (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
            // Linux adds it to a datagram only once there are drops, so most carry nothing.
            Report::Drops => (libc::SOL_SOCKET, libc::SO_RXQ_OVFL),
            Report::Coalesced => (libc::SOL_UDP, libc::UDP_GRO),
            // An IPv6 socket of both families reports it for IPv4 datagrams too, as a mapped address.
            Report::Local if is_v6()? => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
            Report::Local => (libc::IPPROTO_IP, libc::IP_PKTINFO),
            Report::Errors if is_v6()? => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
            Report::Errors => (libc::IPPROTO_IP, libc::IP_RECVERR),
        })
    }

    pub(super) fn turn_on(socket: BorrowedFd<'_>, what: Report) -> io::Result<()> {
        let (level, name) = option(socket, what)?;
        set(socket, level, name, 1)
    }

    pub(super) fn set(
        socket: BorrowedFd<'_>,
        level: c_int,
        name: c_int,
        to: c_int,
    ) -> io::Result<()> {
        let length = size_of::<c_int>() as libc::socklen_t;
        let (fd, value) = (socket.as_raw_fd(), (&raw const to).cast());
        // SAFETY: the kernel reads `length` bytes from `value`, which has that many.
        let outcome = unsafe { libc::setsockopt(fd, level, name, value, length) };
        if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
