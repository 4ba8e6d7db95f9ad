//! Sending on Linux: several datagrams for one call of sendmmsg(2), and UDP segmentation, where
//! one buffer passes the stack once and is cut into datagrams at its end (Linux 4.18, udp(7)).

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny};

use super::send::MAX_SEGMENTS;
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

    /// Sends what these payloads hold as one buffer with this message, and returns how many bytes that
    /// were.
    fn send(
        &self,
        socket: BorrowedFd<'_>,
        to: Option<SocketAddr>,
        pieces: &Pieces<'_>,
    ) -> io::Result<usize> {
        let to = to.map(SocketAddrAny::from);
        // SAFETY: all-zero bytes are a valid msghdr: no address, no data, no control message.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        if let Some(to) = &to {
            header.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_namelen = to.addr_len();
        }
        header.msg_iov = pieces.memory.as_ptr().cast_mut();
        header.msg_iovlen = pieces.count as _;
        header.msg_control = (&raw const *self).cast_mut().cast();
        header.msg_controllen = size_of::<Self>() as _;
        let (fd, header) = (socket.as_raw_fd(), &raw const header);
        // SAFETY: the header points at an address, pieces and a control message that outlive the
        // call and are only read by it.
        let sent = unsafe { libc::sendmsg(fd, header, libc::MSG_DONTWAIT) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Where payloads lie in memory.
///
/// Those that follow each other, as those of stdin do, are one piece: the kernel then copies each
/// datagram of a run from one place, and reads no list. Microseconds of CPU for a datagram of
/// 1,200 bytes that is read from a file and sent in a run of 54 (Linux 6.18):
///
/// | a piece for each | one piece |
/// |---|---|
/// | 0.71 | 0.69 |
struct Pieces<'a> {
    memory: [libc::iovec; MAX_SEGMENTS],
    /// How many of them are used.
    count: usize,
    payloads: PhantomData<&'a [u8]>,
}

impl<'a> Pieces<'a> {
    fn of(payloads: impl Iterator<Item = &'a [u8]>) -> Self {
        let none = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut pieces = Self { memory: [none; MAX_SEGMENTS], count: 0, payloads: PhantomData };
        for payload in payloads {
            pieces.push(payload);
        }
        pieces
    }

    fn push(&mut self, payload: &'a [u8]) {
        let last = self.count.checked_sub(1).and_then(|last| self.memory.get_mut(last));
        let ends_here = |last: &&mut libc::iovec| {
            last.iov_base.wrapping_byte_add(last.iov_len).cast_const() == payload.as_ptr().cast()
        };
        if let Some(last) = last.filter(ends_here) {
            last.iov_len += payload.len();
        } else if let Some(next) = self.memory.get_mut(self.count) {
            next.iov_base = payload.as_ptr().cast_mut().cast();
            next.iov_len = payload.len();
            self.count += 1;
        } else {
            debug_assert!(false, "a run of more than {MAX_SEGMENTS} datagrams");
        }
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
    let pieces = Pieces::of(std::iter::once(payload));
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
    let pieces = Pieces::of(run.iter().map(|datagram| datagram.payload));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_that_follow_each_other_are_one_piece() {
        let memory = [7; 10];
        let (first, rest) = memory.split_at(4);
        let (second, third) = rest.split_at(4);
        let lengths = |payloads: [&[u8]; 3]| {
            let pieces = Pieces::of(payloads.into_iter());
            pieces.memory[..pieces.count].iter().map(|piece| piece.iov_len).collect::<Vec<_>>()
        };
        assert_eq!(lengths([first, second, third]), [10]);
        assert_eq!(lengths([second, third, first]), [6, 4]);
        assert_eq!(lengths([first, third, second]), [4, 2, 4]);
        assert_eq!(lengths([first, first, first]), [4, 4, 4]);
    }

    #[test]
    fn a_run_leaves_as_it_is_wherever_its_payloads_lie() {
        use std::os::fd::AsFd;
        let (ours, theirs) = (
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        theirs.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let to = Some(theirs.local_addr().unwrap());
        let memory = b"aabbccddee";
        for places in [[0, 2, 4, 6], [0, 4, 2, 6], [2, 2, 4, 6], [6, 4, 2, 0]] {
            let payloads = places.map(|at| &memory[at..at + 2]);
            let run = payloads.map(|payload| Outgoing { payload, to });
            assert_eq!(segmented(ours.as_fd(), &run).unwrap(), 4);
            for payload in payloads {
                let mut buffer = [0; 9];
                let count = theirs.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..count], payload);
            }
        }
    }
}
