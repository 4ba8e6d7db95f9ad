//! Listening for a group where it was not asked for: on other interfaces, and from other sources.
//!
//! Probes serve the diagnosis alone. They live for a second or so, and an interface on which none can
//! be opened is left out.

use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::diagnosis::Finding;
use super::interfaces::Interface;
use super::membership::Membership;
use super::socket::JoinSocket;
use crate::kind::Kind;
use crate::sockets::SocketOptions;

/// A non-blocking socket that receives a group from any source on one interface.
#[derive(Debug)]
pub struct GroupProbe {
    socket: JoinSocket,
    /// The source that the membership in question is confined to.
    wanted: Option<IpAddr>,
    /// The name of the interface that it is on.
    expected_on: String,
}

impl GroupProbe {
    /// Opens a probe for a membership on each of the interfaces that can carry it. On the
    /// membership's own interface there is something to learn only where it has a source.
    ///
    /// While a probe is open, this machine asks its routers for the group from any source.
    pub fn open_all(membership: &Membership, port: u16, interfaces: &[Interface]) -> Vec<Self> {
        let is_worth_it = |interface: &&Interface| {
            let is_elsewhere = interface.index != membership.interface.index;
            (is_elsewhere || membership.source.is_some())
                && interface.problem(membership.group).is_none()
        };
        let usable = interfaces.iter().filter(is_worth_it);
        usable.filter_map(|interface| Self::open(membership, port, interface)).collect()
    }

    fn open(membership: &Membership, port: u16, interface: &Interface) -> Option<Self> {
        let group = membership.group;
        let any_source = Membership { group, source: None, interface: interface.clone() };
        let (socket, _) = JoinSocket::open(any_source, port, &SocketOptions::default()).ok()?;
        // The kernel sends a membership report (IGMP, MLD), and a leave when the socket is closed.
        socket.join().ok()?;
        let expected_on = membership.interface.name.clone();
        Some(Self { socket, wanted: membership.source, expected_on })
    }

    /// Takes what has arrived until a datagram shows a cause; `None` without one.
    pub fn received(&self) -> Option<Finding> {
        // A read takes a datagram off the queue whole, however little of it fits (recv(2)).
        let mut first_byte = [MaybeUninit::uninit(); 1];
        while let Ok((_, sender)) = self.socket.socket().recv_from(&mut first_byte) {
            let finding = sender.as_socket().and_then(|sender| self.finding(sender.ip()));
            if finding.is_some() {
                return finding;
            }
        }
        None
    }

    fn finding(&self, sender: IpAddr) -> Option<Finding> {
        let Membership { group, interface, .. } = self.socket.membership();
        let (name, expected_on) = (&interface.name, &self.expected_on);
        if name != expected_on {
            let text = format!(
                "{group} arrives on {name}, from {sender}. It is joined on {expected_on}. Join it \
                 with %{name}"
            );
            return Some(Finding { kind: Kind::OtherInterface, text });
        }
        let wanted = self.wanted.filter(|wanted| *wanted != sender)?;
        let text = format!("{group} arrives from {sender}. It is joined for {wanted} alone");
        Some(Finding { kind: Kind::OtherSource, text })
    }
}

impl AsFd for GroupProbe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};
    use crate::multicast::socket::tests::{send, shared_port};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    /// What the only probe finds, within half a minute.
    fn finding(probes: &[GroupProbe]) -> Option<(Kind, String)> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(finding) = probes[0].received() {
                return Some((finding.kind, finding.text));
            }
            sleep(Duration::from_millis(5));
        }
        None
    }

    fn member(group: &str, source: Option<&str>, interface: Interface) -> Membership {
        let source = source.map(|source| source.parse().unwrap());
        Membership { group: group.parse().unwrap(), source, interface }
    }

    #[test]
    fn a_group_is_received_on_another_interface() {
        let ((_held, port), eth9) = (shared_port(), good("eth9", 9999, &[]));
        let joined = member("239.255.5.1", None, eth9.clone());
        let probes = GroupProbe::open_all(&joined, port, &[eth9, lo()]);
        assert_eq!(probes.len(), 1);
        send(b"x", "239.255.5.1", port, "127.0.0.1");
        let text = "239.255.5.1 arrives on lo, from 127.0.0.1. It is joined on eth9. Join it with \
                    %lo";
        assert_eq!(finding(&probes), Some((Kind::OtherInterface, text.to_owned())));
    }

    #[test]
    fn a_group_is_received_from_another_source() {
        let (_held, port) = shared_port();
        let joined = member("232.255.5.2", Some("127.0.0.2"), lo());
        let probes = GroupProbe::open_all(&joined, port, &[lo()]);
        send(b"", "232.255.5.2", port, "127.0.0.2");
        send(b"", "232.255.5.2", port, "127.0.0.3");
        let text = "232.255.5.2 arrives from 127.0.0.3. It is joined for 127.0.0.2 alone";
        assert_eq!(finding(&probes), Some((Kind::OtherSource, text.to_owned())));
        let any_source = member("232.255.5.2", None, lo());
        assert!(GroupProbe::open_all(&any_source, port, &[lo()]).is_empty());
    }
}
