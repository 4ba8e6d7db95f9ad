//! What reaches stderr: whole lines, and `--progress`, a line at the foot of a terminal that is
//! written over and over.
//!
//! Others share stderr, so its flags stay as they are. A stderr that fails is left alone, for the
//! failure could be reported nowhere. One that is not read holds nobody up: what it does not take
//! at once waits, up to a bound, for a thread that is started then. Nothing runs beside the program
//! to draw the progress: its owner decides when.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::sys::fd::{FdAccess, reopen_nonblocking};

/// How often the progress is worth drawing.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

const WITH_END: &str = "{msg} {binary_bytes_per_sec} [{wide_bar}] {percent}% ETA {eta}";
const WITHOUT_END: &str = "{msg} {binary_bytes_per_sec} {elapsed}";

/// Bytes of lines that may wait for stderr to be read, and as many may be on their way.
const MOST: usize = 128 * 1024;
/// How long the program waits for a reader that takes nothing. One that is merely slow is waited for:
/// it misses nothing.
const STALL: Duration = Duration::from_millis(100);
/// How long the end of a run waits for a stderr that is not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// A pipe that takes bytes at all takes so many without blocking (pipe(7), a page).
const PAGE: usize = 4096;

/// How stderr takes bytes without blocking.
enum StderrAccess {
    /// Opened once more, so that `O_NONBLOCK` is our own.
    Reopened(File),
    /// A call can ask for it (`MSG_DONTWAIT`).
    Socket,
    /// The poll is asked first: what cannot be opened once more.
    Polled,
    /// A file never blocks for a reader.
    File,
}

impl StderrAccess {
    fn find() -> Self {
        let kind = rustix::fs::fstat(rustix::stdio::stderr())
            .map_or(FileType::RegularFile, |stat| FileType::from_raw_mode(stat.st_mode));
        match kind {
            FileType::Socket => Self::Socket,
            FileType::Fifo | FileType::CharacterDevice => {
                match reopen_nonblocking(rustix::stdio::stderr(), FdAccess::Write) {
                    Ok(own) => Self::Reopened(own.into()),
                    Err(_) => Self::Polled,
                }
            }
            _ => Self::File,
        }
    }

    /// One write that does not block.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Reopened(file) => file.write(bytes),
            Self::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                Ok(rustix::net::send(rustix::stdio::stderr(), bytes, flags)?)
            }
            Self::Polled if !is_writable() => Err(ErrorKind::WouldBlock.into()),
            Self::Polled => Stderr.write(bytes.get(..PAGE).unwrap_or(bytes)),
            Self::File => Stderr.write(bytes),
        }
    }
}

/// Descriptor 2 without the lock of the standard library, which a thread that writes would hold for
/// as long as nobody reads.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stderr(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stderr()
    }
}

/// Lines on their way to stderr.
///
/// ```text
///         stderr takes no more                    the queue is full, and nothing moves for STALL
/// Direct ──────────────────────> Queued: the thread writes ─────────────────────────────> Stuck
///   ^ <──── all is written ────────┘  ^                                                     │
///                                     └─────────────── the queue is half empty ─────────────┘
/// ```
///
/// | state | a line |
/// |---|---|
/// | Direct | is written at once |
/// | Queued | waits; where the queue is full, the program waits for the thread |
/// | Stuck | is lost where the queue is full |
pub(super) struct LineWriter {
    access: StderrAccess,
    queue: Arc<LineQueue>,
    has_thread: bool,
    is_stuck: bool,
}

#[derive(Default)]
struct LineQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The thread is writing what it has taken.
    is_busy: bool,
    /// Writes of the thread, which show that somebody reads.
    writes: u64,
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.bytes.is_empty() && !self.is_busy
    }
}

impl LineQueue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, for as long as the process lives.
    fn serve(&self) {
        let mut waiting = self.lock();
        loop {
            if waiting.bytes.is_empty() {
                waiting.is_busy = false;
                self.changed.notify_all();
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let bytes = std::mem::take(&mut waiting.bytes);
            waiting.is_busy = true;
            for part in bytes.chunks(PAGE) {
                drop(waiting);
                write_whole(Stderr, part);
                waiting = self.lock();
                waiting.writes += 1;
                self.changed.notify_all();
            }
        }
    }

    /// Waits for room as long as the thread gets on with its writing.
    fn wait_for_room<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting>,
        len: usize,
    ) -> MutexGuard<'a, Waiting> {
        loop {
            let before = waiting.writes;
            let is_still = |waiting: &mut Waiting| waiting.writes == before;
            let waited = self.changed.wait_timeout_while(waiting, STALL, is_still);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            if waiting.writes == before || waiting.bytes.len() + len <= MOST {
                return waiting;
            }
        }
    }
}

impl LineWriter {
    pub(super) fn new() -> Self {
        Self {
            access: StderrAccess::find(),
            queue: Arc::default(),
            has_thread: false,
            is_stuck: false,
        }
    }

    /// Whether much may be written before lines are lost.
    pub(super) fn has_room(&self) -> bool {
        self.queue.lock().bytes.len() < MOST / 2
    }

    /// Writes a line, or has it wait; false where there is no place for it.
    pub(super) fn write(&mut self, line: &[u8]) -> bool {
        let mut waiting = self.queue.lock();
        let mut rest = line;
        while waiting.is_idle() && !rest.is_empty() {
            match self.access.write(rest) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => return true,
            }
        }
        if rest.is_empty() {
            return true;
        }
        self.is_stuck &= waiting.bytes.len() > MOST / 2;
        if waiting.bytes.len() + rest.len() > MOST {
            if !self.is_stuck && self.has_thread {
                waiting = self.queue.wait_for_room(waiting, rest.len());
            }
            // A line that is longer than the queue has a place in an empty one.
            self.is_stuck = waiting.bytes.len() + rest.len() > MOST && !waiting.bytes.is_empty();
            if self.is_stuck {
                return false;
            }
        }
        if !self.has_thread {
            let queue = Arc::clone(&self.queue);
            let thread = thread::Builder::new().name("stderr".to_owned());
            self.has_thread = thread.spawn(move || queue.serve()).is_ok();
        }
        if self.has_thread {
            waiting.bytes.extend_from_slice(rest);
            self.queue.changed.notify_all();
        }
        self.has_thread
    }

    /// Waits for what is to be written, for a limited time.
    pub(super) fn finish(&self) {
        if self.has_thread {
            let waiting = self.queue.lock();
            let is_late = |waiting: &mut Waiting| !waiting.is_idle();
            drop(self.queue.changed.wait_timeout_while(waiting, PATIENCE, is_late));
        }
    }
}

/// Whether stderr takes bytes now.
fn is_writable() -> bool {
    let (stderr, now) = (Stderr, Timespec { tv_sec: 0, tv_nsec: 0 });
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    matches!(poll(&mut fds, Some(&now)), Ok(1..))
}

/// Writes all of `line`, in one write(2) where the descriptor takes it whole.
///
/// Another process may have set O_NONBLOCK on the open file description. Then this waits for room, as
/// a blocking write would. A descriptor that fails ends the attempt.
pub(super) fn write_whole(mut sink: impl Write + AsFd, line: &[u8]) {
    let mut rest = line;
    while !rest.is_empty() {
        match sink.write(rest) {
            // A sink that takes nothing would be tried for ever.
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait(&sink) => {}
            Err(_) => return,
        }
    }
}

/// Waits until the sink takes bytes again; `false` if it never will.
fn wait(sink: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(sink, PollFlags::OUT)];
    matches!(poll(&mut fds, None), Ok(_) | Err(Errno::INTR))
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    /// Bytes received.
    pub(crate) received: u64,
    /// Bytes sent.
    pub(crate) sent: u64,
    /// Bytes of the input that are on their way.
    pub(crate) passed: u64,
}

/// The progress line, while there is one.
///
/// ```text
/// none ── begin, stderr is a terminal ──> shown ── suspend: a line is written ──> shown
///                                           └── drop ──> none, and the line is wiped
/// ```
///
/// | limit | of what | by whom |
/// |---|---|---|
/// | one in 100 ms (`INTERVAL`) | figures from the run | the owner's timer |
/// | 20 a second | drawing on the terminal; figures in between are left out | indicatif |
/// | none | notices: each is a line | |
pub(super) struct ProgressLine {
    bar: ProgressBar,
    has_end: bool,
}

impl ProgressLine {
    /// Begins, if stderr is a terminal that can do it. `total` is the size of the input in bytes,
    /// where it is known.
    pub(super) fn begin(total: Option<u64>) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let template = if total.is_some() { WITH_END } else { WITHOUT_END };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, target).with_style(style);
        let progress = Self { bar, has_end: total.is_some() };
        progress.show(&Moved::default());
        Some(progress)
    }

    /// Begins a line of text, if stderr is a terminal that can do it.
    pub(super) fn begin_text() -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("{wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Some(Self { bar, has_end: false })
    }

    /// Draws this text, as much as one line of the terminal takes.
    pub(super) fn show_text(&self, text: String) {
        self.bar.set_message(text);
        self.bar.tick();
    }

    /// Draws how far it has come.
    pub(super) fn show(&self, moved: &Moved) {
        let size = |bytes| ByteSize::b(bytes).display().iec();
        self.bar.set_message(format!("in {} out {}", size(moved.received), size(moved.sent)));
        let position = if self.has_end { moved.passed } else { moved.received + moved.sent };
        self.bar.set_position(position);
    }

    /// Takes the line away, lets something else be written, and draws the line below it.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for ProgressLine {
    /// Leaves nothing of it behind.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn a_non_blocking_stderr_loses_nothing() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let line = vec![b'x'; 1 << 21];
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        write_whole(ours, &line);
        assert_eq!(reader.join().unwrap().unwrap(), line);
    }

    #[test]
    fn a_stderr_without_a_reader_is_left_alone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        write_whole(ours, b"line\n");
    }
}
