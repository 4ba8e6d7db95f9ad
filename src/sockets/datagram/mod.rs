//! Opening datagram sockets, UDP's and unix ones, for receiving from anybody or for sending to
//! one peer.
//!
//! What they carry is moved by `sys::mmsg`; here they get their names, their options, and the
//! facts that the kernel is asked to report.

mod connect;
mod listen;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::net::{UdpSocket, UnixDatagram};

use super::endpoint::Endpoint;
use super::unix::UnixGuard;
use crate::sys::sockopt::{Report, report};

pub use connect::{connect, failure};
pub use listen::listen;

/// A non-blocking datagram socket of either kind.
#[derive(Debug)]
pub enum Socket {
    /// UDP.
    Udp(UdpSocket),
    /// A unix socket.
    Unix(UnixDatagram),
}

impl Socket {
    /// This end.
    pub fn local(&self) -> Endpoint {
        match self {
            Self::Udp(socket) => Endpoint::inet(socket.local_addr()),
            Self::Unix(socket) => Endpoint::unix(socket.local_addr()),
        }
    }

    /// The other end, where there is only one.
    pub fn peer(&self) -> Option<Endpoint> {
        match self {
            Self::Udp(socket) => socket.peer_addr().ok().map(Endpoint::from),
            Self::Unix(socket) => {
                socket.peer_addr().ok().map(|address| Endpoint::unix(Ok(address)))
            }
        }
    }
}

/// Whether this is an address of this machine now, which it is where one can bind to it.
pub fn is_of_this_machine(mut address: SocketAddr) -> bool {
    address.set_port(0);
    std::net::UdpSocket::bind(address).is_ok()
}

impl From<socket2::Socket> for Socket {
    /// Takes a non-blocking UDP socket.
    fn from(socket: socket2::Socket) -> Self {
        Self::Udp(UdpSocket::from_std(OwnedFd::from(socket).into()))
    }
}

/// An open datagram socket, and what is to be known of it.
#[derive(Debug)]
pub struct Opened {
    /// The socket.
    pub socket: Socket,
    /// Its own address: `127.0.0.1:43211`, `unix:/path`, or `unix` where it has no name.
    pub local: String,
    /// `udp` or `unix`.
    pub proto: &'static str,
    /// The UDP port.
    pub port: Option<u16>,
    /// Removes the socket file.
    pub cleanup: Option<UnixGuard>,
}

impl Opened {
    /// Asks for the time of arrival of each datagram, which costs a little for each.
    pub fn ask_for_times(&self) {
        let _ = report(&self.socket, Report::Time);
    }

    /// Takes a non-blocking datagram socket with its address as the kernel has it.
    fn from_socket(socket: socket2::Socket, cleanup: Option<UnixGuard>) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let fd = OwnedFd::from(socket);
        Ok(match address.as_socket() {
            Some(address) => Self {
                socket: Socket::Udp(UdpSocket::from_std(fd.into())),
                local: address.to_string(),
                proto: "udp",
                port: Some(address.port()),
                cleanup,
            },
            None => {
                let socket = UnixDatagram::from_std(fd.into());
                let local = Endpoint::unix(socket.local_addr()).to_string();
                let socket = Socket::Unix(socket);
                Self { socket, local, proto: "unix", port: None, cleanup }
            }
        })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

/// The address that the kernel would send from to another one. Connecting a UDP socket, which is
/// how it is asked, sends nothing.
///
/// # Errors
/// There is no route.
pub fn source_address(to: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

/// Asks to be told of drops, where this system tells. A full unix socket makes its senders wait,
/// and drops nothing (unix(7)).
fn ask_for_drops(socket: &socket2::Socket) {
    let _ = report(socket, Report::Drops);
}

/// Asks for runs of datagrams as one buffer, where there is such a thing. Not to be asked of an
/// inherited socket: another process that holds it would take each run for one datagram.
fn ask_for_runs(socket: &socket2::Socket) {
    let _ = report(socket, Report::Coalesced);
}
