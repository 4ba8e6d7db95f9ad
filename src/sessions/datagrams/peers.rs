//! Who sends, and what is known of it: one entry a source, and a group where there is one.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event_loop::Id;
use crate::protocol::flow::{FlowArrival, FlowStats, FlowTotals};
use crate::protocol::probe::Probe;
use crate::protocol::sequence::Width;
use crate::protocol::sequence_field::SequenceField;
use crate::report::Figures;
use crate::sys::mmsg::{Arrival, Sender};

/// The most sources that are kept; a flood of forged ones must not take all memory.
const MOST: usize = 65_536;

/// One source on one socket.
pub(super) struct Peer {
    /// The socket, and the source.
    key: (Id, Sender),
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

/// All sources.
pub(super) struct Peers {
    /// In the order of their first messages.
    peers: Vec<Peer>,
    /// Where each is in `peers`.
    places: HashMap<(Id, Sender), usize>,
    /// Where the last message came from. The next one mostly comes from there too, and to compare
    /// two addresses is cheaper than to look one up.
    recent: usize,
    counts: bool,
    field: Option<SequenceField>,
    /// Datagrams of sources beyond the most that are kept.
    pub(super) uncounted: u64,
}

impl Peers {
    /// A table that counts where `counts` is set, by the numbers of `field` where given.
    pub(super) fn new(counts: bool, field: Option<SequenceField>) -> Self {
        let (peers, places) = (Vec::new(), HashMap::new());
        Self { peers, places, recent: 0, counts, field, uncounted: 0 }
    }

    /// Takes a datagram to account, and gives the entry of its source.
    pub(super) fn arrive(&mut self, id: Id, arrival: &Arrival<'_>) -> Option<&Peer> {
        let is_it = |peer: &Peer| peer.key.0 == id && peer.key.1 == *arrival.from;
        if !self.peers.get(self.recent).is_some_and(is_it) {
            self.recent = self.place((id, arrival.from.clone()))?;
        }
        let peer = self.peers.get_mut(self.recent)?;
        if let Some(account) = &mut peer.flow {
            account.arrive(arrival, self.field);
        }
        Some(peer)
    }

    /// Where a source is, which may be a new one; `None` where there are too many to count.
    fn place(&mut self, key: (Id, Sender)) -> Option<usize> {
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        if self.peers.len() >= MOST {
            if self.counts {
                self.uncounted += 1;
                return None;
            }
            // Only text is kept of each, which can be made again.
            self.peers.clear();
            self.places.clear();
        }
        let width = self.field.map_or(Width::U64, |field| field.width());
        let flow = self.counts.then(|| Box::new(Account::new(width)));
        let place = self.peers.len();
        self.peers.push(Peer { title: key.1.to_string(), key: key.clone(), flow });
        self.places.insert(key, place);
        Some(place)
    }

    /// All sources with their sockets, in the order of their first message.
    pub(super) fn all(&self) -> Vec<(Id, Sender)> {
        self.peers.iter().map(|peer| peer.key.clone()).collect()
    }

    /// All sources by the name that events give them, each with its socket.
    pub(super) fn titles(&self) -> impl Iterator<Item = (Id, &str)> {
        self.peers.iter().map(|peer| (peer.key.0, peer.title.as_str()))
    }

    /// The source of this name on one of these sockets.
    pub(super) fn find(&self, title: &str, ids: impl Iterator<Item = Id>) -> Option<(Id, Sender)> {
        let Ok(address) = title.parse() else {
            let named = self.peers.iter().find(|peer| peer.title == title);
            return named.map(|peer| peer.key.clone());
        };
        let mut keys = ids.map(|id| (id, Sender::Inet(address)));
        keys.find(|key| self.places.contains_key(key))
    }

    /// The figures of each source, in the order of their first message: of the whole run, or
    /// since the last call over an interval of this length.
    pub(super) fn figures(&mut self, interval: Option<Duration>) -> Vec<(Id, String, Figures)> {
        let counted = |peer: &mut Peer| {
            let figures = peer.flow.as_mut()?.figures(interval);
            Some((peer.key.0, peer.title.clone(), figures))
        };
        self.peers.iter_mut().filter_map(counted).collect()
    }

    /// The share of lost messages over all sources, in percent.
    pub(super) fn loss_percent(&self) -> f64 {
        let flows = self.peers.iter().filter_map(|peer| peer.flow.as_ref());
        flows.map(|account| account.totals()).sum::<FlowTotals>().loss_percent()
    }

    /// Sources whose numbers do not look like sequence numbers, in the order of their first
    /// message.
    pub(super) fn doubtful(&self) -> Vec<String> {
        let is_doubtful = |peer: &&Peer| {
            peer.flow.as_ref().is_some_and(|account| account.totals().counts.are_doubtful())
        };
        let doubtful = self.peers.iter().filter(is_doubtful);
        doubtful.map(|peer| peer.title.clone()).collect()
    }

    /// Whether anything is counted.
    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    /// Forgets the sources of a socket that is gone.
    pub(super) fn forget(&mut self, id: Id) {
        self.peers.retain(|peer| peer.key.0 != id);
        let places = self.peers.iter().enumerate();
        self.places = places.map(|(place, peer)| (peer.key.clone(), place)).collect();
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
