//! What both sessions stand on: stdin, stdout and stderr with the simulation at their far ends.

use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use wirecat::close::Detail;
use wirecat::error::{Failure, Status};
use wirecat::event_loop::stdio::StdioKind;
use wirecat::event_loop::{End, EventLoop, Id, Pool, Recorder, SharedRecorder};
use wirecat::framing::{Deframer, Framing};
use wirecat::protocol::relay::Source;
use wirecat::recording::{Observation, RecordedFlow};
use wirecat::report::Reporter;
use wirecat::sessions::config::Common;
use wirecat::sessions::{Console, InputReader};

use super::actor::{Actor, Ending, Temper};
use super::guest::Left;
use super::plan::{Basics, pipe};
use super::wire::wire;
use super::world::World;

/// The most that one read of the loop gives.
pub(super) const BATCH: usize = 64 * 1024;
/// What a client queues before it stops reading stdin (src/sessions/streams/slow.rs).
const QUEUE: usize = 64 * 1024;
/// The purposes of two of the sessions' timers (src/sessions/timers.rs, streams/deadlines.rs).
pub(super) const TOTAL: u8 = 1;
pub(super) const IDLE: u8 = 64;
/// What stdout may hold when it is full.
const STDOUT: usize = 256 * 1024;

pub(super) struct Stage {
    pub(super) stdin: Option<Id>,
    pub(super) stdout: Id,
    lines: Receiver<Vec<u8>>,
    /// Bytes of stdin that were read.
    pub(super) consumed: Vec<u8>,
    /// The session has met the end of stdin.
    pub(super) input_ended: bool,
    /// What belongs on stdout.
    pub(super) expected: Vec<u8>,
    /// How stdout ended, and what it did not take.
    pub(super) end: Option<(Option<ErrorKind>, usize)>,
}

/// A recorder that keeps nothing. With it, bytes take the path of those that are looked at.
struct Blank;

impl Recorder for Blank {
    fn record(&mut self, _: &RecordedFlow, _: Observation<'_>) {}

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Opens the console and stdin; the reader of stdout is the world's first actor.
pub(super) fn open(
    event_loop: &mut EventLoop,
    world: &mut World,
    basics: &Basics,
    common: &Common,
) -> (Console, InputReader, Stage) {
    let pool = event_loop.pool();
    if basics.recorded {
        pool.set_recorder(SharedRecorder::new(Blank));
    }
    let (sender, lines) = channel();
    let reporter = Reporter::to(common.output.report.clone(), move |line| {
        // Nobody listens any more once the test has failed.
        let _ = sender.send(line.to_vec());
    });
    let (near, far) = wire(world.rng.fork(), basics.stdout, world.now);
    let console = Console::on(pool, reporter, common.output.form, Box::new(near), StdioKind::Pipe);
    let console = console.expect("a virtual stdout");
    let stdout = far.id().expect("stdout is registered");
    let reader = Actor::new("stdout", far, basics.stdout_temper, Ending::Never, world.now);
    world.actors.push(reader);
    let (input, stdin) = open_feed(pool, world, basics, common);
    let (consumed, expected) = (Vec::new(), Vec::new());
    let stage = Stage { stdin, stdout, lines, consumed, input_ended: false, expected, end: None };
    (console, input, stage)
}

fn open_feed(
    pool: &mut Pool,
    world: &mut World,
    basics: &Basics,
    common: &Common,
) -> (InputReader, Option<Id>) {
    if basics.source == Source::Absent {
        return (InputReader::open(pool, common).expect("nothing to open"), None);
    }
    let shape = pipe(&mut world.rng);
    let (near, far) = wire(world.rng.fork(), shape, world.now);
    let input =
        InputReader::on(pool, common, Box::new(near), basics.source).expect("a virtual stdin");
    let stdin = far.id();
    let ending = match basics.source {
        Source::Terminal => Ending::Never,
        _ => Ending::AfterSending,
    };
    let mut writer = Actor::new("stdin", far, Temper::Good, ending, world.now);
    writer.to_send.clone_from(&basics.stdin);
    world.actors.push(writer);
    (input, stdin)
}

impl Stage {
    /// What was read of stdin since this was last asked; of a link there is no other sign.
    pub(super) fn read_since(&mut self, pool: &Pool, stdin: &[u8]) -> Vec<u8> {
        let traffic = self.stdin.and_then(|stdin| pool.traffic(stdin));
        let received = traffic.map_or(0, |traffic| traffic.received);
        let received = usize::try_from(received).expect("a size");
        let since = stdin.get(self.consumed.len()..received).unwrap_or_default().to_vec();
        self.consumed.extend(&since);
        since
    }

    /// stdout holds no more than it may, and one batch that was read before it said so.
    pub(super) fn check(&self, pool: &Pool) {
        let queued = pool.queued(self.stdout);
        assert!(queued <= STDOUT + 2 * BATCH, "{queued} bytes wait for stdout");
    }

    pub(super) fn note_end(&mut self, end: &End) {
        assert!(self.end.is_none(), "stdout has ended twice");
        self.end = Some((end.error.as_ref().map(io::Error::kind), end.unsent.len()));
    }

    /// Whether stdout took everything that it was given.
    pub(super) fn is_whole(&self) -> bool {
        self.end == Some((None, 0))
    }

    /// A transfer that the run gave up looks whole to nobody: whoever sees a FIN got all that was read
    /// of stdin, which had nothing more at the time.
    #[track_caller]
    pub(super) fn check_cut(&self, world: &World, to: &Actor, wanted: &[u8], left: &Left) {
        let is_given_up = matches!(left.reason.detail, Detail::Signal | Detail::Timeout);
        if is_given_up && to.saw_fin && !to.was_reset {
            let unread = self.stdin.map_or(0, |_| world.actors[1].wire.unread());
            let got = to.received.len();
            assert_eq!((got, unread), (wanted.len(), 0), "{} sees a FIN behind a part", to.name);
        }
    }

    /// Whether stdout was given up before it had taken all.
    pub(super) fn is_cut(&self) -> bool {
        self.end.is_some_and(|(_, unsent)| unsent > 0)
    }

    /// Why stdout ended before its time, if it did.
    pub(super) fn trouble(&self) -> Option<ErrorKind> {
        self.end.and_then(|(error, _)| error)
    }

    /// Whether what the reader of stdout got is right: the beginning of what belongs there, and
    /// all of it where stdout ended in order.
    #[track_caller]
    pub(super) fn check_output(&self, world: &World, whole: bool) {
        check_prefix("stdout", &world.actors[0].received, &self.expected, whole);
    }

    /// The same where messages of one connection may wait while others are taken: each line is one of
    /// those that belong there, and all are there where it is `whole`.
    #[track_caller]
    pub(super) fn check_lines(&self, world: &World, whole: bool) {
        let got = &world.actors[0].received;
        let mut wanted: Vec<&[u8]> = self.expected.split_inclusive(|byte| *byte == b'\n').collect();
        for line in got.split_inclusive(|byte| *byte == b'\n').filter(|it| it.ends_with(b"\n")) {
            let place = wanted.iter().position(|one| *one == line);
            wanted.swap_remove(place.expect("a line of stdout that was said"));
        }
        assert!(!whole || wanted.is_empty(), "{} lines are missing on stdout", wanted.len());
    }

    /// The events that were told, of which the last is the summary with the exit status.
    #[track_caller]
    pub(super) fn events(&self, status: Status) -> Vec<Value> {
        let parse = |line: Vec<u8>| serde_json::from_slice(&line).expect("a line of JSON");
        let events: Vec<Value> = self.lines.try_iter().map(parse).collect();
        let last = events.last().expect("a summary");
        assert_eq!(last["event"], "summary", "the summary is the last event");
        assert_eq!(last["code"], u64::from(status.code()), "{last}");
        let summaries = events.iter().filter(|event| event["event"] == "summary").count();
        assert_eq!(summaries, 1, "one summary");
        events
    }
}

/// A client's queue holds no more than it may, and what was read before it said so.
#[track_caller]
pub(super) fn check_queue(pool: &Pool, id: Id) {
    let queued = pool.queued(id);
    assert!(queued <= QUEUE + 2 * BATCH, "{queued} bytes wait for the server");
}

/// `got` is the beginning of `wanted`, or all of it.
#[track_caller]
pub(super) fn check_prefix(who: &str, got: &[u8], wanted: &[u8], whole: bool) {
    let same = got.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (has, wants) = (got.len(), wanted.len());
    assert!(same == has, "{who}: byte {same} is wrong ({has} came of {wants})");
    assert!(!whole || has == wants, "{who}: {has} bytes came of {wants}");
}

/// Cuts a stream into messages, as both sides see them; without framing each piece is one.
pub(super) struct Cut(Option<Deframer>);

impl Cut {
    pub(super) fn new(framing: &Framing) -> Self {
        Self(framing.framer(1 << 20).map(Deframer::new))
    }

    /// stdin is lines, whatever the framing on the wire.
    pub(super) fn of_stdin(framing: &Framing) -> Self {
        Self::new(if *framing == Framing::None { framing } else { &Framing::Line })
    }

    pub(super) fn feed(&mut self, bytes: &[u8], eof: bool) -> Vec<Vec<u8>> {
        let Some(deframer) = &mut self.0 else {
            return if eof { Vec::new() } else { vec![bytes.to_vec()] };
        };
        let mut messages = Vec::new();
        let fed = deframer.feed(bytes, eof, &mut |frame| messages.push(frame.payload.to_vec()));
        // Of a stream that was cut, the whole frames count.
        assert!(fed.is_ok() || eof, "{fed:?}");
        messages
    }
}

/// A message on the wire.
pub(super) fn encode(framing: &Framing, payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    match framing.framer(1 << 20) {
        Some(framer) => framer.encode(payload, &mut wire).expect("a message fits"),
        None => wire.extend(payload),
    }
    wire
}

/// A message on stdout.
pub(super) fn shown(framing: &Framing, payload: &[u8]) -> Vec<u8> {
    let end: &[u8] = if *framing == Framing::None { b"" } else { b"\n" };
    [payload, end].concat()
}
