//! The groups of `mcast-join`: joining and leaving at run time, and why nothing comes.

use std::net::IpAddr;
use std::time::Duration;

use super::{DatagramContext, GroupInterface};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{
    Counters, GroupAddress, GroupProbe, Interface, JoinSocket, Membership, ProcPaths, diagnose,
    interfaces, memberships,
};
use crate::report::{Name, Notice};
use crate::sessions::timers;
use crate::sockets::SocketOptions;
use crate::sockets::datagram::DatagramSocket;

/// All groups of a session.
pub struct Groups {
    members: Vec<JoinedGroup>,
    options: SocketOptions,
    rejoin: Option<Duration>,
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
        Self { members: Vec::new(), options, rejoin, counters, probes: Vec::new() }
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
            let place = GroupInterface { group: Some(group.clone()), iface: Some(iface.clone()) };
            context.sockets.add(id, place);
            for warning in warnings {
                context.warn(Kind::SocketOption, &warning);
            }
            let event = Notice::new(Name::Joined).proto("udp").group(&group).iface(&iface);
            context.report(&event);
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
    pub(super) fn rejoin(&self, context: &mut DatagramContext<'_>) {
        // A membership that could not be taken up again last time is tried once more.
        let leave = |member: &JoinedGroup| match member.socket.leave() {
            Err(failure) if failure.kind != Kind::NotJoined => Err(failure),
            _ => Ok(()),
        };
        let again = |member: &JoinedGroup| leave(member).and_then(|()| member.socket.join());
        let failures: Vec<Failure> =
            self.members.iter().filter_map(|member| again(member).err()).collect();
        for failure in failures {
            context.report_failure(&failure);
        }
        if let Some(every) = self.rejoin {
            context.arm(timers::REJOIN, every);
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
