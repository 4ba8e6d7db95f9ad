//! The sums over all answers: counts and round trips, in figures and as bars of text.

use std::borrow::Cow;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::fields::fields;

/// Counts and round trips so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Probes sent.
    pub sent: u64,
    /// Answers that came again.
    pub duplicates: u64,
    /// Answers that came behind a later one.
    pub reordered: u64,
    /// Answers that are not what was sent.
    pub corrupt: u64,
    answered: u64,
    min: Option<Duration>,
    max: Duration,
    /// In nanoseconds, with three significant digits: within 0.1 %.
    histogram: Option<Histogram<u64>>,
    /// Each probe waited for the answer before.
    closed_loop: bool,
}

fields! {
    /// Round trips in short, in seconds.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct RoundTrips {
        min: f64 = "rtt_min": "the shortest round trip in seconds";
        mean: f64 = "rtt_mean": "the mean";
        p50: f64 = "rtt_p50": "50 % were not longer";
        p90: f64 = "rtt_p90": "90 % were not longer";
        p99: f64 = "rtt_p99": "99 % were not longer";
        p999: f64 = "rtt_p999": "99.9 % were not longer";
        max: f64 = "rtt_max": "the longest";
    }
}

impl Tally {
    /// Nothing yet. Without an interval it is a closed loop: a probe is sent when the one before has its
    /// answer.
    pub fn new(interval: Duration) -> Self {
        Self { closed_loop: interval.is_zero(), ..Self::default() }
    }

    /// Takes one round trip.
    pub fn take(&mut self, trip: Duration) {
        self.answered += 1;
        // Kept beside the histogram, which knows both ends to three digits only.
        self.min = Some(self.min.map_or(trip, |min| min.min(trip)));
        self.max = self.max.max(trip);
        if self.histogram.is_none() {
            // Fails only for more than five digits.
            self.histogram = Histogram::new(3).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            // It grows as needed, so there is no round trip that it cannot take.
            let _ = histogram.record(u64::try_from(trip.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Probes that were answered, each once.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// The longest round trip; `None` before the first.
    pub fn longest(&self) -> Option<Duration> {
        self.min.map(|_| self.max)
    }

    /// The round trips as a histogram, in nanoseconds. In a closed loop, a server that stalls is
    /// asked nothing meanwhile. What a sender of the same average rate would have asked it is
    /// added, with what was left of the stall then (as in wrk; coordinated omission).
    pub fn histogram(&self) -> Option<Cow<'_, Histogram<u64>>> {
        let measured = self.histogram.as_ref()?;
        if !self.closed_loop {
            return Some(Cow::Borrowed(measured));
        }
        let mut corrected = Histogram::new(3).ok()?;
        // By the mean, no more is added than was measured.
        corrected.add_correct(measured, measured.mean() as u64).ok()?;
        Some(Cow::Owned(corrected))
    }

    /// The round trips so far; `None` before the first.
    pub fn round_trips(&self) -> Option<RoundTrips> {
        let (min, histogram) = (self.min?, self.histogram()?);
        // A bucket of the histogram may reach beyond what was in it.
        let trip = |nanos| Duration::from_nanos(nanos).clamp(min, self.max).as_secs_f64();
        let at = |quantile| trip(histogram.value_at_quantile(quantile));
        Some(RoundTrips {
            min: min.as_secs_f64(),
            mean: trip(histogram.mean() as u64),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max.as_secs_f64(),
        })
    }
}

/// Bars at most.
const ROWS: usize = 12;
/// Columns of the longest bar.
const WIDTH: u64 = 40;

/// One line for each bucket: its upper bound, how many round trips are in it, and a bar. The
/// buckets grow by a factor, because latencies have long tails.
pub fn bars(histogram: &Histogram<u64>) -> Vec<String> {
    // A round trip of 0 ns has no logarithm, and nothing can be divided by it.
    let (least, most) = (histogram.min().max(1) as f64, histogram.max().max(1) as f64);
    // Where all round trips are alike, the factor would be 1, which is no base of a logarithm.
    let step = (most / least).powf(1.0 / ROWS as f64).max(1.05);
    let mut counts = [0_u64; ROWS];
    for value in histogram.iter_recorded() {
        let steps = (value.value_iterated_to() as f64 / least).log(step);
        // The end of the last bucket belongs to it.
        if let Some(count) = counts.get_mut((steps as usize).min(ROWS - 1)) {
            *count += value.count_at_value();
        }
    }
    let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    let highest = counts.iter().copied().max().unwrap_or(1).max(1);
    let row = |(at, count): (usize, &u64)| {
        let bound = trip(least * step.powf(at as f64 + 1.0) / 1e9);
        // Rounded up, so that a bucket of one is seen beside one of a million.
        let length = count.saturating_mul(WIDTH).div_ceil(highest);
        let bar = "█".repeat(usize::try_from(length).unwrap_or(0));
        format!("{:>10} {count:>8} {bar}", format!("≤ {bound}")).trim_end().to_owned()
    };
    counts.iter().take(used).enumerate().map(row).collect()
}

/// A round trip in the unit that suits it, to the tenth of a microsecond.
pub fn trip(seconds: f64) -> String {
    match seconds.abs() {
        under if under < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        under if under < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth_and_the_ends_exact() {
        let mut tally = Tally::default();
        assert_eq!(tally.round_trips(), None);
        (1..=10_000).for_each(|micros| tally.take(Duration::from_micros(micros)));
        let trips = tally.round_trips().unwrap();
        assert_eq!((trips.min, trips.max), (1e-6, 1e-2));
        let expected = [(trips.mean, 5.0005e-3), (trips.p50, 5e-3), (trips.p90, 9e-3)];
        let far = [(trips.p99, 9.9e-3), (trips.p999, 9.99e-3)];
        for (is, should) in expected.into_iter().chain(far) {
            assert!((is / should - 1.0).abs() < 1.1e-3, "{is} {should}");
        }
    }

    /// 1000 answers in 0.1 ms each, and one after a stall of 0.3 s: whoever sends every 0.4 ms
    /// meets the stall with three quarters as many.
    #[test]
    fn a_stall_of_a_closed_loop_counts_for_as_long_as_it_lasts() {
        let percentiles = |interval| {
            let mut tally = Tally::new(interval);
            (0..1000).for_each(|_| tally.take(Duration::from_micros(100)));
            tally.take(Duration::from_millis(300));
            assert_eq!(tally.answered(), 1001);
            tally.round_trips().unwrap()
        };
        let trips = percentiles(Duration::from_micros(400));
        assert!((trips.p50 - 1e-4).abs() < 1e-6 && (trips.p99 - 1e-4).abs() < 1e-6, "{trips:?}");
        let trips = percentiles(Duration::ZERO);
        assert!((0.22..0.24).contains(&trips.p90) && trips.p99 > 0.29, "{trips:?}");
        assert!((trips.p50 - 1e-4).abs() < 1e-6, "{trips:?}");
        assert_eq!((trips.min, trips.max), (1e-4, 0.3));
        // Nothing is added where nothing stalls.
        let mut tally = Tally::new(Duration::ZERO);
        (0..1000).for_each(|number| tally.take(Duration::from_micros(100 + number / 12)));
        assert_eq!(tally.histogram().unwrap().len(), 1000);
    }

    #[test]
    fn the_fullest_bucket_has_the_longest_bar() {
        let mut histogram = Histogram::new(3).unwrap();
        histogram.record_n(10_000, 100).unwrap();
        histogram.record(10_000_000).unwrap();
        let bars = bars(&histogram);
        assert!(bars.len() == 12, "{bars:#?}");
        assert_eq!(bars[0].chars().filter(|char| *char == '█').count(), 40);
        assert_eq!(bars.last().unwrap().chars().filter(|char| *char == '█').count(), 1);
    }

    proptest! {
        #[test]
        fn no_round_trip_is_missing(values in prop::collection::vec(0_u64..1 << 50, 0..50)) {
            let mut histogram = Histogram::new(3).unwrap();
            values.iter().for_each(|value| histogram.record(*value).unwrap());
            let bars = bars(&histogram);
            prop_assert!(bars.len() <= ROWS);
            let count = |bar: &String| bar.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap();
            prop_assert_eq!(bars.iter().map(count).sum::<u64>(), values.len() as u64);
        }
    }
}
