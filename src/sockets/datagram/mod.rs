//! Opening datagram sockets, UDP's and unix ones, for receiving from anybody or for sending to
//! one peer.
//!
//! What they carry is moved by `sys::mmsg`; here they get their names, their options, and the
//! facts that the kernel is asked to report.

mod connect;
mod destination;
mod listen;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::net::{UdpSocket, UnixDatagram};
use socket2::Type;

use super::binding::Bindable;
use super::endpoint::Endpoint;
use super::inherited::SocketRole;
use super::listen::OpenSocket;
use super::options::SocketOptions;
use crate::error::{Failure, Status};
use crate::sys::socket::{Report, report};
use crate::sys::unix::{local_name, peer_name};

pub use connect::{Reach, connect, failure, open_unconnected};
pub(crate) use destination::destination;
pub use listen::listen;

/// Bytes of receive buffer that are asked for without `-O rcvbuf`: the default of
/// 208 KiB holds some 90 datagrams of 1200 bytes, less than a burst (socket(7), rmem_default).
const RECEIVE_BUFFER: usize = 4 << 20;

/// A non-blocking datagram socket of either kind.
#[derive(Debug)]
pub enum DatagramSocket {
    /// UDP.
    Udp(UdpSocket),
    /// A unix socket.
    Unix(UnixDatagram),
}

impl DatagramSocket {
    /// This end.
    pub fn local(&self) -> Endpoint {
        match self {
            Self::Udp(socket) => Endpoint::inet(socket.local_addr()),
            Self::Unix(socket) => Endpoint::unix(local_name(socket)),
        }
    }

    /// The other end, where there is only one.
    pub fn peer(&self) -> Option<Endpoint> {
        match self {
            Self::Udp(socket) => socket.peer_addr().ok().map(Endpoint::from),
            Self::Unix(socket) => {
                socket.peer_addr().ok().map(|_| Endpoint::unix(peer_name(socket)))
            }
        }
    }
}

/// Whether this is an address of this machine now, which it is where one can bind to it.
pub fn is_of_this_machine(mut address: SocketAddr) -> bool {
    address.set_port(0);
    // EADDRNOTAVAIL otherwise. Port 0 keeps clear of ports that are taken.
    // Where net.ipv4.ip_nonlocal_bind is set, every address passes.
    std::net::UdpSocket::bind(address).is_ok()
}

impl From<socket2::Socket> for DatagramSocket {
    /// Takes a non-blocking UDP socket.
    fn from(socket: socket2::Socket) -> Self {
        Self::Udp(UdpSocket::from_std(OwnedFd::from(socket).into()))
    }
}

/// An open datagram socket.
pub type Opened = OpenSocket<DatagramSocket>;

impl Opened {
    /// Asks for the time of arrival of each datagram, which costs a little for each.
    pub fn ask_for_times(&self) {
        let _ = report(&self.socket, Report::Time);
    }

    /// Allows to send to broadcast addresses; else that fails with EACCES (SO_BROADCAST, socket(7)).
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn allow_broadcast(&self) -> Result<(), Failure> {
        let allowed = socket2::SockRef::from(&self.socket).set_broadcast(true);
        let fail = |error| Failure::io(Status::Local, "broadcast from", self.local.clone(), &error);
        allowed.map_err(fail)
    }
}

impl Bindable for DatagramSocket {
    const TYPE: Type = Type::DGRAM;
    const ROLE: SocketRole = SocketRole::Receiver;
    const PROTO: &'static str = "udp";
    const SHOWN_BY: &'static str = "ss -lunp";

    fn from_fd(fd: OwnedFd, is_unix: bool) -> Self {
        match is_unix {
            true => Self::Unix(UnixDatagram::from_std(fd.into())),
            false => Self::Udp(UdpSocket::from_std(fd.into())),
        }
    }

    fn local(&self) -> Endpoint {
        Self::local(self)
    }

    fn before_bind(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<()> {
        // No SO_REUSEADDR here: for UDP it means that a second socket may take the same port.
        if !options.has_receive_buffer() {
            widen_receive_buffer(socket);
        }
        ask_for_drops(socket);
        ask_for_runs(socket);
        Ok(())
    }

    fn after_bind(socket: &socket2::Socket, _: &SocketOptions) -> io::Result<()> {
        ask_for_local(socket);
        Ok(())
    }

    fn inherit(socket: &socket2::Socket, _: &SocketOptions) -> io::Result<()> {
        ask_for_drops(socket);
        ask_for_local(socket);
        Ok(())
    }
}

impl AsFd for DatagramSocket {
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

/// Asks for more than the default, beyond the system's limit where the user may (CAP_NET_ADMIN).
/// Whatever the kernel gives is fine: nobody asked for a size.
fn widen_receive_buffer(socket: &socket2::Socket) {
    #[cfg(target_os = "linux")]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER).is_ok() {
        return;
    }
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
}

/// Asks for the count of drops, where this system has one. A full unix socket makes its senders wait,
/// and drops nothing (unix(7)).
fn ask_for_drops(socket: &socket2::Socket) {
    let _ = report(socket, Report::Drops);
}

/// Asks which of our addresses each datagram was sent to, where the socket has all of them: an
/// answer is to leave from there, and the kernel would choose by its routes. On a socket of one
/// address it has no choice.
fn ask_for_local(socket: &socket2::Socket) {
    let local = socket.local_addr().ok().and_then(|address| address.as_socket());
    if local.is_some_and(|address| address.ip().is_unspecified()) {
        let _ = report(socket, Report::Local);
    }
}

/// Asks for runs of datagrams as one buffer, where there is such a thing. Not to be asked of an
/// inherited socket: another process that holds it would take each run for one datagram.
fn ask_for_runs(socket: &socket2::Socket) {
    let _ = report(socket, Report::Coalesced);
}
