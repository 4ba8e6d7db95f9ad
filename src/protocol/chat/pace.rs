//! How fast lines may be sent: the flood limit of a room, and the bucket that keeps to it.

use std::time::{Duration, Instant};

/// Lines that may be sent at once.
pub const BURST: u32 = 20;
/// Lines that a member of this program sends at once. Receivers allow twice as many, so that a network
/// that delivers unevenly costs no line.
pub const OWN_BURST: u32 = BURST / 2;
/// Time after which one token is added.
pub const REFILL: Duration = Duration::from_millis(200);

/// The flood limit of a room: how many lines each member may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Lines a second.
    pub rate: u32,
}

/// What a host sends to those who may send at another pace than the usual one.
const BEFORE: &str = "you may send ";
const BEHIND: &str = " lines a second";

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 5 }
    }
}

impl Pace {
    /// The most lines a second that a host can allow.
    pub const MOST: u32 = 10_000;

    /// The bucket of a member, as its room sees it.
    pub fn bucket(self, now: Instant) -> TokenBucket {
        let scale = |burst: u32| burst * self.rate / Self::default().rate;
        TokenBucket::paced(scale(BURST), self, now)
    }

    /// The bucket of what the user sends.
    pub fn own_bucket(self, now: Instant) -> TokenBucket {
        let bucket = self.bucket(now);
        TokenBucket::paced((bucket.burst / 2).max(1), self, now)
    }

    /// The words in which a host announces it.
    pub fn announcement(self) -> String {
        format!("{BEFORE}{}{BEHIND}", self.rate)
    }

    /// Reads such words.
    pub fn read(words: &str) -> Option<Self> {
        let rate = words.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?.parse().ok()?;
        (1..=Self::MOST).contains(&rate).then_some(Self { rate })
    }
}

/// A bucket of `burst` tokens, which refills by one every [`REFILL`], or at another pace.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: u32,
    burst: u32,
    refill: Duration,
    /// Up to when refills have been counted.
    counted: Instant,
}

impl TokenBucket {
    /// A full bucket of [`BURST`] tokens.
    pub fn new(now: Instant) -> Self {
        Self::of(BURST, now)
    }

    /// A full bucket of another size.
    pub fn of(burst: u32, now: Instant) -> Self {
        Self::paced(burst, Pace::default(), now)
    }

    fn paced(burst: u32, pace: Pace, now: Instant) -> Self {
        let refill = Duration::from_secs(1) / pace.rate.max(1);
        Self { tokens: burst.max(1), burst: burst.max(1), refill, counted: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The bucket is empty; the time until the next token.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens == 0 {
            return Err(self.refill.saturating_sub(now.saturating_duration_since(self.counted)));
        }
        self.tokens -= 1;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_micros();
        // Whole tokens only. The rest of the time stays uncounted, so that no fraction of one is
        // lost.
        let due = u32::try_from(passed / self.refill.as_micros().max(1)).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(due) >= self.burst {
            // A full bucket saves nothing up: the next refill counts from now.
            (self.tokens, self.counted) = (self.burst, now);
        } else {
            self.tokens += due;
            self.counted += self.refill * due;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_its_limit_in_words_that_members_read() {
        for rate in [1, 50, Pace::MOST] {
            let pace = Pace { rate };
            assert_eq!(Pace::read(&pace.announcement()), Some(pace));
        }
        for words in ["", "you may send 0 lines a second", "you may send 10001 lines a second"] {
            assert_eq!(Pace::read(words), None, "{words}");
        }
    }

    #[test]
    fn a_bucket_keeps_to_its_pace() {
        let start = Instant::now();
        for (rate, burst, own) in [(1, 4, 2), (5, 20, 10), (50, 200, 100)] {
            let pace = Pace { rate };
            for (mut bucket, at_once) in
                [(pace.bucket(start), burst), (pace.own_bucket(start), own)]
            {
                let later = start + Duration::from_secs(1);
                let first = (0..1000).filter(|_| bucket.take(start).is_ok()).count();
                let then = (0..1000).filter(|_| bucket.take(later).is_ok()).count();
                assert_eq!((first, then), (at_once, at_once.min(rate as usize)), "{rate}");
            }
        }
    }

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        let mut taken = 0;
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            while bucket.take(now).is_ok() {
                taken += 1;
            }
        }
        assert_eq!(taken, BURST + 49);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), BURST as usize);
    }

    #[test]
    fn the_pause_that_it_names_is_enough() {
        let mut now = Instant::now();
        let mut bucket = TokenBucket::new(now);
        for _ in 0..BURST {
            bucket.take(now).unwrap();
        }
        for _ in 0..5 {
            let pause = bucket.take(now).unwrap_err();
            assert!(pause <= REFILL && !pause.is_zero());
            now += pause;
            bucket.take(now).unwrap();
        }
    }
}
