//! A stream socket of either kind, and the names of its ends.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use socket2::{Domain, SockRef, Socket};

/// What an end of a TCP connection is called once the kernel has forgotten its address.
pub(crate) const FORGOTTEN: &str = "unknown";

/// A non-blocking stream socket, connected or about to be.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl Stream {
    /// Takes a non-blocking stream socket.
    pub(super) fn from_socket(socket: Socket, domain: Domain) -> Self {
        let fd = OwnedFd::from(socket);
        if domain == Domain::UNIX {
            Self::Unix(UnixStream::from_std(fd.into()))
        } else {
            Self::Tcp(TcpStream::from_std(fd.into()))
        }
    }

    /// The protocol as events name it: `tcp` or `unix`.
    pub fn proto(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
        }
    }

    /// This end: `127.0.0.1:51312`, `unix:/path`, or `unix` where it has no name.
    pub fn local(&self) -> String {
        match self {
            Self::Tcp(stream) => ip_name(stream.local_addr()),
            Self::Unix(stream) => unix_name(stream.local_addr()),
        }
    }

    /// The other end, in the same form.
    pub fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => ip_name(stream.peer_addr()),
            Self::Unix(stream) => unix_name(stream.peer_addr()),
        }
    }

    /// The error that is pending on the socket (SO_ERROR), which this clears.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        }
    }

    /// Makes the close of a TCP connection a reset (SO_LINGER of 0, socket(7)); what the peer has
    /// not acknowledged by then is lost. A unix socket has no such thing.
    pub fn forget_on_close(&self) {
        if let Self::Tcp(stream) = self {
            // Without it the peer sees FIN, which is the next best.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Ends one direction or both: shutdown(2).
    ///
    /// # Errors
    /// `NotConnected` where the peer has already reset the connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// The name of an end that has an IP address.
pub(super) fn ip_name(address: io::Result<std::net::SocketAddr>) -> String {
    address.map_or_else(|_| FORGOTTEN.to_owned(), |address| address.to_string())
}

/// The name of an end of a unix socket as an address writes it.
pub(super) fn unix_name(address: io::Result<UnixSocketAddr>) -> String {
    let Ok(address) = address else { return "unix".to_owned() };
    if let Some(path) = address.as_pathname() {
        return format!("unix:{}", path.display());
    }
    match abstract_name(&address) {
        Some(name) => format!("unix:@{}", String::from_utf8_lossy(name)),
        None => "unix".to_owned(),
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn abstract_name(address: &UnixSocketAddr) -> Option<&[u8]> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    address.as_abstract_name()
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn abstract_name(_: &UnixSocketAddr) -> Option<&[u8]> {
    None
}
