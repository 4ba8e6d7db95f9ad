//! Source-specific membership by interface index, which no safe crate offers for both families.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use libc::{MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP};
use socket2::SockAddr;

/// Joins a group for what one source sends (RFC 3678 section 5.1).
///
/// # Errors
/// `EADDRNOTAVAIL` where the socket has joined so already, `ENODEV` where there is no such
/// interface, `ENOBUFS` beyond `igmp_max_memberships` (Linux 6.18).
pub fn join_source(
    socket: impl AsFd,
    interface: u32,
    group: IpAddr,
    source: IpAddr,
) -> io::Result<()> {
    set_source(socket, MCAST_JOIN_SOURCE_GROUP, interface, group, source)
}

/// Leaves what [`join_source`] joined.
///
/// # Errors
/// Where the socket has not joined so: `EINVAL`, or `EADDRNOTAVAIL` where it has joined the group
/// for another source (Linux 6.18).
pub fn leave_source(
    socket: impl AsFd,
    interface: u32,
    group: IpAddr,
    source: IpAddr,
) -> io::Result<()> {
    set_source(socket, MCAST_LEAVE_SOURCE_GROUP, interface, group, source)
}

fn set_source(
    socket: impl AsFd,
    option: libc::c_int,
    interface: u32,
    group: IpAddr,
    source: IpAddr,
) -> io::Result<()> {
    let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    // SAFETY: all-zero bytes are a valid group_source_req: numbers and two socket addresses.
    let mut request: libc::group_source_req = unsafe { mem::zeroed() };
    // The kernel takes the interface from here alone; ports and scope ids of both addresses mean
    // nothing. Index 0 would have it choose one by its routes.
    request.gsr_interface = interface;
    request.gsr_group = storage(group);
    request.gsr_source = storage(source);
    let length = libc::socklen_t::try_from(size_of_val(&request)).unwrap_or(0);
    // SAFETY: the pointer and the length describe `request`, which outlives the call.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const request).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn storage(ip: IpAddr) -> libc::sockaddr_storage {
    let mut address = SockAddr::from(SocketAddr::new(ip, 0)).as_storage();
    // SAFETY: the type behind SockAddrStorage is sockaddr_storage itself, so it is as large and
    // as aligned, and any value of it is valid.
    *unsafe { address.view_as::<libc::sockaddr_storage>() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_source_is_joined_once_and_left_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let lo = rustix::net::netdevice::name_to_index(&socket, "lo").unwrap();
        let (group, source) = ("232.255.0.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
        let errno = |outcome: io::Result<()>| outcome.unwrap_err().raw_os_error();
        join_source(&socket, lo, group, source).unwrap();
        assert_eq!(errno(join_source(&socket, lo, group, source)), Some(libc::EADDRNOTAVAIL));
        leave_source(&socket, lo, group, source).unwrap();
        assert_eq!(errno(leave_source(&socket, lo, group, source)), Some(libc::EINVAL));
        assert_eq!(errno(join_source(&socket, u32::MAX, group, source)), Some(libc::ENODEV));
    }
}
