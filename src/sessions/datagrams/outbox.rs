//! Datagrams of one socket that wait until the kernel takes them.
//!
//! The kernel refuses a datagram while the send buffer of the socket is full (`EAGAIN`), and the
//! loop delivers `Drained` once it has room. Until then the datagram waits here, behind those that
//! wait already.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use rustix::io::Errno;

use crate::error::Failure;
use crate::event_loop::{Id, Pool};
use crate::sockets::datagram;
use crate::sys::mmsg::{ReturnPath, SenderAddress};

/// Upper bound on datagrams that wait for one socket: one message to each of 65,536 peers. The
/// owner reads none of its sources while anything waits, so that only a burst comes near it.
const MOST: usize = 65_536;

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
    /// one for a device whose queue is full (`ENOBUFS`), which has no event either.
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
/// | Waiting, fewer than `MOST` | `Queued`, untried, so that the order holds |
/// | Waiting, `MOST` | `WouldBlock` |
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<(Option<ReturnPath>, Bytes)>,
    full_peer: FullPeer,
}

impl Outbox {
    pub(crate) fn new(full_peer: FullPeer) -> Self {
        Self { waiting: VecDeque::new(), full_peer }
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
        if self.waiting.is_empty() {
            match pool.send_datagram(socket, payload.bytes(), path) {
                Err(error) if self.is_for_later(&error, path) => {}
                outcome => return outcome.map(|()| DatagramOutcome::Sent),
            }
        }
        if self.waiting.len() >= MOST {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.waiting.push_back((path.cloned(), payload.keep()));
        Ok(DatagramOutcome::Queued)
    }

    /// Sends what the kernel takes, in order. One that fails does not hold up the others.
    pub(crate) fn flush(&mut self, pool: &mut impl SendDatagram, socket: Id) -> Flushed {
        let mut flushed = Flushed::default();
        while let Some((path, payload)) = self.waiting.pop_front() {
            match pool.send_datagram(socket, &payload, path.as_ref()) {
                Ok(()) => flushed.sent += 1,
                Err(error) if self.is_for_later(&error, path.as_ref()) => {
                    self.waiting.push_front((path, payload));
                    break;
                }
                Err(error) => {
                    let to = path.map(|path| path.to);
                    flushed.failed.push(UnsentDatagram { to, error });
                }
            }
        }
        flushed
    }

    /// Whether it is to be tried again: at `Drained`, or from time to time.
    fn is_for_later(&self, error: &io::Error, path: Option<&ReturnPath>) -> bool {
        let is_unix = path.is_some_and(|path| matches!(path.to, SenderAddress::Unix(_)));
        let may_wait = self.full_peer != FullPeer::Miss || !is_unix;
        let is_full_device = Errno::from_io_error(error) == Some(Errno::NOBUFS);
        (error.kind() == io::ErrorKind::WouldBlock && may_wait)
            || (is_full_device && self.full_peer == FullPeer::Retry)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.iter().map(|(_, payload)| payload.len()).sum()
    }

    /// Gives up what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    /// A kernel that takes so many datagrams, and refuses those to port 9.
    #[derive(Default)]
    struct Kernel {
        room: usize,
        taken: Vec<Vec<u8>>,
    }

    impl SendDatagram for Kernel {
        fn send_datagram(
            &mut self,
            _: Id,
            payload: &[u8],
            path: Option<&ReturnPath>,
        ) -> io::Result<()> {
            if path == Some(&peer(9)) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            if self.taken.len() == self.room {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.taken.push(payload.to_vec());
            Ok(())
        }
    }

    fn peer(port: u16) -> ReturnPath {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn id() -> Id {
        Id::for_tests(1)
    }

    #[test]
    fn datagrams_wait_in_order_and_a_refused_one_holds_nobody_up() {
        let (mut kernel, mut outbox) = (Kernel { room: 1, ..Kernel::default() }, Outbox::default());
        let mut send = |kernel: &mut Kernel, text: &'static str, port| {
            outbox.send(kernel, id(), DatagramPayload::Lent(text.as_bytes()), Some(&peer(port)))
        };
        assert_eq!(send(&mut kernel, "a", 1).unwrap(), DatagramOutcome::Sent);
        assert_eq!(send(&mut kernel, "b", 2).unwrap(), DatagramOutcome::Queued);
        // It is not tried before its turn, though it would fail at once.
        assert_eq!(send(&mut kernel, "c", 9).unwrap(), DatagramOutcome::Queued);
        kernel.room = 2;
        assert_eq!(send(&mut kernel, "dd", 3).unwrap(), DatagramOutcome::Queued);
        assert_eq!(outbox.bytes(), 4);
        let flushed = outbox.flush(&mut kernel, id());
        assert_eq!((flushed.sent, flushed.failed.len(), outbox.bytes()), (1, 1, 2));
        assert_eq!(flushed.failed[0].to, Some(peer(9).to));
        kernel.room = 3;
        assert_eq!((outbox.flush(&mut kernel, id()).sent, outbox.is_empty()), (1, true));
        assert_eq!(kernel.taken, [b"a".to_vec(), b"b".to_vec(), b"dd".to_vec()]);
    }

    #[test]
    fn what_fails_at_once_is_told_at_once() {
        let (mut kernel, mut outbox) = (Kernel::default(), Outbox::default());
        let refused = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b""), Some(&peer(9)));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_unix_peer_that_is_full_waits_or_misses() {
        let unix = ReturnPath { to: SenderAddress::Unix(None), from: None };
        let table = [(FullPeer::Wait, true), (FullPeer::Retry, true), (FullPeer::Miss, false)];
        for (full_peer, waits) in table {
            let (mut kernel, mut outbox) = (Kernel::default(), Outbox::new(full_peer));
            let outcome = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b"x"), Some(&unix));
            assert_eq!((outcome.is_ok(), !outbox.is_empty()), (waits, waits));
            // Others wait whatever becomes of unix peers.
            let outcome = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b"x"), None);
            assert_eq!(outcome.unwrap(), DatagramOutcome::Queued);
        }
    }

    #[test]
    fn a_full_device_is_waited_for_where_the_owner_tries_again() {
        struct Device(bool);
        impl SendDatagram for Device {
            fn send_datagram(&mut self, _: Id, _: &[u8], _: Option<&ReturnPath>) -> io::Result<()> {
                if self.0 { Err(Errno::NOBUFS.into()) } else { Ok(()) }
            }
        }
        for (full_peer, waits) in [(FullPeer::Wait, false), (FullPeer::Retry, true)] {
            let (mut device, mut outbox) = (Device(true), Outbox::new(full_peer));
            let outcome = outbox.send(&mut device, id(), DatagramPayload::Lent(b"x"), None);
            assert_eq!((outcome.is_ok(), !outbox.is_empty()), (waits, waits));
            device.0 = false;
            assert_eq!(outbox.flush(&mut device, id()).sent, usize::from(waits));
        }
    }

    #[test]
    fn the_queue_is_bounded() {
        let (mut kernel, mut outbox) = (Kernel::default(), Outbox::default());
        let payload = &Bytes::from_static(b"x");
        for _ in 0..MOST {
            outbox.send(&mut kernel, id(), payload.into(), None).unwrap();
        }
        let refused = outbox.send(&mut kernel, id(), payload.into(), None).unwrap_err();
        assert_eq!((refused.kind(), outbox.bytes()), (io::ErrorKind::WouldBlock, MOST));
        outbox.clear();
        assert!(outbox.is_empty());
    }
}
