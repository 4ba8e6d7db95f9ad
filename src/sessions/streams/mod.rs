//! The connections of a session: listeners, who gets in, the table, deadlines, backpressure.
//!
//! [`StreamSession`] owns the [`Core`], the [`Streams`] and one service, which decides what a
//! message means (see `services`). A service reaches all of them by a [`Context`].

mod admission;
mod connections;
mod deadlines;
mod input;
mod session;
mod slow;

use std::fmt::Write;

use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, IdMap, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::relay::{Input, Step};
use crate::report::{Name, Notice};
use crate::sessions::console::closed_event;
use crate::sessions::core::Core;
use crate::sessions::receiver::Receiver;
use crate::sessions::session::ShutdownMode;
use crate::sockets::Endpoint;

pub(crate) use admission::{Admission, Change};
use input::Directory;
pub use session::StreamSession;
pub(crate) use slow::SendState;
use slow::SlowPolicy;

/// What feeds the queues of the connections, and so has to wait for one that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// stdin.
    Input,
    /// stdin, and the other connections.
    Peers,
    /// What the connection itself sends: one whose queue is full is read no further.
    Answers,
    /// Its partner in a relay, which alone decides when it is read.
    Relayed,
    /// What is played to it alone: only that waits, for as long as it takes.
    Recorded,
}

/// All connections of a session.
pub(crate) struct Streams {
    pub(crate) admission: Admission,
    listeners: Vec<Id>,
    pub(crate) table: IdMap<Connection>,
    directory: Directory,
    slow: SlowPolicy,
    flow: Flow,
    /// Bytes that may wait for one connection.
    queue: usize,
    /// Connections are not read, because of stdout or of a queue that blocks.
    paused: bool,
    /// What the worst end of a connection means for the status.
    worst: Option<Status>,
    /// The name of the peer that is read, written out where something shows it.
    peer_name: String,
}

/// One connection from accept to close. A server has many, so it is small.
pub(crate) struct Connection {
    /// Counts from 1 in the order of accepting; the id in events.
    pub(crate) number: u64,
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
    pub(crate) receiver: Receiver,
    /// Its FIN has come.
    pub(crate) ended: bool,
    pub(crate) send: SendState,
    /// The service does not want it read for now.
    held: bool,
    /// Messages that it was not sent.
    pub(crate) skipped: u64,
}

impl Connection {
    /// `#3 127.0.0.1:51312`, as it is called in messages.
    pub(crate) fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }

    /// A message that was cut by the peer's FIN makes its end an error.
    pub(crate) fn end_reason(&self) -> CloseReason {
        if self.receiver.undelivered() > 0 { CloseReason::FRAME } else { CloseReason::PEER }
    }
}

impl Streams {
    /// The worst end of a connection decides the status of the run, where nothing else has.
    pub(crate) fn note_loss(&mut self, status: Status) {
        self.worst.get_or_insert(status);
    }

    fn stop_listening(&mut self, pool: &mut Pool) {
        self.listeners.drain(..).for_each(|listener| pool.abort(listener, CloseReason::HOST));
    }

    /// Reads a connection, or leaves what it sends in the kernel.
    fn set_paused(&mut self, pool: &mut Pool, paused: bool) {
        if std::mem::replace(&mut self.paused, paused) == paused {
            return;
        }
        for (id, connection) in self.table.iter() {
            self.update_reading(pool, id, connection);
        }
    }

    /// Leaves what one connection sends in the kernel while its service does not want it.
    pub(crate) fn hold(&mut self, pool: &mut Pool, id: Id, held: bool) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if std::mem::replace(&mut connection.held, held) != held
            && let Some(connection) = self.table.get(id)
        {
            self.update_reading(pool, id, connection);
        }
    }

    /// Reads a connection unless one of the three reasons not to holds it.
    fn update_reading(&self, pool: &mut Pool, id: Id, connection: &Connection) {
        let is_backlogged = connection.send.is_full() && self.flow == Flow::Answers;
        if self.paused || connection.held || is_backlogged {
            pool.pause(id);
        } else {
            pool.resume(id);
        }
    }

    /// The name of a peer, written into one buffer that all share.
    fn take_peer_name(&mut self, id: Id) -> String {
        let mut name = std::mem::take(&mut self.peer_name);
        name.clear();
        if let Some(connection) = self.table.get(id) {
            // Writing to a string does not fail.
            let _ = write!(name, "{}", connection.peer);
        }
        name
    }
}

/// What a service acts on.
pub(crate) struct Context<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) streams: &'a mut Streams,
    pub(crate) pool: &'a mut Pool,
    /// What the service had for a connection is gone, and the run may be over.
    pub(crate) parted: bool,
    /// The service asks for the end of the run, which follows when it returns.
    pub(crate) end: Option<ShutdownMode>,
}

impl<'a> Context<'a> {
    fn new(core: &'a mut Core, streams: &'a mut Streams, pool: &'a mut Pool) -> Self {
        Self { core, streams, pool, parted: false, end: None }
    }

    /// Sends to one connection, by the rules for slow ones.
    pub(crate) fn sent(&mut self, id: Id, outcome: SendOutcome) {
        self.streams.sent(self.core, self.pool, id, outcome);
    }

    /// Reports the peer's FIN.
    pub(crate) fn note_end(&mut self, id: Id) {
        if let Some(connection) = self.streams.table.get_mut(id) {
            connection.ended = true;
            if self.core.console.shows(Name::Eof) {
                let peer = connection.peer.to_string();
                let notice = Notice::new(Name::Eof).conn(connection.number).peer(&peer);
                self.core.console.report(self.pool, &notice);
            }
        }
    }

    /// The peer's FIN has come; the state of `input` decides what follows.
    pub(crate) fn peer_ended(&mut self, id: Id, input: Input) {
        self.note_end(id);
        self.report_undelivered(id);
        let Some(connection) = self.streams.table.get(id) else { return };
        let reason = connection.end_reason();
        match self.core.common.rules.peer_ended(input) {
            Step::Leave => self.pool.abort(id, reason),
            Step::Close | Step::HalfClose => self.pool.close(id, reason, CloseMode::Linger),
            Step::Continue => {}
        }
    }

    /// The input has ended, as one connection sees it.
    pub(crate) fn input_ended(&mut self, id: Id, input: Input) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let rules = self.core.common.rules;
        match rules.input_ended(input, connection.ended) {
            Step::HalfClose => self.pool.finish(id),
            Step::Close | Step::Leave => {
                self.pool.close(id, connection.end_reason(), CloseMode::Linger);
            }
            Step::Continue => {}
        }
        if rules.quit_after.is_some() && !rules.is_empty_from_start(input) {
            self.pool.await_flush(id);
        }
    }

    /// Reports a message that was cut by the peer's FIN.
    fn report_undelivered(&mut self, id: Id) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let count = connection.receiver.undelivered();
        if count > 0 {
            let cause = "it closed in the middle of a message";
            let title = connection.title();
            let failure = Failure::new(Status::Lost, Kind::CutFrame, "read from", title, cause);
            let notice = Notice::error(&failure).conn(connection.number).undelivered(count);
            self.core.console.report(self.pool, &notice);
            self.streams.note_loss(Status::Lost);
        }
    }

    /// Reports that a connection is closed.
    fn report_closed(&mut self, connection: &Connection, end: &End) {
        if !self.core.console.shows(Name::Closed) {
            return;
        }
        let (peer, local) = (connection.peer.to_string(), connection.local.to_string());
        let undelivered = connection.receiver.undelivered();
        let notice = closed_event(&peer, &local, end, undelivered, self.pool.now());
        self.core.console.report(self.pool, &notice.conn(connection.number));
    }

    /// Reports what the end of a connection cost, where `closed` alone would not be seen.
    fn report_loss(&mut self, connection: &Connection, end: &End) {
        let (title, unsent) = (connection.title(), end.unsent.len());
        // A bad frame is reported when it comes; the error may then be one of the socket.
        if end.reason == CloseReason::FRAME
            && let Some(error) = &end.error
            && Kind::from(error) == Kind::Frame
        {
            let cause = crate::error::plain(error);
            let failure =
                Failure::new(Status::Lost, Kind::Frame, "read from", title.as_str(), cause);
            let notice = Notice::error(&failure).conn(connection.number);
            self.core.console.report(self.pool, &notice);
        } else if let (Some(error), false) = (&end.error, self.core.is_ending()) {
            let text = format!("{title} was lost: {}", crate::error::plain(error));
            self.core.console.warn(self.pool, Kind::Lost, &text);
        }
        if unsent > 0 {
            let text = format!("{unsent} bytes for {title} were not sent");
            self.core.console.warn(self.pool, Kind::Unsent, &text);
        }
    }
}
