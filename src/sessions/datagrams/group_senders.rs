//! The sockets that send to groups: one for each interface and family, however many groups leave by it.

use std::net::{IpAddr, SocketAddr};

use super::by_interface;
use super::commands::DatagramReceiver;
use super::outlets::{OutletOpening, Outlets};
use super::{DatagramContext, GroupInterface};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{
    GroupAddress, GroupError, GroupOptions, Interface, InterfaceChoice, Membership, interfaces,
    open_sender,
};
use crate::report::{Name, Notice};
use crate::sockets::datagram::DatagramSocket;

/// A group on one interface, and the socket that sends to it.
#[derive(Clone, Debug)]
pub struct GroupOutlet {
    /// The socket.
    pub id: Id,
    /// The group, its port, and the interface as scope.
    pub address: SocketAddr,
    /// What events call it.
    pub title: String,
    /// The interface that it leaves by.
    pub iface: String,
}

/// All sockets of a sender.
pub struct GroupSenders {
    /// How they are opened, but for the address to send from.
    asked: GroupOptions,
    /// What `--bind` means.
    binds: Vec<SocketAddr>,
    open: Vec<(Interface, bool, Id)>,
    /// Their own addresses.
    pub locals: Vec<String>,
    /// What the kernel changed about what was asked, and what has no effect.
    pub warnings: Vec<String>,
}

impl GroupSenders {
    /// No sockets yet. Each that is opened sends from the first of `binds` of its family.
    pub fn new(asked: GroupOptions, binds: Vec<SocketAddr>) -> Self {
        let (open, locals, warnings) = Default::default();
        Self { asked, binds, open, locals, warnings }
    }

    /// All sockets.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.open.iter().map(|(_, _, id)| *id)
    }

    /// Opens what is needed to send to a group.
    ///
    /// # Errors
    /// No such interface, or no room for a socket.
    pub fn open(
        &mut self,
        pool: &mut Pool,
        group: &GroupAddress,
        interfaces: &[Interface],
    ) -> Result<Vec<GroupOutlet>, Failure> {
        let mut outlets = Vec::new();
        for (membership, title) in by_interface(group, interfaces)? {
            let id = self.socket(pool, &membership, &title)?;
            let (address, iface) =
                (membership.socket_address(group.port), membership.interface.name);
            outlets.push(GroupOutlet { id, address, title, iface });
        }
        Ok(outlets)
    }

    /// The socket of an interface and family, which is opened if there is none.
    fn socket(
        &mut self,
        pool: &mut Pool,
        membership: &Membership,
        title: &str,
    ) -> Result<Id, Failure> {
        let Membership { group, interface, .. } = membership;
        // IP_MULTICAST_LOOP is about a copy that the kernel makes for members on this machine.
        // What leaves by lo comes back in by itself.
        if !self.asked.loopback && interface.loopback {
            let name = &interface.name;
            let text = format!("--no-loop does nothing on {name}, which is this machine");
            self.warnings.push(text);
        }
        let key = (interface.index, group.is_ipv6());
        // The interface is an option of the socket (IP_MULTICAST_IF), so all groups that leave by
        // one share a socket.
        let known = self.open.iter().find(|(open, is_v6, _)| (open.index, *is_v6) == key);
        if let Some((_, _, id)) = known {
            return Ok(*id);
        }
        // An address of the other family goes on, and `open_sender` refuses it with its cause.
        let fits = |bind: &&SocketAddr| bind.is_ipv6() == group.is_ipv6();
        let bind = self.binds.iter().find(fits).or(self.binds.first()).copied();
        let asked = GroupOptions { bind, ..self.asked.clone() };
        let (socket, warnings) = open_sender(*group, interface, &asked)?;
        self.warnings.extend(warnings);
        let local = socket.local_addr().ok().and_then(|local| local.as_socket());
        self.locals.extend(local.map(|local| local.to_string()));
        let fail = |error| Failure::io(Status::Local, "send to", title, &error);
        let id = pool.add_datagrams(DatagramSocket::from(socket)).map_err(fail)?;
        self.open.push((interface.clone(), group.is_ipv6(), id));
        Ok(id)
    }

    /// The interfaces that groups of a family leave by so far.
    fn interfaces(&self, is_v6: bool) -> Vec<Interface> {
        let fits = self.open.iter().filter(|(_, open, _)| *open == is_v6);
        fits.map(|(interface, _, _)| interface.clone()).collect()
    }
}

/// Whom the commands of `mcast-send` send to: its GROUPs, and any other group by the interfaces of
/// these, or by the route where there are none.
pub struct GroupOutlets {
    senders: GroupSenders,
    named: Vec<GroupOutlet>,
}

impl GroupOutlets {
    /// These groups, by open sockets.
    pub fn new(senders: GroupSenders, named: Vec<GroupOutlet>) -> Self {
        Self { senders, named }
    }

    /// All sockets.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.senders.ids()
    }

    fn open_other(
        &mut self,
        context: &mut DatagramContext<'_>,
        to: SocketAddr,
    ) -> Result<Vec<GroupOutlet>, Failure> {
        let scope = if let SocketAddr::V6(to) = to { to.scope_id() } else { 0 };
        let (first, port) = (to.ip(), to.port());
        let interface = match scope {
            0 => InterfaceChoice::Route,
            index => InterfaceChoice::Named(index.to_string()),
        };
        let group = GroupAddress { source: None, first, count: 1, port, interface };
        group.check_send()?;
        let known = if scope == 0 { self.senders.interfaces(first.is_ipv6()) } else { Vec::new() };
        if known.is_empty() {
            let opened = self.senders.open(context.pool, &group, &interfaces::list()?);
            for id in self.senders.ids() {
                if !context.sockets.is_open(id) {
                    context.sockets.add(id, GroupInterface::default());
                }
            }
            for text in std::mem::take(&mut self.senders.warnings) {
                context.warn(Kind::SocketOption, &text);
            }
            return opened;
        }
        let mut outlets = Vec::new();
        for interface in known {
            let iface = interface.name.clone();
            let membership = Membership { group: first, source: None, interface };
            let id = self.senders.socket(context.pool, &membership, &iface)?;
            let address = membership.socket_address(port);
            outlets.push(GroupOutlet { id, address, title: to.to_string(), iface });
        }
        Ok(outlets)
    }
}

impl Outlets for GroupOutlets {
    fn open(&mut self, _: &mut DatagramContext<'_>) -> OutletOpening {
        OutletOpening::Done(None)
    }

    fn named(&self) -> Vec<DatagramReceiver> {
        self.named.iter().map(GroupOutlet::receiver).collect()
    }

    fn find(
        &mut self,
        context: &mut DatagramContext<'_>,
        peer: &str,
    ) -> Result<Vec<DatagramReceiver>, Failure> {
        let Some(to) = peer.parse::<SocketAddr>().ok().filter(|to| to.ip().is_multicast()) else {
            return Err(no_group(peer));
        };
        if to.port() == 0 {
            return Err(GroupError::PortZero.into());
        }
        let named = self.named.iter().filter(|outlet| outlet.title == peer);
        let named: Vec<_> = named.map(GroupOutlet::receiver).collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let other = self.open_other(context, to)?;
        Ok(other.iter().map(GroupOutlet::receiver).collect())
    }

    fn are_groups(&self) -> bool {
        true
    }

    fn list(&self, report: &mut dyn FnMut(&Notice<'_>)) {
        for GroupOutlet { title, iface, .. } in &self.named {
            report(&Notice::new(Name::List).group(title).iface(iface));
        }
    }
}

impl GroupOutlet {
    fn receiver(&self) -> DatagramReceiver {
        let path = Some(self.address.into());
        DatagramReceiver { socket: self.id, path, title: self.title.clone() }
    }
}

/// The failure for a peer that is no group, with the command that does send there.
fn no_group(peer: &str) -> Failure {
    match peer.parse().map(|to: SocketAddr| to.ip()) {
        Ok(ip @ (IpAddr::V4(_) | IpAddr::V6(_))) => GroupError::Unicast(ip).into(),
        Err(_) => {
            let cause = "it is not a multicast group: use udp-send";
            Failure::new(Status::Usage, Kind::NotMulticast, "send to", peer, cause)
        }
    }
}
