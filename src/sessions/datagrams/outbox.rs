//! Datagrams of one socket that wait until the kernel takes them.
//!
//! The kernel refuses a datagram while the send buffer of the socket is full (`EAGAIN`), and the
//! loop delivers `Drained` once it has room. Until then the datagram waits here, behind those that
//! wait already.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::Errno;

use crate::error::Failure;
use crate::event_loop::{Id, Pool};
use crate::sockets::datagram;
use crate::sys::mmsg::{ReturnPath, SenderAddress};

/// Upper bound on datagrams that wait for one socket: one message to each of 65,536 peers. The
/// owner reads none of its sources while anything waits, so that only a burst comes near it.
const MOST: usize = 65_536;
/// How long a queue may stand still before its owner waits for it no longer.
const STUCK: Duration = Duration::from_millis(200);
/// Upper bound on datagrams that wait in a queue that stands still: nobody waits for it, so that its
/// owner goes on taking what is to be sent.
const MOST_STUCK: usize = 1024;

/// Sends one datagram; `path` is `None` on a connected socket.
pub(crate) trait SendDatagram {
    /// # Errors
    /// `WouldBlock` where the kernel takes none now; an error of the kernel.
    fn send_datagram(
        &mut self,
        socket: Id,
        payload: &[u8],
        path: Option<&ReturnPath>,
    ) -> io::Result<()>;

    /// The time of this turn.
    fn time(&self) -> Instant;
}

impl SendDatagram for Pool {
    fn send_datagram(
        &mut self,
        socket: Id,
        payload: &[u8],
        path: Option<&ReturnPath>,
    ) -> io::Result<()> {
        self.send_datagram(socket, payload, path)
    }

    fn time(&self) -> Instant {
        self.now()
    }
}

/// The payload of a datagram, which is copied only where it has to wait.
#[derive(Clone, Copy)]
pub(crate) enum DatagramPayload<'a> {
    /// It may wait for many sockets at once.
    Shared(&'a Bytes),
    /// The memory is used again after the call.
    Lent(&'a [u8]),
}

impl DatagramPayload<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Lent(bytes) => bytes,
        }
    }

    fn keep(self) -> Bytes {
        match self {
            Self::Shared(bytes) => bytes.clone(),
            Self::Lent(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl<'a> From<&'a Bytes> for DatagramPayload<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Shared(bytes)
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatagramOutcome {
    /// The kernel has it.
    Sent,
    /// It waits for `Drained`.
    Queued,
}

/// What a unix peer whose queue is full means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FullPeer {
    /// The datagram waits: the peer's queue is full of ours, and `Drained` comes when it reads.
    #[default]
    Wait,
    /// It misses the datagram. Where others filled its queue no event comes when it reads again,
    /// and the other peers are not to wait for it.
    Miss,
    /// The datagram waits, and the owner flushes from time to time, since no event may come. So does
    /// one for a device whose queue is full (`ENOBUFS`), which has no event either. Each unix peer has
    /// a queue of its own: one that reads nothing holds up nobody else.
    Retry,
}

/// A datagram that did not go out.
#[derive(Debug)]
pub(crate) struct UnsentDatagram {
    pub(crate) to: Option<SenderAddress>,
    pub(crate) error: io::Error,
}

impl UnsentDatagram {
    /// The peer as events name it.
    pub(crate) fn peer(&self) -> String {
        self.to.as_ref().map(SenderAddress::to_string).unwrap_or_default()
    }

    pub(crate) fn failure(&self) -> Failure {
        datagram::failure(&self.peer(), &self.error)
    }
}

/// What a flush has done.
#[derive(Debug, Default)]
pub struct Flushed {
    /// Datagrams that went out.
    pub(crate) sent: usize,
    /// Those that failed, which are not tried again.
    pub(crate) failed: Vec<UnsentDatagram>,
}

impl Flushed {
    /// Whether anything had waited and does so no longer.
    pub(crate) fn did_something(&self) -> bool {
        self.sent > 0 || !self.failed.is_empty()
    }
}

/// Datagrams that go out in the order in which they came: those to a unix peer, or to all other peers.
#[derive(Debug)]
struct PeerQueue {
    /// The unix peer that has a queue of its own.
    peer: Option<SenderAddress>,
    waiting: VecDeque<(Option<ReturnPath>, Bytes)>,
    /// When one left last, or the first had to wait.
    moved: Instant,
    /// None has left for as long as `STUCK`.
    is_stuck: bool,
}

impl PeerQueue {
    /// Whether another one may wait.
    fn has_room(&self) -> bool {
        self.waiting.len() < if self.is_stuck { MOST_STUCK } else { MOST }
    }
}

/// The queue of one socket, first in, first out.
///
/// ```text
///              the kernel takes none now
/// Empty ────────────────────────────────────> Waiting ── `Drained`: flush() ──> Waiting or Empty
///   └── sent, or failed: stays Empty             └── clear() ──> Empty
/// ```
///
/// | `send` finds | it gives |
/// |---|---|
/// | Empty, and the kernel takes it | `Sent` |
/// | Empty, and the kernel takes none | `Queued`; `WouldBlock` for a full unix peer with `Miss` |
/// | Empty, and the device takes none | `Queued` with `Retry`, else `ENOBUFS` |
/// | Empty, and the kernel refuses it | the error |
/// | Waiting, and room | `Queued`, untried, so that the order holds |
/// | Waiting, and no room | `WouldBlock` |
///
/// With `Retry`, that is true of each unix peer, and of all other peers together: each of these is a
/// queue. A queue that has not moved for 200 ms is stuck until it moves; it has room for 1,024
/// datagrams, and any other for 65,536.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Those in which something waits.
    queues: Vec<PeerQueue>,
    full_peer: FullPeer,
}

impl Outbox {
    pub(crate) fn new(full_peer: FullPeer) -> Self {
        Self { queues: Vec::new(), full_peer }
    }

    /// Sends a datagram, or has it wait behind those that wait.
    ///
    /// # Errors
    /// It cannot be sent; `WouldBlock` where it may not wait.
    pub(crate) fn send(
        &mut self,
        pool: &mut impl SendDatagram,
        socket: Id,
        payload: DatagramPayload<'_>,
        path: Option<&ReturnPath>,
    ) -> io::Result<DatagramOutcome> {
        let peer = path
            .map(|path| &path.to)
            .filter(|to| self.full_peer == FullPeer::Retry && matches!(to, SenderAddress::Unix(_)));
        if let Some(queue) = self.queues.iter_mut().find(|queue| queue.peer.as_ref() == peer) {
            if !queue.has_room() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            queue.waiting.push_back((path.cloned(), payload.keep()));
            // One that stands still may hold more than MOST_STUCK, from before.
            debug_assert!(queue.waiting.len() <= MOST, "{} datagrams wait", queue.waiting.len());
            return Ok(DatagramOutcome::Queued);
        }
        match pool.send_datagram(socket, payload.bytes(), path) {
            Err(error) if self.full_peer.is_for_later(&error, path) => {}
            outcome => return outcome.map(|()| DatagramOutcome::Sent),
        }
        self.queues.push(PeerQueue {
            peer: peer.cloned(),
            waiting: [(path.cloned(), payload.keep())].into(),
            moved: pool.time(),
            is_stuck: false,
        });
        Ok(DatagramOutcome::Queued)
    }

    /// Sends what the kernel takes, in order. One that fails does not hold up the others.
    pub(crate) fn flush(&mut self, pool: &mut impl SendDatagram, socket: Id) -> Flushed {
        let (mut flushed, now) = (Flushed::default(), pool.time());
        for queue in &mut self.queues {
            let before = queue.waiting.len();
            while let Some((path, payload)) = queue.waiting.pop_front() {
                match pool.send_datagram(socket, &payload, path.as_ref()) {
                    Ok(()) => flushed.sent += 1,
                    Err(error) if self.full_peer.is_for_later(&error, path.as_ref()) => {
                        queue.waiting.push_front((path, payload));
                        break;
                    }
                    Err(error) => {
                        let to = path.map(|path| path.to);
                        flushed.failed.push(UnsentDatagram { to, error });
                    }
                }
            }
            if queue.waiting.len() < before {
                queue.moved = now;
            }
            queue.is_stuck = now.saturating_duration_since(queue.moved) >= STUCK;
        }
        self.queues.retain(|queue| !queue.waiting.is_empty());
        flushed
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Whether something waits that moves.
    pub(crate) fn is_moving(&self) -> bool {
        self.queues.iter().any(|queue| !queue.is_stuck)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        let waiting = self.queues.iter().flat_map(|queue| &queue.waiting);
        waiting.map(|(_, payload)| payload.len()).sum()
    }

    /// Gives up what waits.
    pub(crate) fn clear(&mut self) {
        self.queues.clear();
    }
}

impl FullPeer {
    /// Whether a datagram is to be tried again: at `Drained`, or from time to time.
    fn is_for_later(self, error: &io::Error, path: Option<&ReturnPath>) -> bool {
        let is_unix = path.is_some_and(|path| matches!(path.to, SenderAddress::Unix(_)));
        let may_wait = self != Self::Miss || !is_unix;
        let is_full_device = Errno::from_io_error(error) == Some(Errno::NOBUFS);
        (error.kind() == io::ErrorKind::WouldBlock && may_wait)
            || (is_full_device && self == Self::Retry)
    }
}

#[cfg(test)]
mod tests;
