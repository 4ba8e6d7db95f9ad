//! Joins and leaves groups on a socket, and words the refusals.
//!
//! The sockets themselves are opened in `socket`.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;

use rustix::io::Errno;
use socket2::{InterfaceIndexOrAddress, SockRef};

use super::address::{GroupAddress, InterfaceChoice};
use super::interfaces::{self, Interface};
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sys;

/// One group on one interface, from any source or from one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The group.
    pub group: IpAddr,
    /// The only source to receive from, of the group's family.
    pub source: Option<IpAddr>,
    /// The interface on which the group is joined.
    pub interface: Interface,
}

/// Every membership that a group address means: its groups, each on its interfaces.
///
/// # Errors
/// `Status::Listen`: an interface cannot be used, or a group has no route.
pub fn memberships(
    address: &GroupAddress,
    interfaces: &[Interface],
) -> Result<Vec<Membership>, Failure> {
    let mut memberships = Vec::new();
    for group in address.groups() {
        let found = interfaces::resolve(&address.interface, group, interfaces)?;
        let member = |interface| Membership { group, source: address.source, interface };
        memberships.extend(found.into_iter().map(member));
    }
    Ok(memberships)
}

impl Membership {
    /// The group and a port, with the interface as scope: what to bind or send to.
    pub fn socket_address(&self, port: u16) -> SocketAddr {
        match self.group {
            IpAddr::V4(ip) => (ip, port).into(),
            // The kernel binds and sends to a group of link-local scope only with a scope id
            // (EINVAL), and ignores the id of any wider scope (ipv6(7)).
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.interface.index).into(),
        }
    }

    /// The same as an address that means it alone.
    pub fn address(&self, port: u16) -> GroupAddress {
        GroupAddress {
            source: self.source,
            first: self.group,
            count: 1,
            port,
            interface: InterfaceChoice::Named(self.interface.name.clone()),
        }
    }

    /// Whether it is the same group from the same source on the same interface.
    pub fn is_same(&self, other: &Self) -> bool {
        let ends = |one: &Self| (one.group, one.source, one.interface.index);
        ends(self) == ends(other)
    }

    /// Joins the group on a socket.
    ///
    /// # Errors
    /// `Status::Listen`: the socket has joined it already, the interface is gone, or the socket
    /// has joined all that the kernel allows.
    pub fn join(&self, socket: impl AsFd) -> Result<(), Failure> {
        let index = self.interface.index;
        let outcome = match (self.source, self.group) {
            (Some(source), group) => sys::multicast::join_source(socket, index, group, source),
            // By ip_mreqn with an index: ip_mreq names the interface by an address, which it may
            // lack.
            (None, IpAddr::V4(group)) => SockRef::from(&socket)
                .join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
            (None, IpAddr::V6(group)) => SockRef::from(&socket).join_multicast_v6(&group, index),
        };
        outcome.map_err(|error| self.join_failure(&error))
    }

    /// Leaves the group on a socket that has joined it.
    ///
    /// # Errors
    /// `Status::Listen`: the socket has not joined it.
    pub fn leave(&self, socket: impl AsFd) -> Result<(), Failure> {
        let index = self.interface.index;
        let outcome = match (self.source, self.group) {
            (Some(source), group) => sys::multicast::leave_source(socket, index, group, source),
            (None, IpAddr::V4(group)) => SockRef::from(&socket)
                .leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
            (None, IpAddr::V6(group)) => SockRef::from(&socket).leave_multicast_v6(&group, index),
        };
        outcome.map_err(|error| self.leave_failure(&error))
    }

    fn join_failure(&self, error: &io::Error) -> Failure {
        let failure = Failure::io(Status::Listen, "join", self.to_string(), error);
        let is_from_source = self.source.is_some();
        match Errno::from_io_error(error) {
            // The two kinds of membership answer a second join differently (Linux 6.18).
            Some(Errno::ADDRINUSE) if !is_from_source => self.already_joined(),
            Some(Errno::ADDRNOTAVAIL) if is_from_source => self.already_joined(),
            Some(Errno::NODEV) => failure
                .kind(Kind::NoSuchInterface)
                .fix(format!("{} is gone; `ip link` shows what there is", self.interface.name)),
            // IPv6 has no such setting; net.core.optmem_max bounds the memberships of a socket as
            // well.
            Some(Errno::NOBUFS) if self.group.is_ipv4() => {
                let cause = "more groups than net.ipv4.igmp_max_memberships allows";
                failure
                    .kind(Kind::TooManyGroups)
                    .cause(cause)
                    .fix("`sysctl -w net.ipv4.igmp_max_memberships=N` raises it")
            }
            _ => failure,
        }
    }

    fn already_joined(&self) -> Failure {
        let cause = "it is joined already";
        Failure::new(Status::Listen, Kind::AlreadyJoined, "join", self.to_string(), cause)
    }

    fn leave_failure(&self, error: &io::Error) -> Failure {
        let target = self.to_string();
        match Errno::from_io_error(error) {
            // EINVAL comes of a source alone, where nothing of its group is joined.
            Some(Errno::ADDRNOTAVAIL | Errno::INVAL) => {
                Failure::new(Status::Listen, Kind::NotJoined, "leave", target, "it is not joined")
            }
            _ => Failure::io(Status::Listen, "leave", target, error),
        }
    }
}

impl fmt::Display for Membership {
    /// As in messages: `10.0.0.5@232.1.2.3 on eth0`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = self.source {
            write!(out, "{source}@")?;
        }
        write!(out, "{} on {}", self.group, self.interface.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};
    use std::net::UdpSocket;

    fn on_lo(text: &str) -> Membership {
        let address: GroupAddress = text.parse().unwrap();
        memberships(&address, &[lo()]).unwrap().remove(0)
    }

    #[test]
    fn a_range_on_all_interfaces_is_every_group_on_each() {
        let interfaces = [good("a", 1, &["10.0.0.1"]), good("b", 2, &["10.0.1.1", "fe80::1"])];
        let shown = |text: &str| -> Vec<String> {
            let address: GroupAddress = text.parse().unwrap();
            let found = memberships(&address, &interfaces).unwrap();
            found.iter().map(Membership::to_string).collect()
        };
        assert_eq!(
            shown("239.1.2.3+2:5000%all"),
            ["239.1.2.3 on a", "239.1.2.3 on b", "239.1.2.4 on a", "239.1.2.4 on b"]
        );
        assert_eq!(shown("[fd00::5]@[ff35::1]:5000%all"), ["fd00::5@ff35::1 on b"]);
    }

    #[test]
    fn a_group_is_joined_once_and_left_once() {
        for text in ["239.255.1.1:5000%lo", "127.0.0.1@232.255.1.1:5000%lo"] {
            let (socket, member) = (UdpSocket::bind("127.0.0.1:0").unwrap(), on_lo(text));
            let kind = |outcome: Result<(), Failure>| outcome.unwrap_err().kind;
            assert_eq!(kind(member.leave(&socket)), Kind::NotJoined, "{text}");
            member.join(&socket).unwrap();
            assert_eq!(kind(member.join(&socket)), Kind::AlreadyJoined, "{text}");
            member.leave(&socket).unwrap();
            assert_eq!(kind(member.leave(&socket)), Kind::NotJoined, "{text}");
        }
    }

    #[test]
    fn a_refusal_names_the_group_and_the_cause() {
        let member = on_lo("239.1.2.3:5000%lo");
        let failure = |errno: Errno| member.join_failure(&errno.into());
        assert_eq!(
            failure(Errno::NOBUFS).to_string(),
            "cannot join 239.1.2.3 on lo: more groups than net.ipv4.igmp_max_memberships allows \
             (`sysctl -w net.ipv4.igmp_max_memberships=N` raises it)"
        );
        assert_eq!(failure(Errno::NODEV).kind, Kind::NoSuchInterface);
        let gone = Interface { index: u32::MAX, ..lo() };
        let member = Membership { interface: gone, ..member };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(member.join(&socket).unwrap_err().kind, Kind::NoSuchInterface);
    }
}
