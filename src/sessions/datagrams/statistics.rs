//! What is counted of the sources of a listener, and what is reported of that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::DatagramContext;
use super::peers::Peers;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::flow::{FlowArrival, FlowStats, FlowTotals};
use crate::protocol::probe::Probe;
use crate::protocol::sequence::Width;
use crate::protocol::sequence_field::SequenceField;
use crate::report::{Figures, Name, Notice};
use crate::sys::mmsg::Arrival;

/// The most streams of one peer that are counted each by itself.
const MOST_STREAMS: usize = 64;

/// What is counted of a source: one stream, but for `--seq rtp`, where each SSRC is one.
pub(super) struct Account {
    /// Never empty.
    streams: Vec<Stream>,
    /// Which of them the last message was of.
    recent: usize,
    messages: u64,
    /// There were more streams than are counted.
    is_crowded: bool,
}

/// One stream of numbers.
struct Stream {
    ssrc: Option<u32>,
    flow: FlowStats,
    /// The sums of earlier runs of the sender.
    past: Option<Box<FlowTotals>>,
    /// The probes of this sender are what is counted now.
    sender: Option<u64>,
    /// The sums at the end of the last interval.
    before: Option<Box<FlowTotals>>,
    /// The number of its last message among those of the source.
    last: u64,
}

impl Account {
    pub(super) fn new(width: Width) -> Self {
        Self { streams: vec![Stream::new(None, width)], recent: 0, messages: 0, is_crowded: false }
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        let heap: usize = self.streams.iter().map(|stream| stream.flow.heap()).sum();
        size_of::<Self>() + self.streams.capacity() * size_of::<Stream>() + heap
    }

    /// The sums over its streams.
    pub(super) fn totals(&self) -> FlowTotals {
        self.streams.iter().map(Stream::totals).sum()
    }

    /// Whether its numbers do not look like sequence numbers.
    fn is_doubtful(&self) -> bool {
        // What is no RTP has a new SSRC in each message.
        self.is_crowded || self.streams.iter().any(|it| it.totals().counts.are_doubtful())
    }

    pub(super) fn arrive(
        &mut self,
        arrival: &Arrival<'_>,
        field: Option<SequenceField>,
        others: &mut SummedSources,
    ) {
        self.messages += 1;
        if let Some(field) = field
            && let Some(ssrc) = field.stream(arrival.payload)
        {
            self.choose(ssrc, field.width(), others);
        }
        if let Some(stream) = self.streams.get_mut(self.recent) {
            stream.last = self.messages;
            stream.arrive(arrival, field);
        }
    }

    /// Turns to the stream of an SSRC. What has none, such as RTCP, stays with the stream before.
    fn choose(&mut self, ssrc: u32, width: Width, others: &mut SummedSources) {
        let is_it = |stream: &Stream| stream.ssrc.is_none_or(|own| own == ssrc);
        if !self.streams.get(self.recent).is_some_and(is_it) {
            let known = self.streams.iter().position(is_it);
            self.recent = known.unwrap_or_else(|| self.add(Stream::new(None, width), others));
        }
        if let Some(stream) = self.streams.get_mut(self.recent) {
            stream.ssrc = Some(ssrc);
        }
    }

    /// Adds a stream, in the place of the idlest where there are too many.
    fn add(&mut self, stream: Stream, others: &mut SummedSources) -> usize {
        if self.streams.len() < MOST_STREAMS {
            self.streams.push(stream);
            return self.streams.len() - 1;
        }
        debug_assert_eq!(self.streams.len(), MOST_STREAMS, "no stream is beyond the last place");
        self.is_crowded = true;
        let idlest = self.streams.iter().enumerate().min_by_key(|(_, stream)| stream.last);
        let at = idlest.map_or(0, |(at, _)| at);
        if let Some(place) = self.streams.get_mut(at) {
            others.add(&std::mem::replace(place, stream).totals());
        }
        at
    }
}

impl Stream {
    fn new(ssrc: Option<u32>, width: Width) -> Self {
        let flow = FlowStats::new(width);
        Self { ssrc, flow, past: None, sender: None, before: None, last: 0 }
    }

    fn totals(&self) -> FlowTotals {
        self.past.as_deref().copied().unwrap_or_default() + self.flow.totals()
    }

    fn arrive(&mut self, arrival: &Arrival<'_>, field: Option<SequenceField>) {
        let at = nanoseconds(arrival.time.unwrap_or_else(SystemTime::now));
        let probe = field.is_none().then(|| Probe::read(arrival.payload)).flatten();
        if let Some(probe) = &probe {
            // Another run of the sender from the same port counts from its own first number.
            if self.sender.is_some_and(|sender| sender != probe.sender) {
                let mut past = self.totals();
                past.counts.restarts += 1;
                self.past = Some(Box::new(past));
                self.flow = FlowStats::new(Width::U64);
            }
            self.sender = Some(probe.sender);
        }
        let number = match field {
            Some(field) => field.read(arrival.payload),
            None => probe.as_ref().map(|probe| probe.sequence),
        };
        self.flow.arrive(&FlowArrival {
            len: arrival.payload.len(),
            at,
            truncated: arrival.truncated,
            number,
            sent: probe.map(|probe| probe.sent),
        });
    }

    fn figures(&mut self, interval: Option<Duration>) -> Figures {
        let totals = self.totals();
        let (sums, over) = match interval {
            None => (totals, self.flow.active()),
            Some(interval) => (totals.since(self.before.get_or_insert_default()), interval),
        };
        if interval.is_some() {
            self.before = Some(Box::new(totals));
        }
        Figures {
            ssrc: self.ssrc.map(u64::from),
            ..Figures::of_flow(&sums, over, Some(&self.flow))
        }
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Sources, and streams of sources, that are not counted by themselves any more.
#[derive(Default)]
pub(super) struct SummedSources {
    sources: u64,
    totals: FlowTotals,
    /// The sums at the end of the last interval.
    before: FlowTotals,
}

impl SummedSources {
    /// Takes the sums of one more.
    pub(super) fn add(&mut self, totals: &FlowTotals) {
        self.sources += 1;
        self.totals = self.totals + *totals;
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> u64 {
        self.sources
    }

    #[cfg(test)]
    pub(super) fn totals(&self) -> FlowTotals {
        self.totals
    }

    fn figures(&mut self, interval: Option<Duration>) -> Figures {
        let (sums, over) = match interval {
            None => (self.totals, Duration::ZERO),
            Some(interval) => (self.totals.since(&self.before), interval),
        };
        if interval.is_some() {
            self.before = self.totals;
        }
        Figures::of_flow(&sums, over, None)
    }
}

/// The sources, and what is reported of them: figures, doubts, and too much loss.
pub(super) struct Statistics {
    pub(super) peers: Peers,
    /// `--stats`.
    reported: bool,
    /// `--max-loss`, in percent.
    max_loss: Option<f64>,
}

impl Statistics {
    pub(super) fn new(reported: bool, max_loss: Option<f64>, field: Option<SequenceField>) -> Self {
        Self { peers: Peers::new(reported || max_loss.is_some(), field), reported, max_loss }
    }

    /// Whether figures are reported at the end.
    pub(super) fn are_reported(&self) -> bool {
        self.reported
    }

    /// One `stats` event a stream of a source: over the interval, or over the whole run. Then one of
    /// those that are summed up, and one a socket that has lost datagrams.
    pub(super) fn report(&mut self, context: &mut DatagramContext<'_>, interval: Option<Duration>) {
        context.core.console.reporter.begin_figures(interval);
        self.report_each(context, interval);
        context.core.console.reporter.end_figures();
    }

    fn report_each(&mut self, context: &mut DatagramContext<'_>, interval: Option<Duration>) {
        for peer in self.peers.iter_mut() {
            let is_open = interval.is_none() || context.sockets.is_open(peer.socket());
            for stream in peer.account.iter_mut().flat_map(|account| &mut account.streams) {
                let figures = stream.figures(interval);
                // Of a group that was left there is nothing new to report.
                if is_open {
                    let notice = Notice::new(Name::Stats).peer(&peer.title).figures(&figures);
                    context.report(&of_group(notice, peer.place.group.as_deref()));
                }
            }
        }
        let others = &mut self.peers.others;
        if others.sources > 0 {
            let (count, figures) = (others.sources, others.figures(interval));
            let notice = Notice::new(Name::Stats).peer("others").figures(&figures);
            context.report(&notice.count(usize::try_from(count).unwrap_or(usize::MAX)));
        }
        for (place, kernel_drops) in context.sockets.take_drops(interval.is_some()) {
            let figures = Figures::of_drops(kernel_drops);
            let notice = Notice::new(Name::Stats).figures(&figures);
            context.report(&of_group(notice, place.group.as_deref()));
        }
    }

    /// The sums over all sources.
    fn totals(&self) -> FlowTotals {
        let accounts = self.peers.iter().filter_map(|peer| peer.account.as_ref());
        let counted: FlowTotals = accounts.map(|account| account.totals()).sum();
        counted + self.peers.others.totals
    }

    /// The failure for more loss than `--max-loss` allows, or for loss that is unknown: nothing counts what a
    /// source lost between the time that it had to go and its next message, nor lost messages without a
    /// number.
    pub(super) fn too_much_loss(&self) -> Option<Failure> {
        let (most, all) = (self.max_loss?, self.totals());
        let loss = all.loss_percent();
        let SummedSources { sources, totals, .. } = &self.peers.others;
        let cause = if loss > most {
            format!("{loss:.2} % were lost")
        } else if totals.counts.numbers() > 0 {
            format!("there were too many sources to count the loss of each ({sources} had to go)")
        } else if all.messages > 0 && all.counts.numbers() == 0 {
            "no message had a sequence number (--seq says where it is)".to_owned()
        } else {
            return None;
        };
        let target = format!("--max-loss {most} %");
        Some(Failure::new(Status::Unmet, Kind::Loss, "keep to", target, cause))
    }

    /// Warns of sources whose numbers cannot be sequence numbers: their loss means nothing.
    pub(super) fn report_doubts(&self, context: &mut DatagramContext<'_>) {
        let is_doubtful = |account: &Account| account.is_doubtful();
        for peer in self.peers.iter() {
            if !peer.account.as_deref().is_some_and(is_doubtful) {
                continue;
            }
            let text = format!(
                "the numbers of {} do not look like sequence numbers, so its loss means \
                 nothing (does --seq name the right place?)",
                peer.title
            );
            context.warn(Kind::DoubtfulSequence, &text);
        }
    }
}

/// An event about a source, with its group where it has one.
pub(super) fn of_group<'a>(notice: Notice<'a>, group: Option<&'a str>) -> Notice<'a> {
    match group {
        Some(group) => notice.group(group),
        None => notice,
    }
}
