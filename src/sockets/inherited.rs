//! Sockets that somebody else has opened: the parent process, for `fd:3` and socket activation, or the
//! program itself, with the standard library or otherwise.
//!
//! A number names whatever is open under it, so each is checked before it is trusted.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::io::{FdFlags, fcntl_getfd};
use socket2::{Domain, Socket, Type};

use super::binding::{Bindable, opened};
use super::datagram::{self, DatagramSocket};
use super::listen::{Listener, OpenListener};
use super::options::SocketOptions;
use super::stream::StreamSocket;
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;
use crate::sys::fd;

/// The first descriptor that socket activation passes on (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// What an inherited socket is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketRole {
    /// A stream socket that listens.
    Listener,
    /// A stream socket that is connected.
    Connection,
    /// A datagram socket that is bound.
    Receiver,
    /// A datagram socket that is connected.
    Sender,
}

/// Takes over the socket of this number, and makes it non-blocking and close-on-exec.
///
/// # Errors
/// `Status::Local`: it is not open, or not such a socket.
pub(super) fn take(fd: RawFd, role: SocketRole) -> Result<Socket, Failure> {
    let unusable = |error: io::Error| {
        Failure::io(Status::Local, "use", format!("fd {fd}"), &error).fix(Remedy::Inherited.words())
    };
    let socket = Socket::from(fd::adopt(fd).map_err(unusable)?);
    if let Err(error) = check(&socket, role) {
        // Not ours to close: it may be a file of this very process.
        let _ = socket.into_raw_fd();
        return Err(unusable(error));
    }
    // O_NONBLOCK is of the open file description: the parent, if it keeps the socket, sees it too.
    socket.set_cloexec(true).and_then(|()| socket.set_nonblocking(true)).map_err(unusable)?;
    Ok(socket)
}

/// Takes a socket over and sets the options on it that were asked for, with warnings of what the
/// kernel changed.
///
/// # Errors
/// Those of [`take`], and that of an option.
pub(super) fn take_with(
    fd: RawFd,
    role: SocketRole,
    options: &SocketOptions,
) -> Result<(Socket, Vec<String>), Failure> {
    let socket = take(fd, role)?;
    let warnings = options.apply_inherited(&socket, &format!("fd:{fd}"))?;
    Ok((socket, warnings))
}

fn check(socket: &Socket, role: SocketRole) -> io::Result<()> {
    // exec(3) closed all that had this flag: a descriptor that has it was opened by ourselves, or
    // has been taken over before.
    if fcntl_getfd(socket)?.contains(FdFlags::CLOEXEC) {
        return Err(io::Error::from(Errno::BADF));
    }
    let (kind, _) = type_of(socket)?;
    check_type(kind, role)?;
    let local = socket.local_addr()?;
    match role {
        SocketRole::Listener if !is_listener(socket)? => {
            Err(io::Error::other("not a listening socket"))
        }
        // getsockname(2) gives port 0 for a socket that was never bound.
        SocketRole::Receiver if local.as_socket().is_some_and(|local| local.port() == 0) => {
            Err(io::Error::other("not bound to a port"))
        }
        // ENOTCONN where it has no peer (getpeername(2)).
        SocketRole::Connection | SocketRole::Sender => socket.peer_addr().map(|_| ()),
        SocketRole::Listener | SocketRole::Receiver => Ok(()),
    }
}

/// The type and the family of a socket.
///
/// # Errors
/// It is no socket, or of a family that nothing here knows.
pub(super) fn type_of(socket: &Socket) -> io::Result<(Type, Domain)> {
    // SO_TYPE is the first call that only a socket answers (ENOTSOCK).
    let kind = socket.r#type().map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOTSOCK) => io::Error::other("not a socket"),
        _ => error,
    })?;
    let domain = socket.local_addr()?.domain();
    if ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain) {
        return Err(io::Error::other("neither an internet nor a unix socket"));
    }
    Ok((kind, domain))
}

fn check_type(kind: Type, role: SocketRole) -> io::Result<()> {
    match (role, kind) {
        (SocketRole::Listener | SocketRole::Connection, Type::STREAM) => Ok(()),
        (SocketRole::Receiver | SocketRole::Sender, Type::DGRAM) => Ok(()),
        (SocketRole::Listener | SocketRole::Connection, _) => {
            Err(io::Error::other("not a stream socket"))
        }
        (SocketRole::Receiver | SocketRole::Sender, _) => {
            Err(io::Error::other("not a datagram socket"))
        }
    }
}

#[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
pub(super) fn is_listener(socket: &Socket) -> io::Result<bool> {
    // SO_ACCEPTCONN (socket(7)).
    socket.is_listener()
}

/// Elsewhere the kernel does not report it; a socket that is not listening fails to accept.
#[cfg(not(any(target_os = "android", target_os = "freebsd", target_os = "linux")))]
pub(super) fn is_listener(_: &Socket) -> io::Result<bool> {
    Ok(true)
}

/// The descriptors that socket activation passed to this process.
///
/// # Errors
/// `Status::Local`: there are none, or they were meant for another process.
pub(super) fn activated() -> Result<Range<RawFd>, Failure> {
    let variable = |name| std::env::var(name).ok();
    passed(variable("LISTEN_PID"), variable("LISTEN_FDS"), std::process::id()).map_err(|cause| {
        Failure::new(Status::Local, Kind::NoActivation, "use", "socket activation", cause)
            .fix(Remedy::Activation.words())
    })
}

/// The rules of sd_listen_fds(3).
fn passed(pid: Option<String>, count: Option<String>, own: u32) -> Result<Range<RawFd>, String> {
    let (Some(pid), Some(count)) = (pid, count) else {
        return Err("LISTEN_PID and LISTEN_FDS are not set".to_owned());
    };
    // Children inherit the variables too; without the check one would take its parent's
    // descriptors.
    if pid.parse() != Ok(own) {
        return Err(format!("LISTEN_PID is {pid}, and this process is {own}"));
    }
    match count.parse::<RawFd>().ok().and_then(|count| FIRST.checked_add(count)) {
        Some(end) if end > FIRST => Ok(FIRST..end),
        _ => Err(format!("LISTEN_FDS is {count}")),
    }
}

/// A socket that was taken over, by what it is.
#[derive(Debug)]
pub(crate) enum AdoptedSocket {
    /// A stream socket that is connected.
    Stream(StreamSocket),
    /// A stream socket that listens.
    Listener(OpenListener),
    /// A datagram socket.
    Datagrams(datagram::Opened),
}

/// Takes over a socket, and makes it non-blocking and close-on-exec.
///
/// # Errors
/// `Status::Local`: it is no socket, none of the internet and no unix one, or a stream socket that
/// neither is connected nor listens.
pub(crate) fn adopt(fd: OwnedFd) -> Result<AdoptedSocket, Failure> {
    let name = format!("fd {}", fd.as_raw_fd());
    adopt_socket(fd.into()).map_err(|error| Failure::io(Status::Local, "take over", name, &error))
}

fn adopt_socket(socket: Socket) -> io::Result<AdoptedSocket> {
    let (kind, domain) = type_of(&socket)?;
    // O_NONBLOCK is of the open file description: a duplicate that was kept sees it too.
    socket.set_cloexec(true)?;
    socket.set_nonblocking(true)?;
    let options = SocketOptions::default();
    match kind {
        Type::DGRAM => {
            DatagramSocket::inherit(&socket, &options)?;
            opened(socket, None).map(AdoptedSocket::Datagrams)
        }
        Type::STREAM if is_listener(&socket)? => {
            Listener::inherit(&socket, &options)?;
            opened(socket, None).map(AdoptedSocket::Listener)
        }
        Type::STREAM => {
            // ENOTCONN where it has no peer (getpeername(2)).
            socket.peer_addr()?;
            Ok(AdoptedSocket::Stream(StreamSocket::from_socket(socket, domain, None)))
        }
        _ => Err(io::Error::other("neither a stream nor a datagram socket")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};

    /// Makes a descriptor look as if a parent had passed it on, and gives its number away.
    pub(in crate::sockets) fn inherit(fd: impl Into<OwnedFd>) -> RawFd {
        let fd = fd.into();
        rustix::io::fcntl_setfd(fd.as_fd(), FdFlags::empty()).unwrap();
        fd.into_raw_fd()
    }

    fn refusal(fd: RawFd, role: SocketRole) -> String {
        let failure = take(fd, role).unwrap_err();
        assert_eq!(failure.status, Status::Local);
        failure.to_string()
    }

    #[test]
    fn what_is_not_open_or_not_inherited_is_refused() {
        assert_eq!(
            refusal(9_999, SocketRole::Listener),
            "cannot use fd 9999: bad file descriptor \
             (the parent process must open it, and leave it open)"
        );
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(refusal(ours.as_raw_fd(), SocketRole::Listener).contains("bad file descriptor"));
    }

    #[test]
    fn what_is_no_such_socket_is_refused() {
        let file = inherit(tempfile::tempfile().unwrap());
        assert!(refusal(file, SocketRole::Listener).contains("not a socket"));
        let datagrams = inherit(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        assert!(refusal(datagrams, SocketRole::Connection).contains("not a stream socket"));
        let listener = inherit(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        assert!(refusal(listener, SocketRole::Connection).contains("not connected"));
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(refusal(inherit(one), SocketRole::Listener).contains("not a listening socket"));
        assert!(refusal(inherit(other), SocketRole::Receiver).contains("not a datagram socket"));
        let unbound = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        assert!(refusal(inherit(unbound), SocketRole::Receiver).contains("not bound to a port"));
        let unconnected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(refusal(inherit(unconnected), SocketRole::Sender).contains("not connected"));
    }

    #[test]
    fn a_socket_is_taken_once() {
        let fd = inherit(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let socket = take(fd, SocketRole::Listener).unwrap();
        assert!(socket.nonblocking().unwrap());
        assert!(refusal(fd, SocketRole::Listener).contains("bad file descriptor"));
        assert!(socket.local_addr().is_ok());
    }

    #[test]
    fn activation_counts_from_three_and_is_for_one_process() {
        let passed = |pid: &str, count: &str| {
            super::passed(Some(pid.to_owned()), Some(count.to_owned()), 42)
        };
        assert_eq!(passed("42", "2"), Ok(3..5));
        assert_eq!(passed("41", "2"), Err("LISTEN_PID is 41, and this process is 42".to_owned()));
        for count in ["0", "-1", "x", "2147483647"] {
            assert_eq!(passed("42", count), Err(format!("LISTEN_FDS is {count}")));
        }
        assert!(super::passed(None, Some("1".to_owned()), 42).is_err());
    }
}
