//! `chat --host`: a room on this machine, in which the user may take part.
//!
//! `Clients` has the connections; what the lines mean and who is sent what is the business of the
//! [`Room`].

use std::collections::HashMap;

use bytes::Bytes;

use super::config::{HostConfig, dialect};
use super::frontend::Frontend;
use super::screen::Screen;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{End, Event, Id, Pool, SendOutcome, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::chat::line::{ChatLine, readable};
use crate::protocol::chat::room::{MemberId, Room, RoomAction};
use crate::protocol::chat::{Dialect, Nick};
use crate::protocol::relay::Source;
use crate::report::{Name, Notice};
use crate::sessions::clients::Clients;
use crate::sessions::console::Console;
use crate::sessions::core::{Core, GRACE, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::session::{Local, Session, ShutdownMode};
use crate::sessions::timers;

/// The member number of the user, who has no connection.
const HOST: MemberId = 0;

/// The session of a room.
pub struct HostSession {
    core: Core,
    frontend: Option<Frontend>,
    dialect: Dialect,
    room: Room,
    queue: usize,
    clients: Clients<Membership>,
    ids: HashMap<MemberId, Id>,
}

/// What the room keeps about the connection of a member.
#[derive(Default)]
struct Membership {
    /// The room knows it: it has completed the handshake of its protocol.
    is_known: bool,
    /// Why it is closed, where the end of the connection does not show it.
    why: Option<String>,
}

impl HostSession {
    /// A room over open listeners.
    pub fn new(
        pool: &Pool,
        config: HostConfig,
        console: Console,
        input: InputReader,
        listeners: Vec<Id>,
        screen: Option<Screen>,
    ) -> Self {
        let dialect = dialect(&config.common.wire);
        let mut room = Room::new(dialect);
        let frontend = config.identity.map(|identity| {
            let nick = identity.nick.clone().filter(|_| dialect.has_nicks());
            room.add_host(HOST, &nick.unwrap_or_else(|| name(dialect, HOST)), pool.now());
            Frontend::new(&identity, screen)
        });
        let mut core = Core::new(config.common, console, input);
        core.listens = true;
        Self {
            core,
            frontend,
            dialect,
            room,
            queue: config.queue,
            clients: Clients::new(listeners, config.max_clients, "members"),
            ids: HashMap::new(),
        }
    }

    /// Opens the room.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        self.core.await_first(pool, "host", "the room", "nobody came");
        self.core.input.resume(pool);
        self.advance(pool);
    }

    fn on_accepted(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        let core = &mut self.core;
        let number = self.clients.accept(pool, core, id, (peer, local), Membership::default());
        pool.set_high_mark(id, self.queue);
        self.ids.insert(number, id);
        // Where there is a handshake, one that does not complete it is no member.
        if pool.is_open(id) {
            self.add_member(pool, id);
        } else {
            pool.await_flush(id);
        }
        self.advance(pool);
    }

    /// Adds a client to the room, once.
    fn add_member(&mut self, pool: &Pool, id: Id) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !std::mem::replace(&mut client.state.is_known, true) {
            self.room.add_member(client.number, &name(self.dialect, client.number), pool.now());
        }
    }

    fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        self.add_member(pool, id);
        let Some(client) = self.clients.get_mut(id) else { return };
        let (room, core, number) = (&mut self.room, &mut self.core, client.number);
        let outcome = client.receiver.feed(bytes, eof, pool.now(), &mut |frame| {
            if core.take_message(frame.payload) {
                room.receive(number, frame.payload);
            }
        });
        if let Err(error) = outcome {
            let text = format!("{} is closed: {error}", client.title());
            client.state.why = Some(error.to_string());
            self.core.console.warn(pool, Kind::Frame, &text);
            pool.abort(id, CloseReason::FRAME);
        } else if eof {
            client.peer_ended = true;
            self.room.finish(number);
        }
        self.advance(pool);
        if self.core.has_enough() {
            self.end(pool, CloseReason::HOST);
        }
    }

    /// Takes what the user has entered.
    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let Some(frontend) = &mut self.frontend else { return };
        let input_event = frontend.take_input(&mut self.core, bytes, eof);
        for line in input_event.lines {
            frontend.echo(&self.dialect.parse_typed(&readable(&line)));
            self.core.count_sent(1);
            self.room.receive(HOST, &line);
        }
        if input_event.interrupts {
            self.core.overrule(Status::Interrupt);
            return self.end_now(pool, SIGNALLED);
        }
        if input_event.leaves {
            self.room.finish(HOST);
        }
        if eof {
            self.core.input.end();
            // A stdin that is empty from the start means no user who could leave.
            let input = self.core.input.progress();
            let is_terminal = input.source == Source::Terminal;
            if is_terminal || !self.core.common.rules.is_empty_from_start(input) {
                self.room.finish(HOST);
            }
        }
        self.advance(pool);
        if let Some(failure) = input_event.failure {
            self.core.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
        }
    }

    /// Carries out what the room wants, and reads from the members whose lines it can take.
    fn advance(&mut self, pool: &mut Pool) {
        match self.room.advance(pool.now()) {
            Some(pause) => pool.arm(TimerKey::global(timers::CHAT), pause),
            None => pool.disarm(TimerKey::global(timers::CHAT)),
        }
        for action in self.room.take_actions() {
            match action {
                RoomAction::Send(to, line) => self.send_line(pool, &to, &line),
                RoomAction::Close(HOST) => self.end(pool, CloseReason::HOST),
                RoomAction::Close(member) => {
                    if let Some(id) = self.ids.get(&member) {
                        let ended = self.clients.get(*id).is_some_and(|client| client.peer_ended);
                        let reason = if ended { CloseReason::PEER } else { CloseReason::HOST };
                        self.clients.close_within_grace(pool, *id, reason);
                    }
                }
            }
        }
        if let Some(frontend) = &mut self.frontend {
            frontend.refresh(pool, &mut self.core);
        }
        self.balance(pool);
    }

    fn send_line(&mut self, pool: &mut Pool, to: &[MemberId], line: &ChatLine) {
        let piece = self.dialect.encode(line);
        for member in to {
            match (self.ids.get(member).copied(), &mut self.frontend) {
                (Some(id), _) => {
                    if let Some(piece) = &piece {
                        self.send(pool, id, piece);
                    }
                }
                (None, Some(frontend)) if *member == HOST => {
                    let conn = line.author().and_then(|nick| self.room.find(nick));
                    frontend.show(pool, &mut self.core, line, (conn, "room"));
                }
                _ => {}
            }
        }
    }

    /// Sends a line to a member. One whose queue is full, and who does not take a byte when asked
    /// once more, is too slow for a live room.
    fn send(&mut self, pool: &mut Pool, id: Id, piece: &Bytes) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.full {
            pool.flush(id);
        }
        if client.full && pool.room(id) == 0 && client.state.why.is_none() {
            let text = format!("{} was too slow and is closed", client.title());
            client.state.why = Some("too slow".to_owned());
            self.core.console.warn(pool, Kind::Slow, &text);
            pool.abort(id, CloseReason::SLOW);
        }
        if client.state.why.is_none() {
            client.full |= pool.send_shared(id, piece.clone()) == SendOutcome::Full;
        }
    }

    /// Pauses the members whose lines wait in the room, and all while stdout is full.
    fn balance(&mut self, pool: &mut Pool) {
        let is_paused = self.core.console.is_full();
        for (id, client) in self.clients.iter() {
            if is_paused || self.room.is_backlogged(client.number) {
                pool.pause(id);
            } else {
                pool.resume(id);
            }
        }
        if self.core.is_ending() || self.room.is_backlogged(HOST) {
            self.core.input.pause(pool);
        } else {
            self.core.input.resume(pool);
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(client) = self.clients.get_mut(id) {
            client.full = false;
        }
        if pool.is_open(id) {
            self.add_member(pool, id);
            self.advance(pool);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(client) = self.clients.remove(pool, &mut self.core, id, end) else { return };
        self.ids.remove(&client.number);
        // A member that breaks the rules of the tinyproto exchange, which the connection itself sees.
        if let (CloseReason::FRAME, None, Some(error)) = (end.reason, &client.state.why, &end.error)
        {
            let text = format!("{} is closed: {}", client.title(), crate::error::plain(error));
            self.core.console.warn(pool, Kind::Frame, &text);
        }
        let why = client.state.why.unwrap_or_else(|| end.reason.to_string());
        self.room.remove_member(client.number, Some(&why));
        if !self.core.is_ending() {
            self.advance(pool);
        } else if self.clients.is_empty() {
            self.core.finish(pool);
        }
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::CHAT, _) => self.advance(pool),
            (timers::GRACE, Some(id)) => {
                pool.abort(id, CloseReason::new(Cause::Timeout, Detail::Slow));
            }
            _ => self.clients.on_timer(pool, &mut self.core, key),
        }
    }

    fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        if let Some(frontend) = &mut self.frontend {
            frontend.on_signal(signal);
            frontend.refresh(pool, &mut self.core);
        }
    }

    /// Closes the room in order: every member gets a notice and what is queued.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if !self.core.is_ending() {
            let members: Vec<MemberId> = self.ids.keys().copied().collect();
            self.send_line(
                pool,
                &members,
                &ChatLine::Notice("the host has closed the room".to_owned()),
            );
            self.core.limit_flushing(pool, reason, GRACE);
        }
        self.wind_up(pool);
        self.clients.close_all(pool, reason);
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.aborting = true;
        self.wind_up(pool);
        self.clients.abort_all(pool, reason);
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.core.input.close(pool);
        pool.disarm(TimerKey::global(timers::CHAT));
        self.clients.stop_listening(pool);
        if self.clients.is_empty() {
            self.core.finish(pool);
        }
    }
}

/// The name of a member that has not sent one.
fn name(dialect: Dialect, member: MemberId) -> Nick {
    match dialect {
        Dialect::Lines => Nick::guest(member),
        Dialect::Tinyproto => Nick::uuid4(fastrand::u128(..)),
    }
}

impl Session for HostSession {
    fn report_listening(&mut self, pool: &mut Pool, locals: &[Local]) {
        self.core.report_starting(pool);
        for Local { proto, address, .. } in locals {
            if let Some(frontend) = &mut self.frontend {
                frontend.on_open();
            }
            let notice = Notice::new(Name::Listening).proto(proto).local(address);
            self.core.console.report(pool, &notice);
        }
    }

    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Accepted { id, peer, local, .. } => {
                self.on_accepted(pool, id, peer.to_string(), local.to_string())
            }
            Event::AcceptFailed { error, .. } => {
                self.clients.accept_failed(pool, &mut self.core, &error)
            }
            Event::Data { .. } | Event::Eof { .. } if self.core.is_ending() => {}
            Event::Data { id, bytes } if self.core.input.is(id) => {
                self.on_input(pool, bytes, false)
            }
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } if self.core.input.is(id) => self.on_input(pool, &[], true),
            Event::Eof { id } => self.on_data(pool, id, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            Event::Signal(signal) => self.on_signal(pool, signal),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.advance(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(reason) => self.end(pool, reason),
            ShutdownMode::Enough | ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.clients.ids().collect()
    }

    fn clients(&self) -> Option<usize> {
        Some(self.clients.len())
    }
}
