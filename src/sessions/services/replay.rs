//! `--replay` on streams: plays a recorded conversation on each connection, and compares what is received
//! with the recording.
//!
//! | | `tcp-serve` | `tcp-connect` |
//! |---|---|---|
//! | which conversation | the one that the client's first bytes fit | the next one |
//! | after it | other clients come | the next connection is dialed |
//! | one fails | the others live | the run ends |

use super::{Breach, Losses, Profile, StreamService};
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, TimerKey};
use crate::kind::Kind;
use crate::protocol::relay::InputState;
use crate::protocol::replay::{Conversations, Next, PlayedConversation, Send};
use crate::recording::Role;
use crate::sessions::config::Replay;
use crate::sessions::console::Message;
use crate::sessions::core::{Core, GRACE};
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::streams::{Context, EndMode, Flow, Redial};
use crate::sessions::timers;

/// The recorded conversations, and which connection plays which.
pub(super) struct Playback {
    conversations: Conversations,
    clients: IdMap<Client>,
    /// Connections are accepted, or dialed, one after the other.
    role: Role,
}

struct Client {
    /// `#3 127.0.0.1:51312`, as messages call it.
    title: String,
    conversation: PlayedConversation,
}

impl Playback {
    pub(super) fn new(replay: &Replay, role: Role) -> Self {
        let conversations = Conversations::new(&replay.scripts, replay.timing);
        Self { conversations, clients: IdMap::default(), role }
    }

    /// Takes what a client sent, and sends what is due then.
    fn receive(&mut self, context: &mut Context<'_>, id: Id, piece: Piece<'_>) {
        let now = context.pool.now();
        let Some(client) = self.clients.get_mut(id) else { return };
        let (bytes, eof) = (piece.bytes(), piece.is_end());
        let received = client.conversation.receive(&mut self.conversations, bytes, eof, now);
        if let Err(difference) = received {
            let failure = difference.failure(&client.title);
            return self.fail(context, id, &failure);
        }
        if eof && !client.conversation.end(now) {
            // What is missing is reported when it is known whether the end was one in order.
            return context.pool.close(id, CloseReason::PEER, CloseMode::Linger);
        }
        self.send(context, id);
    }

    /// Sends what is due, as far as the queue has room.
    fn send(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let is_full = |context: &Context<'_>| {
            context.streams.table.get(id).is_none_or(|connection| connection.send.is_full())
        };
        while !is_full(context) {
            match client.conversation.next(context.pool.now()) {
                Some(Next::Send(Send::Bytes(bytes))) => {
                    let outcome = context.pool.send_shared(id, bytes);
                    context.sent(id, outcome);
                }
                Some(Next::Send(Send::Fin)) => context.pool.finish(id),
                Some(Next::At(at)) => {
                    let after = at.saturating_duration_since(context.pool.now());
                    return context.pool.arm(TimerKey::of(id, timers::PACE), after);
                }
                Some(Next::Done) => {
                    return context.pool.close(id, CloseReason::HOST, CloseMode::Linger);
                }
                Some(Next::Receive) | None => return,
            }
        }
    }

    /// Reports that a conversation has failed, and closes it.
    fn fail(&mut self, context: &mut Context<'_>, id: Id, failure: &Failure) {
        context.core.console.report_failure(context.pool, failure);
        context.streams.note_loss(failure.status);
        let is_cut = self.is_owed(id);
        if let Some(client) = self.clients.get_mut(id) {
            client.conversation = PlayedConversation::Failed;
        }
        match is_cut {
            true => {
                context.pool.close(id, CloseReason::HOST, CloseMode::ResetWhenAcked);
                context.pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
            }
            false => context.pool.close(id, CloseReason::HOST, CloseMode::Linger),
        }
        self.end_dialing(context);
    }

    /// Where one connection follows the other, none follows one that failed.
    fn end_dialing(&self, context: &mut Context<'_>) {
        if self.role == Role::Connected {
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        }
    }
}

impl StreamService for Playback {
    /// A client is read however much waits for it: it may send first and read later.
    fn profile(&self) -> Profile {
        Profile { losses: Losses::Service, ..Profile::of(Flow::Recorded) }
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let title = context.streams.table.get(id).map(|client| client.title()).unwrap_or_default();
        let conversation = match self.role {
            Role::Connected => self.conversations.begin_next(context.pool.now()),
            Role::Accepted | Role::Bound => PlayedConversation::undecided(),
        };
        self.clients.insert(id, Client { title, conversation });
        // A recorded conversation may begin with what this side sends.
        self.receive(context, id, Piece::Held);
    }

    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
        self.receive(context, id, Piece::Bytes(message.payload));
    }

    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, _input: InputState) {
        context.note_end(id);
        self.receive(context, id, Piece::End);
    }

    fn drained(&mut self, context: &mut Context<'_>, id: Id) {
        self.send(context, id);
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Timer { key: TimerKey { id: Some(id), purpose: timers::PACE } } => {
                self.send(context, *id);
                true
            }
            _ => false,
        }
    }

    fn breach(&mut self, context: &mut Context<'_>, id: Id, breach: Breach<'_>) -> bool {
        let (Some(client), Breach::Deadline(cause)) = (self.clients.get(id), breach) else {
            return false;
        };
        let cause = match client.conversation.missing() {
            Some(missing) => format!("{cause}; {missing}"),
            None => cause.to_owned(),
        };
        let title = client.title.as_str();
        let (status, kind) = match self.role {
            Role::Connected => (Status::Timeout, Kind::Timeout),
            Role::Accepted | Role::Bound => (Status::Unmet, Kind::Replay),
        };
        let failure = Failure::new(status, kind, "replay", title, cause);
        self.fail(context, id, &failure);
        true
    }

    fn redial(&self, _core: &Core, _reconnects: bool, _end: &End) -> Redial {
        if self.conversations.is_over() { Redial::Never } else { Redial::AtOnce }
    }

    fn closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        let Some(Client { title, conversation }) = self.clients.remove(id) else { return };
        if conversation.may_end(end.is_loss(), end.unsent.is_empty()) || context.core.is_ending() {
            return;
        }
        let cause = match conversation.missing() {
            Some(missing) => format!("{}; {missing}", end.reason),
            None => end.reason.to_string(),
        };
        let status = if end.is_loss() { Status::Lost } else { Status::Unmet };
        let failure = Failure::new(status, Kind::Replay, "replay", title, cause);
        context.core.console.report_failure(context.pool, &failure);
        context.streams.note_loss(status);
        self.end_dialing(context);
    }

    /// What a recorded conversation has not come to yet.
    fn is_owed(&self, id: Id) -> bool {
        let client = self.clients.get(id);
        client.is_some_and(|client| matches!(client.conversation, PlayedConversation::Playing(_)))
    }

    /// `--timeout` reports what every conversation still waits for.
    fn abort(&mut self, context: &mut Context<'_>, _how: EndMode, reason: CloseReason) {
        if reason.detail != Detail::Timeout {
            return;
        }
        for (_, client) in self.clients.iter() {
            if let Some(missing) = client.conversation.missing() {
                let failure = missing.failure(&client.title);
                context.core.console.report_failure(context.pool, &failure);
            }
        }
    }
}
