//! An open socket that waits for peers, and what is to be known of it.

use std::io;
use std::os::fd::OwnedFd;

use mio::net::{TcpListener, UnixListener};
use socket2::Type;

use super::binding::Bindable;
use super::endpoint::Endpoint;
use super::inherited::SocketRole;
use super::options::SocketOptions;
use super::unix::UnixGuard;

/// An open socket, non-blocking, and what is to be known of it.
#[derive(Debug)]
pub struct OpenSocket<S> {
    /// The socket.
    pub socket: S,
    /// Its own address: `127.0.0.1:43211`, `unix:/path`, or `unix` where it has no name.
    pub local: String,
    /// `tcp`, `udp` or `unix`.
    pub proto: &'static str,
    /// The TCP or UDP port.
    pub port: Option<u16>,
    /// Removes the socket file.
    pub cleanup: Option<UnixGuard>,
}

/// A listening socket of either kind.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// An open listener.
pub type OpenListener = OpenSocket<Listener>;

impl Bindable for Listener {
    const TYPE: Type = Type::STREAM;
    const ROLE: SocketRole = SocketRole::Listener;
    const PROTO: &'static str = "tcp";
    const SHOWN_BY: &'static str = "ss -ltnp";

    fn from_fd(fd: OwnedFd, is_unix: bool) -> Self {
        match is_unix {
            true => Self::Unix(UnixListener::from_std(fd.into())),
            false => Self::Tcp(TcpListener::from_std(fd.into())),
        }
    }

    fn local(&self) -> Endpoint {
        match self {
            Self::Tcp(listener) => Endpoint::inet(listener.local_addr()),
            Self::Unix(listener) => Endpoint::unix(listener.local_addr()),
        }
    }

    fn before_bind(socket: &socket2::Socket, _: &SocketOptions) -> io::Result<()> {
        socket.set_reuse_address(true)
    }

    fn after_bind(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<()> {
        socket.listen(options.backlog())
    }

    /// It listens already; only a backlog that was asked for replaces the parent's.
    fn inherit(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<()> {
        options.asked_backlog().map_or(Ok(()), |backlog| socket.listen(backlog))
    }
}
