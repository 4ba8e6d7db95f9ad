//! What the run is for: `--expect` and `--count`.

use std::sync::atomic::Ordering::Relaxed;

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::expect::Lookout;
use crate::protocol::text::number;
use crate::sessions::config::Goal;

/// How far the run has come to the message or the number of messages that ends it. Where both are
/// given, either does.
pub(super) struct GoalState {
    goal: Goal,
    /// Searches each message. Streams without messages are searched by their receivers.
    lookout: Option<Lookout>,
    matched: bool,
    /// The last bytes received, for the failure of `--expect`.
    last: Vec<u8>,
    /// More came than that.
    is_cut: bool,
}

/// How many of the bytes received are quoted where none of them match.
const QUOTED: usize = 200;

impl GoalState {
    pub(super) fn new(goal: Goal, has_messages: bool) -> Self {
        let mut state =
            Self { goal, lookout: None, matched: false, last: Vec::new(), is_cut: false };
        if has_messages {
            state.search_messages();
        }
        state
    }

    /// Whether there is one.
    pub(super) fn is_set(&self) -> bool {
        let Goal { expect, count, left } = &self.goal;
        expect.is_some() || count.is_some() || left.is_some()
    }

    /// Searches messages from now on.
    pub(super) fn search_messages(&mut self) {
        self.lookout = self.goal.expect.as_ref().map(Lookout::new);
    }

    /// Looks for `--expect` in a message.
    pub(super) fn search(&mut self, payload: &[u8]) {
        if self.goal.expect.is_some() {
            self.keep(payload);
        }
        self.matched |= self.lookout.as_mut().is_some_and(|lookout| lookout.matches(payload));
    }

    /// Keeps the last bytes of all that came.
    fn keep(&mut self, payload: &[u8]) {
        let over = (self.last.len() + payload.len()).saturating_sub(QUOTED);
        self.is_cut |= over > 0;
        self.last.drain(..over.min(self.last.len()));
        self.last.extend_from_slice(&payload[payload.len().saturating_sub(QUOTED)..]);
    }

    /// Takes one of the messages that are left for all loops; false where none is.
    pub(super) fn take(&mut self) -> bool {
        let Some(left) = &self.goal.left else { return true };
        let taken = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        self.matched |= matches!(taken, Ok(1) | Err(_));
        taken.is_ok()
    }

    /// Notes that a stream without messages has matched, or another loop has enough.
    pub(super) fn note_match(&mut self) {
        self.matched = true;
    }

    /// Whether `received` messages are enough, or one of them has matched.
    pub(super) fn is_met(&self, received: u64) -> bool {
        self.matched || self.goal.count.is_some_and(|count| received >= count)
    }

    /// The failure of a run that ends before `--expect` or `--count` is met.
    pub(super) fn unmet(&self, received: u64) -> Option<Failure> {
        match (&self.goal.expect, self.goal.count) {
            _ if self.matched => None,
            (Some(expect), _) => {
                let target = format!("a match of {:?}", expect.to_string());
                let came = self.last.escape_ascii();
                let cause = match (self.last.is_empty(), self.is_cut) {
                    (true, _) => "nothing that came matches".to_owned(),
                    (false, false) => format!("nothing that came matches; it was \"{came}\""),
                    (false, true) => {
                        format!(
                            "nothing that came matches; its last {QUOTED} bytes were \"{came}\""
                        )
                    }
                };
                Some(Failure::new(Status::Unmet, Kind::Expect, "receive", target, cause))
            }
            (None, Some(count)) if received < count => {
                let (target, cause) = (number(count, "message"), format!("{received} came"));
                Some(Failure::new(Status::Unmet, Kind::Count, "receive", target, cause))
            }
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn a_match_or_the_count_is_enough_and_a_missing_match_is_a_failure() {
        let expect = Some("ok".parse().unwrap());
        let mut goal = GoalState::new(Goal { expect, count: Some(2), left: None }, true);
        goal.search(b"no");
        assert!(!goal.is_met(1));
        assert!(goal.is_met(2));
        assert_eq!(goal.unmet(2).map(|failure| failure.status), Some(Status::Unmet));
        goal.search(b"it is ok");
        assert!(goal.is_met(1));
        assert_eq!(goal.unmet(1), None);
    }

    #[test]
    fn the_end_of_what_came_is_quoted() {
        let expect = Some("ok".parse().unwrap());
        let mut goal = GoalState::new(Goal { expect, count: None, left: None }, false);
        let cause = |goal: &GoalState| goal.unmet(0).map(|failure| failure.cause.clone()).unwrap();
        assert_eq!(cause(&goal), "nothing that came matches");
        goal.search(b"n\xff\r\n");
        assert_eq!(cause(&goal), r#"nothing that came matches; it was "n\xff\r\n""#);
        goal.search(&[b'a'; 150]);
        goal.search(&[b'b'; 100]);
        let quoted = format!("bytes were \"{}{}\"", "a".repeat(100), "b".repeat(100));
        assert!(cause(&goal).ends_with(&quoted), "{}", cause(&goal));
        goal.search(&[b'c'; 1000]);
        assert!(
            cause(&goal).ends_with(&format!("its last 200 bytes were \"{}\"", "c".repeat(200)))
        );
    }

    #[test]
    fn the_goals_of_two_loops_take_no_message_more_than_are_left() {
        let left = Some(Arc::new(AtomicU64::new(3)));
        let mut goals = [(); 2]
            .map(|()| GoalState::new(Goal { expect: None, count: None, left: left.clone() }, true));
        assert_eq!([goals[0].take(), goals[1].take()], [true; 2]);
        assert_eq!(goals.each_ref().map(|goal| goal.is_met(0)), [false; 2]);
        assert!(goals[1].take() && goals[1].is_met(0));
        assert!(!goals[0].take() && goals[0].is_met(0));
    }
}
