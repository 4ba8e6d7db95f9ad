//! `chat --host`: a room on this machine, which the person here may take part in.
//!
//! This file owns what the members send and are told, `door` how they come in, `ending` how the
//! run ends; what the lines mean and who is told what is the room's business.

mod door;
mod ending;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::config::{HostConfig, dialect};
use super::frontend::Frontend;
use super::screen::Screen;
use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{CloseMode, End, Event, Id, Pool, SendOutcome, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::chat::line::{ChatLine, readable};
use crate::protocol::chat::room::{MemberId, Room, RoomAction};
use crate::protocol::chat::{Dialect, Nick};
use crate::protocol::relay::Source;
use crate::report::{Name, Notice};
use crate::sessions::console::{Console, closed_event};
use crate::sessions::core::{Core, SIGNALLED};
use crate::sessions::feed::Feed;
use crate::sessions::inlet::Inlet;
use crate::sessions::session::{How, Session};
use crate::sessions::timers;

/// How long members have to be sent what is queued when the room closes.
const GRACE: Duration = Duration::from_secs(2);
/// The person here, whom no connection has brought.
const HOST: MemberId = 0;

/// The session of a room.
pub struct HostSession {
    core: Core,
    frontend: Option<Frontend>,
    dialect: Dialect,
    room: Room,
    queue: usize,
    max_clients: Option<usize>,
    listeners: Vec<Id>,
    clients: HashMap<Id, Client>,
    ids: HashMap<MemberId, Id>,
    /// stdout is full, and members are not read.
    paused: bool,
    /// Accepting failed for want of descriptors, and that was told.
    starved: bool,
}

/// The connection of a member.
struct Client {
    member: MemberId,
    peer: String,
    local: String,
    inlet: Inlet,
    /// The room knows it.
    is_member: bool,
    /// Its FIN has come.
    peer_ended: bool,
    /// Its queue has reached the limit and not drained since.
    full: bool,
    /// Why it is closed, where the end of the connection does not say it.
    why: Option<String>,
}

impl HostSession {
    /// A room over open listeners.
    pub fn new(
        pool: &Pool,
        config: HostConfig,
        console: Console,
        feed: Feed,
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
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        Self {
            core,
            frontend,
            dialect,
            room,
            queue: config.queue,
            max_clients: config.max_clients,
            listeners,
            clients: HashMap::new(),
            ids: HashMap::new(),
            paused: false,
            starved: false,
        }
    }

    /// Says the first words: where members may come to.
    pub fn report_listening(&mut self, pool: &mut Pool, listeners: &[(&str, String)]) {
        self.core.report_starting(pool);
        for (proto, local) in listeners {
            if let Some(frontend) = &mut self.frontend {
                frontend.on_open();
            }
            let event = Notice::new(Name::Listening).proto(proto).local(local);
            self.core.console.report(pool, &event);
        }
    }

    /// Opens the room, whose addresses these are.
    pub fn start(&mut self, pool: &mut Pool, locals: Vec<String>) {
        self.core.start(pool);
        self.core.await_first(pool, "host", "the room", "nobody came");
        self.core.feed.resume(pool);
        self.advance(pool);
        let address = locals.first().cloned().unwrap_or_default();
        self.core.ready(pool, &locals, &address);
    }

    fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        self.let_in(pool, id);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (room, core, member) = (&mut self.room, &mut self.core, client.member);
        let outcome = client.inlet.feed(bytes, eof, pool.now(), &mut |frame| {
            if core.take_message(frame.payload) {
                room.receive(member, frame.payload);
            }
        });
        if let Err(error) = outcome {
            self.bad_line(pool, id, &error);
        } else if eof {
            client.peer_ended = true;
            self.room.finish(member);
        }
        self.advance(pool);
        if self.core.has_enough() {
            self.end(pool, CloseReason::HOST);
        }
    }

    /// A member that cannot keep to lines is closed; the room lives.
    fn bad_line(&mut self, pool: &mut Pool, id: Id, error: &FrameError) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let text = format!("#{} {} is closed: {error}", client.member, client.peer);
        client.why = Some(error.to_string());
        self.core.console.warn(pool, Kind::Frame, &text);
        pool.abort(id, CloseReason::FRAME);
    }

    /// What the person here enters.
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
            self.core.feed.end();
            // Nobody is there to leave where stdin was empty from the start.
            let input = self.core.feed.input();
            let is_terminal = input.source == Source::Terminal;
            if is_terminal || !self.core.common.rules.has_nothing_to_say(input) {
                self.room.finish(HOST);
            }
        }
        self.advance(pool);
        if let Some(failure) = input_event.failure {
            self.core.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
        }
    }

    /// Carries out what the room wants, and reads from those whose lines it can take.
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
                        let ended = self.clients.get(id).is_some_and(|client| client.peer_ended);
                        let reason = if ended { CloseReason::PEER } else { CloseReason::HOST };
                        pool.close(*id, reason, CloseMode::Linger);
                        pool.arm(TimerKey::of(*id, timers::GRACE), GRACE);
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
                    let conn = line.speaker().and_then(|nick| self.room.find(nick));
                    frontend.show(pool, &mut self.core, line, (conn, "room"));
                }
                _ => {}
            }
        }
    }

    /// Sends a line to a member. One whose queue is full, and who does not take a byte when asked
    /// once more, is too slow for a talk that is live.
    fn send(&mut self, pool: &mut Pool, id: Id, piece: &Bytes) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.full {
            pool.flush(id);
        }
        if client.full && pool.room(id) == 0 && client.why.is_none() {
            let text = format!("#{} {} was too slow and is closed", client.member, client.peer);
            client.why = Some("too slow".to_owned());
            self.core.console.warn(pool, Kind::Slow, &text);
            pool.abort(id, CloseReason::SLOW);
        }
        if client.why.is_none() {
            client.full |= pool.send_shared(id, piece.clone()) == SendOutcome::Full;
        }
    }

    /// Pauses whom the room has enough of, and all while stdout is full.
    fn balance(&mut self, pool: &mut Pool) {
        self.paused = self.core.console.is_full();
        for (id, client) in &self.clients {
            if self.paused || self.room.is_backlogged(client.member) {
                pool.pause(*id);
            } else {
                pool.resume(*id);
            }
        }
        if self.core.is_ending() || self.room.is_backlogged(HOST) {
            self.core.feed.pause(pool);
        } else {
            self.core.feed.resume(pool);
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.full = false;
        }
        if pool.is_open(id) {
            self.let_in(pool, id);
            self.advance(pool);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        if let Some(client) = self.clients.remove(&id) {
            self.report_frame_error(pool, &client, end);
            self.client_closed(pool, &client, end);
        }
    }

    fn client_closed(&mut self, pool: &mut Pool, client: &Client, end: &End) {
        self.ids.remove(&client.member);
        self.core.console.count(&end.traffic);
        let undelivered = client.inlet.undelivered();
        let event = closed_event(&client.peer, &client.local, end, undelivered, pool.now());
        self.core.console.report(pool, &event.conn(client.member));
        let why = client.why.clone().unwrap_or_else(|| end.reason.to_string());
        self.room.remove_member(client.member, Some(&why));
        if self.max_clients.is_some_and(|most| self.clients.len() < most) {
            self.listeners.iter().for_each(|listener| pool.resume(*listener));
        }
        if !self.core.is_ending() {
            self.advance(pool);
        } else if self.clients.is_empty() {
            self.core.finish(pool);
        }
    }
}

/// What a member is called that has not said a name.
fn name(dialect: Dialect, member: MemberId) -> Nick {
    match dialect {
        Dialect::Lines => Nick::guest(member),
        Dialect::Tinyproto => Nick::uuid4(fastrand::u128(..)),
    }
}

impl Session for HostSession {
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
            Event::AcceptFailed { error, .. } => self.accept_failed(pool, &error),
            Event::Data { .. } | Event::Eof { .. } if self.core.is_ending() => {}
            Event::Data { id, bytes } if self.core.feed.is(id) => self.on_input(pool, bytes, false),
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } if self.core.feed.is(id) => self.on_input(pool, &[], true),
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

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(reason) => self.end(pool, reason),
            How::Enough | How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.clients.keys().copied().collect()
    }

    fn clients(&self) -> Option<usize> {
        Some(self.clients.len())
    }
}
