//! Rate limit of one member: a token bucket that holds one token a line.

use std::time::{Duration, Instant};

/// Lines that may be sent at once.
pub const BURST: u32 = 20;
/// Lines that a member of this program sends at once. Receivers allow twice as many, so that a network
/// that delivers unevenly costs no line.
pub const OWN_BURST: u32 = BURST / 2;
/// Time after which one token is added.
pub const REFILL: Duration = Duration::from_millis(200);

/// A bucket of `burst` tokens, which refills by one every [`REFILL`].
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: u32,
    burst: u32,
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
        Self { tokens: burst, burst, counted: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The bucket is empty; the time until the next token.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens == 0 {
            return Err(REFILL.saturating_sub(now.saturating_duration_since(self.counted)));
        }
        self.tokens -= 1;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_millis();
        let due = u32::try_from(passed / REFILL.as_millis()).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(due) >= self.burst {
            // A full bucket saves nothing up: the next refill counts from now.
            *self = Self::of(self.burst, now);
        } else {
            self.tokens += due;
            self.counted += REFILL * due;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
