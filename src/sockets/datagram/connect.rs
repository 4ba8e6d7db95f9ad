//! Datagram sockets for one peer.
//!
//! Most are connected, so that the kernel delivers the peer's answers only, and reports to this socket
//! when nobody is there (ICMP port unreachable, udp(7)).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Type};

use super::{Opened, ask_for_drops, ask_for_runs};
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;
use crate::sockets::address::Target;
use crate::sockets::binding::{new_socket, opened};
use crate::sockets::connect::{
    Connectable, INTERFACE, bind_socket, lacks_interface, open, unix_failure,
};
use crate::sockets::inherited::SocketRole;
use crate::sockets::options::SocketOptions;
use crate::sockets::unix::{self, UnixGuard};
use crate::sys::socket::{Report, report};

/// Whom a sender may send to, and receive from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Broadcast addresses, from which no answer ever comes: each comes from a member's own.
    pub broadcast: bool,
    /// Answers of any address and port. A TFTP server answers from another port (RFC 1350).
    pub any_source: bool,
}

impl Reach {
    /// Whether one peer is sent to, and received from.
    pub fn is_connected(self) -> bool {
        !self.broadcast && !self.any_source
    }
}

/// Opens a socket that is connected to `target`, with warnings of what the kernel changed.
///
/// `bind` is the address to send from, of the target's kind and family. Where `reach` asks for it, the
/// socket is not connected, and its datagrams need an address.
///
/// # Errors
/// `Status::Connect` where the target cannot be sent to, or that of binding (`Listen`), of an
/// option (`Usage`) or of an inherited descriptor (`Local`).
pub fn connect(
    target: &Target,
    bind: Option<&Target>,
    options: &SocketOptions,
    reach: Reach,
) -> Result<(Opened, Vec<String>), Failure> {
    options.check_datagrams()?;
    // Where --bind is there as well, `open` refuses that one first.
    if reach.broadcast && bind.is_none() && !matches!(target, Target::Tcp(_)) {
        return Err(no_broadcast(target));
    }
    let connected = open(&reach, target, bind, options)?;
    match target {
        Target::Tcp(_) if !reach.is_connected() => {
            // It has shown that there is a route, and would hold the port of `bind`.
            drop(connected);
            open_unconnected(target, bind, options, reach)
        }
        _ => Ok(connected),
    }
}

/// Opens a socket that is not connected: its datagrams need an address, of the kind and family of
/// `to`, and it receives from everybody. With warnings of what the kernel changed.
///
/// `bind` is the address to send from, of the same kind and family.
///
/// # Errors
/// `Status::Connect` where there is no such socket, or that of binding (`Listen`) or of an option
/// (`Usage`).
pub fn open_unconnected(
    to: &Target,
    bind: Option<&Target>,
    options: &SocketOptions,
    reach: Reach,
) -> Result<(Opened, Vec<String>), Failure> {
    options.check_datagrams()?;
    let name = to.to_string();
    let failed = |error: io::Error| failure(&name, &error);
    let (domain, any) = match to {
        Target::Tcp(SocketAddr::V4(_)) => (Domain::IPV4, (Ipv4Addr::UNSPECIFIED, 0).into()),
        Target::Tcp(SocketAddr::V6(_)) => (Domain::IPV6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        Target::Unix(_) | Target::Fd(_) => {
            let socket = new_socket(Domain::UNIX, Type::DGRAM).map_err(failed)?;
            let warnings = options.apply(&socket, &name)?;
            let cleanup = bind_socket::<Reach>(&socket, Domain::UNIX, bind)?;
            return Ok((opened(socket, cleanup).map_err(failed)?, warnings));
        }
    };
    let socket = new_socket(domain, Type::DGRAM).map_err(failed)?;
    let warnings = options.apply(&socket, &name)?;
    reach.prepare(&socket, bind.is_some()).map_err(failed)?;
    // Else nothing reports that a port is closed (udp(7)).
    let _ = report(&socket, Report::Errors);
    if domain == Domain::IPV6 {
        socket.set_only_v6(true).map_err(failed)?;
    }
    bind_socket::<Reach>(&socket, domain, Some(bind.unwrap_or(&Target::Tcp(any))))?;
    Ok((opened(socket, None).map_err(failed)?, warnings))
}

/// The failure of a datagram that could not be sent to `target`, as a `Target` displays, at once
/// or by a later word of the network.
pub fn failure(target: &str, error: &io::Error) -> Failure {
    let failure = Failure::io(Status::Connect, "send to", target, error);
    match (target.strip_prefix("unix:"), Errno::from_io_error(error)) {
        (Some(name), Some(Errno::PROTOTYPE)) if unix::is_seqpacket(name) => {
            failure.fix(Remedy::Packets.words())
        }
        (Some(_), Some(Errno::PROTOTYPE)) => failure.fix(Remedy::Streams.words()),
        (Some(name), _) => unix_failure(failure, name, error),
        (None, Some(Errno::ACCESS)) => failure.fix(Remedy::Broadcast.words()),
        // An ICMP "port unreachable" to an earlier datagram; the kernel gives it to the next call
        // on the socket (udp(7)).
        (None, Some(Errno::CONNREFUSED)) => failure.fix("nothing listens there"),
        (None, Some(Errno::INVAL)) if lacks_interface(target) => failure.fix(INTERFACE),
        (None, Some(Errno::NETUNREACH)) => failure.fix("no route leads there"),
        (None, _) => failure,
    }
}

fn no_broadcast(target: &Target) -> Failure {
    let cause = "only an internet address can be a broadcast address";
    Failure::new(Status::Usage, Kind::Broadcast, "broadcast to", target.to_string(), cause)
}

impl Connectable for Reach {
    type Open = Opened;
    const TYPE: Type = Type::DGRAM;
    const ROLE: SocketRole = SocketRole::Sender;

    fn prepare(&self, socket: &socket2::Socket, _: bool) -> io::Result<()> {
        // Without it connect(2) to a broadcast address fails with EACCES (SO_BROADCAST, socket(7)).
        socket.set_broadcast(self.broadcast)?;
        ask_for_drops(socket);
        ask_for_runs(socket);
        Ok(())
    }

    /// A unix socket without a name of its own cannot be answered.
    fn bind_unix(socket: &socket2::Socket) -> Result<Option<UnixGuard>, Failure> {
        unix::bind_anywhere(socket)
            .map_err(|error| Failure::io(Status::Listen, "bind", "a unix socket", &error))
    }

    fn inherit(socket: &socket2::Socket) {
        ask_for_drops(socket);
    }

    fn finish(
        socket: socket2::Socket,
        _: Domain,
        cleanup: Option<UnixGuard>,
    ) -> io::Result<Opened> {
        opened(socket, cleanup)
    }

    fn failure(target: &str, error: &io::Error) -> Failure {
        failure(target, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::address::UnixName;
    use crate::sockets::inherited::tests::inherit;
    use crate::sys::mmsg::{FastPaths, Outgoing, ReceiveBatch, answer, send};
    use std::net::UdpSocket;
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::path::Path;

    fn begin(target: &Target) -> Result<Opened, Failure> {
        connect(target, None, &SocketOptions::default(), Reach::default()).map(|(opened, _)| opened)
    }

    fn unix_target(path: &Path) -> Target {
        Target::Unix(UnixName::Path(path.to_owned()))
    }

    fn say(opened: &Opened, payload: &[u8]) -> io::Result<usize> {
        let mut paths = FastPaths::new(&opened.socket);
        send(&opened.socket, &[Outgoing { payload, to: None }], &mut paths)
    }

    #[test]
    fn a_refused_port_is_an_error_of_the_socket() {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let opened = begin(&Target::Tcp(closed)).unwrap();
        assert_eq!((say(&opened, b"x").unwrap(), opened.proto), (1, "udp"));
        let error = ReceiveBatch::new().receive(&opened.socket).unwrap_err();
        let failure = failure("127.0.0.1:9", &error);
        assert_eq!(failure.status, Status::Connect);
        assert_eq!(
            failure.to_string(),
            "cannot send to 127.0.0.1:9: connection refused (nothing listens there)"
        );
    }

    #[test]
    fn a_datagram_comes_from_where_it_is_bound_and_ports_are_not_shared() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = Target::Tcp(receiver.local_addr().unwrap());
        let bound = |from: &str| {
            let from = Target::Tcp(from.parse().unwrap());
            connect(&target, Some(&from), &SocketOptions::default(), Reach::default())
        };
        let (opened, _) = bound("127.0.0.2:0").unwrap();
        say(&opened, b"x").unwrap();
        let (_, from) = receiver.recv_from(&mut [0]).unwrap();
        assert_eq!(from.to_string(), opened.local);
        assert_eq!(bound(&opened.local).unwrap_err().kind, Kind::AddressInUse);
        assert_eq!(bound("192.0.2.254:0").unwrap_err().status, Status::Listen);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_broadcast_address_needs_the_option() {
        let target = Target::Tcp("127.255.255.255:9".parse().unwrap());
        let failure = begin(&target).unwrap_err();
        assert_eq!(failure.status, Status::Connect);
        assert!(failure.to_string().ends_with("(a broadcast address needs Pool::allow_broadcast)"));
        let broadcast = Reach { broadcast: true, ..Reach::default() };
        assert!(connect(&target, None, &SocketOptions::default(), broadcast).is_ok());
        let unix = Target::Unix(UnixName::Path("/x".into()));
        let failure = connect(&unix, None, &SocketOptions::default(), broadcast).unwrap_err();
        assert_eq!(failure.status, Status::Usage);
    }

    #[test]
    fn a_unix_peer_can_answer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let peer = UnixDatagram::bind(&path).unwrap();
        let opened = begin(&unix_target(&path)).unwrap();
        assert_eq!((opened.proto, opened.port), ("unix", None));
        say(&opened, b"question").unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&peer).unwrap(), 1);
        let question = batch.arrivals().next().unwrap();
        assert_eq!((question.payload, question.from.to_string()), (&b"question"[..], opened.local));
        answer(&peer, b"answer", &question.return_path()).unwrap();
        assert_eq!(batch.receive(&opened.socket).unwrap(), 1);
        assert_eq!(batch.arrivals().next().unwrap().payload, b"answer");
    }

    #[test]
    fn what_cannot_be_sent_to_is_distinguished() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let ending = |name: &str| {
            let failure = begin(&unix_target(&at(name))).unwrap_err();
            assert_eq!(failure.status, Status::Connect);
            failure.to_string()
        };
        drop(UnixDatagram::bind(at("dead")).unwrap());
        let _streams = UnixListener::bind(at("streams")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        assert!(ending("none").ends_with("no such file or directory (nothing listens there)"));
        assert!(ending("dead").ends_with("refused (nothing listens there any more)"));
        assert!(ending("streams").ends_with("(it is a stream socket: Pool::connect reaches it)"));
        assert!(ending("file").ends_with(": it is a file, not a socket"));
        let from = Target::Tcp("127.0.0.1:0".parse().unwrap());
        let options = SocketOptions::default();
        let failure = connect(&unix_target(&at("none")), Some(&from), &options, Reach::default())
            .unwrap_err();
        assert_eq!(failure.status, Status::Usage);
    }

    #[test]
    fn an_inherited_socket_is_taken_over_if_it_is_connected() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let opened = begin(&Target::Fd(inherit(ours))).unwrap();
        assert_eq!((opened.local.as_str(), say(&opened, b"").unwrap()), ("unix", 1));
        assert_eq!(theirs.recv(&mut [0]).unwrap(), 0);
        let unconnected = inherit(UdpSocket::bind("127.0.0.1:0").unwrap());
        assert_eq!(begin(&Target::Fd(unconnected)).unwrap_err().status, Status::Local);
    }

    #[test]
    fn options_of_streams_are_refused() {
        let mut options = SocketOptions::default();
        options.set("nodelay=on").unwrap();
        let target = Target::Tcp("127.0.0.1:9".parse().unwrap());
        let failure = connect(&target, None, &options, Reach::default()).unwrap_err();
        assert_eq!(failure.status, Status::Usage);
    }
}
