//! The connections of a session: listeners, who gets in, dialing, the table, deadlines, backpressure.
//!
//! [`StreamSession`] owns the `Core`, the [`Streams`] and one service, which decides what a
//! message means (see `services`). A service reaches all of them by a [`Context`].

mod admission;
mod commands;
mod connections;
mod context;
mod deadlines;
mod dialing;
mod ending;
mod frames;
mod input;
mod linking;
mod loops;
mod opening;
mod reads;
mod refusing;
mod session;
mod slow;
mod turns;

use std::fmt::Write;
use std::time::Duration;

use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{Id, IdMap, Pool, TimerKey};
use crate::sessions::receiver::Receiver;
use crate::sessions::services::Profile;
use crate::sessions::timers;
use crate::sockets::Endpoint;

pub(crate) use admission::Admission;
pub use admission::AdmissionRules;
use commands::Directory;
pub(crate) use context::Context;
#[cfg(feature = "tls")]
pub(crate) use context::report_agreed;
pub(crate) use dialing::{Dialer, Redial};
use ending::LossStatus;
pub(crate) use ending::{EndMode, lost};
use frames::FrameBound;
use linking::Links;
use loops::Loops;
pub(crate) use loops::{Author, LoopFigures, NewConnection, OtherLoops, ServingLoop};
use opening::Openings;
use reads::ReadControl;
pub use session::StreamSession;
pub use slow::Backlog;
pub(crate) use slow::SendState;
use slow::SlowPolicy;
use turns::Turns;

/// What feeds the queues of the connections, and so has to wait for one that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// stdin.
    Input,
    /// stdin, and the other connections.
    Peers,
    /// What the connection itself sends: one whose queue is full is read no further.
    Answers,
    /// Its partner in a relay, or a schedule of probes. The session never keeps it from being read.
    Relayed,
    /// What is played to it alone: only that waits, for as long as it takes.
    Recorded,
}

/// How far the trouble of one connection reaches: the difference between one of many, accepted or
/// dialed, and the connection that a run is for.
///
/// | | `Connection` | `Run` |
/// |---|---|---|
/// | called in messages | `#3 127.0.0.1:51312` | `127.0.0.1:51312` |
/// | number in events | always | where commands need it |
/// | lost, or a bad frame | a warning, and the worst status at the end | a failure of the run |
/// | too late | a warning, and 2 s to take what is queued | a failure of the run, at once |
/// | the end of the last one | others may come | the end of the run |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// It is one of many, and the others live.
    Connection,
    /// The run is for this connection.
    Run,
}

/// All connections of a session.
pub(crate) struct Streams {
    pub(crate) admission: Admission,
    listeners: Vec<OpenedListener>,
    /// Makes the connection that the run is for, where it is for one.
    dialer: Option<Dialer>,
    /// What commands ask for beside that.
    openings: Openings,
    /// Events show the numbers of connections.
    pub(crate) is_numbered: bool,
    pub(crate) table: IdMap<Connection>,
    directory: Directory,
    slow: SlowPolicy,
    /// `--max-frame-total`.
    frames: FrameBound,
    turns: Turns,
    /// What the service is.
    pub(crate) profile: Profile,
    /// Bytes that may wait for one connection, and for its upstream.
    pub(crate) queue: usize,
    losses: LossStatus,
    pub(crate) loops: Loops,
    /// What passes without being looked at.
    links: Links,
    /// The name of the peer that is read, written out where something shows it.
    peer_name: String,
}

/// Where the connections of a session come from.
#[derive(Default)]
pub(crate) struct ConnectionSources {
    listeners: Vec<Id>,
    /// Makes the connection that the run is for, where it is for one.
    dialer: Option<Dialer>,
    /// What commands ask for besides.
    openings: Openings,
}

impl From<Vec<Id>> for ConnectionSources {
    fn from(listeners: Vec<Id>) -> Self {
        Self { listeners, ..Self::default() }
    }
}

/// A listener of a session.
struct OpenedListener {
    id: Id,
    /// The number of the command that opened it, if one did.
    number: Option<u64>,
}

/// One connection from accept to close. A server has many, so it is small.
pub(crate) struct Connection {
    /// Counts from 1 in the order of accepting and of asking; the id in events.
    pub(crate) number: u64,
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
    pub(crate) receiver: Receiver,
    /// Its FIN has come.
    pub(crate) ended: bool,
    pub(crate) send: SendState,
    /// It is to be sent nothing more.
    finished: bool,
    /// The service does not want it read for now.
    held: bool,
    /// Its unfinished message waits for those of others.
    waits: bool,
    /// Which of what it sends is read, where commands ask for that.
    reads: Option<Box<ReadControl>>,
    /// Messages that it was not sent.
    pub(crate) skipped: u64,
}

impl Connection {
    /// `#3 127.0.0.1:51312`, as one of many is called in messages.
    pub(crate) fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }

    /// A message that was cut by the peer's FIN makes its end an error.
    pub(crate) fn end_reason(&self) -> CloseReason {
        if self.receiver.undelivered() > 0 { CloseReason::FRAME } else { CloseReason::PEER }
    }
}

impl Streams {
    fn new(
        admission: Admission,
        backlog: Backlog,
        profile: Profile,
        sources: ConnectionSources,
    ) -> Self {
        let ConnectionSources { listeners, dialer, openings } = sources;
        let listener = |id| OpenedListener { id, number: None };
        Self {
            admission,
            listeners: listeners.into_iter().map(listener).collect(),
            is_numbered: dialer.is_none(),
            dialer,
            openings,
            table: IdMap::default(),
            directory: Directory::default(),
            slow: SlowPolicy::new(backlog.slow, profile.flow),
            frames: FrameBound::new(backlog.frames),
            turns: Turns::default(),
            profile,
            queue: backlog.queue,
            losses: LossStatus::default(),
            loops: Loops::default(),
            links: Links::default(),
            peer_name: String::new(),
        }
    }

    /// How far the trouble of one connection reaches.
    pub(crate) fn scope(&self) -> Scope {
        // In a pool no connection is more than another.
        if self.dialer.is_some() && !self.openings.is_pool { Scope::Run } else { Scope::Connection }
    }

    /// What a connection is called in messages.
    pub(crate) fn title(&self, connection: &Connection) -> String {
        match self.scope() {
            Scope::Connection => connection.title(),
            Scope::Run => connection.peer.to_string(),
        }
    }

    /// The number of a connection, where events show it.
    pub(crate) fn number(&self, connection: &Connection) -> Option<u64> {
        self.is_numbered.then_some(connection.number)
    }

    /// Why a connection is closed of which all has come.
    fn end_reason(&self, connection: &Connection) -> CloseReason {
        match self.scope() {
            Scope::Connection => connection.end_reason(),
            Scope::Run => CloseReason::PEER,
        }
    }

    /// Whether another connection may come by itself.
    pub(crate) fn may_come(&self) -> bool {
        let is_open = !self.listeners.is_empty() || self.openings.is_unbound;
        let is_dialing = self.dialer.as_ref().is_some_and(Dialer::is_dialing);
        is_open || is_dialing || self.loops.bring() || self.openings.is_busy()
    }

    /// Whether a lost connection is made again.
    fn reconnects(&self) -> bool {
        self.dialer.as_ref().is_some_and(Dialer::reconnects)
    }

    /// Whether this one is made again when it is lost.
    fn redials(&self, id: Id) -> bool {
        self.dialer.as_ref().is_some_and(|dialer| dialer.reconnects() && dialer.owns(id))
    }

    /// The first loss decides the status of the run, where nothing else has.
    pub(crate) fn note_loss(&mut self, status: Status) {
        self.losses.note(status);
    }

    /// A listener is asked to stop, and has done its work: losses that peers caused do not count as
    /// failures of the run. Those that this side caused do.
    pub(crate) fn forgive_peers(&mut self) {
        self.losses.forgive_peers();
    }

    /// No other connection comes.
    fn admit_no_more(&mut self, pool: &mut Pool) {
        self.stop_listening(pool);
        if let Some(dialer) = &mut self.dialer {
            dialer.cancel(pool);
        }
    }

    /// Disables Nagle's algorithm on all that is accepted.
    pub(crate) fn set_nodelay(&self, pool: &mut Pool) {
        self.listeners.iter().for_each(|listener| pool.set_nodelay(listener.id));
    }

    fn stop_listening(&mut self, pool: &mut Pool) {
        self.listeners.drain(..).for_each(|listener| pool.abort(listener.id, CloseReason::HOST));
    }

    /// Reads a connection, or leaves what it sends in the kernel.
    fn set_paused(&mut self, pool: &mut Pool, paused: bool) {
        if !self.turns.set_paused(paused) {
            return;
        }
        for (id, connection) in self.table.iter() {
            self.update_reading(pool, id, connection);
        }
        if !paused && self.profile.flow == Flow::Answers {
            self.turns.all_go_on(self.table.ids());
        }
    }

    /// Leaves what one connection sends in the kernel while its service does not want it.
    pub(crate) fn hold(&mut self, pool: &mut Pool, id: Id, held: bool) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if std::mem::replace(&mut connection.held, held) != held
            && let Some(connection) = self.table.get(id)
        {
            self.update_reading(pool, id, connection);
            self.turns.go_on(id);
        }
    }

    /// Whether no more messages of a connection are to be taken for now, of those that were read.
    fn is_full(&self, id: Id) -> bool {
        self.table.get(id).is_some_and(|one| self.turns.is_paused() || self.is_held_elsewhere(one))
    }

    /// Whether its service, a command or its own answers keep a connection from being read.
    fn is_held_elsewhere(&self, connection: &Connection) -> bool {
        connection.held || connection.is_paused() || self.is_backlogged(connection)
    }

    /// Reads a connection unless one of the five reasons not to holds it, or it has messages left that
    /// were read before.
    fn update_reading(&self, pool: &mut Pool, id: Id, connection: &Connection) {
        if pool.is_closing(id) {
            // What it still sends is read and dropped.
            return;
        }
        let has_unread = connection.receiver.has_unread();
        if self.is_full(id) || has_unread || connection.waits {
            match &connection.reads {
                None => pool.pause(id),
                // What was read can be asked for, also when the peer is gone.
                Some(_) if has_unread || connection.receiver.undelivered() > 0 => {
                    pool.pause_end(id)
                }
                Some(_) => pool.pause_until_end(id),
            }
        } else {
            pool.resume(id);
        }
        if self.goes_on(id, connection) {
            // They go on in the next turn, when others have had theirs.
            pool.arm(TimerKey::of(id, timers::READ_ON), Duration::ZERO);
        }
    }

    /// Whether messages that were read before, or what is made of them, go on.
    fn goes_on(&self, id: Id, connection: &Connection) -> bool {
        let receiver = &connection.receiver;
        let is_full = self.is_full(id);
        match receiver.is_making() {
            true => self.turns.may_work(id, is_full),
            false => receiver.has_unread() && !is_full,
        }
    }

    /// A connection was read, and is in the middle of making a message, or has made one.
    fn note_making(&mut self, id: Id, receiver: &mut Receiver, has_delivered: bool) {
        if !self.turns.note_read(id, receiver.is_making(), has_delivered) {
            receiver.begin_anew();
        }
        self.make_next();
    }

    /// Where no connection makes a message any more, the next one begins.
    fn make_next(&mut self) {
        if self.turns.is_free()
            && let Some(id) = self.maker()
        {
            self.turns.go_on(id);
        }
    }

    /// The connection that makes a message, or may begin to.
    fn maker(&self) -> Option<Id> {
        self.turns.maker(|id| self.is_full(id))
    }

    /// Whether a connection is to take answers before it may ask for more.
    fn is_backlogged(&self, connection: &Connection) -> bool {
        let waits = connection.send.is_full() && !connection.send.skips();
        waits && self.profile.flow == Flow::Answers
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
