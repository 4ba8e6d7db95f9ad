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
    /// So many bytes were not taken before it was given up.
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

    /// Sends bytes. That it is lost was reported by its `Closed`.
    pub(super) fn send(&mut self, pool: &mut Pool, bytes: &[u8]) {
        if let Some(id) = self.id {
            self.is_full |= pool.send(id, bytes) == SendOutcome::Full;
        }
    }

    /// The same without a copy.
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

    /// Forgets the channel, and returns what its end means, where so many bytes more were to be written.
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
