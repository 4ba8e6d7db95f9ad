//! The open datagram sockets of a session: what waits in each, what each has lost, and when
//! anything was received last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::kernel_drops::{self, SocketStats};
use super::outbox::{DatagramOutcome, Flushed, FullPeer, Outbox};
use crate::close::CloseReason;
use crate::event_loop::{End, Id, Pool, Traffic};
use crate::kind::Kind;
use crate::sessions::console::Console;
use crate::sys::mmsg::{Arrival, Sender};

/// Where a socket receives: on multicast sockets the group, and the interface it is joined on.
#[derive(Debug, Default)]
pub struct GroupInterface {
    /// The group as events name it.
    pub group: Option<String>,
    /// The interface.
    pub iface: Option<String>,
}

struct OpenDatagrams {
    place: Rc<GroupInterface>,
    outbox: Outbox,
    stats: SocketStats,
}

/// All sockets of a session.
///
/// A socket is open until its `Closed` event; then its entry moves to `closed`, for its losses are
/// reported to the end of the run.
pub struct Sockets {
    open: BTreeMap<Id, OpenDatagrams>,
    closed: BTreeMap<Id, OpenDatagrams>,
    /// Open sockets with something in their outbox.
    blocked: BTreeSet<Id>,
    full_peer: FullPeer,
    /// Nothing is received, because stdout is full.
    paused: bool,
}

impl Sockets {
    pub(crate) fn new(full_peer: FullPeer) -> Self {
        Self {
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            blocked: BTreeSet::new(),
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
        self.open.keys().copied()
    }

    pub(crate) fn is_open(&self, id: Id) -> bool {
        self.open.contains_key(&id)
    }

    /// Where an open socket receives.
    pub(crate) fn place(&self, id: Id) -> Option<Rc<GroupInterface>> {
        self.open.get(&id).map(|socket| Rc::clone(&socket.place))
    }

    /// The group of a socket, open or closed.
    pub(crate) fn group(&self, id: Id) -> Option<&str> {
        let socket = self.open.get(&id).or_else(|| self.closed.get(&id));
        socket.and_then(|socket| socket.place.group.as_deref())
    }

    /// Sends a datagram, or has it wait.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(crate) fn send(
        &mut self,
        pool: &mut Pool,
        id: Id,
        payload: &Bytes,
        to: &Sender,
    ) -> io::Result<DatagramOutcome> {
        let Some(socket) = self.open.get_mut(&id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let outcome = socket.outbox.send(pool, id, payload, Some(to))?;
        if outcome == DatagramOutcome::Queued {
            self.blocked.insert(id);
        }
        Ok(outcome)
    }

    /// A socket has room again.
    pub(crate) fn flush(&mut self, pool: &mut Pool, id: Id) -> Flushed {
        let Some(socket) = self.open.get_mut(&id) else { return Flushed::default() };
        let flushed = socket.outbox.flush(pool, id);
        if socket.outbox.is_empty() {
            self.blocked.remove(&id);
        }
        flushed
    }

    /// Whether anything waits for a socket.
    pub(crate) fn has_queued(&self, id: Id) -> bool {
        self.blocked.contains(&id)
    }

    /// Whether nothing waits for any.
    pub(crate) fn is_flushed(&self) -> bool {
        self.blocked.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.open.values().map(|socket| socket.outbox.bytes()).sum()
    }

    /// Gives up what waits.
    pub(crate) fn clear_queues(&mut self) {
        self.open.values_mut().for_each(|socket| socket.outbox.clear());
        self.blocked.clear();
    }

    /// Notes the counter of drops that a batch carries, and warns of the first drops.
    pub(crate) fn note_drops(
        &mut self,
        pool: &mut Pool,
        console: &mut Console,
        id: Id,
        batch: &[Arrival<'_>],
    ) {
        if let Some(counter) = batch.iter().rev().find_map(|arrival| arrival.dropped) {
            self.note_counter(pool, console, id, counter);
        }
    }

    fn note_counter(&mut self, pool: &mut Pool, console: &mut Console, id: Id, counter: u32) {
        if self.open.get_mut(&id).is_some_and(|socket| socket.stats.note(counter)) {
            console.warn(pool, Kind::KernelDrops, kernel_drops::DROPPING);
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
        let sockets = self.open.values().chain(self.closed.values());
        let dropped: u64 = sockets.map(|socket| socket.stats.dropped()).sum();
        if dropped > 0 {
            console.warn(pool, Kind::KernelDrops, &kernel_drops::dropped_in_all(dropped));
        }
    }

    /// The drops of each socket that has any: all of them, or those since the last call.
    pub(crate) fn take_drops(&mut self, since_the_last: bool) -> Vec<(Rc<GroupInterface>, u64)> {
        let sockets = self.open.values_mut().chain(self.closed.values_mut());
        let drops =
            sockets.map(|socket| (Rc::clone(&socket.place), socket.stats.take(since_the_last)));
        drops.filter(|(_, count)| *count > 0).collect()
    }

    /// What the open sockets have moved.
    pub(crate) fn traffic(&self, pool: &Pool) -> Vec<Traffic> {
        self.ids().filter_map(|id| pool.traffic(id)).collect()
    }

    /// How long `--idle-timeout` still has, where it has not run out. While stdout is full nothing
    /// is received, and what has come waits in the kernel: then the limit begins anew.
    pub(crate) fn idle_left(&self, pool: &Pool, limit: Duration) -> Option<Duration> {
        let last = self.traffic(pool).into_iter().map(|traffic| traffic.last_active).max();
        let idle = last.map_or(limit, |last| pool.now().saturating_duration_since(last));
        self.limit_left(limit, idle)
    }

    /// The same for another limit on silence.
    pub(crate) fn limit_left(&self, limit: Duration, silent: Duration) -> Option<Duration> {
        left(limit, silent, self.paused)
    }

    /// Stops receiving, or goes on.
    pub(crate) fn set_paused(&mut self, pool: &mut Pool, paused: bool) {
        if std::mem::replace(&mut self.paused, paused) != paused {
            self.ids().for_each(|id| if paused { pool.pause(id) } else { pool.resume(id) });
        }
    }

    /// A socket is closed; true where it was one of these.
    pub(crate) fn on_closed(&mut self, console: &mut Console, id: Id, end: &End) -> bool {
        let Some(socket) = self.open.remove(&id) else { return false };
        console.count(&end.traffic);
        self.blocked.remove(&id);
        self.closed.insert(id, socket);
        true
    }

    /// Closes all, and counts what they have moved.
    pub(crate) fn close_all(
        &mut self,
        pool: &mut Pool,
        console: &mut Console,
        reason: CloseReason,
    ) {
        self.traffic(pool).iter().for_each(|traffic| console.count(traffic));
        self.ids().for_each(|id| pool.abort(id, reason));
        self.blocked.clear();
        self.closed.append(&mut self.open);
    }
}

/// What is left of a limit; `None` where it has run out.
fn left(limit: Duration, idle: Duration, paused: bool) -> Option<Duration> {
    match limit.saturating_sub(idle) {
        Duration::ZERO if paused => Some(limit),
        Duration::ZERO => None,
        left => Some(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_limit_begins_anew_while_nothing_is_received() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(3), seconds(1), false), Some(seconds(2)));
        assert_eq!(left(seconds(3), seconds(3), false), None);
        assert_eq!(left(seconds(3), seconds(4), true), Some(seconds(3)));
    }
}
