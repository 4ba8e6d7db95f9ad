//! One stream as a TCP connection: who has sent how much, and in which segments.

use std::net::SocketAddr;

use etherparse::TcpHeader;

use super::blocks::Stamp;
use super::packet;
use crate::close::{Cause, CloseReason};
use crate::recording::{Direction, RecordedFlow, Role};

/// What fits into an Ethernet frame behind the headers of IPv4 and of IPv6 (RFC 6691).
const SEGMENT_V4: u16 = 1460;
const SEGMENT_V6: u16 = 1440;
/// The window, and the most that it may be scaled by (RFC 7323): nobody here ever waits for it.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 14;
/// An odd number that spreads small ones over all 32 bits (Knuth, TAOCP 6.4).
const SPREAD: u32 = 2_654_435_761;

/// A TCP connection in the making.
pub(super) struct TcpFlow {
    ours: FlowEnd,
    theirs: FlowEnd,
    segment: u16,
}

/// One end of it.
struct FlowEnd {
    address: SocketAddr,
    /// The sequence number of what it sends next, which wraps.
    next: u32,
    /// Whether it has sent FIN.
    finished: bool,
}

impl FlowEnd {
    fn new(address: SocketAddr, first: u32) -> Self {
        Self { address, next: first, finished: false }
    }
}

impl TcpFlow {
    /// The handshake, begun by the side that connected. Each connection begins at numbers of its
    /// own, so that one that uses the ports of another again is no repetition.
    pub(super) fn open(
        local: SocketAddr,
        peer: SocketAddr,
        recorded: &RecordedFlow,
        stamp: &mut Stamp<'_>,
    ) -> Self {
        let first = (recorded.number as u32).wrapping_mul(SPREAD);
        Self::begin(local, peer, recorded.role, first, stamp)
    }

    fn begin(
        local: SocketAddr,
        peer: SocketAddr,
        role: Role,
        first: u32,
        stamp: &mut Stamp<'_>,
    ) -> Self {
        let segment = if local.is_ipv4() && peer.is_ipv4() { SEGMENT_V4 } else { SEGMENT_V6 };
        let mut flow =
            Self { ours: FlowEnd::new(local, first), theirs: FlowEnd::new(peer, first), segment };
        let asks = if role == Role::Accepted { Direction::In } else { Direction::Out };
        let answers = asks.reversed();
        let header = flow.header(asks);
        flow.send(asks, TcpHeader { syn: true, ack: false, ..header }, &[], stamp);
        let header = flow.header(answers);
        flow.send(answers, TcpHeader { syn: true, ..header }, &[], stamp);
        flow.acknowledge(answers, stamp);
        flow
    }

    /// Bytes that one side has sent, and the other has acknowledged.
    pub(super) fn bytes(&mut self, direction: Direction, bytes: &[u8], stamp: &mut Stamp<'_>) {
        // PSH stands on the last segment of a write, as kernels set it.
        let mut pieces = bytes.chunks(usize::from(self.segment)).peekable();
        while let Some(piece) = pieces.next() {
            let header = self.header(direction);
            self.send(
                direction,
                TcpHeader { psh: pieces.peek().is_none(), ..header },
                piece,
                stamp,
            );
        }
        self.acknowledge(direction, stamp);
    }

    /// One side has sent FIN, and the other has acknowledged it.
    pub(super) fn fin(&mut self, direction: Direction, stamp: &mut Stamp<'_>) {
        if !std::mem::replace(&mut self.end(direction).finished, true) {
            let header = self.header(direction);
            self.send(direction, TcpHeader { fin: true, ..header }, &[], stamp);
            self.acknowledge(direction, stamp);
        }
    }

    /// The connection is over: by an RST of the side that cut it off, or by our FIN where that
    /// had not been sent, and then by our RST where the peer never sent its own.
    pub(super) fn close(mut self, reason: CloseReason, reset: bool, stamp: &mut Stamp<'_>) {
        if reason.cause == Cause::Error && reason.detail == crate::close::Detail::Reset {
            return self.reset(Direction::In, stamp);
        }
        if reset {
            return self.reset(Direction::Out, stamp);
        }
        self.fin(Direction::Out, stamp);
        if !self.theirs.finished {
            self.reset(Direction::Out, stamp);
        }
    }

    fn reset(&mut self, direction: Direction, stamp: &mut Stamp<'_>) {
        let header = self.header(direction);
        self.send(direction, TcpHeader { rst: true, ..header }, &[], stamp);
    }

    /// The other side acknowledges what has come in a direction.
    fn acknowledge(&mut self, direction: Direction, stamp: &mut Stamp<'_>) {
        let header = self.header(direction.reversed());
        self.send(direction.reversed(), header, &[], stamp);
    }

    /// The end that sends in a direction.
    fn end(&mut self, direction: Direction) -> &mut FlowEnd {
        match direction {
            Direction::In => &mut self.theirs,
            Direction::Out => &mut self.ours,
        }
    }

    /// The header of the next segment in a direction, which acknowledges all that came.
    fn header(&mut self, direction: Direction) -> TcpHeader {
        let to = self.end(direction.reversed());
        let (to_port, acknowledged) = (to.address.port(), to.next);
        let from = self.end(direction);
        let mut header = TcpHeader::new(from.address.port(), to_port, from.next, WINDOW);
        header.ack = true;
        header.acknowledgment_number = acknowledged;
        header
    }

    fn send(
        &mut self,
        direction: Direction,
        mut header: TcpHeader,
        payload: &[u8],
        stamp: &mut Stamp<'_>,
    ) {
        if header.syn {
            let [high, low] = self.segment.to_be_bytes();
            // The segment size (kind 2), a filler, and the window scale (kind 3).
            let options = [2, 4, high, low, 1, 3, 3, WINDOW_SCALE];
            // Eight bytes always fit.
            let _ = header.set_options_raw(&options);
            // Without ACK the field means nothing (RFC 9293, section 3.1), and a SYN mostly has 0
            // there.
            if !header.ack {
                header.acknowledgment_number = 0;
            }
        }
        let (from, to) = match direction {
            Direction::In => (self.theirs.address, self.ours.address),
            Direction::Out => (self.ours.address, self.theirs.address),
        };
        // SYN and FIN count as a byte each (RFC 9293).
        let length = payload.len() as u32 + u32::from(header.syn) + u32::from(header.fin);
        if let Some(packet) = packet::tcp(header, from.ip(), to.ip(), payload) {
            stamp.packet(&packet, payload);
        }
        let end = self.end(direction);
        end.next = end.next.wrapping_add(length);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use etherparse::{SlicedPacket, TransportSlice};

    use super::*;

    /// The segments of a file: who sent, the flags, the numbers, the length.
    fn segments(bytes: &[u8]) -> Vec<(u16, String, u32, u32, usize)> {
        let mut found = Vec::new();
        let mut rest = bytes;
        while rest.len() >= 8 {
            let word =
                |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
            let packet = SlicedPacket::from_ip(&rest[28..28 + word(20)]).unwrap();
            let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
            let flags = [
                (tcp.syn(), 'S'),
                (tcp.ack(), 'A'),
                (tcp.psh(), 'P'),
                (tcp.fin(), 'F'),
                (tcp.rst(), 'R'),
            ];
            let flags = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
            found.push((
                tcp.source_port(),
                flags,
                tcp.sequence_number(),
                tcp.acknowledgment_number(),
                tcp.payload().len(),
            ));
            let length = word(4);
            rest = &rest[length..];
        }
        found
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn recorded(
        first: u32,
        role: Role,
        act: impl FnOnce(&mut TcpFlow, &mut Stamp<'_>),
    ) -> Vec<(u16, String, u32, u32, usize)> {
        let mut out = Vec::new();
        let mut stamp = Stamp::new(UNIX_EPOCH, &mut out);
        let mut flow = TcpFlow::begin(address(1), address(2), role, first, &mut stamp);
        act(&mut flow, &mut stamp);
        segments(&out)
    }

    fn row(
        port: u16,
        flags: &str,
        seq: u32,
        ack: u32,
        len: usize,
    ) -> (u16, String, u32, u32, usize) {
        (port, flags.to_owned(), seq, ack, len)
    }

    #[test]
    fn a_connection_from_first_to_last() {
        let rows = recorded(0, Role::Accepted, |flow, stamp| {
            flow.bytes(Direction::In, &[7; 2000], stamp);
            flow.fin(Direction::In, stamp);
            flow.bytes(Direction::Out, b"abc", stamp);
            flow.fin(Direction::Out, stamp);
        });
        let expected = [
            row(2, "S", 0, 0, 0),
            row(1, "SA", 0, 1, 0),
            row(2, "A", 1, 1, 0),
            row(2, "A", 1, 1, 1460),
            row(2, "AP", 1461, 1, 540),
            row(1, "A", 1, 2001, 0),
            row(2, "AF", 2001, 1, 0),
            row(1, "A", 1, 2002, 0),
            row(1, "AP", 1, 2002, 3),
            row(2, "A", 2002, 4, 0),
            row(1, "AF", 4, 2002, 0),
            row(2, "A", 2002, 5, 0),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn numbers_wrap_beyond_4_gib() {
        let rows = recorded(u32::MAX - 1, Role::Connected, |flow, stamp| {
            flow.bytes(Direction::Out, &[7; 10], stamp);
            flow.bytes(Direction::Out, &[7; 10], stamp);
        });
        let expected = [
            row(1, "S", u32::MAX - 1, 0, 0),
            row(2, "SA", u32::MAX - 1, u32::MAX, 0),
            row(1, "A", u32::MAX, u32::MAX, 0),
            row(1, "AP", u32::MAX, u32::MAX, 10),
            row(2, "A", u32::MAX, 9, 0),
            row(1, "AP", 9, u32::MAX, 10),
            row(2, "A", u32::MAX, 19, 0),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn each_end_has_flags_of_its_own() {
        let last = |reason, reset, ended: &[Direction]| {
            let mut out = Vec::new();
            let mut stamp = Stamp::new(UNIX_EPOCH, &mut out);
            let mut flow = TcpFlow::begin(address(1), address(2), Role::Accepted, 0, &mut stamp);
            ended.iter().for_each(|direction| flow.fin(*direction, &mut stamp));
            flow.close(reason, reset, &mut stamp);
            let rows = segments(&out).split_off(3);
            rows.into_iter().map(|(port, flags, ..)| format!("{port}{flags}")).collect::<Vec<_>>()
        };
        let both = [Direction::In, Direction::Out];
        assert_eq!(last(CloseReason::PEER, false, &both), ["2AF", "1A", "1AF", "2A"]);
        assert_eq!(last(CloseReason::PEER, false, &both[..1]), ["2AF", "1A", "1AF", "2A"]);
        assert_eq!(last(CloseReason::RESET, false, &[]), ["2AR"]);
        assert_eq!(last(CloseReason::SLOW, false, &[]), ["1AF", "2A", "1AR"]);
        assert_eq!(last(CloseReason::SLOW, true, &[]), ["1AR"]);
    }
}
