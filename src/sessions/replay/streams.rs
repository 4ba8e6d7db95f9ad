//! Streams that are replayed: `tcp-serve` plays all recorded connections with whoever comes,
//! `tcp-connect` one after another.

use std::collections::HashMap;

use super::link::Link;
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, Pool};
use crate::kind::Kind;
use crate::protocol::replay::Conversations;
use crate::report::{Name, Notice};
use crate::sessions::config::{Connect, Dialing, Replay, Route, Serve};
use crate::sessions::connector::{Connector, Established, Progress};
use crate::sessions::console::{Console, closed_event, is_loss};
use crate::sessions::core::Core;
use crate::sessions::feed::Feed;
use crate::sessions::session::{How, Session};

/// The session of `--replay` on streams.
pub struct ReplaySession {
    pub(super) core: Core,
    pub(super) conversations: Conversations,
    pub(super) side: Side,
    pub(super) links: HashMap<Id, Link>,
    /// A conversation has gone otherwise.
    pub(super) worst: Option<Status>,
}

/// Where connections come from.
pub(super) enum Side {
    Client {
        route: Route,
        dialing: Dialing,
        connector: Box<Connector>,
    },
    Server {
        listeners: Vec<Id>,
        /// How many to take in all.
        conns: u64,
    },
}

impl ReplaySession {
    /// The client's session.
    pub fn connect(
        pool: &Pool,
        config: Connect,
        replay: &Replay,
        console: Console,
        feed: Feed,
    ) -> Self {
        let Connect { common, route, dialing, .. } = config;
        let wait = common.limits.wait;
        let core = Core::new(common, console, feed);
        let connector = Connector::of_client(route.clone(), wait, dialing, pool.now());
        let side = Side::Client { route, dialing, connector: Box::new(connector) };
        Self::new(core, replay, side)
    }

    /// The server's session.
    pub fn serve(
        config: Serve,
        replay: &Replay,
        console: Console,
        feed: Feed,
        listeners: Vec<Id>,
    ) -> Self {
        let conns = config.conns.unwrap_or(replay.scripts.len() as u64);
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        Self::new(core, replay, Side::Server { listeners, conns })
    }

    fn new(core: Core, replay: &Replay, side: Side) -> Self {
        let conversations = Conversations::new(&replay.scripts, replay.timing);
        Self { core, conversations, side, links: HashMap::new(), worst: None }
    }

    /// Begins to play.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        match &mut self.side {
            Side::Client { connector, .. } => {
                self.core.console.report(pool, &Notice::new(Name::Starting));
                let progress = connector.begin(pool);
                self.progressed(pool, progress);
            }
            Side::Server { .. } => {
                self.core.await_first(pool, "serve", "a client", "nobody connected");
            }
        }
    }

    fn progressed(&mut self, pool: &mut Pool, progress: Progress) {
        let Side::Client { connector, .. } = &mut self.side else { return };
        connector.report_notes(pool, &mut self.core.console);
        match progress {
            Progress::Pending => {}
            Progress::Connected(Established { id, peer, local }) => {
                self.core.forget_retry();
                let proto = if peer.starts_with("unix") { "unix" } else { "tcp" };
                let event = Notice::new(Name::Connected).proto(proto).peer(&peer).local(&local);
                self.core.console.report(pool, &event);
                self.core.ready(pool, std::slice::from_ref(&local), &peer);
                self.begin(pool, id, peer, local);
            }
            Progress::Retrying { failure, pause } => self.core.report_retry(pool, &failure, pause),
            Progress::Failed(failure) => {
                self.core.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    fn accept(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        self.core.first_came(pool);
        let number = self.core.connections() + 1;
        let event = Notice::new(Name::Accepted).conn(number).peer(&peer).local(&local);
        self.core.console.report(pool, &event);
        self.begin(pool, id, peer, local);
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(link) = self.links.get_mut(&id) {
            link.full = false;
            self.send(pool, id);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        self.core.console.count(&end.traffic);
        let event = closed_event(&link.peer, &link.local, end, 0, pool.now());
        let is_server = matches!(self.side, Side::Server { .. });
        let event = if is_server { event.conn(link.number) } else { event };
        self.core.console.report(pool, &event);
        let is_expected = link.conversation.may_end(is_loss(end), end.unsent.is_empty());
        if !is_expected && !self.core.is_ending() {
            let missing = link.conversation.missing();
            let cause = match missing {
                Some(missing) => format!("{}; {missing}", end.reason),
                None => end.reason.to_string(),
            };
            let status = if is_loss(end) { Status::Lost } else { Status::Unmet };
            let failure = Failure::new(status, Kind::Replay, "replay", link.title(), cause);
            self.core.console.complain(pool, &failure);
            self.worst.get_or_insert(status);
        }
        self.go_on(pool);
    }

    /// After a connection: the next one, or the end.
    fn go_on(&mut self, pool: &mut Pool) {
        let more = match &mut self.side {
            Side::Server { listeners, .. } => !listeners.is_empty(),
            Side::Client { .. } => !self.conversations.is_over() && self.worst.is_none(),
        };
        if self.core.is_ending() || !more {
            if self.links.is_empty() {
                self.conclude(pool);
            }
        } else if let Side::Client { route, dialing, connector } = &mut self.side {
            let (route, wait) = (route.clone(), self.core.common.limits.wait);
            **connector = Connector::of_client(route, wait, *dialing, pool.now());
            let progress = connector.begin(pool);
            self.progressed(pool, progress);
        }
    }

    fn conclude(&mut self, pool: &mut Pool) {
        if let Some(status) = self.worst {
            self.core.decide(status);
        }
        self.core.begin_ending(pool);
        self.core.finish(pool);
    }

    /// Closes in order: what is queued goes out first.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.wind_up(pool);
        self.links.keys().for_each(|id| pool.close(*id, reason, CloseMode::Linger));
    }

    /// Ends at once.
    pub(super) fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.wind_up(pool);
        self.links.keys().for_each(|id| pool.abort(*id, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        match &mut self.side {
            Side::Client { connector, .. } => connector.call_off(pool),
            Side::Server { listeners, .. } => {
                listeners.drain(..).for_each(|id| pool.abort(id, CloseReason::HOST));
            }
        }
        if self.links.is_empty() {
            self.conclude(pool);
        }
    }
}

impl Session for ReplaySession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if let Side::Client { connector, .. } = &mut self.side {
            let progress = connector.on(pool, &event);
            let is_news = !matches!(progress, Progress::Pending);
            self.progressed(pool, progress);
            if is_news {
                return;
            }
        }
        match event {
            Event::Accepted { id, peer, local, .. } => {
                self.accept(pool, id, peer.to_string(), local.to_string())
            }
            Event::AcceptFailed { error, .. } => {
                let text = format!("cannot accept: {}", crate::error::plain(&error));
                self.core.console.warn(pool, Kind::Starved, &text);
            }
            Event::Data { id, bytes } => self.on_data(pool, id, bytes),
            Event::Eof { id } => self.on_eof(pool, id),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => {
                if let Some(link) = self.links.remove(&id) {
                    self.on_closed(pool, &link, &end);
                }
            }
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.links.keys().for_each(|id| pool.resume(*id));
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(reason) => self.end(pool, reason),
            How::Enough | How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => {
                if reason.detail == Detail::Timeout {
                    self.report_missing(pool);
                }
                self.end_now(pool, reason);
            }
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.links.keys().copied().collect()
    }
}
