//! `tcp-serve`: many connections on one loop.
//!
//! This file owns the listeners, the clients and the course of the run; `door` has who gets in,
//! `service` what is done with clients, `receive` what they send, `send` and `fanout` what they are
//! sent, `commands` what a program asks for, `partners` whom they are relayed to (made by `forward`
//! and `exec`), `limits` the timers.

mod client;
mod commands;
mod door;
mod exec;
mod fanout;
mod forward;
mod limits;
mod partners;
mod receive;
mod send;
mod service;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

use bytes::Bytes;

use super::config::Serve;
use super::console::{Console, is_loss};
use super::core::{Core, GRACE, NOTE_AFTER};
use super::feed::Feed;
use super::session::{How, Session};
use super::timers;
use crate::close::{Cause, CloseReason};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, Pool, TimerKey};
use crate::framing::Framer;
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::protocol::slow::SlowRules;
use crate::report::Notice;

use client::Client;
use commands::Directory;
use service::{Frame, Service};

/// The clients by id. The hasher has fixed keys, so that a simulation meets them in the same
/// order each time; nobody outside chooses ids.
type Clients = HashMap<Id, Client, BuildHasherDefault<DefaultHasher>>;

/// The server's session.
pub struct ServeSession {
    core: Core,
    service: Service,
    access: Access,
    slow: SlowRules,
    queue: usize,
    greet: Option<Bytes>,
    /// `--send`: what each client is sent in place of stdin, and how many messages it is.
    words: Option<(Bytes, usize)>,
    framer: Option<Box<dyn Framer>>,
    conns: Option<u64>,
    max_clients: Option<usize>,
    /// As many clients as there are descriptors for, where that is known.
    places: Option<usize>,
    listeners: Vec<Id>,
    clients: Clients,
    directory: Directory,
    /// Clients whose full queue holds up whatever feeds it.
    holders: HashSet<Id>,
    clients_paused: bool,
    /// New clients wait in the backlog.
    shut: bool,
    /// Throttled input is being sent.
    letting_go: bool,
    /// Accepting failed for want of descriptors, and that was told.
    starved: bool,
    /// What the worst end of a connection means for the status.
    worst: Option<Status>,
    scratch: Vec<u8>,
}

impl ServeSession {
    /// A session over open listeners.
    ///
    /// # Errors
    /// A greeting, reply or text that the framing cannot carry.
    pub fn new(
        config: Serve,
        console: Console,
        mut feed: Feed,
        listeners: Vec<Id>,
    ) -> Result<Self, Failure> {
        let words = feed.take_words()?.map(|batch| (batch.bytes.into(), batch.ends.len()));
        let common = &config.common;
        let framer = common.wire.framer();
        let frame = Frame { framer: framer.as_deref(), framing: common.wire.framing };
        let greet = config.greet.as_ref().map(|text| frame.text("--greet", text)).transpose()?;
        let service = Service::new(config.handling, config.queue, &frame)?;
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        Ok(Self {
            greet,
            words,
            framer,
            service,
            access: config.access,
            slow: config.slow,
            queue: config.queue,
            conns: config.conns,
            max_clients: config.max_clients,
            places: None,
            core,
            listeners,
            clients: Clients::default(),
            directory: Directory::default(),
            holders: HashSet::new(),
            clients_paused: false,
            shut: false,
            letting_go: false,
            starved: false,
            worst: None,
            scratch: Vec::new(),
        })
    }

    /// Begins to serve.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        self.core.await_first(pool, "serve", "a client", "nobody connected");
        self.balance(pool);
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        self.client_drained(pool, id);
        self.report_drained(pool, id);
        if let (true, Some(patience)) = (self.input().ended, self.core.common.rules.quit_after) {
            pool.arm(TimerKey::of(id, timers::QUIT), patience);
        }
    }

    fn client_closed(&mut self, pool: &mut Pool, id: Id, client: &Client, end: &End) {
        self.holders.remove(&id);
        self.directory.remove(client.number, &client.peer, id);
        self.report_unsent(pool, client, end);
        self.core.console.count(&end.traffic);
        self.core.console.report(pool, &client.closed(end, pool.now()));
        // Who has enough cuts off what the others do not take.
        let is_enough = self.core.has_enough() && end.reason.cause == Cause::Host;
        if is_loss(end) && !is_enough {
            self.worst.get_or_insert(Status::Lost);
            self.report_loss(pool, client, end);
        }
        if client.lag.skipped > 0 {
            let text = format!("{} missed {} messages", client.title(), client.lag.skipped);
            self.core.console.warn(pool, Kind::Skipped, &text);
            self.worst.get_or_insert(Status::Lost);
        }
        self.part(pool, id, end);
        self.somebody_left(pool);
    }

    /// A client is gone, or the partner of one: others may come, or the run is over.
    fn somebody_left(&mut self, pool: &mut Pool) {
        self.balance(pool);
        if !(self.clients.is_empty() && (self.core.is_ending() || self.listeners.is_empty())) {
            return;
        }
        if let Some(partners) = self.service.partners() {
            partners.dismiss_lost(pool);
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
        if self.is_deserted() {
            self.core.begin_ending(pool);
            self.finish(pool);
        }
    }

    /// Whether nobody is left.
    fn is_deserted(&self) -> bool {
        self.clients.is_empty() && self.service.is_deserted()
    }

    /// Says what a client's end cost, where its `closed` event alone would not be seen.
    fn report_loss(&mut self, pool: &mut Pool, client: &Client, end: &End) {
        let unsent = end.unsent.len();
        if end.reason == CloseReason::FRAME
            && let Some(error) = &end.error
        {
            let cause = crate::error::plain(error);
            let failure =
                Failure::new(Status::Lost, Kind::Frame, "read from", client.title(), cause);
            let event = Notice::error(&failure).conn(client.number);
            self.core.console.report(pool, &event);
        } else if let (Some(error), false) = (&end.error, self.core.is_ending()) {
            let text = format!("{} was lost: {}", client.title(), crate::error::plain(error));
            self.core.console.warn(pool, Kind::Lost, &text);
        }
        if unsent > 0 {
            let text = format!("{unsent} bytes for {} were not sent", client.title());
            self.core.console.warn(pool, Kind::Unsent, &text);
        }
    }

    /// Stops listening and closes all clients in order.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.wind_up(pool);
        if let Some(partners) = self.service.partners() {
            partners.end(pool);
        }
        for id in self.clients.keys() {
            pool.close(*id, reason, CloseMode::Linger);
        }
    }

    /// Has received what it was for. What is queued goes out, to clients that take it soon.
    fn end_with_enough(&mut self, pool: &mut Pool) {
        if self.core.is_ending() {
            return;
        }
        self.end(pool, CloseReason::HOST);
        for id in self.clients.keys() {
            pool.arm(TimerKey::of(*id, timers::GRACE), GRACE);
        }
    }

    /// Stops listening and cuts all clients off.
    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.wind_up(pool);
        if let Some(partners) = self.service.partners() {
            partners.abort(pool, reason);
        }
        for id in self.clients.keys() {
            pool.abort(*id, reason);
        }
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.core.feed.close(pool);
        self.stop_listening(pool);
        if self.is_deserted() {
            self.finish(pool);
        }
    }

    /// Nobody is left: what their ends cost decides the status, where nothing else has.
    fn finish(&mut self, pool: &mut Pool) {
        if let Some(status) = self.worst {
            self.core.decide(status);
        }
        self.core.finish(pool);
    }
}

impl Session for ServeSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if self.on_partner(pool, &event) {
            return;
        }
        match event {
            Event::Accepted { id, peer, local, .. } => {
                self.accept(pool, id, peer.to_string(), local.to_string())
            }
            Event::AcceptFailed { error, .. } => self.accept_failed(pool, &error),
            Event::Data { id, bytes } if self.core.feed.is(id) => self.on_input(pool, bytes, false),
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } if self.core.feed.is(id) => self.on_input(pool, &[], true),
            Event::Eof { id } => self.on_data(pool, id, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => {
                if let Some(client) = self.clients.remove(&id) {
                    self.client_closed(pool, id, &client, &end);
                }
            }
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.balance(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(reason) => {
                self.core.limit_flushing(pool, reason, GRACE);
                self.end(pool, reason);
            }
            How::Enough => self.end_with_enough(pool),
            How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.clients.keys().copied().collect()
    }

    fn clients(&self) -> Option<usize> {
        Some(self.clients.len())
    }

    fn report_waiting(&mut self, pool: &mut Pool) {
        self.report_awaited(pool);
    }
}
