//! `--forward` and `--exec`: each client gets a partner, and the two are relayed into each other.
//!
//! It owns the partners from the first attempt to connect, or the start of a child, to their end; what moves between a
//! client and its partner is up to [`Pairs`].

use std::collections::{BTreeMap, BTreeSet};

use super::ServeSession;
use super::door::UNSERVED;
use super::service::Service;
use crate::close::CloseReason;
use crate::error::{Failure, Status, plain};
use crate::event_loop::{End, Event, Id, Mail, Pool};
use crate::report::{Event as Report, Name};
use crate::sessions::config::Route;
use crate::sessions::connector::{Connector, Established, Note, Progress};
use crate::sessions::pairs::{PARTNER_LOST, Pairs, Partner};
use crate::sessions::runners::{Runners, Tie};

/// How a partner is made.
pub(super) enum Recipe {
    /// A connection that takes this way.
    Forward(Box<Route>),
    /// A child.
    Exec(Runners),
}

/// The partners of all clients.
pub(super) struct Partners {
    recipe: Recipe,
    /// Bytes that may wait for one side of a pair.
    queue: usize,
    /// The connections in the making, by the client that each is for.
    connectors: BTreeMap<Id, Connector>,
    pairs: Pairs,
    /// What each partner is called in messages, by its own id.
    titles: BTreeMap<Id, String>,
    /// What was told of the sockets, which are all alike.
    told: BTreeSet<String>,
}

impl Partners {
    pub(super) fn new(recipe: Recipe, queue: usize) -> Self {
        Self {
            recipe,
            queue,
            connectors: BTreeMap::new(),
            pairs: Pairs::default(),
            titles: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// Partners whose client is gone.
    pub(super) fn left_behind(&self) -> usize {
        match &self.recipe {
            Recipe::Forward(_) => self.pairs.left_behind(),
            Recipe::Exec(runners) => runners.left_behind(),
        }
    }

    /// How many descriptors one partner takes.
    pub(super) fn descriptors(&self) -> usize {
        match &self.recipe {
            Recipe::Forward(_) => 1,
            Recipe::Exec(_) => 2,
        }
    }

    /// What is waited for, where no client is left.
    pub(super) fn awaited(&self) -> Option<String> {
        match &self.recipe {
            Recipe::Forward(_) => None,
            Recipe::Exec(runners) => runners.awaited(),
        }
    }

    /// Whether a client that moves no byte is waited for all the same: it is not read before it
    /// has a partner.
    pub(super) fn is_awaited(&self, id: Id) -> bool {
        self.connectors.contains_key(&id)
    }

    pub(super) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// Begins nothing new, and drops what has begun.
    fn call_off(&mut self, pool: &mut Pool) {
        for mut connector in std::mem::take(&mut self.connectors).into_values() {
            connector.call_off(pool);
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

    fn runners(&mut self) -> Option<&mut Runners> {
        match &mut self.recipe {
            Recipe::Forward(_) => None,
            Recipe::Exec(runners) => Some(runners),
        }
    }

    /// All clients are gone: asks those children to end whose client did not leave in order.
    pub(super) fn dismiss_lost(&mut self, pool: &mut Pool) {
        if let Some(runners) = self.runners() {
            runners.dismiss_lost(pool);
        }
    }

    /// Begins nothing new, and asks all children to end.
    pub(super) fn end(&mut self, pool: &mut Pool) {
        self.call_off(pool);
        if let Some(runners) = self.runners() {
            runners.dismiss(pool);
        }
    }

    /// Cuts all partners off.
    pub(super) fn abort(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.end(pool);
        self.pairs.abort(pool, reason);
    }

    /// The clients whose connectors an event is for.
    fn owners(&self, event: &Event<'_>) -> Vec<Id> {
        let of_attempt = |attempt: Id| {
            let is_its = |(_, connector): &(&Id, &Connector)| connector.attempts(attempt);
            self.connectors.iter().find(is_its).map(|(owner, _)| *owner)
        };
        match event {
            Event::Connected { id, .. } | Event::ConnectFailed { id, .. } => {
                of_attempt(*id).into_iter().collect()
            }
            Event::Timer { key } => {
                key.id.filter(|id| self.connectors.contains_key(id)).into_iter().collect()
            }
            Event::Mail(Mail::Resolved(..)) => self.connectors.keys().copied().collect(),
            _ => Vec::new(),
        }
    }
}

impl ServeSession {
    /// Begins to make the partner of a new client, where clients have partners. The client is read
    /// as soon as there is somebody to read it for.
    pub(super) fn find_partner(&mut self, pool: &mut Pool, id: Id) {
        let Some(partners) = self.service.partners() else { return };
        if !pool.takes(id) {
            return;
        }
        match &partners.recipe {
            Recipe::Forward(route) => {
                pool.pause(id);
                let mut connector = Connector::on_behalf(Route::clone(route), id, pool.now());
                let progress = connector.begin(pool);
                partners.connectors.insert(id, connector);
                self.partner_progressed(pool, id, progress);
            }
            Recipe::Exec(_) => self.start_command(pool, id),
        }
    }

    fn start_command(&mut self, pool: &mut Pool, id: Id) {
        let (Service::Relay(partners), Some(client)) = (&mut self.service, self.clients.get(&id))
        else {
            return;
        };
        let Recipe::Exec(runners) = &mut partners.recipe else { return };
        let env = vec![
            ("WIRECAT_PEER", client.peer.clone().into()),
            ("WIRECAT_LOCAL", client.local.clone().into()),
            ("WIRECAT_CONN", client.number.to_string().into()),
        ];
        match runners.start(pool, (id, client.title()), env) {
            Ok(partner) => partners.pairs.join(pool, id, partner, partners.queue),
            Err(failure) => self.partner_missing(pool, id, &failure, UNSERVED),
        }
    }

    /// Hears of the ends of children.
    fn on_runners(&mut self, pool: &mut Pool, event: &Event<'_>) {
        let Some(partners) = self.service.partners() else { return };
        let Some(runners) = partners.runners() else { return };
        let exits = runners.on(pool, event);
        for (served, exit) in &exits {
            partners.pairs.partner_ended(pool, served.near);
            let is_expected = served.tie == Tie::Lost || self.run.is_ending();
            if exit.status() != Status::Done && !is_expected {
                let text = format!("the command of {} ended: {exit}", served.title);
                self.run.console.warn(pool, "command", &text);
            }
        }
        if !exits.is_empty() {
            self.somebody_left(pool);
        }
    }

    /// Takes an event that is a partner's affair; false where it is not.
    pub(super) fn on_partner(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        self.on_runners(pool, event);
        if let (Event::Eof { id }, true) = (event, self.service.relays()) {
            self.client_ended(pool, *id);
        }
        let Some(partners) = self.service.partners() else { return false };
        if partners.pairs.on(pool, event) {
            return true;
        }
        if let Event::Closed { id, end } = event
            && partners.pairs.near(*id).is_some()
        {
            self.partner_closed(pool, *id, end);
            return true;
        }
        for owner in partners.owners(event) {
            let Some(partners) = self.service.partners() else { return false };
            let Some(connector) = partners.connectors.get_mut(&owner) else { continue };
            let progress = connector.on(pool, event);
            self.partner_progressed(pool, owner, progress);
        }
        matches!(event, Event::Connected { .. } | Event::ConnectFailed { .. } | Event::Mail(_))
    }

    fn partner_progressed(&mut self, pool: &mut Pool, owner: Id, progress: Progress) {
        self.tell_partner_notes(pool, owner);
        match progress {
            // Why it takes another attempt is told when it comes to nothing.
            Progress::Pending | Progress::Retrying { .. } => {}
            Progress::Connected(Established { id, peer, local }) => {
                self.partner_found(pool, owner, id, &peer, &local);
            }
            Progress::Failed(failure) => {
                self.partner_missing(pool, owner, &failure, PARTNER_LOST);
            }
        }
    }

    fn tell_partner_notes(&mut self, pool: &mut Pool, owner: Id) {
        let (Service::Relay(partners), Some(client)) =
            (&mut self.service, self.clients.get(&owner))
        else {
            return;
        };
        let Some(connector) = partners.connectors.get_mut(&owner) else { return };
        for note in connector.take_notes() {
            match note {
                Note::Warning(text) if !partners.told.insert(text.clone()) => {}
                Note::Warning(text) => self.run.console.warn(pool, "socket-option", &text),
                Note::Failed { peer, failure } => {
                    let event = Report::new(Name::ConnectFailed)
                        .conn(client.number)
                        .peer(&peer)
                        .kind(failure.kind)
                        .message(failure.cause);
                    self.run.console.report(pool, &event);
                }
            }
        }
    }

    fn partner_found(&mut self, pool: &mut Pool, owner: Id, id: Id, peer: &str, local: &str) {
        let (Service::Relay(partners), Some(client)) =
            (&mut self.service, self.clients.get(&owner))
        else {
            return pool.abort(id, CloseReason::HOST);
        };
        partners.connectors.remove(&owner);
        let proto = if peer.starts_with("unix") { "unix" } else { "tcp" };
        let event = Report::new(Name::Connected).conn(client.number).proto(proto);
        self.run.console.report(pool, &event.peer(peer).local(local));
        partners.titles.insert(id, format!("{peer} for {}", client.title()));
        partners.pairs.join(pool, owner, Partner::connection(id), partners.queue);
    }

    /// A client remains without a partner. It is told by a reset, as if there were nobody here.
    fn partner_missing(
        &mut self,
        pool: &mut Pool,
        owner: Id,
        failure: &Failure,
        reason: CloseReason,
    ) {
        if let Some(partners) = self.service.partners() {
            partners.connectors.remove(&owner);
        }
        if let Some(client) = self.clients.get(&owner) {
            let target = format!("{} for {}", failure.target, client.title());
            let failure = Failure { target, ..failure.clone() };
            let event = Report::error(&failure).conn(client.number);
            self.run.console.report(pool, &event);
            self.worst.get_or_insert(failure.status);
        }
        pool.reset(owner, reason);
    }

    fn partner_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(partners) = self.service.partners() else { return };
        let title = partners.titles.remove(&id).unwrap_or_default();
        let is_lost = partners.pairs.far_closed(pool, id, end);
        if is_lost {
            let cause = match (&end.error, end.unsent.len()) {
                (Some(error), 0) => plain(error),
                (Some(error), unsent) => format!("{}, {unsent} bytes unsent", plain(error)),
                (None, unsent) => format!("{unsent} bytes were not sent"),
            };
            let text = format!("the connection to {title} was lost: {cause}");
            self.run.console.warn(pool, "lost", &text);
            self.worst.get_or_insert(Status::Lost);
        }
        self.somebody_left(pool);
    }

    /// Says why there is no end yet.
    pub(super) fn tell_awaited(&mut self, pool: &mut Pool) {
        let awaited = self.service.partners().and_then(|partners| partners.awaited());
        if let (Some(text), true) = (awaited, self.clients.is_empty()) {
            self.run.console.warn(pool, "waiting", &text);
        }
    }

    /// A client is gone, and its partner has nobody any more.
    pub(super) fn part(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(partners) = self.service.partners() else { return };
        if let Some(mut connector) = partners.connectors.remove(&id) {
            connector.call_off(pool);
        }
        if let Some(runners) = partners.runners() {
            runners.near_closed(id, end);
        }
        partners.pairs.near_closed(pool, id, end);
    }
}
