//! `--delay`: answers that wait. All wait equally long, so the first to come is the first to be due.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::event_loop::Id;
use crate::sys::mmsg::Sender;

/// Bytes that may wait for one source before it is paused.
const LIMIT: usize = 4 << 20;
/// Bytes that an answer costs beside its payload.
const COST: usize = 128;

/// An answer that waits.
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    /// The receiver of a datagram; `None` on a stream.
    pub(super) to: Option<Sender>,
}

/// The answers that wait, in the order in which they are due.
pub(super) struct DelayQueue {
    delay: Duration,
    queue: VecDeque<(Instant, Id, Answer)>,
    /// Bytes that wait for each source that has an answer here.
    held: HashMap<Id, usize>,
}

impl DelayQueue {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, queue: VecDeque::new(), held: HashMap::new() }
    }

    /// Whether answers wait at all.
    pub(super) fn is_enabled(&self) -> bool {
        !self.delay.is_zero()
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Adds an answer to a message that came at this time.
    pub(super) fn push(&mut self, came: Instant, id: Id, answer: Answer) {
        *self.held.entry(id).or_default() += answer.bytes.len() + COST;
        self.queue.push_back((came + self.delay, id, answer));
    }

    /// When the next answer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.front().map(|(due, ..)| *due)
    }

    /// Takes an answer that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Id, Answer)> {
        self.next().filter(|due| *due <= now)?;
        let (_, id, answer) = self.queue.pop_front()?;
        if let Some(held) = self.held.get_mut(&id) {
            *held = held.saturating_sub(answer.bytes.len() + COST);
            if *held == 0 {
                self.held.remove(&id);
            }
        }
        Some((id, answer))
    }

    /// Whether a source has reached the limit of bytes that may wait.
    pub(super) fn is_full(&self, id: Id) -> bool {
        self.held.get(&id).is_some_and(|held| *held >= LIMIT)
    }

    /// Whether a source has answers here.
    pub(super) fn has(&self, id: Id) -> bool {
        self.held.contains_key(&id)
    }

    /// Drops all answers.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(len: usize) -> Answer {
        Answer { bytes: vec![b'x'; len].into(), to: None }
    }

    #[test]
    fn answers_are_due_in_order_and_after_the_delay() {
        let (start, delay) = (Instant::now(), Duration::from_millis(20));
        let (one, other) = (Id::for_tests(1), Id::for_tests(2));
        let mut queue = DelayQueue::new(delay);
        queue.push(start, one, answer(1));
        queue.push(start + delay / 2, other, answer(2));
        assert!(queue.pop(start + delay / 2).is_none());
        assert_eq!(queue.next(), Some(start + delay));
        assert_eq!(
            queue.pop(start + delay).map(|(id, answer)| (id, answer.bytes.len())),
            Some((one, 1))
        );
        assert!(!queue.has(one) && queue.has(other));
        assert!(queue.pop(start + delay).is_none());
    }

    #[test]
    fn a_source_is_full_at_the_limit_and_no_longer_when_it_is_answered() {
        let (start, one, other) = (Instant::now(), Id::for_tests(1), Id::for_tests(2));
        let mut queue = DelayQueue::new(Duration::ZERO);
        queue.push(start, one, answer(LIMIT - COST - 1));
        assert!(!queue.is_full(one));
        queue.push(start, one, answer(0));
        assert!(queue.is_full(one) && !queue.is_full(other));
        queue.pop(start);
        assert!(!queue.is_full(one) && queue.has(one));
        queue.clear();
        assert!(!queue.has(one) && queue.next().is_none());
    }
}
