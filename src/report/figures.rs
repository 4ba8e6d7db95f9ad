//! The figures of a flow of datagrams, as they stand in a `stats` event.

use std::fmt::{self, Write};

use bytesize::ByteSize;

/// What is known of one flow, or of all of them together. Rates are per second, times in
/// seconds, loss in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Messages that arrived, duplicates included.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Messages a second.
    pub rate: f64,
    /// Bytes a second.
    pub byte_rate: f64,
    /// Messages that were longer than what could be received.
    pub truncated: u64,
    /// Datagrams that the kernel dropped because its buffer was full.
    pub kernel_drops: u64,
    /// What sequence numbers tell, where there are any.
    pub sequence: Option<SequenceFigures>,
    /// RFC 3550 interarrival jitter.
    pub jitter: Option<f64>,
    /// One-way delay, as far as the two clocks agree.
    pub latency: Option<LatencyFigures>,
}

/// What sequence numbers tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SequenceFigures {
    /// Numbers that should have come.
    pub expected: u64,
    /// Numbers that are missing.
    pub lost: u64,
    /// The share of them, in percent.
    pub loss: f64,
    /// Numbers that came again.
    pub duplicates: u64,
    /// Numbers that came behind a higher one.
    pub reordered: u64,
    /// How often the sender began anew.
    pub restarts: u64,
}

/// One-way delay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencyFigures {
    /// The shortest.
    pub latency_min: f64,
    /// The mean.
    pub latency_mean: f64,
    /// 99 % were not longer.
    pub latency_p99: Option<f64>,
    /// The longest.
    pub latency_max: f64,
}

impl fmt::Display for Figures {
    /// The figures in words; what is zero and good news is left out.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: u64| ByteSize::b(bytes).display().iec();
        let byte_rate = size(self.byte_rate as u64);
        let words = if self.messages == 1 { "message" } else { "messages" };
        write!(out, "{} {words} {} {:.1}/s", self.messages, size(self.bytes), self.rate)?;
        write!(out, " {byte_rate}/s")?;
        if let Some(sequence) = &self.sequence {
            write!(out, " lost {} ({:.2} %)", sequence.lost, sequence.loss)?;
            count(out, "duplicates", sequence.duplicates)?;
            count(out, "reordered", sequence.reordered)?;
            count(out, "restarts", sequence.restarts)?;
        }
        if let Some(jitter) = self.jitter {
            write!(out, " jitter {}", time(jitter))?;
        }
        if let Some(latency) = &self.latency {
            let LatencyFigures { latency_min, latency_mean, latency_max, .. } = *latency;
            let times = [latency_min, latency_mean, latency_max].map(time).join("/");
            write!(out, " latency {times}")?;
            if let Some(p99) = latency.latency_p99 {
                write!(out, " p99 {}", time(p99))?;
            }
        }
        count(out, "truncated", self.truncated)?;
        count(out, "dropped by the kernel", self.kernel_drops)
    }
}

pub(super) fn count(out: &mut fmt::Formatter<'_>, what: &str, count: u64) -> fmt::Result {
    if count > 0 { write!(out, " {what} {count}") } else { Ok(()) }
}

/// A time in the unit that suits it.
pub(super) fn time(seconds: f64) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match seconds.abs() {
        under if under < 1e-3 => write!(text, "{:.0} µs", seconds * 1e6),
        under if under < 1.0 => write!(text, "{:.2} ms", seconds * 1e3),
        _ => write!(text, "{seconds:.2} s"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_a_line_that_leaves_good_news_out() {
        let plain = Figures {
            messages: 1,
            bytes: 2048,
            rate: 10.0,
            byte_rate: 20480.0,
            ..Figures::default()
        };
        assert_eq!(plain.to_string(), "1 message 2.0 KiB 10.0/s 20.0 KiB/s");
        let sequence = SequenceFigures {
            expected: 10,
            lost: 1,
            loss: 10.0,
            reordered: 2,
            ..Default::default()
        };
        let latency = LatencyFigures {
            latency_min: 2e-5,
            latency_mean: 3e-3,
            latency_p99: Some(0.5),
            latency_max: 2.0,
        };
        let full = Figures {
            messages: 9,
            sequence: Some(sequence),
            jitter: Some(1.5e-3),
            latency: Some(latency),
            kernel_drops: 4,
            ..plain
        };
        assert_eq!(
            full.to_string(),
            "9 messages 2.0 KiB 10.0/s 20.0 KiB/s lost 1 (10.00 %) reordered 2 jitter 1.50 ms \
             latency 20 µs/3.00 ms/2.00 s p99 500.00 ms dropped by the kernel 4"
        );
    }
}
