//! How long messages took from sender to receiver. Pure: times are arguments, in nanoseconds.
//!
//! The two clocks are those of two hosts, so the figures are as good as their agreement: a
//! negative latency is shown as it is: it means that the clocks do not agree.

use hdrhistogram::Histogram;

use super::jitter::signed_difference;
use crate::fields::fields;

/// The latencies of one flow. Its memory is at most 15 KiB for latencies of up to a minute.
#[derive(Clone, Debug)]
pub struct Latency {
    count: u64,
    sum: i128,
    min: i64,
    max: i64,
    /// Two significant digits: the percentiles are within 1 %. There is one from the second latency
    /// on, because it takes up to 28 KiB.
    histogram: Option<Histogram<u32>>,
}

fields! {
    /// Latencies in short, in seconds.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LatencySummary {
        min: f64 = "latency_min": "the shortest one-way delay in seconds, by two clocks";
        mean: f64 = "latency_mean": "the mean";
        /// Within 1 %; `None` where clocks that disagree made a latency negative.
        p99: Option<f64> = "latency_p99": "99 % were not longer";
        max: f64 = "latency_max": "the longest";
    }
}

impl Latency {
    /// Latencies before the first message.
    pub fn new() -> Self {
        Self { count: 0, sum: 0, min: i64::MAX, max: i64::MIN, histogram: None }
    }

    /// Takes a message that was `sent` and arrived `at` these nanoseconds since the Unix epoch.
    pub fn arrive(&mut self, at: u64, sent: u64) {
        // Negative where the sender's clock is ahead; the histogram has no place for that.
        let latency = signed_difference(at, sent);
        if self.count == 1 {
            // Fails only for more than five digits.
            self.histogram = Histogram::new(2).ok();
            self.record(self.min);
        }
        self.record(latency);
        self.count += 1;
        // Where the clocks disagree, a latency may be all the time since 1970; a few of these
        // overflow 64 bits.
        self.sum += i128::from(latency);
        self.min = self.min.min(latency);
        self.max = self.max.max(latency);
    }

    fn record(&mut self, latency: i64) {
        if let (Some(histogram), Ok(latency)) = (&mut self.histogram, u64::try_from(latency)) {
            // It grows as needed, so there is no latency that it cannot take.
            _ = histogram.record(latency);
        }
    }

    /// Bytes of memory beside the account itself.
    pub fn heap(&self) -> usize {
        self.histogram.as_ref().map_or(0, |it| it.distinct_values() * size_of::<u32>())
    }

    /// The latencies so far; `None` before the first message.
    pub fn summary(&self) -> Option<LatencySummary> {
        let seconds = |nanoseconds: f64| nanoseconds / 1e9;
        let (min, max) = (self.min as f64, self.max as f64);
        // The histogram rounds, and may round beyond the longest.
        let at_99 = |it: &Histogram<u32>| seconds((it.value_at_quantile(0.99) as f64).min(max));
        (self.count > 0).then(|| LatencySummary {
            min: seconds(min),
            mean: seconds(self.sum as f64 / self.count as f64),
            p99: (self.min >= 0).then(|| self.histogram.as_ref().map_or(seconds(max), at_99)),
            max: seconds(max),
        })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(latencies: impl IntoIterator<Item = i64>) -> Option<LatencySummary> {
        let mut latency = Latency::new();
        let sent = 1_u64 << 60;
        latencies
            .into_iter()
            .for_each(|value| latency.arrive(sent.wrapping_add_signed(value), sent));
        latency.summary()
    }

    #[test]
    fn least_mean_and_greatest_are_exact_and_p99_is_within_one_percent() {
        let summary = summary((1..=1000).map(|value| value * 1000)).unwrap();
        assert_eq!((summary.min, summary.mean, summary.max), (1e-6, 500.5e-6, 1e-3));
        let p99 = summary.p99.unwrap();
        assert!((p99 / 990e-6 - 1.0).abs() < 0.01, "{p99}");
    }

    #[test]
    fn clocks_that_disagree_are_told_by_a_negative_latency() {
        let expected = LatencySummary { min: -3e-7, mean: -1e-7, p99: None, max: 1e-7 };
        assert_eq!(summary([100, -300, -100]), Some(expected));
    }

    #[test]
    fn no_message_has_no_latency_and_no_latency_is_too_long() {
        assert_eq!(summary([]), None);
        assert_eq!(summary([i64::MIN, i64::MAX]).unwrap().mean, -0.5e-9);
        let longest = summary([i64::MAX]).unwrap();
        assert!(longest.p99.is_some_and(|p99| p99 >= (1_u64 << 62) as f64 / 1e9));
    }
}
