//! Who sends to a listener: which peers are admitted, and what is kept of each.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use super::GroupInterface;
use super::statistics::{Account, SummedSources};
use crate::event_loop::Id;
use crate::protocol::access::Access;
use crate::protocol::sequence::Width;
use crate::protocol::sequence_field::SequenceField;
use crate::sys::mmsg::{Arrival, ReturnPath, SenderAddress, SourceAddress};

/// `--allow`, `--deny` and `--first-peer`.
pub(crate) struct PeerAdmission {
    access: Access,
    places: Places,
}

/// For how many peers there is a place.
enum Places {
    Many,
    /// For the first one that comes.
    One,
    /// For none but this one, by the socket that it sent to.
    Taken(Id, SenderAddress),
}

impl PeerAdmission {
    /// Admits everybody from these addresses.
    pub(crate) fn new(access: Access) -> Self {
        Self { access, places: Places::Many }
    }

    /// Admits the first one of them.
    pub(crate) fn of_first_peer(access: Access) -> Self {
        Self { access, places: Places::One }
    }

    pub(crate) fn admits(&mut self, id: Id, from: &SenderAddress) -> bool {
        if let SenderAddress::Inet(address) = from
            && !self.access.admits(address.ip())
        {
            return false;
        }
        match &self.places {
            Places::Many => true,
            Places::One => {
                self.places = Places::Taken(id, from.clone());
                true
            }
            Places::Taken(socket, peer) => *socket == id && peer == from,
        }
    }
}

/// Bytes that a source costs at most, beside what is counted of it: its place here and in the table,
/// and its name.
const COST: usize = 480;

/// Bytes that all sources may cost together; a flood of forged ones must not take all memory. They
/// are 77,000 that have sent once, or 1,800 whose `--test` probes are measured.
const MOST: usize = 64 << 20;

/// One in this many sources has to go, the idlest, when they cost too much.
const SHARE: usize = 4;

/// One source on one socket.
pub(super) struct Peer {
    /// The socket, and the source.
    key: (Id, SenderAddress),
    /// Our address that it asked last, from which it is answered.
    asked: Option<SourceAddress>,
    /// Where it was received; a socket may be closed before its sources are reported.
    pub(super) place: Rc<GroupInterface>,
    /// Its address as text, made once.
    pub(super) title: Box<str>,
    /// The number of its last message among those of all sources.
    last: u64,
    pub(super) account: Option<Box<Account>>,
}

/// All sources, one entry for each on each socket.
pub(super) struct Peers {
    /// In the order of their first messages.
    peers: Vec<Peer>,
    /// Where each is in `peers`.
    indices: HashMap<(Id, SenderAddress), usize>,
    /// Where the last message came from. The next one mostly comes from there too, and to compare
    /// two addresses is cheaper than to look one up.
    recent: usize,
    /// Messages of all sources.
    messages: u64,
    /// What all of them cost, and may cost.
    cost: usize,
    most: usize,
    counts: bool,
    field: Option<SequenceField>,
    /// The sources that had to go, summed up.
    pub(super) others: SummedSources,
}

impl Peers {
    /// A table that counts where `counts` is set, by the numbers of `field` where given.
    pub(super) fn new(counts: bool, field: Option<SequenceField>) -> Self {
        let (peers, indices, others) = Default::default();
        Self { peers, indices, recent: 0, messages: 0, cost: 0, most: MOST, counts, field, others }
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
            self.recent = self.index((id, arrival.from.clone()), place);
        }
        self.messages += 1;
        let peer = self.peers.get_mut(self.recent)?;
        (peer.asked, peer.last) = (arrival.local, self.messages);
        if let Some(account) = &mut peer.account {
            let before = account.cost();
            account.arrive(arrival, self.field, &mut self.others);
            self.cost += account.cost();
            self.cost = self.cost.saturating_sub(before);
        }
        if self.cost > self.most {
            self.sum_up_the_idlest();
        }
        self.peers.get(self.recent)
    }

    /// Where a source is, which may be a new one.
    fn index(&mut self, key: (Id, SenderAddress), place: &Rc<GroupInterface>) -> usize {
        if let Some(index) = self.indices.get(&key) {
            return *index;
        }
        let width = self.field.map_or(Width::U64, |field| field.width());
        let account = self.counts.then(|| Box::new(Account::new(width)));
        let index = self.peers.len();
        self.cost += COST + account.as_ref().map_or(0, |account| account.cost());
        self.peers.push(Peer {
            key: key.clone(),
            asked: None,
            place: Rc::clone(place),
            title: key.1.to_string().into(),
            last: 0,
            account,
        });
        self.indices.insert(key, index);
        debug_assert_eq!(self.peers.len(), self.indices.len());
        index
    }

    /// Makes room: a share of the sources goes, those that have been silent for longest.
    fn sum_up_the_idlest(&mut self) {
        let mut lasts: Vec<u64> = self.peers.iter().map(|peer| peer.last).collect();
        let at = lasts.len() / SHARE;
        let limit = *lasts.select_nth_unstable(at).1;
        let (others, counts) = (&mut self.others, self.counts);
        self.peers.retain(|peer| {
            // The one that has sent last stays, even as the only one.
            let stays = peer.last > limit || peer.last == self.messages;
            if let (false, true, Some(account)) = (stays, counts, &peer.account) {
                others.add(&account.totals());
            }
            stays
        });
        let costs =
            self.peers.iter().map(|peer| COST + peer.account.as_ref().map_or(0, |it| it.cost()));
        self.cost = costs.sum();
        self.rebuild();
    }

    /// Notes anew where each source is.
    fn rebuild(&mut self) {
        self.indices.clear();
        let peers = self.peers.iter().enumerate();
        self.indices.extend(peers.map(|(index, peer)| (peer.key.clone(), index)));
        let is_last = |peer: &Peer| peer.last == self.messages;
        self.recent = self.peers.iter().rposition(is_last).unwrap_or(0);
    }

    /// All sources.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    /// All sources, to be reported.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.peers.iter_mut()
    }

    /// The ways back to all sources with their sockets, in the order of their first message.
    pub(super) fn all(&self) -> Vec<(Id, ReturnPath)> {
        self.peers.iter().map(Peer::return_path).collect()
    }

    /// All sources by the name that events give them, each with its socket.
    pub(super) fn titles(&self) -> impl Iterator<Item = (Id, &str)> {
        self.peers.iter().map(|peer| (peer.key.0, &*peer.title))
    }

    /// The way back to the source of this name on one of these sockets.
    pub(super) fn find(
        &self,
        title: &str,
        ids: impl Iterator<Item = Id>,
    ) -> Option<(Id, ReturnPath)> {
        match title.parse() {
            Ok(address) => self.find_address(address, ids),
            Err(_) => self.peers.iter().find(|peer| *peer.title == *title).map(Peer::return_path),
        }
    }

    /// The way back to the source at this address on one of these sockets.
    pub(super) fn find_address(
        &self,
        address: SocketAddr,
        mut ids: impl Iterator<Item = Id>,
    ) -> Option<(Id, ReturnPath)> {
        let index = ids.find_map(|id| self.indices.get(&(id, SenderAddress::Inet(address))))?;
        self.peers.get(*index).map(Peer::return_path)
    }

    /// A socket is closed: its sources are forgotten, unless what they sent is counted.
    pub(super) fn socket_closed(&mut self, id: Id) {
        if self.counts {
            return;
        }
        self.peers.retain(|peer| peer.key.0 != id);
        self.cost = COST * self.peers.len();
        self.rebuild();
    }
}

impl Peer {
    /// The socket that it sends to.
    pub(super) fn socket(&self) -> Id {
        self.key.0
    }

    /// Its socket, and the way back.
    fn return_path(&self) -> (Id, ReturnPath) {
        let (id, to) = self.key.clone();
        (id, ReturnPath { to, from: self.asked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_peer_on_its_socket_is_admitted() {
        let (first, other) = (Id::for_tests(1), Id::for_tests(2));
        let peer = |port| SenderAddress::Inet(([127, 0, 0, 1], port).into());
        let mut admission = PeerAdmission::of_first_peer(Access::default());
        for (id, port, expected) in
            [(first, 1, true), (first, 2, false), (other, 1, false), (first, 1, true)]
        {
            assert_eq!(admission.admits(id, &peer(port)), expected, "{id:?} {port}");
        }
    }

    /// So many sources send once, each the payload that `payload` makes.
    fn flood(peers: &mut Peers, sources: u32, payload: impl Fn(u32) -> Vec<u8>) {
        let (id, place) = (Id::for_tests(1), Rc::default());
        for number in 0..sources {
            let ip = std::net::Ipv4Addr::from(number);
            let (from, payload) = (SenderAddress::Inet((ip, 9).into()), payload(number));
            let (local, time, dropped) = (None, None, None);
            let (payload, from) = (&payload[..], &from);
            let arrival = Arrival { payload, from, local, truncated: false, time, dropped };
            let peer = peers.arrive(id, &place, &arrival).unwrap();
            assert_eq!(*peer.title, from.to_string());
        }
    }

    #[test]
    fn a_source_that_sends_once_costs_what_it_is_taken_for() {
        // A table of a power of two, of which 7/8 are used at most, has just doubled; so has the
        // list of sources.
        let place = size_of::<((Id, SenderAddress), usize)>() * 16 / 7 + size_of::<Peer>() * 2;
        let name = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".len();
        let allocator = 2 * 16;
        assert!(place + name + allocator <= COST, "{place}");
        assert!(COST + Account::new(Width::U64).cost() + allocator <= 1024);
    }

    #[test]
    fn the_idlest_make_room_and_their_sums_stay() {
        let mut peers = Peers::new(true, Some("u32@0".parse().unwrap()));
        peers.most = 1 << 20;
        flood(&mut peers, 20_000, |number| number.to_be_bytes().to_vec());
        let kept: u64 = peers.iter().map(|_| 1).sum();
        assert_eq!(peers.others.sources() + kept, 20_000);
        assert!(kept > 700 && peers.cost <= peers.most, "{kept} {}", peers.cost);
        let totals = peers.iter().map(|peer| peer.account.as_ref().unwrap().totals());
        let messages: u64 = totals.map(|totals| totals.messages).sum();
        assert_eq!(messages + peers.others.totals().messages, 20_000);
        // The last is not the idlest.
        let last = std::net::Ipv4Addr::from(19_999);
        assert!(peers.find(&format!("{last}:9"), [Id::for_tests(1)].into_iter()).is_some());
    }

    #[test]
    fn a_listener_that_counts_nothing_forgets_the_idlest() {
        let mut peers = Peers::new(false, None);
        peers.most = 1 << 20;
        flood(&mut peers, 20_000, |_| Vec::new());
        assert!(peers.all().len() > 1000 && peers.cost <= peers.most);
        assert_eq!(peers.others.sources(), 0);
    }
}
