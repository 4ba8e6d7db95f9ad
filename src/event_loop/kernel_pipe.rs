//! Pipes of the kernel, through which a link moves bytes from a socket that this process never sees.
//!
//! ```text
//!                 fill: up to the high mark of the sink; of a file, what fits
//! free, empty ──────────────────────────────────────────> held behind the queue of a sink
//!      ^                                                      │
//!      └── all is written, or read out: the sink closes, ─────┘
//!          is sent something else, or cannot be spliced to
//! ```
//!
//! A pipe is filled only while it is empty. So `WouldBlock` of a fill always means the source, and one
//! pipe serves all the links of a pool whose sinks keep up. One that is stuck keeps its own, up to
//! [`HELD`] of them; links above that are copied.
//!
//! A pipe takes two descriptors, which are for connections first: whoever accepts a client counts on those
//! that its upstream takes. None is opened among the last that the process may have: [`SPARED`] for each loop
//! that has had pipes, and half of all at most. Once a channel gets one of those, what the pipes hold goes into
//! queues, and all are closed: those of the loop itself at once, and those of others when they have woken
//! ([`HOLDERS`]).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::mailbox::Mailbox;
use crate::sys::process::is_among_last;
use crate::sys::splice::{open_pipe, splice};

/// The size to ask for: the most that an unprivileged process gets (/proc/sys/fs/pipe-max-size).
pub(super) const PIPE_SIZE: usize = 1024 * 1024;
/// A pipe that is smaller makes more calls than it saves.
const LEAST_SIZE: usize = 64 * 1024;
/// Pipes of a loop that hold something at once. Each is two descriptors.
const HELD: usize = 32;
/// Empty pipes that are kept for the next link.
const KEPT: usize = 4;

/// Descriptors that the pipes of a loop do not take: those of an upstream or a child that is being started, and
/// a few clients accepted in the same turn.
const SPARED: u64 = 16;

/// A loop that has had pipes.
struct Holder {
    mailbox: Mailbox,
    /// It may have pipes for which nobody has asked since.
    has_some: bool,
}

/// All loops that have had pipes. The list is the process's, as descriptors are: the pipes of one loop may
/// take those that the clients of another need.
static HOLDERS: Mutex<Vec<Holder>> = Mutex::new(Vec::new());
/// How many they are, without a lock.
static HOLDER_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Changes the list of holders.
fn change_holders(change: impl FnOnce(&mut Vec<Holder>)) {
    let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut holders);
    HOLDER_COUNT.store(holders.len(), Ordering::Relaxed);
}

/// Whether there may be pipes, and so few descriptors are left that these are not to have any, going by the
/// newest one.
pub(super) fn are_scarce(newest: BorrowedFd<'_>) -> bool {
    HOLDER_COUNT.load(Ordering::Relaxed) > 0 && is_spared(newest)
}

/// Whether a descriptor is one of those that no pipe takes.
fn is_spared(newest: BorrowedFd<'_>) -> bool {
    let holders = HOLDER_COUNT.load(Ordering::Relaxed).max(1) as u64;
    is_among_last(newest, SPARED.saturating_mul(holders))
}

/// A pipe of the kernel of which this process has both ends.
#[derive(Debug)]
pub(super) struct KernelPipe {
    reader: OwnedFd,
    writer: OwnedFd,
    size: usize,
    /// Bytes that it holds.
    len: usize,
}

impl KernelPipe {
    fn open() -> io::Result<Self> {
        let (reader, writer, size) = open_pipe(PIPE_SIZE, LEAST_SIZE)?;
        if is_spared(writer.as_fd()) {
            return Err(rustix::io::Errno::MFILE.into());
        }
        Ok(Self { reader, writer, size, len: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes up to `max` bytes from a socket.
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>, max: usize) -> io::Result<usize> {
        debug_assert_eq!(self.len, 0, "a pipe is filled while it is empty");
        self.len = splice(from, self.writer.as_fd(), max.min(self.size))?;
        Ok(self.len)
    }

    /// Writes as much of it as fits.
    pub(super) fn drain(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        // A part of a page stays behind where the sink takes no more, and goes first the next time.
        let count = splice(self.reader.as_fd(), to, self.len)?;
        self.len = self.len.saturating_sub(count);
        Ok(count)
    }

    /// Reads out all that it holds.
    pub(super) fn read_out(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; std::mem::take(&mut self.len)];
        let mut count = 0;
        while let Some(rest) = bytes.get_mut(count..).filter(|rest| !rest.is_empty()) {
            match rustix::io::read(&self.reader, rest) {
                // Neither happens while the pipe holds something: this process has both of its ends.
                Ok(0) | Err(_) => break,
                Ok(more) => count += more,
            }
        }
        debug_assert_eq!(count, bytes.len(), "a pipe held less than went into it");
        bytes.truncate(count);
        bytes
    }
}

/// The pipes of a pool.
pub(super) struct KernelPipes {
    mailbox: Mailbox,
    /// As the holders have it, unless another loop has asked since.
    has_some: bool,
    free: Vec<KernelPipe>,
    held: usize,
    /// Links that there are.
    links: usize,
}

impl Drop for KernelPipes {
    fn drop(&mut self) {
        change_holders(|holders| holders.retain(|holder| !holder.mailbox.is_same(&self.mailbox)));
    }
}

impl KernelPipes {
    /// None yet, of the loop with this mailbox.
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self { mailbox, has_some: false, free: Vec::new(), held: 0, links: 0 }
    }

    /// An empty pipe; `None` where enough of them are held.
    ///
    /// # Errors
    /// The system has none to give.
    pub(super) fn take(&mut self) -> io::Result<Option<KernelPipe>> {
        if self.held >= HELD {
            return Ok(None);
        }
        let pipe = self.free.pop().map_or_else(KernelPipe::open, Ok)?;
        self.set_has_some(true);
        self.held += 1;
        debug_assert!(self.held <= HELD, "{} pipes are held", self.held);
        Ok(Some(pipe))
    }

    /// Takes an empty pipe back.
    pub(super) fn put(&mut self, pipe: KernelPipe) {
        debug_assert_eq!(pipe.len, 0, "a pipe is given back empty");
        debug_assert!(self.held > 0, "more pipes are given back than were taken");
        self.held = self.held.saturating_sub(1);
        if self.links > 0 && self.free.len() < KEPT {
            self.free.push(pipe);
        }
    }

    /// Asks all other loops for the descriptors of their pipes.
    pub(super) fn ask_others(&self) {
        change_holders(|holders| {
            let others = holders.iter_mut().filter(|other| !other.mailbox.is_same(&self.mailbox));
            for other in others.filter(|other| other.has_some) {
                other.has_some = false;
                other.mailbox.ask_for_pipes();
            }
        });
    }

    /// There are some from now on, or all are closed.
    pub(super) fn set_has_some(&mut self, has_some: bool) {
        if std::mem::replace(&mut self.has_some, has_some) == has_some {
            return;
        }
        change_holders(|holders| {
            match holders.iter_mut().find(|holder| holder.mailbox.is_same(&self.mailbox)) {
                Some(holder) => holder.has_some = has_some,
                None => holders.push(Holder { mailbox: self.mailbox.clone(), has_some }),
            }
        });
    }

    /// Whether there are any.
    pub(super) fn are_open(&self) -> bool {
        self.held > 0 || !self.free.is_empty()
    }

    /// There is one more link.
    pub(super) fn link_made(&mut self) {
        self.links += 1;
    }

    /// There is a link less: none is kept where no link is left that could use it.
    pub(super) fn link_ended(&mut self) {
        debug_assert!(self.links > 0, "each link ends once");
        self.links = self.links.saturating_sub(1);
        if self.links == 0 {
            self.shrink();
        }
    }

    /// Closes the pipes that nobody uses: the process is out of descriptors.
    pub(super) fn shrink(&mut self) {
        self.free.clear();
    }
}
