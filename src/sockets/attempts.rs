//! When to try to connect: the addresses of one name in a race (happy eyeballs, RFC 8305), and the pauses
//! between one attempt and the next.
//!
//! Pure: the addresses, the time and chance go in, attempts and pauses come out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Target;

/// The pause between attempts: RFC 8305, section 5, "Connection Attempt Delay".
// The default of the RFC for those who keep no history of round trips.
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// One race among the addresses of a name: the next attempt begins [`ATTEMPT_DELAY`] after the last one,
/// or as soon as that has failed; the first to succeed wins.
#[derive(Debug)]
pub(crate) struct Race<T = SocketAddr> {
    waiting: VecDeque<T>,
    running: usize,
    next_start: Instant,
}

/// What to do next in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RaceStep<T = SocketAddr> {
    /// Begin a connection to this address, and ask again.
    Start(T),
    /// Ask again after this time, or when an attempt fails.
    Wait(Duration),
    /// All attempts have begun; one of those running must win or fail.
    Watch,
    /// Every attempt has failed.
    Lost,
}

/// What is raced for: something of a family.
pub(crate) trait Contestant {
    /// Whether its family is IPv6.
    fn is_v6(&self) -> bool;
}

impl Contestant for SocketAddr {
    fn is_v6(&self) -> bool {
        self.is_ipv6()
    }
}

impl Contestant for Target {
    fn is_v6(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.is_ipv6())
    }
}

impl<T: Contestant> Race<T> {
    /// A race among addresses in the resolver's order of preference (RFC 6724). The families
    /// take turns, so that a dead one costs one delay and not many.
    pub(crate) fn new(addresses: Vec<T>, now: Instant) -> Self {
        // RFC 8305, section 4: the family of the first address begins, then they alternate.
        let first_is_v6 = addresses.first().is_some_and(T::is_v6);
        let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
            addresses.into_iter().partition(|address| address.is_v6() == first_is_v6);
        let mut waiting = VecDeque::new();
        while !(first.is_empty() && second.is_empty()) {
            waiting.extend(first.pop_front());
            waiting.extend(second.pop_front());
        }
        Self { waiting, running: 0, next_start: now }
    }

    /// What to do at `now`.
    pub(crate) fn step(&mut self, now: Instant) -> RaceStep<T> {
        // The addresses before this one may still be under way, and any of them may win.
        if self.waiting.is_empty() {
            return if self.running == 0 { RaceStep::Lost } else { RaceStep::Watch };
        }
        if now < self.next_start {
            return RaceStep::Wait(self.next_start - now);
        }
        match self.waiting.pop_front() {
            Some(address) => {
                self.running += 1;
                self.next_start = now + ATTEMPT_DELAY;
                RaceStep::Start(address)
            }
            None => RaceStep::Watch,
        }
    }

    /// An attempt has failed: the next one need not wait.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.next_start = now;
    }
}

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

    fn race(addresses: &[&str], now: Instant) -> Race {
        Race::new(addresses.iter().map(|text| text.parse().unwrap()).collect(), now)
    }

    fn start(text: &str) -> RaceStep {
        RaceStep::Start(text.parse().unwrap())
    }

    #[test]
    fn families_take_turns_and_a_silent_address_costs_one_delay() {
        let now = Instant::now();
        let mut race = race(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"], now);
        assert_eq!(race.step(now), start("[::1]:1"));
        assert_eq!(race.step(now), RaceStep::Wait(ATTEMPT_DELAY));
        assert_eq!(race.step(now + ATTEMPT_DELAY), start("1.1.1.1:1"));
        assert_eq!(race.step(now + ATTEMPT_DELAY), RaceStep::Wait(ATTEMPT_DELAY));
    }

    #[test]
    fn a_failure_starts_the_next_at_once_and_the_last_one_loses() {
        let now = Instant::now();
        let mut race = race(&["[::1]:1", "1.1.1.1:1"], now);
        assert_eq!(race.step(now), start("[::1]:1"));
        race.failed(now);
        assert_eq!(race.step(now), start("1.1.1.1:1"));
        assert_eq!(race.step(now), RaceStep::Watch);
        race.failed(now);
        assert_eq!(race.step(now), RaceStep::Lost);
    }

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
