//! The figures of events: of a flow of datagrams or a latency probe in `stats`, and what the two sides
//! of a connection have agreed on in `tls`.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;

use crate::fields::fields;
use crate::protocol::counts::percent;
use crate::protocol::delay::LatencySummary;
use crate::protocol::flow::{FlowStats, FlowTotals};
use crate::protocol::ping::{RoundTrips, Tally, trip};
use crate::protocol::text::number;

fields! {
    /// What is known of one flow, or of all answers to probes. Rates are per second, times in
    /// seconds, loss in percent.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(crate) struct Figures {
        ssrc: Option<u64> = "ssrc": "the RTP stream (--seq rtp), of which a peer may send several";
        /// Of a flow.
        flow: Option<FlowFigures>;
        probes: Option<u64> = "probes": "probes sent; those not expected yet may still be answered";
        /// Where there are numbers.
        sequence: Option<SequenceFigures>;
        jitter: Option<f64> = "jitter": "interarrival jitter in seconds (RFC 3550)";
        /// Where messages carry the time when they were sent.
        latency: Option<LatencySummary>;
        /// Of a probe that was answered.
        trips: Option<RoundTrips>;
    }
}

fields! {
    /// What is counted of every flow.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(crate) struct FlowFigures {
        messages: u64 = "messages": "messages of the flow, duplicates included";
        bytes: u64 = "bytes": "bytes of their payloads";
        rate: f64 = "rate": "messages a second";
        byte_rate: f64 = "byte_rate": "bytes a second";
        truncated: u64 = "truncated": "messages that were longer than what could be received";
        kernel_drops: u64 = "kernel_drops": "datagrams that the kernel dropped, because its buffer was full";
    }
}

fields! {
    /// What the numbers of messages or answers show.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(crate) struct SequenceFigures {
        expected: u64 = "expected": "sequence numbers, or answers, that should have come by now";
        lost: u64 = "lost": "numbers that are missing";
        loss: f64 = "loss": "the share of them, in percent";
        duplicates: u64 = "duplicates": "numbers that came again";
        reordered: u64 = "reordered": "numbers that came behind a higher one";
        /// Of a flow.
        restarts: Option<u64> = "restarts": "how often the sender began anew";
        /// Of a probe.
        corrupt: Option<u64> = "corrupt": "answers that are not what was sent";
    }
}

impl Figures {
    /// The figures of a flow, or of several: these sums of it, over this time.
    pub(crate) fn of_flow(sums: &FlowTotals, over: Duration, flow: Option<&FlowStats>) -> Self {
        let counts = &sums.counts;
        let sequence = SequenceFigures {
            expected: counts.expected,
            lost: counts.lost(),
            loss: counts.loss_percent(),
            duplicates: counts.duplicates,
            reordered: counts.reordered,
            restarts: Some(counts.restarts),
            corrupt: None,
        };
        Self {
            flow: Some(FlowFigures {
                messages: sums.messages,
                bytes: sums.bytes,
                rate: sums.message_rate(over),
                byte_rate: sums.byte_rate(over),
                truncated: sums.truncated,
                kernel_drops: 0,
            }),
            sequence: (counts.numbers() > 0).then_some(sequence),
            jitter: flow.and_then(FlowStats::jitter).map(|nanoseconds| nanoseconds / 1e9),
            latency: flow.and_then(FlowStats::latency),
            ..Self::default()
        }
    }

    /// What the kernel dropped of a socket, from all senders.
    pub(crate) fn of_drops(kernel_drops: u64) -> Self {
        let flow = FlowFigures { kernel_drops, ..FlowFigures::default() };
        Self { flow: Some(flow), ..Self::default() }
    }

    /// The figures of a latency probe, of which this many answers should have come by now.
    pub(crate) fn of_probes(tally: &Tally, expected: u64) -> Self {
        // Answers may be here before they should: to probes whose time is not over.
        let lost = expected.saturating_sub(tally.answered());
        let sequence = SequenceFigures {
            expected,
            lost,
            loss: percent(lost, expected),
            duplicates: tally.duplicates,
            reordered: tally.reordered,
            restarts: None,
            corrupt: Some(tally.corrupt),
        };
        let (probes, trips) = (Some(tally.sent), tally.round_trips());
        Self { probes, sequence: Some(sequence), trips, ..Self::default() }
    }

    /// Probes that may still be answered.
    fn unanswered(&self) -> u64 {
        let expected = self.sequence.map_or(0, |sequence| sequence.expected);
        self.probes.map_or(0, |probes| probes.saturating_sub(expected))
    }
}

impl Figures {
    /// The round trips in words, in two lines that fit a terminal.
    pub(super) fn trips(&self) -> Option<[String; 2]> {
        let RoundTrips { min, mean, p50, p90, p99, p999, max } = self.trips?;
        let [min, mean, p50, p90, p99, p999, max] = [min, mean, p50, p90, p99, p999, max].map(trip);
        let extent = format!("rtt min {min} avg {mean} max {max}");
        Some([extent, format!("rtt p50 {p50} p90 {p90} p99 {p99} p99.9 {p999}")])
    }
}

impl fmt::Display for Figures {
    /// The figures in words; what is zero and good news is left out. Round trips have lines of their own
    /// ([`Figures::trips`]) but in the alternate form, which is for one line of a terminal.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ssrc) = self.ssrc {
            write!(out, "ssrc {ssrc:#010x} ")?;
        }
        if let Some(flow) = &self.flow {
            let (bytes, byte_rate) = (size(flow.bytes), size(flow.byte_rate as u64));
            let messages = number(flow.messages, "message");
            write!(out, "{messages} {bytes} {:.1}/s {byte_rate}/s", flow.rate)?;
        }
        if let Some(probes) = self.probes {
            out.write_str(&number(probes, "probe"))?;
        }
        if let Some(sequence) = &self.sequence {
            write!(out, " lost {} ({:.2} %)", sequence.lost, sequence.loss)?;
            count(out, "unanswered yet", self.unanswered())?;
            count(out, "duplicates", sequence.duplicates)?;
            count(out, "reordered", sequence.reordered)?;
            count(out, "restarts", sequence.restarts.unwrap_or(0))?;
            count(out, "corrupt", sequence.corrupt.unwrap_or(0))?;
        }
        if let Some(jitter) = self.jitter {
            write!(out, " jitter {}", time(jitter))?;
        }
        if let Some(LatencySummary { min, mean, p99, max }) = self.latency {
            let [min, mean, max] = [min, mean, max].map(time);
            write!(out, " latency min {min} avg {mean} max {max}")?;
            if let Some(p99) = p99 {
                write!(out, " p99 {}", time(p99))?;
            }
        }
        if let Some(RoundTrips { p50, p99, max, .. }) =
            self.trips.as_ref().filter(|_| out.alternate())
        {
            write!(out, " p50 {} p99 {} max {}", trip(*p50), trip(*p99), trip(*max))?;
        }
        let Some(flow) = &self.flow else { return Ok(()) };
        count(out, "truncated", flow.truncated)?;
        count(out, "dropped by the kernel", flow.kernel_drops)
    }
}

fn count(out: &mut fmt::Formatter<'_>, what: &str, count: u64) -> fmt::Result {
    if count > 0 { write!(out, " {what} {count}") } else { Ok(()) }
}

/// A time in the unit that suits it; clocks know no more than microseconds.
fn time(seconds: f64) -> String {
    if seconds.abs() < 1e-3 { format!("{:.0} µs", seconds * 1e6) } else { trip(seconds) }
}

/// Bytes in the unit that suits them.
pub(super) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

fields! {
    /// What two sides have agreed on, and the certificate that the peer has given.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(crate) struct TlsFigures {
        version: Cow<'static, str> = "version": "the version of TLS: 1.2 or 1.3";
        cipher: Cow<'static, str> = "cipher": "the cipher suite, as IANA names it";
        alpn: Option<Cow<'static, str>> = "alpn": "the protocol agreed on (--alpn)";
        subject: Option<Cow<'static, str>> = "subject": "whom the peer's certificate is issued to";
        names: Option<Vec<String>> = "names": "the host names and addresses that it is for";
        not_after: Option<Duration> = "not_after": "when it ends: seconds since 1970-01-01 00:00 UTC";
    }
}

impl fmt::Display for TlsFigures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.version, self.cipher)?;
        for (label, word) in [("alpn", &self.alpn), ("to", &self.subject)] {
            if let Some(word) = word {
                write!(out, " {label} {word}")?;
            }
        }
        if let Some(names) = self.names.as_deref().filter(|names| !names.is_empty()) {
            write!(out, " for {}", names.join(" "))?;
        }
        let Some(end) = self.not_after.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end))
        else {
            return Ok(());
        };
        let mut text = String::new();
        // humantime writes dates up to the year 9999.
        match write!(text, "{}", humantime::format_rfc3339_seconds(end)) {
            Ok(()) => write!(out, " until {text}"),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_a_line_that_leaves_good_news_out() {
        let flow = FlowFigures {
            messages: 1,
            bytes: 2048,
            rate: 10.0,
            byte_rate: 20480.0,
            ..FlowFigures::default()
        };
        let plain = Figures { flow: Some(flow), ..Figures::default() };
        assert_eq!(plain.to_string(), "1 message 2.0 KiB 10.0/s 20.0 KiB/s");
        let sequence = SequenceFigures {
            expected: 10,
            lost: 1,
            loss: 10.0,
            reordered: 2,
            ..Default::default()
        };
        let full = Figures {
            flow: Some(FlowFigures { messages: 9, kernel_drops: 4, ..flow }),
            sequence: Some(sequence),
            jitter: Some(1.5e-3),
            latency: Some(LatencySummary { min: 2e-5, mean: 3e-3, p99: Some(0.5), max: 2.0 }),
            ..plain
        };
        assert_eq!(
            full.to_string(),
            "9 messages 2.0 KiB 10.0/s 20.0 KiB/s lost 1 (10.00 %) reordered 2 jitter 1.50 ms \
             latency min 20 µs avg 3.00 ms max 2.00 s p99 500.00 ms dropped by the kernel 4"
        );
    }

    #[test]
    fn figures_of_a_probe_read_as_a_line() {
        let (min, mean, p50, p90) = (12.3e-6, 1e-3, 2e-3, 3e-3);
        let trips = RoundTrips { min, mean, p50, p90, p99: 0.5, p999: 1.0, max: 2.0 };
        let sequence =
            SequenceFigures { expected: 4, lost: 1, loss: 25.0, ..SequenceFigures::default() };
        let sequence = SequenceFigures { corrupt: Some(1), ..sequence };
        let figures = Figures { probes: Some(6), sequence: Some(sequence), ..Figures::default() };
        assert_eq!(figures.to_string(), "6 probes lost 1 (25.00 %) unanswered yet 2 corrupt 1");
        let sequence = Some(SequenceFigures::default());
        let figures =
            Figures { probes: Some(0), sequence, trips: Some(trips), ..Figures::default() };
        assert_eq!(
            format!("{figures:#}"),
            "0 probes lost 0 (0.00 %) p50 2.00 ms p99 500.00 ms max 2.00 s"
        );
        assert_eq!(figures.to_string(), "0 probes lost 0 (0.00 %)");
        let [extent, percentiles] = figures.trips().unwrap();
        assert_eq!(extent, "rtt min 12.3 µs avg 1.00 ms max 2.00 s");
        assert_eq!(percentiles, "rtt p50 2.00 ms p90 3.00 ms p99 500.00 ms p99.9 1.00 s");
    }

    #[test]
    fn what_was_agreed_is_a_line() {
        let plain = TlsFigures {
            version: "1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            ..TlsFigures::default()
        };
        assert_eq!(plain.to_string(), "1.3 TLS_AES_128_GCM_SHA256");
        let full = TlsFigures {
            alpn: Some("h2".into()),
            subject: Some("CN=a".into()),
            names: Some(vec!["a.example".to_owned(), "::1".to_owned()]),
            not_after: Some(Duration::from_secs(1 << 31)),
            ..plain
        };
        let text = "1.3 TLS_AES_128_GCM_SHA256 alpn h2 to CN=a for a.example ::1 \
                    until 2038-01-19T03:14:08Z";
        assert_eq!(full.to_string(), text);
        let forever = TlsFigures { not_after: Some(Duration::MAX), ..full };
        assert!(!forever.to_string().contains("until"));
    }
}
