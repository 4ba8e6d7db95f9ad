//! Channels relayed into each other: a connection, and its partner, which is another connection or
//! the two pipes of a child.
//!
//! It owns who belongs to whom. It moves the bytes, passes half-closes and losses on, and reads no
//! side faster than the other one takes it. What an end means for the run, and what is told of it,
//! the session decides.

use std::collections::HashMap;
use std::time::Instant;

use super::console::is_loss;
use crate::close::{Cause, CloseReason, Detail};
use crate::event_loop::{CloseMode, End, Event, Id, Pool, SendOutcome};

/// The end of a connection whose partner has nothing more to say.
const PARTNER_DONE: CloseReason = CloseReason::new(Cause::Host, Detail::Fin);
/// The end of a connection whose partner was lost, or never came to be.
pub(crate) const PARTNER_LOST: CloseReason = CloseReason::new(Cause::Error, Detail::Upstream);

/// Whether a connection came to its end with everything said, by one side or both.
pub(crate) fn is_in_order(end: &End) -> bool {
    matches!(end.reason, CloseReason::PEER | PARTNER_DONE) && end.unsent.is_empty()
}

/// The channels of a partner; those of a connection are one and the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partner {
    /// It is sent what the connection says.
    pub(crate) sink: Id,
    /// What it says is sent to the connection.
    pub(crate) source: Id,
}

impl Partner {
    /// Another connection.
    pub(crate) fn connection(id: Id) -> Self {
        Self { sink: id, source: id }
    }
}

/// One pair, as far as it is still there.
struct Pair {
    /// The connection is there.
    near: bool,
    /// The connection's FIN has come.
    near_ended: bool,
    sink: Option<Id>,
    source: Option<Id>,
    /// The partner is one connection, which is lost as a whole.
    duplex: bool,
    /// Nobody reads the sink any more, whatever the pipe says.
    deaf: bool,
}

/// All pairs of a session, by the id of their connection.
#[derive(Default)]
pub(crate) struct Pairs {
    pairs: HashMap<Id, Pair>,
    /// The connections of the partners' channels.
    nears: HashMap<Id, Id>,
    /// Pairs whose connection is gone.
    left_behind: usize,
}

impl Pairs {
    /// Makes a pair of a connection and a partner, of whom each may have so many bytes wait for it.
    pub(crate) fn join(&mut self, pool: &mut Pool, near: Id, partner: Partner, queue: usize) {
        let Partner { sink, source } = partner;
        for id in [near, sink] {
            pool.set_high_mark(id, queue);
        }
        self.nears.extend([(sink, near), (source, near)]);
        let pair = Pair {
            near: true,
            near_ended: false,
            sink: Some(sink),
            source: Some(source),
            duplex: sink == source,
            deaf: false,
        };
        self.pairs.insert(near, pair);
        pool.resume(near);
    }

    /// The connection that a partner's channel belongs to.
    pub(crate) fn near(&self, far: Id) -> Option<Id> {
        self.nears.get(&far).copied()
    }

    /// Whether this connection has a partner, or had one.
    pub(crate) fn has(&self, near: Id) -> bool {
        self.pairs.contains_key(&near)
    }

    /// Partners whose connection is gone.
    pub(crate) fn left_behind(&self) -> usize {
        self.left_behind
    }

    /// When a byte last moved in a pair, in whichever direction and on whichever side.
    pub(crate) fn last_active(&self, pool: &Pool, near: Id) -> Option<Instant> {
        let pair = self.pairs.get(&near)?;
        let ids = [Some(near), pair.sink, pair.source].into_iter().flatten();
        ids.filter_map(|id| pool.traffic(id)).map(|traffic| traffic.last_active).max()
    }

    /// Where the bytes of a channel go, and who fills the queue of one.
    fn opposite(&self, id: Id, of_partner: impl Fn(&Pair) -> Option<Id>) -> Option<Id> {
        match self.pairs.get(&id) {
            Some(pair) => of_partner(pair),
            None => self.near(id),
        }
    }

    /// Passes on what an event of a pair brings; false where it is none of theirs.
    pub(crate) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let (&Event::Data { id, .. } | &Event::Eof { id } | &Event::Drained { id }) = event else {
            return false;
        };
        if !(self.has(id) || self.nears.contains_key(&id)) {
            return false;
        }
        match event {
            Event::Data { bytes, .. } => self.pass_on(pool, id, bytes),
            Event::Eof { .. } => self.pass_end_on(pool, id),
            _ => {
                if let Some(feeder) = self.opposite(id, |pair| pair.source) {
                    pool.resume(feeder);
                }
            }
        }
        true
    }

    fn pass_on(&self, pool: &mut Pool, from: Id, bytes: &[u8]) {
        // Without a sink, nobody wants to know.
        let Some(to) = self.opposite(from, |pair| pair.sink) else { return };
        if pool.send(to, bytes) == SendOutcome::Full {
            pool.pause(from);
        }
    }

    fn pass_end_on(&mut self, pool: &mut Pool, from: Id) {
        if let Some(pair) = self.pairs.get_mut(&from) {
            pair.near_ended = true;
        }
        if let Some(to) = self.opposite(from, |pair| pair.sink) {
            pool.finish(to);
        }
    }

    /// A connection is gone. Its partner is written what was for it, and then ended in the same
    /// way; what the partner still says, nobody hears.
    pub(crate) fn near_closed(&mut self, pool: &mut Pool, near: Id, end: &End) {
        let Some(pair) = self.pairs.get_mut(&near) else { return };
        if std::mem::replace(&mut pair.near, false) {
            self.left_behind += 1;
        }
        if let Some(source) = pair.source
            && !pair.duplex
        {
            pool.abort(source, end.reason);
        }
        if let Some(sink) = pair.sink {
            match end.reason.cause {
                Cause::Peer | Cause::Host => pool.close(sink, end.reason, CloseMode::UntilAcked),
                Cause::Error | Cause::Timeout => {
                    pool.close(sink, end.reason, CloseMode::ResetWhenAcked)
                }
            }
        }
        self.forget_if_gone(near);
    }

    /// A channel of a partner is gone. When nothing of the partner is left, its connection is
    /// written what was for it, and ended: with a reset where something was lost. Says whether it
    /// was: a pipe that its reader closes is no loss, as it has always been.
    pub(crate) fn far_closed(&mut self, pool: &mut Pool, far: Id, end: &End) -> bool {
        let Some(near) = self.nears.remove(&far) else { return false };
        let Some(pair) = self.pairs.get_mut(&near) else { return false };
        pair.sink.take_if(|sink| *sink == far);
        pair.source.take_if(|source| *source == far);
        let is_lost = pair.duplex && is_loss(end);
        match (pair.sink, pair.source) {
            (None, None) if !pair.near => {}
            (None, None) if is_lost => pool.close(near, PARTNER_LOST, CloseMode::ResetWhenAcked),
            (None, None) if pair.near_ended => {
                pool.close(near, CloseReason::PEER, CloseMode::UntilAcked)
            }
            (None, None) => pool.close(near, PARTNER_DONE, CloseMode::UntilAcked),
            // What the connection still says is read, and thrown away.
            (None, Some(_)) => pool.resume(near),
            (Some(sink), None) if pair.deaf => pool.abort(sink, PARTNER_DONE),
            (Some(_), _) => {}
        }
        self.forget_if_gone(near);
        is_lost
    }

    /// The partner of a connection has ended, though others may still hold what it spoke through:
    /// what comes from there is passed on to its end, and that is the end.
    pub(crate) fn partner_ended(&mut self, pool: &mut Pool, near: Id) {
        let Some(pair) = self.pairs.get_mut(&near) else { return };
        pair.deaf = true;
        if let (Some(sink), None) = (pair.sink, pair.source) {
            pool.abort(sink, PARTNER_DONE);
        }
    }

    /// Cuts all partners off.
    pub(crate) fn abort(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.nears.keys().for_each(|far| pool.abort(*far, reason));
    }

    fn forget_if_gone(&mut self, near: Id) {
        let gone = |pair: &Pair| !pair.near && pair.sink.is_none() && pair.source.is_none();
        if self.pairs.get(&near).is_some_and(gone) {
            self.pairs.remove(&near);
            self.left_behind -= 1;
        }
    }
}
