//! `--forward`: the upstream of a connection is another one, which has to be dialled first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::relay::UPSTREAM_LOST;
use super::upstream::Channels;
use super::{Proxy, Upstreams, report_missing};
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, Mail, Pool};
use crate::report::{Name, Notice};
use crate::sessions::config::Route;
use crate::sessions::connector::{Connector, Established, Progress};
#[cfg(feature = "tls")]
use crate::sessions::streams::report_agreed;
use crate::sessions::streams::{Connection, Context};

/// The connections in the making, and the names of those that are made.
pub(super) struct UpstreamDialer {
    route: Route,
    /// By the client that each is for.
    making: BTreeMap<Id, Connector>,
    /// The client that each connection under way is for.
    attempts: HashMap<Id, Id>,
    /// The clients whose names may be on their way through the resolver.
    looking_up: BTreeSet<Id>,
    /// What each connection is called in messages, by its own id.
    titles: BTreeMap<Id, String>,
    /// The warnings that were reported.
    reported_warnings: BTreeSet<String>,
}

impl UpstreamDialer {
    pub(super) fn new(route: Route) -> Self {
        let (making, attempts, looking_up, titles, reported_warnings) = Default::default();
        Self { route, making, attempts, looking_up, titles, reported_warnings }
    }

    /// Whether one is in the making for this client.
    pub(super) fn is_for(&self, client: Id) -> bool {
        self.making.contains_key(&client)
    }

    /// Drops all that are in the making.
    pub(super) fn cancel(&mut self, pool: &mut Pool) {
        self.attempts.clear();
        self.looking_up.clear();
        for mut connector in std::mem::take(&mut self.making).into_values() {
            connector.cancel(pool);
        }
    }

    /// Drops the one that is in the making for this client.
    pub(super) fn drop_one(&mut self, pool: &mut Pool, client: Id) {
        if let Some(mut connector) = self.take(client) {
            connector.cancel(pool);
        }
    }

    /// Takes the one for this client out, with what is noted of it.
    fn take(&mut self, client: Id) -> Option<Connector> {
        let connector = self.making.remove(&client)?;
        self.looking_up.remove(&client);
        for attempt in connector.attempts() {
            self.attempts.remove(&attempt);
        }
        Some(connector)
    }

    /// Puts the one for this client in, or back.
    fn put(&mut self, client: Id, connector: Connector) {
        self.attempts.extend(connector.attempts().map(|attempt| (attempt, client)));
        if connector.attempts().next().is_none() {
            self.looking_up.insert(client);
        }
        self.making.insert(client, connector);
    }

    /// The name of a connection that is gone.
    pub(super) fn take_title(&mut self, id: Id) -> Option<String> {
        self.titles.remove(&id)
    }

    /// The clients whose connectors an event is for.
    fn concerned(&self, event: &Event<'_>) -> Vec<Id> {
        match event {
            Event::Answered { id }
            | Event::Connected { id, .. }
            | Event::ConnectFailed { id, .. } => {
                self.attempts.get(id).copied().into_iter().collect()
            }
            Event::Timer { key } => key.id.filter(|id| self.is_for(*id)).into_iter().collect(),
            // The answer names a query and no client: each connector knows its own.
            Event::Mail(Mail::Resolved(..)) => self.looking_up.iter().copied().collect(),
            _ => Vec::new(),
        }
    }
}

impl Proxy {
    fn dialer(&mut self) -> Option<&mut UpstreamDialer> {
        match &mut self.upstreams {
            Upstreams::Forward(dialer) => Some(dialer),
            Upstreams::Exec(_) => None,
        }
    }

    /// Begins to dial for a connection, which is not read until there is an upstream.
    pub(super) fn dial(&mut self, context: &mut Context<'_>, client: Id) {
        // What is read now would have to be kept here without bound. Unread it stays in the kernel,
        // whose window closes when its buffer is full.
        context.pool.pause(client);
        let now = context.pool.now();
        let Some(dialer) = self.dialer() else { return };
        let mut route = dialer.route.clone();
        if route.options.announced.is_some() {
            let addresses = |it: &Connection| (it.peer.clone(), it.local.clone());
            route.options.client = context.streams.table.get(client).map(addresses);
        }
        let mut connector = Connector::on_behalf(route, client, now);
        let progress = connector.begin(context.pool);
        dialer.put(client, connector);
        self.on_progress(context, client, progress);
    }

    /// Takes an event of the connections in the making; false where it may be for others, too.
    pub(super) fn on_dialing(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        let Some(dialer) = self.dialer() else { return false };
        for client in dialer.concerned(event) {
            let Some(dialer) = self.dialer() else { continue };
            if let Some(mut connector) = dialer.take(client) {
                let progress = connector.on(context.pool, event);
                dialer.put(client, connector);
                self.on_progress(context, client, progress);
            }
        }
        matches!(event, Event::Connected { .. } | Event::ConnectFailed { .. })
    }

    fn on_progress(&mut self, context: &mut Context<'_>, client: Id, progress: Progress) {
        self.report_notes(context, client);
        match progress {
            // Why it takes another attempt is reported when it comes to nothing.
            Progress::Pending | Progress::Retrying { .. } => {}
            Progress::Connected(new) => self.connected(context, client, &new),
            Progress::Failed(failure) => {
                if let Some(dialer) = self.dialer() {
                    drop(dialer.take(client));
                }
                report_missing(context, client, &failure, UPSTREAM_LOST);
            }
        }
    }

    fn report_notes(&mut self, context: &mut Context<'_>, client: Id) {
        let Some(dialer) = self.dialer() else { return };
        let Some(connector) = dialer.making.get_mut(&client) else { return };
        let number = context.streams.table.get(client).map(|connection| connection.number);
        for note in connector.take_notes() {
            let (console, reported) = (&mut context.core.console, &mut dialer.reported_warnings);
            note.report_once(context.pool, console, number, reported);
        }
    }

    fn connected(&mut self, context: &mut Context<'_>, client: Id, new: &Established) {
        let (Upstreams::Forward(dialer), Some(connection)) =
            (&mut self.upstreams, context.streams.table.get(client))
        else {
            return context.pool.abort(new.id, CloseReason::HOST);
        };
        let Established { id, peer, local, .. } = new;
        let (peer, local) = (peer.to_string(), local.to_string());
        let notice = Notice::new(Name::Connected).conn(connection.number).proto(new.peer.proto());
        context.core.console.report(context.pool, &notice.peer(&peer).local(&local));
        #[cfg(feature = "tls")]
        report_agreed(context.core, context.pool, *id, Some(connection.number), &new.peer);
        drop(dialer.take(client));
        dialer.titles.insert(*id, format!("{peer} for {}", connection.title()));
        self.relays.join(context.pool, client, Channels::connection(*id), context.streams.queue);
    }
}
