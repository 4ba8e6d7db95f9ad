//! Whom the commands of a sender send to.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::commands::DatagramReceiver;
use super::names::{OtherNames, named_host};
use super::opening::PeerSockets;
use super::{DatagramContext, GroupInterface};
use crate::error::{Failure, Status};
use crate::event_loop::Event;
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::config::UdpSend;
use crate::sockets::{Address, AddressError, Target, first_target};
use crate::sys::mmsg::SenderAddress;

/// How far opening has come.
pub(super) enum OutletOpening {
    /// The resolver is at work.
    Pending,
    /// All that the command line names is known, with our addresses and the first of those, where
    /// they are not reported already.
    Done(Option<(Vec<String>, String)>),
    Failed(Failure),
    /// A name that a command sends to has its addresses, or none.
    Named,
}

/// The addresses of the command line, and any other one.
pub(super) trait Outlets {
    /// Begins to open what the command line names.
    fn open(&mut self, context: &mut DatagramContext<'_>) -> OutletOpening;

    /// Goes on with that, where an event is about it.
    fn on(&mut self, _: &mut DatagramContext<'_>, _: &Event<'_>) -> Option<OutletOpening> {
        None
    }

    /// All that the command line names.
    fn named(&self) -> Vec<DatagramReceiver>;

    /// Those that a command names.
    ///
    /// # Errors
    /// Nothing can be sent there (`Usage`), or there is no socket to send from.
    fn find(
        &mut self,
        context: &mut DatagramContext<'_>,
        peer: &str,
    ) -> Result<Vec<DatagramReceiver>, Failure>;

    /// Whether a peer has a name that is not looked up yet, which this begins; [`OutletOpening::Named`]
    /// follows. One name is looked up at a time.
    fn must_look_up(&mut self, _: &mut DatagramContext<'_>, _: &str) -> bool {
        false
    }

    /// Nobody listens there: another address of the same name is used from now on.
    fn refused(&mut self, _: SocketAddr) {}

    /// Whether they are groups.
    fn are_groups(&self) -> bool {
        false
    }

    /// Reports what the command line names.
    fn list(&self, report: &mut dyn FnMut(&Notice<'_>));
}

/// Whom the commands of `udp-send` send to. All go by one socket of each family, which is not
/// connected, so that there is one address of ours for everybody.
pub struct UdpOutlets {
    addresses: Vec<Address>,
    sockets: PeerSockets,
    named: Vec<NamedHost>,
    /// Those that commands name.
    others: OtherNames,
}

/// One name.
pub(super) struct NamedHost {
    /// Its addresses.
    pub(super) all: Vec<DatagramReceiver>,
    /// Which of them is used.
    pub(super) used: usize,
}

impl NamedHost {
    pub(super) fn receiver(&self) -> Option<&DatagramReceiver> {
        self.all.get(self.used)
    }

    /// Nobody listens at this address.
    pub(super) fn refused(&mut self, by: &str) {
        if self.receiver().is_some_and(|used| used.title == by) {
            self.used = (self.used + 1) % self.all.len().max(1);
        }
    }
}

impl UdpOutlets {
    /// All that a command line names.
    pub fn new(config: UdpSend) -> Self {
        let UdpSend { addresses, net, bind, reach, .. } = config;
        Self {
            addresses,
            sockets: PeerSockets::new(net, bind, reach),
            named: Vec::new(),
            others: OtherNames::default(),
        }
    }

    /// Goes on with the first ADDR that is not open; the resolver may have an answer for it.
    fn advance(
        &mut self,
        context: &mut DatagramContext<'_>,
        mut answer: Option<Result<Vec<Target>, Failure>>,
    ) -> OutletOpening {
        while let Some(address) = self.addresses.get(self.named.len()) {
            let found = answer.take().or_else(|| self.sockets.look_up(context.pool, address));
            let Some(found) = found else { return OutletOpening::Pending };
            match found.and_then(|targets| self.open_all(context, &targets)) {
                Ok(all) => self.named.push(NamedHost { all, used: 0 }),
                Err(failure) => return OutletOpening::Failed(failure),
            }
        }
        if let Some(Err(failure)) = answer {
            return OutletOpening::Failed(failure);
        }
        let locals = self.sockets.take_ends().into_iter().map(|(local, _)| local).collect();
        let first = self.named().into_iter().next().map(|one| one.title);
        OutletOpening::Done(Some((locals, first.unwrap_or_default())))
    }

    /// Opens what is needed to send to the addresses of a name.
    fn open_all(
        &mut self,
        context: &mut DatagramContext<'_>,
        targets: &[Target],
    ) -> Result<Vec<DatagramReceiver>, Failure> {
        let (mut all, mut last_failure) = (Vec::new(), None);
        for target in targets {
            match self.open_one(context, target) {
                Ok(receiver) => all.push(receiver),
                Err(failure) => last_failure = Some(failure),
            }
        }
        match (all.is_empty(), last_failure) {
            (true, Some(failure)) => Err(failure),
            _ => Ok(all),
        }
    }

    fn open_one(
        &mut self,
        context: &mut DatagramContext<'_>,
        target: &Target,
    ) -> Result<DatagramReceiver, Failure> {
        let (socket, path) = self.sockets.shared(context.pool, target)?;
        if !context.sockets.is_open(socket) {
            context.sockets.add(socket, GroupInterface::default());
        }
        self.sockets.report_warnings(context.pool, &mut context.core.console);
        let title = match &path {
            Some(path) => path.to.to_string(),
            None => target.to_string(),
        };
        Ok(DatagramReceiver { socket, path, title })
    }
}

const GROUP: &str = "it is a multicast group: use mcast-send";

/// What a command names, where it can be sent to.
fn target(peer: &str) -> Result<Target, Failure> {
    let bad = |cause: String| Failure::new(Status::Usage, Kind::BadAddress, "send to", peer, cause);
    match peer.parse::<SocketAddr>() {
        Ok(to) if to.ip().is_multicast() => Err(bad(GROUP.to_owned())),
        Ok(to) if to.port() == 0 => Err(bad("port 0 cannot be sent to".to_owned())),
        Ok(to) => Ok(Target::Tcp(to)),
        // The name of a unix socket.
        Err(_) => {
            let address = peer.parse().map_err(|error: AddressError| bad(error.to_string()))?;
            match first_target(&address)? {
                Target::Tcp(to) if to.ip().is_multicast() => Err(bad(GROUP.to_owned())),
                target => Ok(target),
            }
        }
    }
}

impl Outlets for UdpOutlets {
    fn open(&mut self, context: &mut DatagramContext<'_>) -> OutletOpening {
        match self.sockets.look_up_local(context.pool) {
            Some(Ok(())) => self.advance(context, None),
            Some(Err(failure)) => OutletOpening::Failed(failure),
            None => OutletOpening::Pending,
        }
    }

    fn on(
        &mut self,
        context: &mut DatagramContext<'_>,
        event: &Event<'_>,
    ) -> Option<OutletOpening> {
        let answer = self.sockets.on(context.pool, event)?;
        if self.others.is_asking() {
            let found = answer.and_then(|targets| self.open_all(context, &targets));
            self.others.note(context.pool.now(), found);
            return Some(OutletOpening::Named);
        }
        Some(match answer {
            // That of `--bind`, which is looked up first.
            Ok(targets) if targets.is_empty() => self.advance(context, None),
            answer => self.advance(context, Some(answer)),
        })
    }

    fn named(&self) -> Vec<DatagramReceiver> {
        self.named.iter().filter_map(NamedHost::receiver).cloned().collect()
    }

    fn find(
        &mut self,
        context: &mut DatagramContext<'_>,
        peer: &str,
    ) -> Result<Vec<DatagramReceiver>, Failure> {
        let mut all = self.named.iter().flat_map(|one| &one.all);
        if let Some(known) = all.find(|one| one.title == peer) {
            return Ok(vec![known.clone()]);
        }
        if let Some(found) = self.others.get(context.pool.now(), peer) {
            return found.map(|one| one.into_iter().cloned().collect()).map_err(Failure::clone);
        }
        Ok(vec![self.open_one(context, &target(peer)?)?])
    }

    fn must_look_up(&mut self, context: &mut DatagramContext<'_>, peer: &str) -> bool {
        let is_named = self.named.iter().flat_map(|one| &one.all).any(|one| one.title == peer);
        let now = context.pool.now();
        let Some(address) = named_host(peer).filter(|_| !is_named) else { return false };
        if self.others.is_asking() || self.others.get(now, peer).is_some() {
            return self.others.is_asking();
        }
        self.others.ask(peer);
        let Some(answer) = self.sockets.look_up(context.pool, &address) else { return true };
        let found = answer.and_then(|targets| self.open_all(context, &targets));
        self.others.note(now, found);
        false
    }

    fn refused(&mut self, by: SocketAddr) {
        let by = by.to_string();
        self.others.refused(&by);
        self.named.iter_mut().for_each(|one| one.refused(&by));
    }

    fn list(&self, report: &mut dyn FnMut(&Notice<'_>)) {
        for one in self.named.iter().filter_map(NamedHost::receiver) {
            report(&Notice::new(Name::List).peer(&one.title));
        }
    }
}

/// Internet addresses whose answers are taken, of those that were sent to last.
const MOST_KNOWN: usize = 65_536;

/// The peers that were sent to. As on a connected socket, datagrams from others are not taken.
#[derive(Default)]
pub(super) struct KnownPeers {
    all: HashSet<SocketAddr>,
    /// In the order in which they were sent to first.
    order: VecDeque<SocketAddr>,
}

impl KnownPeers {
    /// Notes a peer that is sent to. When there are too many, the oldest one is forgotten.
    pub(super) fn note(&mut self, receiver: &DatagramReceiver) {
        let Some(SenderAddress::Inet(mut to)) = receiver.path.as_ref().map(|path| path.to.clone())
        else {
            return;
        };
        // The kernel sends to loopback then, and that is where the answer comes from.
        if to.ip().is_unspecified() {
            to.set_ip(match to {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        if !self.all.insert(to) {
            return;
        }
        self.order.push_back(to);
        if self.order.len() > MOST_KNOWN
            && let Some(first) = self.order.pop_front()
        {
            self.all.remove(&first);
        }
        debug_assert_eq!(self.all.len(), self.order.len());
        debug_assert!(self.order.len() <= MOST_KNOWN, "{} are known", self.order.len());
    }

    /// Whether a peer was sent to. For unix sockets, the kernel has checked who may write to ours.
    pub(super) fn has(&self, from: &SenderAddress) -> bool {
        match from {
            SenderAddress::Inet(from) => self.all.contains(from),
            SenderAddress::Unix(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::Id;

    fn to(address: &str) -> DatagramReceiver {
        let path = Some(address.parse::<SocketAddr>().unwrap().into());
        DatagramReceiver { socket: Id::for_tests(1), path, title: address.to_owned() }
    }

    #[test]
    fn only_those_that_were_sent_to_are_known_and_not_without_end() {
        let mut known = KnownPeers::default();
        let has =
            |known: &KnownPeers, from: &str| known.has(&SenderAddress::Inet(from.parse().unwrap()));
        ["10.0.0.1:7", "0.0.0.0:8", "[::]:9"].iter().for_each(|one| known.note(&to(one)));
        for (from, expected) in [
            ("10.0.0.1:7", true),
            ("10.0.0.1:8", false),
            ("127.0.0.1:8", true),
            ("[::1]:9", true),
            ("[::1]:7", false),
        ] {
            assert_eq!(has(&known, from), expected, "{from}");
        }
        assert!(known.has(&SenderAddress::Unix(None)));
        for _ in 0..2 {
            for number in 0..65_533_u32 {
                known.note(&to(&format!("10.1.{}.{}:5", number >> 8, number & 255)));
            }
        }
        assert!(has(&known, "10.0.0.1:7") && known.order.len() == MOST_KNOWN);
        known.note(&to("10.0.0.2:7"));
        assert!(!has(&known, "10.0.0.1:7") && known.order.len() == MOST_KNOWN);
    }

    #[test]
    fn what_cannot_be_sent_to_names_the_right_command() {
        for (peer, cause) in [
            ("239.1.2.3:5", "use mcast-send"),
            ("[ff02::1]:5", "use mcast-send"),
            ("10.0.0.1:0", "port 0 cannot be sent to"),
            ("unix:", "the name of a unix socket is missing"),
        ] {
            let failure = target(peer).unwrap_err();
            assert_eq!((failure.status, failure.kind), (Status::Usage, Kind::BadAddress));
            assert!(failure.to_string().contains(cause), "{failure}");
        }
        assert!(target("[fe80::1%2]:5").is_ok() && target("unix:/s").is_ok());
    }
}
