//! `chat --host`: a room on this machine, in which the user may take part.
//!
//! The session has the connections; what the lines mean and who is sent what is the business of the
//! [`Room`].

use std::collections::HashMap;
use std::time::Duration;

use super::frontend::Frontend;
use super::screen::Screen;
use super::{HostConfig, dialect};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::plain;
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::chat::line::ChatLine;
use crate::protocol::chat::room::{MemberId, Outlook, Room, RoomAction};
use crate::protocol::chat::{Dialect, Nick};
use crate::protocol::relay::InputState;
use crate::protocol::slow::{Policy, SlowRules};
use crate::sessions::console::{Console, Message};
use crate::sessions::core::{Core, GRACE, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::services::{Breach, Losses, Profile, Stdin, StreamService};
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::streams::{Admission, Backlog, Context, EndMode, Flow, StreamSession};
use crate::sessions::timers;

/// The member number of the user, who has no connection.
const HOST: MemberId = 0;
/// A member whose queue is full is too slow for a live room, even where it is the only member.
const SLOW: SlowRules = SlowRules { policy: Some(Policy::Kick), after: Duration::ZERO };
/// The end of a member that did not take what was queued within [`GRACE`] after it was closed.
const TOO_SLOW: CloseReason = CloseReason::new(Cause::Timeout, Detail::Slow);

/// The room, and which connection is which member.
pub struct RoomService {
    frontend: Option<Frontend>,
    dialect: Dialect,
    room: Room,
    members: IdMap<Membership>,
    ids: HashMap<MemberId, Id>,
    /// The members were sent that the room is closed.
    is_closed: bool,
}

/// What the room keeps about the connection of a member.
struct Membership {
    number: MemberId,
    /// `#3 127.0.0.1:51312`, as messages call it.
    title: String,
    /// The room knows it: it has completed the handshake of its protocol.
    is_known: bool,
    /// Why it is closed, where the end of the connection does not show it.
    why: Option<String>,
}

impl RoomService {
    /// The session of a room over open listeners.
    pub fn session(
        pool: &Pool,
        config: HostConfig,
        console: Console,
        input: InputReader,
        listeners: Vec<Id>,
        screen: Option<Screen>,
    ) -> StreamSession {
        let dialect = dialect(&config.common.wire);
        let mut room = Room::new(dialect).at(config.pace);
        let frontend = config.identity.map(|identity| {
            let nick = identity.nick.clone().filter(|_| dialect.has_nicks());
            room.add_host(HOST, &nick.unwrap_or_else(|| name(dialect, HOST)), pool.now());
            let mut frontend = Frontend::new(&identity, screen);
            frontend.set_pace(config.pace);
            frontend
        });
        let (members, ids) = (IdMap::default(), HashMap::new());
        let service = Self { frontend, dialect, room, members, ids, is_closed: false };
        let core = Core::new(config.common, console, input);
        let admission = Admission::new(config.admission);
        let backlog = Backlog { queue: config.queue, slow: SLOW, frames: config.frame_total };
        StreamSession::new(core, Box::new(service), admission, backlog, listeners.into())
    }

    /// Adds a connection to the room, once, and returns its number.
    fn admit(&mut self, pool: &Pool, id: Id) -> Option<MemberId> {
        let member = self.members.get_mut(id)?;
        if !std::mem::replace(&mut member.is_known, true) {
            self.room.add_member(member.number, &name(self.dialect, member.number), pool.now());
        }
        Some(member.number)
    }

    /// Carries out what the room wants, and leaves unread the members whose lines it cannot take.
    fn advance(&mut self, context: &mut Context<'_>) {
        if context.core.is_ending() {
            return;
        }
        let (pool, ids) = (&*context.pool, &self.ids);
        let space = |member| ids.get(&member).map_or(usize::MAX, |id| pool.room(*id));
        let seen = self.room.advance(Outlook { now: pool.now(), space: &space });
        match self.room.rest(context.pool.now()) {
            Some(pause) => context.pool.arm(TimerKey::global(timers::CHAT), pause),
            None => context.pool.disarm(TimerKey::global(timers::CHAT)),
        }
        for action in self.room.take_actions() {
            match action {
                RoomAction::Send(to, line) => self.send_line(context, &to, &line),
                RoomAction::Close(HOST) => {
                    // What follows is for members that are notified that the room is closed.
                    context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
                    return;
                }
                RoomAction::Close(member) => self.close(context, member),
                RoomAction::Drop(member) => self.drop_slow(context, member),
            }
        }
        if let Some(frontend) = &mut self.frontend {
            let waiting = self.room.waiting(HOST);
            frontend.show_waiting(context.pool, context.core, (waiting, true));
        }
        for member in seen {
            if let Some(&id) = self.ids.get(&member) {
                context.streams.hold(context.pool, id, self.room.is_backlogged(member));
            }
        }
    }

    /// Closes a newcomer that takes nothing of the earlier lines.
    fn drop_slow(&self, context: &mut Context<'_>, member: MemberId) {
        let Some(&id) = self.ids.get(&member) else { return };
        if let Some(member) = self.members.get(id) {
            let text = format!("{} was too slow and is closed", member.title);
            context.core.console.warn(context.pool, Kind::Slow, &text);
        }
        context.pool.abort(id, CloseReason::SLOW);
    }

    /// Closes a member in order, which has [`GRACE`] to take what is queued.
    fn close(&self, context: &mut Context<'_>, member: MemberId) {
        let Some(&id) = self.ids.get(&member) else { return };
        let ended = context.streams.table.get(id).is_some_and(|connection| connection.ended);
        let reason = if ended { CloseReason::PEER } else { CloseReason::HOST };
        context.pool.close(id, reason, CloseMode::Linger);
        context.pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
    }

    fn send_line(&mut self, context: &mut Context<'_>, to: &[MemberId], line: &ChatLine) {
        let piece = self.dialect.encode(line);
        for member in to {
            match (self.ids.get(member), &mut self.frontend) {
                (Some(&id), _) => {
                    let is_closing = self.members.get(id).is_none_or(|one| one.why.is_some());
                    if let (Some(piece), false) = (&piece, is_closing) {
                        context.send(id, piece);
                    }
                }
                (None, Some(frontend)) if *member == HOST => {
                    let conn = line.author().and_then(|nick| self.room.find(nick));
                    frontend.show(context.pool, context.core, line, (conn, "room"));
                }
                _ => {}
            }
        }
    }

    fn report_bad_frame(context: &mut Context<'_>, title: &str, cause: &str) {
        let text = format!("{title} is closed: {cause}");
        context.core.console.warn(context.pool, Kind::Frame, &text);
    }
}

/// The name of a member that has not sent one.
fn name(dialect: Dialect, member: MemberId) -> Nick {
    match dialect {
        Dialect::Lines => Nick::guest(member),
        Dialect::Tinyproto => Nick::uuid4(fastrand::u128(..)),
    }
}

impl StreamService for RoomService {
    fn profile(&self) -> Profile {
        let awaited = ("host", "the room", "nobody came");
        let losses = Losses::Ignored;
        Profile { noun: "members", awaited, losses, ..Profile::of(Flow::Peers) }
    }

    fn stdin(&self) -> Stdin {
        let reads_on = self.frontend.as_ref().is_some_and(Frontend::reads_on);
        Stdin::Service { wanted: reads_on || !self.room.is_backlogged(HOST) }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        if let Some(frontend) = &mut self.frontend {
            frontend.on_open();
        }
        self.advance(context);
    }

    fn on_stdin(&mut self, context: &mut Context<'_>, piece: Piece<'_>) {
        let Some(frontend) = &mut self.frontend else { return };
        let (room, dialect) = (&mut self.room, self.dialect);
        let mut receive = |line: &[u8]| room.receive(HOST, line);
        let event = frontend.pass_input(context.core, piece, dialect, &mut receive);
        // In raw mode (no ISIG) the terminal makes no SIGINT of ^C: it is a byte like any other.
        if event.interrupts {
            context.end = Some(ShutdownMode::GiveUp(SIGNALLED));
            return;
        }
        if event.is_over {
            self.room.finish(HOST);
        }
        self.advance(context);
        if let Some(failure) = event.failure {
            context.core.fail(context.pool, &failure);
            context.core.input.dismiss(context.pool);
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        }
    }

    fn resume(&mut self, context: &mut Context<'_>) {
        self.advance(context);
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(connection) = context.streams.table.get(id) else { return };
        let (number, title) = (connection.number, connection.title());
        self.ids.insert(number, id);
        self.members.insert(id, Membership { number, title, is_known: false, why: None });
        // Where there is a handshake, one that does not complete it is no member.
        if context.pool.is_open(id) {
            self.admit(context.pool, id);
        } else {
            // Where the handshake is completed without a message, only `Drained` shows it.
            context.pool.await_flush(id);
        }
        self.advance(context);
    }

    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        if let Some(number) = self.admit(context.pool, id) {
            self.room.receive(number, message.payload);
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        self.admit(context.pool, id);
        self.advance(context);
        true
    }

    fn breach(&mut self, context: &mut Context<'_>, id: Id, breach: Breach<'_>) -> bool {
        let (Some(member), Breach::Frame(error)) = (self.members.get_mut(id), breach) else {
            return false;
        };
        let cause = error.to_string();
        Self::report_bad_frame(context, &member.title, &cause);
        member.why = Some(cause);
        context.pool.abort(id, CloseReason::FRAME);
        true
    }

    /// A member that sends no more is closed by the room, once its lines have passed.
    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, _input: InputState) {
        let (Some(connection), Some(number)) =
            (context.streams.table.get_mut(id), self.admit(context.pool, id))
        else {
            return;
        };
        connection.ended = true;
        self.room.finish(number);
        self.advance(context);
    }

    fn drained(&mut self, context: &mut Context<'_>, id: Id) {
        if context.pool.is_open(id)
            && let Some(number) = self.admit(context.pool, id)
        {
            self.room.look_at(number);
            self.advance(context);
        }
    }

    fn closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        let Some(member) = self.members.remove(id) else { return };
        self.ids.remove(&member.number);
        // A member that breaks the rules of the tinyproto exchange, which the connection itself
        // sees.
        if let (CloseReason::FRAME, None, Some(error)) = (end.reason, &member.why, &end.error) {
            Self::report_bad_frame(context, &member.title, &plain(error));
        }
        // All of them leave a room that is closed, and nobody is left to notify.
        if !self.is_closed {
            let why = member.why.unwrap_or_else(|| end.reason.to_string());
            self.room.remove_member(member.number, Some(&why));
            self.advance(context);
        }
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Timer { key: TimerKey { id: None, purpose: timers::CHAT } } => {
                self.advance(context);
                true
            }
            Event::Timer { key: TimerKey { id: Some(id), purpose: timers::GRACE } }
                if !context.core.has_enough() =>
            {
                context.pool.abort(*id, TOO_SLOW);
                true
            }
            event => {
                if let Some(frontend) = &mut self.frontend {
                    frontend.on_event(event);
                }
                false
            }
        }
    }

    fn event_done(&mut self, context: &mut Context<'_>) {
        if let Some(frontend) = &mut self.frontend {
            frontend.refresh(context.pool, context.core);
        }
    }

    /// Every member gets a notice behind what is queued, and a newcomer behind the rest of the
    /// history.
    fn end(&mut self, context: &mut Context<'_>) {
        context.pool.disarm(TimerKey::global(timers::CHAT));
        if !std::mem::replace(&mut self.is_closed, true) {
            let members: Vec<MemberId> = self.ids.keys().copied().collect();
            self.room.end();
            for action in self.room.take_actions() {
                if let RoomAction::Send(to, line) = action {
                    self.send_line(context, &to, &line);
                }
            }
            // Queued before the session closes the members, so that the FIN comes behind it.
            let line = ChatLine::Notice("the host has closed the room".to_owned());
            self.send_line(context, &members, &line);
        }
    }

    fn abort(&mut self, context: &mut Context<'_>, _how: EndMode, _reason: CloseReason) {
        context.pool.disarm(TimerKey::global(timers::CHAT));
    }
}
