//! `--forward`: the partner of a client is a connection, which has to be made first.

use std::collections::{BTreeMap, BTreeSet};

use super::ServeSession;
use super::partners::{Partners, Recipe};
use super::service::Service;
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, Mail, Pool};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::config::Route;
use crate::sessions::connector::{Connector, Established, Note, Progress};
use crate::sessions::pairs::{PARTNER_LOST, Partner};

/// The connections in the making, and the names of those that are made.
pub(super) struct Connectors {
    route: Route,
    /// By the client that each is for.
    making: BTreeMap<Id, Connector>,
    /// What each connection is called in messages, by its own id.
    titles: BTreeMap<Id, String>,
    /// What was told of the sockets, which are all alike.
    told: BTreeSet<String>,
}

impl Connectors {
    pub(super) fn new(route: Route) -> Self {
        let (making, titles, told) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { route, making, titles, told }
    }

    /// Whether one is in the making for this client.
    pub(super) fn is_for(&self, client: Id) -> bool {
        self.making.contains_key(&client)
    }

    /// Drops all that are in the making.
    pub(super) fn call_off(&mut self, pool: &mut Pool) {
        for mut connector in std::mem::take(&mut self.making).into_values() {
            connector.call_off(pool);
        }
    }

    /// Drops the one that is in the making for this client.
    pub(super) fn drop_one(&mut self, pool: &mut Pool, client: Id) {
        if let Some(mut connector) = self.making.remove(&client) {
            connector.call_off(pool);
        }
    }

    /// The name of a connection that is gone.
    pub(super) fn take_title(&mut self, id: Id) -> Option<String> {
        self.titles.remove(&id)
    }

    /// The clients whose connectors an event is for.
    fn concerned(&self, event: &Event<'_>) -> Vec<Id> {
        let of_attempt = |attempt: Id| {
            let is_its = |(_, connector): &(&Id, &Connector)| connector.attempts(attempt);
            self.making.iter().find(is_its).map(|(client, _)| *client)
        };
        match event {
            Event::Connected { id, .. } | Event::ConnectFailed { id, .. } => {
                of_attempt(*id).into_iter().collect()
            }
            Event::Timer { key } => key.id.filter(|id| self.is_for(*id)).into_iter().collect(),
            Event::Mail(Mail::Resolved(..)) => self.making.keys().copied().collect(),
            _ => Vec::new(),
        }
    }
}

impl ServeSession {
    fn connectors(&mut self) -> Option<&mut Connectors> {
        let Service::Relay(partners) = &mut self.service else { return None };
        match &mut partners.recipe {
            Recipe::Forward(connectors) => Some(connectors),
            Recipe::Exec(_) => None,
        }
    }

    /// Begins the connection for a client, which is not read until there is somebody to read it
    /// for.
    pub(super) fn connect_for(&mut self, pool: &mut Pool, client: Id) {
        pool.pause(client);
        let now = pool.now();
        let Some(connectors) = self.connectors() else { return };
        let mut connector = Connector::on_behalf(connectors.route.clone(), client, now);
        let progress = connector.begin(pool);
        connectors.making.insert(client, connector);
        self.connector_progressed(pool, client, progress);
    }

    /// Takes an event of the connections in the making; false where it may be for others, too.
    pub(super) fn on_connectors(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let concerned = self.connectors().map(|connectors| connectors.concerned(event));
        for client in concerned.unwrap_or_default() {
            let connectors = self.connectors();
            let Some(connector) = connectors.and_then(|all| all.making.get_mut(&client)) else {
                continue;
            };
            let progress = connector.on(pool, event);
            self.connector_progressed(pool, client, progress);
        }
        matches!(event, Event::Connected { .. } | Event::ConnectFailed { .. })
    }

    fn connector_progressed(&mut self, pool: &mut Pool, client: Id, progress: Progress) {
        self.report_connector_notes(pool, client);
        match progress {
            // Why it takes another attempt is told when it comes to nothing.
            Progress::Pending | Progress::Retrying { .. } => {}
            Progress::Connected(new) => self.connected_for(pool, client, &new),
            Progress::Failed(failure) => {
                if let Some(connectors) = self.connectors() {
                    connectors.making.remove(&client);
                }
                self.partner_missing(pool, client, &failure, PARTNER_LOST);
            }
        }
    }

    fn report_connector_notes(&mut self, pool: &mut Pool, id: Id) {
        let Some(connector) = self.connectors().and_then(|all| all.making.get_mut(&id)) else {
            return;
        };
        for note in connector.take_notes() {
            match note {
                Note::Warning(text) => {
                    if self.connectors().is_some_and(|all| all.told.insert(text.clone())) {
                        self.core.console.warn(pool, Kind::SocketOption, &text);
                    }
                }
                Note::Failed { peer, failure } => {
                    let event = Notice::new(Name::ConnectFailed)
                        .maybe_conn(self.clients.get(&id).map(|client| client.number))
                        .peer(&peer)
                        .kind(failure.kind)
                        .message(failure.cause);
                    self.core.console.report(pool, &event);
                }
            }
        }
    }

    fn connected_for(&mut self, pool: &mut Pool, near: Id, new: &Established) {
        let (Service::Relay(partners), Some(client)) = (&mut self.service, self.clients.get(&near))
        else {
            return pool.abort(new.id, CloseReason::HOST);
        };
        let Partners { recipe: Recipe::Forward(connectors), .. } = &mut **partners else { return };
        let Established { id, peer, local } = new;
        let proto = if peer.starts_with("unix") { "unix" } else { "tcp" };
        let event = Notice::new(Name::Connected).conn(client.number).proto(proto);
        self.core.console.report(pool, &event.peer(peer).local(local));
        connectors.making.remove(&near);
        connectors.titles.insert(*id, format!("{peer} for {}", client.title()));
        partners.join(pool, near, Partner::connection(*id));
    }
}
