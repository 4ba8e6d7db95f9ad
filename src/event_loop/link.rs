//! Links: what comes on one channel goes into another without the handler.
//!
//! It is one mechanism with three movers; [`Pool::link`] does not depend on which of them works:
//!
//! | from | to | mover | what may wait for the sink |
//! |---|---|---|---|
//! | pipe | socket, pipe, file | splice from one to the other | nothing: it stays in the pipe that is read |
//! | socket | pipe | the same | nothing: it stays in the socket |
//! | socket | socket | splice into a pipe of the kernel and out of it | up to the high mark, in that pipe |
//! | socket | file, null device | the same, up to 1 MiB at once | nothing: they take all at once |
//! | anything | anything | copying through the buffer of the loop | up to the high mark and a read more, in the queue |
//!
//! ```text
//!                 a read of LARGE bytes
//!         Copying ─────────────────────> Splicing
//!           │ ^                             │ │
//!           │ └── FEW moves below SMALL ────┘ │ the kernel refuses: no pipe, EINVAL (O_APPEND)
//!           v                                 v
//!        Forbidden <──────────────────────────┘
//! ```
//!
//! The channel that is read waits while its sink is full (`Marks::WAITS`), and the flush of the sink
//! ends that (`Marks::AWAITED`). Where a splice gives nothing, a read decides what that means: it knows
//! the end, the reset, and the urgent byte, at which splice(2) stops (tcp_read_sock() in Linux 6.18).
//!
//! What each pair of ends came to, both ends of one kind and of a relay the relay alone: rate, and CPU
//! (user and system). Medians of 6 interleaved rounds on two cores beside other work, Linux 6.18 with BBR,
//! 2026-11-27:
//!
//! | from, to | linked | socat -b262144 | bare splice, for files read and send | the same with Reno |
//! |---|---|---|---|---|
//! | pipe, socket, pipe | 1.98 GB/s, 0.29 s/GB | 0.80, 1.57 | 1.16, 0.64 | 1.20, 0.60 |
//! | pipe, socket, file | 1.65 GB/s, 0.62 s/GB | 0.85, 1.66 | 1.20, 0.90 | 1.47, 0.79 |
//! | file, socket, null device | 3.44 GB/s, 0.35 s/GB | 2.24, 0.70 | 3.03, 0.44 | 3.30, 0.40 |
//! | socket, socket | 2.57 GB/s, 0.16 s/GB | 1.89, 0.41 | 2.06, 0.22 | 2.62, 0.15 |
//!
//! A relay is where a bare program is that makes the same moves of 256 KiB: both take 0.09 s/GB beside other
//! work, 0.005 of it in user space, and the rest in TCP, whoever is charged with it. Of its rate on two cores
//! the two programs at its ends have their part: moves of 512 KiB take 15 % less CPU, and change no rate.
//! More than the high mark would wait for the sink then.
//!
//! A move into a file is larger, as nothing waits there: ext4 makes folios as large as a write, and the place
//! where it begins, let it. Moves of 256 KiB leave 17,000 to 20,000 of them to 1 GiB, those of 1 MiB 8,900. What
//! a bare receiver takes of what a link sends it from a pipe, s/GB (0.75 GiB on ext4, beside other work, Linux
//! 6.18 with Reno, medians of 9, 2026-11-28):
//!
//! | a move | 256 KiB | 512 | 768 | 1 MiB | 256 KiB, up to a multiple of it | 512 KiB, so |
//! |---|---|---|---|---|---|---|
//! | | 0.49 | 0.42 | 0.35 | 0.36 | 0.41 | 0.38 |
//!
//! Of both ends of pipe, socket, file that is 0.63 s/GB, where moves of 256 KiB take 0.87, the bare splice 0.86
//! and socat 1.28 (medians of 7). What is dropped by the null device takes 0.18, and 0.20 in moves of 256 KiB.
//!
//! What [`LARGE`] and [`SMALL`] stand on: CPU of whoever moves, in ns for each byte, by the size of a
//! move (the same machine, medians of 9, Reno). Moving less than 4 KiB through a pipe costs more than
//! copying it; from or to a pipe, splicing costs less at any size:
//!
//! | from, to | by | 1 KiB | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512 | 1 MiB |
//! |---|---|---|---|---|---|---|---|---|---|---|---|
//! | socket, socket | splice | 2.20 | 0.73 | 0.41 | 0.27 | 0.22 | 0.19 | 0.11 | 0.12 | 0.16 | 0.15 |
//! | | copy | 1.95 | 0.76 | 0.58 | 0.42 | 0.40 | 0.41 | 0.39 | 0.43 | 0.37 | 0.38 |
//! | socket, pipe | splice | 1.77 | 0.43 | 0.26 | 0.21 | 0.16 | 0.15 | 0.14 | 0.12 | 0.15 | 0.17 |
//! | | copy | 2.20 | 0.86 | 0.56 | 0.39 | 0.35 | 0.44 | 0.43 | 0.40 | 0.45 | 0.37 |
//! | pipe, socket | splice | 1.50 | 0.76 | 0.54 | 0.41 | 0.36 | 0.27 | 0.24 | 0.23 | 0.19 | 0.24 |
//! | | copy | 2.10 | 1.28 | 1.00 | 0.83 | 0.62 | 0.52 | 0.37 | 0.34 | 0.36 | 0.35 |
//! | socket, null device | splice | 1.41 | 0.41 | 0.23 | 0.15 | 0.18 | 0.15 | 0.16 | 0.15 | 0.17 | 0.15 |
//! | | copy | 1.10 | 0.43 | 0.28 | 0.21 | 0.20 | 0.19 | 0.13 | 0.19 | 0.22 | 0.13 |
//! | socket, file | splice | 3.05 | 1.48 | 1.11 | 0.83 | 0.60 | 0.48 | 0.37 | 0.34 | 0.30 | 0.28 |
//! | | copy | 2.61 | 1.38 | 1.12 | 0.85 | 0.64 | 0.50 | 0.43 | 0.46 | 0.48 | 0.42 |

mod batching;
mod ends;
mod movers;

use std::io::{self, ErrorKind};

use rustix::io::Errno;

use self::batching::Batching;
use super::channel::Channel;
use super::id::Id;
use super::kernel_pipe::KernelPipe;
use super::lifecycle::{ChannelEnd, EndWatch};
use super::marks::Marks;
use super::pool::Pool;
use crate::error::{Failure, Status};
use crate::kind::Kind;

/// A read of at least this many bytes shows that splicing pays; twice [`SMALL`], so that a link does not
/// switch back and forth.
const LARGE: usize = 16 * 1024;
/// A splice of fewer bytes saves nothing, with the call behind it that asks for the rest.
const SMALL: usize = 8 * 1024;
/// After this many of them in a row, the link copies again. Each costs at most 28 % more than a copy.
const FEW: u8 = 4;
/// A move into a file, in high marks: 1 MiB, as much as a pipe takes.
const FILE_MARKS: usize = 4;
/// What a turn's budget has to spare for one spliced byte, as a fraction of a copied one.
const SPLICED: usize = 4;

/// State that few channels need: the end of one, and links. Boxed, it costs the others one pointer.
#[derive(Default)]
pub(super) struct ChannelExtras {
    pub(super) ending: ChannelEnd,
    /// The channel that what comes goes to.
    link: Option<Link>,
    /// The channel whose link ends here.
    feeder: Option<Id>,
    /// What it holds comes behind the queue.
    pipe: Option<KernelPipe>,
    /// The kernel does not splice into it.
    refuses_splice: bool,
    /// It is sent to without the pauses of a congestion control.
    is_unpaced: bool,
    batching: Batching,
}

#[derive(Clone, Copy)]
struct Link {
    to: Id,
    mover: Mover,
    untaken: Untaken,
}

/// What becomes of what comes while the sink takes nothing more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Untaken {
    /// It is read and dropped, so that the end is seen.
    Dropped,
    /// It is not read.
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mover {
    Copying,
    /// With how many small moves in a row.
    Splicing(u8),
    Forbidden,
}

impl Mover {
    fn after_read(self, count: usize) -> Self {
        match self {
            Self::Copying if count >= LARGE => Self::Splicing(0),
            other => other,
        }
    }

    fn after_splice(self, count: usize) -> Self {
        match self {
            Self::Splicing(_) if count >= SMALL => Self::Splicing(0),
            Self::Splicing(few) if few + 1 < FEW => Self::Splicing(few + 1),
            Self::Splicing(_) => Self::Copying,
            other => other,
        }
    }
}

/// What a splice has given.
enum Spliced {
    Moved(usize),
    /// The sink has to take something first.
    Waits,
    /// A read has to find out what there is.
    Unclear,
    /// The link copies from now on.
    Refused,
    Failed,
    /// A write to the sink would have failed.
    SinkFailed(io::Error),
}

/// Whether the kernel does not splice here at all. A filter of system calls makes it EPERM.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM];
    error.kind() == ErrorKind::Unsupported
        || Errno::from_io_error(error).is_some_and(|errno| refusals.contains(&errno))
}

impl Pool {
    /// Has all that comes on `from` go into `to`, without [`Event::Data`](super::Event::Data), and no
    /// faster than `to` takes it. Where both ends allow it, the bytes never leave the kernel.
    ///
    /// `from` still ends with [`Eof`](super::Event::Eof), which comes when all is read, and to `to` the
    /// handler may still send: that comes behind what was moved before. [`Pool::finish`] and
    /// [`Pool::close`] of `to` write it first, as they do what was sent. What comes while `to` takes
    /// nothing more is dropped. The link lasts until [`Pool::unlink`], or until one of the two is gone;
    /// then what comes on `from` is `Data` again. The other direction is another link.
    ///
    /// ```
    /// use wirecat::event_loop::{Event, EventLoop, Pool};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// event_loop.pool().listen("127.0.0.1:0")?;
    /// # event_loop.pool().stop();
    /// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
    ///     Event::Accepted { id, .. } => {
    ///         let Ok(upstream) = pool.connect("192.0.2.1:80") else { return pool.finish(id) };
    ///         for (from, to) in [(id, upstream), (upstream, id)] {
    ///             if let Err(failure) = pool.link(from, to) {
    ///                 eprintln!("{failure}");
    ///             }
    ///         }
    ///     }
    ///     Event::Eof { id } => {
    ///         if let Some(other) = pool.linked(id) {
    ///             pool.finish(other);
    ///         }
    ///     }
    ///     _ => {}
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One of them is no connection, or is gone, or they are the same; `from` has messages
    /// ([`Pool::frame`]); another link ends in `to`.
    pub fn link(&mut self, from: Id, to: Id) -> Result<(), Failure> {
        self.link_with(from, to, Untaken::Dropped)
    }

    /// The same, but what comes while `to` takes nothing more is left unread, and so is not lost: an
    /// input that another connection may get, or whose rest is to be counted.
    ///
    /// # Errors
    /// As those of [`Pool::link`].
    pub(crate) fn link_whole(&mut self, from: Id, to: Id) -> Result<(), Failure> {
        self.link_with(from, to, Untaken::Left)
    }

    fn link_with(&mut self, from: Id, to: Id, untaken: Untaken) -> Result<(), Failure> {
        let (Some(source), Some(sink)) = (self.channel(from), self.channel(to)) else {
            return Err(unlinked(Kind::NotConnected, "one of the two is gone"));
        };
        if from == to {
            return Err(unlinked(Kind::Usage, "they are the same"));
        }
        if source.marks.has(Marks::FRAMED) {
            return Err(unlinked(Kind::Usage, "its messages are for the handler"));
        }
        if sink.feeder().is_some_and(|feeder| feeder != from) {
            return Err(unlinked(Kind::Usage, "another link ends there"));
        }
        self.unlink(from);
        if let Some(source) = self.channel_mut(from) {
            source.extras().link = Some(Link { to, mover: Mover::Copying, untaken });
            source.marks.set(Marks::LINKED, true);
            self.pipes.link_made();
        }
        if let Some(sink) = self.channel_mut(to) {
            sink.extras().feeder = Some(from);
        }
        Ok(())
    }

    /// Ends the link of `from`: what comes is [`Event::Data`](super::Event::Data) again. What was moved
    /// before is written all the same, and `from` is paused no longer on account of its sink.
    pub fn unlink(&mut self, from: Id) {
        let Some(source) = self.channel_mut(from) else { return };
        let Some(link) = source.extras.as_mut().and_then(|extras| extras.link.take()) else {
            return;
        };
        source.marks.set(Marks::LINKED, false);
        source.marks.set(Marks::WAITS, false);
        if let Some(sink) = self.channel_mut(link.to) {
            sink.extras().feeder = None;
            sink.marks.set(Marks::AWAITED, false);
        }
        self.pipes.link_ended();
        self.stop_batching(from);
        self.queue_for_read(from);
    }

    /// Where what comes on a channel goes, if it is linked.
    pub fn linked(&self, from: Id) -> Option<Id> {
        Some(self.channel(from)?.link()?.to)
    }

    /// Whether a channel is linked, and waits until its sink has taken something.
    pub(crate) fn waits_for_sink(&self, from: Id) -> bool {
        self.channel(from).is_some_and(|source| source.marks.has(Marks::WAITS))
    }

    /// A channel leaves the pool: takes its pipe, whose bytes go into the queue, and ends its links.
    pub(super) fn forget_links(&mut self, id: Id) {
        let Some(channel) = self.channel_mut(id).filter(|channel| channel.extras.is_some()) else {
            return;
        };
        channel.spill();
        let feeder = channel.feeder();
        self.reclaim_pipe(id);
        self.unlink(id);
        if let Some(feeder) = feeder {
            self.unlink(feeder);
        }
    }

    /// Has a link wait until its sink has taken something.
    fn wait_for_sink(&mut self, from: Id, to: Id) {
        if let Some(source) = self.channel_mut(from) {
            source.marks.set(Marks::WAITS, true);
            if !source.paused {
                source.end_watch = EndWatch::Resets;
            }
        }
        if let Some(sink) = self.channel_mut(to) {
            sink.marks.set(Marks::AWAITED, true);
        }
        // Where writing has failed, no event of the poll follows.
        self.mark_dirty(to);
    }

    /// A flush is over: the link that waits for it may go on.
    pub(super) fn wake_feeder(&mut self, to: Id) {
        self.reclaim_pipe(to);
        let Some(sink) = self.channel_mut(to) else { return };
        if !sink.marks.has(Marks::AWAITED) || !sink.has_room_again() {
            return;
        }
        let takes = sink.takes();
        let Some(feeder) = sink.feeder() else { return };
        let link = self.channel(feeder).and_then(Channel::link);
        if !takes && link.is_some_and(|link| link.untaken == Untaken::Left) {
            return;
        }
        if let Some(sink) = self.channel_mut(to) {
            sink.marks.set(Marks::AWAITED, false);
        }
        if let Some(source) = self.channel_mut(feeder) {
            source.marks.set(Marks::WAITS, false);
            // What is unread has been there since, and the poll does not report it again.
            self.queue_for_read(feeder);
        }
    }

    fn settle_sink(&mut self, to: Id) {
        if self.channel(to).is_some_and(|sink| !sink.queue.is_empty() || sink.writing.is_over()) {
            self.mark_dirty(to);
        }
        self.settle(to);
    }
}

fn unlinked(kind: Kind, cause: &str) -> Failure {
    Failure::new(Status::Usage, kind, "link", "a connection", cause)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traps;
