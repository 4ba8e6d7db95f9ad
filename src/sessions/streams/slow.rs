//! Sending to many connections, and what becomes of those that do not keep up.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Author, Connection, Flow, Scope, Streams};
use crate::close::CloseReason;
use crate::event_loop::{Id, IdMap, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::slow::{Policy, SlowAction, SlowRules};
use crate::sessions::children::Program;
use crate::sessions::config::Wire;
use crate::sessions::core::Core;
use crate::sessions::input::InputReader;
use crate::sessions::timers;

/// What may wait for a connection that is dialed. The kernel's own buffer is behind it, so that little
/// is enough; the input waits for as long as it takes.
pub(super) const DIALED: Backlog =
    Backlog { queue: 64 * 1024, slow: SlowRules::PATIENT, frames: usize::MAX };

/// What may wait for a connection, and what happens to one that does not take it.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Bytes that may wait.
    pub queue: usize,
    /// What happens to one that does not keep up.
    pub slow: SlowRules,
    /// Bytes that the unfinished messages of all connections may hold.
    pub frames: usize,
}

impl Backlog {
    /// What may wait for the connections of a client: for one, for one with a child, or for each of a pool
    /// that commands make.
    pub(super) fn of_client(wire: &Wire, input: &InputReader, child: Option<&Program>) -> Self {
        match child {
            // The child has a socket of its own, whose buffer is as large.
            Some(_) => Self { queue: 256 * 1024, ..DIALED },
            None if input.has_commands() => Self::of_pool(wire),
            None => DIALED,
        }
    }

    /// One connection of a pool that is stuck does not hold the others up.
    fn of_pool(wire: &Wire) -> Self {
        let slow = SlowRules { policy: None, after: Duration::from_secs(1) };
        Self { slow, frames: wire.frame.max.max(64 << 20), ..DIALED }
    }
}

/// How a connection keeps up with what it is sent.
///
/// ```text
///          queue full            no patience, or --slow-after has begun
/// Flowing ───────────> Full ─────────────> Blocking ── stands still ──> Skipping (dropped, kicked)
///    ^                  │                     │                            │
///    └───── drained ────┴──────────────────────┴────────────────────────────┘
/// ```
///
/// What feeds the queues waits for each connection that is `Blocking`, and for no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SendState {
    #[default]
    Flowing,
    /// The queue has reached its high mark, and has not drained since.
    Full,
    /// The same, and whatever feeds the queue waits for it.
    Blocking,
    /// It is passed over: by `--slow drop` until it drains, by `--slow kick` until it is gone.
    Skipping,
}

impl SendState {
    /// Whether its queue is full.
    pub(crate) fn is_full(self) -> bool {
        self != Self::Flowing
    }

    pub(crate) fn skips(self) -> bool {
        self == Self::Skipping
    }

    /// Whether its queue is full and the policy has not decided yet.
    fn is_open(self) -> bool {
        matches!(self, Self::Full | Self::Blocking)
    }
}

/// Since when a queue is full, and what is known of the peer behind it.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    /// The queue has been full, or the peer has taken something, at this time.
    since: Instant,
    /// Bytes that the peer had acknowledged then.
    acknowledged: u64,
    /// What filled the queue came from another connection, which does not suffer by it: it is the
    /// one to wait.
    by_peer: bool,
}

/// The policy for slow connections, and how many of them block what feeds them.
#[derive(Debug)]
pub(super) struct SlowPolicy {
    rules: SlowRules,
    flow: Flow,
    blocking: usize,
    /// Those that are `Full` or `Blocking`; most connections never are.
    stuck: IdMap<Stuck>,
}

impl SlowPolicy {
    pub(super) fn new(rules: SlowRules, flow: Flow) -> Self {
        Self { rules, flow, blocking: 0, stuck: IdMap::default() }
    }

    /// What is done to a connection that takes nothing, where something was asked for.
    pub(super) fn policy(&self) -> Option<Policy> {
        self.rules.policy
    }

    /// Whether a full queue blocks what feeds it.
    pub(super) fn is_blocking(&self) -> bool {
        self.blocking > 0
    }

    /// Moves a connection to another state.
    fn set(&mut self, (id, connection): (Id, &mut Connection), state: SendState) {
        self.blocking -= usize::from(connection.send == SendState::Blocking);
        self.blocking += usize::from(state == SendState::Blocking);
        if connection.send.is_open() && !state.is_open() {
            self.stuck.remove(id);
        }
        connection.send = state;
    }

    /// A connection's queue has drained, or it is gone.
    pub(super) fn release(&mut self, id: Id, connection: &mut Connection) {
        self.set((id, connection), SendState::Flowing);
    }

    /// Whether a connection, one of `count`, is to be sent the next messages. Those that it misses
    /// are counted.
    pub(super) fn keeps_up(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, connection): (Id, &mut Connection),
        count: usize,
        messages: u64,
    ) -> bool {
        // Without patience (`--hub`) a full queue is looked at when the next message comes, after
        // the kernel was asked once more to take what waits.
        if connection.send.is_open() && self.rules.after.is_zero() {
            pool.flush(id);
            if pool.room(id) == 0 {
                self.apply(core, pool, (id, connection), count);
            }
        }
        // One that is being closed misses nothing any more.
        if connection.send.skips() && pool.takes(id) {
            connection.skipped = connection.skipped.saturating_add(messages);
        }
        !connection.send.skips()
    }

    /// Notes what became of a send to a connection, one of `count`.
    pub(super) fn sent(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, connection): (Id, &mut Connection),
        (count, author): (usize, Author),
        outcome: SendOutcome,
    ) {
        if outcome != SendOutcome::Full || connection.send.is_full() {
            return;
        }
        let (since, (acknowledged, _)) = (pool.now(), pool.acknowledged(id));
        self.set((id, connection), SendState::Full);
        let by_peer = author != Author::Run;
        self.stuck.insert(id, Stuck { since, acknowledged, by_peer });
        match self.flow {
            // Its own requests fill its queue. Unread it stops asking, and nobody else waits for
            // it.
            Flow::Answers => {
                pool.pause(id);
                if self.rules.after.is_zero() && self.rules.policy != Some(Policy::Block) {
                    // The kernel is asked first, at the end of this turn.
                    pool.arm(TimerKey::of(id, timers::SLOW), Duration::ZERO);
                } else {
                    self.apply(core, pool, (id, connection), count);
                }
            }
            Flow::Relayed | Flow::Recorded => {}
            Flow::Input | Flow::Peers => {
                if !self.rules.after.is_zero() || self.rules.holds_at_once(count) {
                    self.apply(core, pool, (id, connection), count);
                }
            }
        }
    }

    /// Decides what happens to a connection whose queue is full.
    pub(super) fn apply(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, connection): (Id, &mut Connection),
        count: usize,
    ) {
        let (Some(progress), Some(stuck)) = (pool.last_progress(id), self.stuck.get_mut(id)) else {
            return;
        };
        // The kernel takes more of the queue only once a third of its buffer is free, which may be
        // megabytes: a slow reader would seem to stand still.
        if let (acknowledged, 1..) = pool.acknowledged(id)
            && acknowledged > stuck.acknowledged
        {
            (stuck.since, stuck.acknowledged) = (pool.now(), acknowledged);
        }
        // A queue that had room left was no reason to drain it.
        let stalled = pool.now().saturating_duration_since(stuck.since.max(progress));
        let waits = match self.flow {
            Flow::Answers => SendState::Full,
            _ => SendState::Blocking,
        };
        match self.rules.decide(stalled, count) {
            SlowAction::Wait(time) => {
                self.set((id, connection), waits);
                // No event comes of a peer that takes nothing: without a timer nobody would look
                // again.
                pool.arm(TimerKey::of(id, timers::SLOW), time);
            }
            SlowAction::Hold => self.set((id, connection), waits),
            SlowAction::Kick => {
                // It is sent nothing more until it is gone, at the end of this turn.
                self.set((id, connection), SendState::Skipping);
                let text = format!("{} was too slow and is closed", connection.title());
                core.console.warn(pool, Kind::Slow, &text);
                pool.abort(id, CloseReason::SLOW);
            }
            SlowAction::Skip => {
                self.set((id, connection), SendState::Skipping);
                let text = format!("{} is too slow and misses messages", connection.title());
                core.console.warn(pool, Kind::Slow, &text);
            }
        }
    }
}

impl Streams {
    /// What feeds the queues waits for as many connections as block it.
    pub(super) fn check(&self) {
        debug_assert_eq!(
            self.slow.blocking,
            self.table.iter().filter(|(_, one)| one.send == SendState::Blocking).count(),
            "each connection that blocks is counted once, and is in the table"
        );
        debug_assert!(
            self.slow.stuck.ids().all(|id| self.table.get(id).is_some_and(|it| it.send.is_open())),
            "what is known of a full queue is forgotten with it"
        );
    }

    /// How many connections the run has.
    pub(super) fn count(&self) -> usize {
        self.table.len().max(self.loops.crowd)
    }

    /// Whether what feeds the queues of all connections has to wait.
    pub(super) fn is_blocking(&self) -> bool {
        self.slow.is_blocking() || self.loops.are_full()
    }

    /// Sends a piece of some number of messages to every connection of the run but its author.
    pub(crate) fn broadcast(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        author: Author,
        (piece, messages): (&Bytes, u64),
    ) {
        if let Some(others) = self.loops.others() {
            others.broadcast(author, piece, messages);
        }
        self.broadcast_here(core, pool, author, (piece, messages));
    }

    /// Sends a piece of some number of messages to every connection of this loop but its author, which does
    /// not count as one that suffers from a slow one: it is the one to wait.
    pub(super) fn broadcast_here(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        author: Author,
        (piece, messages): (&Bytes, u64),
    ) {
        let is_counted = match author {
            Author::Connection(id) => self.table.contains(id),
            Author::OtherLoop => true,
            Author::Run => false,
        };
        let count = self.count() - usize::from(is_counted && self.count() > 0);
        for (id, connection) in
            self.table.iter_mut().filter(|(id, _)| author != Author::Connection(*id))
        {
            if self.slow.keeps_up(core, pool, (id, connection), count, messages) {
                let outcome = pool.send_shared(id, piece.clone());
                self.slow.sent(core, pool, (id, connection), (count, author), outcome);
            }
        }
        self.check();
    }

    /// Whether one connection is to be sent the next messages.
    pub(super) fn keeps_up(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        id: Id,
        messages: u64,
    ) -> bool {
        let count = self.count();
        let Some(connection) = self.table.get_mut(id) else { return false };
        self.slow.keeps_up(core, pool, (id, connection), count, messages)
    }

    /// Notes what became of a send to one connection.
    pub(crate) fn sent(&mut self, core: &mut Core, pool: &mut Pool, id: Id, outcome: SendOutcome) {
        let outcome = match outcome {
            // A dialed connection takes no more input from here on; `Closed` follows.
            SendOutcome::Gone if self.scope() == Scope::Run => SendOutcome::Full,
            outcome => outcome,
        };
        let count = self.count();
        if let Some(connection) = self.table.get_mut(id) {
            self.slow.sent(core, pool, (id, connection), (count, Author::Run), outcome);
        }
    }

    /// `--slow-after` has passed for a connection. Who is there now counts, and not who was there
    /// when its queue became full.
    pub(super) fn on_slow_timer(&mut self, core: &mut Core, pool: &mut Pool, id: Id) {
        let count = self.count();
        if let Some(connection) = self.table.get_mut(id)
            && let Some(stuck) = self.slow.stuck.get(id)
        {
            let count = count.saturating_sub(usize::from(stuck.by_peer));
            self.slow.apply(core, pool, (id, connection), count);
        }
        // One that is passed over is read again.
        if let Some(connection) = self.table.get(id)
            && connection.send.skips()
        {
            self.update_reading(pool, id, connection);
        }
        self.check();
    }
}
