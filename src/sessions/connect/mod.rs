//! `tcp-connect`: stdin to one connection, the connection to stdout.
//!
//! This file owns the connection and the course of the run; `flow` has what goes through it,
//! `commands` what a program asks for, `exec` the command that takes it over, `ending` what follows
//! its end, `limits` the timers.

mod commands;
mod ending;
mod exec;
mod flow;
mod limits;

use bytes::Bytes;

use super::children::{self, Program};
use super::config::Connect;
use super::connector::{Connector, Established, Progress};
use super::console::Console;
use super::core::{Core, GRACE};
use super::input::InputReader;
use super::ready;
use super::receiver::Receiver;
use super::session::{Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Event, Id, Pool, TimerKey};
use crate::report::{Name, Notice};
use exec::Exec;

/// Bytes that wait for the connection before stdin is paused. The kernel's own buffer is behind
/// them, so few are enough.
const QUEUE: usize = 64 * 1024;

/// The client's session.
pub struct ConnectSession {
    core: Core,
    connector: Connector,
    reconnect: bool,
    /// All that is asked is whether there is a connection.
    probe: bool,
    exec: Option<Exec>,
    link: Option<Link>,
    /// What a lost connection did not send, for the next one.
    carried: Vec<Bytes>,
    /// `/quit` waits for a connection that takes what is carried.
    quitting: bool,
    /// So much is carried that no more is taken.
    carry_full: bool,
    /// The last peer.
    reached: String,
}

/// The connection, while there is one.
struct Link {
    id: Id,
    /// Which one of the run it is, counted from 1, where commands may call it by that.
    number: Option<u64>,
    peer: String,
    local: String,
    receiver: Receiver,
    peer_ended: bool,
    /// The queue is full, and stdin waits.
    full: bool,
}

impl ConnectSession {
    /// A session on an open console and input.
    pub fn new(pool: &Pool, config: Connect, console: Console, input: InputReader) -> Self {
        Self {
            connector: Connector::of_client(
                config.route,
                config.common.limits.wait,
                config.dialing,
                pool.now(),
            ),
            reconnect: config.dialing.reconnect,
            probe: config.probe,
            exec: config.exec.map(Exec::new),
            core: Core::new(config.common, console, input),
            link: None,
            carried: Vec::new(),
            quitting: false,
            carry_full: false,
            reached: String::new(),
        }
    }

    /// Begins to connect.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.report_starting(pool);
        self.core.start(pool);
        if self.core.input.has_commands() {
            self.resume_input(pool);
        }
        let progress = self.connector.begin(pool);
        self.connector.report_notes(pool, &mut self.core.console);
        self.progressed(pool, progress);
    }

    /// Begins on a connection that is open already, in place of [`ConnectSession::start`].
    pub fn use_open(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        self.core.report_starting(pool);
        self.core.start(pool);
        self.connected(pool, Established { id, peer, local });
    }

    /// Puts a program in the place of this one, after a connection that came to be. Returns only
    /// where that fails.
    pub fn hand_over(&self, program: &Program) -> Failure {
        children::exec(program, &ready::environment(&self.reached))
    }

    fn progressed(&mut self, pool: &mut Pool, progress: Progress) {
        match progress {
            Progress::Pending => {}
            Progress::Connected(new) => self.connected(pool, new),
            Progress::Retrying { failure, pause } => self.core.report_retry(pool, &failure, pause),
            Progress::Failed(failure) => {
                self.core.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    fn connected(&mut self, pool: &mut Pool, new: Established) {
        let proto = new.proto();
        let Established { id, peer, local } = new;
        let number = self.core.count_connection();
        let number = self.core.input.has_commands().then_some(number);
        let event = Notice::new(Name::Connected).maybe_conn(number).proto(proto);
        self.core.console.report(pool, &event.peer(&peer).local(&local));
        self.core.forget_retry();
        pool.set_high_mark(id, QUEUE);
        let receiver = Receiver::new(&self.core.common, pool.now());
        self.link =
            Some(Link { id, number, peer, local, receiver, peer_ended: false, full: false });
        if self.probe {
            self.report_ready(pool);
            self.core.begin_ending(pool);
            return pool.abort(id, CloseReason::HOST);
        }
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
        if let Some(limit) = self.core.common.limits.read {
            pool.arm(TimerKey::of(id, timers::READ), limit);
        }
        if self.core.console.is_full() {
            pool.pause(id);
        }
        let carried = std::mem::take(&mut self.carried);
        let carries = !carried.is_empty();
        for piece in carried {
            let outcome = pool.send_shared(id, piece);
            self.sent(pool, outcome);
        }
        if self.core.input.has_commands() {
            self.carried_over(pool, carries);
        } else if self.core.input.progress().ended {
            self.input_ended(pool);
        } else {
            self.core.input.resume(pool);
        }
        self.start_command(pool);
        self.report_ready(pool);
    }

    /// There is a connection.
    fn report_ready(&mut self, pool: &mut Pool) {
        if let Some(link) = &self.link {
            self.reached.clone_from(&link.peer);
            self.core.ready(pool, std::slice::from_ref(&link.local), &link.peer);
        }
    }

    /// Closes in order: what is queued goes out first.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.begin_ending(pool);
        self.connector.cancel(pool);
        self.core.input.close(pool);
        match &self.link {
            Some(link) => pool.close(link.id, reason, CloseMode::Linger),
            None => self.finish_if_over(pool),
        }
    }

    /// Has received what it was for. What is queued goes out, to a peer that takes it soon.
    fn end_with_enough(&mut self, pool: &mut Pool) {
        self.end(pool, CloseReason::HOST);
        if let Some(link) = &self.link {
            pool.arm(TimerKey::of(link.id, timers::GRACE), GRACE);
        }
    }

    /// Ends at once.
    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.begin_ending(pool);
        self.core.aborting = true;
        self.connector.cancel(pool);
        self.core.input.close(pool);
        if let Some(exec) = &mut self.exec {
            exec.abort(pool, &mut self.core.children);
        }
        match &self.link {
            Some(link) => pool.abort(link.id, reason),
            None => self.finish_if_over(pool),
        }
    }
}

impl Session for ConnectSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        let progress = self.connector.on(pool, &event);
        self.connector.report_notes(pool, &mut self.core.console);
        if !matches!(progress, Progress::Pending) {
            return self.progressed(pool, progress);
        }
        if self.on_command(pool, &event) {
            return;
        }
        match event {
            Event::Data { id, bytes } if self.core.input.is(id) => {
                self.on_input(pool, bytes, false)
            }
            Event::Data { bytes, .. } => self.on_data(pool, bytes, false),
            Event::Eof { id } if self.core.input.is(id) => self.on_input(pool, &[], true),
            Event::Eof { .. } => self.on_data(pool, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.resume_reading(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(_) | ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::Enough => self.end_with_enough(pool),
            ShutdownMode::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.link.as_ref().map(|link| link.id).into_iter().collect()
    }

    fn report_waiting(&mut self, pool: &mut Pool) {
        self.report_awaited(pool);
    }
}
