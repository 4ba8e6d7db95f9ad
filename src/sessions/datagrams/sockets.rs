//! The datagram sockets of a session: what waits in each, what each has lost because its receive
//! buffer was full, and when anything was received last.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::outbox::{DatagramOutcome, DatagramPayload, Flushed, FullPeer, Outbox};
use crate::close::CloseReason;
use crate::event_loop::{End, Id, IdMap, Pool, Traffic};
use crate::kind::Kind;
use crate::sessions::console::{Console, Message};
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, ReturnPath};

/// The sentence for the first datagrams that the kernel drops.
const DROPPING: &str = "the kernel drops datagrams, because they come faster than they are taken \
                        (-O rcvbuf=SIZE gives them more room); the end says how many";

/// Where a socket receives: on multicast sockets the group, and the interface it is joined on.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupInterface {
    /// The group as events name it.
    pub group: Option<String>,
    /// The interface.
    pub iface: Option<String>,
}

impl GroupInterface {
    /// A message that came here.
    pub(crate) fn message<'a>(&'a self, payload: &'a [u8], peer: &'a str) -> Message<'a> {
        let (group, iface) = (self.group.as_deref(), self.iface.as_deref());
        Message { group, iface, ..Message::new(payload, peer) }
    }
}

struct OpenDatagrams {
    place: Rc<GroupInterface>,
    outbox: Outbox,
    stats: SocketStats,
}

/// The drops of one socket, from the kernel's counter (SO_RXQ_OVFL), which wraps at 2^32.
#[derive(Clone, Copy, Debug, Default)]
struct SocketStats {
    /// The counter as it was seen last.
    counter: u32,
    dropped: u64,
    /// The part of `dropped` that was reported.
    reported: u64,
}

impl SocketStats {
    /// Notes what the counter is now; true where these are the first drops of the socket.
    fn note(&mut self, counter: u32) -> bool {
        let more = u64::from(counter.wrapping_sub(self.counter));
        let is_first = self.dropped == 0 && more > 0;
        self.counter = counter;
        self.dropped += more;
        debug_assert!(self.reported <= self.dropped);
        is_first
    }

    /// Takes the drops of a socket that is closed.
    fn add(&mut self, closed: &Self) {
        self.dropped += closed.dropped;
        self.reported += closed.reported;
    }

    /// The drops to report: all of them, or those since the last call.
    fn take(&mut self, since_the_last: bool) -> u64 {
        let before = std::mem::replace(&mut self.reported, self.dropped);
        self.dropped - if since_the_last { before } else { 0 }
    }
}

/// All sockets of a session.
///
/// A socket is open until its `Closed` event. What it has lost is reported to the end of the run, as
/// a sum for each group and interface: a loop of `/join` and `/leave` opens sockets without end.
pub struct Sockets {
    open: IdMap<OpenDatagrams>,
    /// What the closed sockets have lost, where they have lost anything.
    closed: Vec<(Rc<GroupInterface>, SocketStats)>,
    /// Open sockets with something in their outbox.
    blocked: IdMap<()>,
    full_peer: FullPeer,
    /// Nothing is received, because stdout is full.
    paused: bool,
}

impl Sockets {
    pub(crate) fn new(full_peer: FullPeer) -> Self {
        Self {
            open: IdMap::default(),
            closed: Vec::new(),
            blocked: IdMap::default(),
            full_peer,
            paused: false,
        }
    }

    /// Open sockets that are of no group.
    pub(crate) fn of(full_peer: FullPeer, ids: impl Iterator<Item = Id>) -> Self {
        let mut sockets = Self::new(full_peer);
        ids.for_each(|id| sockets.add(id, GroupInterface::default()));
        sockets
    }

    /// Takes an open socket.
    pub(crate) fn add(&mut self, id: Id, place: GroupInterface) {
        let (outbox, stats) = (Outbox::new(self.full_peer), SocketStats::default());
        self.open.insert(id, OpenDatagrams { place: Rc::new(place), outbox, stats });
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.open.ids()
    }

    pub(crate) fn is_open(&self, id: Id) -> bool {
        self.open.contains(id)
    }

    /// Where an open socket receives.
    pub(crate) fn place(&self, id: Id) -> Option<Rc<GroupInterface>> {
        self.open.get(id).map(|socket| Rc::clone(&socket.place))
    }

    /// The group of an open socket.
    pub(crate) fn group(&self, id: Id) -> Option<&str> {
        self.open.get(id)?.place.group.as_deref()
    }

    /// Sends a datagram, or has it wait; `path` is `None` on a connected socket.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(crate) fn send(
        &mut self,
        pool: &mut Pool,
        id: Id,
        payload: DatagramPayload<'_>,
        path: Option<&ReturnPath>,
    ) -> io::Result<DatagramOutcome> {
        let Some(socket) = self.open.get_mut(id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let outcome = socket.outbox.send(pool, id, payload, path)?;
        if outcome == DatagramOutcome::Queued {
            self.blocked.insert(id, ());
        }
        Ok(outcome)
    }

    /// A socket has room again.
    pub(crate) fn flush(&mut self, pool: &mut Pool, id: Id) -> Flushed {
        let Some(socket) = self.open.get_mut(id) else { return Flushed::default() };
        let flushed = socket.outbox.flush(pool, id);
        if socket.outbox.is_empty() {
            self.blocked.remove(id);
        }
        flushed
    }

    /// The same for all that something waits for, where no event may report that they have room.
    pub(crate) fn flush_all(&mut self, pool: &mut Pool) -> Flushed {
        let mut flushed = Flushed::default();
        let blocked: Vec<Id> = self.blocked.ids().collect();
        for id in blocked {
            let Flushed { sent, failed } = self.flush(pool, id);
            flushed.sent += sent;
            flushed.failed.extend(failed);
        }
        flushed
    }

    /// Whether anything waits for a socket.
    pub(crate) fn has_queued(&self, id: Id) -> bool {
        self.blocked.contains(id)
    }

    /// Whether nothing waits for any.
    pub(crate) fn is_flushed(&self) -> bool {
        self.blocked.is_empty()
    }

    /// Whether something waits that moves; what has stood still for 200 ms does not count.
    pub(crate) fn are_moving(&self) -> bool {
        let blocked = self.blocked.ids().filter_map(|id| self.open.get(id));
        blocked.into_iter().any(|socket| socket.outbox.is_moving())
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.open.iter().map(|(_, socket)| socket.outbox.bytes()).sum()
    }

    /// Gives up what waits.
    pub(crate) fn clear_queues(&mut self) {
        self.open.iter_mut().for_each(|(_, socket)| socket.outbox.clear());
        self.blocked = IdMap::default();
    }

    /// Notes the counter of drops that a batch carries, and warns of the first drops.
    pub(crate) fn note_drops(
        &mut self,
        pool: &mut Pool,
        console: &mut Console,
        id: Id,
        batch: &[Arrival<'_>],
    ) {
        // The counter of the kernel only grows: that of the last datagram contains the others.
        if let Some(counter) = batch.iter().rev().find_map(|arrival| arrival.dropped) {
            self.note_counter(pool, console, id, counter);
        }
    }

    fn note_counter(&mut self, pool: &mut Pool, console: &mut Console, id: Id, counter: u32) {
        if self.open.get_mut(id).is_some_and(|socket| socket.stats.note(counter)) {
            console.warn(pool, Kind::KernelDrops, DROPPING);
        }
    }

    /// Notes what was dropped behind the last datagram, which carries no counter of it.
    pub(crate) fn read_counter(&mut self, pool: &mut Pool, console: &mut Console, id: Id) {
        if let Some(counter) = pool.dropped(id) {
            self.note_counter(pool, console, id, counter);
        }
    }

    /// The same for all sockets.
    pub(crate) fn read_counters(&mut self, pool: &mut Pool, console: &mut Console) {
        let ids: Vec<Id> = self.ids().collect();
        ids.into_iter().for_each(|id| self.read_counter(pool, console, id));
    }

    /// Warns of all drops, at the end.
    pub(crate) fn report_drops(&self, pool: &mut Pool, console: &mut Console) {
        let open = self.open.iter().map(|(_, socket)| &socket.stats);
        let closed = self.closed.iter().map(|(_, stats)| stats);
        let dropped: u64 = open.chain(closed).map(|stats| stats.dropped).sum();
        if dropped > 0 {
            let text = format!("datagrams dropped by the kernel: {dropped}");
            console.warn(pool, Kind::KernelDrops, &text);
        }
    }

    /// The drops of each socket that has any, the closed ones of a group and interface as one: all
    /// of them, or those since the last call.
    pub(crate) fn take_drops(&mut self, since_the_last: bool) -> Vec<(Rc<GroupInterface>, u64)> {
        let open = self.open.iter_mut().map(|(_, socket)| (&socket.place, &mut socket.stats));
        let closed = self.closed.iter_mut().map(|(place, stats)| (&*place, stats));
        let drops =
            open.chain(closed).map(|(place, stats)| (Rc::clone(place), stats.take(since_the_last)));
        drops.filter(|(_, count)| *count > 0).collect()
    }

    /// What each open socket has moved.
    fn traffic(&self, pool: &Pool) -> impl Iterator<Item = Traffic> {
        self.ids().filter_map(|id| pool.traffic(id))
    }

    /// How long a limit on silence still has, where it has not run out. While stdout is full nothing
    /// is received, and what has come waits in the kernel: then the limit begins anew.
    pub(crate) fn silence_left(&self, pool: &Pool, limit: Duration) -> Option<Duration> {
        let last = self.traffic(pool).map(|traffic| traffic.last_active).max();
        let silent = last.map_or(limit, |last| pool.now().saturating_duration_since(last));
        match pool.is_held_by_recording() {
            true => Some(limit),
            false => self.limit_left(limit, silent),
        }
    }

    /// The same for another limit on silence.
    pub(crate) fn limit_left(&self, limit: Duration, silent: Duration) -> Option<Duration> {
        timers::left(limit, silent, self.paused)
    }

    /// Whether nothing is received, because stdout is full.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Stops receiving, or goes on.
    pub(crate) fn set_paused(&mut self, pool: &mut Pool, paused: bool) {
        if std::mem::replace(&mut self.paused, paused) != paused {
            self.ids().for_each(|id| if paused { pool.pause(id) } else { pool.resume(id) });
        }
    }

    /// A socket is closed; true where it was one of these.
    pub(crate) fn on_closed(&mut self, console: &mut Console, id: Id, end: &End) -> bool {
        let is_ours = self.remove(id);
        if is_ours {
            console.totals.count(&end.traffic);
        }
        is_ours
    }

    /// Forgets a socket, but for what it has lost.
    fn remove(&mut self, id: Id) -> bool {
        let Some(socket) = self.open.remove(id) else { return false };
        self.blocked.remove(id);
        if socket.stats.dropped > 0 {
            match self.closed.iter_mut().find(|(place, _)| *place == socket.place) {
                Some((_, stats)) => stats.add(&socket.stats),
                None => self.closed.push((socket.place, socket.stats)),
            }
        }
        true
    }

    /// Closes all, and counts what they have moved.
    pub(crate) fn close_all(
        &mut self,
        pool: &mut Pool,
        console: &mut Console,
        reason: CloseReason,
    ) {
        // Counted here: they are forgotten at once, and their `Closed` finds nobody.
        self.traffic(pool).for_each(|traffic| console.totals.count(&traffic));
        let ids: Vec<Id> = self.ids().collect();
        for id in ids {
            pool.abort(id, reason);
            self.remove(id);
        }
        debug_assert!(self.open.is_empty() && self.blocked.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_wraps_and_only_the_first_drops_are_news() {
        let mut stats = SocketStats::default();
        assert!(!stats.note(0));
        assert!(stats.note(u32::MAX));
        assert!(!stats.note(2));
        assert_eq!(stats.dropped, u64::from(u32::MAX) + 3);
    }

    #[test]
    fn an_interval_has_what_came_since_the_one_before() {
        let mut stats = SocketStats::default();
        stats.note(3);
        assert_eq!((stats.take(true), stats.take(true)), (3, 0));
        stats.note(10);
        assert_eq!((stats.take(true), stats.take(false)), (7, 10));
    }

    #[test]
    fn closed_sockets_leave_one_sum_for_each_group_and_interface() {
        let place = |group: &str| GroupInterface {
            group: Some(group.to_owned()),
            iface: Some("lo".to_owned()),
        };
        let mut sockets = Sockets::new(FullPeer::Wait);
        for slot in 1..=300 {
            let id = Id::for_tests(slot);
            sockets.add(id, place(if slot % 3 == 0 { "quiet" } else { "busy" }));
            if slot % 3 > 0 {
                sockets.open.get_mut(id).unwrap().stats.note(2);
            }
            assert!(sockets.remove(id) && !sockets.remove(id));
        }
        let expected = [(Rc::new(place("busy")), 400)];
        assert_eq!(sockets.take_drops(true), expected);
        assert_eq!(
            (sockets.take_drops(true), sockets.take_drops(false)),
            (vec![], expected.into())
        );
    }
}
