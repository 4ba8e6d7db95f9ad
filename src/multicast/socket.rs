//! The socket of one group on one interface and port.
//!
//! It is bound to the group, not to the port alone, and receives what it has joined itself and
//! nothing else: two groups on one port, or one group on two interfaces, do not mix. A socket for
//! each group also keeps clear of `igmp_max_memberships`, which counts by socket (Linux 6.18).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::membership::Membership;
use super::sender::{GroupOptions, choose_interface};
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sockets::SocketOptions;
#[cfg(target_os = "linux")]
use crate::sys;

/// Bytes asked for as receive buffer, so that a burst is not lost to a short pause.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket for one membership; it is a member between [`join`](Self::join) and
/// [`leave`](Self::leave).
///
/// ```text
/// open() ──> Bound ── join() ──> Member ── leave() ──> Bound
/// ```
///
/// `--rejoin` leaves and joins in one step. Where the join fails, the socket stays bound; the leave
/// of the next round finds it not joined, which is no failure, and the join is tried once more.
#[derive(Debug)]
pub struct JoinSocket {
    socket: Socket,
    membership: Membership,
}

impl JoinSocket {
    /// Opens a non-blocking socket that is bound to the group and not a member yet, with warnings
    /// of options that the kernel changed.
    ///
    /// # Errors
    /// `Status::Listen` where it cannot be bound, or `Status::Usage` for a refused option.
    pub fn open(
        membership: Membership,
        port: u16,
        options: &SocketOptions,
    ) -> Result<(Self, Vec<String>), Failure> {
        options.check_datagrams()?;
        let address = membership.socket_address(port);
        let failed = |error: io::Error| bind_failure(&membership, port, &error);
        let socket = new_socket(Domain::for_address(address)).map_err(failed)?;
        // Several listeners to a group are normal, and each receives every datagram.
        // A group is delivered to each of them; a unicast datagram only to one (socket(7)).
        share_address(&socket).map_err(failed)?;
        prepare_receiver(&socket).map_err(failed)?;
        // What it sends to its group leaves by the interface on which that is joined.
        let sending = GroupOptions::default();
        choose_interface(&socket, &membership.interface, &sending, membership.group)
            .map_err(failed)?;
        if address.is_ipv6() {
            keep_to_device(&socket, &membership.interface.name).map_err(failed)?;
        }
        let warnings = options.apply(&socket, &membership.to_string())?;
        // Linux compares the destination of each datagram with this address, so that unicast to the
        // port stays away. The join comes later: until then nothing can be lost that was wanted.
        socket.bind(&address.into()).map_err(failed)?;
        Ok((Self { socket, membership }, warnings))
    }

    /// Becomes a member.
    ///
    /// # Errors
    /// Those of [`Membership::join`].
    pub fn join(&self) -> Result<(), Failure> {
        self.membership.join(&self.socket)
    }

    /// Ceases to be a member, and receives nothing more.
    ///
    /// # Errors
    /// Those of [`Membership::leave`].
    pub fn leave(&self) -> Result<(), Failure> {
        self.membership.leave(&self.socket)
    }

    /// The socket and what it is a member of. It ceases to be one when the socket is closed.
    pub fn into_parts(self) -> (Socket, Membership) {
        (self.socket, self.membership)
    }

    /// What it is a member of once it has joined.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The socket, for receiving and for unicast replies.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl AsFd for JoinSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A non-blocking UDP socket of one family that receives only groups which it joins itself.
pub(super) fn new_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if domain == Domain::IPV6 {
        // Else an IPv6 socket takes IPv4 datagrams of its port as well, from ::ffff: addresses.
        socket.set_only_v6(true)?;
    }
    // By default Linux delivers the groups of all sockets on the machine (ip(7)).
    #[cfg(target_os = "linux")]
    match domain == Domain::IPV6 {
        true => socket.set_multicast_all_v6(false)?,
        false => socket.set_multicast_all_v4(false)?,
    }
    Ok(socket)
}

/// Sets what every receiver of datagrams wants: a large buffer, and beside each datagram the
/// kernel's drop count and its time of arrival.
///
/// # Errors
/// Those of setsockopt(2). That the kernel gives a smaller buffer is not one.
pub fn prepare_receiver(socket: &Socket) -> io::Result<()> {
    // Linux cuts it to net.core.rmem_max without an error, and keeps twice as much for its own
    // bookkeeping (socket(7)).
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    #[cfg(target_os = "linux")]
    {
        sys::socket::report(socket, sys::socket::Report::Drops)?;
        sys::socket::report(socket, sys::socket::Report::Time)?;
    }
    Ok(())
}

pub(super) fn share_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    // BSD shares the port of a group by this option.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuse_port(true)?;
    Ok(())
}

/// Receives from one interface only.
///
/// For IPv4 the membership does that. For IPv6 the kernel compares the group and not the interface
/// (`inet6_mc_check`, Linux 6.18), so that two sockets on two interfaces would receive everything
/// twice. Kernels before 5.7 allow this to root alone; the packet info still distinguishes them.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keep_to_device(socket: &Socket, interface: &str) -> io::Result<()> {
    match socket.bind_device(Some(interface.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome,
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keep_to_device(_: &Socket, _: &str) -> io::Result<()> {
    Ok(())
}

fn bind_failure(membership: &Membership, port: u16, error: &io::Error) -> Failure {
    let target = format!("port {port} of {membership}");
    let failure = Failure::io(Status::Listen, "bind to", target, error);
    match Errno::from_io_error(error) {
        Some(Errno::ADDRINUSE) => {
            failure.fix("another program uses it alone; `ss -ulnp` shows which")
        }
        Some(Errno::ACCESS) if port < 1024 => {
            failure.fix("ports below 1024 need CAP_NET_BIND_SERVICE")
        }
        Some(Errno::NODEV) => failure.kind(Kind::NoSuchInterface),
        _ => failure,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::lo;
    use crate::multicast::membership::memberships;
    use crate::multicast::sender::{GroupOptions, open_sender};
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    /// A port that no other program takes while the socket lives, and that the sockets of groups share.
    pub(in crate::multicast) fn shared_port() -> (Socket, u16) {
        let socket = Socket::from(UdpSocket::bind("0.0.0.0:0").unwrap());
        // After the bind, for which the kernel would else choose a port that others share already.
        share_address(&socket).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        (socket, port)
    }

    /// The socket of a group on lo, joined.
    pub(in crate::multicast) fn joined(group: &str, port: u16) -> JoinSocket {
        let address = format!("{group}:{port}%{}", lo().name).parse().unwrap();
        let member = memberships(&address, &[lo()]).unwrap().remove(0);
        let (socket, warnings) = JoinSocket::open(member, port, &SocketOptions::default()).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        socket.join().unwrap();
        socket
    }

    /// Sends to a group on lo.
    pub(in crate::multicast) fn send(payload: &[u8], group: &str, port: u16, from: &str) {
        let bind = Some(SocketAddr::new(from.parse().unwrap(), 0));
        let options = GroupOptions { bind, ..GroupOptions::default() };
        let group = group.parse().unwrap();
        let (sender, _) = open_sender(group, &lo(), &options).unwrap();
        sender.send_to(payload, &SocketAddr::new(group, port).into()).unwrap();
    }

    /// Waits until what is expected has arrived, in order, and shortly for more, of which there is none.
    #[track_caller]
    pub(in crate::multicast) fn assert_received(receiver: &JoinSocket, expected: &[&str]) {
        let socket = UdpSocket::from(receiver.socket().try_clone().unwrap());
        socket.set_nonblocking(false).unwrap();
        let mut buffer = [0; 64];
        let mut next = |patience| {
            socket.set_read_timeout(Some(patience)).unwrap();
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        for payload in expected {
            assert_eq!(next(Duration::from_secs(30)).as_deref(), Some(*payload));
        }
        assert_eq!(next(Duration::from_millis(100)), None);
    }

    #[test]
    fn two_groups_on_one_port_do_not_mix() {
        let (_held, port) = shared_port();
        let (one, two) = (joined("239.255.2.1", port), joined("239.255.2.2", port));
        send(b"to one", "239.255.2.1", port, "127.0.0.1");
        send(b"to two", "239.255.2.2", port, "127.0.0.1");
        assert_received(&one, &["to one"]);
        assert_received(&two, &["to two"]);
    }

    #[test]
    fn several_listeners_to_a_group_all_receive_it_until_they_leave() {
        let (_held, port) = shared_port();
        let (one, two) = (joined("239.255.2.3", port), joined("239.255.2.3", port));
        send(b"both", "239.255.2.3", port, "127.0.0.1");
        assert_received(&one, &["both"]);
        assert_received(&two, &["both"]);
        one.leave().unwrap();
        send(b"second", "239.255.2.3", port, "127.0.0.1");
        assert_received(&two, &["second"]);
        assert_received(&one, &[]);
        assert_eq!(one.leave().unwrap_err().kind, Kind::NotJoined);
    }

    #[test]
    fn a_source_filter_drops_the_other_source() {
        let (_held, port) = shared_port();
        let filtered = joined("127.0.0.2@232.255.2.1", port);
        send(b"stranger", "232.255.2.1", port, "127.0.0.3");
        send(b"source", "232.255.2.1", port, "127.0.0.2");
        assert_received(&filtered, &["source"]);
    }

    #[test]
    fn a_port_that_another_program_keeps_to_itself_is_said() {
        let other = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let address = format!("239.255.2.4:{port}%{}", lo().name).parse().unwrap();
        let member = memberships(&address, &[lo()]).unwrap().remove(0);
        let failure = JoinSocket::open(member, port, &SocketOptions::default()).unwrap_err();
        assert_eq!((failure.status, failure.kind), (Status::Listen, Kind::AddressInUse));
        assert!(failure.to_string().contains("another program uses it alone"), "{failure}");
    }

    #[test]
    fn more_groups_are_joined_than_one_socket_may() {
        // The limit is 20 by default (net.ipv4.igmp_max_memberships).
        let (_held, port) = shared_port();
        let all: Vec<_> = (1..=64).map(|n| joined(&format!("239.255.3.{n}"), port)).collect();
        send(b"last", "239.255.3.64", port, "127.0.0.1");
        assert_received(&all[63], &["last"]);
    }
}
