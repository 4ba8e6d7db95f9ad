//! The clients of a listener, from accept to close, and what all services treat alike: admission, the
//! handshake, `--idle-timeout`, frames that break the framing, and the end of a connection.

use std::io;
use std::time::Duration;

use super::console::{closed_event, is_loss};
use super::core::{Core, GRACE};
use super::receiver::{self, Receiver};
use super::streams::{Admission, Change};
use super::timers;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, IdMap, Pool, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::report::{Name, Notice};

/// How long a client has for the handshake of its protocol.
const HELLO: Duration = Duration::from_secs(10);
/// The end of a client that did not take what was queued within [`GRACE`] after its time was over.
const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

/// The listeners of a session and the clients that they accepted, each with the state `T` that its
/// service keeps. Without listeners: the connections that the session has made.
///
/// ```text
/// accept ──> open ──> peer_ended ──> closed
///              └── late: warned, then 2 s to take what is queued ──┘
/// ```
pub(super) struct Clients<T> {
    listeners: Vec<Id>,
    table: IdMap<Client<T>>,
    /// What warnings call them.
    noun: &'static str,
    /// Their numbers are in events, which a session that connects by itself leaves out.
    is_numbered: bool,
    admission: Admission,
    /// The service wants more clients.
    is_wanted: bool,
    /// The exit status that the worst end of a client asks for.
    worst: Option<Status>,
}

/// One client.
pub(super) struct Client<T> {
    /// Counts from 1 in the order of accepting; `conn` in events.
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) local: String,
    pub(super) receiver: Receiver,
    /// Its FIN has come.
    pub(super) peer_ended: bool,
    /// Its queue has reached the high mark and not drained since.
    pub(super) full: bool,
    /// What the service keeps.
    pub(super) state: T,
}

impl<T> Client<T> {
    /// `#3 127.0.0.1:51312`, as messages call it.
    pub(super) fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }

    fn numbered<'a>(&self, notice: Notice<'a>, is_numbered: bool) -> Notice<'a> {
        if is_numbered { notice.conn(self.number) } else { notice }
    }

    /// Why a connection of which all has come is closed: a cut message makes its end an error.
    pub(super) fn end_reason(&self) -> CloseReason {
        if self.receiver.undelivered() > 0 { CloseReason::FRAME } else { CloseReason::PEER }
    }
}

impl<T> Clients<T> {
    /// No clients yet. Warnings call them by `noun`, a plural.
    pub(super) fn new(listeners: Vec<Id>, max: Option<usize>, noun: &'static str) -> Self {
        Self {
            table: IdMap::default(),
            noun,
            is_numbered: !listeners.is_empty(),
            listeners,
            admission: Admission::new(Access::default(), None, max),
            is_wanted: true,
            worst: None,
        }
    }

    /// Adds a connection that was accepted; returns its number.
    pub(super) fn accept(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        id: Id,
        (peer, local): (String, String),
        state: T,
    ) -> u64 {
        core.peer_arrived(pool);
        let number = core.connections() + 1;
        let notice = Notice::new(Name::Accepted).conn(number).peer(&peer).local(&local);
        core.console.report(pool, &notice);
        self.insert(pool, core, id, (peer, local), state);
        if let Some(max_frame) = core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), HELLO);
        }
        self.update_accepting(pool);
        number
    }

    /// Adds a connection that is up.
    pub(super) fn insert(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        id: Id,
        (peer, local): (String, String),
        state: T,
    ) {
        let number = core.count_connection();
        let receiver = Receiver::new(&core.common, pool.now());
        let (peer_ended, full) = (false, false);
        self.table.insert(id, Client { number, peer, local, receiver, peer_ended, full, state });
        if let Some(limit) = core.common.limits.idle {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
    }

    /// Leaves new clients in the backlog while the service does not want them.
    pub(super) fn set_accepting(&mut self, pool: &mut Pool, is_wanted: bool) {
        self.is_wanted = is_wanted;
        self.update_accepting(pool);
    }

    fn update_accepting(&mut self, pool: &mut Pool) {
        let change = self.admission.update(self.table.len(), !self.is_wanted);
        let Some(Change { accepting, .. }) = change else { return };
        for listener in &self.listeners {
            if accepting { pool.resume(*listener) } else { pool.pause(*listener) }
        }
    }

    /// A listener is out of descriptors: the loop tries again every 100 ms, and one warning goes out.
    pub(super) fn accept_failed(&mut self, pool: &mut Pool, core: &mut Core, error: &io::Error) {
        if self.admission.starve() {
            let (count, noun, cause) = (self.table.len(), self.noun, crate::error::plain(error));
            let text = format!(
                "cannot accept more than {count} {noun}: {cause} (`ulimit -n` sets the limit); the rest wait"
            );
            core.console.warn(pool, Kind::Starved, &text);
        }
    }

    /// Closes the listeners.
    pub(super) fn stop_listening(&mut self, pool: &mut Pool) {
        for listener in self.listeners.drain(..) {
            pool.abort(listener, CloseReason::HOST);
        }
    }

    pub(super) fn get(&self, id: Id) -> Option<&Client<T>> {
        self.table.get(id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Client<T>> {
        self.table.get_mut(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.table.ids()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Client<T>)> {
        self.table.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Closes all clients in order.
    pub(super) fn close_all(&self, pool: &mut Pool, reason: CloseReason) {
        self.ids().for_each(|id| pool.close(id, reason, CloseMode::Linger));
    }

    /// Closes all clients at once.
    pub(super) fn abort_all(&self, pool: &mut Pool, reason: CloseReason) {
        self.ids().for_each(|id| pool.abort(id, reason));
    }

    /// Handles the timers that all services share.
    pub(super) fn on_timer(&mut self, pool: &mut Pool, core: &mut Core, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::HELLO, Some(id)) if !pool.is_open(id) => {
                self.close_late(pool, core, id, Detail::ReadTimeout, ("no hello within", HELLO));
            }
            (timers::GRACE, Some(id)) => pool.abort(id, TOO_LATE),
            _ => {}
        }
    }

    /// `--idle-timeout`: whether a client has let it pass. The timer is armed again where it has not, and
    /// where the client `is_held`: it may send all the time, and is not read.
    pub(super) fn is_idle(&self, pool: &mut Pool, core: &Core, id: Id, is_held: bool) -> bool {
        let (Some(limit), Some(traffic)) = (core.common.limits.idle, pool.traffic(id)) else {
            return false;
        };
        let idle = pool.now().saturating_duration_since(traffic.last_active);
        if idle < limit {
            pool.arm(TimerKey::of(id, timers::IDLE), limit - idle);
        } else if is_held {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
        idle >= limit && !is_held
    }

    /// Closes a client that was idle for too long.
    pub(super) fn close_idle(&mut self, pool: &mut Pool, core: &mut Core, id: Id) {
        let limit = core.common.limits.idle.unwrap_or_default();
        self.close_late(pool, core, id, Detail::Idle, ("no traffic for", limit));
    }

    /// Closes a client that let its time pass; the others live.
    fn close_late(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        id: Id,
        detail: Detail,
        (what, limit): (&str, Duration),
    ) {
        let Some(client) = self.table.get(id) else { return };
        let limit = humantime::format_duration(limit);
        let text = format!("{} is closed: {what} {limit}", client.title());
        core.console.warn(pool, Kind::Timeout, &text);
        if detail == Detail::ReadTimeout {
            self.worst.get_or_insert(Status::Timeout);
        }
        let reason = CloseReason::new(Cause::Timeout, detail);
        if detail == Detail::Idle && pool.queued(id) > 0 {
            // It has not taken a byte for as long: what is queued will not leave any more.
            pool.abort(id, reason);
        } else {
            self.close_within_grace(pool, id, reason);
        }
    }

    /// Closes a client in order, which has [`GRACE`] to take what is queued.
    pub(super) fn close_within_grace(&self, pool: &mut Pool, id: Id, reason: CloseReason) {
        pool.close(id, reason, CloseMode::Linger);
        pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
    }

    /// A client breaks the framing: it is closed at once.
    pub(super) fn close_bad_frame(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        id: Id,
        error: &FrameError,
    ) {
        let Some(client) = self.table.get(id) else { return };
        let failure = receiver::bad_frame(client.title(), error);
        core.console.report_failure(pool, &failure);
        pool.abort(id, CloseReason::FRAME);
    }

    /// A client's FIN has come; one that cuts a message is reported.
    pub(super) fn on_eof(&mut self, pool: &mut Pool, core: &mut Core, id: Id) {
        let Some(client) = self.table.get_mut(id) else { return };
        client.peer_ended = true;
        let notice = Notice::new(Name::Eof).peer(&client.peer);
        core.console.report(pool, &client.numbered(notice, self.is_numbered));
        let cut = client.receiver.undelivered();
        if cut > 0 {
            let (title, cause) = (client.title(), "it closed in the middle of a message");
            let failure = Failure::new(Status::Lost, Kind::CutFrame, "read from", title, cause);
            let notice = Notice::error(&failure).conn(client.number).undelivered(cut);
            core.console.report(pool, &notice);
            self.worst.get_or_insert(Status::Lost);
        }
    }

    /// Removes a client whose connection is closed, and reports that.
    pub(super) fn remove(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        id: Id,
        end: &End,
    ) -> Option<Client<T>> {
        let client = self.table.remove(id)?;
        core.console.count(&end.traffic);
        let undelivered = client.receiver.undelivered();
        let notice = closed_event(&client.peer, &client.local, end, undelivered, pool.now());
        core.console.report(pool, &client.numbered(notice, self.is_numbered));
        self.update_accepting(pool);
        Some(client)
    }

    /// Reports what the end of a client cost.
    pub(super) fn report_loss(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        client: &Client<T>,
        end: &End,
    ) {
        if !is_loss(end) {
            return;
        }
        self.note_status(Status::Lost);
        let (title, unsent) = (client.title(), end.unsent.len());
        if let Some(error) = &end.error {
            let cause = crate::error::plain(error);
            // A bad frame is reported when it comes; the error may then be one of the socket.
            if end.reason == CloseReason::FRAME && Kind::from(error) == Kind::Frame {
                let failure =
                    Failure::new(Status::Lost, Kind::Frame, "read from", title.as_str(), cause);
                core.console.report(pool, &Notice::error(&failure).conn(client.number));
            } else if !core.is_ending() {
                core.console.warn(pool, Kind::Lost, &format!("{title} was lost: {cause}"));
            }
        }
        if unsent > 0 {
            let text = format!("{unsent} bytes for {title} were not sent");
            core.console.warn(pool, Kind::Unsent, &text);
        }
    }

    /// Notes what the end of a client means for the exit status; the first one counts.
    pub(super) fn note_status(&mut self, status: Status) {
        self.worst.get_or_insert(status);
    }

    /// The exit status that the end of a client asks for.
    pub(super) fn worst(&self) -> Option<Status> {
        self.worst
    }
}
