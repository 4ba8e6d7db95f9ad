//! What reaches stderr: whole lines.
//!
//! Others share stderr, so its flags stay as they are. A stderr that fails is left alone, for the
//! failure could be reported nowhere. One that is not read holds nobody up: what it does not take
//! at once waits, up to a bound, for a thread that is started then.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::sys::fd::{FdAccess, reopen_nonblocking};

/// Bytes of lines that may wait for stderr to be read, and as many may be on their way.
const MOST: usize = 128 * 1024;
/// How long the program waits for a reader that takes nothing. One that is merely slow is waited for:
/// it misses nothing.
const STALL: Duration = Duration::from_millis(100);
/// How long the end of a run waits for a stderr that is not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits for one that is read slowly.
const LONGEST: Duration = Duration::from_millis(2500);
/// How long it waits where the end has waited for stdout before: the time of both is 3 s.
const LEAST: Duration = Duration::from_millis(800);
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

    /// Writes what is taken without blocking, and gives the rest; `None` where stderr fails.
    fn write_some<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        while !rest.is_empty() {
            match self.write(rest) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => return None,
            }
        }
        Some(rest)
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
///
/// Where no thread can be had, the rest of a line that is begun waits for the next one; other lines that
/// stderr does not take are lost.
pub(super) struct LineWriter {
    access: StderrAccess,
    queue: Arc<LineQueue>,
    /// Starts the thread; false where there is no room for one.
    start: fn(&Arc<LineQueue>) -> bool,
    has_thread: bool,
    is_stuck: bool,
    /// When the end of the run waits no longer.
    end: Option<Instant>,
    /// How long that is from the first call on.
    longest: Duration,
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

    /// Writes what is taken without blocking, where no thread does.
    fn write_some(&mut self, access: &mut StderrAccess) {
        let left = access.write_some(&self.bytes).map_or(0, <[u8]>::len);
        self.bytes.drain(..self.bytes.len() - left);
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

    /// Waits while it `is_late` and the thread gets on: `patience` for each of its writes, and no longer
    /// than until `end`.
    fn wait_while<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting>,
        patience: Duration,
        end: Option<Instant>,
        is_late: &dyn Fn(&Waiting) -> bool,
    ) -> MutexGuard<'a, Waiting> {
        while is_late(&waiting) {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let time = left.map_or(patience, |left| left.min(patience));
            let before = waiting.writes;
            let is_still = |now: &mut Waiting| now.writes == before && is_late(now);
            let waited = self.changed.wait_timeout_while(waiting, time, is_still);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            waiting = now;
            if timeout.timed_out() {
                break;
            }
        }
        waiting
    }
}

impl LineWriter {
    pub(super) fn new() -> Self {
        Self {
            access: StderrAccess::find(),
            queue: Arc::default(),
            start: start_thread,
            has_thread: false,
            is_stuck: false,
            longest: LONGEST,
            end: None,
        }
    }

    /// Whether much may be written before lines are lost.
    pub(super) fn has_room(&self) -> bool {
        self.queue.lock().bytes.len() < MOST / 2
    }

    /// Writes a line, or has it wait; false where there is no place for it.
    pub(super) fn write(&mut self, line: &[u8]) -> bool {
        let mut waiting = self.queue.lock();
        if !self.has_thread {
            waiting.write_some(&mut self.access);
        }
        let mut rest = line;
        if waiting.is_idle() {
            match self.access.write_some(rest) {
                None | Some([]) => return true,
                Some(left) => rest = left,
            }
        }
        self.is_stuck &= waiting.bytes.len() > MOST / 2;
        if waiting.bytes.len() + rest.len() > MOST {
            if !self.is_stuck && self.has_thread {
                let is_full = |waiting: &Waiting| waiting.bytes.len() + rest.len() > MOST;
                waiting = self.queue.wait_while(waiting, STALL, None, &is_full);
            }
            // A line that is longer than the queue has a place in an empty one.
            self.is_stuck = waiting.bytes.len() + rest.len() > MOST && !waiting.bytes.is_empty();
            if self.is_stuck {
                return false;
            }
        }
        if !self.has_thread {
            self.has_thread = (self.start)(&self.queue);
        }
        // Half a line would run into the next one.
        let waits = self.has_thread || rest.len() < line.len();
        if waits {
            waiting.bytes.extend_from_slice(rest);
            debug_assert!(waiting.bytes.len() <= MOST.max(line.len()), "{}", waiting.bytes.len());
            self.queue.changed.notify_all();
        }
        waits
    }

    /// The end of the run has taken its time already: stderr has less of it.
    pub(super) fn hurry(&mut self) {
        self.longest = LEAST;
    }

    /// Waits for what is to be written, for a limited time from the first call on; whether it is all
    /// written.
    pub(super) fn finish(&mut self) -> bool {
        let end = *self.end.get_or_insert_with(|| Instant::now() + self.longest);
        let mut waiting = self.queue.lock();
        if self.has_thread {
            let is_late = |waiting: &Waiting| !waiting.is_idle();
            waiting = self.queue.wait_while(waiting, PATIENCE, Some(end), &is_late);
        } else {
            waiting.write_some(&mut self.access);
        }
        waiting.is_idle()
    }
}

/// Starts the thread that writes what waits.
fn start_thread(queue: &Arc<LineQueue>) -> bool {
    let queue = Arc::clone(queue);
    let thread = thread::Builder::new().name("stderr".to_owned());
    thread.spawn(move || queue.serve()).is_ok()
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

#[cfg(test)]
mod tests;
