//! Random scenarios: what is asked of wirecat, and who deals with it.

use std::time::Duration;

use fastrand::Rng;
use wirecat::event_loop::Signal;
use wirecat::framing::{self, Framing};
use wirecat::protocol::output::{self, Written};
use wirecat::protocol::relay::{Rules, Source};
use wirecat::report::{Color, EventSelection, Log, Settings, Verbosity};
use wirecat::sessions::config::{
    Common, Goal, Helpers, InputConfig, InputSource, Limits, OutputConfig, Wire,
};

use super::actor::{Ending, Temper};
use super::wire::Shape;

/// What both commands are asked, and their standard streams.
#[derive(Clone, Debug)]
pub(super) struct Basics {
    pub(super) framing: Framing,
    pub(super) source: Source,
    pub(super) stdin: Vec<u8>,
    pub(super) keep_open: bool,
    pub(super) leave: bool,
    pub(super) quit_after: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) signal: Option<(Duration, Signal)>,
    pub(super) stdout: Shape,
    pub(super) stdout_temper: Temper,
    /// Something looks at each byte, so that nothing is linked.
    pub(super) recorded: bool,
}

pub(super) fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

/// True once in `n` times.
pub(super) fn once_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(..n) == 0
}

/// `Some` once in `n` times.
pub(super) fn rarely<T>(rng: &mut Rng, n: u32, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    once_in(rng, n).then(|| value(rng))
}

/// A size between two powers of two, small ones as often as large ones.
pub(super) fn size(rng: &mut Rng, bits: std::ops::Range<u32>) -> usize {
    let most = 1 << rng.u32(bits);
    rng.usize(most / 2..=most)
}

pub(super) fn pipe(rng: &mut Rng) -> Shape {
    Shape { capacity: size(rng, 8..17), plain: true, disk: None }
}

pub(super) fn socket(rng: &mut Rng) -> Shape {
    Shape { plain: false, ..pipe(rng) }
}

/// Bytes for a stream: random ones, or whole lines that are all different.
pub(super) fn content(rng: &mut Rng, framing: &Framing, name: &str) -> Vec<u8> {
    let len = if once_in(rng, 6) { 0 } else { size(rng, 4..18) };
    if *framing == Framing::None {
        return std::iter::repeat_with(|| rng.u8(..)).take(len).collect();
    }
    let mut lines = Vec::new();
    for number in 0.. {
        if lines.len() >= len {
            break;
        }
        let padding = "x".repeat(size(rng, 0..11));
        lines.extend(format!("{name} {number} {padding}\n").into_bytes());
    }
    lines
}

/// A stream of lines as it goes over the wire.
pub(super) fn framed(framing: &Framing, lines: &[u8]) -> Vec<u8> {
    let Some(framer) = framing.framer(1 << 20) else { return lines.to_vec() };
    let mut wire = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let payload = line.strip_suffix(b"\n").unwrap_or(line);
        framer.encode(payload, &mut wire).expect("a line fits");
    }
    wire
}

/// The temper of a peer; `patience` is how long it may be still without being called slow.
pub(super) fn temper(rng: &mut Rng, patience: Duration) -> Temper {
    let limit = if rng.bool() { size(rng, 1..17) } else { 0 };
    match rng.u8(..10) {
        0 | 1 => Temper::Slow(patience),
        2 | 3 => Temper::Stuck(limit, patience * 8 + millis(rng, 1..2000)),
        4 => Temper::Rude(limit),
        5 => Temper::Wedged(patience * 8 + millis(rng, 1..2000)),
        _ => Temper::Good,
    }
}

pub(super) fn ending(rng: &mut Rng, basics: &Basics, other_side_ends: bool) -> Ending {
    if basics.idle.is_some() && once_in(rng, 5) {
        Ending::Never
    } else if other_side_ends && rng.bool() {
        Ending::AfterTheirs
    } else {
        Ending::AfterSending
    }
}

impl Basics {
    /// The same as far as it is worth reading.
    pub(super) fn described(&self) -> Self {
        Self { stdin: Vec::new(), ..self.clone() }
    }

    pub(super) fn random(rng: &mut Rng, framing: &Framing) -> Self {
        let source = match rng.u8(..10) {
            0 => Source::Absent,
            1 => Source::Terminal,
            _ => Source::Stream,
        };
        let stdout_temper = match rng.u8(..12) {
            0 => Temper::Rude(size(rng, 1..16)),
            1 | 2 => Temper::Stuck(size(rng, 1..16), millis(rng, 1..8000)),
            3 => Temper::Slow(Duration::from_millis(40)),
            _ => Temper::Good,
        };
        let signals = [Signal::Terminate, Signal::Interrupt, Signal::Report];
        let basics = Self {
            framing: framing.clone(),
            source,
            stdin: if source == Source::Absent {
                Vec::new()
            } else {
                content(rng, framing, "stdin")
            },
            keep_open: once_in(rng, 10),
            leave: false,
            quit_after: rarely(rng, 6, |rng| millis(rng, 0..2000)),
            idle: rarely(rng, 3, |rng| millis(rng, 200..6000)),
            timeout: rarely(rng, 12, |rng| millis(rng, 1..5000)),
            signal: rarely(rng, 8, |rng| {
                (millis(rng, 0..2000), signals[rng.usize(..signals.len())])
            }),
            stdout: Shape { disk: rarely(rng, 20, |rng| size(rng, 1..16)), ..pipe(rng) },
            stdout_temper,
            recorded: false,
        };
        // No draw of its own, which would make all later ones others.
        let recorded = (basics.stdin.len() + basics.stdout.capacity).is_multiple_of(3);
        Self { recorded, ..basics }
    }

    /// Whether the end of stdin becomes a FIN, sooner or later.
    pub(super) fn ends_by_itself(&self, serving: bool) -> bool {
        let says_something = !(serving && self.stdin.is_empty());
        let tells = !self.keep_open || self.quit_after.is_some();
        self.source == Source::Stream && tells && says_something
    }

    pub(super) fn common(&self, serving: bool) -> Common {
        let framed = self.framing != Framing::None;
        let form = if framed { framing::InputFraming::Line } else { framing::InputFraming::Raw };
        Common {
            limits: Limits { timeout: self.timeout, idle: self.idle, read: None, wait: None },
            goal: Goal::default(),
            input: InputConfig {
                source: match self.source {
                    Source::Absent => InputSource::Nothing,
                    _ => InputSource::Messages { form, chomp: framed },
                },
                rate: None,
            },
            output: OutputConfig {
                form: output::Output::Written(if framed { Written::Line } else { Written::Raw }),
                report: Settings {
                    verbosity: Verbosity::Verbose,
                    events: EventSelection::default(),
                    log: Log::Json,
                    color: Color::Never,
                    ..Settings::default()
                },
                is_raw: false,
                progress: false,
            },
            wire: Wire::of_stream(self.framing.clone(), 1 << 20),
            rules: Rules {
                keep_open: self.keep_open,
                leave_on_peer_close: self.leave,
                quit_after: self.quit_after,
                serving,
                undivided: false,
            },
            helpers: Helpers::default(),
            warnings: Vec::new(),
        }
    }
}
