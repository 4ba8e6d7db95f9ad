//! Sending to many connections, and what becomes of those that do not keep up.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Flow, Scope, Streams};
use crate::close::CloseReason;
use crate::event_loop::{Id, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::slow::{Policy, SlowAction, SlowRules};
use crate::sessions::core::Core;
use crate::sessions::timers;

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
    Full(Stuck),
    /// The same, and whatever feeds the queue waits for it.
    Blocking(Stuck),
    /// It is passed over: by `--slow drop` until it drains, by `--slow kick` until it is gone.
    Skipping,
}

/// Since when a queue is full, and what is known of the peer behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stuck {
    /// The queue has been full, or the peer has taken something, at this time.
    since: Instant,
    /// Bytes that the peer had acknowledged then. The kernel takes more of a queue only once a third
    /// of its buffer is free, which may hold megabytes: a slow reader would seem to stand still.
    acknowledged: u64,
    /// What filled the queue came from another connection, which does not suffer by it: it is the
    /// one to wait.
    by_peer: bool,
}

impl SendState {
    /// Whether its queue is full.
    pub(crate) fn is_full(self) -> bool {
        self != Self::Flowing
    }

    pub(crate) fn skips(self) -> bool {
        self == Self::Skipping
    }

    fn is_blocking(self) -> bool {
        matches!(self, Self::Blocking(_))
    }

    fn stuck(self) -> Option<Stuck> {
        match self {
            Self::Full(stuck) | Self::Blocking(stuck) => Some(stuck),
            Self::Flowing | Self::Skipping => None,
        }
    }
}

/// The policy for slow connections, and how many of them block what feeds them.
#[derive(Debug)]
pub(super) struct SlowPolicy {
    rules: SlowRules,
    flow: Flow,
    blocking: usize,
}

impl SlowPolicy {
    pub(super) fn new(rules: SlowRules, flow: Flow) -> Self {
        Self { rules, flow, blocking: 0 }
    }

    /// Whether a full queue blocks what feeds it.
    pub(super) fn is_blocking(&self) -> bool {
        self.blocking > 0
    }

    /// Moves a connection to another state.
    fn set(&mut self, connection: &mut Connection, state: SendState) {
        self.blocking -= usize::from(connection.send.is_blocking());
        self.blocking += usize::from(state.is_blocking());
        connection.send = state;
    }

    /// A connection's queue has drained, or it is gone.
    pub(super) fn release(&mut self, connection: &mut Connection) {
        self.set(connection, SendState::Flowing);
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
        if connection.send.stuck().is_some() && self.rules.after.is_zero() {
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

    /// Notes what became of a send to a connection, one of `count`; `by_peer` says that another one
    /// sent it.
    pub(super) fn sent(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, connection): (Id, &mut Connection),
        (count, by_peer): (usize, bool),
        outcome: SendOutcome,
    ) {
        if outcome != SendOutcome::Full || connection.send.is_full() {
            return;
        }
        let (since, acknowledged) = (pool.now(), pool.acknowledged(id));
        self.set(connection, SendState::Full(Stuck { since, acknowledged, by_peer }));
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
        let (Some(progress), Some(mut stuck)) = (pool.last_progress(id), connection.send.stuck())
        else {
            return;
        };
        let acknowledged = pool.acknowledged(id);
        if acknowledged > stuck.acknowledged {
            stuck = Stuck { since: pool.now(), acknowledged, ..stuck };
        }
        // A queue that had room left was no reason to drain it.
        let stalled = pool.now().saturating_duration_since(stuck.since.max(progress));
        let waits = match self.flow {
            Flow::Answers => SendState::Full(stuck),
            _ => SendState::Blocking(stuck),
        };
        match self.rules.decide(stalled, count) {
            SlowAction::Wait(time) => {
                self.set(connection, waits);
                // No event comes of a peer that takes nothing: without a timer nobody would look
                // again.
                pool.arm(TimerKey::of(id, timers::SLOW), time);
            }
            SlowAction::Hold => self.set(connection, waits),
            SlowAction::Kick => {
                // It is sent nothing more until it is gone, at the end of this turn.
                self.set(connection, SendState::Skipping);
                let text = format!("{} was too slow and is closed", connection.title());
                core.console.warn(pool, Kind::Slow, &text);
                pool.abort(id, CloseReason::SLOW);
            }
            SlowAction::Skip => {
                self.set(connection, SendState::Skipping);
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
            self.table.iter().filter(|(_, connection)| connection.send.is_blocking()).count(),
            "each connection that blocks is counted once, and is in the table"
        );
    }

    /// Sends a piece of so many messages to every connection but `from`, which does not count as one
    /// that suffers from a slow one: it is the one to wait.
    pub(crate) fn broadcast(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        from: Option<Id>,
        piece: &Bytes,
        messages: u64,
    ) {
        let is_here = from.is_some_and(|from| self.table.contains(from));
        let count = self.table.len() - usize::from(is_here);
        for (id, connection) in self.table.iter_mut().filter(|(id, _)| Some(*id) != from) {
            if self.slow.keeps_up(core, pool, (id, connection), count, messages) {
                let outcome = pool.send_shared(id, piece.clone());
                let feed = (count, from.is_some());
                self.slow.sent(core, pool, (id, connection), feed, outcome);
            }
        }
        self.check();
    }

    /// Whether one connection is to be sent the next message.
    pub(super) fn keeps_up(&mut self, core: &mut Core, pool: &mut Pool, id: Id) -> bool {
        let count = self.table.len();
        let Some(connection) = self.table.get_mut(id) else { return false };
        self.slow.keeps_up(core, pool, (id, connection), count, 1)
    }

    /// Notes what became of a send to one connection.
    pub(crate) fn sent(&mut self, core: &mut Core, pool: &mut Pool, id: Id, outcome: SendOutcome) {
        let outcome = match outcome {
            // A dialed connection takes no more input from here on; `Closed` follows.
            SendOutcome::Gone if self.scope() == Scope::Run => SendOutcome::Full,
            outcome => outcome,
        };
        let count = self.table.len();
        if let Some(connection) = self.table.get_mut(id) {
            self.slow.sent(core, pool, (id, connection), (count, false), outcome);
        }
    }

    /// `--slow-after` has passed for a connection. Who is there now counts, and not who was there
    /// when its queue became full.
    pub(super) fn on_slow_timer(&mut self, core: &mut Core, pool: &mut Pool, id: Id) {
        let count = self.table.len();
        if let Some(connection) = self.table.get_mut(id)
            && let Some(stuck) = connection.send.stuck()
        {
            let count = count - usize::from(stuck.by_peer);
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
