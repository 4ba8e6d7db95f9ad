//! Datagrams in batches: many for one system call, and still each with its own boundaries.
//!
//! [`ReceiveBatch`] takes what the kernel has, [`send()`] gives it what it takes. On Linux these are
//! recvmmsg(2), sendmmsg(2) and UDP's segmentation and coalescing (GSO, GRO: udp(7)); `portable`
//! does the same one datagram at a time, where there is nothing better and where the kernel
//! refuses. Sockets are lent: nothing here opens, closes or waits for one, and all of it works on
//! blocking and non-blocking sockets alike.

mod batch;
#[cfg(test)]
mod exactness;
mod facts;
mod portable;
#[cfg(target_os = "linux")]
mod recvmmsg;
mod send;
#[cfg(target_os = "linux")]
mod sendmmsg;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::time::SystemTime;

use rustix::net::SocketAddrAny;

use super::unix::SocketName;

pub use batch::{ReceiveBatch, SLOTS};
pub use send::{FastPaths, longest_run, send};

/// The largest payload of a UDP datagram over IPv4: 65535 less the two headers (RFC 768).
pub const MAX_PAYLOAD: usize = 65_507;

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// What it carries; an empty datagram is one too.
    pub payload: &'a [u8],
    /// Who sent it.
    pub from: &'a SenderAddress,
    /// Which of our addresses it was sent to, on a socket that asks
    /// ([`Report::Local`](crate::sys::socket::Report)). `None` for broadcasts and groups, from
    /// which nothing can be sent.
    pub local: Option<SourceAddress>,
    /// Whether it was larger than the memory for it, and its tail is lost.
    pub truncated: bool,
    /// When the kernel received it (SO_TIMESTAMPNS).
    pub time: Option<SystemTime>,
    /// How many datagrams this socket had lost to a full buffer when this one came
    /// (SO_RXQ_OVFL): a counter that wraps. `None` as long as there are none.
    pub dropped: Option<u32>,
}

impl Arrival<'_> {
    /// The return path: to the sender, from the address that it asked.
    pub fn return_path(&self) -> ReturnPath {
        ReturnPath { to: self.from.clone(), from: self.local }
    }
}

/// One of our addresses, to which a datagram was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The interface that a link-local address belongs to.
    pub interface: Option<u32>,
}

impl SourceAddress {
    /// The address of a socket of ours; `None` where it names no address.
    pub fn of(address: SocketAddr) -> Option<Self> {
        let interface = match address {
            SocketAddr::V6(address) => Some(address.scope_id()).filter(|index| *index != 0),
            SocketAddr::V4(_) => None,
        };
        (!address.ip().is_unspecified()).then(|| Self { ip: address.ip(), interface })
    }

    /// It, with the port of the socket that has this address; `None` where that is no internet
    /// address.
    pub fn on_socket(self, local: &str) -> Option<SocketAddr> {
        let port = local.parse::<SocketAddr>().ok()?.port();
        Some(match self.ip {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.interface.unwrap_or(0)).into(),
        })
    }
}

/// Where a datagram goes, and which of our addresses it leaves from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    /// The peer.
    pub to: SenderAddress,
    /// The address that the peer asked; where there is none the kernel chooses by its routes.
    pub from: Option<SourceAddress>,
}

impl From<SocketAddr> for ReturnPath {
    fn from(to: SocketAddr) -> Self {
        Self { to: SenderAddress::Inet(to), from: None }
    }
}

/// Who sent a datagram. `Display` writes it as an address is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SenderAddress {
    /// An internet address.
    Inet(SocketAddr),
    /// A unix socket; one without a name cannot be answered.
    Unix(Option<Box<SocketName>>),
}

impl SenderAddress {
    fn new(address: Option<SocketAddrAny>) -> Self {
        let Some(address) = address else { return Self::Unix(None) };
        match SocketAddr::try_from(address.clone()) {
            Ok(address) => Self::Inet(address),
            Err(_) => Self::Unix(SocketName::read(&address).map(Box::new)),
        }
    }
}

impl fmt::Display for SenderAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(out),
            Self::Unix(None) => out.write_str("unix"),
            Self::Unix(Some(name)) => name.fmt(out),
        }
    }
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What it carries.
    pub payload: &'a [u8],
    /// Where it goes; `None` on a connected socket.
    pub to: Option<SocketAddr>,
}

/// Sends one datagram back to the sender of another, unix sockets included, from the address that
/// this one asked.
///
/// # Errors
/// `WouldBlock` where the kernel takes none now; `AddrNotAvailable` where the sender has no name;
/// those of sendto(2).
pub fn answer(socket: impl AsFd, payload: &[u8], path: &ReturnPath) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let ReturnPath { to: SenderAddress::Inet(to), from: Some(from) } = path {
        match sendmmsg::send_from(socket.as_fd(), payload, *to, from) {
            // The kernel refuses a source that is no address of this machine: an address that is
            // gone, or that only a packet filter made ours. Then it chooses one.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            outcome => return outcome,
        }
    }
    match &path.to {
        SenderAddress::Inet(to) => portable::send_to(socket.as_fd(), payload, to),
        SenderAddress::Unix(Some(to)) => portable::send_to(socket.as_fd(), payload, &to.address()),
        SenderAddress::Unix(None) => {
            let cause = "the sender has no name to answer to";
            Err(io::Error::new(io::ErrorKind::AddrNotAvailable, cause))
        }
    }
}

/// Takes what routers and peers have reported of earlier datagrams, each with the destination that it is
/// about, on a socket that asks for it ([`Report::Errors`](crate::sys::socket::Report)). Left
/// there, they fill the receive buffer.
pub fn take_errors(socket: impl AsFd) -> Vec<(SocketAddr, io::Error)> {
    let mut errors = Vec::new();
    #[cfg(target_os = "linux")]
    while let Ok((to, errno)) = recvmmsg::queued_error(socket.as_fd()) {
        if let (SenderAddress::Inet(to), Some(errno)) = (to, errno) {
            errors.push((to, io::Error::from_raw_os_error(errno)));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_name_the_destination_that_they_are_about() {
        use crate::sys::socket::{Report, report};
        use std::net::UdpSocket;
        let (ours, open) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        report(&ours, Report::Errors).unwrap();
        let closed =
            [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        assert!(take_errors(&ours).is_empty());
        // The second call takes the error of the first datagram, and sends nothing.
        for _ in 0..2 {
            closed.iter().for_each(|to| _ = answer(&ours, b"x", &(*to).into()));
        }
        let errors = take_errors(&ours);
        assert!(errors.iter().all(|(to, error)| {
            closed.contains(to) && error.kind() == io::ErrorKind::ConnectionRefused
        }));
        assert!(errors.iter().any(|(to, _)| *to == closed[0]), "{errors:?}");
        assert!(take_errors(&ours).is_empty());
        answer(&ours, b"x", &open.local_addr().unwrap().into()).unwrap();
    }

    #[test]
    fn unix_senders_have_names_and_get_answers() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let ours = UnixDatagram::bind(path("ours")).unwrap();
        let named = UnixDatagram::bind(path("named")).unwrap();
        named.send_to(b"q", path("ours")).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"", path("ours")).unwrap();
        let mut batch = ReceiveBatch::new();
        let mut from = Vec::new();
        while batch.receive(&ours).is_ok() {
            from.extend(batch.arrivals().map(|arrival| arrival.return_path()));
        }
        assert_eq!(from[0].to.to_string(), format!("unix:{}", path("named").display()));
        assert_eq!((from[1].to.to_string().as_str(), from.len()), ("unix", 2));
        answer(&ours, b"a", &from[0]).unwrap();
        assert_eq!(named.recv(&mut [0; 9]).unwrap(), 1);
        let error = answer(&ours, b"a", &from[1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abstract_senders_are_answered_too() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("wirecat-mmsg-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let named = UnixDatagram::bind_addr(&address).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ours = UnixDatagram::bind(directory.path().join("ours")).unwrap();
        named.send_to(b"q", directory.path().join("ours")).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&ours).unwrap(), 1);
        let path = batch.arrivals().next().unwrap().return_path();
        assert_eq!(path.to.to_string(), format!("unix:@{name}"));
        answer(&ours, b"a", &path).unwrap();
        assert_eq!(named.recv(&mut [0; 9]).unwrap(), 1);
    }
}
