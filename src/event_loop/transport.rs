//! What a channel of bytes stands on: a socket, a pipe, a file, a thread.
//!
//! A transport reads and writes without blocking and knows nothing of queues, marks or closing.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::{Interest, Registry, Token, event::Source};

use super::id::Id;
use super::mailbox::Mailbox;
use crate::close::CloseReason;
use crate::sockets::{Endpoint, Stream};

/// A channel of bytes. `WouldBlock` means: try again after the next sign of readiness.
pub trait Transport: Send {
    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of the pieces as fits.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written (FIN), once everything written is on its way.
    ///
    /// # Errors
    /// `WouldBlock` while it is not, or what went wrong.
    fn finish(&mut self) -> io::Result<()>;

    /// Whether a connection that was begun has come to be.
    ///
    /// # Errors
    /// Why it never will.
    fn connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// The addresses of the other side and of this one, `unknown` where it has none.
    fn addresses(&self) -> (Endpoint, Endpoint) {
        Default::default()
    }

    /// Asks to be told of readiness from now on.
    ///
    /// # Errors
    /// What the kernel says.
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness>;

    /// Undoes `register`.
    fn deregister(&mut self, registry: &Registry);

    /// Sees to it that dropping the transport tells the peer that something was lost (RST), where
    /// there is a way to tell it.
    fn reset(&mut self) {}

    /// The channel is about to be dropped, for this reason.
    fn closed(&mut self, _reason: CloseReason) {}

    /// A failure that no read or write has told.
    fn take_error(&mut self) -> Option<io::Error> {
        None
    }

    /// Whether the other side has ended it and left nothing to read; looks without reading.
    fn has_ended(&self) -> bool {
        false
    }

    /// Bytes written that the other side has not acknowledged, as far as is known.
    fn unacknowledged(&self) -> u64 {
        0
    }

    /// Disables Nagle's algorithm (TCP_NODELAY), where there is one.
    fn set_nodelay(&mut self) {}

    /// Whether what the two transports have to say to each other first has been said.
    fn is_open(&self) -> bool {
        true
    }

    /// Whether a flush may get somewhere although the channel has nothing to write, or could not:
    /// the transport has bytes of its own, or has read what its writing since_fin for.
    fn needs_flush(&self) -> bool {
        false
    }

    /// Writes what the transport itself has to say.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the transport must read to make progress on writing (the go of tinyproto, a TLS
    /// renegotiation), even while the channel is paused.
    fn needs_read(&self) -> bool {
        false
    }

    /// Performs that read without delivering data.
    ///
    /// # Errors
    /// `WouldBlock`, or the failure that ended the channel.
    fn read_ahead(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether a read gives something whatever the poll says.
    fn has_buffered_input(&self) -> bool {
        false
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

    /// A handle with which a transport that no poll can watch tells of its readiness itself.
    pub fn waker(&self) -> Ready {
        Ready { mailbox: self.mailbox.clone(), id: self.id }
    }

    /// The token under which the poll reports this transport.
    pub(super) fn token(&self) -> Token {
        self.id.token()
    }
}

/// Tells the loop, from whatever thread, that a transport may be read or written again.
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

/// How a transport tells of its readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// By events: it is ready after each, until it says `WouldBlock`.
    Evented,
    /// It never says `WouldBlock`: regular files, the null device.
    Always,
}

impl Transport for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // For one piece send(2) is shorter than writev(2), which goes by way of the file system.
        match (self, pieces) {
            (Self::Tcp(stream), [piece]) => stream.write(piece),
            (Self::Unix(stream), [piece]) => stream.write(piece),
            (Self::Tcp(stream), _) => stream.write_vectored(pieces),
            (Self::Unix(stream), _) => stream.write_vectored(pieces),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn connected(&mut self) -> io::Result<bool> {
        crate::sockets::connect::finished(self)
    }

    fn addresses(&self) -> (Endpoint, Endpoint) {
        (self.peer(), self.local())
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        let both = Interest::READABLE | Interest::WRITABLE;
        source(self).register(registration.registry, registration.token(), both)?;
        Ok(Readiness::Evented)
    }

    fn deregister(&mut self, registry: &Registry) {
        // Closing the descriptor deregisters it as well.
        let _ = source(self).deregister(registry);
    }

    fn reset(&mut self) {
        self.reset_on_close();
    }

    fn set_nodelay(&mut self) {
        if let Self::Tcp(stream) = self {
            // Without it the stream is slow, and works.
            let _ = stream.set_nodelay(true);
        }
    }

    fn take_error(&mut self) -> Option<io::Error> {
        Stream::take_error(self).ok().flatten()
    }

    fn has_ended(&self) -> bool {
        crate::sys::socket::has_ended(self)
    }

    fn unacknowledged(&self) -> u64 {
        match self {
            Self::Tcp(stream) => crate::sys::socket::unacknowledged(stream),
            Self::Unix(_) => 0,
        }
    }
}

fn source(stream: &mut Stream) -> &mut dyn Source {
    match stream {
        Stream::Tcp(stream) => stream,
        Stream::Unix(stream) => stream,
    }
}
