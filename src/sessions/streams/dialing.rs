//! Dialing: the connection that a session makes by itself, and makes again when it is lost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::close::{Cause, CloseReason};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::relay::Input;
use crate::report::Notice;
use crate::sessions::config::{Dialing, Route};
use crate::sessions::connector::{Connector, Established, Progress};
use crate::sessions::console::{Console, is_loss};
use crate::sessions::core::Core;
use crate::sessions::timers;
use crate::sockets::{Address, Target, connect};

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
    pub(crate) fn after_loss(is_wanted: bool, input: Input, end: &End) -> Self {
        let is_done = input.ended && !is_loss(end);
        if is_wanted && !is_done { Self::AfterPause } else { Self::Never }
    }
}

/// What has become of what a session dials.
#[derive(Debug)]
pub(crate) enum Dialed {
    /// Nothing new.
    Pending,
    /// All connections are up.
    Up(Vec<Established>),
    /// An attempt failed; the next one follows after the pause.
    Retrying { failure: Failure, pause: Duration },
    /// They will never be.
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
    /// `--wait`: how long to go on trying.
    patience: Option<Duration>,
    others: Others,
    dialing: Dialing,
    /// What no connection has sent yet, message by message where there are messages.
    carried: Vec<Bytes>,
    /// So much is carried that no more is taken.
    is_full: bool,
    /// `/quit` waits for the connection that takes what is carried.
    pub(super) is_quitting: bool,
    /// The last peer.
    reached: String,
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
    /// Goes on trying for `patience`; for ever where it is to connect again and nothing was said.
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
            patience,
            dialing,
            others: Others::default(),
            carried: Vec::new(),
            is_full: false,
            is_quitting: false,
            reached: String::new(),
        }
    }

    /// Makes so many connections instead of one.
    pub(crate) fn with_count(mut self, count: usize) -> Self {
        self.others.count = count.saturating_sub(1);
        self
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

    /// Makes the next connection of several, with new patience.
    pub(super) fn dial_next(&mut self, pool: &mut Pool) -> Dialed {
        debug_assert_eq!(self.phase, DialPhase::Over, "one connection after the other");
        self.connector =
            Connector::of_client(self.route.clone(), self.patience, self.dialing, pool.now());
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

    /// A connection to this peer is up.
    pub(super) fn on_connected(&mut self, peer: &str) {
        debug_assert!(
            matches!(self.phase, DialPhase::Idle | DialPhase::Dialing),
            "{:?}: connections are made one after the other",
            self.phase
        );
        self.phase = DialPhase::Connected;
        peer.clone_into(&mut self.reached);
    }

    /// The connection is gone.
    pub(super) fn on_closed(&mut self) {
        self.phase = DialPhase::Over;
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

    /// Nothing more comes of it: reports that messages of commands, which were answered as if they
    /// were sent, are lost.
    pub(super) fn report_carried(&mut self, core: &mut Core, pool: &mut Pool) {
        let waits = self.carried_bytes();
        self.carried.clear();
        if core.input.has_commands() && waits > 0 {
            let text = format!("{waits} bytes were not sent, for want of a connection");
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

/// The connections that are made beside the first one, at once and to the address that it found.
/// None counts until all are up, and none is read.
#[derive(Default)]
struct Others {
    count: usize,
    /// Those under way, and what each is dialed to.
    connecting: Vec<(Id, String)>,
    /// Those that wait for the rest, the first of all among them.
    up: Vec<Established>,
}

impl Others {
    fn are_dialed(&self) -> bool {
        !self.up.is_empty()
    }

    /// The first connection is up: makes the others.
    fn dial(&mut self, pool: &mut Pool, route: &Route, first: Established) -> Dialed {
        let target = match (first.peer.to_string().parse::<SocketAddr>(), &route.address) {
            (Ok(address), _) => Some(Target::Tcp(address)),
            (Err(_), Address::Unix(name)) => Some(Target::Unix(name.clone())),
            (Err(_), _) => None,
        };
        self.wait_for_all(pool, first);
        for target in std::iter::repeat_n(target, self.count).flatten() {
            match pool.dial(&target, None, &route.net.options) {
                Ok((id, _)) => self.connecting.push((id, target.to_string())),
                Err(failure) => return Dialed::Failed(failure),
            }
        }
        if !self.connecting.is_empty() {
            pool.arm(TimerKey::global(timers::CONNECT), route.timeout);
        }
        self.take_all(pool)
    }

    fn wait_for_all(&mut self, pool: &mut Pool, new: Established) {
        pool.pause(new.id);
        self.up.push(new);
    }

    fn take_all(&mut self, pool: &mut Pool) -> Dialed {
        if !self.connecting.is_empty() {
            return Dialed::Pending;
        }
        pool.disarm(TimerKey::global(timers::CONNECT));
        self.up.iter().for_each(|new| pool.resume(new.id));
        Dialed::Up(std::mem::take(&mut self.up))
    }

    fn on(&mut self, pool: &mut Pool, route: &Route, event: &Event<'_>) -> Dialed {
        match event {
            Event::Connected { id, peer, local } => match self.take_attempt(*id) {
                Some(target) => {
                    self.wait_for_all(pool, Established::new(*id, peer, local, target));
                    self.take_all(pool)
                }
                None => Dialed::Pending,
            },
            Event::ConnectFailed { id, error } => match self.take_attempt(*id) {
                Some(target) => Dialed::Failed(connect::failure(&target, error)),
                None => Dialed::Pending,
            },
            Event::Timer { key } if *key == TimerKey::global(timers::CONNECT) => {
                Dialed::Failed(self.too_late(route))
            }
            _ => Dialed::Pending,
        }
    }

    fn take_attempt(&mut self, id: Id) -> Option<String> {
        let at = self.connecting.iter().position(|(attempt, _)| *attempt == id)?;
        Some(self.connecting.swap_remove(at).1)
    }

    fn too_late(&self, route: &Route) -> Failure {
        let limit = humantime::format_duration(route.timeout);
        let (left, all) = (self.connecting.len(), self.count + 1);
        let cause = format!("{left} of {all} connections had no answer within {limit}");
        let target = route.address.to_string();
        Failure::new(Status::Timeout, Kind::Timeout, "connect to", target, cause)
    }

    fn cancel(&mut self, pool: &mut Pool) {
        let connecting = self.connecting.drain(..).map(|(id, _)| id);
        for id in connecting.chain(self.up.drain(..).map(|new| new.id)) {
            pool.abort(id, CloseReason::HOST);
        }
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
