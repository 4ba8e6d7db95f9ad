//! `echo`: what comes goes back, on streams and datagram sockets alike.
//!
//! This file owns the course of the run; `streams` has the connections, `datagrams` the sockets,
//! `responder` what is made of a message, `delay_queue` the answers that are held back.

mod datagrams;
mod delay_queue;
mod responder;
mod streams;

use super::clients::Clients;
use super::config::Echo;
use super::console::Console;
use super::core::{Core, GRACE, SIGNALLED};
use super::datagrams::{FullPeer, GroupInterface, Sockets};
use super::input::InputReader;
use super::session::{Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;

use delay_queue::DelayQueue;
use responder::Responder;
use streams::PendingClose;

/// The echo server's session.
pub struct EchoSession {
    core: Core,
    responder: Responder,
    delay_queue: DelayQueue<Id>,
    clients: Clients<PendingClose>,
    sockets: Sockets,
    /// Reading is paused because stdout is full.
    paused: bool,
    /// A datagram could not be answered, and that was reported.
    unanswered: bool,
}

impl EchoSession {
    /// A session over open listeners and datagram sockets, those of groups with the group and its
    /// interface.
    pub fn new(
        config: Echo,
        console: Console,
        input: InputReader,
        listeners: Vec<Id>,
        open: Vec<(Id, GroupInterface)>,
    ) -> Self {
        let mut sockets = Sockets::new(FullPeer::Wait);
        open.into_iter().for_each(|(id, place)| sockets.add(id, place));
        let (delay_queue, responder) = (DelayQueue::new(config.delay), Responder::new(&config));
        let mut core = Core::new(config.common, console, input);
        core.listens = true;
        // Datagrams are messages, also beside streams that have none.
        if config.datagrams {
            core.search_messages();
        }
        Self {
            core,
            responder,
            delay_queue,
            clients: Clients::new(listeners, None, "connections"),
            sockets,
            paused: false,
            unanswered: false,
        }
    }

    /// Begins to serve.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        if self.delay_queue.is_enabled() {
            pool.keep_exact_time();
        }
        self.core.await_first(pool, "serve", "a client", "nobody came");
    }

    /// After a read: ends the run or applies backpressure.
    fn after_receive(&mut self, pool: &mut Pool) {
        self.core.console.commit(pool);
        if self.core.has_enough() || self.responder.has_stop_word() {
            return self.end(pool, CloseReason::HOST);
        }
        let full = self.core.console.is_full();
        if std::mem::replace(&mut self.paused, full) != full {
            self.clients.set_accepting(pool, !full);
            let ids: Vec<Id> = self.clients.ids().chain(self.sockets.ids()).collect();
            ids.into_iter().for_each(|id| self.balance(pool, id));
        }
    }

    /// Reads a source, or leaves what it sends in the kernel while its answers wait.
    fn balance(&mut self, pool: &mut Pool, id: Id) {
        let held = match self.clients.get(id) {
            Some(client) => client.full || client.state.is_some(),
            None if self.sockets.is_open(id) => self.sockets.has_queued(id),
            None => return,
        };
        if held || self.paused || self.delay_queue.is_full(id) {
            pool.pause(id);
        } else {
            pool.resume(id);
        }
    }

    /// Answers are due.
    fn answer_due(&mut self, pool: &mut Pool) {
        while let Some((id, answer)) = self.delay_queue.pop(pool.now()) {
            match &answer.to {
                Some(to) => self.send_datagram(pool, id, answer.bytes, to),
                None => self.send_stream(pool, id, answer.bytes),
            }
            self.balance(pool, id);
            self.close_if_answered(pool, id);
        }
        self.arm_answer_timer(pool);
        self.finish_if_alone(pool);
    }

    fn arm_answer_timer(&self, pool: &mut Pool) {
        if let Some(due) = self.delay_queue.next() {
            let after = due.saturating_duration_since(pool.now());
            pool.arm(TimerKey::global(timers::ANSWER_DUE), after);
        }
    }

    /// Accepts no more clients; those that are connected still get their queued answers.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        self.clients.stop_listening(pool);
        // The stop word ends the run in order, as SIGTERM does: each client gets its `closed`.
        if let Some(worst) = self.clients.worst().filter(|_| !self.responder.has_stop_word()) {
            self.core.decide(worst);
        }
        self.core.limit_flushing(pool, SIGNALLED, self.delay_queue.delay() + GRACE);
        let ids: Vec<Id> = self.clients.ids().collect();
        for id in ids {
            if let Some(client) = self.clients.get_mut(id) {
                client.state.get_or_insert(reason);
            }
            pool.pause(id);
            self.close_if_answered(pool, id);
        }
        self.sockets.set_paused(pool, true);
        self.finish_if_alone(pool);
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.aborting = true;
        self.delay_queue.clear();
        self.end(pool, reason);
        self.clients.abort_all(pool, reason);
        self.sockets.clear_queues();
        self.finish_if_alone(pool);
    }

    fn finish_if_alone(&mut self, pool: &mut Pool) {
        let is_quiet = self.clients.is_empty() && self.delay_queue.next().is_none();
        if !(self.core.is_ending() && is_quiet && self.sockets.is_flushed()) {
            return;
        }
        let console = &mut self.core.console;
        self.sockets.read_counters(pool, console);
        self.sockets.report_drops(pool, console);
        self.sockets.close_all(pool, console, CloseReason::HOST);
        self.core.finish(pool);
    }
}

impl Session for EchoSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Accepted { id, peer, local, .. } => {
                self.accept(pool, id, peer.to_string(), local.to_string())
            }
            Event::AcceptFailed { error, .. } => {
                self.clients.accept_failed(pool, &mut self.core, &error)
            }
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } => self.on_data(pool, id, &[], true),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { error, .. } => {
                let text = format!("a peer: {}", crate::error::plain(&error));
                self.core.console.warn(pool, Kind::from(&error), &text);
            }
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => match (key.purpose, key.id) {
                (timers::ANSWER_DUE, _) => self.answer_due(pool),
                (timers::IDLE, Some(id)) => self.check_idle(pool, id),
                _ => self.clients.on_timer(pool, &mut self.core, key),
            },
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.after_receive(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(reason) => self.end(pool, reason),
            ShutdownMode::Enough | ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.clients.ids().chain(self.sockets.ids()).collect()
    }

    fn clients(&self) -> Option<usize> {
        Some(self.clients.len())
    }

    /// What has arrived is read first, and answered.
    fn stop(&mut self, pool: &mut Pool) {
        self.core.drain_then_end(pool, std::time::Duration::ZERO);
    }
}
