//! What is known of the messages that one source sends to one group.
//!
//! Owns the sums and which arrival counts for which of them. Pure: the time of arrival is an
//! argument, and who the source is, is known to the owner of the flow alone.

use std::iter::Sum;
use std::ops::{Add, Sub};
use std::time::Duration;

use super::counts::Counts;
use super::delay::{Jitter, Latency, LatencySummary};
use super::sequence::{Seen, Sequence, Width};

/// One message that arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowArrival {
    /// Bytes of the payload that arrived.
    pub len: usize,
    /// When: the kernel's receive time or now, in nanoseconds since the Unix epoch.
    pub at: u64,
    /// Whether the datagram was longer than what arrived of it.
    pub truncated: bool,
    /// Its sequence number, where it has one.
    pub number: Option<u64>,
    /// When it was sent, in nanoseconds since the Unix epoch, where it has that.
    pub sent: Option<u64>,
}

/// The account of one flow.
#[derive(Clone, Debug)]
pub struct FlowStats {
    totals: FlowTotals,
    /// Nanoseconds since the Unix epoch of the earliest and of the latest arrival.
    arrivals: Option<(u64, u64)>,
    width: Width,
    sequence: Option<Sequence>,
    jitter: Jitter,
    latency: Option<Box<Latency>>,
}

/// The sums over a flow, over several, or over an interval: flows add up, and an earlier state of
/// a flow is subtracted for what came since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowTotals {
    /// Messages that arrived, duplicates included.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Messages that were cut.
    pub truncated: u64,
    /// What the sequence numbers show; all zero where there are none.
    pub counts: Counts,
}

impl FlowStats {
    /// A flow before its first message; its sequence numbers, if it has any, are this wide.
    pub fn new(width: Width) -> Self {
        Self {
            totals: FlowTotals::default(),
            arrivals: None,
            width,
            sequence: None,
            jitter: Jitter::default(),
            latency: None,
        }
    }

    /// Takes the next message, and returns what its number turned out to be. A duplicate counts
    /// neither for jitter nor for latency: it is about the network, not the stream.
    pub fn arrive(&mut self, arrival: &FlowArrival) -> Option<Seen> {
        let (first, last) = self.arrivals.unwrap_or((arrival.at, arrival.at));
        // The kernel's receive times are of the wall clock, which may step back.
        self.arrivals = Some((first.min(arrival.at), last.max(arrival.at)));
        self.totals.messages += 1;
        self.totals.bytes += arrival.len as u64;
        self.totals.truncated += u64::from(arrival.truncated);
        let seen = arrival.number.map(|number| self.record(number));
        if seen != Some(Seen::Duplicate) {
            self.time(arrival);
        }
        seen
    }

    /// The sums so far. Keep them to subtract them from later ones.
    pub const fn totals(&self) -> FlowTotals {
        self.totals
    }

    /// The interarrival jitter in nanoseconds, as [`Jitter`] defines it.
    pub const fn jitter(&self) -> Option<f64> {
        self.jitter.nanoseconds()
    }

    /// The latencies of messages that have the time they were sent at.
    pub fn latency(&self) -> Option<LatencySummary> {
        self.latency.as_ref().and_then(|latency| latency.summary())
    }

    /// The time from the earliest arrival to the latest.
    pub fn active(&self) -> Duration {
        self.arrivals.map_or(Duration::ZERO, |(first, last)| Duration::from_nanos(last - first))
    }

    /// Bytes of memory beside the account itself.
    pub fn heap(&self) -> usize {
        let latency = self.latency.as_ref();
        self.sequence.as_ref().map_or(0, Sequence::heap)
            + latency.map_or(0, |latency| size_of::<Latency>() + latency.heap())
    }

    fn record(&mut self, number: u64) -> Seen {
        let sequence = self.sequence.get_or_insert_with(|| Sequence::new(self.width));
        let seen = sequence.record(number);
        self.totals.counts = *sequence.counts();
        seen
    }

    fn time(&mut self, arrival: &FlowArrival) {
        self.jitter.arrive(arrival.at, arrival.sent);
        if let Some(sent) = arrival.sent {
            self.latency.get_or_insert_default().arrive(arrival.at, sent);
        }
    }
}

impl FlowTotals {
    /// What came on top of an earlier state of the same flow.
    pub fn since(&self, earlier: &Self) -> Self {
        *self - *earlier
    }

    /// Messages a second over this time; 0 over none.
    pub fn message_rate(&self, over: Duration) -> f64 {
        per_second(self.messages, over)
    }

    /// Bytes a second over this time; 0 over none.
    pub fn byte_rate(&self, over: Duration) -> f64 {
        per_second(self.bytes, over)
    }

    /// Missing numbers as a share of those expected, 0 to 100; 0 where there are no numbers.
    pub fn loss_percent(&self) -> f64 {
        self.counts.loss_percent()
    }
}

fn per_second(count: u64, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { count as f64 / over.as_secs_f64() }
}

impl Add for FlowTotals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
            truncated: self.truncated.saturating_add(other.truncated),
            counts: self.counts + other.counts,
        }
    }
}

impl Sub for FlowTotals {
    type Output = Self;

    /// What came on top of an earlier state, as [`FlowTotals::since`].
    fn sub(self, earlier: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(earlier.messages),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            truncated: self.truncated.saturating_sub(earlier.truncated),
            counts: self.counts - earlier.counts,
        }
    }
}

impl Sum for FlowTotals {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A flow of messages of 10 bytes, one a millisecond, that were under way for 50 ns.
    fn flow(numbers: &[u64]) -> FlowStats {
        let mut flow = FlowStats::new(Width::U64);
        for (index, &number) in numbers.iter().enumerate() {
            let sent = index as u64 * 1_000_000;
            let (number, sent, at) = (Some(number), Some(sent), sent + 50);
            flow.arrive(&FlowArrival { len: 10, at, number, sent, ..FlowArrival::default() });
        }
        flow
    }

    #[test]
    fn an_arrival_counts_everywhere() {
        let flow = flow(&[0, 1, 3, 4, 4]);
        let totals = flow.totals();
        assert_eq!((totals.messages, totals.bytes, totals.truncated), (5, 50, 0));
        assert_eq!((totals.counts.lost(), totals.counts.duplicates), (1, 1));
        assert_eq!(totals.loss_percent(), 20.0);
        assert_eq!(flow.active(), Duration::from_millis(4));
        assert_eq!(flow.jitter(), Some(0.0));
        assert_eq!(flow.latency().map(|latency| (latency.min, latency.max)), Some((5e-8, 5e-8)));
    }

    #[test]
    fn messages_without_numbers_are_counted_as_messages_only() {
        let mut flow = flow(&[0, 1]);
        assert_eq!(flow.arrive(&FlowArrival { truncated: true, ..FlowArrival::default() }), None);
        let totals = flow.totals();
        assert_eq!((totals.messages, totals.counts.numbers()), (3, 2));
    }

    #[test]
    fn a_late_duplicate_means_nothing_for_the_stream() {
        let mut flow = flow(&[0, 1]);
        let at = 60_000_000_000;
        let again = FlowArrival { at, number: Some(0), sent: Some(0), ..FlowArrival::default() };
        assert_eq!(flow.arrive(&again), Some(Seen::Duplicate));
        assert_eq!(flow.jitter(), Some(0.0));
        assert_eq!(flow.latency().map(|latency| latency.max), Some(5e-8));
    }

    #[test]
    fn rates_are_those_of_the_interval() {
        let interval = flow(&[0, 1, 2, 3]).totals().since(&flow(&[0]).totals());
        assert_eq!(interval.message_rate(Duration::from_millis(500)), 6.0);
        assert_eq!(interval.byte_rate(Duration::from_millis(500)), 60.0);
        assert_eq!(interval.byte_rate(Duration::ZERO), 0.0);
    }

    #[test]
    fn loss_over_several_flows_is_that_of_their_sum() {
        let flows = [flow(&[0, 1, 2, 3, 4]), flow(&[0, 4]), FlowStats::new(Width::U16)];
        let sum: FlowTotals = flows.iter().map(FlowStats::totals).sum();
        assert_eq!((sum.messages, sum.loss_percent()), (7, 30.0));
    }

    proptest! {
        #[test]
        fn intervals_without_reordering_add_up_to_the_whole(
            steps in prop::collection::vec(0..4_u64, 1..100),
            cut: prop::sample::Index,
        ) {
            let numbers: Vec<u64> =
                steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let middle = flow(&numbers[..cut.index(numbers.len())]).totals();
            let whole = flow(&numbers).totals();
            let rest = whole.since(&middle);
            prop_assert_eq!(middle + rest, whole);
            prop_assert_eq!(middle.counts.lost() + rest.counts.lost(), whole.counts.lost());
        }
    }
}
