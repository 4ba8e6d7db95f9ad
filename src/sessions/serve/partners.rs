//! `--forward` and `--exec`: each client gets a partner, and the two are relayed into each other.
//!
//! This file owns the partners from join to end; `forward` and `exec` make them, and what moves
//! between a client and its partner is up to [`Pairs`].

use std::time::Instant;

use super::ServeSession;
use super::forward::Connectors;
use super::service::Service;
use crate::close::CloseReason;
use crate::error::{Failure, Status, plain};
use crate::event_loop::{CloseMode, End, Event, Id, Pool};
use crate::kind::Kind;
use crate::report::Notice;
use crate::sessions::pairs::{Pairs, Partner};
use crate::sessions::runners::Runners;

/// How a partner is made.
pub(super) enum Recipe {
    /// A connection to another address.
    Forward(Connectors),
    /// A child.
    Exec(Runners),
}

/// The partners of all clients.
pub(super) struct Partners {
    pub(super) recipe: Recipe,
    pub(super) pairs: Pairs,
    /// Bytes that may wait for one side of a pair.
    queue: usize,
}

impl Partners {
    pub(super) fn new(recipe: Recipe, queue: usize) -> Self {
        Self { recipe, queue, pairs: Pairs::default() }
    }

    /// Makes a pair of a client and its partner.
    pub(super) fn join(&mut self, pool: &mut Pool, near: Id, partner: Partner) {
        self.pairs.join(pool, near, partner, self.queue);
    }

    /// Whether a client that moves no byte is waited for all the same: it is not read before it
    /// has a partner.
    pub(super) fn is_awaited(&self, id: Id) -> bool {
        matches!(&self.recipe, Recipe::Forward(connectors) if connectors.is_for(id))
    }

    /// When a byte last moved between a client and its partner.
    pub(super) fn last_active(&self, pool: &Pool, id: Id) -> Option<Instant> {
        self.pairs.last_active(pool, id)
    }

    /// How many descriptors one partner takes.
    pub(super) fn descriptors(&self) -> usize {
        match &self.recipe {
            Recipe::Forward(_) => 1,
            Recipe::Exec(_) => 2,
        }
    }

    /// Partners whose client is gone.
    pub(super) fn left_behind(&self) -> usize {
        match &self.recipe {
            Recipe::Forward(_) => self.pairs.left_behind(),
            Recipe::Exec(runners) => runners.left_behind(),
        }
    }

    /// Whether nothing is left, not even a child.
    pub(super) fn is_deserted(&self) -> bool {
        let no_child = match &self.recipe {
            Recipe::Forward(_) => true,
            Recipe::Exec(runners) => runners.is_empty(),
        };
        no_child && self.pairs.left_behind() == 0
    }

    /// The command that is waited for, where no client is left.
    pub(super) fn awaited(&self) -> Option<String> {
        match &self.recipe {
            Recipe::Forward(_) => None,
            Recipe::Exec(runners) => runners.awaited(),
        }
    }

    /// All clients are gone: asks those children to end whose client did not leave in order.
    pub(super) fn dismiss_lost(&mut self, pool: &mut Pool) {
        if let Recipe::Exec(runners) = &mut self.recipe {
            runners.dismiss_lost(pool);
        }
    }

    /// Makes no more partners, and asks all children to end.
    pub(super) fn end(&mut self, pool: &mut Pool) {
        match &mut self.recipe {
            Recipe::Forward(connectors) => connectors.call_off(pool),
            Recipe::Exec(runners) => runners.dismiss(pool),
        }
    }

    /// Cuts all partners off.
    pub(super) fn abort(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.end(pool);
        self.pairs.abort(pool, reason);
    }

    /// A client is gone, and its partner has nobody any more.
    fn part(&mut self, pool: &mut Pool, near: Id, end: &End) {
        match &mut self.recipe {
            Recipe::Forward(connectors) => connectors.drop_one(pool, near),
            Recipe::Exec(runners) => runners.near_closed(near, end),
        }
        self.pairs.near_closed(pool, near, end);
    }
}

impl ServeSession {
    /// Begins to make the partner of a new client, where clients have partners.
    pub(super) fn find_partner(&mut self, pool: &mut Pool, id: Id) {
        let Service::Relay(partners) = &self.service else { return };
        if !pool.takes(id) {
            return;
        }
        match partners.recipe {
            Recipe::Forward(_) => self.connect_for(pool, id),
            Recipe::Exec(_) => self.start_command(pool, id),
        }
    }

    /// Takes an event that is a partner's affair; false where it is not.
    pub(super) fn on_partner(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let Service::Relay(partners) = &mut self.service else { return false };
        if partners.pairs.on(pool, event) {
            if let Event::Eof { id } = event {
                self.client_ended(pool, *id);
            }
            return true;
        }
        if let Event::Closed { id, end } = event
            && partners.pairs.near(*id).is_some()
        {
            self.partner_closed(pool, *id, end);
            return true;
        }
        match partners.recipe {
            Recipe::Forward(_) => self.on_connectors(pool, event),
            Recipe::Exec(_) => self.on_runners(pool, event),
        }
    }

    /// A client remains without a partner. It is told by a reset, as if there were nobody here.
    pub(super) fn partner_missing(
        &mut self,
        pool: &mut Pool,
        id: Id,
        failure: &Failure,
        reason: CloseReason,
    ) {
        if let Some(client) = self.clients.get(&id) {
            let target = format!("{} for {}", failure.target, client.title());
            let failure = Failure { target, ..failure.clone() };
            let event = Notice::error(&failure).conn(client.number);
            self.core.console.report(pool, &event);
            self.worst.get_or_insert(failure.status);
        }
        pool.close(id, reason, CloseMode::ResetWhenAcked);
    }

    fn partner_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Service::Relay(partners) = &mut self.service else { return };
        let title = match &mut partners.recipe {
            Recipe::Forward(connectors) => connectors.take_title(id),
            Recipe::Exec(_) => None,
        };
        let is_lost = partners.pairs.far_closed(pool, id, end);
        if let (Some(title), true) = (title, is_lost) {
            let cause = match (&end.error, end.unsent.len()) {
                (Some(error), 0) => plain(error),
                (Some(error), unsent) => format!("{}, {unsent} bytes unsent", plain(error)),
                (None, unsent) => format!("{unsent} bytes were not sent"),
            };
            let text = format!("the connection to {title} was lost: {cause}");
            self.core.console.warn(pool, Kind::Lost, &text);
            self.worst.get_or_insert(Status::Lost);
        }
        self.somebody_left(pool);
    }

    /// A client is gone; so its partner has to go.
    pub(super) fn part(&mut self, pool: &mut Pool, id: Id, end: &End) {
        if let Service::Relay(partners) = &mut self.service {
            partners.part(pool, id, end);
        }
    }
}
