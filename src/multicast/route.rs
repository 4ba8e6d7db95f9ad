//! Which interface the kernel's route to an address leaves by.
//!
//! The kernel is asked by connecting a UDP socket, which sends nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;

use super::interfaces::Interface;

/// Any port does, for no datagram is sent: that of discard (RFC 863).
const SOME_PORT: u16 = 9;

/// The interface of the route to a group or a machine.
///
/// It is known by the source address that the kernel chooses, so a route that prescribes a source
/// address of another interface (`ip route … src`) is taken for one through that.
///
/// # Errors
/// `ENETUNREACH` where there is no route, `EADDRNOTAVAIL` where the route's interface has no
/// address to send from.
pub(super) fn outgoing(address: IpAddr, interfaces: &[Interface]) -> io::Result<&Interface> {
    let local = source_address(widened(address))?;
    let is_outgoing = |interface: &&Interface| match local {
        // Link-local addresses may be the same on every interface.
        SocketAddr::V6(v6) if v6.scope_id() != 0 => interface.index == v6.scope_id(),
        _ => interface.addresses.contains(&local.ip()),
    };
    let none = || io::Error::from(Errno::ADDRNOTAVAIL);
    interfaces.iter().find(is_outgoing).ok_or_else(none)
}

fn source_address(address: IpAddr) -> io::Result<SocketAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // connect(2) of a UDP socket looks up the route and keeps the source address that it gives.
    socket.connect((address, SOME_PORT))?;
    socket.local_addr()
}

/// A group of link-local scope or less as one of site scope, which has the same route, ff00::/8:
/// the kernel connects to the former only where the interface is known already (`EINVAL`).
fn widened(address: IpAddr) -> IpAddr {
    const SITE_SCOPE: u128 = 5;
    // The fourth of the four-bit digits is the scope (RFC 4291 section 2.7).
    const SCOPE_SHIFT: u32 = 112;
    match address {
        IpAddr::V6(ip) if ip.is_multicast() => {
            let scope = (ip.to_bits() >> SCOPE_SHIFT) & 0xf;
            let others = ip.to_bits() & !(0xf << SCOPE_SHIFT);
            Ipv6Addr::from_bits(others | (scope.max(SITE_SCOPE) << SCOPE_SHIFT)).into()
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};

    #[test]
    fn loopback_addresses_are_routed_to_the_loopback_interface() {
        let interfaces = [good("none", 9999, &["192.0.2.77"]), lo()];
        let outgoing = outgoing("127.0.0.9".parse().unwrap(), &interfaces);
        assert_eq!(outgoing.unwrap().name, lo().name);
    }

    #[test]
    fn an_interface_that_is_not_listed_is_not_found() {
        let error = outgoing("127.0.0.1".parse().unwrap(), &[]).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::ADDRNOTAVAIL));
    }

    #[test]
    fn a_group_of_narrow_scope_is_asked_for_as_one_of_wider_scope() {
        for (group, asked) in [
            ("ff02::1:ff00:1", "ff05::1:ff00:1"),
            ("ff31::1", "ff35::1"),
            ("ff0e::1", "ff0e::1"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(widened(group.parse().unwrap()), asked.parse::<IpAddr>().unwrap());
        }
    }
}
