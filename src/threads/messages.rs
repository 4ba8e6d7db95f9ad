//! What the loops of a run send each other: plain data, in the order of each sender.

use std::time::Instant;

use bytes::Bytes;

use crate::error::{Failure, Status};
use crate::event_loop::{Detached, Mail, Mailbox};
use crate::sessions::{Author, ConsoleEntry, LoopFigures, ShutdownMode, Totals};
use crate::sockets::Endpoint;

/// More connections than these make no difference to the loops: what matters is whether a slow one is
/// alone.
pub(super) const CROWD: usize = 3;
/// Bytes that may be in flight from one loop to another. Whatever sends more waits until a quarter of
/// it has been taken.
pub(super) const WINDOW: usize = 256 * 1024;
/// Bytes that a loop takes before it acknowledges them: each acknowledgement is a message.
pub(super) const PORTION: usize = WINDOW / 4;
/// What a piece counts beside its bytes.
pub(super) const OVERHEAD: usize = 128;

/// To a loop that serves.
pub(super) enum ToLoop {
    /// A connection that was let in.
    Serve(Box<Handover>),
    /// A piece of so many messages for all connections of the loop.
    Pass {
        /// The loop that it comes from; the main loop is behind the last one.
        from: usize,
        author: Author,
        piece: Bytes,
        messages: u64,
    },
    /// Another loop has taken so much of what was passed to it.
    Taken { by: usize, bytes: usize },
    /// The console has taken entries of this cost.
    EntriesTaken(usize),
    /// The run has so many connections, as far as it matters.
    Crowd(usize),
    /// No more connections come.
    Last,
    /// SIGTERM: the end in order.
    Stop,
    /// The end, in another form.
    Close(ShutdownMode),
    /// The loop is to report what it has moved.
    Report,
    /// Another loop has ended.
    Gone(usize),
}

/// A connection on its way to the loop that serves it.
pub(super) struct Handover {
    pub(super) connection: Detached,
    pub(super) number: u64,
    pub(super) peer: Endpoint,
    pub(super) local: Endpoint,
}

/// To the main loop.
pub(super) struct ToMain {
    pub(super) from: usize,
    pub(super) update: LoopUpdate,
}

/// What a loop that serves reports.
pub(super) enum LoopUpdate {
    /// What one event has brought for the console.
    Entries(Vec<ConsoleEntry>),
    /// The connection of this number is gone.
    Closed(u64),
    /// A loop that accepts by itself has so many connections, as far as it matters.
    Clients(usize),
    /// A loop has found no descriptor, or other means, for one more client; this is the cause.
    Starved(String),
    /// So much of what was passed to the loop is taken.
    Taken(usize),
    /// What has moved.
    Figures(LoopFigures),
    /// The loop ends by itself: it has seen what the run is for (`enough`), or a stop word.
    Ending { enough: bool },
    /// The loop has ended, and this is its last message.
    Ended(Box<LoopEnd>),
}

/// How a loop has ended.
pub(super) struct LoopEnd {
    /// Why it could not go on.
    pub(super) failure: Option<Failure>,
    /// The first end of a connection that decides the status, and when it was.
    pub(super) loss: Option<(Instant, Status)>,
    pub(super) totals: Totals,
}

/// Sends a message to a loop that serves.
pub(super) fn send(mailbox: &Mailbox, message: ToLoop) {
    mailbox.send(Mail::Posted(Box::new(message)));
}

/// Sends a message to the main loop.
pub(super) fn send_update(mailbox: &Mailbox, from: usize, update: LoopUpdate) {
    mailbox.send(Mail::Posted(Box::new(ToMain { from, update })));
}
