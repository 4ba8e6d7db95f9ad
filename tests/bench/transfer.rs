//! One stream through a pair of processes, over loopback.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Fallible;
use crate::options::Options;
use crate::peers::Reserved;
use crate::process::Process;
use crate::tools::Tool;

/// What the feeding and the draining thread move at once, as cat(1) does.
const CHUNK: usize = 128 * 1024;
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the stream comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    PipeToPipe,
    FileToNull,
    PipeToFile,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::PipeToPipe, Self::FileToNull, Self::PipeToFile];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PipeToPipe => "pipe-pipe",
            Self::FileToNull => "file-null",
            Self::PipeToFile => "pipe-file",
        }
    }
}

/// One run: from the start of the sender to the end of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// The files that are sent and received, in the build directory: it is on a real file system,
/// where /tmp may be memory.
pub(crate) struct Place {
    directory: TempDir,
    size: u64,
}

impl Place {
    pub(crate) fn new(options: &Options) -> Fallible<Self> {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let place = Self { directory, size: options.size };
        if options.shapes.contains(&Shape::FileToNull) {
            let source = File::create(place.source())?;
            feed(&source, place.size)?;
            // The disk must not be at work on it while something else is measured.
            source.sync_all()?;
        }
        Ok(place)
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    fn received(&self) -> PathBuf {
        self.directory.path().join("received")
    }
}

/// Moves the stream once, and checks that all of it arrived.
pub(crate) fn run(tool: Tool, shape: Shape, place: &Place) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let mut receiver = tool.receiver(port.port);
    receiver.stdin(Stdio::null()).stdout(match shape {
        Shape::PipeToPipe => Stdio::piped(),
        Shape::FileToNull => Stdio::null(),
        Shape::PipeToFile => File::create(place.received())?.into(),
    });
    let mut sender = tool.sender(port.port);
    sender.stdout(Stdio::null()).stdin(match shape {
        Shape::FileToNull => File::open(place.source())?.into(),
        Shape::PipeToPipe | Shape::PipeToFile => Stdio::piped(),
    });

    let mut receiver = Process::start(receiver)?;
    wait_for_listener(port.port, &mut receiver)?;
    let drained = receiver.stdout().map(|stdout| thread::spawn(move || drain(stdout)));
    let started = Instant::now();
    let mut sender = Process::start(sender)?;
    let size = place.size;
    // A sender that ends too early is told by what is missing.
    let fed = sender.stdin().map(|stdin| thread::spawn(move || feed(stdin, size).is_ok()));
    let (sent, received) = (sender.wait()?, receiver.wait()?);
    let wall = started.elapsed();

    let count = match (shape, drained) {
        (Shape::PipeToFile, _) => fs::metadata(place.received())?.len(),
        (_, Some(drained)) => drained.join().map_err(|_| "the draining thread failed")?,
        (_, None) => received.written,
    };
    let fed = fed.is_none_or(|fed| fed.join().unwrap_or(false));
    // What waits to be written to the disk must not slow the next run down.
    let _ = fs::remove_file(place.received());
    // A tool may have written a few words of its own to stderr, which the kernel counts as well.
    let whole = if shape == Shape::FileToNull { count >= size } else { count == size };
    if !whole || !fed {
        return Err(format!("{count} bytes of {size} arrived").into());
    }
    Ok(Sample { wall, cpu: sent.cpu + received.cpu })
}

/// Waits until somebody listens on a port. Only looking at the kernel's list does not disturb a
/// server of one connection.
pub(crate) fn wait_for_listener(port: u16, server: &mut Process) -> Fallible<()> {
    // 127.0.0.1 and the port in hexadecimal, any peer, and 0A for LISTEN (proc(5)).
    let wanted = format!("0100007F:{port:04X} 00000000:0000 0A");
    let started = Instant::now();
    while !fs::read_to_string("/proc/net/tcp")?.contains(&wanted) {
        if server.has_ended()? || started.elapsed() > PATIENCE {
            return Err("it does not listen".into());
        }
        // The list has no event to wait for.
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn feed(mut to: impl Write, size: u64) -> Fallible<()> {
    let chunk: Vec<u8> = (0..CHUNK).map(|number| (number % 251) as u8).collect();
    let mut left = size;
    while left > 0 {
        let part = chunk.len().min(usize::try_from(left)?);
        to.write_all(chunk.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    Ok(())
}

fn drain(mut from: impl Read) -> u64 {
    let mut chunk = vec![0; CHUNK];
    let mut sum = 0;
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        sum += count as u64;
    }
    sum
}
