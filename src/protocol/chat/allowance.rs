//! How much one member may say: a bucket of lines that fills again with time.

use std::time::{Duration, Instant};

/// Lines that may be said at once.
pub const BURST: u32 = 20;
/// What a program says at once of its own accord. The others allow it twice as much, so that nothing is
/// lost to a network that delivers unevenly.
pub const OWN_BURST: u32 = BURST / 2;
/// The time after which one more may be said.
pub const REFILL: Duration = Duration::from_millis(200);

/// What one member may still say.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: u32,
    burst: u32,
    /// Up to when refills have been counted.
    counted: Instant,
}

impl Allowance {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self::of(BURST, now)
    }

    /// A full one of another size.
    pub fn of(burst: u32, now: Instant) -> Self {
        Self { left: burst, burst, counted: now }
    }

    /// Takes one line from it.
    ///
    /// # Errors
    /// It is empty; the time until the next line.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.left == 0 {
            return Err(REFILL.saturating_sub(now.saturating_duration_since(self.counted)));
        }
        self.left -= 1;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_millis();
        let due = u32::try_from(passed / REFILL.as_millis()).unwrap_or(u32::MAX);
        if self.left.saturating_add(due) >= self.burst {
            *self = Self::of(self.burst, now);
        } else {
            self.left += due;
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
        let mut allowance = Allowance::new(start);
        let mut said = 0;
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            while allowance.take(now).is_ok() {
                said += 1;
            }
        }
        assert_eq!(said, BURST + 49);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| allowance.take(later).is_ok()).count(), BURST as usize);
    }

    #[test]
    fn the_pause_that_it_names_is_enough() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..BURST {
            allowance.take(now).unwrap();
        }
        for _ in 0..5 {
            let pause = allowance.take(now).unwrap_err();
            assert!(pause <= REFILL && !pause.is_zero());
            now += pause;
            allowance.take(now).unwrap();
        }
    }
}
