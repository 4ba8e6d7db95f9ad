//! One datagram at a time, by the calls that every system has: what there is elsewhere than on
//! Linux, and the plain calls for what the kernel refuses to send faster.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::net::addr::SocketAddrArg;
use rustix::net::{SendFlags, sendto};

use super::Outgoing;

/// Sends one datagram.
///
/// # Errors
/// Those of send(2); it never waits.
pub(super) fn send_one(socket: BorrowedFd<'_>, datagram: &Outgoing<'_>) -> io::Result<usize> {
    match &datagram.to {
        Some(to) => send_to::<SocketAddr>(socket, datagram.payload, to)?,
        None => {
            rustix::net::send(socket, datagram.payload, SendFlags::DONTWAIT)?;
        }
    }
    Ok(1)
}

/// Sends one datagram to an address of any family.
///
/// # Errors
/// Those of sendto(2); it never waits.
pub(super) fn send_to<A: SocketAddrArg>(
    socket: BorrowedFd<'_>,
    payload: &[u8],
    to: &A,
) -> io::Result<()> {
    // On a connected UDP socket an address is taken as well, for this datagram alone (udp(7)).
    sendto(socket, payload, SendFlags::DONTWAIT, to)?;
    Ok(())
}

#[cfg(any(not(target_os = "linux"), test))]
pub(super) use elsewhere::*;

/// The counterparts of `recvmmsg` and `sendmmsg`; on Linux only the tests use them.
#[cfg(any(not(target_os = "linux"), test))]
mod elsewhere {
    use super::super::SenderAddress;
    use super::super::batch::{Received, SLOT};
    use super::super::facts::Facts;
    use super::*;
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

    /// Receives one datagram into the first slot, without facts; whether it was the last is not
    /// known.
    pub(in super::super) struct BatchReceiver;

    impl BatchReceiver {
        pub(in super::super) fn new() -> Self {
            Self
        }

        pub(in super::super) fn receive(
            &mut self,
            socket: BorrowedFd<'_>,
            memory: &mut [u8],
            received: &mut Vec<Received>,
        ) -> io::Result<bool> {
            let slot = memory.get_mut(..SLOT).unwrap_or_default();
            let mut control = RecvAncillaryBuffer::default();
            let piece = &mut [io::IoSliceMut::new(slot)];
            let message = recvmsg(socket, piece, &mut control, RecvFlags::DONTWAIT)?;
            received.push(Received {
                length: message.bytes,
                truncated: message.flags.contains(ReturnFlags::TRUNC),
                from: SenderAddress::new(message.address),
                facts: Facts::default(),
            });
            Ok(false)
        }
    }

    /// Whether the kernel cuts one buffer into several datagrams: on Linux only.
    pub(in super::super) fn can_segment(_: BorrowedFd<'_>) -> bool {
        false
    }

    /// Sends the first datagram of a run.
    pub(in super::super) fn segmented(
        socket: BorrowedFd<'_>,
        run: &[Outgoing<'_>],
    ) -> io::Result<usize> {
        run.first().map_or(Ok(0), |first| send_one(socket, first))
    }

    /// Sends the first datagram of a batch.
    pub(in super::super) fn batched(
        socket: BorrowedFd<'_>,
        batch: &[Outgoing<'_>],
    ) -> io::Result<usize> {
        segmented(socket, batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mmsg::SenderAddress;
    use crate::sys::mmsg::batch::SLOT;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn one_at_a_time_is_exact_too() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let (mut memory, mut received) = (vec![0; SLOT], Vec::new());
        let large = vec![9; 65_507];
        for payload in [&b""[..], b"x", &large] {
            let batch = [Outgoing { payload, to: Some(to) }, Outgoing { payload: b"2", to: None }];
            assert!(!can_segment(socket.as_fd()));
            assert_eq!(batched(socket.as_fd(), &batch).unwrap(), 1);
            received.clear();
            BatchReceiver::new().receive(socket.as_fd(), &mut memory, &mut received).unwrap();
            assert_eq!(&memory[..received[0].length], payload);
            assert_eq!(
                (&received[0].from, received[0].truncated),
                (&SenderAddress::Inet(to), false)
            );
        }
        let nothing = BatchReceiver::new().receive(socket.as_fd(), &mut memory, &mut received);
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_cut_datagram_says_so() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.send(&[1; SLOT + 1]).unwrap();
        let (mut memory, mut received) = (vec![0; SLOT], Vec::new());
        BatchReceiver::new().receive(ours.as_fd(), &mut memory, &mut received).unwrap();
        assert_eq!((received[0].length, received[0].truncated), (SLOT, true));
        assert_eq!(received[0].from, SenderAddress::Unix(None));
    }
}
