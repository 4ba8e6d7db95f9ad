//! When the next message may be sent (`--rate`). Pure: the time is an argument.

use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::values::parse_size;

/// What a stall may be made up for. A poll that sleeps is late by up to 1 ms, the grain of epoll,
/// and the rate holds only if what became due meanwhile goes at once; but after a long stall a
/// burst would overrun the queues that a rate is there to spare.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The longest pause that a rate is taken to ask for: added to any time it cannot overflow.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400 * 365);

/// The greatest number of messages a second: one a nanosecond.
const MOST_MESSAGES: f64 = 1e9;

/// A limit for sending (`--rate`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Messages a second, above 0.
    Messages(f64),
    /// Bytes of payload a second, at least 1.
    Bytes(u64),
}

impl FromStr for Rate {
    type Err = String;

    /// Reads the value of `--rate`: `100/s` and `0.5/s` are messages, `10MiB/s`, `64k/s` and
    /// `500B/s` are bytes.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a rate: write messages a second as in 100/s, or bytes a second, \
                 with a unit, as in 10MiB/s or 500B/s"
            )
        };
        let amount = text.strip_suffix("/s").ok_or_else(wrong)?;
        if amount.ends_with(|last: char| last.is_ascii_alphabetic()) {
            return match parse_size(amount) {
                Ok(0) => Err(zero()),
                Ok(bytes) => Ok(Self::Bytes(bytes)),
                Err(_) => Err(wrong()),
            };
        }
        // `f64` would also read signs and exponents.
        if !amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(wrong());
        }
        match amount.parse() {
            // Also a fraction too small for an f64, which is read as 0.
            Ok(0.0) => Err(zero()),
            Ok(messages) if messages <= MOST_MESSAGES => Ok(Self::Messages(messages)),
            Ok(_) => Err(format!("{text:?} is too fast: at most 1000000000/s")),
            Err(_) => Err(wrong()),
        }
    }
}

fn zero() -> String {
    "a rate of 0 would never send: leave --rate out for no limit".to_owned()
}

impl Rate {
    /// What a message of `len` bytes takes of the rate, in seconds. An empty one counts as a byte:
    /// without a price it would go without end.
    fn seconds(self, len: usize) -> f64 {
        match self {
            Self::Messages(messages) => 1.0 / messages,
            Self::Bytes(bytes) => len.max(1) as f64 / bytes as f64,
        }
    }
}

/// Lets messages go at a rate: the first at once, each further one when those before it have had
/// their time.
///
/// The rate is exact in the long run: being late by less than 100 ms is made up for by a burst.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    rate: Rate,
    /// Where the time that has been taken is counted from.
    start: Instant,
    /// Seconds since `start` that have been taken: summed up before it is rounded to a time, so
    /// that high rates are met too.
    taken: f64,
}

impl Pacer {
    /// A pacer whose first message may go `now`.
    pub const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, start: now, taken: 0.0 }
    }

    /// Whether a message of `len` bytes may go `now`; if so, it is taken to have gone. Ask again
    /// for each message until it returns false.
    #[must_use]
    pub fn try_take(&mut self, len: usize, now: Instant) -> bool {
        let next = self.next_at();
        let Some(late) = now.checked_duration_since(next) else { return false };
        if late > CATCH_UP {
            // Near the start of the clock there may be nothing to go back to.
            self.start = now.checked_sub(CATCH_UP).unwrap_or(now);
            self.taken = 0.0;
        }
        self.taken += self.rate.seconds(len);
        true
    }

    /// When the next message may go; in the past where one is due.
    pub fn next_at(&self) -> Instant {
        // A rate of 1e-300/s asks for more seconds than a duration has.
        let taken = Duration::try_from_secs_f64(self.taken).unwrap_or(LONGEST_PAUSE);
        self.start + taken.min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn taken(pacer: &mut Pacer, len: usize, now: Instant) -> usize {
        std::iter::repeat(()).take_while(|()| pacer.try_take(len, now)).count()
    }

    #[test]
    fn a_bare_number_is_messages_and_a_unit_makes_it_bytes() {
        for (text, rate) in [
            ("100/s", Rate::Messages(100.0)),
            ("0.5/s", Rate::Messages(0.5)),
            ("1000000000/s", Rate::Messages(1e9)),
            ("10MiB/s", Rate::Bytes(10 << 20)),
            ("10MB/s", Rate::Bytes(10_000_000)),
            ("64k/s", Rate::Bytes(65_536)),
            ("500B/s", Rate::Bytes(500)),
        ] {
            assert_eq!(text.parse(), Ok(rate), "{text}");
        }
    }

    #[test]
    fn a_bad_rate_is_answered_with_a_good_one() {
        for text in
            ["", "/s", "100", "10MiB", "-1/s", "1e3/s", "nan/s", "inf/s", "x/s", "1.2.3/s", "5/m"]
        {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.contains("100/s") && error.contains("10MiB/s"), "{text}: {error}");
        }
        for text in ["0/s", "0.0/s", "0k/s"] {
            assert!(text.parse::<Rate>().unwrap_err().contains("never send"), "{text}");
        }
        assert!("1000000001/s".parse::<Rate>().unwrap_err().contains("at most"));
    }

    #[test]
    fn the_first_goes_at_once_and_the_next_when_it_is_due() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::Messages(100.0), start);
        assert_eq!(taken(&mut pacer, 1, start), 1);
        assert_eq!(pacer.next_at(), start + 10 * MS);
        assert_eq!(taken(&mut pacer, 1, start + 9 * MS), 0);
        assert_eq!(taken(&mut pacer, 1, start + 35 * MS), 3);
        assert_eq!(pacer.next_at(), start + 40 * MS);
    }

    #[test]
    fn a_message_of_bytes_takes_its_length() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::Bytes(1000), start);
        assert!(pacer.try_take(500, start));
        assert!(!pacer.try_take(1, start));
        assert_eq!(pacer.next_at(), start + 500 * MS);
        assert_eq!(taken(&mut pacer, 0, start + 500 * MS), 1);
    }

    #[test]
    fn after_a_long_stall_a_tenth_of_a_second_is_made_up_for() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::Messages(1000.0), start);
        let now = start + 5000 * MS;
        assert_eq!(taken(&mut pacer, 1, now), 101);
        assert_eq!(pacer.next_at(), now + MS);
    }

    #[test]
    fn a_slow_rate_does_not_burst_after_a_stall() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::Messages(1.0), start);
        assert!(pacer.try_take(1, start));
        let now = start + 10_000 * MS;
        assert_eq!(taken(&mut pacer, 1, now), 1);
        assert_eq!(pacer.next_at(), now + 900 * MS);
    }

    #[test]
    fn a_pause_without_end_is_a_long_one() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::Messages(f64::MIN_POSITIVE), start);
        assert!(pacer.try_take(1, start));
        assert_eq!(pacer.next_at(), start + LONGEST_PAUSE);
    }

    proptest! {
        #[test]
        fn the_rate_holds_whenever_the_poll_wakes_up(
            rate in 1.0..3e6_f64,
            pauses in prop::collection::vec(1..50_000_u64, 1..100),
        ) {
            let start = Instant::now();
            let mut pacer = Pacer::new(Rate::Messages(rate), start);
            let (mut now, mut sent) = (start, 0);
            for pause in pauses {
                now += Duration::from_micros(pause);
                sent += taken(&mut pacer, 1, now);
            }
            let due = (now - start).as_secs_f64() * rate + 1.0;
            prop_assert!((sent as f64 - due).abs() <= 1.0 + 1e-6 * due, "{sent} sent, {due} due");
        }
    }
}
