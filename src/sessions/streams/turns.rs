//! Whose turn it is to be read: all wait while stdout or a queue is full, those that had to wait are read
//! on one after the other, and one at a time makes a message that takes more than one turn to make.
//!
//! What is made of a message may take many times its memory, so one connection works at a time, and
//! the others wait with their whole frames: what they have sent counts in `--max-frame-total`.
//!
//! ```text
//!            more than one turn of work, and nobody works
//! Idle ────────────────────────────────────────────────────> Working ──> Idle
//!  │                                                          ^    made, or closed
//!  │ somebody works                nobody works, and it may   │
//!  └──────────────────> Waiting ──────────────────────────────┘
//! ```

use std::collections::VecDeque;

use crate::event_loop::Id;

/// Which connections are read, and which go on with what was read of them before.
#[derive(Default)]
pub(super) struct Turns {
    /// None is read, because of stdout or of a queue that blocks.
    is_paused: bool,
    /// Those that may be read again, and may have messages that were read before and had to wait.
    resumed: Vec<Id>,
    making: Making,
}

impl Turns {
    /// Whether none is read.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Reads none, or all; false where that is so already.
    pub(super) fn set_paused(&mut self, paused: bool) -> bool {
        std::mem::replace(&mut self.is_paused, paused) != paused
    }

    /// Whether a connection makes a message, or may begin to.
    pub(super) fn may_work(&self, id: Id, is_full: bool) -> bool {
        self.making.may_work(id, is_full)
    }

    /// A connection goes on with what was read of it.
    pub(super) fn go_on(&mut self, id: Id) {
        self.resumed.push(id);
    }

    /// The same for many.
    pub(super) fn all_go_on(&mut self, ids: impl Iterator<Item = Id>) {
        self.resumed.extend(ids);
    }

    /// The next one that goes on, the last one first.
    pub(super) fn next(&mut self) -> Option<Id> {
        self.resumed.pop()
    }

    /// A connection has been read: it is in the middle of a message or not, and has delivered others or
    /// not. Returns whether it keeps what it has made.
    pub(super) fn note_read(&mut self, id: Id, is_making: bool, has_delivered: bool) -> bool {
        self.making.note(id, is_making, has_delivered)
    }

    /// A connection makes no message, or is gone.
    pub(super) fn stop_making(&mut self, id: Id) {
        self.making.forget(id);
    }

    /// The connection that makes a message; or else the first of those that wait for that and are not
    /// held up.
    pub(super) fn maker(&self, is_full: impl Fn(Id) -> bool) -> Option<Id> {
        self.making.working.or_else(|| self.making.waiting.iter().copied().find(|id| !is_full(*id)))
    }

    /// Whether no connection makes a message.
    pub(super) fn is_free(&self) -> bool {
        self.making.working.is_none()
    }
}

/// One connection that makes a message, and those that wait for it.
#[derive(Default)]
struct Making {
    working: Option<Id>,
    /// In the order in which they came.
    waiting: VecDeque<Id>,
}

impl Making {
    /// Whether a connection may begin to make a message, or go on. One that has begun goes on even
    /// where its messages have to wait, for others wait for it; it delivers one of them.
    fn may_work(&self, id: Id, is_full: bool) -> bool {
        self.working.map_or(!is_full, |working| working == id)
    }

    /// A connection has been read: it is in the middle of a message or not, and has delivered others or
    /// not. Returns whether it keeps what it has made.
    fn note(&mut self, id: Id, is_making: bool, has_delivered: bool) -> bool {
        if is_making && !has_delivered && self.working == Some(id) {
            return true;
        }
        self.forget(id);
        // After each message another one has its turn.
        let keeps = self.working.is_none() && (!has_delivered || self.waiting.is_empty());
        match (is_making, keeps) {
            (true, true) => self.working = Some(id),
            (true, false) => self.waiting.push_back(id),
            (false, _) => {}
        }
        keeps || !is_making
    }

    /// A connection makes no message, or is gone.
    fn forget(&mut self, id: Id) {
        self.waiting.retain(|waiting| *waiting != id);
        self.working.take_if(|working| *working == id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_works_and_the_others_wait_in_order() {
        let mut making = Making::default();
        let [one, two, three] = [1, 2, 3].map(Id::for_tests);
        assert!(making.may_work(one, false) && !making.may_work(one, true));
        assert!(making.note(one, true, false) && !making.note(two, true, false));
        assert!(!making.note(three, true, false));
        assert!(making.may_work(one, true) && !making.may_work(two, false));
        // It has made one, and has begun another.
        assert!(!making.note(one, true, true));
        assert_eq!(
            (making.working, making.waiting.iter().copied().collect()),
            (None, vec![two, three, one])
        );
        assert!(making.note(two, true, false));
        making.forget(two);
        making.forget(three);
        assert!(making.note(one, true, false) && making.note(one, true, true));
        assert!(making.note(one, false, true));
        assert_eq!((making.working, making.waiting.len()), (None, 0));
    }

    #[test]
    fn the_maker_is_the_one_at_work_or_the_first_that_may_begin() {
        let mut turns = Turns::default();
        let [one, two, three] = [1, 2, 3].map(Id::for_tests);
        assert!(turns.is_free() && turns.maker(|_| false).is_none());
        for id in [one, two, three] {
            assert_eq!(turns.note_read(id, true, false), id == one);
        }
        assert_eq!((turns.is_free(), turns.maker(|_| true)), (false, Some(one)));
        turns.stop_making(one);
        assert_eq!((turns.is_free(), turns.maker(|id| id == two)), (true, Some(three)));
        assert_eq!(turns.maker(|_| true), None);
    }

    #[test]
    fn a_pause_is_news_once_and_each_goes_on_once() {
        let mut turns = Turns::default();
        assert_eq!([true, true, false].map(|paused| turns.set_paused(paused)), [true, false, true]);
        turns.go_on(Id::for_tests(1));
        turns.all_go_on([2, 3].map(Id::for_tests).into_iter());
        let order = std::iter::from_fn(|| turns.next()).collect::<Vec<_>>();
        assert_eq!(order, [3, 2, 1].map(Id::for_tests));
    }
}
