//! `--delay`: answers that are held back. All for the same time, so that the first to come is the
//! first to be due.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::event_loop::Id;
use crate::sys::mmsg::Sender;

/// What may be held back for one source, in bytes, before it is read no further.
const MUCH: usize = 4 << 20;
/// What an answer costs beside its bytes.
const COST: usize = 128;

/// An answer on its way.
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    /// Whom to send it to; on a stream there is only one.
    pub(super) to: Option<Sender>,
}

/// The answers that are held back.
pub(super) struct Delayed {
    delay: Duration,
    queue: VecDeque<(Instant, Id, Answer)>,
    /// What is held back for each source that has anything.
    held: HashMap<Id, usize>,
}

impl Delayed {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, queue: VecDeque::new(), held: HashMap::new() }
    }

    /// Whether answers are held back at all.
    pub(super) fn is_wanted(&self) -> bool {
        !self.delay.is_zero()
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Holds an answer back, counted from when its message came.
    pub(super) fn push(&mut self, came: Instant, id: Id, answer: Answer) {
        *self.held.entry(id).or_default() += answer.bytes.len() + COST;
        self.queue.push_back((came + self.delay, id, answer));
    }

    /// When the next answer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.front().map(|(due, ..)| *due)
    }

    /// An answer that is due.
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

    /// Whether much is held back for a source.
    pub(super) fn is_much(&self, id: Id) -> bool {
        self.held.get(&id).is_some_and(|held| *held >= MUCH)
    }

    /// Whether anything is.
    pub(super) fn has(&self, id: Id) -> bool {
        self.held.contains_key(&id)
    }

    /// Gives everything up.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.held.clear();
    }
}
