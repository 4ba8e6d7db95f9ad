//! Who sends to a listener: which peers are admitted, what is counted of each, and what is reported
//! of that.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{DatagramContext, GroupInterface};
use crate::error::{Failure, Status};
use crate::event_loop::Id;
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::protocol::flow::{FlowArrival, FlowStats, FlowTotals};
use crate::protocol::probe::Probe;
use crate::protocol::sequence::Width;
use crate::protocol::sequence_field::SequenceField;
use crate::report::{Figures, Name, Notice};
use crate::sys::mmsg::{Arrival, ReturnPath, Sender, SourceAddress};

/// The most sources that are kept; a flood of forged ones must not take all memory.
const MOST: usize = 65_536;

/// `--allow`, `--deny` and `--first-peer`.
pub(super) struct PeerAdmission {
    access: Access,
    first_peer: bool,
    /// The first peer, and the socket that it sent to.
    chosen: Option<(Id, Sender)>,
}

impl PeerAdmission {
    pub(super) fn new(access: Access, first_peer: bool) -> Self {
        Self { access, first_peer, chosen: None }
    }

    pub(super) fn admits(&mut self, id: Id, from: &Sender) -> bool {
        if let Sender::Inet(address) = from
            && !self.access.admits(address.ip())
        {
            return false;
        }
        if !self.first_peer {
            return true;
        }
        let chosen = self.chosen.get_or_insert_with(|| (id, from.clone()));
        chosen.0 == id && chosen.1 == *from
    }
}

/// One source on one socket.
pub(super) struct Peer {
    /// The socket, and the source.
    key: (Id, Sender),
    /// Our address that it asked last, from which it is answered.
    asked: Option<SourceAddress>,
    /// Where it was received; a socket may be closed before its sources are reported.
    place: Rc<GroupInterface>,
    /// Its address as text, made once.
    pub(super) title: String,
    flow: Option<Box<Account>>,
}

/// What is counted of a source, where anything is.
struct Account {
    flow: FlowStats,
    /// The sums of earlier runs of the sender.
    past: FlowTotals,
    /// The probes of this sender are what is counted now.
    sender: Option<u64>,
    /// The sums at the end of the last interval.
    before: FlowTotals,
}

/// All sources, one entry for each on each socket.
pub(super) struct Peers {
    /// In the order of their first messages.
    peers: Vec<Peer>,
    /// Where each is in `peers`.
    indices: HashMap<(Id, Sender), usize>,
    /// Where the last message came from. The next one mostly comes from there too, and to compare
    /// two addresses is cheaper than to look one up.
    recent: usize,
    counts: bool,
    field: Option<SequenceField>,
}

impl Peers {
    /// A table that counts where `counts` is set, by the numbers of `field` where given.
    pub(super) fn new(counts: bool, field: Option<SequenceField>) -> Self {
        let (peers, indices) = (Vec::new(), HashMap::new());
        Self { peers, indices, recent: 0, counts, field }
    }

    /// Takes a datagram to account, and gives the entry of its source.
    pub(super) fn arrive(
        &mut self,
        id: Id,
        place: &Rc<GroupInterface>,
        arrival: &Arrival<'_>,
    ) -> Option<&Peer> {
        let is_it = |peer: &Peer| peer.key.0 == id && peer.key.1 == *arrival.from;
        if !self.peers.get(self.recent).is_some_and(is_it) {
            self.recent = self.index((id, arrival.from.clone()), place)?;
        }
        let peer = self.peers.get_mut(self.recent)?;
        peer.asked = arrival.local;
        if let Some(account) = &mut peer.flow {
            account.arrive(arrival, self.field);
        }
        Some(peer)
    }

    /// Where a source is, which may be a new one; `None` where there are too many to count.
    fn index(&mut self, key: (Id, Sender), place: &Rc<GroupInterface>) -> Option<usize> {
        if let Some(index) = self.indices.get(&key) {
            return Some(*index);
        }
        if self.peers.len() >= MOST {
            if self.counts {
                return None;
            }
            // Only text is kept of each, which can be made again.
            self.peers.clear();
            self.indices.clear();
        }
        let width = self.field.map_or(Width::U64, |field| field.width());
        let flow = self.counts.then(|| Box::new(Account::new(width)));
        let index = self.peers.len();
        let (title, place) = (key.1.to_string(), Rc::clone(place));
        self.peers.push(Peer { key: key.clone(), asked: None, place, title, flow });
        self.indices.insert(key, index);
        debug_assert_eq!(self.peers.len(), self.indices.len());
        Some(index)
    }

    /// All sources with their sockets, in the order of their first message.
    pub(super) fn all(&self) -> Vec<(Id, ReturnPath)> {
        self.peers.iter().map(Peer::return_path).collect()
    }

    /// All sources by the name that events give them, each with its socket.
    pub(super) fn titles(&self) -> impl Iterator<Item = (Id, &str)> {
        self.peers.iter().map(|peer| (peer.key.0, peer.title.as_str()))
    }

    /// The source of this name on one of these sockets.
    pub(super) fn find(
        &self,
        title: &str,
        mut ids: impl Iterator<Item = Id>,
    ) -> Option<(Id, ReturnPath)> {
        let peer = match title.parse() {
            Ok(address) => {
                let index = ids.find_map(|id| self.indices.get(&(id, Sender::Inet(address))));
                index.and_then(|index| self.peers.get(*index))
            }
            Err(_) => self.peers.iter().find(|peer| peer.title == title),
        };
        peer.map(Peer::return_path)
    }

    /// The figures of each source, in the order of their first message: of the whole run, or
    /// since the last call over an interval of this length.
    fn figures(&mut self, interval: Option<Duration>) -> impl Iterator<Item = (&Peer, Figures)> {
        self.peers.iter_mut().filter_map(move |peer| {
            let figures = peer.flow.as_mut()?.figures(interval);
            Some((&*peer, figures))
        })
    }

    /// The share of lost messages over all sources, in percent.
    fn loss_percent(&self) -> f64 {
        let flows = self.peers.iter().filter_map(|peer| peer.flow.as_ref());
        flows.map(|account| account.totals()).sum::<FlowTotals>().loss_percent()
    }

    /// Sources whose numbers do not look like sequence numbers, in the order of their first
    /// message.
    fn doubtful(&self) -> impl Iterator<Item = &Peer> {
        let is_doubtful = |peer: &&Peer| {
            peer.flow.as_ref().is_some_and(|account| account.totals().counts.are_doubtful())
        };
        self.peers.iter().filter(is_doubtful)
    }

    /// A socket is closed: its sources are forgotten, unless what they sent is counted.
    pub(super) fn socket_closed(&mut self, id: Id) {
        if self.counts {
            return;
        }
        self.peers.retain(|peer| peer.key.0 != id);
        let peers = self.peers.iter().enumerate();
        self.indices = peers.map(|(index, peer)| (peer.key.clone(), index)).collect();
    }
}

impl Peer {
    /// Its socket, and the way back.
    fn return_path(&self) -> (Id, ReturnPath) {
        let (id, to) = self.key.clone();
        (id, ReturnPath { to, from: self.asked })
    }
}

impl Account {
    fn new(width: Width) -> Self {
        let (past, before) = (FlowTotals::default(), FlowTotals::default());
        Self { flow: FlowStats::new(width), past, sender: None, before }
    }

    fn totals(&self) -> FlowTotals {
        self.past + self.flow.totals()
    }

    fn arrive(&mut self, arrival: &Arrival<'_>, field: Option<SequenceField>) {
        let at = nanoseconds(arrival.time.unwrap_or_else(SystemTime::now));
        let probe = field.is_none().then(|| Probe::read(arrival.payload)).flatten();
        if let Some(probe) = &probe {
            // Another run of the sender from the same port counts from its own first number.
            if self.sender.is_some_and(|sender| sender != probe.sender) {
                self.past = self.totals();
                self.past.counts.restarts += 1;
                self.flow = FlowStats::new(Width::U64);
            }
            self.sender = Some(probe.sender);
        }
        let number = match field {
            Some(field) => field.read(arrival.payload),
            None => probe.as_ref().map(|probe| probe.sequence),
        };
        self.flow.arrive(&FlowArrival {
            len: arrival.payload.len(),
            at,
            truncated: arrival.truncated,
            number,
            sent: probe.map(|probe| probe.sent),
        });
    }

    fn figures(&mut self, interval: Option<Duration>) -> Figures {
        let totals = self.totals();
        let (sums, over) = match interval {
            None => (totals, self.flow.active()),
            Some(interval) => (totals.since(&self.before), interval),
        };
        if interval.is_some() {
            self.before = totals;
        }
        Figures::of_flow(&sums, over, &self.flow)
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The sources, and what is reported of them: figures, doubts, and too much loss.
pub(super) struct Statistics {
    pub(super) peers: Peers,
    /// `--stats`.
    reported: bool,
    /// `--max-loss`, in percent.
    max_loss: Option<f64>,
}

impl Statistics {
    pub(super) fn new(reported: bool, max_loss: Option<f64>, field: Option<SequenceField>) -> Self {
        Self { peers: Peers::new(reported || max_loss.is_some(), field), reported, max_loss }
    }

    /// Whether figures are reported at the end.
    pub(super) fn are_reported(&self) -> bool {
        self.reported
    }

    /// One `stats` event a source: over the interval, or over the whole run. Then one a socket
    /// that has lost datagrams.
    pub(super) fn report(&mut self, context: &mut DatagramContext<'_>, interval: Option<Duration>) {
        for (peer, figures) in self.peers.figures(interval) {
            // Of a group that was left there is nothing new to report.
            if interval.is_none() || context.sockets.is_open(peer.key.0) {
                let notice = Notice::new(Name::Stats).peer(&peer.title).figures(&figures);
                context.report(&of_group(notice, peer.place.group.as_deref()));
            }
        }
        for (place, kernel_drops) in context.sockets.take_drops(interval.is_some()) {
            let figures = Figures::of_drops(kernel_drops);
            let notice = Notice::new(Name::Stats).figures(&figures);
            context.report(&of_group(notice, place.group.as_deref()));
        }
    }

    /// More loss than `--max-loss` allows.
    pub(super) fn too_much_loss(&self) -> Option<Failure> {
        let (most, loss) = (self.max_loss?, self.peers.loss_percent());
        (loss > most).then(|| {
            let cause = format!("{loss:.2} % were lost");
            let target = format!("--max-loss {most} %");
            Failure::new(Status::Unmet, Kind::Loss, "keep to", target, cause)
        })
    }

    /// Warns of sources whose numbers cannot be sequence numbers: their loss means nothing.
    pub(super) fn report_doubts(&self, context: &mut DatagramContext<'_>) {
        for peer in self.peers.doubtful() {
            let text = format!(
                "the numbers of {} do not look like sequence numbers, so its loss means \
                 nothing (does --seq name the right place?)",
                peer.title
            );
            context.warn(Kind::DoubtfulSequence, &text);
        }
    }
}

/// An event about a source, with its group where it has one.
pub(super) fn of_group<'a>(notice: Notice<'a>, group: Option<&'a str>) -> Notice<'a> {
    match group {
        Some(group) => notice.group(group),
        None => notice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_peer_on_its_socket_is_admitted() {
        let (first, other) = (Id::for_tests(1), Id::for_tests(2));
        let peer = |port| Sender::Inet(([127, 0, 0, 1], port).into());
        let mut admission = PeerAdmission::new(Access::default(), true);
        for (id, port, expected) in
            [(first, 1, true), (first, 2, false), (other, 1, false), (first, 1, true)]
        {
            assert_eq!(admission.admits(id, &peer(port)), expected, "{id:?} {port}");
        }
    }
}
