//! What a service acts on, and what the ends of a connection mean.

use bytes::Bytes;

use super::{Author, Connection, Scope, Streams, ending, lost};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, Pool, SendOutcome, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::relay::{InputState, RelayStep};
use crate::protocol::text::bytes_not;
#[cfg(feature = "tls")]
use crate::report::TlsFigures;
use crate::report::{Name, Notice};
use crate::sessions::console::closed_event;
use crate::sessions::core::{Core, NOTE_AFTER};
use crate::sessions::receiver;
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;
#[cfg(feature = "tls")]
use crate::sockets::Endpoint;
#[cfg(feature = "tls")]
use crate::sockets::tls::Agreed;

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

/// What a service has asked for.
pub(super) struct Asked {
    pub(super) parted: bool,
    pub(super) end: Option<ShutdownMode>,
}

impl<'a> Context<'a> {
    pub(super) fn new(core: &'a mut Core, streams: &'a mut Streams, pool: &'a mut Pool) -> Self {
        Self { core, streams, pool, parted: false, end: None }
    }

    /// What the service has asked for, to be done when it has returned.
    pub(super) fn asked(self) -> Asked {
        Asked { parted: self.parted, end: self.end }
    }

    /// Sends a piece to one connection, by the rules for slow ones.
    pub(crate) fn send(&mut self, id: Id, piece: &Bytes) {
        self.send_messages(id, piece, 1);
    }

    /// The same with a piece that holds `messages` messages.
    pub(crate) fn send_messages(&mut self, id: Id, piece: &Bytes, messages: u64) {
        if self.streams.keeps_up(self.core, self.pool, id, messages) {
            let outcome = self.pool.send_shared(id, piece.clone());
            self.sent(id, outcome);
        }
    }

    /// Notes what became of a send to one connection, by the rules for slow ones.
    pub(crate) fn sent(&mut self, id: Id, outcome: SendOutcome) {
        self.streams.sent(self.core, self.pool, id, outcome);
    }

    /// Sends a piece of `messages` messages that came from one connection to every other one of the run.
    pub(crate) fn broadcast(&mut self, from: Id, piece: &Bytes, messages: u64) {
        let author = Author::Connection(from);
        self.streams.broadcast(self.core, self.pool, author, (piece, messages));
    }

    /// Warns where the peer of a connection that is cut cannot see that it is.
    pub(crate) fn report_unseen(&mut self, id: Id) {
        if let Some(connection) = self.streams.table.get(id) {
            ending::report_unseen(self.core, self.streams, self.pool, connection);
        }
    }

    /// A terminal shows who sends what as soon as there are several connections.
    pub(crate) fn mark_several(&mut self) {
        if self.streams.table.len() > 1 {
            self.core.console.view.mark_clients();
        }
    }

    /// Reports the peer's FIN.
    pub(crate) fn note_end(&mut self, id: Id) {
        if let Some(connection) = self.streams.table.get_mut(id) {
            connection.ended = true;
            if self.core.console.shows(Name::Eof) {
                let (number, peer) = (connection.number, connection.peer.to_string());
                let number = self.streams.is_numbered.then_some(number);
                let notice = Notice::new(Name::Eof).maybe_conn(number).peer(&peer);
                self.core.console.report(self.pool, &notice);
            }
        }
    }

    /// The peer's FIN has come; the state of `input` decides what follows.
    pub(crate) fn peer_ended(&mut self, id: Id, input: InputState) {
        self.note_end(id);
        self.report_undelivered(id);
        let Some(connection) = self.streams.table.get(id) else { return };
        let (reason, is_finished) = (self.streams.end_reason(connection), connection.finished);
        // What is left goes to the next connection.
        let is_left = self.streams.redials(id) && !(input.ended && self.pool.queued(id) == 0);
        match self.core.common.rules.peer_ended(input) {
            _ if is_left => self.step(id, RelayStep::Close),
            RelayStep::Leave => self.leave(id, reason),
            RelayStep::Continue if is_finished => self.step(id, RelayStep::Close),
            // The peer may be gone, and keep a place from another one.
            RelayStep::Continue if self.streams.may_come() => self.pool.keep_alive(id),
            step => self.step(id, step),
        }
    }

    /// Takes the next step that the rules have for a connection.
    pub(crate) fn step(&mut self, id: Id, step: RelayStep) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let reason = self.streams.end_reason(connection);
        match step {
            RelayStep::HalfClose => self.pool.finish(id),
            RelayStep::Close | RelayStep::Leave => self.pool.close(id, reason, CloseMode::Linger),
            RelayStep::Continue => {}
        }
    }

    /// `--on-peer-close exit`. Input that is known to be unsent makes it a loss: what is queued, as
    /// the end of the connection shows, and for a dialed one what waits behind that.
    fn leave(&mut self, id: Id, reason: CloseReason) {
        // What the kernel takes now is not known to be lost.
        self.pool.flush(id);
        let is_cut = self.core.input.is_cut_short(self.pool);
        if self.streams.scope() == Scope::Run {
            let is_full = self.streams.table.get(id).is_some_and(|one| one.send.is_full());
            if is_cut || is_full || self.pool.queued(id) > 0 {
                let (target, cause) = ("the rest of stdin", "the peer closed before it was sent");
                let failure = Failure::new(Status::Lost, Kind::Unsent, "send", target, cause);
                self.core.fail(self.pool, &failure);
            }
            self.core.begin_ending(self.pool);
        }
        match is_cut {
            true => self.pool.reset(id, reason),
            false => self.pool.abort(id, reason),
        }
    }

    /// The input has ended, as one connection sees it.
    pub(crate) fn input_ended(&mut self, id: Id, input: InputState) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let rules = self.core.common.rules;
        self.step(id, rules.input_ended(input, connection.ended));
        if rules.quit_after.is_some() {
            if !rules.is_empty_from_start(input) {
                self.pool.await_flush(id);
            }
        } else if self.streams.scope() == Scope::Run {
            // The peer may never close, and a run without input looks as if it hung.
            self.pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
    }

    /// A message breaks the framing, or the answer to it cannot be framed: closes the connection at
    /// once.
    pub(crate) fn bad_frame(&mut self, id: Id, error: &FrameError) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let failure = receiver::bad_frame(self.streams.title(connection), error);
        // Behind a bad frame no boundary is known: nothing that follows can be used.
        match self.core.input.is_cut_short(self.pool) {
            true => self.pool.reset(id, CloseReason::FRAME),
            false => self.pool.abort(id, CloseReason::FRAME),
        }
        match self.streams.scope() {
            Scope::Connection => self.core.console.report_failure(self.pool, &failure),
            Scope::Run => {
                self.core.fail(self.pool, &failure);
                self.end = Some(ShutdownMode::InOrder(CloseReason::FRAME));
            }
        }
    }

    /// Reports a message that was cut by the peer's FIN. It is not delivered.
    #[cold]
    pub(crate) fn report_undelivered(&mut self, id: Id) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let count = connection.receiver.undelivered();
        if count == 0 {
            return;
        }
        let (title, number) = (self.streams.title(connection), connection.number);
        let (conn, cause) = match self.streams.scope() {
            Scope::Connection => (Some(number), "it closed in the middle of a message"),
            Scope::Run => (None, "the peer closed in the middle of a message"),
        };
        let failure = Failure::new(Status::Lost, Kind::CutFrame, "read from", title, cause);
        let notice = Notice::error(&failure).maybe_conn(conn).undelivered(count);
        self.core.console.report(self.pool, &notice);
        match self.streams.scope() {
            Scope::Connection => self.streams.note_loss(Status::Lost),
            // How the connection ends later does not outrank it.
            Scope::Run => self.core.decide(Status::Lost),
        }
    }

    /// Reports that a connection is closed.
    #[cold]
    pub(super) fn report_closed(&mut self, connection: &Connection, end: &End) {
        if !self.core.console.shows(Name::Closed) {
            return;
        }
        let (peer, local) = (connection.peer.to_string(), connection.local.to_string());
        let undelivered = connection.receiver.lost();
        let notice = closed_event(&peer, &local, end, undelivered, self.pool.now());
        let notice = notice.maybe_conn(self.streams.number(connection));
        self.core.console.report(self.pool, &notice);
    }

    /// Reports what the end of a connection cost, where `closed` alone would not be seen.
    #[cold]
    pub(super) fn report_loss(&mut self, connection: &Connection, end: &End) {
        match self.streams.scope() {
            Scope::Connection => self.warn_of_loss(connection, end),
            // What decided the status before has been reported, and who has enough loses nothing.
            Scope::Run if self.core.is_decided() => {}
            Scope::Run if self.core.has_enough() && end.unsent.is_empty() => {}
            Scope::Run => {
                let kind = end.error.as_ref().map_or(Kind::Reset, Kind::from);
                let peer = connection.peer.to_string();
                // What a link has not moved is still where it was.
                let is_linked = self.streams.links.has_input();
                let left = if is_linked { self.core.input.take_left(self.pool) } else { 0 };
                self.core.fail(self.pool, &lost(peer, kind, end, left));
            }
        }
    }

    fn warn_of_loss(&mut self, connection: &Connection, end: &End) {
        let (title, unsent) = (connection.title(), end.unsent.len());
        // `Streams::forgive_peers` forgives an RST that comes before the signal to stop. One that is
        // on its way then counts no more.
        if self.core.is_signalled() && unsent == 0 && end.reason != CloseReason::FRAME {
            return;
        }
        self.streams.note_loss(Status::Lost);
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
            let mut text = format!("{title} was lost: {}", crate::error::plain(error));
            if unsent > 0 {
                let left = bytes_not(unsent as u64, " for it", "sent");
                text = format!("{text}; {left}");
            }
            self.core.console.warn(self.pool, Kind::Lost, &text);
            return;
        }
        if unsent > 0 {
            let text = bytes_not(unsent as u64, &format!(" for {title}"), "sent");
            self.core.console.warn(self.pool, Kind::Unsent, &text);
        }
    }
}

/// Reports what TLS on a connection has come to, behind the event of the connection that it is.
#[cfg(feature = "tls")]
pub(crate) fn report_agreed(
    core: &mut Core,
    pool: &mut Pool,
    id: Id,
    conn: Option<u64>,
    peer: &Endpoint,
) {
    if !core.console.shows(Name::Tls) {
        return;
    }
    let Some(agreed) = pool.agreed(id) else { return };
    let (figures, pin) = figures(agreed);
    let (peer, pin) = (peer.to_string(), pin.unwrap_or_default());
    let notice = Notice::new(Name::Tls).maybe_conn(conn).peer(&peer).tls(&figures);
    let notice = if pin.is_empty() { notice } else { notice.pin(&pin) };
    core.console.report(pool, &notice);
}

#[cfg(feature = "tls")]
fn figures(agreed: &Agreed) -> (TlsFigures, Option<String>) {
    let mut figures = TlsFigures {
        version: agreed.version.into(),
        cipher: agreed.cipher.clone().into(),
        alpn: agreed.alpn.clone().map(Into::into),
        ..TlsFigures::default()
    };
    let Some(peer) = &agreed.peer else { return (figures, None) };
    figures.subject = Some(peer.subject.clone().into());
    figures.names = Some(peer.names.clone());
    figures.not_after = peer.not_after.duration_since(std::time::SystemTime::UNIX_EPOCH).ok();
    (figures, Some(peer.pin.to_string()))
}
