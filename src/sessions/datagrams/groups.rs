//! The groups of `mcast-join`: joining and leaving at run time, and why nothing comes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{DatagramContext, GroupInterface};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{
    Counters, GroupAddress, GroupProbe, Interface, InterfaceWatch, JoinSocket, Membership,
    ProcPaths, diagnose, interfaces, memberships,
};
use crate::report::{Name, Notice};
use crate::sessions::timers;
use crate::sockets::SocketOptions;
use crate::sockets::datagram::DatagramSocket;

/// All groups of a session.
///
/// An interface that is deleted takes the memberships on it along. One of the same name is another
/// interface, with another index:
///
/// ```text
/// joined ── its interface is gone: a warning ──> lost ── `--rejoin`, and the name is back ──> joined
/// ```
pub struct Groups {
    members: Vec<JoinedGroup>,
    options: SocketOptions,
    rejoin: Option<Duration>,
    watch: InterfaceWatch,
    /// The kernel's counters when the run began.
    counters: Counters,
    /// Sockets on the other interfaces, while nothing has come.
    probes: Vec<GroupProbe>,
}

/// One group on one interface.
struct JoinedGroup {
    id: Id,
    socket: JoinSocket,
    port: u16,
}

impl Groups {
    /// No groups yet.
    pub fn new(options: SocketOptions, rejoin: Option<Duration>) -> Self {
        let counters = Counters::read(&ProcPaths::default());
        let (members, watch, probes) = Default::default();
        Self { members, options, rejoin, watch, counters, probes }
    }

    pub(super) fn rejoin_every(&self) -> Option<Duration> {
        self.rejoin
    }

    fn find(&self, membership: &Membership, port: u16) -> Option<usize> {
        let same = |member: &JoinedGroup| {
            let known = member.socket.membership();
            member.port == port
                && known.group == membership.group
                && known.source == membership.source
                && known.interface.index == membership.interface.index
        };
        self.members.iter().position(same)
    }

    /// Opens a socket for a membership, and joins.
    fn open(
        &mut self,
        pool: &mut Pool,
        membership: Membership,
        port: u16,
    ) -> Result<(Id, Vec<String>), Failure> {
        let title = title(&membership, port);
        if self.find(&membership, port).is_some() {
            let cause = format!("it is joined on {} already", membership.interface.name);
            return Err(Failure::new(Status::Listen, Kind::AlreadyJoined, "join", title, cause));
        }
        let (socket, warnings) = JoinSocket::open(membership, port, &self.options)?;
        socket.join()?;
        let fail = |error| Failure::io(Status::Listen, "join", title.clone(), &error);
        // The loop reads a second descriptor of the same socket; this one joins and leaves.
        let receiver = socket.socket().try_clone().map_err(fail)?;
        let id = pool.add_datagrams(DatagramSocket::from(receiver)).map_err(fail)?;
        self.members.push(JoinedGroup { id, socket, port });
        Ok((id, warnings))
    }

    /// Joins everything that a group address means.
    ///
    /// # Errors
    /// Not a group, no such interface, or an error of the kernel; what was joined before stays.
    pub(super) fn join(
        &mut self,
        context: &mut DatagramContext<'_>,
        address: &GroupAddress,
    ) -> Result<(), Failure> {
        if let Some(text) = address.range_warning() {
            context.warn(Kind::SsmRange, &text);
        }
        for membership in memberships(address, &interfaces::list()?)? {
            let group = title(&membership, address.port);
            let iface = membership.interface.name.clone();
            let (id, warnings) = self.open(context.pool, membership, address.port)?;
            for warning in warnings {
                context.warn(Kind::SocketOption, &warning);
            }
            report_joined(context, id, group, iface);
        }
        Ok(())
    }

    /// Leaves everything that a group address means.
    pub(super) fn leave(
        &mut self,
        context: &mut DatagramContext<'_>,
        address: &GroupAddress,
    ) -> Result<(), Failure> {
        for membership in memberships(address, &interfaces::list()?)? {
            let group = title(&membership, address.port);
            let Some(at) = self.find(&membership, address.port) else {
                let cause = format!("it is not joined on {}", membership.interface.name);
                return Err(Failure::new(Status::Listen, Kind::NotJoined, "leave", group, cause));
            };
            let member = self.members.swap_remove(at);
            member.socket.leave()?;
            // Before the socket is closed, which takes its counter of drops with it.
            context.sockets.read_counter(context.pool, &mut context.core.console, member.id);
            context.pool.abort(member.id, CloseReason::HOST);
            let iface = &membership.interface.name;
            let event = Notice::new(Name::Left).proto("udp").group(&group).iface(iface);
            context.report(&event);
        }
        Ok(())
    }

    /// `--rejoin`: leaves and joins each group, so that switches learn of it again. The kernel
    /// sends no leave for a group that is joined again at once; the report is what they need.
    pub(super) fn rejoin(&mut self, context: &mut DatagramContext<'_>) {
        self.look_at_interfaces(context);
        // A membership that could not be taken up again last time is tried once more.
        let leave = |member: &JoinedGroup| match member.socket.leave() {
            Err(failure) if failure.kind != Kind::NotJoined => Err(failure),
            _ => Ok(()),
        };
        let again = |member: &JoinedGroup| leave(member).and_then(|()| member.socket.join());
        let failures: Vec<Failure> = self
            .members
            .iter()
            .filter(|it| !self.is_lost(it))
            .filter_map(|it| again(it).err())
            .collect();
        for failure in failures {
            context.report_failure(&failure);
        }
        if let Some(every) = self.rejoin {
            context.arm(timers::REJOIN, every);
        }
    }

    /// Warns of interfaces that are gone, and with `--rejoin` joins again on those that were made
    /// anew.
    pub(super) fn look_at_interfaces(&mut self, context: &mut DatagramContext<'_>) {
        context.arm(timers::INTERFACES, InterfaceWatch::EVERY);
        let joined = self.members.iter().map(JoinedGroup::interface);
        let (lost, now) = self.watch.look(joined);
        let then = match self.rejoin {
            Some(_) => "is joined again when it is back",
            None => "receives nothing (--rejoin D joins again when it is back)",
        };
        for name in lost {
            let text = format!("{name} is gone, and what was joined on it {then}");
            context.warn(Kind::NoSuchInterface, &text);
        }
        if self.rejoin.is_some() {
            (0..self.members.len()).for_each(|at| self.join_anew(context, at, &now));
        }
    }

    fn is_lost(&self, member: &JoinedGroup) -> bool {
        self.watch.has_lost(member.interface())
    }

    /// Joins the group of a lost member on the interface that has the name now.
    fn join_anew(&mut self, context: &mut DatagramContext<'_>, at: usize, now: &[Interface]) {
        let Some(member) = self.members.get(at).filter(|member| self.is_lost(member)) else {
            return;
        };
        let (lost, port, id) = (member.socket.membership().clone(), member.port, member.id);
        let Some(interface) = lost.interface.made_anew(lost.group, now) else { return };
        let membership = Membership { interface: interface.clone(), ..lost };
        let (group, iface) = (title(&membership, port), interface.name.clone());
        match self.open(context.pool, membership, port) {
            Ok((new, _)) => {
                // The old socket is bound to an index that no interface has any more.
                self.members.swap_remove(at);
                context.sockets.read_counter(context.pool, &mut context.core.console, id);
                context.pool.abort(id, CloseReason::HOST);
                report_joined(context, new, group, iface);
            }
            // IPv6 is not ready on it, or it is gone again: the next look tries once more.
            Err(failure) if failure.kind == Kind::NoSuchInterface => {}
            Err(failure) => context.report_failure(&failure),
        }
    }

    /// The groups that are joined, with their interfaces.
    pub(super) fn joined(&self) -> Vec<(String, String)> {
        let named = self.members.iter().map(|member| {
            let membership = member.socket.membership();
            (title(membership, member.port), membership.interface.name.clone())
        });
        named.collect()
    }

    /// The joined groups to send to, each with its socket: all, or those of one address and port.
    pub(super) fn destinations(&self, only: Option<SocketAddr>) -> Vec<(Id, SocketAddr)> {
        let is_meant = |address: &SocketAddr| {
            only.is_none_or(|one| (one.ip(), one.port()) == (address.ip(), address.port()))
        };
        let all = self
            .members
            .iter()
            .map(|member| (member.id, member.socket.membership().socket_address(member.port)));
        all.filter(|(_, address)| is_meant(address)).collect()
    }

    /// Opens sockets on the other interfaces, to learn whether the groups arrive there.
    pub(super) fn probe_elsewhere(&mut self) {
        let Ok(interfaces) = interfaces::list() else { return };
        let probes = self.members.iter().flat_map(|member| {
            GroupProbe::open_all(member.socket.membership(), member.port, &interfaces)
        });
        self.probes = probes.collect();
    }

    /// Reports what may keep the groups from arriving, as far as the kernel knows.
    pub(super) fn diagnose(&self, context: &mut DatagramContext<'_>) {
        let Ok(interfaces) = interfaces::list() else { return };
        let memberships: Vec<Membership> =
            self.members.iter().map(|member| member.socket.membership().clone()).collect();
        let mut findings: Vec<_> = self.probes.iter().filter_map(GroupProbe::received).collect();
        findings.extend(diagnose(&memberships, &interfaces, &self.counters, &ProcPaths::default()));
        findings.dedup();
        for finding in findings {
            context.warn(finding.kind, &finding.text);
        }
    }
}

impl JoinedGroup {
    fn interface(&self) -> &Interface {
        &self.socket.membership().interface
    }
}

/// A socket of a group is open.
fn report_joined(context: &mut DatagramContext<'_>, id: Id, group: String, iface: String) {
    let event = Notice::new(Name::Joined).proto("udp").group(&group).iface(&iface);
    context.report(&event);
    context.sockets.add(id, GroupInterface { group: Some(group), iface: Some(iface) });
}

/// `239.1.2.3:5000`, with `SOURCE@` in front where it is joined for one.
fn title(membership: &Membership, port: u16) -> String {
    let address = match membership.group {
        IpAddr::V4(group) => format!("{group}:{port}"),
        IpAddr::V6(group) => format!("[{group}]:{port}"),
    };
    match membership.source {
        Some(source) => format!("{source}@{address}"),
        None => address,
    }
}

/// The interfaces that a group is sent by, for the commands.
///
/// # Errors
/// Those of [`memberships`].
pub fn by_interface(
    address: &GroupAddress,
    interfaces: &[Interface],
) -> Result<Vec<(Membership, String)>, Failure> {
    let with_title = |membership: Membership| {
        let title = title(&membership, address.port);
        (membership, title)
    };
    Ok(memberships(address, interfaces)?.into_iter().map(with_title).collect())
}
