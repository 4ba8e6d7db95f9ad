//! Pipes, sockets of the file system and terminals that are waited for with a limit, which none of them
//! has by itself.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::proc::wait_until;
use super::{PATIENCE, watchdog};

/// What is read from and written to with a limit for each call; one that is late fails.
pub(crate) struct Patient<T>(T);

pub(crate) fn patient<T: AsFd>(inner: T) -> Patient<T> {
    watchdog::watch();
    Patient(inner)
}

/// The end of a pipe that the test reads from, or gives to a child.
pub(crate) type PipeReader = Patient<io::PipeReader>;

pub(crate) fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    io::pipe().map(|(reader, writer)| (patient(reader), writer))
}

impl From<PipeReader> for Stdio {
    fn from(reader: PipeReader) -> Self {
        reader.0.into()
    }
}

impl<T: AsFd> AsFd for Patient<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T: AsFd + Read> Read for Patient<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // As long as for the end of a program: the other side may have much to do before.
        wait(self.0.as_fd(), PollFlags::IN, 4 * PATIENCE)?;
        self.0.read(buffer)
    }
}

impl<T: AsFd + Write> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait(self.0.as_fd(), PollFlags::OUT, 4 * PATIENCE)?;
        // What is writable takes so much without waiting (PIPE_BUF).
        self.0.write(&bytes[..bytes.len().min(4096)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn wait(what: BorrowedFd<'_>, flags: PollFlags, time: Duration) -> io::Result<()> {
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).expect("a short time");
        match poll(&mut [PollFd::from_borrowed_fd(what, flags)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => {
                return Err(io::Error::new(ErrorKind::TimedOut, format!("not within {time:?}")));
            }
            outcome => return outcome.map(drop).map_err(Into::into),
        }
    }
}

/// Makes a FIFO.
#[track_caller]
pub(crate) fn fifo(path: impl AsRef<Path>) {
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, path.as_ref(), FileType::Fifo, mode, 0).expect("a FIFO");
}

/// Writes these bytes to a FIFO once somebody reads it; to open it for that would wait without a limit.
#[track_caller]
pub(crate) fn write_fifo(path: &Path, bytes: &[u8]) {
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
    options.write(true).custom_flags(flags);
    let mut fifo = None;
    wait_until("a reader of the FIFO", || {
        fifo = options.open(path).ok();
        fifo.is_some()
    });
    patient(fifo.expect("it is open")).write_all(bytes).expect("it is read");
}

/// What a thread reads from a FIFO that it opens now.
pub(crate) fn read_fifo(path: &Path) -> Receiver<String> {
    let path = path.to_owned();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        File::open(path).expect("a FIFO").read_to_string(&mut text).expect("text");
        let _ = sender.send(text);
    });
    receiver
}
