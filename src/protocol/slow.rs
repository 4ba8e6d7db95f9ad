//! What happens to a client that does not keep up with what is sent to it.
//!
//! Pure. A full queue first pauses whatever feeds it, so that a client that is merely slower
//! than the rest loses nothing; only one that drains nothing at all for a while meets the policy.

use std::str::FromStr;
use std::time::Duration;

/// What is done to a client that drains nothing (`--slow`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Closed with reason `slow`.
    Kick,
    /// Skipped by whole messages, which are counted.
    Drop,
    /// Waited for.
    Block,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kick" => Ok(Self::Kick),
            "drop" => Ok(Self::Drop),
            "block" => Ok(Self::Block),
            _ => Err("use kick, drop or block".into()),
        }
    }
}

/// How soon a client that is waited for without a patience of the user's is looked at again: others
/// may have come meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The rules for slow clients of one server.
#[derive(Clone, Copy, Debug)]
pub struct SlowRules {
    /// The policy, where one was asked for.
    pub policy: Option<Policy>,
    /// How long a full queue may stand still (`--slow-after`). Zero: not at all, and nothing
    /// is ever paused for it.
    pub after: Duration,
}

/// What to do about a client whose queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowAction {
    /// Pause what feeds it, and look again after this time.
    Wait(Duration),
    /// Pause what feeds it until it drains.
    Hold,
    /// Close it.
    Kick,
    /// Pass it over until it drains.
    Skip,
}

impl SlowRules {
    /// Waits for as long as it takes.
    pub const PATIENT: Self = Self { policy: Some(Policy::Block), after: Duration::ZERO };

    /// Whether a client whose queue has just become full is waited for, even without patience.
    pub fn holds_at_once(&self, clients: usize) -> bool {
        // Beyond any patience, only a client that is not given up is held.
        matches!(self.decide(Duration::MAX, clients), SlowAction::Hold | SlowAction::Wait(_))
    }

    /// Decides about a client whose queue is full and has not got shorter for `stalled`.
    ///
    /// Without a policy of the user's, one client alone is waited for, because no other
    /// suffers; among several it is kicked.
    pub fn decide(&self, stalled: Duration, clients: usize) -> SlowAction {
        // With a single client nobody waits but itself, as in a pipe.
        let default = if clients > 1 { Policy::Kick } else { Policy::Block };
        match self.policy.unwrap_or(default) {
            // The clients may become more meanwhile, so the default has to look again.
            Policy::Block if self.policy.is_none() => {
                SlowAction::Wait(if self.after.is_zero() { LOOK_AGAIN } else { self.after })
            }
            Policy::Block => SlowAction::Hold,
            _ if stalled < self.after => SlowAction::Wait(self.after - stalled),
            Policy::Kick => SlowAction::Kick,
            Policy::Drop => SlowAction::Skip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_meets_the_policy_only_after_it_stood_still() {
        let second = Duration::from_secs(1);
        let [none, some, all] = [0, 400, 1000].map(Duration::from_millis);
        for (policy, after, stalled, clients, expected) in [
            (None, second, none, 1, SlowAction::Wait(second)),
            (None, second, all, 1, SlowAction::Wait(second)),
            (None, second, some, 2, SlowAction::Wait(second - some)),
            (None, second, all, 2, SlowAction::Kick),
            (Some(Policy::Kick), second, all, 1, SlowAction::Kick),
            (Some(Policy::Drop), second, some, 9, SlowAction::Wait(second - some)),
            (Some(Policy::Drop), second, all, 9, SlowAction::Skip),
            (Some(Policy::Block), second, all, 9, SlowAction::Hold),
            (None, none, none, 2, SlowAction::Kick),
            (None, none, none, 1, SlowAction::Wait(LOOK_AGAIN)),
            (None, none, all, 1, SlowAction::Wait(LOOK_AGAIN)),
            (Some(Policy::Block), none, none, 1, SlowAction::Hold),
            (Some(Policy::Drop), none, none, 1, SlowAction::Skip),
        ] {
            let rules = SlowRules { policy, after };
            assert_eq!(rules.decide(stalled, clients), expected, "{rules:?} {stalled:?} {clients}");
        }
    }

    #[test]
    fn only_a_client_that_is_not_given_up_is_held_at_once() {
        let after = Duration::ZERO;
        for (policy, clients, expected) in [
            (None, 1, true),
            (None, 2, false),
            (Some(Policy::Block), 2, true),
            (Some(Policy::Kick), 1, false),
            (Some(Policy::Drop), 1, false),
        ] {
            let rules = SlowRules { policy, after };
            assert_eq!(rules.holds_at_once(clients), expected, "{policy:?} {clients}");
        }
    }
}
