//! Timers: a heap with lazy cancellation.
//!
//! Setting a timer again leaves the old entry in the heap, where it is passed over when its time
//! comes. An idle limit costs nothing per packet: its timer compares the last activity when it
//! fires, and is set again for the rest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use super::id::Id;

/// Names a timer: what it is for, and for which source, where it is for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerKey {
    /// The source it belongs to; the timer is dropped with it.
    pub id: Option<Id>,
    /// What it is for, in numbers of the handler's own. 240 and above belong to the pool.
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

/// The pending timers of one loop.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, TimerKey)>>,
    due: HashMap<TimerKey, Instant>,
}

impl Timers {
    /// Sets or moves a timer.
    pub(super) fn arm(&mut self, key: TimerKey, at: Instant) {
        self.due.insert(key, at);
        self.heap.push(Reverse((at, key)));
        if self.heap.len() > 2 * self.due.len() + 64 {
            self.heap = self.due.iter().map(|(key, at)| Reverse((*at, *key))).collect();
        }
    }

    pub(super) fn disarm(&mut self, key: TimerKey) {
        self.due.remove(&key);
    }

    /// When the next timer is due.
    pub(super) fn next(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, key))) = self.heap.peek() {
            if self.due.get(key) == Some(at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes one timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<TimerKey> {
        self.next().filter(|at| *at <= now)?;
        let Reverse((_, key)) = self.heap.pop()?;
        self.due.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop(at(4)), None);
        assert_eq!(timers.pop(at(100)), Some(a));
        assert_eq!(timers.pop(at(100)), Some(b));
        assert_eq!((timers.pop(at(100)), timers.next()), (None, None));
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
}
