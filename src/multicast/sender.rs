//! The socket that sends to groups.
//!
//! It is not connected, so that the answers of single members arrive; one serves all groups of a
//! family that leave by one interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Socket};

use super::interfaces::Interface;
use super::socket::{new_socket, prepare_receiver, share_address};
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sockets::{SocketOptions, inet_failure};

/// How groups are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOptions {
    /// Routers that a datagram may pass, plus one; 0 keeps it on this machine.
    pub ttl: u8,
    /// Whether members on this machine receive it.
    pub loopback: bool,
    /// The local address and port to send from.
    pub bind: Option<SocketAddr>,
    /// The options of `-O`.
    pub options: SocketOptions,
}

impl Default for GroupOptions {
    /// To the local network and this machine, from any port: the kernel's own defaults.
    fn default() -> Self {
        Self { ttl: 1, loopback: true, bind: None, options: SocketOptions::default() }
    }
}

/// Opens a non-blocking, bound socket that sends to groups of this group's family by one
/// interface, with warnings of options that the kernel changed.
///
/// # Errors
/// `Status::Usage` where the address to bind to is of the other family, or for a refused option;
/// `Status::Listen` where it cannot be bound, or the interface is gone.
pub fn open_sender(
    group: IpAddr,
    interface: &Interface,
    asked: &GroupOptions,
) -> Result<(Socket, Vec<String>), Failure> {
    let failed = |error: io::Error| {
        let target = format!("{group} by {}", interface.name);
        Failure::io(Status::Listen, "send to", target, &error)
    };
    asked.options.check_datagrams()?;
    let local = local_address(group, asked.bind)?;
    let socket = new_socket(Domain::for_address(local)).map_err(failed)?;
    choose_interface(&socket, interface, asked, group).map_err(failed)?;
    if local.port() != 0 {
        // Members of groups on this port, such as an mDNS daemon, are there already or come yet.
        share_address(&socket).map_err(failed)?;
    }
    // Many members may answer one datagram at once.
    // Before the options of the user, so that `-O rcvbuf` has the last word.
    prepare_receiver(&socket).map_err(failed)?;
    let warnings = asked.options.apply(&socket, &group.to_string())?;
    socket.bind(&local.into()).map_err(|error| bind_failure(local, &error))?;
    Ok((socket, warnings))
}

fn local_address(group: IpAddr, bind: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
    match bind {
        Some(address) if address.is_ipv4() != group.is_ipv4() => {
            let cause = format!("{group} is of the other family");
            Err(Failure::new(
                Status::Usage,
                Kind::BadAddress,
                "send from",
                address.to_string(),
                cause,
            ))
        }
        Some(address) => Ok(address),
        None if group.is_ipv4() => Ok((Ipv4Addr::UNSPECIFIED, 0).into()),
        None => Ok((Ipv6Addr::UNSPECIFIED, 0).into()),
    }
}

/// By index, for an interface need not have an address of its own.
pub(super) fn choose_interface(
    socket: &Socket,
    interface: &Interface,
    asked: &GroupOptions,
    group: IpAddr,
) -> io::Result<()> {
    if group.is_ipv6() {
        // Without it the routes choose, and a group mostly has the default route (ip(7), ipv6(7)).
        socket.set_multicast_if_v6(interface.index)?;
        socket.set_multicast_hops_v6(asked.ttl.into())?;
        return socket.set_multicast_loop_v6(asked.loopback);
    }
    let any = Ipv4Addr::UNSPECIFIED;
    rustix::net::sockopt::set_ip_multicast_if_with_ifindex(socket, &any, &any, interface.index)?;
    // IP_TTL and IPV6_UNICAST_HOPS mean nothing for groups, which have a limit of their own.
    socket.set_multicast_ttl_v4(asked.ttl.into())?;
    // On Linux this is up to the sender; on some systems it is up to the receiver (ip(7)).
    socket.set_multicast_loop_v4(asked.loopback)
}

fn bind_failure(address: SocketAddr, error: &io::Error) -> Failure {
    let failure = inet_failure("bind to", address, error);
    match Errno::from_io_error(error) {
        Some(Errno::ADDRINUSE) => {
            failure.fix("another program has this port; `ss -ulnp` shows which")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 4, 1));

    #[test]
    fn what_is_asked_for_is_set() {
        let (plain, _) = open_sender(V4, &lo(), &GroupOptions::default()).unwrap();
        assert_eq!(plain.multicast_ttl_v4().unwrap(), 1);
        assert!(plain.multicast_loop_v4().unwrap() && !plain.multicast_all_v4().unwrap());
        assert_ne!(plain.local_addr().unwrap().as_socket().unwrap().port(), 0);
        let asked = GroupOptions {
            ttl: 0,
            loopback: false,
            bind: Some("127.0.0.5:0".parse().unwrap()),
            ..GroupOptions::default()
        };
        let (sender, _) = open_sender(V4, &lo(), &asked).unwrap();
        assert_eq!(sender.multicast_ttl_v4().unwrap(), 0);
        assert!(!sender.multicast_loop_v4().unwrap());
        let local = sender.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(local.ip(), IpAddr::from([127, 0, 0, 5]));
    }

    #[test]
    fn an_ipv6_sender_has_its_hops_and_interface() {
        let asked = GroupOptions { ttl: 9, loopback: false, ..GroupOptions::default() };
        // A machine without IPv6 has nothing to set.
        let Ok((sender, _)) = open_sender("ff05::1".parse().unwrap(), &lo(), &asked) else {
            eprintln!("skipped: no IPv6");
            return;
        };
        assert_eq!(sender.multicast_hops_v6().unwrap(), 9);
        assert_eq!(sender.multicast_if_v6().unwrap(), lo().index);
        assert!(!sender.multicast_loop_v6().unwrap());
    }

    #[test]
    fn a_bad_local_address_or_interface_is_said() {
        let failure = |interface: &Interface, bind: Option<&str>| {
            let bind = bind.map(|address| address.parse().unwrap());
            let asked = GroupOptions { bind, ..GroupOptions::default() };
            let failure = open_sender(V4, interface, &asked).unwrap_err();
            format!("{} {failure}", failure.status.code())
        };
        assert_eq!(
            failure(&lo(), Some("[::1]:0")),
            "2 cannot send from [::1]:0: 239.255.4.1 is of the other family"
        );
        let foreign = failure(&lo(), Some("192.0.2.254:0"));
        assert!(foreign.starts_with("5 cannot bind to 192.0.2.254:0: "), "{foreign}");
        let gone = failure(&good("gone", 99_999, &[]), None);
        assert!(gone.starts_with("5 cannot send to 239.255.4.1 by gone: "), "{gone}");
    }
}
