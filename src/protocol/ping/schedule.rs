//! When probes are due.

use std::time::{Duration, Instant};

/// What it takes to wake up at a given time. That is our own, and not the network's.
const WAKING: Duration = Duration::from_micros(200);

/// The probes of one connection: how many, and when.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    count: u64,
    sent: u64,
    begun: Instant,
}

impl Schedule {
    /// `count` probes from `begun` on. Without an interval each is due when the one before has its
    /// answer.
    pub fn new(interval: Duration, count: u64, begun: Instant) -> Self {
        Self { interval, count, sent: 0, begun }
    }

    /// Whether the answer to a probe makes the next one due.
    pub fn is_closed_loop(&self) -> bool {
        self.interval.is_zero()
    }

    /// Whether all probes are sent.
    pub fn is_over(&self) -> bool {
        self.sent >= self.count
    }

    /// When the next probe is due, however late the one before was sent; `None` after the last.
    /// In a closed loop it is due at any time.
    pub fn due(&self) -> Option<Instant> {
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(self.sent));
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        (!self.is_over()).then(|| self.begun.checked_add(after).unwrap_or(self.begun))
    }

    /// When the round trip of a probe begins: when it is sent, if that is as good as in time, and
    /// when it was due, if the sender is late.
    pub fn begins(&self, due: Instant, sent: Instant) -> Instant {
        let late = sent.saturating_duration_since(due);
        if late <= WAKING.min(self.interval / 2) { sent } else { due }
    }

    /// The next probe is sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_due_in_step_however_late_they_are_sent() {
        let begun = Instant::now();
        let mut schedule = Schedule::new(Duration::from_millis(10), 3, begun);
        let mut due = Vec::new();
        while let Some(at) = schedule.due() {
            due.push((at - begun).as_millis());
            schedule.sent();
        }
        assert_eq!(due, [0, 10, 20]);
        assert!(schedule.is_over() && !schedule.is_closed_loop());
    }

    #[test]
    fn a_late_sender_does_not_make_the_round_trip_shorter() {
        let (due, micros) = (Instant::now(), Duration::from_micros);
        for (interval, late, counts_from) in
            [(10_000, 0, 0), (10_000, 200, 200), (10_000, 201, 0), (100, 50, 50), (100, 51, 0)]
        {
            let schedule = Schedule::new(micros(interval), 1, due);
            let begins = schedule.begins(due, due + micros(late));
            assert_eq!(begins, due + micros(counts_from), "{interval} {late}");
        }
    }
}
