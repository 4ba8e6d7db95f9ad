//! The figures of a latency probe, as they stand in a `stats` event.

use std::fmt;

use super::figures::{count, time};
use crate::protocol::ping::RoundTrips;

/// What is known so far. Times in seconds, loss in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PingFigures {
    /// Probes sent.
    pub probes: u64,
    /// Probes that should have been answered by now; the others may still be.
    pub expected: u64,
    /// Those that were not.
    pub lost: u64,
    /// The share of them, in percent.
    pub loss: f64,
    /// Answers that came again.
    pub duplicates: u64,
    /// Answers that came behind a later one.
    pub reordered: u64,
    /// Answers that are not what was sent.
    pub corrupt: u64,
    /// From probe to answer.
    pub trips: Option<RoundTrips>,
}

impl fmt::Display for PingFigures {
    /// The figures in words; what is zero and good news is left out. The alternate form is for one
    /// line of a terminal.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.probes == 1 { "probe" } else { "probes" };
        write!(out, "{} {words} lost {} ({:.2} %)", self.probes, self.lost, self.loss)?;
        count(out, "unanswered yet", self.probes.saturating_sub(self.expected))?;
        count(out, "duplicates", self.duplicates)?;
        count(out, "reordered", self.reordered)?;
        count(out, "corrupt", self.corrupt)?;
        let Some(trips) = &self.trips else { return Ok(()) };
        let RoundTrips { min, mean, p50, p90, p99, p999, max } = *trips;
        if out.alternate() {
            return write!(out, " p50 {} p99 {} max {}", trip(p50), trip(p99), trip(max));
        }
        let times = [min, mean, p50, p90, p99, p999, max].map(trip).join("/");
        write!(out, " rtt min/avg/p50/p90/p99/p99.9/max {times}")
    }
}

/// A round trip; short ones to the tenth of a microsecond.
fn trip(seconds: f64) -> String {
    if seconds < 1e-3 { format!("{:.1} µs", seconds * 1e6) } else { time(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_a_line() {
        let (min, mean, p50, p90) = (12.3e-6, 1e-3, 2e-3, 3e-3);
        let trips = RoundTrips { min, mean, p50, p90, p99: 0.5, p999: 1.0, max: 2.0 };
        let figures =
            PingFigures { probes: 6, expected: 4, lost: 1, loss: 25.0, ..Default::default() };
        let figures = PingFigures { corrupt: 1, ..figures };
        assert_eq!(figures.to_string(), "6 probes lost 1 (25.00 %) unanswered yet 2 corrupt 1");
        let figures = PingFigures { trips: Some(trips), ..PingFigures::default() };
        assert_eq!(
            format!("{figures:#}"),
            "0 probes lost 0 (0.00 %) p50 2.00 ms p99 500.00 ms max 2.00 s"
        );
        assert_eq!(
            figures.to_string(),
            "0 probes lost 0 (0.00 %) rtt min/avg/p50/p90/p99/p99.9/max \
             12.3 µs/1.00 ms/2.00 ms/3.00 ms/500.00 ms/1.00 s/2.00 s"
        );
    }
}
