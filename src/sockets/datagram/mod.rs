//! Opening datagram sockets, UDP's and unix ones, for receiving from anybody or for sending to
//! one peer.
//!
//! What they carry is moved by `sys::mmsg`; here they get their names, their options, and the
//! facts that the kernel is asked to report.

mod connect;
mod destination;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::net::{UdpSocket, UnixDatagram};
use socket2::Type;

use super::address::Address;
use super::binding::{Bindable, open_all};
use super::endpoint::Endpoint;
use super::inherited::SocketRole;
use super::listen::OpenSocket;
use super::options::SocketOptions;
use crate::error::{Failure, Status};
use crate::sys::socket::{Report, report};
use crate::sys::unix::{local_name, peer_name};

pub use connect::{Reach, connect, failure, open_unconnected};
pub(crate) use destination::destination;

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

/// Opens every socket that an address means, all on one port, with warnings of what the kernel
/// changed. `found` are the addresses of an internet host.
///
/// Two receivers never share a UDP port without `-O reuseport`: without SO_REUSEADDR the
/// second is refused, with it one would take datagrams from the other (socket(7)).
///
/// # Errors
/// `Status::Listen`, or that of an option (`Usage`), or of an inherited descriptor (`Local`).
pub fn listen(
    address: &Address,
    found: &[SocketAddr],
    options: &SocketOptions,
) -> Result<(Vec<Opened>, Vec<String>), Failure> {
    options.check_datagrams()?;
    open_all(address, found, options)
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

/// The address that the kernel would send from to another one: connect(2) of a UDP socket looks up the
/// route, keeps the source address that it gives, and sends nothing.
///
/// # Errors
/// There is no route.
pub fn source_address(to: SocketAddr) -> io::Result<SocketAddr> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    socket.local_addr()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::kind::Kind;
    use crate::sockets::inherited::tests::inherit;
    use crate::sockets::resolve::{Family, local_addresses};
    use crate::sys::mmsg::ReceiveBatch;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn open_with(address: &str, option: &str) -> Result<(Vec<Opened>, Vec<String>), Failure> {
        let mut options = SocketOptions::default();
        if !option.is_empty() {
            options.set(option).unwrap();
        }
        let address = address.parse::<Address>()?;
        listen(&address, &local_addresses(&address, Family::Any)?, &options)
    }

    fn open(address: &str) -> Result<Vec<Opened>, Failure> {
        open_with(address, "").map(|(open, _)| open)
    }

    fn refusal(address: &str) -> String {
        let failure = open(address).unwrap_err();
        assert_eq!(failure.status, Status::Listen, "{failure}");
        failure.to_string()
    }

    #[test]
    fn loopback_and_any_have_one_port_in_both_families_which_is_theirs_alone() {
        for address in ["0", ":0", "localhost:0"] {
            let open = open(address).unwrap();
            let port = open[0].port.unwrap();
            for one in &open {
                assert_eq!((one.port, one.proto), (Some(port), "udp"));
                assert!(one.local.ends_with(&format!(":{port}")));
            }
            let refusal = refusal(&open[0].local);
            assert!(refusal.contains("address already in use (another program"), "{refusal}");
            assert!(refusal.contains("ss -lunp"), "{refusal}");
        }
    }

    #[test]
    fn a_port_is_shared_only_by_reuseport() {
        let (first, _) = open_with("127.0.0.1:0", "reuseport=on").unwrap();
        assert!(open_with(&first[0].local, "reuseport=on").is_ok());
        assert_eq!(open(&first[0].local).unwrap_err().kind, Kind::AddressInUse);
    }

    #[test]
    fn a_receiver_asks_for_a_large_buffer_and_for_the_facts() {
        let open = open("127.0.0.1:0").unwrap();
        let socket = socket2::SockRef::from(&open[0].socket);
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let default = socket2::SockRef::from(&plain).recv_buffer_size().unwrap();
        assert!(socket.recv_buffer_size().unwrap() > default);
        let (asked, _) = open_with("127.0.0.1:0", "rcvbuf=64k").unwrap();
        let socket = socket2::SockRef::from(&asked[0].socket);
        assert!(socket.recv_buffer_size().unwrap() <= 128 << 10);
        open[0].ask_for_times();
        plain.send_to(b"x", &open[0].local).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&open[0].socket).unwrap(), 1);
        let arrival = batch.arrivals().next().unwrap();
        assert_eq!(arrival.from.to_string(), plain.local_addr().unwrap().to_string());
        if cfg!(target_os = "linux") {
            assert!(arrival.time.is_some());
        }
    }

    #[test]
    fn options_of_streams_are_refused() {
        let failure = open_with("127.0.0.1:0", "backlog=5").unwrap_err();
        assert_eq!(failure.status, Status::Usage);
        let failure = open_with("unix:/x", "dscp=ef").unwrap_err();
        assert!(failure.to_string().ends_with("a unix socket has no such option"), "{failure}");
    }

    #[test]
    fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let address = format!("unix:{}", path.display());
        drop(UnixDatagram::bind(&path).unwrap());
        let live = open(&address).unwrap();
        assert_eq!(
            (live[0].local.as_str(), live[0].proto, live[0].port),
            (&*address, "unix", None)
        );
        UnixDatagram::unbound().unwrap().send_to(b"whole", &path).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&live[0].socket).unwrap(), 1);
        assert_eq!(batch.arrivals().next().unwrap().payload, b"whole");
        assert!(refusal(&address).ends_with("another program listens there"));
        drop(live);
        assert!(!path.exists());
    }

    #[test]
    fn an_inherited_socket_is_named_by_its_address() {
        let parent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = parent.local_addr().unwrap().to_string();
        let taken = open(&format!("fd:{}", inherit(parent))).unwrap();
        assert_eq!((taken[0].local.as_str(), taken[0].proto), (local.as_str(), "udp"));
        let stream = inherit(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        assert!(open(&format!("fd:{stream}")).unwrap_err().to_string().contains("datagram socket"));
        assert_eq!(open("fd:").unwrap_err().kind, Kind::NoActivation);
    }
}
