//! What the loop reports to its handler.

use std::io;
use std::time::{Duration, Instant};

use super::id::Id;
use super::mailbox::Mail;
use super::pool::Pool;
use super::signals::Signal;
use super::timers::TimerKey;
use crate::buffers::Unsent;
use crate::close::{Cause, CloseReason};
use crate::sockets::Endpoint;
use crate::sys::mmsg::Arrival;

/// The one thing that a program on the loop implements.
///
/// The handler lives outside the pool, so it may do anything to the pool from within `on`; what
/// it does takes effect at once, except closing, which waits for the end of the turn.
pub trait Handler {
    /// Called for each event, one at a time.
    fn on(&mut self, pool: &mut Pool, event: Event<'_>);
}

/// A closure is a handler too. Its parameters need their types written out.
///
/// ```
/// use wirecat::event_loop::{Event, EventLoop, Pool};
///
/// let mut event_loop = EventLoop::new()?;
/// event_loop.pool().listen("127.0.0.1:0")?;
/// # event_loop.pool().stop();
/// let mut clients = 0;
/// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
///     if let Event::Accepted { id, .. } = event {
///         clients += 1;
///         let _ = pool.send(id, format!("you are number {clients}\n").as_bytes());
///         pool.finish(id);
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<F: FnMut(&mut Pool, Event<'_>)> Handler for F {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self(pool, event);
    }
}

/// Something happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The loop runs: the first event of every handler that is given to
    /// [`EventLoop::run`](super::EventLoop::run), which may open what it needs now.
    Started,
    /// A listener took a connection, which may be used from now on.
    Accepted {
        /// The new connection.
        id: Id,
        /// The listener it came in by.
        listener: Id,
        /// The address of the other side.
        peer: Endpoint,
        /// The address of this side.
        local: Endpoint,
    },
    /// A listener could not take a connection, and tries again by itself.
    AcceptFailed {
        /// The listener.
        listener: Id,
        /// Why: out of descriptors, most often.
        error: io::Error,
    },
    /// A listener took a connection that goes through a handshake first ([`Pool::accept_through`]), or
    /// through one more. Whoever closes it now has `Closed` follow, and nothing else.
    Handshaking {
        /// The connection.
        id: Id,
        /// The listener.
        listener: Id,
        /// The address of the other side, unless the handshake is to name it.
        peer: Option<Endpoint>,
    },
    /// The handshake of a connection has failed, or has taken too long; the connection is gone.
    HandshakeFailed {
        /// The connection.
        id: Id,
        /// The listener it came in by.
        listener: Id,
        /// The address of the other side.
        peer: Endpoint,
        /// Why.
        error: io::Error,
    },
    /// The other side of a connection that was begun has answered, and a handshake with it goes on:
    /// no other address of it is worth a try. `Connected` or `ConnectFailed` follows.
    Answered {
        /// The connection.
        id: Id,
    },
    /// A connection that was begun has come to be.
    Connected {
        /// The connection.
        id: Id,
        /// The address of the other side.
        peer: Endpoint,
        /// The address of this side.
        local: Endpoint,
    },
    /// A connection that was begun failed; its id is gone.
    ConnectFailed {
        /// The connection that failed.
        id: Id,
        /// Why.
        error: io::Error,
    },
    /// The handshake of the framing ([`Framing::Tinyproto`](crate::Framing::Tinyproto)) with a
    /// connection that was accepted is over: what was sent before goes out now. One that was dialed is
    /// [`Event::Connected`] only then.
    Negotiated {
        /// The connection.
        id: Id,
    },
    /// An attempt to connect has failed, and another one follows ([`Pool::connect_with`]).
    Retrying {
        /// The connection, whose id stays.
        id: Id,
        /// Why.
        error: io::Error,
        /// The pause before the next attempt.
        after: Duration,
    },
    /// Bytes came in.
    Data {
        /// Where from.
        id: Id,
        /// The bytes, lent until the handler returns.
        bytes: &'a [u8],
    },
    /// A message came in, on a connection with a framing ([`Pool::frame`]).
    Message {
        /// Where from.
        id: Id,
        /// The message without its marks, lent until the handler returns.
        payload: &'a [u8],
        /// The stream ended before the message did, and its framing delivers it all the same: a last
        /// line without its line feed.
        partial: bool,
    },
    /// Datagrams came in, in the order of the kernel.
    Datagrams {
        /// The socket.
        id: Id,
        /// The datagrams, lent until the handler returns.
        batch: &'a [Arrival<'a>],
    },
    /// A datagram socket reports a failure, such as an ICMP "port unreachable"; it lives on.
    DatagramError {
        /// The socket.
        id: Id,
        /// What came back.
        error: io::Error,
    },
    /// The queue is below its low mark again after a send returned `Full`, or it has become empty
    /// after [`Pool::await_flush`]. It comes as well when writing has failed, so that no handler waits
    /// for ever; `Closed` then follows as soon as everything is read.
    Drained {
        /// The connection whose queue it is.
        id: Id,
    },
    /// The other side will send no more.
    Eof {
        /// The connection.
        id: Id,
    },
    /// The other side, which had ended its sending before, reads no more either: what is sent is
    /// lost. Only a unix socket reports it; TCP answers the next send with RST, and until then a client
    /// that has closed looks like one that waits for an answer.
    HungUp {
        /// The connection.
        id: Id,
    },
    /// A timer fired.
    Timer {
        /// The timer.
        key: TimerKey,
    },
    /// A message from another thread.
    Mail(Mail),
    /// A signal reached the process.
    Signal(Signal),
    /// What was recorded is not written; [`Pool::take_recording_failure`] returns why.
    RecordingFailed,
    /// Bytes have passed through connections that are observed; [`Pool::take_observed`] returns them.
    Observed,
    /// [`Pool::stop`] has ended the loop: everything is still open, and what is sent now is written
    /// before it closes. Those who use [`Pool::halt`] do not get it.
    Stopping,
    /// What was to be written before the end is written, or has had its 2 s, and all is closed.
    /// [`EventLoop::run`](super::EventLoop::run) returns.
    Stopped,
    /// A source is gone; its id means nothing any more.
    Closed {
        /// The source.
        id: Id,
        /// How it ended.
        end: End,
    },
}

/// How a connection ended.
#[derive(Debug)]
pub struct End {
    /// Why.
    pub reason: CloseReason,
    /// The error of the operating system, where there was one.
    pub error: Option<io::Error>,
    /// What went through.
    pub traffic: Traffic,
    /// What was accepted for sending and never written.
    pub unsent: Unsent,
    /// Bytes that were written and that the peer had not acknowledged, as far as is known.
    pub unacknowledged: u64,
    /// Bytes that came, and that no event has delivered: part of a message that has no end, or messages
    /// that waited for [`Pool::resume`].
    pub undelivered: u64,
}

impl End {
    /// Whether something was lost: of what the peer sent, or of what was to be sent to it.
    pub fn is_loss(&self) -> bool {
        self.reason.cause == Cause::Error || !self.unsent.is_empty() || self.undelivered > 0
    }
}

/// What went through a connection so far.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Bytes read and delivered.
    pub received: u64,
    /// Bytes written.
    pub sent: u64,
    /// When it came to be.
    pub opened: Instant,
    /// When a byte last went through, in either direction; behind a close, when it was seen that the peer
    /// has taken some.
    pub last_active: Instant,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SendOutcome {
    /// Written or queued.
    Queued,
    /// Queued, but the queue has reached its high mark: stop feeding it until `Drained`.
    Full,
    /// Not taken: the connection is gone, or will send no more.
    Gone,
}
