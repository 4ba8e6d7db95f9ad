//! Sending on Linux: several datagrams for one call of sendmmsg(2), and UDP segmentation, where
//! one buffer passes the stack once and is cut into datagrams at its end (Linux 4.18, udp(7)).

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny};

use super::{Outgoing, SourceAddress};

/// One control message; as large as CMSG_SPACE has it.
#[repr(C)]
struct ControlMessage<T> {
    header: libc::cmsghdr,
    data: T,
}

impl<T> ControlMessage<T> {
    fn new(level: c_int, kind: c_int, data: T) -> Self {
        // SAFETY: all-zero bytes are a valid cmsghdr.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        // Without the padding that CMSG_SPACE adds (cmsg(3)).
        header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<T>()) as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        Self { header, data }
    }

    /// Sends the pieces as one buffer with this message, and returns how many bytes that were.
    fn send(
        &self,
        socket: BorrowedFd<'_>,
        to: Option<SocketAddr>,
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let to = to.map(SocketAddrAny::from);
        // SAFETY: all-zero bytes are a valid msghdr: no address, no data, no control message.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        if let Some(to) = &to {
            header.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_namelen = to.addr_len();
        }
        // An IoSlice is an iovec (std::io::IoSlice).
        header.msg_iov = pieces.as_ptr().cast_mut().cast();
        header.msg_iovlen = pieces.len() as _;
        header.msg_control = (&raw const *self).cast_mut().cast();
        header.msg_controllen = size_of::<Self>() as _;
        let (fd, header) = (socket.as_raw_fd(), &raw const header);
        // SAFETY: the header points at an address, pieces and a control message that outlive the
        // call and are only read by it.
        let sent = unsafe { libc::sendmsg(fd, header, libc::MSG_DONTWAIT) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Sends one datagram from an address of ours.
///
/// # Errors
/// Those of sendmsg(2); `InvalidInput` where it is no address of this machine.
pub(super) fn send_from(
    socket: BorrowedFd<'_>,
    payload: &[u8],
    to: SocketAddr,
    from: &SourceAddress,
) -> io::Result<()> {
    let pieces = [IoSlice::new(payload)];
    match from.ip {
        IpAddr::V4(ip) => {
            let s_addr = u32::from_ne_bytes(ip.octets());
            let (ours, none) = (libc::in_addr { s_addr }, libc::in_addr { s_addr: 0 });
            // Without an interface, so that the routes decide (ip(7)).
            let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: ours, ipi_addr: none };
            let control = ControlMessage::new(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            control.send(socket, Some(to), &pieces)
        }
        // An IPv4 datagram on a socket of both families has a mapped address, in both directions.
        IpAddr::V6(ip) => {
            let ipi6_addr = libc::in6_addr { s6_addr: ip.octets() };
            let ipi6_ifindex = from.interface.unwrap_or(0) as _;
            let info = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex };
            let control = ControlMessage::new(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            control.send(socket, Some(to), &pieces)
        }
    }
    .map(drop)
}

/// Whether this socket's kernel knows of segmentation. One that does not ignores the control
/// message and sends the run as one datagram; so do unix sockets, which have no such option.
pub(super) fn can_segment(socket: BorrowedFd<'_>) -> bool {
    let (mut value, mut length): (c_int, _) = (0, size_of::<c_int>() as libc::socklen_t);
    let (fd, pointer) = (socket.as_raw_fd(), (&raw mut value).cast());
    // SAFETY: the kernel writes at most `length` bytes to `value`, which has that many.
    let outcome =
        unsafe { libc::getsockopt(fd, libc::SOL_UDP, libc::UDP_SEGMENT, pointer, &raw mut length) };
    outcome == 0
}

/// Sends a run of datagrams of one size to one destination, of which the last may be shorter, as
/// one buffer. All of them leave, or none does.
///
/// # Errors
/// Those of sendmsg(2).
pub(super) fn segmented(socket: BorrowedFd<'_>, run: &[Outgoing<'_>]) -> io::Result<usize> {
    let Some(first) = run.first() else { return Ok(0) };
    let size = u16::try_from(first.payload.len()).map_err(io::Error::other)?;
    // The kernel cuts the buffer behind each `size` bytes.
    let control = ControlMessage::new(libc::SOL_UDP, libc::UDP_SEGMENT, size);
    let pieces: Vec<_> = run.iter().map(|datagram| IoSlice::new(datagram.payload)).collect();
    // The count is of bytes. UDP queues a buffer whole or not at all, so it adds nothing.
    control.send(socket, first.to, &pieces).map(|_| run.len())
}

/// Sends datagrams to addresses of their own with one call, and returns how many left.
///
/// # Errors
/// Those of sendmmsg(2) for the first; where a later one fails, the error is lost.
pub(super) fn batched(socket: BorrowedFd<'_>, batch: &[Outgoing<'_>]) -> io::Result<usize> {
    let to: Vec<_> = batch.iter().filter_map(|one| one.to.map(SocketAddrAny::from)).collect();
    let pieces: Vec<_> = batch.iter().map(|one| [IoSlice::new(one.payload)]).collect();
    let mut control: Vec<_> = batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let parts = to.iter().zip(&pieces).zip(&mut control);
    let mut headers: Vec<_> =
        parts.map(|((to, piece), control)| MMsgHdr::new_with_addr(to, piece, control)).collect();
    // It stops at the first datagram that fails and returns those before it (sendmmsg(2)).
    Ok(rustix::net::sendmmsg(socket, &mut headers, SendFlags::DONTWAIT)?)
}
