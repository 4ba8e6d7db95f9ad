//! The channel of stdout: what it is for, whether it takes data, and its end.

use std::io::{self, ErrorKind};

use bytes::Bytes;

use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::stdio::{self, StdioKind};
use crate::event_loop::{Directions, End, Id, Pool, SendOutcome, Transport};
use crate::kind::Kind;
use crate::protocol::text::bytes_not;

/// Where a command has its data go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataTo {
    Stdout,
    /// To a child, a file or a peer, or there is none.
    Elsewhere,
}

impl DataTo {
    pub(crate) fn stdout_if(is_used: bool) -> Self {
        if is_used { Self::Stdout } else { Self::Elsewhere }
    }
}

/// What the end of stdout means for the run.
#[derive(Debug)]
pub enum StdoutEnd {
    /// Everything was written.
    Flushed,
    /// The reader closed the pipe (EPIPE), as `head` does.
    Unread,
    /// Data could not be written.
    Failed(Failure),
    /// This many bytes were not taken before it was given up.
    Undelivered(u64),
}

impl StdoutEnd {
    /// Why the run has failed by it, where it has.
    pub(crate) fn failure(self) -> Option<Failure> {
        match self {
            Self::Flushed | Self::Unread => None,
            Self::Failed(failure) => Some(failure),
            Self::Undelivered(count) => {
                let cause = bytes_not(count, "", "taken in time");
                let kind = Kind::Undelivered;
                Some(Failure::new(Status::Local, kind, "write to", "stdout", cause))
            }
        }
    }
}

/// The channel of stdout, where it is used and not gone yet.
pub(super) struct Stdout {
    id: Option<Id>,
    kind: StdioKind,
    is_full: bool,
    /// Gives up the descriptor of stdout, once the channel is gone.
    release: fn(StdioKind),
}

impl Stdout {
    pub(super) fn unused() -> Self {
        Self { id: None, kind: StdioKind::Device, is_full: false, release: |_| {} }
    }

    /// The stdout of the process.
    ///
    /// # Errors
    /// It cannot be used at all.
    pub(super) fn open(pool: &mut Pool) -> Result<Self, Failure> {
        let fail = |error: io::Error| Failure::io(Status::Local, "write to", "stdout", &error);
        let (transport, kind) = stdio::output().map_err(|error| {
            fail(error).fix("redirect it, as with >/dev/null, or choose --output none")
        })?;
        let stdout = Self::on(pool, transport, kind).map_err(fail)?;
        Ok(Self { release: stdio::release_output, ..stdout })
    }

    /// A transport that stands for a stdout of this kind.
    ///
    /// # Errors
    /// The transport cannot be registered.
    pub(super) fn on(
        pool: &mut Pool,
        transport: Box<dyn Transport>,
        kind: StdioKind,
    ) -> io::Result<Self> {
        let id = pool.add_channel(transport, Directions::Write)?;
        Ok(Self { id: Some(id), kind, ..Self::unused() })
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.id
    }

    pub(super) fn is_used(&self) -> bool {
        self.id.is_some()
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.kind == StdioKind::Terminal
    }

    /// Whether somebody waits for its end, as behind a pipe or socket. A terminal or file has no such
    /// reader.
    pub(super) fn has_reader(&self) -> bool {
        matches!(self.kind, StdioKind::Pipe | StdioKind::Socket)
    }

    /// Whether it takes no more for now.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// It takes data again.
    pub(super) fn drained(&mut self) {
        self.is_full = false;
    }

    /// Sends bytes. A stdout that is gone drops them: its `Closed` has reported that.
    pub(super) fn send(&mut self, pool: &mut Pool, bytes: &[u8]) {
        self.send_pieces(pool, [bytes]);
    }

    /// Sends several pieces, which are written together.
    pub(super) fn send_pieces<const N: usize>(&mut self, pool: &mut Pool, pieces: [&[u8]; N]) {
        if let Some(id) = self.id {
            self.is_full |= pool.send_pieces(id, pieces) == SendOutcome::Full;
        }
    }

    /// Sends bytes without copying them.
    pub(super) fn send_shared(&mut self, pool: &mut Pool, bytes: &Bytes) {
        if let Some(id) = self.id {
            self.is_full |= pool.send_shared(id, bytes.clone()) == SendOutcome::Full;
        }
    }

    /// Ends it once all is written.
    pub(super) fn finish(&self, pool: &mut Pool) {
        self.id.into_iter().for_each(|id| pool.finish(id));
    }

    /// Writes what fits without waiting, and gives the rest up.
    pub(super) fn abandon(&self, pool: &mut Pool, reason: CloseReason) {
        self.id.into_iter().for_each(|id| pool.abort(id, reason));
    }

    /// Gives up descriptor 1 as well, after the last data.
    pub(super) fn release(&self) {
        (self.release)(self.kind);
    }

    /// Forgets the channel, and returns what its end means; `unwritten` bytes were still to be queued.
    pub(super) fn closed(&mut self, end: &End, unwritten: usize) -> StdoutEnd {
        (self.id, self.is_full) = (None, false);
        match &end.error {
            // The loop survives the SIGPIPE that comes with EPIPE, and so the run ends in order.
            Some(error) if error.kind() == ErrorKind::BrokenPipe => StdoutEnd::Unread,
            Some(error) => {
                StdoutEnd::Failed(Failure::io(Status::Local, "write to", "stdout", error))
            }
            None => match (end.unsent.len() + unwritten) as u64 + end.unacknowledged {
                0 => StdoutEnd::Flushed,
                count => StdoutEnd::Undelivered(count),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Instant;

    use super::*;
    use crate::buffers::SendQueue;
    use crate::event_loop::{EventLoop, Traffic};

    /// A reader that takes so many bytes, and then no more.
    struct Reader(Arc<AtomicUsize>);

    impl Transport for Reader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            let offered = pieces.iter().map(|piece| piece.len()).sum::<usize>();
            let taken = offered.min(self.0.load(Relaxed));
            self.0.fetch_sub(taken, Relaxed);
            if taken > 0 { Ok(taken) } else { Err(ErrorKind::WouldBlock.into()) }
        }
    }

    fn end(error: Option<io::Error>, unsent: &'static [u8], unacknowledged: u64) -> End {
        let mut queue = SendQueue::default();
        if !unsent.is_empty() {
            queue.push(Bytes::from_static(unsent));
        }
        let now = Instant::now();
        let traffic = Traffic { received: 0, sent: 0, opened: now, last_active: now };
        let (reason, unsent, undelivered) = (CloseReason::HOST, queue.take(), 0);
        End { reason, error, traffic, unsent, unacknowledged, undelivered }
    }

    #[test]
    fn it_is_full_beyond_its_mark_until_it_has_drained() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let room = Arc::new(AtomicUsize::new(3));
        let reader = Box::new(Reader(Arc::clone(&room)));
        let mut stdout = Stdout::on(pool, reader, StdioKind::Pipe).unwrap();
        assert!(stdout.is_used() && stdout.has_reader() && !stdout.is_terminal());
        pool.set_high_mark(stdout.id().unwrap(), 4);
        stdout.send(pool, b"one");
        assert_eq!((stdout.is_full(), room.load(Relaxed)), (false, 0));
        stdout.send(pool, b"two");
        assert!(!stdout.is_full(), "3 bytes wait, and 4 may");
        stdout.send_shared(pool, &Bytes::from_static(b"three"));
        assert!(stdout.is_full());
        stdout.send(pool, b"");
        assert!(stdout.is_full(), "a send that fits does not make room");
        stdout.drained();
        assert!(!stdout.is_full());
    }

    #[test]
    fn an_unused_one_takes_everything_and_is_never_full() {
        let mut event_loop = EventLoop::new().unwrap();
        let mut stdout = Stdout::unused();
        stdout.send(event_loop.pool(), &[0; 1 << 20]);
        stdout.finish(event_loop.pool());
        stdout.release();
        assert!(!stdout.is_used() && !stdout.is_full() && !stdout.has_reader());
    }

    #[test]
    fn its_end_is_in_order_unread_failed_or_too_early() {
        let broken = || Some(io::Error::from(ErrorKind::BrokenPipe));
        let device = || Some(io::Error::from(ErrorKind::StorageFull));
        for (end, unwritten, expected) in [
            (end(None, b"", 0), 0, "Flushed"),
            (end(broken(), b"rest", 0), 5, "Unread"),
            (end(device(), b"", 0), 0, "Failed"),
            (end(None, b"rest", 2), 5, "Undelivered(11)"),
            (end(None, b"", 1), 0, "Undelivered(1)"),
        ] {
            let mut event_loop = EventLoop::new().unwrap();
            let reader = Box::new(Reader(Arc::default()));
            let mut stdout = Stdout::on(event_loop.pool(), reader, StdioKind::File).unwrap();
            stdout.is_full = true;
            let meaning = stdout.closed(&end, unwritten);
            assert!(format!("{meaning:?}").starts_with(expected), "{meaning:?}, not {expected}");
            assert!(!stdout.is_used() && !stdout.is_full());
            let failure = meaning.failure().map(|failure| failure.status);
            let is_failure = expected.starts_with("Failed") || expected.starts_with("Undelivered");
            assert_eq!(failure, is_failure.then_some(Status::Local), "{expected}");
        }
    }
}
