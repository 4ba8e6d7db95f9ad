//! What all answers together tell: counts and round trips.

use std::time::Duration;

use hdrhistogram::Histogram;

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
    sum: Duration,
    min: Option<Duration>,
    max: Duration,
    /// In nanoseconds, with three significant digits: within 0.1 %.
    histogram: Option<Histogram<u64>>,
}

/// Round trips in short, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoundTrips {
    /// The shortest.
    pub min: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// Half of them were not longer.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Tally {
    /// Takes one round trip.
    pub fn take(&mut self, trip: Duration) {
        self.answered += 1;
        self.sum += trip;
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

    /// The round trips as a histogram, in nanoseconds.
    pub fn histogram(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_ref()
    }

    /// The round trips so far; `None` before the first.
    pub fn round_trips(&self) -> Option<RoundTrips> {
        let (min, histogram) = (self.min?, self.histogram.as_ref()?);
        let at = |quantile| {
            let trip = Duration::from_nanos(histogram.value_at_quantile(quantile));
            // A bucket may reach beyond what was in it.
            trip.clamp(min, self.max).as_secs_f64()
        };
        Some(RoundTrips {
            min: min.as_secs_f64(),
            mean: self.sum.as_secs_f64() / self.answered as f64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max.as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
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
}
