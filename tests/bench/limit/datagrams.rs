//! Datagrams in runs: segmentation offload with sendmmsg(2), and its counterpart with recvmmsg(2).

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, recvmmsg, sendmmsg, setsockopt};

use crate::Fallible;

/// Messages of one call.
const CALL: usize = 16;
/// Segments of one message, of which the kernel takes 64 in any version (UDP_MAX_SEGMENTS).
const SEGMENTS: usize = 64;
/// The most that a message holds.
const MESSAGE: usize = 65_000;
/// How long it lets them gather, which costs nobody who waits for no answer.
const NAP: std::time::Duration = std::time::Duration::from_micros(100);
const RECEIVE_BUFFER: usize = 4 << 20;

/// Sends so many datagrams of a size to a port.
pub(super) fn send(port: u16, size: usize, count: usize) -> Fallible<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, port))?;
    let run = SEGMENTS.min(MESSAGE / size).max(1);
    let payload = vec![b'x'; run * size];
    let segment = u16::try_from(size)?;
    let addresses: [Option<()>; CALL] = [None; CALL];
    let mut headers = MultiHeaders::<()>::preallocate(CALL, Some(cmsg_space!(u16)));
    let mut sent = 0;
    while sent < count {
        let whole = ((count - sent) / run).min(CALL);
        let lengths = if whole > 0 { vec![run; whole] } else { vec![count - sent] };
        let slices: Vec<[IoSlice<'_>; 1]> = lengths
            .iter()
            .map(|run| [IoSlice::new(payload.get(..run * size).unwrap_or_default())])
            .collect();
        let gso = [ControlMessage::UdpGsoSegments(&segment)];
        let none = MsgFlags::empty();
        let done = sendmmsg(socket.as_raw_fd(), &mut headers, &slices, addresses, gso, none)?;
        sent += done.zip(&lengths).map(|(_, run)| run).sum::<usize>();
    }
    Ok(())
}

/// Reads what comes to a port, until it is ended.
pub(super) fn receive(port: u16) -> Fallible<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    // Refused by kernels before 5.0, which deliver single datagrams.
    let _ = setsockopt(&socket, UdpGroSegment, &true);
    let mut chunks = vec![vec![0; 65_536]; CALL];
    let mut headers = MultiHeaders::<()>::preallocate(CALL, Some(cmsg_space!(i32)));
    loop {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            chunks.iter_mut().map(|chunk| [IoSliceMut::new(chunk)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let few = match recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None) {
            Ok(messages) => messages.count() < CALL,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if few {
            std::thread::sleep(NAP);
        }
    }
}
