//! How long messages took from sender to receiver, and how unevenly they arrived. Pure: times are
//! arguments, in nanoseconds.
//!
//! The two clocks are those of two hosts, so latencies are as good as their agreement: a negative one
//! is shown as it is, and means that the clocks do not agree.

use hdrhistogram::Histogram;

use crate::fields::fields;

/// Interarrival jitter, smoothed as in RFC 3550 section 6.4.1: `J += (|D| - J) / 16`, message by
/// message in the order of arrival.
///
/// `D` is the difference between the transit times of two successive messages, where it is known
/// when they were sent; a constant difference between the clocks cancels out. Where it is not
/// known, `D` is the difference between two successive gaps between arrivals: the jitter of a
/// sender that sends at a steady pace, and for any other sender its own unsteadiness as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    /// The last arrival.
    arrived: Option<u64>,
    last: Option<Quantity>,
    nanoseconds: Option<f64>,
}

/// What jitter is the variation of, in nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Quantity {
    Transit(i64),
    Gap(i64),
}

impl Jitter {
    /// Takes a message that arrived `at` and that was `sent` then, both in nanoseconds since any
    /// moment, not even the same.
    pub fn arrive(&mut self, at: u64, sent: Option<u64>) {
        let previous = self.arrived.replace(at);
        let quantity = match (sent, previous) {
            (Some(sent), _) => Some(Quantity::Transit(signed_difference(at, sent))),
            (None, Some(previous)) => Some(Quantity::Gap(signed_difference(at, previous))),
            (None, None) => None,
        };
        if let (Some(last), Some(quantity)) = (self.last, quantity)
            && let Some(difference) = last.difference(quantity)
        {
            // RFC 3550 begins with 0, so that the first differences are damped as all others are.
            // A gain of 1/16 reduces noise well and still converges at a reasonable pace (the
            // same, section A.8).
            let jitter = self.nanoseconds.unwrap_or(0.0);
            self.nanoseconds = Some(jitter + (difference as f64 - jitter) / 16.0);
        }
        // Replaced in any case: D is between neighbours, never across a message of another kind.
        self.last = quantity;
    }

    /// The jitter now, in nanoseconds; `None` before there is a difference to take.
    pub const fn nanoseconds(&self) -> Option<f64> {
        self.nanoseconds
    }
}

impl Quantity {
    /// The difference between two of a kind.
    fn difference(self, other: Self) -> Option<u64> {
        match (self, other) {
            (Self::Transit(one), Self::Transit(other)) | (Self::Gap(one), Self::Gap(other)) => {
                // Two i64 may be further apart than an i64 holds.
                Some(one.abs_diff(other))
            }
            // Of a stream in which only some messages have the time they were sent at.
            _ => None,
        }
    }
}

/// The time from one moment to a later one in nanoseconds; negative where it is earlier.
const fn signed_difference(later: u64, earlier: u64) -> i64 {
    // Times of two clocks may be 292 years apart before this wraps around.
    later.wrapping_sub(earlier).cast_signed()
}

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
    use proptest::prelude::*;

    fn jitter(arrivals: &[(u64, Option<u64>)]) -> Option<f64> {
        let mut jitter = Jitter::default();
        arrivals.iter().for_each(|&(at, sent)| jitter.arrive(at, sent));
        jitter.nanoseconds()
    }

    #[test]
    fn transit_times_are_compared_where_they_are_known() {
        assert_eq!(jitter(&[(100, Some(0))]), None);
        assert_eq!(jitter(&[(100, Some(0)), (900, Some(800))]), Some(0.0));
        assert_eq!(jitter(&[(100, Some(0)), (932, Some(800))]), Some(2.0));
        let third = jitter(&[(100, Some(0)), (932, Some(800)), (1000, Some(900))]);
        assert_eq!(third, Some(2.0 + (32.0 - 2.0) / 16.0));
    }

    #[test]
    fn gaps_are_compared_where_they_are_not() {
        assert_eq!(jitter(&[(100, None), (200, None)]), None);
        assert_eq!(jitter(&[(100, None), (200, None), (300, None)]), Some(0.0));
        assert_eq!(jitter(&[(100, None), (200, None), (332, None)]), Some(2.0));
    }

    #[test]
    fn a_gap_is_never_compared_with_a_transit_time() {
        assert_eq!(jitter(&[(100, Some(0)), (200, None), (300, Some(200))]), None);
    }

    proptest! {
        #[test]
        fn it_is_the_smoothed_mean_of_the_rfc_whatever_the_clocks_say(
            steps in prop::collection::vec((0..1_000_000_u64, 0..1_000_000_u64), 0..100),
            start: u64,
            offset in i64::MIN..i64::MAX - 1_000_000,
        ) {
            let mut measured = Jitter::default();
            let (mut model, mut sent, mut last) = (0.0, start, None);
            for (step, transit) in steps {
                sent = sent.wrapping_add(step);
                measured.arrive(sent.wrapping_add(transit).wrapping_add_signed(offset), Some(sent));
                if let Some(last) = last.replace(transit) {
                    model += ((transit as f64 - last as f64).abs() - model) / 16.0;
                }
            }
            let measured = measured.nanoseconds().unwrap_or(0.0);
            prop_assert!((measured - model).abs() <= 1e-6 * model.max(1.0), "{measured} {model}");
        }

        #[test]
        fn no_times_make_it_panic_or_turn_negative(
            arrivals: Vec<(u64, Option<u64>)>,
        ) {
            prop_assert!(jitter(&arrivals).is_none_or(|jitter| jitter.is_finite() && jitter >= 0.0));
        }
    }

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
    fn clocks_that_disagree_show_as_a_negative_latency() {
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
