//! One stream through a pair of processes, over loopback.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::Fallible;
use crate::contest::{self, Case, Column, Entrant, Kind, Sample};
use crate::ends::{Look, arrived, drain, feed, join, wait_for_listener};
use crate::peers::Reserved;
use crate::plan::{Outcome, Plan};
use crate::process::Process;
use crate::tools::{Tool, peers};

/// The columns of every table of streams.
pub(crate) const COLUMNS: [Column; 2] = [Column::more("GB/s", 2), Column::less("s CPU/GB", 3)];
/// What is moved to look at each byte, before anything is measured: no multiple of any buffer.
pub(crate) const PROOF: u64 = (8 << 20) + 12_345;

/// Where the stream comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    PipeToPipe,
    FileToNull,
    PipeToFile,
}

pub(crate) fn pipe_to_pipe(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Shape::PipeToPipe)
}

pub(crate) fn file_to_null(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Shape::FileToNull)
}

pub(crate) fn pipe_to_file(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Shape::PipeToFile)
}

/// The rate and the CPU time of some bytes.
pub(crate) fn sample(size: u64, seconds: f64, cpu: f64) -> Sample {
    let gigabytes = size as f64 / 1e9;
    vec![gigabytes / seconds, cpu / gigabytes].into()
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::PipeToPipe => "pipe → net → pipe",
            Self::FileToNull => "file → net → null device",
            Self::PipeToFile => "pipe → net → file",
        }
    }

    fn limits(self) -> Vec<(&'static str, Entrant<Tool>)> {
        let splice = Tool::Limit("send-splice", "receive-splice");
        let read = Tool::Limit("send-read", "receive-splice");
        let sendfile = Tool::Limit("send-sendfile", "receive-splice");
        let limits = match self {
            Self::FileToNull => vec![("bare read", read), ("bare sendfile", sendfile)],
            Self::PipeToPipe | Self::PipeToFile => vec![("bare splice", splice)],
        };
        let limits = limits.into_iter();
        limits.map(|(name, tool)| ("limit", Entrant::new(name, Kind::Limit, tool))).collect()
    }
}

/// The files that are sent and received, in the build directory: it is on a real file system,
/// where /tmp may be memory.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Fallible<Self> {
        Ok(Self { directory: TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))? })
    }

    fn source(&self, size: u64) -> PathBuf {
        self.directory.path().join(format!("source-{size}"))
    }

    fn received(&self) -> PathBuf {
        self.directory.path().join("received")
    }

    fn summary(&self) -> PathBuf {
        self.directory.path().join("summary")
    }
}

/// The same from a pipe to a pipe, of others than those of the tables here.
pub(crate) fn pipes(
    plan: &Plan,
    name: &str,
    size: u64,
    entrants: &[Entrant<Tool>],
) -> Fallible<Case> {
    let place = Place::new()?;
    Ok(contend(plan, name, entrants, Shape::PipeToPipe, &place, size))
}

fn contend(
    plan: &Plan,
    name: &str,
    entrants: &[Entrant<Tool>],
    shape: Shape,
    place: &Place,
    size: u64,
) -> Case {
    contest::measure(
        plan,
        name,
        entrants,
        |tool| run(tool, shape, place, PROOF, Look::Whole).map(drop),
        |tool| run(tool, shape, place, size, Look::Edges),
    )
}

fn measure(plan: &Plan, shape: Shape) -> Fallible<Vec<Outcome>> {
    let place = Place::new()?;
    if shape == Shape::FileToNull {
        for size in [PROOF, plan.size] {
            let source = File::create(place.source(size))?;
            feed(&source, size)?;
            // The disk must not be at work on it while something else is measured.
            source.sync_all()?;
        }
    }
    let mut others = peers();
    others.extend(shape.limits());
    let entrants = plan.entrants(Tool::Wirecat, others);
    let case = contend(plan, shape.name(), &entrants, shape, &place, plan.size);
    let size = bytesize::ByteSize(plan.size);
    let intro = format!("{size} over loopback, sender and receiver of one kind, CPU of both.");
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: vec![case] }])
}

/// Moves the stream once, and checks that all of it arrived.
fn run(tool: &Tool, shape: Shape, place: &Place, size: u64, look: Look) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let mut receiver = tool.receiver(port.port)?;
    receiver.stdin(Stdio::null()).stderr(File::create(place.summary())?);
    // Nobody sees what the null device gets: the proof of that shape is on a pipe.
    let is_null = shape == Shape::FileToNull && look == Look::Edges;
    receiver.stdout(match shape {
        Shape::PipeToFile => File::create(place.received())?.into(),
        _ if is_null => Stdio::null(),
        _ => Stdio::piped(),
    });
    let mut sender = tool.sender(port.port)?;
    sender.stdout(Stdio::null()).stdin(match shape {
        Shape::FileToNull => File::open(place.source(size))?.into(),
        Shape::PipeToPipe | Shape::PipeToFile => Stdio::piped(),
    });
    let mut receiver = Process::start(receiver)?;
    wait_for_listener(port.port, &mut receiver)?;
    thread::scope(|scope| {
        let drained =
            receiver.stdout().map(|stdout| scope.spawn(move || drain(stdout, size, look)));
        let started = Instant::now();
        let mut sender = Process::start(sender)?;
        let fed = sender.stdin().map(|stdin| scope.spawn(move || feed(stdin, size)));
        let (sent, received) = (sender.wait(), receiver.wait());
        let seconds = started.elapsed().as_secs_f64();
        // What is wrong with the bytes says more than how the tools ended for it.
        drained.map_or(Ok(()), join)?;
        let (sent, received) = (sent?, received?);
        fed.map_or(Ok(()), join)?;
        match shape {
            Shape::PipeToFile => check_file(place, size, look)?,
            _ if is_null => check_count(tool, place, size, received.written)?,
            _ => {}
        }
        Ok(sample(size, seconds, (sent.cpu + received.cpu).as_secs_f64()))
    })
}

fn check_file(place: &Place, size: u64, look: Look) -> Fallible<()> {
    let count = fs::metadata(place.received())?.len();
    arrived(count, size)?;
    if look == Look::Whole {
        drain(File::open(place.received())?, size, look)?;
    }
    // What waits to be written to the disk must not slow the next run down.
    Ok(fs::remove_file(place.received())?)
}

/// What is known of a stream that went to the null device.
fn check_count(tool: &Tool, place: &Place, size: u64, written: u64) -> Fallible<()> {
    let count = match tool {
        Tool::Wirecat(_) => {
            let summary = fs::read_to_string(place.summary())?;
            let line = summary.lines().last().ok_or("no summary")?;
            let summary: serde_json::Value = serde_json::from_str(line)?;
            summary["in"].as_u64().ok_or("no count in the summary")?
        }
        // A tool may have written a few words of its own to stderr, which the kernel counts too.
        Tool::Peer(_) | Tool::Tls(_) => written.min(size),
        // Nobody counts what splice(2) moves; a reset would have been an error of the sender.
        Tool::Limit(..) => size,
    };
    arrived(count, size)
}
