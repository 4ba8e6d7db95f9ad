//! Recordings as pcapng, for Wireshark and its like.
//!
//! What was read and written is put back into packets as they could have been seen on the wire: a
//! handshake, segments with the right numbers, FIN or RST, and datagrams, with valid checksums.
//! They are no capture: where the network cut, lost or repeated packets is not known here. TLS is
//! recorded as it is on the wire, with its secrets where they are logged. The packets are raw IP of
//! both versions on one interface.
//!
//! Unix sockets have no IP addresses. They are given ports of 127.0.0.1, one for each name, and a
//! comment on the first packet lists these names.

mod blocks;
mod flow;
mod packet;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use crate::recording::{Direction, Observation, RecordedFlow, Role};

use blocks::Stamp;
use flow::TcpFlow;

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

/// Sockets of unix have no ports; those that they are given begin here, where the dynamic ones do.
const FIRST_PORT: u16 = 49152;

/// Finds the address of this machine that something would be sent from to another.
pub(crate) type RouteLookup = fn(SocketAddr) -> std::io::Result<SocketAddr>;

/// What was found out about names.
struct Names {
    route: RouteLookup,
    /// The ports that stand for names of unix sockets.
    ports: HashMap<String, u16>,
    /// From which of this machine's addresses it sends to others.
    routes: HashMap<IpAddr, IpAddr>,
}

impl Names {
    fn new(route: RouteLookup) -> Self {
        Self { route, ports: HashMap::new(), routes: HashMap::new() }
    }

    /// The two ends of a stream.
    fn of_stream(
        &mut self,
        recorded: &RecordedFlow,
        peer: &str,
        stamp: &mut Stamp<'_>,
    ) -> (SocketAddr, SocketAddr) {
        if let (Ok(local), Ok(peer)) = (recorded.local.parse(), peer.parse()) {
            return (local, peer);
        }
        if recorded.local.starts_with("unix") || peer.starts_with("unix") {
            // The client's end has no name mostly; each is one of its own all the same.
            let own = format!("unix, connection {}", recorded.number);
            let (local, peer) = match recorded.role {
                Role::Accepted => (recorded.local.clone(), own),
                _ => (own, peer.to_owned()),
            };
            stamp.comment(format!("{} {} with {peer}", recorded.proto, recorded.local));
            return (self.unix(&local), self.unix(&peer));
        }
        // The kernel has forgotten one of them, as it does after a reset.
        let known: Option<SocketAddr> = recorded.local.parse().ok().or(peer.parse().ok());
        let like = known.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |known| known.ip());
        let nobody = SocketAddr::new(packet::unspecified(like), 0);
        (recorded.local.parse().unwrap_or(nobody), peer.parse().unwrap_or(nobody))
    }

    /// The two ends of a datagram.
    fn of_datagram(
        &mut self,
        recorded: &RecordedFlow,
        peer: &str,
        direction: Direction,
        stamp: &mut Stamp<'_>,
    ) -> (SocketAddr, SocketAddr) {
        match (recorded.local.parse::<SocketAddr>(), peer.parse::<SocketAddr>()) {
            (Ok(local), Ok(peer)) => (self.own(local, peer, direction), peer),
            _ => {
                let known = self.ports.len();
                let ends = (self.unix(&recorded.local), self.unix(peer));
                if self.ports.len() > known {
                    stamp.comment(format!("{} {} with {peer}", recorded.proto, recorded.local));
                }
                ends
            }
        }
    }

    /// A port of loopback that stands for a name, always the same.
    fn unix(&mut self, name: &str) -> SocketAddr {
        // Behind 65535 it goes on at 0, so two names share a port only beyond 65,536 names.
        let next = FIRST_PORT.wrapping_add(self.ports.len() as u16);
        let port = *self.ports.entry(name.to_owned()).or_insert(next);
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// The address of this machine that a datagram came to or went from. A socket on all addresses
    /// does not show it, nor does a group of which one sends; the route to the peer does.
    fn own(&mut self, local: SocketAddr, peer: SocketAddr, direction: Direction) -> SocketAddr {
        let ip = local.ip();
        if !(ip.is_unspecified() || (direction == Direction::Out && ip.is_multicast())) {
            return local;
        }
        let Self { routes, route, .. } = self;
        let own = routes.entry(peer.ip()).or_insert_with(|| route(peer).map_or(ip, |own| own.ip()));
        SocketAddr::new(*own, local.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Proto;
    use std::time::UNIX_EPOCH;

    fn line(proto: Proto, role: Role, local: &str) -> RecordedFlow {
        RecordedFlow { number: 3, proto, role, local: local.to_owned(), peer: None }
    }

    #[test]
    fn every_name_becomes_an_address() {
        let mut names = Names::new(|_| Ok(([127, 0, 0, 1], 0).into()));
        let mut out = Vec::new();
        let mut stamp = Stamp::new(UNIX_EPOCH, &mut out);
        let mut stream = |role, local: &str, peer: &str| {
            let recorded = line(Proto::Tcp, role, local);
            let (local, peer) = names.of_stream(&recorded, peer, &mut stamp);
            format!("{local} {peer}")
        };
        let tcp = stream(Role::Accepted, "[::1]:80", "[fe80::1%2]:5");
        assert_eq!(tcp, "[::1]:80 [fe80::1%2]:5");
        assert_eq!(stream(Role::Accepted, "[::1]:80", "unknown"), "[::1]:80 [::]:0");
        let unix = stream(Role::Accepted, "unix:/s", "unix");
        assert_eq!(unix, "127.0.0.1:49152 127.0.0.1:49153");
        let unix = stream(Role::Connected, "unix", "unix:/s");
        assert_eq!(unix, "127.0.0.1:49153 127.0.0.1:49152");
    }

    #[test]
    fn a_socket_on_all_addresses_has_that_of_the_route() {
        let mut names = Names::new(|_| Ok(([127, 0, 0, 1], 0).into()));
        let mut out = Vec::new();
        let mut stamp = Stamp::new(UNIX_EPOCH, &mut out);
        let table = [
            ("0.0.0.0:9", Direction::In, "127.0.0.1:9"),
            ("0.0.0.0:9", Direction::Out, "127.0.0.1:9"),
            ("239.1.2.3:9", Direction::In, "239.1.2.3:9"),
            ("239.1.2.3:9", Direction::Out, "127.0.0.1:9"),
            ("127.0.0.7:9", Direction::Out, "127.0.0.7:9"),
        ];
        for (local, direction, expected) in table {
            let recorded = line(Proto::Udp, Role::Bound, local);
            let (local, _) = names.of_datagram(&recorded, "10.9.9.9:5", direction, &mut stamp);
            assert_eq!(local.to_string(), expected);
        }
    }
}
