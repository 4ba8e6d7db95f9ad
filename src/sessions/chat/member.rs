//! `chat ADDR`: a member of a room.
//!
//! The host may be any program that exchanges lines; a host of ours gets the nick first.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frontend::Frontend;
use super::screen::Screen;
use super::{JoinConfig, dialect};
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::chat::dialect::ChatCommand;
use crate::protocol::chat::line::readable;
use crate::protocol::chat::pace::{Pace, TokenBucket};
use crate::protocol::chat::{ChatLine, Dialect, Nick};
use crate::protocol::relay::{InputState, RelayStep};
use crate::sessions::console::{Console, Message};
use crate::sessions::core::{Core, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::services::{Breach, Losses, Profile, Stdin, StreamService};
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::streams::{Context, Dialer, EndMode, Flow, Redial, StreamSession, lost};
use crate::sessions::timers;

/// What a member has for the host and shows of it.
pub struct MemberService {
    frontend: Frontend,
    dialect: Dialect,
    /// The name to ask for, until the host has sent one.
    nick: Option<Nick>,
    reconnects: bool,
    link: Option<Link>,
    /// Lines that were not sent yet.
    waiting: VecDeque<Bytes>,
    token_bucket: TokenBucket,
    /// A host has taken all lines that there were, so that more may be typed.
    wants_input: bool,
    /// The user leaves, once everything is sent.
    leaves: bool,
}

/// The connection to the host, while there is one.
struct Link {
    id: Id,
    peer: String,
}

impl MemberService {
    /// The session of a member on an open console and input.
    pub fn session(
        pool: &Pool,
        config: JoinConfig,
        console: Console,
        input: InputReader,
        screen: Option<Screen>,
    ) -> StreamSession {
        let JoinConfig { common, route, dialing, identity } = config;
        let dialect = dialect(&common.wire);
        let mut frontend = Frontend::new(&identity, screen);
        if !dialect.has_nicks() {
            frontend.set_nick(Nick::you());
        }
        let service = Self {
            frontend,
            dialect,
            nick: identity.nick.filter(|_| dialect.has_nicks()),
            reconnects: dialing.reconnect,
            link: None,
            waiting: VecDeque::new(),
            token_bucket: Pace::default().own_bucket(pool.now()),
            wants_input: false,
            leaves: false,
        };
        let dialer = Dialer::new(route, common.limits.wait, dialing, pool.now());
        StreamSession::dialing(Core::new(common, console, input), Box::new(service), Some(dialer))
    }

    /// Sends as many lines as a host allows; those that no connection takes are for the next.
    fn flush_lines(&mut self, context: &mut Context<'_>) {
        let mut is_paced = false;
        while let (Some(link), Some(line)) = (&self.link, self.waiting.front()) {
            if context.streams.table.get(link.id).is_none_or(|one| one.send.is_full()) {
                break;
            }
            if let Err(pause) = self.token_bucket.take(context.pool.now()) {
                context.pool.arm(TimerKey::global(timers::CHAT), pause);
                is_paced = true;
                break;
            }
            match context.pool.send_shared(link.id, line.clone()) {
                SendOutcome::Gone => break,
                outcome => context.sent(link.id, outcome),
            }
            self.waiting.pop_front();
        }
        self.wants_input = self.waiting.is_empty();
        let waiting = (self.waiting.len(), is_paced);
        self.frontend.show_waiting(context.pool, context.core, waiting);
        if self.wants_input && self.leaves {
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        } else if self.wants_input && context.core.input.progress().ended {
            self.input_ended(context);
        }
    }

    /// Sends a line to the host, and shows it here. What the host does not understand is answered
    /// here.
    fn send_line(&mut self, context: &mut Context<'_>, command: &ChatCommand<'_>, line: &[u8]) {
        self.frontend.echo(command);
        if let Some(packed) = self.dialect.encode_request(command, line) {
            context.core.count_sent(1);
            self.waiting.push_back(packed);
        } else if *command != ChatCommand::Empty {
            let text = match command {
                ChatCommand::Bad(name) => self.dialect.unknown_command(name),
                _ => self.dialect.help().to_owned(),
            };
            self.frontend.show_notice(context.pool, context.core, &text);
        }
    }

    fn input_ended(&self, context: &mut Context<'_>) {
        let Some(link) = &self.link else { return };
        let Some(connection) = context.streams.table.get(link.id) else { return };
        let input = context.core.input.progress();
        let step = context.core.common.rules.input_ended(input, connection.ended);
        context.step(link.id, step);
    }

    /// Whether another connection follows one that is gone.
    fn follows(&self, core: &Core) -> bool {
        self.reconnects && !core.is_ending() && !core.input.progress().ended
    }

    /// Reports that lines were left, where nothing else has decided how the run ends.
    fn report_unsent(&self, context: &mut Context<'_>) {
        let is_message = |line: &&Bytes| self.dialect.is_message(line);
        let count = self.waiting.iter().filter(is_message).count();
        if count > 0 && !context.core.is_decided() && !context.core.has_enough() {
            let target = if count == 1 { "a line".to_owned() } else { format!("{count} lines") };
            let cause = "there is no connection";
            let failure = Failure::new(Status::Lost, Kind::Unsent, "send", target, cause);
            context.core.fail(context.pool, &failure);
        }
    }
}

impl StreamService for MemberService {
    /// Not all that a host sends is a message: it counts those that the user has not missed.
    fn profile(&self) -> Profile {
        Profile { counts_messages: true, losses: Losses::Service, ..Profile::of(Flow::Input) }
    }

    fn stdin(&self) -> Stdin {
        Stdin::Service { wanted: self.wants_input || self.frontend.reads_on() }
    }

    fn on_stdin(&mut self, context: &mut Context<'_>, piece: Piece<'_>) {
        let event = self.frontend.take_input(context.core, piece);
        for line in event.lines {
            // Behind a farewell that waits for its turn nothing more is sent.
            if self.leaves {
                break;
            }
            let text = readable(&line);
            let command = self.dialect.parse_typed(&text);
            self.leaves = matches!(command, ChatCommand::Quit(_));
            self.send_line(context, &command, &line);
        }
        self.frontend.show_refused(event.refused);
        if event.interrupts {
            context.end = Some(ShutdownMode::GiveUp(SIGNALLED));
            return;
        }
        if let Some(failure) = event.failure {
            context.core.fail(context.pool, &failure);
            context.core.input.dismiss(context.pool);
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
            return;
        }
        // A protocol with a farewell marks the end of the messages.
        let farewell = self.dialect.farewell().filter(|_| piece.is_end() || event.leaves);
        if let (Some(_), false) = (farewell, self.leaves) {
            self.leaves = true;
            self.waiting.extend(self.dialect.encode_request(&ChatCommand::Quit(""), b""));
        }
        self.leaves |= event.leaves;
        if self.leaves && self.link.is_none() {
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        } else {
            self.flush_lines(context);
        }
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(connection) = context.streams.table.get(id) else { return };
        let peer = connection.peer.to_string();
        self.frontend.on_connected(&peer);
        self.link = Some(Link { id, peer });
        let nick = self.frontend.nick().or(self.nick.as_ref());
        if let Some(nick) = nick.filter(|_| self.dialect.has_nicks()) {
            // In front of what waits: those lines are to appear under this nick.
            self.waiting.push_front(Bytes::from(format!("/nick {nick}\n")));
        }
        self.flush_lines(context);
    }

    fn message(&mut self, context: &mut Context<'_>, _id: Id, message: &Message<'_>) {
        let line = self.dialect.decode(message.payload);
        if let ChatLine::Notice(words) = &line
            && let Some(pace) = Pace::read(words)
        {
            self.token_bucket = pace.own_bucket(context.pool.now());
            self.frontend.set_pace(pace);
            self.flush_lines(context);
        }
        let Some(link) = &self.link else { return };
        if !self.frontend.is_news(&line) || context.core.take_message(message.payload) {
            self.frontend.show(context.pool, context.core, &line, (None, &link.peer));
        }
    }

    fn breach(&mut self, context: &mut Context<'_>, _id: Id, breach: Breach<'_>) -> bool {
        let (Some(link), Breach::Frame(error)) = (&self.link, breach) else { return false };
        let (peer, cause) = (link.peer.clone(), error.to_string());
        let failure = Failure::new(Status::Lost, Kind::Frame, "read from", peer, cause);
        context.core.fail(context.pool, &failure);
        context.end = Some(ShutdownMode::Now(CloseReason::FRAME));
        true
    }

    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, _input: InputState) {
        context.note_end(id);
        let input = context.core.input.progress();
        let step = match self.reconnects && !input.ended {
            true => RelayStep::Close,
            false => context.core.common.rules.peer_ended(input),
        };
        context.step(id, step);
        // No other host follows, and the reader of a chat in lines is not to wait for stdin.
        if step == RelayStep::Continue {
            context.core.console.end_output(context.pool);
        }
    }

    fn drained(&mut self, context: &mut Context<'_>, _id: Id) {
        self.flush_lines(context);
    }

    fn redial(&self, core: &Core, _reconnects: bool, _end: &End) -> Redial {
        if self.follows(core) { Redial::AfterPause } else { Redial::Never }
    }

    /// Lines that were not sent wait here. The next connection is introduced anew.
    fn carry(&mut self, _context: &mut Context<'_>, unsent: Vec<Bytes>) -> Vec<Bytes> {
        for line in unsent.into_iter().rev().filter(|line| !line.starts_with(b"/nick ")) {
            self.waiting.push_front(line);
        }
        Vec::new()
    }

    fn closed(&mut self, context: &mut Context<'_>, _id: Id, end: &End) {
        let Some(Link { peer, .. }) = self.link.take() else { return };
        let core = &mut *context.core;
        if self.follows(core) {
            return self.frontend.on_disconnected();
        }
        if end.is_loss() && !core.is_decided() {
            core.fail(context.pool, &lost(peer, Kind::Reset, end, 0));
        } else if end.reason.detail == Detail::Fin && !core.input.progress().ended {
            let text = format!("{peer} has closed the connection");
            core.console.warn(context.pool, Kind::Closed, &text);
        }
        self.report_unsent(context);
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Timer { key: TimerKey { id: None, purpose: timers::CHAT } } => {
                self.flush_lines(context);
                true
            }
            event => {
                self.frontend.on_event(event);
                false
            }
        }
    }

    fn event_done(&mut self, context: &mut Context<'_>) {
        self.frontend.refresh(context.pool, context.core);
    }

    fn end(&mut self, context: &mut Context<'_>) {
        self.report_unsent(context);
        context.pool.disarm(TimerKey::global(timers::CHAT));
    }

    /// Lines wait because the host allows no more for now.
    fn is_owed(&self, _id: Id) -> bool {
        !self.waiting.is_empty()
    }

    fn abort(&mut self, context: &mut Context<'_>, _how: EndMode, _reason: CloseReason) {
        context.pool.disarm(TimerKey::global(timers::CHAT));
    }
}
