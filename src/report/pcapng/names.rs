//! The names of sockets as IP addresses and ports.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::blocks::Stamp;
use super::packet::unspecified;
use crate::recording::{Direction, RecordedFlow, Role};

/// Sockets of unix have no ports; those that they are given begin here, where the dynamic ones do.
const FIRST_PORT: u16 = 49152;

/// Finds the address of this machine that something would be sent from to another.
pub(crate) type RouteLookup = fn(SocketAddr) -> std::io::Result<IpAddr>;

/// What was found out about names.
pub(super) struct Names {
    route: RouteLookup,
    /// The ports that stand for names of unix sockets.
    ports: HashMap<String, u16>,
    /// From which of this machine's addresses it sends to others.
    routes: HashMap<IpAddr, IpAddr>,
}

impl Names {
    pub(super) fn new(route: RouteLookup) -> Self {
        Self { route, ports: HashMap::new(), routes: HashMap::new() }
    }

    /// The two ends of a stream.
    pub(super) fn of_stream(
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
        let nobody = SocketAddr::new(unspecified(like), 0);
        (recorded.local.parse().unwrap_or(nobody), peer.parse().unwrap_or(nobody))
    }

    /// The two ends of a datagram.
    pub(super) fn of_datagram(
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
        let own = routes.entry(peer.ip()).or_insert_with(|| route(peer).unwrap_or(ip));
        SocketAddr::new(*own, local.port())
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::recording::Proto;

    fn line(proto: Proto, role: Role, local: &str) -> RecordedFlow {
        RecordedFlow { number: 3, proto, role, local: local.to_owned(), peer: None }
    }

    #[test]
    fn every_name_becomes_an_address() {
        let mut names = Names::new(|_| Ok([127, 0, 0, 1].into()));
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
        let mut names = Names::new(|_| Ok([127, 0, 0, 1].into()));
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
