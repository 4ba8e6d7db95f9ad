//! Which clients get in, and when listeners accept.

use std::net::IpAddr;

use crate::event_loop::{Id, IdMap};
use crate::protocol::access::{Access, Crowded, PerAddress};
use crate::sockets::Endpoint;

/// Descriptors that the clients do not get: ours, and those that it takes to start a child.
const RESERVED: u64 = 20;
/// Descriptors of one more loop: two of its poll, and what wakes it.
const OF_LOOP: u64 = 3;
/// Clients that are being sent a refusal at once. Others wait in the backlog.
const TURNED_AWAY: usize = 64;

/// The rules for new clients, and whether any are accepted now.
///
/// ```text
///            as many as can be served, or output is blocked
/// accepting ──────────────────────────────────────────────> pausing
///           <──────────────── neither of both ─────────────
/// ```
///
/// Once `is_complete`, no listener is left to accept.
#[derive(Debug)]
pub(crate) struct Admission {
    rules: AdmissionRules,
    /// How many clients each address has, and the address of each, where that has a limit.
    per_address: Option<(PerAddress, IdMap<IpAddr>)>,
    /// Where a client beyond that is sent a refusal, in place of waiting in the backlog.
    refusals: Option<Refusals>,
    /// How many can be served with the descriptors that this process may have, where one client
    /// takes several.
    capacity: Option<usize>,
    /// New clients are accepted; otherwise they wait in the backlog.
    accepting: bool,
    troubles: AcceptTroubles,
}

/// The clients that are sent a refusal.
#[derive(Debug)]
struct Refusals {
    /// What each is sent.
    text: &'static [u8],
    /// Those that are not gone yet.
    turned_away: Vec<Id>,
}

impl Refusals {
    /// Whether one more may be turned away, as far as their number goes.
    fn has_room(&self) -> bool {
        self.turned_away.len() < TURNED_AWAY
    }

    /// Turns one more away, and returns what it is sent.
    fn turn_away(&mut self, id: Id) -> &'static [u8] {
        self.turned_away.push(id);
        self.text
    }
}

/// What has been reported of accepting that fails: each of these once.
#[derive(Debug, Default)]
struct AcceptTroubles {
    /// It failed for want of descriptors, with this cause.
    starved: Option<String>,
    /// It failed for another reason.
    has_failed: bool,
    /// A client was closed for want of descriptors.
    has_made_room: bool,
}

/// Which clients are let in, and how many.
#[derive(Clone, Debug, Default)]
pub struct AdmissionRules {
    /// `--allow` and `--deny`.
    pub access: Access,
    /// Whether an allow list refuses clients without an IP address too: proxies name clients of any kind
    /// (`--accept-proxy`). Elsewhere those of a unix listener are left to the mode of its file.
    pub ip_only: bool,
    /// `--conns`: how many connections to take in all.
    pub conns: Option<u64>,
    /// `--max-clients`: how many may be open at once.
    pub max_clients: Option<usize>,
    /// `--max-per-address`: how many of them one IP address may have.
    pub max_per_address: Option<usize>,
}

/// What changes for the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether they accept from now on.
    pub(crate) accepting: bool,
    /// They stop because the descriptors are used up.
    pub(crate) exhausted: bool,
}

impl Admission {
    pub(crate) fn new(rules: AdmissionRules) -> Self {
        let of_address = |most| (PerAddress::new(most), IdMap::default());
        Self {
            per_address: rules.max_per_address.map(of_address),
            rules,
            refusals: None,
            capacity: None,
            accepting: true,
            troubles: AcceptTroubles::default(),
        }
    }

    /// Counts a client of the address that it comes from, once. One without an IP address is not counted.
    ///
    /// # Errors
    /// Its address has as many as it may have.
    pub(crate) fn count(&mut self, id: Id, peer: &Endpoint) -> Result<(), Crowded> {
        let (Some((per_address, ids)), Some(ip)) = (&mut self.per_address, peer.ip()) else {
            return Ok(());
        };
        if ids.contains(id) {
            return Ok(());
        }
        per_address.enter(ip)?;
        ids.insert(id, ip);
        Ok(())
    }

    /// The same for a client that begins a handshake. A refusal is sent after that.
    ///
    /// # Errors
    /// Its address has as many as it may have.
    #[cfg(feature = "tls")]
    pub(crate) fn count_early(&mut self, id: Id, peer: &Endpoint) -> Result<(), Crowded> {
        if self.refusals.is_some() { Ok(()) } else { self.count(id, peer) }
    }

    /// What is sent to a client whose address has no place for it; `None` where nothing is, or where too
    /// many such clients are not gone yet.
    pub(crate) fn turn_away_one_more(&mut self, id: Id) -> Option<&'static [u8]> {
        let refusals = self.refusals.as_mut().filter(|refusals| refusals.has_room())?;
        let text = refusals.turn_away(id);
        let count = refusals.turned_away.len();
        debug_assert!(count <= TURNED_AWAY, "{count}");
        Some(text)
    }

    /// Has clients beyond `--max-clients` sent a refusal.
    pub(crate) fn refuse_with(&mut self, refusal: &'static [u8]) {
        self.refusals = Some(Refusals { text: refusal, turned_away: Vec::new() });
    }

    /// The refusal that one more client gets when there are `clients` already; `None` if it gets none.
    pub(crate) fn turn_away(&mut self, id: Id, clients: usize) -> Option<&'static [u8]> {
        let is_full = self.rules.max_clients.is_some_and(|most| clients >= most);
        Some(self.refusals.as_mut().filter(|_| is_full)?.turn_away(id))
    }

    /// A connection is gone, which may be one that was turned away.
    pub(crate) fn forget(&mut self, id: Id) {
        if let Some((per_address, ids)) = &mut self.per_address
            && let Some(ip) = ids.remove(id)
        {
            per_address.leave(ip);
        }
        if let Some(refusals) = &mut self.refusals {
            refusals.turned_away.retain(|other| *other != id);
        }
    }

    /// A listener is gone, and with it the clients in their handshakes: counts only those that live.
    #[cfg(feature = "tls")]
    pub(crate) fn forget_all_but(&mut self, is_alive: impl Fn(Id) -> bool) {
        let Some((_, ids)) = &self.per_address else { return };
        let gone: Vec<Id> = ids.ids().filter(|id| !is_alive(*id)).collect();
        gone.into_iter().for_each(|id| self.forget(id));
    }

    /// Another loop serves a connection from here on. The address that it still counts for is given to
    /// [`Admission::leave`] once it is gone.
    pub(crate) fn hand_over(&mut self, id: Id) -> Option<IpAddr> {
        self.per_address.as_mut().and_then(|(_, ids)| ids.remove(id))
    }

    /// A connection of this address is gone that was handed over.
    pub(crate) fn leave(&mut self, ip: IpAddr) {
        if let Some((per_address, _)) = &mut self.per_address {
            per_address.leave(ip);
        }
    }

    /// Limits the clients to as many as can be served with `limit` descriptors beside these listeners and
    /// other loops, of which each takes `each`. A client that takes one needs no limit: accepting fails by
    /// itself.
    pub(crate) fn limit_descriptors(
        &mut self,
        limit: u64,
        each: usize,
        (listeners, loops): (usize, usize),
    ) {
        if each > 1 {
            let taken = listeners as u64 + OF_LOOP * loops as u64;
            let left = limit.saturating_sub(RESERVED + taken);
            let clients = usize::try_from(left).unwrap_or(usize::MAX) / each;
            // With room for none the listener would serve nobody, though one may still find a
            // place.
            self.capacity = Some(clients.max(1));
        }
    }

    /// Whether a client may come in. One without an IP address is on no list.
    pub(crate) fn admits(&self, peer: &Endpoint) -> bool {
        let AdmissionRules { access, ip_only, .. } = &self.rules;
        match peer.ip() {
            Some(ip) => access.admits(ip),
            None => !ip_only || access.allow.is_empty(),
        }
    }

    /// Whether `connections` are all that `--conns` allows.
    pub(crate) fn is_complete(&self, connections: u64) -> bool {
        self.rules.conns.is_some_and(|conns| connections >= conns)
    }

    /// Whether the number of connections is limited (`--conns`).
    pub(crate) fn is_limited(&self) -> bool {
        self.rules.conns.is_some()
    }

    /// Decides whether to accept while there are `clients`, and `blocked` output. Returns what
    /// changes for the listeners, where anything does.
    pub(crate) fn update(&mut self, clients: usize, blocked: bool) -> Option<Change> {
        let most = match &self.refusals {
            Some(refusals) if refusals.has_room() => self.capacity,
            _ => self.rules.max_clients.into_iter().chain(self.capacity).min(),
        };
        let crowded = most.is_some_and(|most| clients >= most);
        let accepting = !crowded && !blocked;
        if std::mem::replace(&mut self.accepting, accepting) == accepting {
            return None;
        }
        // At `--max-clients` waiting in the backlog is what the user asked for.
        let is_asked_for = self.rules.max_clients.is_some_and(|most| clients >= most);
        Some(Change { accepting, exhausted: crowded && !is_asked_for })
    }

    /// Whether new clients are accepted, as far as it was decided.
    pub(crate) fn is_accepting(&self) -> bool {
        self.accepting
    }

    /// Accepting fails for another reason than want of room. True the first time, when it is to be reported.
    pub(crate) fn fail(&mut self) -> bool {
        !std::mem::replace(&mut self.troubles.has_failed, true)
    }

    /// Accepting fails for want of descriptors or memory. True the first time, when that is to be
    /// reported.
    pub(crate) fn starve(&mut self, cause: &str) -> bool {
        let is_first = self.troubles.starved.is_none();
        if is_first {
            self.troubles.starved = Some(cause.to_owned());
        }
        is_first
    }

    /// Why accepting has failed for want of descriptors, if it has.
    pub(crate) fn starvation(&self) -> Option<&str> {
        self.troubles.starved.as_deref()
    }

    /// A client makes room. True the first time, when it is to be reported.
    pub(crate) fn make_room(&mut self) -> bool {
        !std::mem::replace(&mut self.troubles.has_made_room, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(conns: Option<u64>, max_clients: Option<usize>) -> Admission {
        Admission::new(AdmissionRules { conns, max_clients, ..AdmissionRules::default() })
    }

    #[test]
    fn listeners_pause_while_there_are_enough_clients_or_output_is_blocked() {
        let mut admission = admission(None, Some(2));
        let change = |accepting| Some(Change { accepting, exhausted: false });
        assert_eq!(admission.update(1, false), None);
        assert_eq!(admission.update(2, false), change(false));
        assert_eq!(admission.update(3, true), None);
        assert_eq!(admission.update(1, true), None);
        assert_eq!(admission.update(1, false), change(true));
    }

    #[test]
    fn the_descriptors_limit_clients_that_take_several() {
        let mut admission = admission(None, None);
        admission.limit_descriptors(40, 1, (1, 0));
        assert_eq!(admission.update(1000, false), None);
        admission.limit_descriptors(40, 3, (1, 0));
        assert_eq!(admission.update(5, false), None);
        let change = admission.update(6, false);
        assert_eq!(change, Some(Change { accepting: false, exhausted: true }));
        admission.limit_descriptors(10, 3, (1, 0));
        assert_eq!(admission.update(0, false).map(|change| change.accepting), Some(true));
        // Each loop of --threads takes some before the first client comes.
        admission.limit_descriptors(52, 3, (1, 4));
        assert_eq!(admission.update(5, false), None);
        assert_eq!(admission.update(6, false).map(|change| change.accepting), Some(false));
        // More clients than that are asked for, and never served: that is to be reported as well.
        for (max_clients, exhausted) in [(100, true), (6, false)] {
            let mut admission = self::admission(None, Some(max_clients));
            admission.limit_descriptors(40, 3, (1, 0));
            let change = admission.update(6, false);
            assert_eq!(change, Some(Change { accepting: false, exhausted }), "{max_clients}");
        }
    }

    #[test]
    fn starving_is_reported_once_and_conns_are_counted() {
        let mut admission = admission(Some(2), None);
        assert_eq!([admission.fail(), admission.fail()], [true, false]);
        assert_eq!(admission.starvation(), None);
        assert_eq!(["one", "two"].map(|cause| admission.starve(cause)), [true, false]);
        assert_eq!(admission.starvation(), Some("one"));
        assert_eq!([1, 2, 3].map(|count| admission.is_complete(count)), [false, true, true]);
    }

    #[test]
    fn clients_beyond_the_limit_are_turned_away_where_there_is_a_word_for_it() {
        let mut admission = admission(None, Some(1));
        let id = Id::for_tests_of(1, 1);
        assert_eq!(admission.turn_away(id, 1), None);
        admission.refuse_with(b"no");
        assert_eq!(admission.turn_away(id, 0), None);
        for _ in 0..TURNED_AWAY {
            assert_eq!(admission.update(1, false), None);
            assert_eq!(admission.turn_away(id, 1), Some(&b"no"[..]));
        }
        assert_eq!(admission.update(1, false).map(|change| change.accepting), Some(false));
        admission.forget(id);
        assert_eq!(admission.update(1, false).map(|change| change.accepting), Some(true));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_client_counts_once_from_its_handshake_on_and_goes_with_its_listener() {
        let rules = AdmissionRules { max_per_address: Some(1), ..AdmissionRules::default() };
        let mut admission = Admission::new(rules);
        let peer = Endpoint::from(std::net::SocketAddr::from(([10, 0, 0, 1], 7)));
        let [first, second] = [1, 2].map(|slot| Id::for_tests_of(slot, 1));
        assert!(admission.count_early(first, &peer).is_ok());
        assert!(admission.count(first, &peer).is_ok());
        assert!(admission.count_early(second, &peer).is_err());
        admission.forget_all_but(|id| id == first);
        assert!(admission.count(second, &peer).is_err());
        admission.forget_all_but(|_| false);
        assert!(admission.count_early(second, &peer).is_ok());
        // Where a refusal is sent, that can be only behind the handshake.
        admission.refuse_with(b"no");
        assert!(admission.count_early(first, &peer).is_ok());
        assert!(admission.count(first, &peer).is_err());
    }

    #[test]
    fn a_client_without_an_ip_address_is_on_no_list() {
        let admission = admission(None, None);
        assert!(admission.admits(&Endpoint::default()));
    }
}
