//! `echo --ping`: probes to an echo server, and how long the answers take.
//!
//! This file owns the course of the run; `opening` and `datagrams` have how its connections and
//! sockets come to be, `target` when what is sent, `telling` the figures.

mod datagrams;
mod opening;
mod target;
mod telling;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::config::Ping;
use super::connector::Connector;
use super::console::{Console, closed_event};
use super::core::Core;
use super::datagrams::Outbox;
use super::feed::Feed;
use super::lookup::Lookup;
use super::session::{How, Session};
use super::timers;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, Pool};
use crate::kind::Kind;
use crate::protocol::ping::{ProbeStream, Schedule, Tally};
use crate::report::{Name, Notice};
use crate::sockets::{Target, UnixGuard, datagram};

/// The probe's session.
pub struct PingSession {
    core: Core,
    config: Ping,
    /// The first connection in the making.
    connector: Option<Connector>,
    /// The others, once the first is there, and whom each is to.
    connecting: HashMap<Id, String>,
    /// Connections that are up and wait for the others, with both addresses.
    up: Vec<(Id, String, String)>,
    targets: HashMap<Id, ProbeTarget>,
    tally: Tally,
    /// For datagrams, whose sockets this session opens by itself.
    lookup: Lookup,
    /// Addresses of the name that were not tried, for datagrams.
    addresses: VecDeque<Target>,
    /// Why the address before is left, once its sockets are closed.
    refused: Option<Failure>,
    /// Socket files of our own.
    guards: Vec<UnixGuard>,
}

/// One connection or socket.
struct ProbeTarget {
    number: u64,
    peer: String,
    local: String,
    stream: ProbeStream,
    schedule: Schedule,
    /// When the last probe was due.
    last: Option<Instant>,
    /// Datagrams that the kernel did not take.
    outbox: Outbox,
    /// The clock of a closed loop is set.
    watched: bool,
    /// What waits to be written is much, or refused by the kernel: no more for now.
    full: bool,
    /// All its answers are there, or are not waited for any more.
    done: bool,
}

impl PingSession {
    /// A session that connects by itself.
    pub fn new(config: Ping, console: Console, feed: Feed) -> Self {
        let core = Core::new(config.common.clone(), console, feed);
        let closed_loop = config.interval.is_zero();
        Self {
            core,
            config,
            connector: None,
            connecting: HashMap::new(),
            up: Vec::new(),
            targets: HashMap::new(),
            tally: Tally::new(closed_loop),
            lookup: Lookup::default(),
            addresses: VecDeque::new(),
            refused: None,
            guards: Vec::new(),
        }
    }

    /// Something that the run cannot go on without has failed.
    fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    /// The figures, the judgement on the loss, and the end.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        if let Some(mut connector) = self.connector.take() {
            connector.call_off(pool);
        }
        let waiting = self.connecting.drain().map(|(id, _)| id);
        for id in waiting.chain(self.up.drain(..).map(|(id, ..)| id)) {
            pool.abort(id, reason);
        }
        self.report_result(pool);
        for (id, target) in &self.targets {
            let is_over = target.stream.is_settled() && !self.config.datagrams;
            match is_over && !self.core.is_decided() {
                true => pool.close(*id, reason, CloseMode::Linger),
                // Nobody waits for what is still under way.
                false => pool.abort(*id, reason),
            }
        }
        self.finish_if_alone(pool);
    }

    fn finish_if_alone(&mut self, pool: &mut Pool) {
        if self.core.is_ending() && self.targets.is_empty() {
            self.core.finish(pool);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(target) = self.targets.remove(&id) else { return };
        self.core.console.count(&end.traffic);
        let event = closed_event(&target.peer, &target.local, end, 0, pool.now());
        self.core.console.report(pool, &event.conn(target.number));
        if !self.core.is_ending() && self.targets.is_empty() && self.refused.is_some() {
            return self.open_next(pool);
        }
        if !self.core.is_ending() && !target.done {
            let failure = match &end.error {
                Some(error) => Failure::io(Status::Lost, "probe", target.peer.as_str(), error),
                None => left(&target.peer),
            };
            self.fail(pool, &failure);
        }
        self.finish_if_alone(pool);
    }

    /// The peer sends no more, before all answers are there.
    fn on_eof(&mut self, pool: &mut Pool, id: Id) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let event = Notice::new(Name::Eof).conn(target.number).peer(&target.peer);
        let failure = left(&target.peer);
        let is_early = !std::mem::replace(&mut target.done, true);
        self.core.console.report(pool, &event);
        if is_early && !self.core.is_ending() {
            self.fail(pool, &failure);
        }
    }

    /// The network says that a datagram did not arrive.
    fn on_trouble(&mut self, pool: &mut Pool, id: Id, error: &std::io::Error) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let failure = datagram::failure(&target.peer, error);
        if self.tally.answered() == 0 && (self.refused.is_some() || !self.addresses.is_empty()) {
            return self.leave_address(pool, failure);
        }
        target.done = true;
        // Who has answered before was there.
        let status = if self.tally.answered() > 0 { Status::Lost } else { failure.status };
        self.fail(pool, &Failure { status, ..failure });
    }
}

fn left(peer: &str) -> Failure {
    Failure::new(
        Status::Lost,
        Kind::Lost,
        "probe",
        peer,
        "it closed the connection before its answers",
    )
}

impl Session for PingSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if self.core.is_ending() {
            if let Event::Closed { id, end } = event {
                self.on_closed(pool, id, &end);
            }
            return;
        }
        if self.targets.is_empty() {
            self.open(pool, &event);
        }
        match event {
            Event::Data { id, bytes } => self.on_stream(pool, id, bytes),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { id, error } => self.on_trouble(pool, id, &error),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Eof { id } => self.on_eof(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => match (key.purpose, key.id) {
                (timers::NEXT_PROBE, Some(id)) => self.on_clock(pool, id),
                _ => {}
            },
            _ => {}
        }
    }

    fn resume(&mut self, _pool: &mut Pool) {}

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(_) | How::Enough | How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => {
                self.core.hurried = true;
                self.end(pool, reason);
                self.targets.keys().for_each(|id| pool.abort(*id, reason));
            }
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.targets.keys().copied().collect()
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        self.report_figures(pool);
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        self.show_figures(pool);
    }
}
