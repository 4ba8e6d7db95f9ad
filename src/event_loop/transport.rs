//! What a channel of bytes stands on: a socket, a pipe, a file, a thread.
//!
//! A transport reads and writes without blocking and knows nothing of queues, marks or closing.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mio::{Registry, Token};

use super::READ_SIZE;
use super::id::Id;
use super::mailbox::Mailbox;
use super::recorder::StreamRecording;
use crate::close::CloseReason;
use crate::sockets::Endpoint;
#[cfg(feature = "tls")]
use crate::sockets::tls::Agreed;

/// A channel of bytes. `WouldBlock` means: try again after the next sign of readiness.
///
/// A transport that wraps another one (a recorder, tinyproto) names it in [`Transport::inner`] and
/// [`Transport::inner_mut`] and defines only what it does differently: by default every method is
/// that of the inner transport. Without an inner one the defaults are those of a channel that knows
/// no connecting, no FIN and no reset, and needs no poll.
pub trait Transport: Send {
    /// The transport that this one wraps.
    fn inner(&self) -> Option<&dyn Transport> {
        None
    }

    /// The transport that this one wraps. It is there where `inner` is.
    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        None
    }

    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Whether a read that gives less than it was asked for leaves nothing behind, but an end, a
    /// failure or an urgent byte of which the poll has given notice. The loop then reads no more before
    /// the next event.
    fn is_empty_after_short_read(&self) -> bool {
        self.inner().is_some_and(|inner| inner.is_empty_after_short_read())
    }

    /// Writes as much of the pieces as fits.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Sends FIN, once everything written is on its way.
    ///
    /// # Errors
    /// `WouldBlock` while it is not, or what went wrong.
    fn finish(&mut self) -> io::Result<()> {
        self.inner_mut().map_or(Ok(()), |inner| inner.finish())
    }

    /// Whether FIN leaves the other direction as it is.
    fn may_half_close(&self) -> bool {
        self.inner().is_none_or(|inner| inner.may_half_close())
    }

    /// The addresses of the other side and of this one, once a connection that was begun has come to
    /// be. To find that out takes both of them, and whoever asks needs them next.
    ///
    /// # Errors
    /// Why it never will.
    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        match self.inner_mut() {
            Some(inner) => inner.connected(),
            None => Ok(Some(self.addresses())),
        }
    }

    /// The addresses of the other side and of this one, `unknown` where it has none.
    fn addresses(&self) -> (Endpoint, Endpoint) {
        self.inner().map(|inner| inner.addresses()).unwrap_or_default()
    }

    /// The descriptor that it stands on, where there is one for both directions.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner()?.descriptor()
    }

    /// Where the kernel may read and write by itself what this transport reads and writes. It is not
    /// that of the inner transport: whoever wraps one wants to see the bytes.
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        None
    }

    /// Registers for readiness from now on.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        self.inner_mut().map_or(Ok(Readiness::Always), |inner| inner.register(registration))
    }

    /// Undoes `register`, where dropping the transport does not: to close the last descriptor of an
    /// open file description takes it out of epoll (epoll(7)).
    fn deregister(&mut self, registry: &Registry) {
        if let Some(inner) = self.inner_mut() {
            inner.deregister(registry);
        }
    }

    /// Leaves the poll for that of another loop. False where it cannot.
    fn leave(&mut self, registry: &Registry) -> bool {
        self.inner_mut().is_some_and(|inner| inner.leave(registry))
    }

    /// Makes dropping the transport send RST, which shows the peer that something was lost, where
    /// there is such a thing.
    fn reset(&mut self) {
        if let Some(inner) = self.inner_mut() {
            inner.reset();
        }
    }

    /// The channel is about to be dropped, for this reason.
    fn closed(&mut self, reason: CloseReason) {
        if let Some(inner) = self.inner_mut() {
            inner.closed(reason);
        }
    }

    /// A failure that no read or write has returned.
    fn take_error(&mut self) -> Option<io::Error> {
        self.inner_mut()?.take_error()
    }

    /// Whether the other side has ended it and left nothing to read; looks without reading.
    ///
    /// # Errors
    /// The failure that ended it; no read returns it any more.
    fn has_ended(&self) -> io::Result<bool> {
        self.inner().map_or(Ok(false), |inner| inner.has_ended())
    }

    /// Whether the other side has closed both directions in order, so that nobody reads what is
    /// written.
    fn is_deserted(&self) -> bool {
        self.inner().is_some_and(|inner| inner.is_deserted())
    }

    /// Bytes that wait to be read, as far as is known; looks without reading.
    fn unread(&self) -> u64 {
        self.inner().map_or(0, |inner| inner.unread())
    }

    /// Bytes written that the other side has not acknowledged, as far as is known.
    fn unacknowledged(&self) -> u64 {
        self.inner().map_or(0, |inner| inner.unacknowledged())
    }

    /// Disables Nagle's algorithm (TCP_NODELAY), where there is one.
    fn set_nodelay(&mut self) {
        if let Some(inner) = self.inner_mut() {
            inner.set_nodelay();
        }
    }

    /// Acknowledges what has come at once (TCP_QUICKACK), where there is such a thing, for a peer that
    /// sends no more before. The kernel delays the next acknowledgement again (tcp(7)).
    fn acknowledge(&mut self) {
        if let Some(inner) = self.inner_mut() {
            inner.acknowledge();
        }
    }

    /// Has the kernel ask a quiet peer from time to time whether it is still there (SO_KEEPALIVE),
    /// where it can.
    fn keep_alive(&mut self) {
        if let Some(inner) = self.inner_mut() {
            inner.keep_alive();
        }
    }

    /// Whether the other side of a connection that was begun has answered, while a handshake of the
    /// two sides goes on.
    fn has_answered(&self) -> bool {
        self.inner().is_some_and(|inner| inner.has_answered())
    }

    /// Why a connection that has taken too long is not up.
    fn late(&self) -> io::Error {
        self.inner().map_or_else(|| io::ErrorKind::TimedOut.into(), |inner| inner.late())
    }

    /// How long a handshake may take that has begun; given once.
    fn take_handshake_limit(&mut self) -> Option<Duration> {
        self.inner_mut()?.take_handshake_limit()
    }

    /// Gives its recording up, where it records what goes through TLS rather than the wire, to a
    /// transport around TLS.
    fn take_recording(&mut self) -> Option<StreamRecording> {
        self.inner_mut()?.take_recording()
    }

    /// What the handshake of TLS came to, where there was one.
    #[cfg(feature = "tls")]
    fn agreed(&self) -> Option<&Agreed> {
        self.inner()?.agreed()
    }

    /// Turns off the pauses of a congestion control that paces, because a lot is going to be written
    /// and no network lies between the two sides.
    fn unpace(&mut self) {
        if let Some(inner) = self.inner_mut() {
            inner.unpace();
        }
    }

    /// Whether the handshake of the two sides, where they have one, is done.
    fn is_open(&self) -> bool {
        self.inner().is_none_or(|inner| inner.is_open())
    }

    /// Whether a flush may write something although the channel has nothing to write, or could not:
    /// the transport has bytes of its own, or has read what its writing waited for.
    fn needs_flush(&self) -> bool {
        self.inner().is_some_and(|inner| inner.needs_flush())
    }

    /// Writes the bytes of the transport itself.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn flush(&mut self) -> io::Result<()> {
        self.inner_mut().map_or(Ok(()), |inner| inner.flush())
    }

    /// Whether the transport must read to make progress on writing (the go of tinyproto, a TLS
    /// renegotiation), even while the channel is paused.
    fn needs_read(&self) -> bool {
        self.inner().is_some_and(|inner| inner.needs_read())
    }

    /// Performs that read without delivering data.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn read_ahead(&mut self) -> io::Result<()> {
        self.inner_mut().map_or(Ok(()), |inner| inner.read_ahead())
    }

    /// Bytes that one read had better take, unless the handler sets another size.
    fn read_size(&self) -> usize {
        self.inner().map_or(READ_SIZE, |inner| inner.read_size())
    }

    /// Bytes that were read and are not delivered yet.
    fn buffered(&self) -> usize {
        self.inner().map_or(0, |inner| inner.buffered())
    }

    /// Whether a read gives something without an event of the poll.
    fn has_buffered_input(&self) -> bool {
        self.inner().is_some_and(|inner| inner.has_buffered_input())
    }
}

/// A descriptor that the kernel moves bytes from or to without this process (splice(2)). A socket and a
/// pipe are non-blocking.
#[derive(Clone, Copy, Debug)]
pub enum KernelEnd<'a> {
    /// A stream socket.
    Socket(BorrowedFd<'a>),
    /// One direction of a socket to a child, where ECONNRESET is the end.
    ChildSocket(BorrowedFd<'a>),
    /// One end of a pipe.
    Pipe(BorrowedFd<'a>),
    /// A regular file or the null device, to be written to.
    File(BorrowedFd<'a>),
}

impl<'a> KernelEnd<'a> {
    pub(super) fn fd(self) -> BorrowedFd<'a> {
        match self {
            Self::Socket(fd) | Self::ChildSocket(fd) | Self::Pipe(fd) | Self::File(fd) => fd,
        }
    }
}

/// Where a transport is registered.
pub struct Registration<'a> {
    pub(super) registry: &'a Registry,
    pub(super) mailbox: &'a Mailbox,
    pub(super) id: Id,
}

impl Registration<'_> {
    /// The id of the channel in the pool.
    pub fn id(&self) -> Id {
        self.id
    }

    /// A handle with which a transport that no poll can watch reports its readiness itself.
    pub fn waker(&self) -> Ready {
        Ready { mailbox: self.mailbox.clone(), id: self.id }
    }

    /// The token under which the poll reports this transport.
    pub(super) fn token(&self) -> Token {
        self.id.token()
    }
}

/// Notifies the loop, from whatever thread, that a transport may be read or written again.
#[derive(Clone)]
pub struct Ready {
    mailbox: Mailbox,
    id: Id,
}

impl Ready {
    /// The transport is worth a try in both directions; one try too many does no harm.
    pub fn ready(&self) {
        self.mailbox.ready(self.id);
    }
}

/// How a transport reports its readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// By events: it is ready after each, until it returns `WouldBlock`.
    Evented,
    /// It never returns `WouldBlock`: regular files, the null device.
    Always,
}

#[cfg(test)]
mod tests;
