//! Sending on Linux: several datagrams for one call of sendmmsg(2), and UDP segmentation, where
//! one buffer passes the stack once and is cut into datagrams at its end (Linux 4.18, udp(7)).

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny};

use super::Outgoing;

/// The control message that says where the buffer is to be cut; as large as CMSG_SPACE has it.
#[repr(C)]
struct SegmentSize {
    header: libc::cmsghdr,
    bytes: u16,
}

impl SegmentSize {
    fn new(bytes: u16) -> Self {
        // SAFETY: all-zero bytes are a valid cmsghdr.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        // Without the padding that CMSG_SPACE adds (cmsg(3)).
        header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        Self { header, bytes }
    }
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
/// What sendmsg(2) says.
pub(super) fn segmented(socket: BorrowedFd<'_>, run: &[Outgoing<'_>]) -> io::Result<usize> {
    let Some(first) = run.first() else { return Ok(0) };
    let size = u16::try_from(first.payload.len()).map_err(io::Error::other)?;
    let mut control = SegmentSize::new(size);
    let pieces: Vec<_> = run.iter().map(|datagram| IoSlice::new(datagram.payload)).collect();
    let to = first.to.map(SocketAddrAny::from);
    // SAFETY: all-zero bytes are a valid msghdr: no address, no data, no control message.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    if let Some(to) = &to {
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.addr_len();
    }
    // An IoSlice is an iovec (std::io::IoSlice).
    header.msg_iov = pieces.as_ptr().cast_mut().cast();
    header.msg_iovlen = pieces.len() as _;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of::<SegmentSize>() as _;
    // SAFETY: the header points at an address, pieces and a control message that outlive the call
    // and are only read by it.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    // The count is of bytes. UDP queues a buffer whole or not at all, so it says nothing new.
    if sent == -1 { Err(io::Error::last_os_error()) } else { Ok(run.len()) }
}

/// Sends datagrams to addresses of their own with one call, and says how many left.
///
/// # Errors
/// What sendmmsg(2) says of the first; where a later one fails, the error is lost.
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
