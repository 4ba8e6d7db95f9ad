//! How long a connection is tried for: what time an attempt gets, and when the next one follows. Time and
//! randomness are arguments.

use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::sockets::attempts::Backoff;

/// The first and the longest pause between attempts of `--reconnect`.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// The same for `--wait`, where the user waits for the answer.
const WAIT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// What the last attempt of a `--wait` gets, which begins when that ends.
const LAST: Duration = Duration::from_secs(1);

/// The time and the attempts that a connection has.
///
/// ```text
/// begin ──> attempt ── it failed: next_pause ──> a pause, and the next attempt
///              ^                    │      └───> none: no patience is left
///              └──── the pause ─────┘
/// ```
pub(super) struct Patience {
    /// How long to go on trying: `None` is for ever.
    total: Option<Duration>,
    backoff: Backoff,
    since: Instant,
    /// Attempts since then.
    tries: u64,
    /// How long any attempt may take.
    timeout: Duration,
    /// How long this one may.
    limit: Duration,
}

impl Patience {
    /// One attempt of this length.
    pub(super) fn once(timeout: Duration, now: Instant) -> Self {
        let (total, backoff) = (Some(Duration::ZERO), WAIT);
        Self { total, backoff, since: now, tries: 0, timeout, limit: timeout }
    }

    /// Attempts within `wait`.
    pub(super) fn of_wait(wait: Option<Duration>, timeout: Duration, now: Instant) -> Self {
        Self { total: wait.or(Some(Duration::ZERO)), ..Self::once(timeout, now) }
    }

    /// The same for a connection that is made again when it is lost: without `wait`, for ever.
    pub(super) fn of_reconnect(wait: Option<Duration>, timeout: Duration, now: Instant) -> Self {
        Self { total: wait, backoff: RECONNECT, ..Self::once(timeout, now) }
    }

    /// The time begins, with a first attempt to come.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.since, self.tries) = (now, 0);
    }

    /// The same after a connection was lost, which may have been good for something: returns the pause
    /// before the first attempt.
    pub(super) fn begin_again(&mut self, now: Instant, was_useful: bool, chance: f64) -> Duration {
        if was_useful {
            self.backoff.reset();
        }
        self.begin(now);
        self.backoff.pause(chance)
    }

    /// An attempt begins. Returns how long it may take: a peer that does not answer makes no `--wait`
    /// longer.
    pub(super) fn attempt(&mut self, now: Instant) -> Duration {
        self.tries += 1;
        self.limit = match self.total {
            None | Some(Duration::ZERO) => self.timeout,
            Some(total) => self.timeout.min(total.saturating_sub(self.spent(now)).max(LAST)),
        };
        self.limit
    }

    /// How long this attempt may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The attempt has failed: the pause before the next one, where there is time for one. A listener
    /// that is there and has too much to do for now (`is_busy`) is tried for as long as any attempt.
    pub(super) fn next_pause(
        &mut self,
        now: Instant,
        is_busy: bool,
        chance: f64,
    ) -> Option<Duration> {
        let total = if is_busy { Some(self.timeout) } else { self.total };
        let left = total.map(|total| total.saturating_sub(self.spent(now)));
        if left.is_some_and(|left| left.is_zero()) {
            return None;
        }
        // The last attempt is made when patience ends, and not before.
        Some(self.backoff.pause(chance).min(left.unwrap_or(Duration::MAX)))
    }

    /// A failure that ends it, with how often and for how long it was tried.
    pub(super) fn tried(&self, failure: Failure, now: Instant) -> Failure {
        if self.tries < 2 {
            return failure;
        }
        let spent = self.spent(now).as_millis();
        let spent = Duration::from_millis(u64::try_from(spent).unwrap_or(u64::MAX));
        let spent = humantime::format_duration(spent);
        let tried = format!("tried {} times in {spent}", self.tries);
        let fix = match &failure.fix {
            Some(fix) => format!("{fix}; {tried}"),
            None => tried,
        };
        failure.fix(fix)
    }

    fn spent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::kind::Kind;

    const SECOND: Duration = Duration::from_secs(1);

    fn failure() -> Failure {
        Failure::new(Status::Connect, Kind::Closed, "connect to", "a:1", "it is closed")
    }

    #[test]
    fn one_attempt_has_all_the_time_and_no_second_one() {
        let now = Instant::now();
        let mut patience = Patience::once(10 * SECOND, now);
        patience.begin(now);
        assert_eq!((patience.attempt(now), patience.limit()), (10 * SECOND, 10 * SECOND));
        assert_eq!(patience.next_pause(now, false, 1.0), None);
        assert_eq!(patience.tried(failure(), now + SECOND), failure());
        // A busy listener is asked again.
        assert!(patience.next_pause(now + 9 * SECOND, true, 1.0).is_some());
        assert_eq!(patience.next_pause(now + 10 * SECOND, true, 1.0), None);
    }

    #[test]
    fn attempts_of_a_wait_get_what_is_left_of_it_and_the_last_one_a_second() {
        let start = Instant::now();
        let mut patience = Patience::of_wait(Some(4 * SECOND), 10 * SECOND, start);
        patience.begin(start);
        for (at, limit, pause) in [(0, 4, Some(50)), (2, 2, Some(100)), (4, 1, None)] {
            let now = start + at * SECOND;
            assert_eq!(patience.attempt(now), limit * SECOND, "at {at} s");
            let expected = pause.map(Duration::from_millis);
            assert_eq!(patience.next_pause(now, false, 1.0), expected, "at {at} s");
        }
        // What is left is less than the pause.
        let late = start + 4 * SECOND - Duration::from_millis(7);
        assert_eq!(patience.next_pause(late, false, 1.0), Some(Duration::from_millis(7)));
        let tried = patience.tried(failure().fix("mend it"), start + 4 * SECOND);
        assert_eq!(tried.fix.as_deref(), Some("mend it; tried 3 times in 4s"));
    }

    #[test]
    fn a_connection_that_was_of_use_is_made_again_soon_and_others_later_and_later() {
        let now = Instant::now();
        let mut patience = Patience::of_reconnect(None, SECOND, now);
        let pauses =
            [true, false, false, true].map(|useful| patience.begin_again(now, useful, 1.0));
        assert_eq!(pauses, [50, 100, 200, 50].map(Duration::from_millis));
        patience.attempt(now);
        let much_later = now + 1000 * SECOND;
        assert!(patience.next_pause(much_later, false, 1.0).is_some(), "it goes on for ever");
    }
}
