//! When the loop rests for a moment, so that datagrams gather in the kernel and are received together.
//!
//! A loop that keeps up with a stream of them wakes up for a few at a time, which costs more than anything else.
//! What a datagram of 1,200 bytes costs a bare loop of epoll_wait(2), recvmmsg(2) of 64 and a copy, where
//! 300,000 a second come one by one (SCHED_FIFO, Linux 6.18, medians of 5 of 150,000), and `udp-listen`:
//!
//! | rest | µs of CPU each | waits | `udp-listen` |
//! |---|---|---|---|
//! | none, which takes 190,000 a second | 4.52 | 32,127 | |
//! | 50 µs | 1.42 | 5,196 | 1.53 (and none behind 32 or more) |
//! | 100 µs | 1.20 | 3,036 | |
//! | 150 µs | 1.11 | 2,108 | 1.18 |
//! | 400 µs | 0.96 | 872 | |
//!
//! The kernel adds 50 µs to each rest (PR_SET_TIMERSLACK). Where all wait already, the calls take 0.65
//! and the copy 0.06. More than 0.2 ms is more than a reader of the output may be asked to wait.

use std::time::Duration;

use super::datagram_transport::DatagramTransport;
use crate::sys::mmsg;

/// How long the loop rests, and how long where the receive buffer holds some thousand datagrams.
const SHORT: Duration = Duration::from_micros(50);
const LONG: Duration = Duration::from_micros(150);
/// Single datagrams that come this close to each other are worth a rest.
const CLOSE: Duration = Duration::from_micros(25);
/// As many as one call receives: behind them there may be more already.
const FULL: usize = mmsg::SLOTS;

/// Of one socket.
pub(super) struct BatchWait {
    /// `None` where datagrams that wait for a moment may fill the receive buffer.
    rest: Option<Duration>,
    /// The last batch came so soon after the one before, or is so small for a batch, that it
    /// would have been worth a moment to receive more at once.
    arrives_fast: bool,
}

impl BatchWait {
    pub(super) fn new(socket: &dyn DatagramTransport) -> Self {
        let rest = socket.has_room().then(|| if socket.has_much_room() { LONG } else { SHORT });
        Self { rest, arrives_fast: false }
    }

    /// Notes how many datagrams came together, and how long after those before.
    pub(super) fn note(&mut self, count: usize, since: Duration) {
        self.arrives_fast = count < FULL && (count > 1 || since < CLOSE);
    }

    /// How long to rest now.
    pub(super) fn rest(&self) -> Option<Duration> {
        self.rest.filter(|_| self.arrives_fast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_for_datagrams_that_come_in_quick_succession_and_not_behind_a_full_batch() {
        let mut wait = BatchWait { rest: Some(SHORT), arrives_fast: false };
        let (soon, late) = (Duration::from_micros(10), Duration::from_millis(1));
        for (count, since, rests) in [
            (1, late, false),
            (1, soon, true),
            (2, late, true),
            (FULL - 1, late, true),
            (FULL, soon, false),
        ] {
            wait.note(count, since);
            assert_eq!(wait.rest(), rests.then_some(SHORT), "{count} after {since:?}");
        }
        wait.note(2, soon);
        assert_eq!(BatchWait { rest: None, ..wait }.rest(), None);
    }
}
