//! What a socket loses: datagrams that the kernel drops because its receive buffer is full.

/// The sentence for the first datagrams that the kernel drops.
pub(crate) const DROPPING: &str = "the kernel drops datagrams, because they come faster than they are taken (-O rcvbuf=SIZE \
     gives them more room); the end says how many";

/// The sentence for all of them at the end.
pub(crate) fn dropped_in_all(count: u64) -> String {
    format!("datagrams dropped by the kernel: {count}")
}

/// The drops of one socket, from the kernel's counter (SO_RXQ_OVFL), which wraps at 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketStats {
    /// The counter as it was seen last.
    counter: u32,
    dropped: u64,
    /// The part of `dropped` that was reported.
    reported: u64,
}

impl SocketStats {
    /// Notes what the counter is now; true where these are the first drops of the socket.
    pub(crate) fn note(&mut self, counter: u32) -> bool {
        let more = u64::from(counter.wrapping_sub(self.counter));
        let is_first = self.dropped == 0 && more > 0;
        self.counter = counter;
        self.dropped += more;
        debug_assert!(self.reported <= self.dropped);
        is_first
    }

    /// Drops so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The drops to report: all of them, or those since the last call.
    pub(crate) fn take(&mut self, since_the_last: bool) -> u64 {
        let before = std::mem::replace(&mut self.reported, self.dropped);
        self.dropped - if since_the_last { before } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_wraps_and_only_the_first_drops_are_news() {
        let mut stats = SocketStats::default();
        assert!(!stats.note(0));
        assert!(stats.note(u32::MAX));
        assert!(!stats.note(2));
        assert_eq!(stats.dropped(), u64::from(u32::MAX) + 3);
    }

    #[test]
    fn an_interval_has_what_came_since_the_one_before() {
        let mut stats = SocketStats::default();
        stats.note(3);
        assert_eq!((stats.take(true), stats.take(true)), (3, 0));
        stats.note(10);
        assert_eq!((stats.take(true), stats.take(false)), (7, 10));
    }
}
