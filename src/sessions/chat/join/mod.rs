//! `chat ADDR`: a member of a room.
//!
//! The host may be any program that exchanges lines; a host of ours gets the nick first. This file
//! owns the connection and what goes through it, `ending` what follows its end.

mod ending;

use std::collections::VecDeque;

use bytes::Bytes;

use super::config::{JoinConfig, dialect};
use super::frontend::Frontend;
use super::screen::Screen;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, Event, Id, Pool, SendOutcome, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::chat::command::ChatCommand;
use crate::protocol::chat::line::readable;
use crate::protocol::chat::token_bucket::{OWN_BURST, TokenBucket};
use crate::protocol::chat::{Dialect, Nick};
use crate::protocol::relay::Step;
use crate::report::{Name, Notice};
use crate::sessions::connector::{Connector, Established, Progress};
use crate::sessions::console::Console;
use crate::sessions::core::{Core, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::receiver::Receiver;
use crate::sessions::session::{Session, ShutdownMode};
use crate::sessions::timers;

/// Bytes that wait for the host before stdin is paused.
const QUEUE: usize = 64 * 1024;

/// The session of a member.
pub struct JoinSession {
    core: Core,
    frontend: Frontend,
    dialect: Dialect,
    nick: Option<Nick>,
    connector: Connector,
    reconnect: bool,
    link: Option<Link>,
    /// Lines that were not sent yet.
    waiting: VecDeque<Bytes>,
    token_bucket: TokenBucket,
    /// The connection takes no more for now.
    full: bool,
    /// The user leaves, once everything is sent.
    leaves: bool,
}

/// The connection to the host, while there is one.
struct Link {
    id: Id,
    peer: String,
    local: String,
    receiver: Receiver,
    peer_ended: bool,
}

impl JoinSession {
    /// A session on an open console and input.
    pub fn new(
        pool: &Pool,
        config: JoinConfig,
        console: Console,
        input: InputReader,
        screen: Option<Screen>,
    ) -> Self {
        let dialect = dialect(&config.common.wire);
        let mut frontend = Frontend::new(&config.identity, screen);
        if !dialect.has_nicks() {
            frontend.set_nick(Nick::you());
        }
        Self {
            connector: Connector::of_client(
                config.route,
                config.common.limits.wait,
                config.dialing,
                pool.now(),
            ),
            reconnect: config.dialing.reconnect,
            frontend,
            dialect,
            nick: config.identity.nick.filter(|_| dialect.has_nicks()),
            core: Core::new(config.common, console, input),
            link: None,
            waiting: VecDeque::new(),
            token_bucket: TokenBucket::of(OWN_BURST, pool.now()),
            full: false,
            leaves: false,
        }
    }

    /// Begins to connect.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.report_starting(pool);
        self.core.start(pool);
        let progress = self.connector.begin(pool);
        self.connector.report_notes(pool, &mut self.core.console);
        self.progressed(pool, progress);
        self.frontend.refresh(pool, &mut self.core);
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
        let proto = new.peer.proto();
        let Established { id, peer, local } = new;
        let (peer, local) = (peer.to_string(), local.to_string());
        let event = Notice::new(Name::Connected).proto(proto).peer(&peer).local(&local);
        self.core.console.report(pool, &event);
        self.core.count_connection();
        self.core.forget_retry();
        self.core.ready(pool, std::slice::from_ref(&local), &peer);
        self.frontend.on_connected(&peer);
        pool.set_high_mark(id, QUEUE);
        let receiver = Receiver::new(&self.core.common, pool.now());
        self.link = Some(Link { id, peer, local, receiver, peer_ended: false });
        let nick = self.frontend.nick().cloned().or_else(|| self.nick.clone());
        if let Some(nick) = nick.filter(|_| self.dialect.has_nicks()) {
            self.waiting.push_front(Bytes::from(format!("/nick {nick}\n")));
        }
        self.full = false;
        self.flush_lines(pool);
    }

    /// Sends as many lines as a host allows; those that no connection takes are for the next.
    fn flush_lines(&mut self, pool: &mut Pool) {
        while let (Some(link), Some(line), false) = (&self.link, self.waiting.front(), self.full) {
            if let Err(pause) = self.token_bucket.take(pool.now()) {
                pool.arm(TimerKey::global(timers::CHAT), pause);
                break;
            }
            match pool.send_shared(link.id, line.clone()) {
                SendOutcome::Gone => break,
                outcome => self.full = outcome == SendOutcome::Full,
            }
            self.waiting.pop_front();
        }
        if !self.waiting.is_empty() {
            return self.core.input.pause(pool);
        }
        if self.leaves {
            self.end(pool, CloseReason::HOST);
        } else if self.core.input.progress().ended {
            self.input_ended(pool);
        } else {
            self.core.input.resume(pool);
        }
    }

    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let input_event = self.frontend.take_input(&mut self.core, bytes, eof);
        for line in input_event.lines {
            let text = readable(&line);
            let command = self.dialect.parse_typed(&text);
            self.leaves = matches!(command, ChatCommand::Quit(_));
            self.send_line(pool, &command, &line);
            if self.leaves {
                break;
            }
        }
        if input_event.interrupts {
            self.core.overrule(Status::Interrupt);
            return self.end_now(pool, SIGNALLED);
        }
        self.frontend.refresh(pool, &mut self.core);
        if let Some(failure) = input_event.failure {
            self.core.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
            return;
        }
        if eof {
            self.core.input.end();
        }
        // A protocol with a farewell marks the end of the messages.
        let farewell = self.dialect.farewell().filter(|_| eof || input_event.leaves);
        if let (Some(_), false) = (farewell, self.leaves) {
            self.leaves = true;
            self.waiting.extend(self.dialect.encode_request(&ChatCommand::Quit(""), b""));
        }
        self.leaves |= input_event.leaves;
        if self.leaves && self.link.is_none() {
            self.end(pool, CloseReason::HOST);
        } else {
            self.flush_lines(pool);
        }
    }

    /// Sends a line to the host, and shows it here. What the host does not understand is answered
    /// here.
    fn send_line(&mut self, pool: &mut Pool, command: &ChatCommand<'_>, line: &[u8]) {
        self.frontend.echo(command);
        if let Some(packed) = self.dialect.encode_request(command, line) {
            self.core.count_sent(1);
            self.waiting.push_back(packed);
        } else if *command != ChatCommand::Empty {
            let text = match command {
                ChatCommand::Bad(name) => self.dialect.unknown_command(name),
                _ => self.dialect.help().to_owned(),
            };
            self.frontend.show_notice(pool, &mut self.core, &text);
        }
    }

    fn input_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &self.link else { return };
        match self.core.common.rules.input_ended(self.core.input.progress(), link.peer_ended) {
            Step::HalfClose => pool.finish(link.id),
            Step::Close | Step::Leave => pool.close(link.id, CloseReason::PEER, CloseMode::Linger),
            Step::Continue => {}
        }
    }

    fn on_data(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let Some(link) = &mut self.link else { return };
        let (core, frontend, peer) = (&mut self.core, &mut self.frontend, link.peer.as_str());
        let dialect = self.dialect;
        let outcome = link.receiver.feed(bytes, eof, pool.now(), &mut |frame| {
            let line = dialect.decode(frame.payload);
            if !frontend.is_news(&line) || core.take_message(frame.payload) {
                frontend.show(pool, core, &line, (None, peer));
            }
        });
        self.hold_back(pool);
        if let Err(error) = outcome {
            let Some(link) = &self.link else { return };
            let cause = error.to_string();
            let failure =
                Failure::new(Status::Lost, Kind::Frame, "read from", link.peer.clone(), cause);
            self.core.fail(pool, &failure);
            self.end_now(pool, CloseReason::FRAME);
        } else if self.core.has_enough() {
            self.end(pool, CloseReason::HOST);
        } else if eof {
            self.peer_ended(pool);
        }
    }

    /// The host is not read while stdout is full.
    fn hold_back(&mut self, pool: &mut Pool) {
        self.frontend.refresh(pool, &mut self.core);
        if let (true, Some(link)) = (self.core.console.is_full(), &self.link) {
            pool.pause(link.id);
        }
    }

    fn peer_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &mut self.link else { return };
        link.peer_ended = true;
        let (id, peer) = (link.id, link.peer.clone());
        self.core.console.report(pool, &Notice::new(Name::Eof).peer(&peer));
        let input = self.core.input.progress();
        let step = if self.reconnect && !input.ended {
            Step::Close
        } else {
            self.core.common.rules.peer_ended(input)
        };
        if step != Step::Continue {
            pool.close(id, CloseReason::PEER, CloseMode::Linger);
        }
    }

    /// stdout takes lines again.
    fn resume_reading(&mut self, pool: &mut Pool) {
        self.frontend.refresh(pool, &mut self.core);
        if let (false, Some(link)) = (self.core.console.is_full(), &self.link) {
            pool.resume(link.id);
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if self.link.as_ref().is_some_and(|link| link.id == id) {
            self.full = false;
            self.flush_lines(pool);
        }
    }

    fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        self.frontend.on_signal(signal);
        self.frontend.refresh(pool, &mut self.core);
    }

    /// Leaves in order: queued messages go out first.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.report_unsent(pool);
        self.wind_up(pool);
        match &self.link {
            Some(link) => pool.close(link.id, reason, CloseMode::Linger),
            None => self.core.finish(pool),
        }
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.aborting = true;
        self.wind_up(pool);
        match &self.link {
            Some(link) => pool.abort(link.id, reason),
            None => self.core.finish(pool),
        }
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.connector.cancel(pool);
        self.core.input.close(pool);
        pool.disarm(TimerKey::global(timers::CHAT));
    }
}

impl Session for JoinSession {
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
            self.progressed(pool, progress);
            return self.frontend.refresh(pool, &mut self.core);
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
            Event::Timer { key } if key == TimerKey::global(timers::CHAT) => self.flush_lines(pool),
            Event::Signal(signal) => self.on_signal(pool, signal),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.resume_reading(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(_) | ShutdownMode::Enough | ShutdownMode::Late => {
                self.end(pool, CloseReason::HOST)
            }
            ShutdownMode::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.link.as_ref().map(|link| link.id).into_iter().collect()
    }
}
