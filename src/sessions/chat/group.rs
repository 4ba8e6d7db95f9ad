//! `chat GROUP`: a member of a room without a host.
//!
//! One socket has joined the group and receives what is sent to it. The other sends, and receives what
//! other members send to this one alone.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::config::GroupConfig;
use super::frontend::Frontend;
use super::screen::Screen;
use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{Event, Id, Pool, Signal, TimerKey};
use crate::protocol::chat::Nick;
use crate::protocol::chat::command::ChatCommand;
use crate::protocol::chat::group_room::{GroupAction, GroupRoom};
use crate::protocol::chat::line::{ChatLine, readable};
use crate::protocol::relay::Source;
use crate::report::{Name, Notice};
use crate::sessions::console::Console;
use crate::sessions::core::{Core, SIGNALLED};
use crate::sessions::datagrams::{Outbox, Unsent};
use crate::sessions::feed::Feed;
use crate::sessions::session::{How, Session};
use crate::sessions::timers;
use crate::sockets::datagram::is_of_this_machine;
use crate::sys::mmsg::{Arrival, Sender};

/// The sockets of a room without a host.
pub struct GroupSockets {
    /// Receives what is sent to the group.
    pub receiver: Id,
    /// Sends to it, and receives what is for this member alone.
    pub sender: Id,
    /// The port of the sender: what comes from there on this machine is our own.
    pub own: u16,
    /// Where to send to.
    pub group: SocketAddr,
    /// The interface of the group.
    pub iface: String,
}

/// The session of a member.
pub struct GroupSession {
    core: Core,
    frontend: Frontend,
    group_room: GroupRoom,
    sockets: GroupSockets,
    /// What the kernel has not taken yet.
    outbox: Outbox,
    /// A datagram of another member has come.
    has_received: bool,
}

impl GroupSession {
    /// A session on open sockets.
    pub fn new(
        pool: &Pool,
        config: GroupConfig,
        console: Console,
        feed: Feed,
        sockets: GroupSockets,
        screen: Option<Screen>,
    ) -> Self {
        let guest = || Nick::guest(sockets.own.into());
        let nick = config.identity.nick.clone().unwrap_or_else(guest);
        Self {
            frontend: Frontend::new(&config.identity, screen),
            group_room: GroupRoom::join(nick, pool.now()),
            core: Core::new(config.common, console, feed),
            sockets,
            outbox: Outbox::default(),
            has_received: false,
        }
    }

    /// Comes in.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.report_starting(pool);
        let group = self.sockets.group.to_string();
        let event = Notice::new(Name::Joined).proto("udp").group(&group);
        self.core.console.report(pool, &event.iface(&self.sockets.iface));
        self.core.start(pool);
        self.core.await_first(pool, "meet anybody in", group.clone(), "nobody was heard");
        self.frontend.on_open();
        self.core.feed.resume(pool);
        self.advance(pool);
        self.core.ready(pool, std::slice::from_ref(&group), &group);
    }

    fn on_datagrams(&mut self, pool: &mut Pool, batch: &[Arrival<'_>]) {
        for arrival in batch {
            let &Sender::Inet(mut from) = arrival.from else { continue };
            // A machine with nothing but lo sends to groups from nowhere.
            if from.ip() == Ipv4Addr::UNSPECIFIED {
                from.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            if from.port() == self.sockets.own && is_of_this_machine(from) {
                continue;
            }
            if !std::mem::replace(&mut self.has_received, true) {
                self.core.first_came(pool);
            }
            self.group_room.receive(from, arrival.payload, pool.now(), fastrand::f64());
        }
        self.advance(pool);
    }

    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let input_event = self.frontend.take_input(&mut self.core, bytes, eof);
        for line in input_event.lines {
            self.frontend.echo(&ChatCommand::parse(&readable(&line)));
            self.core.count_sent(1);
            self.group_room.input(&line);
        }
        if input_event.interrupts {
            self.core.overrule(Status::Interrupt);
            return self.leave_now(pool, SIGNALLED);
        }
        if eof {
            self.core.feed.end();
        }
        // Nobody is there to leave where stdin was empty from the start.
        let input = self.core.feed.input();
        if input_event.leaves || (eof && (input.source == Source::Terminal || !input.empty)) {
            self.group_room.finish();
        }
        self.advance(pool);
        if let Some(failure) = input_event.failure {
            self.core.fail(pool, &failure);
            self.leave(pool, CloseReason::HOST);
        }
    }

    /// Carries out what is to be done.
    fn advance(&mut self, pool: &mut Pool) {
        let rest = self.group_room.advance(pool.now());
        pool.arm(TimerKey::global(timers::CHAT), rest);
        let mut leaves = false;
        for action in self.group_room.take_actions() {
            match action {
                GroupAction::Broadcast(line) => self.send(pool, self.sockets.group, &line),
                GroupAction::SendTo(to, line) => self.send(pool, to, &line),
                GroupAction::Show(line) => self.show(pool, &line),
                GroupAction::Leave => leaves = true,
            }
        }
        self.frontend.refresh(pool, &mut self.core);
        if leaves || (self.core.has_enough() && !self.core.is_ending()) {
            self.end(pool, CloseReason::HOST);
        } else if self.group_room.is_backlogged() {
            self.core.feed.pause(pool);
        } else {
            self.core.feed.resume(pool);
        }
        self.balance(pool);
    }

    fn show(&mut self, pool: &mut Pool, line: &ChatLine) {
        if !line.is_talk() || self.core.take_message(line.to_string().as_bytes()) {
            let group = self.sockets.group.to_string();
            self.frontend.show(pool, &mut self.core, line, (None, &group));
        }
    }

    /// Pauses receiving while stdout is full.
    fn balance(&mut self, pool: &mut Pool) {
        for id in [self.sockets.receiver, self.sockets.sender] {
            if self.core.console.is_full() { pool.pause(id) } else { pool.resume(id) }
        }
    }

    fn send(&mut self, pool: &mut Pool, to: SocketAddr, line: &ChatLine) {
        let (to, payload) = (Sender::Inet(to), Bytes::from(line.to_string()));
        if let Err(error) = self.outbox.send(pool, self.sockets.sender, &payload, Some(&to)) {
            self.report_unsent(pool, &Unsent { to: Some(to), error });
        }
    }

    fn flush(&mut self, pool: &mut Pool) {
        let flushed = self.outbox.flush(pool, self.sockets.sender);
        flushed.failed.iter().for_each(|unsent| self.report_unsent(pool, unsent));
    }

    fn report_unsent(&mut self, pool: &mut Pool, unsent: &Unsent) {
        let failure = unsent.failure();
        self.core.console.complain(pool, &failure);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        if key.purpose == timers::CHAT {
            self.advance(pool);
        }
    }

    fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        self.frontend.on_signal(signal);
        self.frontend.refresh(pool, &mut self.core);
    }

    fn leave_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.leave(pool, reason);
    }

    /// Says goodbye to the others, who would wait for it otherwise, and ends.
    fn leave(&mut self, pool: &mut Pool, reason: CloseReason) {
        if !self.core.is_ending() {
            self.group_room.announce_leaving("");
            for action in self.group_room.take_actions() {
                if let GroupAction::Broadcast(line) = action {
                    self.send(pool, self.sockets.group, &line);
                }
            }
        }
        self.end(pool, reason);
    }

    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        pool.disarm(TimerKey::global(timers::CHAT));
        for id in [self.sockets.receiver, self.sockets.sender] {
            if let Some(traffic) = pool.traffic(id) {
                self.core.console.count(&traffic);
            }
            pool.abort(id, reason);
        }
        self.core.finish(pool);
    }
}

impl Session for GroupSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            _ if self.core.is_ending() => {}
            Event::Data { bytes, .. } => self.on_input(pool, bytes, false),
            Event::Eof { .. } => self.on_input(pool, &[], true),
            Event::Datagrams { batch, .. } => self.on_datagrams(pool, batch),
            Event::Drained { .. } => self.flush(pool),
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
            How::InOrder(_) | How::Enough | How::Late => self.leave(pool, CloseReason::HOST),
            How::Now(reason) => self.leave_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        vec![self.sockets.receiver, self.sockets.sender]
    }
}
