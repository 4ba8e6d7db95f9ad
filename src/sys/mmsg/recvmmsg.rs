//! Receiving on Linux: recvmmsg(2) with control messages, or recvmsg(2) where a sandbox has no
//! recvmmsg.

use std::io;
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::SocketAddrAny;

use super::SenderAddress;
use super::batch::{Received, SLOT, SLOTS};
use super::facts::Facts;

/// Datagrams in a row that are received one by one: recvmmsg(2) makes the second receive, which finds
/// nothing, inside the kernel. With recvmsg(2) that one is made by the loop, behind the handler: by then
/// an answer of the peer may be there, and the wait is saved.
///
/// It cannot be left out: of two datagrams that were there when the poll reported them, edge-triggered,
/// the second one would wait for a third. Microseconds for a round trip of 56 bytes between bare loops
/// on one core, with nothing else in between (SCHED_FIFO, Linux 6.18, medians of 3 of 20,000):
///
/// | how a datagram is received | |
/// |---|---|
/// | epoll edge-triggered, recvmsg until EAGAIN, as here | 14.6 |
/// | epoll edge-triggered, recvmmsg of two | 14.4 |
/// | epoll level-triggered, recvmsg | 14.2 |
/// | epoll edge-triggered, recvmsg, and no second one | 13.8 |
/// | recvfrom that waits, no poll | 12.2 |
///
/// Nor is there anything for less to find it out with, where this takes 14.5 and level-triggered 13.9 (the
/// same, medians of 7, beside other work):
///
/// | in place of recvmsg | |
/// |---|---|
/// | recvfrom, both times: it has no control messages, which the options here need (UDP_GRO, SO_RXQ_OVFL) | 13.9 |
/// | recvmsg without memory for control messages | 14.5 |
/// | recvfrom with MSG_PEEK for nothing, the second time: one call more where something is there | 14.3 |
/// | poll(2), or FIONREAD, the second time: the same | 14.4, 14.5 |
///
/// `echo` and `echo --ping` take 15.7, sockperf 15.1 in epoll and 12.1 in recvfrom(2), which can watch one
/// socket. Level-triggered, a socket that is paused would be reported without end.
const SINGLE: usize = 2;
/// Slots that a call gets as long as the last one filled fewer, and then as long as it filled fewer
/// than these: to point a header at each of them costs more than to receive the few that mostly
/// wait.
const FEW: usize = 4;
const SOME: usize = 16;

/// Where the kernel writes who sent a datagram, and the facts about it.
#[derive(Clone, Copy)]
struct Envelope {
    name: libc::sockaddr_storage,
    control: Control,
}

/// Room for all control messages that are asked for (192 bytes), aligned as cmsg(3) wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 256]);

// SAFETY: all-zero bytes are a valid value of these C structures: no pointer in them is followed
// before it is set.
const NO_HEADER: libc::mmsghdr = unsafe { std::mem::zeroed() };
// SAFETY: as above; AF_UNSPEC is zero.
const NO_NAME: libc::sockaddr_storage = unsafe { std::mem::zeroed() };

/// What receiving needs beside the memory for payloads.
pub(super) struct BatchReceiver {
    envelopes: Box<[Envelope]>,
    /// How many datagrams the last call got; below `SINGLE`, how many single ones came in a row.
    last: usize,
    batching: bool,
}

impl BatchReceiver {
    pub(super) fn new() -> Self {
        let empty = Envelope { name: NO_NAME, control: Control([0; 256]) };
        Self { envelopes: vec![empty; SLOTS].into_boxed_slice(), last: 0, batching: true }
    }

    /// Receives into the slots of `memory`, and pushes what came on `received`. True where it
    /// took all there was: the kernel fills every slot while it has anything, and ends a call
    /// early for what the next one returns, `WouldBlock` or an error (recvmmsg(2)).
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        memory: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<bool> {
        match self.last {
            ..SINGLE => self.receive_single(socket, memory, received),
            SINGLE..FEW => self.receive_into::<FEW>(socket, memory, received),
            FEW..SOME => self.receive_into::<SOME>(socket, memory, received),
            _ => self.receive_into::<SLOTS>(socket, memory, received),
        }
    }

    /// Receives one; whether there are more is not known.
    fn receive_single(
        &mut self,
        socket: BorrowedFd<'_>,
        memory: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<bool> {
        let slot = memory.get_mut(..SLOT).unwrap_or_default();
        let mut piece = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
        let mut header = NO_HEADER;
        let Some(envelope) = self.envelopes.first_mut() else { return Ok(true) };
        address(&mut header.msg_hdr, &mut piece, envelope);
        let outcome = one(socket, std::slice::from_mut(&mut header), FLAGS);
        self.last = if outcome.is_ok() { self.last + 1 } else { 0 };
        outcome?;
        received.push(open(&header, envelope));
        Ok(false)
    }

    fn receive_into<const MOST: usize>(
        &mut self,
        socket: BorrowedFd<'_>,
        memory: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<bool> {
        let mut pieces = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MOST];
        let mut headers = [NO_HEADER; MOST];
        let slots = memory.chunks_exact_mut(SLOT).zip(self.envelopes.iter_mut());
        for ((piece, header), (slot, envelope)) in pieces.iter_mut().zip(&mut headers).zip(slots) {
            *piece = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            address(&mut header.msg_hdr, piece, envelope);
        }
        let count = self.call(socket, &mut headers)?;
        for (header, envelope) in headers.iter().zip(&self.envelopes).take(count) {
            received.push(open(header, envelope));
        }
        debug_assert!(count <= MOST, "the kernel fills no more headers than there are");
        self.last = if count < SINGLE { 0 } else { count };
        Ok(self.batching && count < MOST)
    }

    /// Calls the kernel, and returns how many headers it filled.
    fn call(&mut self, socket: BorrowedFd<'_>, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
        if self.batching {
            match many(socket, headers) {
                // A seccomp filter that does not know the call answers so; it will not change its
                // mind.
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => self.batching = false,
                outcome => return outcome,
            }
        }
        one(socket, headers, FLAGS)
    }
}

/// The next of the errors that wait beside a socket, with the destination of the datagram that it
/// is about (MSG_ERRQUEUE, recvmsg(2)).
pub(super) fn queued_error(socket: BorrowedFd<'_>) -> io::Result<(SenderAddress, Option<i32>)> {
    let mut envelope = Envelope { name: NO_NAME, control: Control([0; 256]) };
    // The payload comes back as well, and nobody asks for it.
    let mut piece = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut headers = [NO_HEADER];
    headers.iter_mut().for_each(|header| address(&mut header.msg_hdr, &mut piece, &mut envelope));
    one(socket, &mut headers, FLAGS | libc::MSG_ERRQUEUE)?;
    let [header] = &headers;
    let Received { from, facts, .. } = open(header, &envelope);
    Ok((from, facts.error))
}

/// Points a header at its slot and its envelope.
fn address(header: &mut libc::msghdr, piece: &mut libc::iovec, envelope: &mut Envelope) {
    // All of it before each call: the kernel overwrites both lengths with what it has used.
    header.msg_iov = piece;
    header.msg_iovlen = 1;
    header.msg_name = (&raw mut envelope.name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
    header.msg_control = (&raw mut envelope.control.0).cast();
    header.msg_controllen = size_of::<Control>() as _;
}

// Flags of the call, for the descriptor may be shared with processes that want it blocking. What
// a unix peer passes on must not reach a child before `Facts` closes it.
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;

fn many(socket: BorrowedFd<'_>, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let (fd, first, count) = (socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as _);
    // SAFETY: `first` points at `count` headers, and each at a slot, an envelope and an iovec that
    // are borrowed mutably until the caller has looked at them; no timeout is given.
    let outcome = unsafe { libc::recvmmsg(fd, first, count, FLAGS as _, std::ptr::null_mut()) };
    usize::try_from(outcome).map_err(|_| io::Error::last_os_error())
}

fn one(
    socket: BorrowedFd<'_>,
    headers: &mut [libc::mmsghdr],
    flags: libc::c_int,
) -> io::Result<usize> {
    let Some(first) = headers.first_mut() else { return Ok(0) };
    // SAFETY: as for `many`, for the first header alone.
    let outcome = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut first.msg_hdr, flags) };
    first.msg_len = u32::try_from(outcome).map_err(|_| io::Error::last_os_error())?;
    Ok(1)
}

/// Reads a header that the kernel has filled.
fn open(header: &libc::mmsghdr, envelope: &Envelope) -> Received {
    let control = size(header.msg_hdr.msg_controllen);
    Received {
        length: size(header.msg_len),
        // Set by the kernel on return; the tail is gone, for recvmsg(2) takes a datagram whole.
        truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        from: sender(&envelope.name, header.msg_hdr.msg_namelen),
        facts: Facts::read(envelope.control.0.get(..control).unwrap_or_default()),
    }
}

/// A length, whose type depends on the C library.
fn size(length: impl TryInto<usize>) -> usize {
    length.try_into().unwrap_or_default()
}

/// Who sent it. An address of IPv4, as most are, is read where it stands: the other way copies the whole
/// storage some times.
fn sender(storage: &libc::sockaddr_storage, length: libc::socklen_t) -> SenderAddress {
    let is_v4 = libc::c_int::from(storage.ss_family) == libc::AF_INET
        && size(length) >= size_of::<libc::sockaddr_in>();
    if !is_v4 {
        return SenderAddress::new(name(storage, length));
    }
    // SAFETY: the storage is larger, aligned for every address, and initialised, and its family says
    // that this one is in it.
    let address = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
    let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
    SenderAddress::Inet((ip, u16::from_be(address.sin_port)).into())
}

/// The address of the sender; a unix socket without a name leaves it empty (unix(7)).
fn name(name: &libc::sockaddr_storage, length: libc::socklen_t) -> Option<SocketAddrAny> {
    let length = usize::try_from(length).ok()?.min(size_of::<libc::sockaddr_storage>());
    if length < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: the kernel wrote an address of this length, and the storage is initialised and at
    // least as large.
    Some(unsafe { SocketAddrAny::read((&raw const *name).cast(), length as _) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    #[test]
    fn without_recvmmsg_one_comes_at_a_time_and_nothing_else_changes() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for payload in [&b"one"[..], b"", b"three"] {
            socket.send_to(payload, socket.local_addr().unwrap()).unwrap();
        }
        let (mut memory, mut received) = (vec![0; SLOT], Vec::new());
        let mut receiver = BatchReceiver { batching: false, ..BatchReceiver::new() };
        for payload in [&b"one"[..], b"", b"three"] {
            received.clear();
            receiver.receive(socket.as_fd(), &mut memory, &mut received).unwrap();
            assert_eq!(&memory[..received[0].length], payload);
            assert_eq!(received[0].from, SenderAddress::Inet(socket.local_addr().unwrap()));
        }
        let error = receiver.receive(socket.as_fd(), &mut memory, &mut received).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_first_ones_come_singly_and_say_nothing_of_others() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut memory = vec![0; SLOTS * SLOT];
        let (mut receiver, mut received) = (BatchReceiver::new(), Vec::new());
        for (sent, calls) in [(1, vec![1]), (4, vec![1, 1, 2]), (1, vec![1])] {
            for _ in 0..sent {
                socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
            }
            for expected in calls {
                received.clear();
                let emptied = receiver.receive(socket.as_fd(), &mut memory, &mut received).unwrap();
                assert_eq!((received.len(), emptied), (expected, expected > 1));
            }
            received.clear();
            let error = receiver.receive(socket.as_fd(), &mut memory, &mut received).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            receiver.last = 0;
        }
    }

    #[test]
    fn a_call_that_leaves_slots_empty_took_all_there_was() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = || socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        let mut memory = vec![0; SLOTS * SLOT];
        for (last, most) in [(SINGLE, FEW), (FEW, SOME), (SOME, SLOTS)] {
            for (sent, emptied) in [(1, true), (most - 1, true), (most, false)] {
                for _ in 0..sent {
                    send();
                }
                let (mut receiver, mut received) =
                    (BatchReceiver { last, ..BatchReceiver::new() }, Vec::new());
                let outcome = receiver.receive(socket.as_fd(), &mut memory, &mut received);
                assert_eq!((outcome.unwrap(), received.len()), (emptied, sent));
                assert_eq!(receiver.last, if sent < SINGLE { 0 } else { sent });
            }
        }
        send();
        let mut alone = BatchReceiver { batching: false, ..BatchReceiver::new() };
        assert!(!alone.receive(socket.as_fd(), &mut memory, &mut Vec::new()).unwrap());
    }

    #[test]
    fn descriptors_that_a_peer_passes_on_are_closed() {
        use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        // As many as one message takes (SCM_MAX_FD), and more than there is room for.
        let passed = [writer.as_fd(); 253];
        let mut space = [std::mem::MaybeUninit::uninit(); 2048];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
        sendmsg(&theirs, &[io::IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
        drop(writer);
        let (mut memory, mut received) = (vec![0; SLOT], Vec::new());
        BatchReceiver::new().receive(ours.as_fd(), &mut memory, &mut received).unwrap();
        // With any writer left this would wait for ever.
        assert_eq!(io::Read::read(&mut &reader, &mut [0]).unwrap(), 0);
    }
}
