//! Pipes, sockets of the file system and terminals that are waited for with a limit, which none of them
//! has by itself.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{PATIENCE, watchdog};

/// What is read from and written to with a limit for each call; one that is late fails.
pub(crate) struct Patient<T>(T);

pub(crate) fn patient<T: AsFd>(inner: T) -> Patient<T> {
    watchdog::watch();
    Patient(inner)
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
