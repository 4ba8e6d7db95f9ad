//! `--test`: datagrams that carry a sequence number and the time they were sent.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::pacer::Pacer;
use crate::protocol::probe::Probe;
use crate::sessions::config::Test;
use crate::sessions::input::Batch;

/// Probes made at once; more are due only after a stall.
const BURST: usize = 64;

/// Makes probes at their rate.
pub(super) struct Prober {
    size: usize,
    pacer: Pacer,
    sender: u64,
    next: u64,
    /// How many in all, where that is limited.
    count: Option<u64>,
    until: Option<Instant>,
}

impl Prober {
    pub(super) fn new(test: &Test, now: Instant) -> Self {
        Self {
            size: test.size.max(Probe::SIZE),
            pacer: Pacer::new(test.rate, now),
            sender: fastrand::u64(..),
            next: 0,
            count: test.count,
            until: test.duration.map(|duration: Duration| now + duration),
        }
    }

    /// The probes that are due; `None` where none is.
    pub(super) fn due(&mut self, now: Instant) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.ends.len() < BURST && !self.is_done(now) {
            if !self.pacer.try_take(self.size, now) {
                break;
            }
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let sent = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
            let start = batch.bytes.len();
            batch.bytes.resize(start + self.size, 0);
            let probe = Probe { sequence: self.next, sender: self.sender, sent };
            if let Some(payload) = batch.bytes.get_mut(start..) {
                // The size has been checked to hold a probe.
                let _ = probe.write(payload);
            }
            batch.ends.push(batch.bytes.len());
            self.next += 1;
        }
        (!batch.ends.is_empty()).then_some(batch)
    }

    /// Whether the last probe has been made.
    pub(super) fn is_done(&self, now: Instant) -> bool {
        self.count.is_some_and(|count| self.next >= count)
            || self.until.is_some_and(|until| now >= until)
    }

    /// When the next probe is due.
    pub(super) fn next_at(&self) -> Instant {
        let next = self.pacer.next_at();
        self.until.map_or(next, |until| next.min(until))
    }
}
