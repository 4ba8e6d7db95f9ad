//! Round trips as bars of text.

use hdrhistogram::Histogram;

/// Bars at most.
const ROWS: usize = 12;
/// Columns of the longest bar.
const WIDTH: u64 = 50;

/// One line for each bucket: its upper bound, how many round trips are in it, and a bar. The
/// buckets grow by a factor, because latencies have long tails.
pub fn bars(histogram: &Histogram<u64>) -> Vec<String> {
    let (least, most) = (histogram.min().max(1) as f64, histogram.max().max(1) as f64);
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
        let bound = time(least * step.powf(at as f64 + 1.0));
        let length = count.saturating_mul(WIDTH).div_ceil(highest);
        let bar = "█".repeat(usize::try_from(length).unwrap_or(0));
        format!("{:>10} {count:>8} {bar}", format!("≤ {bound}")).trim_end().to_owned()
    };
    counts.iter().take(used).enumerate().map(row).collect()
}

/// Nanoseconds in the unit that suits them.
fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e6 => format!("{:.1} µs", nanos / 1e3),
        nanos if nanos < 1e9 => format!("{:.2} ms", nanos / 1e6),
        nanos => format!("{:.2} s", nanos / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fullest_bucket_has_the_longest_bar() {
        let mut histogram = Histogram::new(3).unwrap();
        histogram.record_n(10_000, 100).unwrap();
        histogram.record(10_000_000).unwrap();
        let bars = bars(&histogram);
        assert!(bars.len() == 12, "{bars:#?}");
        assert_eq!(bars[0].chars().filter(|char| *char == '█').count(), 50);
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
