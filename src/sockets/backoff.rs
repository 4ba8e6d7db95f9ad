//! Pauses between attempts that grow, with jitter. Pure: chance is an argument.

use std::time::Duration;

/// Doubling pauses from a first one up to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` to `limit`.
    pub(crate) const fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, next: first }
    }

    /// The next pause: between half of its nominal length and all of it, as `chance` (0 to 1)
    /// has it, so that many clients do not come back at the same moment.
    pub(crate) fn pause(&mut self, chance: f64) -> Duration {
        let nominal = self.next;
        // At most twice the limit: it cannot overflow.
        self.next = (nominal * 2).min(self.limit);
        nominal.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }

    /// An attempt has succeeded: start from the first pause again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_limit_and_start_over_after_a_success() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(150));
        let pauses = [1.0, 1.0, 0.0, 1.0].map(|chance| backoff.pause(chance));
        assert_eq!(pauses, [ms(50), ms(100), ms(75), ms(150)]);
        backoff.reset();
        assert_eq!(backoff.pause(1.0), ms(50));
    }
}
