//! Timers: a heap with lazy cancellation.
//!
//! Each entry carries the turn in which it was set and fires in a later one: a handler that sets a
//! timer of no time is called again in the next turn, after what has become ready is read.
//!
//! Setting a timer again leaves the old entry in the heap, where it is passed over when its time
//! comes. An idle limit costs nothing per packet: its timer compares the last activity when it
//! fires, and is set again for the rest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use super::id::Id;
use super::pool::Pool;
use crate::values::LONGEST;

/// Names a timer: what it is for, and for which source, where it is for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerKey {
    /// The source it belongs to; the timer is dropped with it.
    pub id: Option<Id>,
    /// What it is for, in numbers of the handler's own; the pool's timers have other names.
    pub purpose: u8,
}

impl TimerKey {
    /// A timer that belongs to no source.
    pub const fn global(purpose: u8) -> Self {
        Self { id: None, purpose }
    }

    /// A timer of one source.
    pub const fn of(id: Id, purpose: u8) -> Self {
        Self { id: Some(id), purpose }
    }
}

/// What the pool itself sets timers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OwnPurpose {
    /// A closed connection has gone on for long enough.
    Linger,
    /// A listener that ran out of descriptors tries again.
    Starved,
    /// The kernel is asked whether the peer has acknowledged everything.
    Acknowledged,
    /// A connection is to be tried again, or an attempt has had its time.
    Connect,
    /// The handshake of a connection that was begun has taken too long.
    Handshake,
    /// What was expected of a connection has not come in time.
    Expected,
    /// What is queued when the loop is stopped has had its time.
    Stop,
    /// A recorder is asked to write what waits.
    Recorder,
    /// A unix peer whose queue was full is tried again.
    Crowd,
    /// A link that waits for a whole batch moves what has come.
    Batch,
}

/// Names any timer: one of the handler, or one of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AnyTimer {
    /// First, so that all timers of one source lie together.
    id: Option<Id>,
    purpose: AnyPurpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AnyPurpose {
    Handler(u8),
    Pool(OwnPurpose),
}

/// What a timer that has fired belongs to.
pub(super) enum Fired {
    Handler(TimerKey),
    Pool(OwnPurpose, Option<Id>),
}

impl AnyTimer {
    /// A timer of the pool.
    pub(super) const fn own(id: Option<Id>, purpose: OwnPurpose) -> Self {
        Self { id, purpose: AnyPurpose::Pool(purpose) }
    }

    /// The source it belongs to.
    pub(super) fn id(self) -> Option<Id> {
        self.id
    }

    pub(super) fn fired(self) -> Fired {
        match self.purpose {
            AnyPurpose::Handler(purpose) => Fired::Handler(TimerKey { id: self.id, purpose }),
            AnyPurpose::Pool(purpose) => Fired::Pool(purpose, self.id),
        }
    }
}

impl From<TimerKey> for AnyTimer {
    fn from(key: TimerKey) -> Self {
        Self { id: key.id, purpose: AnyPurpose::Handler(key.purpose) }
    }
}

/// When a timer is due, and the turn in which it was set. Of two that are due at one time the older
/// one sorts first, so that one of the current turn is never ahead of one that may fire.
type TimerEntry = (Instant, u64);

/// The pending timers of one loop.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(TimerEntry, AnyTimer)>>,
    /// In the order of the keys, so that all timers of one source lie together.
    due: BTreeMap<AnyTimer, TimerEntry>,
    turn: u64,
}

impl Timers {
    /// Sets or moves a timer.
    pub(super) fn arm(&mut self, key: impl Into<AnyTimer>, at: Instant) {
        let key = key.into();
        let due = (at, self.turn);
        self.due.insert(key, due);
        self.heap.push(Reverse((due, key)));
        self.compact();
    }

    /// A timer that is set again and again, or whose source is gone, leaves entries behind long
    /// before they come up. To rebuild at twice the number keeps the heap small at a constant cost
    /// for each.
    fn compact(&mut self) {
        if self.heap.len() > 2 * self.due.len() + 64 {
            self.heap = self.due.iter().map(|(key, due)| Reverse((*due, *key))).collect();
        }
    }

    /// Whether a timer is due, and fires in this turn or the next one. One that is to come as soon
    /// as possible is then left as it is: set again in every turn, it would never fire.
    pub(super) fn is_due(&self, key: AnyTimer, now: Instant) -> bool {
        self.due.get(&key).is_some_and(|(at, _)| *at <= now)
    }

    /// Whether a timer is set.
    pub(super) fn is_set(&self, key: AnyTimer) -> bool {
        self.due.contains_key(&key)
    }

    /// The number of this turn.
    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    /// A turn begins: what was set before it may fire.
    pub(super) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    pub(super) fn disarm(&mut self, key: impl Into<AnyTimer>) {
        self.due.remove(&key.into());
    }

    /// Drops all timers of a source.
    pub(super) fn forget(&mut self, id: Id) {
        // A timer of the handler sorts before those of the pool, and 0 is the least purpose.
        let first = AnyTimer::from(TimerKey::of(id, 0));
        while let Some((&key, _)) = self.due.range(first..).next()
            && key.id == first.id
        {
            self.due.remove(&key);
        }
        self.compact();
    }

    /// When the next timer is due.
    pub(super) fn next(&mut self) -> Option<Instant> {
        self.peek().map(|(at, _)| at)
    }

    fn peek(&mut self) -> Option<TimerEntry> {
        // An entry that `due` does not have was moved or dropped since: a heap cannot take it out.
        while let Some(Reverse((due, key))) = self.heap.peek() {
            if self.due.get(key) == Some(due) {
                return Some(*due);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes one timer that is due at `now` and was set before this turn.
    pub(super) fn pop(&mut self, now: Instant) -> Option<AnyTimer> {
        self.peek().filter(|(at, turn)| *at <= now && *turn < self.turn)?;
        let Reverse((_, key)) = self.heap.pop()?;
        self.due.remove(&key);
        Some(key)
    }
}

impl Pool {
    /// Sets a timer, or moves it; its `Timer` event comes `after` from now, and never in the same
    /// turn: `Duration::ZERO` means the next one, also where it is set over and over. More than 10 years
    /// count as 10 years. A source that is gone has no timers.
    pub fn arm(&mut self, key: TimerKey, after: Duration) {
        self.arm_any(key.into(), after);
    }

    /// Sets a timer of the pool, or moves it.
    pub(super) fn arm_own(&mut self, id: Option<Id>, purpose: OwnPurpose, after: Duration) {
        self.arm_any(AnyTimer::own(id, purpose), after);
    }

    /// Sets a timer of the pool, unless it is set already.
    pub(super) fn arm_own_once(&mut self, id: Option<Id>, purpose: OwnPurpose, after: Duration) {
        if !self.timers.is_set(AnyTimer::own(id, purpose)) {
            self.arm_own(id, purpose, after);
        }
    }

    fn arm_any(&mut self, key: AnyTimer, after: Duration) {
        if key.id.is_some_and(|id| self.sources.get(id).is_none()) {
            // `remove` has dropped the timers of that source; nothing would drop this one.
            return;
        }
        if !(after.is_zero() && self.timers.is_due(key, self.now)) {
            self.timers.arm(key, self.now + after.min(LONGEST));
        }
    }

    /// Sets a timer, unless it is set already.
    pub fn arm_once(&mut self, key: TimerKey, after: Duration) {
        if !self.timers.is_set(key.into()) {
            self.arm(key, after);
        }
    }

    /// Drops a timer.
    pub fn disarm(&mut self, key: TimerKey) {
        self.timers.disarm(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::{ConnectPolicy, Event, EventLoop, Handler};

    #[test]
    fn timers_fire_in_order_and_only_where_they_were_last_set() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let [a, b, c] = [1, 2, 3].map(TimerKey::global);
        let mut timers = Timers::default();
        timers.arm(a, at(30));
        timers.arm(b, at(20));
        timers.arm(c, at(10));
        timers.arm(a, at(5));
        timers.disarm(c);
        timers.begin_turn();
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop(at(4)), None);
        assert_eq!(timers.pop(at(100)), Some(a.into()));
        assert_eq!(timers.pop(at(100)), Some(b.into()));
        assert_eq!((timers.pop(at(100)), timers.next()), (None, None));
    }

    #[test]
    fn a_timer_fires_in_a_later_turn_than_it_was_set_in() {
        let now = Instant::now();
        let [a, b, c] = [1, 2, 3].map(TimerKey::global);
        let mut timers = Timers::default();
        timers.arm(b, now);
        timers.arm(c, now);
        timers.begin_turn();
        assert_eq!(timers.pop(now), Some(b.into()));
        // Set while it fires, it neither fires again nor holds up what was due.
        timers.arm(b, now);
        timers.arm(a, now);
        assert_eq!((timers.pop(now), timers.pop(now)), (Some(c.into()), None));
        assert_eq!(timers.next(), Some(now));
        timers.begin_turn();
        let fired = [timers.pop(now), timers.pop(now), timers.pop(now)];
        assert_eq!(fired, [Some(a.into()), Some(b.into()), None]);
    }

    #[test]
    fn a_timer_that_is_set_over_and_over_does_not_grow_the_heap() {
        let mut timers = Timers::default();
        let start = Instant::now();
        for ms in 0..10_000 {
            timers.arm(TimerKey::global(1), start + Duration::from_millis(ms));
        }
        assert!(timers.heap.len() < 100);
    }

    #[test]
    fn a_source_that_is_gone_leaves_no_timers() {
        let (mut timers, at) = (Timers::default(), Instant::now() + Duration::from_secs(3600));
        let kept = TimerKey::of(Id::for_tests(0), 9);
        timers.arm(kept, at);
        timers.arm(TimerKey::global(9), at);
        for number in 1..=10_000 {
            let id = Id::for_tests(number);
            for purpose in [0, 9, u8::MAX] {
                timers.arm(TimerKey::of(id, purpose), at);
            }
            timers.forget(id);
        }
        assert_eq!((timers.due.len(), timers.next()), (2, Some(at)));
        assert!(timers.heap.len() < 100, "{}", timers.heap.len());
    }

    /// In every turn it sets a timer for the next one, and counts.
    #[derive(Default)]
    struct Eager {
        turns: usize,
        has_fired: bool,
    }

    impl Handler for Eager {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            let Event::Timer { key } = event else { return };
            if key == TimerKey::global(1) {
                self.turns += 1;
                pool.arm(key, Duration::ZERO);
                pool.arm(TimerKey::global(2), Duration::ZERO);
            }
            self.has_fired |= key == TimerKey::global(2);
            if self.has_fired || self.turns == 10 {
                pool.stop();
            }
        }
    }

    #[test]
    fn a_timer_that_is_set_for_the_next_turn_in_every_turn_fires() {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.pool().arm(TimerKey::global(1), Duration::ZERO);
        let mut eager = Eager::default();
        event_loop.run(&mut eager).unwrap();
        assert_eq!((eager.turns, eager.has_fired), (2, true));
    }

    #[test]
    fn a_time_beyond_what_the_clock_can_count_is_far_off() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        pool.arm(TimerKey::global(1), Duration::MAX);
        let id = pool.connect("127.0.0.1:9").unwrap();
        pool.expect_within(id, Duration::MAX);
        let policy = ConnectPolicy::within(Duration::MAX).retry(1, Duration::MAX);
        let tried = pool.connect_with("127.0.0.1:9", policy).unwrap();
        event_loop
            .turn_until(&mut |_, event| matches!(event, Event::Retrying { id, .. } if id == tried));
        assert!(event_loop.timeout().is_some_and(|timeout| timeout > LONGEST / 4));
    }
}
