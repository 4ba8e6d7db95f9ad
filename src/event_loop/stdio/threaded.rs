//! Standard streams that can only be used blocking: one thread each, and a bounded buffer
//! between it and the loop.
//!
//! This serves a pipe or terminal that belongs to another user (`sudo -u`), and for
//! systems without `/proc`.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::event_loop::transport::{Readiness, Registration, Transport};

/// Bytes that may wait between the thread and the loop.
const LIMIT: usize = 256 * 1024;
/// Bytes that a thread moves at once.
const CHUNK: usize = 64 * 1024;

/// What the thread and the loop share.
#[derive(Default)]
struct Buffer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Bytes that the thread has taken and not written yet.
    writing: usize,
    ended: bool,
    error: Option<io::Error>,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waiting = self.changed.wait_while(self.lock(), |state| condition(state));
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

/// stdin behind a thread.
///
/// ```text
/// thread   Reading ── bytes ──> Appending ── fewer than LIMIT wait ──> Reading
///             └── 0 or an error ──> over: `ended`, and `error` where it failed
/// ```
///
/// | what the loop finds | `read` gives |
/// |---|---|
/// | bytes | those, whatever comes behind them |
/// | no bytes, the thread reads | `WouldBlock`; the waker follows |
/// | no bytes, `error` | the error, once; then the end |
/// | no bytes, `ended` | the end |
pub(super) struct ThreadedStdin {
    fd: BorrowedFd<'static>,
    buffer: Arc<Buffer>,
}

impl ThreadedStdin {
    pub(super) fn new(fd: BorrowedFd<'static>) -> Self {
        Self { fd, buffer: Arc::default() }
    }
}

impl Transport for ThreadedStdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.buffer.lock();
        if state.bytes.is_empty() {
            return match state.error.take() {
                Some(error) => Err(error),
                None if state.ended => Ok(0),
                None => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let count = into.len().min(state.bytes.len());
        for (to, from) in into.iter_mut().zip(state.bytes.drain(..count)) {
            *to = from;
        }
        self.buffer.changed.notify_one();
        Ok(count)
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unread(&self) -> u64 {
        // What the thread has taken and cannot append yet is only there while these are not empty.
        let taken = self.buffer.lock().bytes.len() as u64;
        taken + rustix::io::ioctl_fionread(self.fd).unwrap_or(0)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        let (fd, buffer) = (self.fd, Arc::clone(&self.buffer));
        let waker = registration.waker();
        // Never joined: no call ends a read(2) that blocks, and the end of the process does.
        thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut chunk = vec![0; CHUNK];
            let mut ended = false;
            while !ended {
                let outcome = rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut chunk[..]));
                // The lock is free during read(2), which may take for ever.
                let mut state = buffer.wait_while(|state| state.bytes.len() >= LIMIT);
                match outcome {
                    Ok(0) => state.ended = true,
                    Ok(count) => state.bytes.extend(chunk.iter().take(count)),
                    Err(error) => (state.ended, state.error) = (true, Some(error.into())),
                }
                ended = state.ended;
                drop(state);
                waker.ready();
            }
        })?;
        Ok(Readiness::Evented)
    }
}

/// stdout behind a thread.
///
/// ```text
/// thread   Idle ── bytes come ──> Writing ── all written ──> Idle
///                                    └── a write fails ──> over: `error`
/// ```
///
/// | what the loop finds | `write` gives | `finish` gives |
/// |---|---|---|
/// | nothing waits, idle | takes up to LIMIT | done |
/// | bytes wait, or `writing` | takes what is left of LIMIT | `WouldBlock` |
/// | LIMIT bytes wait | `WouldBlock` | `WouldBlock` |
/// | `error` | the error, once | the error, once |
pub(super) struct ThreadedStdout {
    fd: BorrowedFd<'static>,
    buffer: Arc<Buffer>,
}

impl ThreadedStdout {
    pub(super) fn new(fd: BorrowedFd<'static>) -> Self {
        Self { fd, buffer: Arc::default() }
    }
}

impl Transport for ThreadedStdout {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.buffer.lock();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        debug_assert!(state.bytes.len() <= LIMIT, "the loop queues no more than the limit");
        let room = LIMIT.saturating_sub(state.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = state.bytes.len();
        state.bytes.extend(pieces.iter().flat_map(|piece| piece.iter()).take(room));
        self.buffer.changed.notify_one();
        Ok(state.bytes.len() - before)
    }

    fn unacknowledged(&self) -> u64 {
        let state = self.buffer.lock();
        (state.bytes.len() + state.writing) as u64
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut state = self.buffer.lock();
        match state.error.take() {
            Some(error) => Err(error),
            None if state.writing > 0 || !state.bytes.is_empty() => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            None => Ok(()),
        }
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        let (fd, buffer) = (self.fd, Arc::clone(&self.buffer));
        let waker = registration.waker();
        thread::Builder::new().name("stdout".into()).spawn(move || {
            // No poll watches this channel: without it nothing reports that there is room at first.
            waker.ready();
            loop {
                let mut state = buffer.wait_while(|state| state.bytes.is_empty());
                let bytes = std::mem::take(&mut state.bytes);
                state.writing = bytes.len();
                drop(state);
                // Blocking, and without the lock: the loop goes on filling the buffer meanwhile.
                let outcome = write_all(fd, &bytes);
                let mut state = buffer.lock();
                state.writing = 0;
                state.error = outcome.err();
                let failed = state.error.is_some();
                drop(state);
                waker.ready();
                if failed {
                    return;
                }
            }
        })?;
        Ok(Readiness::Evented)
    }
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes))?;
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}
