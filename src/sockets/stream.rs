//! A stream socket of either kind.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use socket2::{Domain, SockRef, Socket, TcpKeepalive};

use super::endpoint::Endpoint;
use super::unix::UnixGuard;
use crate::sys::unix::{local_name, peer_name};

/// A non-blocking stream socket, connected or about to be.
#[derive(Debug)]
pub enum StreamSocket {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket; the guard removes the file of one that was bound to a name.
    Unix(UnixStream, Option<Box<UnixGuard>>),
}

impl StreamSocket {
    /// Takes a non-blocking stream socket.
    pub(super) fn from_socket(socket: Socket, domain: Domain, cleanup: Option<UnixGuard>) -> Self {
        let fd = OwnedFd::from(socket);
        keep_urgent_byte(&fd);
        if domain == Domain::UNIX {
            Self::Unix(UnixStream::from_std(fd.into()), cleanup.map(Box::new))
        } else {
            // mio registers it with a poll only; it takes the socket to be non-blocking already.
            Self::Tcp(TcpStream::from_std(fd.into()))
        }
    }

    /// This end.
    pub fn local(&self) -> Endpoint {
        match self {
            Self::Tcp(stream) => Endpoint::inet(stream.local_addr()),
            Self::Unix(stream, _) => Endpoint::unix(local_name(stream)),
        }
    }

    /// The other end.
    pub fn peer(&self) -> Endpoint {
        match self {
            Self::Tcp(stream) => Endpoint::inet(stream.peer_addr()),
            Self::Unix(stream, _) => Endpoint::unix(peer_name(stream)),
        }
    }

    /// The error that is pending on the socket (SO_ERROR), which this clears.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream, _) => stream.take_error(),
        }
    }

    /// Makes the close of a TCP connection a reset (SO_LINGER of 0, socket(7)); what the peer has
    /// not acknowledged by then is lost. A unix socket has no such thing.
    pub fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            // Without it the peer sees FIN, which is the next best.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Has the kernel ask the peer after 60 s without traffic, and every 15 s from then on, whether it
    /// is still there; an option that does so already stays as it is. Linux forgets the other half
    /// of a closed connection after 60 s (tcp_fin_timeout), and answers with RST from then on.
    pub fn keep_alive(&self) {
        if let Self::Tcp(stream) = self {
            let socket = SockRef::from(stream);
            if !socket.keepalive().unwrap_or(true) {
                let (idle, interval) = (Duration::from_secs(60), Duration::from_secs(15));
                let probing = TcpKeepalive::new().with_time(idle).with_interval(interval);
                // Without it a peer that is gone is noticed with the next write.
                let _ = socket.set_tcp_keepalive(&probing);
            }
        }
    }

    /// Has a TCP connection that stays on this machine send without pauses. BBR has the kernel set a
    /// timer for each burst, which takes a third of the CPU time of a splice over loopback, and half of
    /// its rate (Linux 6.18). No network is in between that could do with it.
    pub fn unpace(&self) {
        let Self::Tcp(stream) = self else { return };
        let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return };
        let is_inside = local.ip() == peer.ip() || local.ip().is_loopback();
        if is_inside {
            // Where it fails the stream is slower, and works.
            let _ = crate::sys::socket::unpace(stream);
        }
    }

    /// Ends one direction or both: shutdown(2).
    ///
    /// # Errors
    /// `NotConnected` where the peer has already reset the connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream, _) => stream.shutdown(how),
        }
    }
}

/// Has the urgent byte of a stream (MSG_OOB) read in its place, as one byte like any other
/// (SO_OOBINLINE). Without it recv(2) skips that byte, and a relay of `telnet` or `rlogin` loses it.
/// TCP has it since ever, unix sockets since Linux 5.15.
pub fn keep_urgent_byte(socket: impl AsFd) {
    // Where there is no such option there is no such byte either.
    let _ = SockRef::from(&socket).set_out_of_band_inline(true);
}

impl AsFd for StreamSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream, _) => stream.as_fd(),
        }
    }
}
