//! Dialing: the connection that a session makes by itself, and makes again when it is lost.

mod others;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::close::Cause;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool};
use crate::kind::Kind;
use crate::protocol::relay::InputState;
use crate::protocol::text::bytes_not;
use crate::report::Notice;
use crate::sessions::config::{Dialing, Route};
use crate::sessions::connector::{Connector, Established, Progress};
use crate::sessions::console::Console;
use crate::sessions::core::Core;
use crate::sockets::Address;
use others::Others;

/// Bytes that wait for the next connection before no more are taken.
const CARRIED: usize = 64 * 1024;

/// What follows the end of a connection that was dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redial {
    /// Nothing: the run is over.
    Never,
    /// The next connection of several, at once.
    AtOnce,
    /// The same connection once more, after a pause. It is sent what the lost one did not send.
    AfterPause,
}

impl Redial {
    /// What `--reconnect` asks for: another connection, unless all of the input is sent.
    pub(crate) fn after_loss(is_wanted: bool, input: InputState, end: &End) -> Self {
        let is_done = input.ended && !end.is_loss();
        if is_wanted && !is_done { Self::AfterPause } else { Self::Never }
    }
}

/// How far the dialing of a session has come.
#[derive(Debug)]
pub(crate) enum Dialed {
    /// Nothing new.
    Pending,
    /// All connections are up.
    Up(Vec<Established>),
    /// An attempt failed; the next one follows after the pause.
    Retrying { failure: Failure, pause: Duration },
    /// They cannot be made.
    Failed(Failure),
}

/// Makes the connection of a session, and keeps what waits for it.
///
/// ```text
///             begin                all are up
/// Idle ───────────────> Dialing ───────────────> Connected
///                        ^  ^ │                      │ closed
///      Retrying (pause) ─┘  │ └── Failed, cancel ─> Over ──> the end of the run
///                           │                        │
///                           └── dial_next, dial_again (pause)
/// ```
///
/// `Over` is left only towards `Dialing`, and only while the run is not ending.
pub(crate) struct Dialer {
    phase: DialPhase,
    connector: Connector,
    route: Route,
    /// Where the next connections go, one after the other.
    routes: VecDeque<Route>,
    /// `--wait`: how long to go on trying.
    patience: Option<Duration>,
    /// When that began, for all routes together.
    since: Instant,
    others: Others,
    dialing: Dialing,
    /// What no connection has sent yet, message by message where there are messages.
    carried: Vec<Bytes>,
    /// As much is carried as may be: no more is taken.
    is_full: bool,
    /// The last peer.
    reached: String,
    /// The connections that are up.
    own: Vec<Id>,
}

/// How far a [`Dialer`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DialPhase {
    /// Not begun. A connection that is open already comes to be from here.
    Idle,
    Dialing,
    Connected,
    Over,
}

impl Dialer {
    /// Goes on trying for `patience`; for ever with `--reconnect` and no `patience`.
    pub(crate) fn new(
        route: Route,
        patience: Option<Duration>,
        dialing: Dialing,
        now: Instant,
    ) -> Self {
        Self {
            phase: DialPhase::Idle,
            connector: Connector::of_client(route.clone(), patience, dialing, now),
            route,
            routes: VecDeque::new(),
            patience,
            since: now,
            dialing,
            others: Others::default(),
            carried: Vec::new(),
            is_full: false,
            reached: String::new(),
            own: Vec::new(),
        }
    }

    /// Makes `count` connections instead of one.
    pub(crate) fn with_count(mut self, count: usize) -> Self {
        self.others.count = count.saturating_sub(1);
        self
    }

    /// Makes a connection by each of these routes afterwards, within the same patience.
    pub(crate) fn followed_by(self, routes: Vec<Route>) -> Self {
        Self { routes: routes.into(), ..self }
    }

    /// Whether a connection by another route is to follow.
    pub(super) fn has_more_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Makes the first attempt.
    pub(super) fn begin(&mut self, pool: &mut Pool) -> Dialed {
        debug_assert_eq!(self.phase, DialPhase::Idle, "the first connection is made once");
        self.dial(pool)
    }

    fn dial(&mut self, pool: &mut Pool) -> Dialed {
        self.phase = DialPhase::Dialing;
        let progress = self.connector.begin(pool);
        self.follow(pool, progress)
    }

    fn follow(&mut self, pool: &mut Pool, progress: Progress) -> Dialed {
        let dialed = match progress {
            Progress::Pending => Dialed::Pending,
            Progress::Retrying { failure, pause } => Dialed::Retrying { failure, pause },
            Progress::Failed(failure) => Dialed::Failed(failure),
            Progress::Connected(first) if self.others.count == 0 => Dialed::Up(vec![first]),
            Progress::Connected(first) => self.others.dial(pool, &self.route, first),
        };
        self.note_end(dialed)
    }

    fn note_end(&mut self, dialed: Dialed) -> Dialed {
        if let Dialed::Failed(_) = dialed {
            self.phase = DialPhase::Over;
        }
        dialed
    }

    /// Makes the next connection of several: by the next route with the patience that is left, or by the
    /// same one with new patience.
    pub(super) fn dial_next(&mut self, pool: &mut Pool) -> Dialed {
        debug_assert_eq!(self.phase, DialPhase::Over, "one connection after the other");
        let (mut patience, mut spent) = (self.patience, self.connector.spent);
        if let Some(route) = self.routes.pop_front() {
            let passed = pool.now().saturating_duration_since(self.since);
            patience = patience.map(|all| all.saturating_sub(passed));
            (self.route, spent) = (route, false);
        }
        let mut next = Connector::of_client(self.route.clone(), patience, self.dialing, pool.now());
        next.spent = spent;
        self.connector = next;
        self.dial(pool)
    }

    /// Makes a lost connection again. Returns the pause before the first attempt, which grows until
    /// a connection `was_useful`. The pieces that it did not send come before those that wait.
    pub(super) fn dial_again(
        &mut self,
        pool: &mut Pool,
        was_useful: bool,
        unsent: Vec<Bytes>,
    ) -> Duration {
        debug_assert_eq!(self.phase, DialPhase::Over, "one connection after the other");
        self.phase = DialPhase::Dialing;
        // What a connection had queued is older than what was kept for the next one meanwhile.
        self.carried.splice(..0, unsent);
        self.connector.begin_again(pool, was_useful)
    }

    /// Looks at an event; those of other sources leave it `Pending`.
    pub(super) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Dialed {
        if !self.is_dialing() {
            return Dialed::Pending;
        }
        if self.others.are_dialed() {
            let dialed = self.others.on(pool, &self.route, event);
            return self.note_end(dialed);
        }
        let progress = self.connector.on(pool, event);
        self.follow(pool, progress)
    }

    /// Reports what happened on the way.
    pub(super) fn report_notes(&mut self, pool: &mut Pool, console: &mut Console) {
        self.connector.report_notes(pool, console);
    }

    /// Connections to this peer are up.
    pub(super) fn on_connected(&mut self, peer: &str, connections: &[Id]) {
        debug_assert!(
            matches!(self.phase, DialPhase::Idle | DialPhase::Dialing),
            "{:?}: connections are made one after the other",
            self.phase
        );
        self.phase = DialPhase::Connected;
        peer.clone_into(&mut self.reached);
        self.own.extend_from_slice(connections);
    }

    /// A connection is gone. False where it is not one that was dialed here.
    pub(super) fn on_closed(&mut self, id: Id) -> bool {
        let Some(at) = self.own.iter().position(|own| *own == id) else { return false };
        self.own.swap_remove(at);
        self.phase = DialPhase::Over;
        true
    }

    /// Whether a connection was dialed here.
    pub(super) fn owns(&self, id: Id) -> bool {
        self.own.contains(&id)
    }

    /// The connections that are up.
    pub(super) fn connections(&self) -> impl Iterator<Item = Id> {
        self.own.iter().copied()
    }

    /// Whether it makes, or has, a connection to this address.
    pub(super) fn is_for(&self, address: &Address) -> bool {
        let is_at_work = matches!(self.phase, DialPhase::Dialing | DialPhase::Connected);
        is_at_work && self.route.address == *address
    }

    /// Gives up what is under way.
    pub(super) fn cancel(&mut self, pool: &mut Pool) {
        self.connector.cancel(pool);
        self.others.cancel(pool);
        if self.phase == DialPhase::Dialing {
            self.phase = DialPhase::Over;
        }
    }

    /// Whether a connection is being made.
    pub(super) fn is_dialing(&self) -> bool {
        self.phase == DialPhase::Dialing
    }

    /// Whether a lost connection is made again. Each message is then a piece of its own, so that
    /// one that was cut can be sent again.
    pub(super) fn reconnects(&self) -> bool {
        self.dialing.reconnect
    }

    /// The last peer.
    pub(super) fn reached(&self) -> &str {
        &self.reached
    }

    /// Keeps a piece for the next connection; returns the bytes that wait for it.
    pub(super) fn carry(&mut self, piece: Bytes) -> usize {
        // Taken even beyond the mark: it has been read already, and has no other place.
        self.carried.push(piece);
        let waits = self.carried_bytes();
        self.is_full = waits >= CARRIED;
        waits
    }

    /// Whether anything waits for the next connection.
    pub(super) fn carries(&self) -> bool {
        !self.carried.is_empty()
    }

    /// Whether nothing more may wait for the next connection.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    fn carried_bytes(&self) -> usize {
        self.carried.iter().map(Bytes::len).sum()
    }

    /// No connection follows: reports as lost the messages of commands that were answered as if they were
    /// sent.
    pub(super) fn report_carried(&mut self, core: &mut Core, pool: &mut Pool) {
        let waits = self.carried_bytes();
        self.carried.clear();
        if core.input.has_commands() && waits > 0 {
            let unsent = bytes_not(waits as u64, "", "sent");
            let text = format!("{unsent}, because there was no connection");
            let notice = Notice::send_failed(Kind::Unsent, text).unsent(waits as u64);
            core.console.report(pool, &notice);
            core.decide(Status::Lost);
        }
    }

    /// What waits for the connection that is up.
    pub(super) fn take_carried(&mut self) -> Vec<Bytes> {
        self.is_full = false;
        std::mem::take(&mut self.carried)
    }
}

/// Bytes sent of which it is unknown whether the peer has read them. A peer that closes in order
/// has read what it acknowledged; after a reset even that is open, and the kernel has forgotten
/// how much it was.
pub(super) fn in_doubt(end: &End) -> u64 {
    match end.reason.cause {
        Cause::Error => end.traffic.sent,
        _ => end.unacknowledged,
    }
}
