//! Recordings as pcapng, for Wireshark and its like.
//!
//! What was read and written is put back into packets as they could have been seen on the wire: a
//! handshake, segments with the right numbers, FIN or RST, and datagrams, with valid checksums.
//! They are no capture: where the network cut, lost or repeated packets is not known here. TLS is
//! recorded in the clear. The packets are raw IP of both versions on one interface.
//!
//! Unix sockets have no IP addresses. They are given ports of 127.0.0.1, one for each name, and a
//! comment on the first packet says which names these are.

mod blocks;
mod flow;
mod names;
mod packet;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use crate::protocol::output::Direction;
use crate::protocol::recording::{Line, Sight};
use blocks::Stamp;
use flow::Flow;
use names::Names;
pub use names::Route;

/// A capture file in the making.
pub struct Capture {
    names: Names,
    /// The streams that are open, by the numbers of their lines.
    flows: HashMap<u64, Flow>,
}

impl Capture {
    /// Begins a file: appends what it starts with.
    pub fn begin(route: Route, out: &mut Vec<u8>) -> Self {
        blocks::head(out);
        Self { names: Names::new(route), flows: HashMap::new() }
    }

    /// Appends what was seen as packets.
    pub fn write(&mut self, line: &Line, sight: &Sight<'_>, time: SystemTime, out: &mut Vec<u8>) {
        let mut stamp = Stamp::new(time, out);
        match *sight {
            Sight::Opened if line.proto.is_stream() => self.open(line, &mut stamp),
            Sight::Opened => {}
            Sight::Datagram(direction, peer, payload) => {
                self.datagram(line, direction, peer, payload, &mut stamp);
            }
            Sight::Bytes(direction, bytes) => {
                if let Some(flow) = self.flows.get_mut(&line.number) {
                    flow.bytes(direction, bytes, &mut stamp);
                }
            }
            Sight::Ended(direction) => {
                if let Some(flow) = self.flows.get_mut(&line.number) {
                    flow.fin(direction, &mut stamp);
                }
            }
            Sight::Closed { reason, reset } => {
                if let Some(flow) = self.flows.remove(&line.number) {
                    flow.close(reason, reset, &mut stamp);
                }
            }
        }
    }

    fn open(&mut self, line: &Line, stamp: &mut Stamp<'_>) {
        let peer = line.peer.as_deref().unwrap_or_default();
        let (local, peer) = self.names.of_stream(line, peer, stamp);
        let flow = Flow::open(local, peer, line, stamp);
        self.flows.insert(line.number, flow);
    }

    fn datagram(
        &mut self,
        line: &Line,
        direction: Direction,
        peer: &str,
        payload: &[u8],
        stamp: &mut Stamp<'_>,
    ) {
        let (local, peer) = self.names.of_datagram(line, peer, direction, stamp);
        let (from, to): (SocketAddr, SocketAddr) = match direction {
            Direction::In => (peer, local),
            Direction::Out => (local, peer),
        };
        if let Some(packet) = packet::udp(from, to, payload) {
            stamp.packet(&packet, payload);
        }
    }
}
