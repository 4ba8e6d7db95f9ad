//! Recordings as pcapng, for Wireshark and its like.
//!
//! What was read and written is put back into packets as they could have been seen on the wire: a
//! handshake, segments with the right numbers, FIN or RST, and datagrams, with valid checksums.
//! They are no capture: where the network cut, lost or repeated packets is not known here. TLS is
//! recorded as it is on the wire, with its secrets where they are logged. The packets are raw IP of both versions on one interface.
//!
//! Unix sockets have no IP addresses. They are given ports of 127.0.0.1, one for each name, and a
//! comment on the first packet lists these names.

mod blocks;
mod flow;
mod names;
mod packet;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use crate::recording::{Direction, Observation, RecordedFlow};
use blocks::Stamp;
use flow::TcpFlow;
use names::Names;
pub(crate) use names::RouteLookup;

/// A capture file in the making.
pub(crate) struct Capture {
    names: Names,
    /// The streams that are open, by the numbers of their lines.
    flows: HashMap<u64, TcpFlow>,
}

impl Capture {
    /// Begins a file: appends what it starts with.
    pub(crate) fn begin(route: RouteLookup, out: &mut Vec<u8>) -> Self {
        blocks::head(out);
        Self { names: Names::new(route), flows: HashMap::new() }
    }

    /// Bytes that a file starts with.
    #[cfg(feature = "tls")]
    pub(crate) fn head_len() -> usize {
        let mut head = Vec::new();
        blocks::head(&mut head);
        head.len()
    }

    /// Secrets of TLS, as the block that belongs ahead of the packets that they open.
    #[cfg(feature = "tls")]
    pub(crate) fn secrets(lines: &[u8]) -> Vec<u8> {
        blocks::secrets(lines)
    }

    /// Appends what was seen as packets.
    pub(crate) fn write(
        &mut self,
        recorded: &RecordedFlow,
        observation: &Observation<'_>,
        time: SystemTime,
        out: &mut Vec<u8>,
    ) {
        let mut stamp = Stamp::new(time, out);
        match *observation {
            Observation::Opened if recorded.proto.is_stream() => self.open(recorded, &mut stamp),
            Observation::Opened => {}
            Observation::Datagram(direction, peer, payload) => {
                self.datagram(recorded, direction, peer, payload, &mut stamp);
            }
            Observation::Bytes(direction, bytes) => {
                if let Some(flow) = self.flows.get_mut(&recorded.number) {
                    flow.bytes(direction, bytes, &mut stamp);
                }
            }
            Observation::Ended(direction) => {
                if let Some(flow) = self.flows.get_mut(&recorded.number) {
                    flow.fin(direction, &mut stamp);
                }
            }
            Observation::Closed { reason, reset } => {
                if let Some(flow) = self.flows.remove(&recorded.number) {
                    flow.close(reason, reset, &mut stamp);
                }
            }
        }
    }

    fn open(&mut self, recorded: &RecordedFlow, stamp: &mut Stamp<'_>) {
        let peer = recorded.peer.as_deref().unwrap_or_default();
        let (local, peer) = self.names.of_stream(recorded, peer, stamp);
        let flow = TcpFlow::open(local, peer, recorded, stamp);
        self.flows.insert(recorded.number, flow);
    }

    fn datagram(
        &mut self,
        recorded: &RecordedFlow,
        direction: Direction,
        peer: &str,
        payload: &[u8],
        stamp: &mut Stamp<'_>,
    ) {
        let (local, peer) = self.names.of_datagram(recorded, peer, direction, stamp);
        let (from, to): (SocketAddr, SocketAddr) = match direction {
            Direction::In => (peer, local),
            Direction::Out => (local, peer),
        };
        if let Some(packet) = packet::udp(from, to, payload) {
            stamp.packet(&packet, payload);
        }
    }
}
