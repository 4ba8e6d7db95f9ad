//! Channels relayed into each other: a connection, and its upstream, which is another connection or
//! the two directions of a child's socket.
//!
//! It keeps the pairs. It moves the bytes, passes half-closes and losses on, and reads no
//! side faster than the other one takes it. What an end means for the run, and what is reported of it,
//! the session decides.

use std::collections::BTreeMap;
use std::time::Instant;

use super::upstream::{Channels, Fate};
use crate::close::{Cause, CloseReason, Detail};
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, Pool};
use crate::sessions::streams::EndMode;

/// The end of a connection whose upstream sends no more.
const UPSTREAM_DONE: CloseReason = CloseReason::new(Cause::Host, Detail::Fin);
/// The end of a connection whose upstream was lost, or never came to be.
pub(super) const UPSTREAM_LOST: CloseReason = CloseReason::new(Cause::Error, Detail::Upstream);

/// Whether a connection ended in order, with nothing unsent.
pub(super) fn is_in_order(end: &End) -> bool {
    matches!(end.reason, CloseReason::PEER | UPSTREAM_DONE) && end.unsent.is_empty()
}

/// One relay, as far as it is still there.
///
/// | `client` | `sink` | `source` | what happens |
/// |---|---|---|---|
/// | yes | some | some | bytes go both ways |
/// | yes | none | some | what the connection sends is read and thrown away |
/// | yes | some | none | the upstream has ended; it is written what is left, or has no reader |
/// | yes | none | none | the connection is written what is left, and closed |
/// | no | some | any | left behind: the upstream is written what was for it, and ended |
/// | no | none | some | left behind: the direction that nobody reads is being closed |
/// | no | none | none | forgotten |
///
/// `sink` and `source` are those of its upstream.
struct Relay {
    /// The connection is there.
    client: bool,
    /// The connection's FIN has come.
    client_ended: bool,
    /// The upstream's FIN has come.
    upstream_ended: bool,
    upstream: Channels,
    fate: Fate,
}

impl Relay {
    /// Whether all that the upstream sends has been read.
    /// What a child has closed of which it is not known how it ends may be a half of it.
    fn has_ended(&self) -> bool {
        self.fate.passes_fin() && (self.upstream_ended || self.upstream.source().is_none())
    }

    /// Nothing of the upstream is left: its connection is written what was for it, and ended, with a
    /// reset where that `is_lost` or cut.
    fn end_client(&self, pool: &mut Pool, client: Id, is_lost: bool) {
        let (reason, mode) = match self.fate {
            _ if !self.client => return,
            Fate::Exiting => return,
            Fate::Killed => (UPSTREAM_LOST, CloseMode::ResetWhenAcked),
            _ if is_lost => (UPSTREAM_LOST, CloseMode::ResetWhenAcked),
            _ if self.client_ended => (CloseReason::PEER, CloseMode::UntilAcked),
            Fate::Lives | Fate::Ended => (UPSTREAM_DONE, CloseMode::UntilAcked),
        };
        pool.close(client, reason, mode);
    }
}

/// All relays of a session, by the id of their connection.
///
/// ```text
/// join ──> both sides ── the upstream is gone ──> client alone ── it is gone ──> forgotten
///              └── the client is gone ──> left behind ── the upstream is gone ──────┘
/// ```
#[derive(Default)]
pub(super) struct Relays {
    /// A relay that is left behind outlives the id of its connection, whose slot may by then belong
    /// to another one: an `IdMap` would lose it.
    relays: BTreeMap<Id, Relay>,
    /// The connections of the upstreams' channels.
    clients: IdMap<Id>,
    /// Relays whose connection is gone.
    left_behind: usize,
}

impl Relays {
    /// Relays a connection and an upstream into each other. Up to `queue` bytes may wait for each of
    /// the two.
    pub(super) fn join(&mut self, pool: &mut Pool, client: Id, upstream: Channels, queue: usize) {
        let (Some(sink), Some(source)) = (upstream.sink(), upstream.source()) else { return };
        // A source is only read: what it gives waits in the queue of the connection.
        pool.set_high_mark(sink, queue);
        self.clients.insert(sink, client);
        self.clients.insert(source, client);
        let relay = Relay {
            client: true,
            client_ended: false,
            upstream_ended: false,
            upstream,
            fate: Fate::Lives,
        };
        self.relays.insert(client, relay);
        for (from, to) in [(client, sink), (source, client)] {
            // One of them is closed already, and its end follows.
            let _ = pool.link(from, to);
        }
        // The connection of a dialled upstream has been paused since it was accepted.
        pool.resume(client);
    }

    /// The connection that an upstream's channel belongs to.
    pub(super) fn client_of(&self, channel: Id) -> Option<Id> {
        self.clients.get(channel).copied()
    }

    /// Partners whose connection is gone.
    pub(super) fn left_behind(&self) -> usize {
        self.left_behind
    }

    /// When a byte last moved in a relay, in whichever direction and on whichever side.
    pub(super) fn last_active(&self, pool: &Pool, client: Id) -> Option<Instant> {
        let relay = self.relays.get(&client)?;
        let ids =
            [Some(client), relay.upstream.sink(), relay.upstream.source()].into_iter().flatten();
        ids.filter_map(|id| pool.traffic(id)).map(|traffic| traffic.last_active).max()
    }

    /// Passes on the end of one direction; false for an event of no relay. The bytes themselves go over a
    /// link.
    pub(super) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let (&Event::Data { id, .. } | &Event::Eof { id } | &Event::Drained { id }) = event else {
            return false;
        };
        let is_end = matches!(event, Event::Eof { .. });
        let to = if let Some(client) = self.client_of(id) {
            let mut fate = Fate::Lives;
            if let (true, Some(relay)) = (is_end, self.relays.get_mut(&client)) {
                relay.upstream_ended = true;
                fate = relay.fate;
            }
            fate.passes_fin().then_some(client)
        } else if let Some(relay) = self.relays.get_mut(&id) {
            // Both sides have ended once its upstream has too: the close then counts as the peer's.
            relay.client_ended |= is_end;
            relay.upstream.sink()
        } else {
            return false;
        };
        if let (true, Some(to)) = (is_end, to) {
            // A half-close stays one: FIN for a peer, the end of stdin for a child. The other way goes
            // on.
            pool.finish(to);
        }
        true
    }

    /// A connection is gone. Its upstream is written what was for it, and then ended in the same
    /// mode; what the upstream still sends, nobody reads.
    pub(super) fn client_closed(&mut self, pool: &mut Pool, client: Id, end: &End) {
        let Some(relay) = self.relays.get_mut(&client) else { return };
        if std::mem::replace(&mut relay.client, false) {
            self.left_behind += 1;
        }
        if let Some(source) = relay.upstream.source_alone() {
            // With this direction closed, a child that goes on writing gets SIGPIPE or EPIPE, and
            // ends.
            pool.abort(source, end.reason);
        }
        if let Some(sink) = relay.upstream.sink() {
            // A FIN would make what was cut look complete. A unix socket knows no
            // reset, and just ends.
            let is_lost = matches!(end.reason.cause, Cause::Error | Cause::Timeout);
            let mode = match is_lost || !relay.client_ended {
                true => CloseMode::ResetWhenAcked,
                false => CloseMode::UntilAcked,
            };
            pool.close(sink, end.reason, mode);
        }
        self.forget_if_gone(client);
    }

    /// A channel of an upstream is gone. When nothing of the upstream is left, its connection is
    /// written what was for it, and ended: with a reset where something was lost. Returns whether it
    /// was: a child that reads no more is no loss, as with a pipe.
    pub(super) fn upstream_closed(&mut self, pool: &mut Pool, channel: Id, end: &End) -> bool {
        let Some(client) = self.clients.remove(channel) else { return false };
        let Some(relay) = self.relays.get_mut(&client) else { return false };
        relay.upstream.forget(channel);
        let is_lost = relay.upstream.is_connection() && end.is_loss();
        match (relay.upstream.sink(), relay.upstream.source()) {
            (None, None) => relay.end_client(pool, client, is_lost),
            // What the connection still sends is read, and thrown away.
            (None, Some(_)) => {}
            // The child is reaped and its output read: whoever still holds its stdin open is
            // another.
            (Some(sink), None) if relay.fate.is_known() => pool.abort(sink, UPSTREAM_DONE),
            (Some(_), _) => {}
        }
        self.forget_if_gone(client);
        is_lost
    }

    /// A channel of a child closes: where that `is_exiting`, it is passed on once
    /// [`child_ended`](Self::child_ended) says how the child ended. What it has said FIN behind is whole.
    pub(super) fn await_exit(&mut self, channel: Id, is_exiting: impl FnOnce(Id) -> bool) {
        if let Some(client) = self.client_of(channel)
            && let Some(relay) = self.relays.get_mut(&client)
            && relay.fate == Fate::Lives
            && !relay.upstream_ended
            && is_exiting(client)
        {
            relay.fate = Fate::Exiting;
        }
    }

    /// The child of a connection has ended, though others may still hold its end of the socket: what
    /// is read from there is passed on to its end, and then the relay ends. Returns whether the
    /// connection is cut: where `was_killed`, and it was not told of an end before.
    pub(super) fn child_ended(&mut self, pool: &mut Pool, client: Id, was_killed: bool) -> bool {
        let Some(relay) = self.relays.get_mut(&client) else { return false };
        let is_held = relay.fate == Fate::Exiting;
        let is_cut = was_killed && relay.client && (is_held || !relay.upstream_ended);
        relay.fate = if is_cut { Fate::Killed } else { Fate::Ended };
        match (relay.upstream.sink(), relay.upstream.source()) {
            (None, None) if is_held => relay.end_client(pool, client, false),
            (None, None) => {}
            // While the source is open, the last output may be in the socket: `upstream_closed`
            // follows on it.
            (_, Some(_)) => {}
            (Some(sink), None) => pool.abort(sink, UPSTREAM_DONE),
        }
        if is_held && !is_cut && relay.client && relay.upstream_ended {
            pool.finish(client);
        }
        is_cut
    }

    /// Whether the upstream of a connection has ended, and all of it is read.
    pub(super) fn has_ended(&self, client: Id) -> bool {
        self.relays.get(&client).is_some_and(Relay::has_ended)
    }

    /// Closes all upstreams; nothing is awaited of them. One whose connection has not sent FIN sees
    /// that it was cut.
    pub(super) fn close(&mut self, pool: &mut Pool, how: EndMode, reason: CloseReason) {
        for (channel, client) in self.clients.iter() {
            let is_cut = self.relays.get(client).is_none_or(|relay| !relay.client_ended);
            match (how, is_cut) {
                (EndMode::AtOnce, true) => pool.reset(channel, reason),
                (EndMode::AtOnce, false) => pool.abort(channel, reason),
                (EndMode::InOrder | EndMode::GiveUp, true) => pool.cut(channel, reason),
                (EndMode::InOrder | EndMode::GiveUp, false) => pool.give_up(channel, reason),
            }
        }
    }

    fn forget_if_gone(&mut self, client: Id) {
        let Some(relay) = self.relays.get(&client) else { return };
        debug_assert!(
            [relay.upstream.sink(), relay.upstream.source()]
                .into_iter()
                .flatten()
                .all(|channel| self.client_of(channel) == Some(client)),
            "each channel of an upstream leads back to its connection"
        );
        if !relay.client && relay.upstream.sink().or(relay.upstream.source()).is_none() {
            self.relays.remove(&client);
            self.left_behind -= 1;
        }
        debug_assert_eq!(
            self.left_behind,
            self.relays.values().filter(|relay| !relay.client).count(),
            "each relay that has lost its connection is counted"
        );
    }
}
