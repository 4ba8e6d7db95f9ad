//! `tcp-connect --replay`: plays the recorded connections one after another.

use super::differs;
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::replay::{Conversation, Conversations, Next, Send};
use crate::report::{Name, Notice};
use crate::sessions::clients::Clients;
use crate::sessions::config::{Connect, Dialing, Replay, Route};
use crate::sessions::connector::{Connector, Established, Progress};
use crate::sessions::console::{Console, Message, is_loss};
use crate::sessions::core::Core;
use crate::sessions::input::InputReader;
use crate::sessions::session::{Session, ShutdownMode};
use crate::sessions::timers;

/// The session of a client that replays.
pub struct ReplaySession {
    core: Core,
    conversations: Conversations,
    route: Route,
    dialing: Dialing,
    connector: Connector,
    clients: Clients<Conversation>,
}

impl ReplaySession {
    /// A session that connects.
    pub fn connect(
        pool: &Pool,
        config: Connect,
        replay: &Replay,
        console: Console,
        input: InputReader,
    ) -> Self {
        let Connect { common, route, dialing, .. } = config;
        let wait = common.limits.wait;
        let core = Core::new(common, console, input);
        let connector = Connector::of_client(route.clone(), wait, dialing, pool.now());
        let conversations = Conversations::new(&replay.scripts, replay.timing);
        let clients = Clients::new(Vec::new(), None, "connections");
        Self { core, conversations, route, dialing, connector, clients }
    }

    /// Begins to play.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        self.core.console.report(pool, &Notice::new(Name::Starting));
        let progress = self.connector.begin(pool);
        self.progressed(pool, progress);
    }

    fn progressed(&mut self, pool: &mut Pool, progress: Progress) {
        self.connector.report_notes(pool, &mut self.core.console);
        match progress {
            Progress::Pending => {}
            Progress::Connected(new) => {
                let proto = new.peer.proto();
                let Established { id, peer, local } = new;
                let (peer, local) = (peer.to_string(), local.to_string());
                self.core.forget_retry();
                let event = Notice::new(Name::Connected).proto(proto).peer(&peer).local(&local);
                self.core.console.report(pool, &event);
                self.core.ready(pool, std::slice::from_ref(&local), &peer);
                let conversation = self.conversations.begin_next(pool.now());
                self.clients.insert(pool, &mut self.core, id, (peer, local), conversation);
                self.begin(pool, id);
            }
            Progress::Retrying { failure, pause } => self.core.report_retry(pool, &failure, pause),
            Progress::Failed(failure) => {
                self.core.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(client) = self.clients.get_mut(id) {
            client.full = false;
            self.send(pool, id);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(client) = self.clients.remove(pool, &mut self.core, id, end) else { return };
        let is_expected = client.state.may_end(is_loss(end), end.unsent.is_empty());
        if !is_expected && !self.core.is_ending() {
            let cause = match client.state.missing() {
                Some(missing) => format!("{}; {missing}", end.reason),
                None => end.reason.to_string(),
            };
            let status = if is_loss(end) { Status::Lost } else { Status::Unmet };
            let failure = Failure::new(status, Kind::Replay, "replay", client.title(), cause);
            self.core.console.report_failure(pool, &failure);
            self.clients.note_status(status);
        }
        self.go_on(pool);
    }

    /// After a connection: the next one, or the end.
    fn go_on(&mut self, pool: &mut Pool) {
        if self.core.is_ending() || self.conversations.is_over() || self.clients.worst().is_some() {
            return self.conclude(pool);
        }
        let (route, wait) = (self.route.clone(), self.core.common.limits.wait);
        self.connector = Connector::of_client(route, wait, self.dialing, pool.now());
        let progress = self.connector.begin(pool);
        self.progressed(pool, progress);
    }

    fn conclude(&mut self, pool: &mut Pool) {
        if let Some(status) = self.clients.worst() {
            self.core.decide(status);
        }
        self.core.begin_ending(pool);
        self.core.finish(pool);
    }

    /// Closes in order: what is queued goes out first.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.wind_up(pool);
        self.clients.close_all(pool, reason);
    }

    /// Ends at once.
    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.aborting = true;
        self.wind_up(pool);
        self.clients.abort_all(pool, reason);
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.connector.cancel(pool);
        if self.clients.is_empty() {
            self.conclude(pool);
        }
    }

    /// Begins to play on a new connection.
    fn begin(&mut self, pool: &mut Pool, id: Id) {
        if self.core.console.is_full() {
            pool.pause(id);
        }
        self.receive(pool, id, &[], false);
    }

    /// Takes what came on a connection, and sends what is due then.
    fn receive(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let received = client.state.receive(&mut self.conversations, bytes, eof, pool.now());
        if let Err(difference) = received {
            let failure = differs(&client.title(), &difference);
            return self.fail(pool, id, &failure);
        }
        if eof && !client.state.end(pool.now()) {
            // What is missing is reported when it is known whether the end was one in order.
            return pool.close(id, CloseReason::PEER, CloseMode::Linger);
        }
        self.send(pool, id);
    }

    /// Sends what is due on a connection.
    fn send(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(id) else { return };
        while !client.full {
            let Some(next) = client.state.next(pool.now()) else { return };
            match next {
                Next::Send(Send::Bytes(bytes)) => {
                    client.full = pool.send_shared(id, bytes) == SendOutcome::Full;
                }
                Next::Send(Send::Fin) => pool.finish(id),
                Next::At(at) => {
                    let after = at.saturating_duration_since(pool.now());
                    return pool.arm(TimerKey::of(id, timers::PACE), after);
                }
                Next::Receive => return,
                Next::Done => return pool.close(id, CloseReason::HOST, CloseMode::Linger),
            }
        }
    }

    /// Reports that a conversation has failed, and ends the run.
    fn fail(&mut self, pool: &mut Pool, id: Id, failure: &Failure) {
        self.core.console.report_failure(pool, failure);
        self.clients.note_status(failure.status);
        if let Some(client) = self.clients.get_mut(id) {
            client.state = Conversation::Failed;
        }
        pool.close(id, CloseReason::HOST, CloseMode::Linger);
        self.end(pool, CloseReason::HOST);
    }

    fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8]) {
        let Some(client) = self.clients.get(id) else { return };
        self.core.console.deliver(pool, &Message::new(bytes, &client.peer));
        self.core.console.commit(pool);
        if self.core.console.is_full() {
            self.clients.ids().for_each(|id| pool.pause(id));
        }
        self.receive(pool, id, bytes, false);
    }

    fn on_eof(&mut self, pool: &mut Pool, id: Id) {
        self.clients.on_eof(pool, &mut self.core, id);
        self.receive(pool, id, &[], true);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::IDLE, Some(id)) => self.check_idle(pool, id),
            (timers::PACE, Some(id)) => self.send(pool, id),
            _ => self.clients.on_timer(pool, &mut self.core, key),
        }
    }

    /// Reports what every conversation still waits for.
    fn report_missing(&mut self, pool: &mut Pool) {
        for (_, client) in self.clients.iter() {
            if let Some(missing) = client.state.missing() {
                let failure = differs(&client.title(), &missing);
                self.core.console.report_failure(pool, &failure);
            }
        }
    }

    /// `--idle-timeout`: reports what is missing.
    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let is_held = self.core.console.is_full();
        if !self.clients.is_idle(pool, &self.core, id, is_held) {
            return;
        }
        let Some(client) = self.clients.get(id) else { return };
        let missing = client.state.missing();
        let limit = self.core.common.limits.idle.unwrap_or_default();
        let limit = humantime::format_duration(limit);
        let cause = match missing {
            Some(missing) => format!("no traffic for {limit}; {missing}"),
            None => format!("no traffic for {limit}"),
        };
        let (status, kind) = (Status::Timeout, Kind::Timeout);
        let failure = Failure::new(status, kind, "replay", client.title(), cause);
        self.fail(pool, id, &failure);
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
        let progress = self.connector.on(pool, &event);
        let is_news = !matches!(progress, Progress::Pending);
        self.progressed(pool, progress);
        if is_news {
            return;
        }
        match event {
            Event::Data { id, bytes } => self.on_data(pool, id, bytes),
            Event::Eof { id } => self.on_eof(pool, id),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.clients.ids().for_each(|id| pool.resume(id));
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(reason) => self.end(pool, reason),
            ShutdownMode::Enough | ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::Now(reason) => {
                if reason.detail == Detail::Timeout {
                    self.report_missing(pool);
                }
                self.end_now(pool, reason);
            }
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.clients.ids().collect()
    }
}
