//! Who makes a message that takes more than one turn to make.
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

/// One connection that makes a message, and those that wait for it.
#[derive(Default)]
pub(super) struct Making {
    working: Option<Id>,
    /// In the order in which they came.
    waiting: VecDeque<Id>,
}

impl Making {
    /// Whether a connection may begin to make a message, or go on. One that has begun goes on even
    /// where its messages have to wait, for others wait for it; it delivers one of them.
    pub(super) fn may_work(&self, id: Id, is_full: bool) -> bool {
        self.working.map_or(!is_full, |working| working == id)
    }

    /// A connection has been read: it is in the middle of a message or not, and has delivered others or
    /// not. Returns whether it keeps what it has made.
    pub(super) fn note(&mut self, id: Id, is_making: bool, has_delivered: bool) -> bool {
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
    pub(super) fn forget(&mut self, id: Id) {
        self.waiting.retain(|waiting| *waiting != id);
        self.working.take_if(|working| *working == id);
    }

    pub(super) fn working(&self) -> Option<Id> {
        self.working
    }

    /// Those that wait, in their order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Id> {
        self.waiting.iter().copied()
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
        assert_eq!((making.working(), making.waiting().collect()), (None, vec![two, three, one]));
        assert!(making.note(two, true, false));
        making.forget(two);
        making.forget(three);
        assert!(making.note(one, true, false) && making.note(one, true, true));
        assert!(making.note(one, false, true));
        assert_eq!((making.working(), making.waiting().count()), (None, 0));
    }
}
