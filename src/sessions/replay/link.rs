//! One connection that is replayed: what is received on it, and what is sent then.

use super::differs;
use super::streams::{ReplaySession, Side};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Id, Pool, SendOutcome, TimerKey};
use crate::protocol::replay::{Conversation, Next, Send};
use crate::report::{Name, Notice};
use crate::sessions::console::Message;
use crate::sessions::timers;

/// A connection, and the conversation that is played on it.
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) local: String,
    pub(super) conversation: Conversation,
    /// The queue is full, and nothing is sent before it has drained.
    pub(super) full: bool,
}

impl Link {
    /// As it is called in messages.
    pub(super) fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }
}

impl ReplaySession {
    /// Begins to play on a new connection.
    pub(super) fn begin(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        let number = self.core.count_connection();
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
        if self.core.console.is_full() {
            pool.pause(id);
        }
        let conversation = match &mut self.side {
            Side::Client { .. } => self.conversations.begin_next(pool.now()),
            Side::Server { listeners, conns } => {
                if number >= *conns {
                    listeners.drain(..).for_each(|id| pool.abort(id, CloseReason::HOST));
                }
                Conversation::undecided()
            }
        };
        self.links.insert(id, Link { number, peer, local, conversation, full: false });
        self.receive(pool, id, &[], false);
    }

    /// Takes what came on a connection, and sends what is due then.
    fn receive(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let received = link.conversation.receive(&mut self.conversations, bytes, eof, pool.now());
        if let Err(difference) = received {
            let failure = differs(&link.title(), &difference);
            return self.fail(pool, id, &failure);
        }
        if eof && !link.conversation.end(pool.now()) {
            // What is missing is reported when it is known whether the end was one in order.
            return pool.close(id, CloseReason::PEER, CloseMode::Linger);
        }
        self.send(pool, id);
    }

    /// Sends what is due on a connection.
    pub(super) fn send(&mut self, pool: &mut Pool, id: Id) {
        let Some(link) = self.links.get_mut(&id) else { return };
        while !link.full {
            let Some(next) = link.conversation.next(pool.now()) else { return };
            match next {
                Next::Send(Send::Bytes(bytes)) => {
                    link.full = pool.send_shared(id, bytes) == SendOutcome::Full;
                }
                Next::Send(Send::Fin) => pool.finish(id),
                Next::At(at) => {
                    let after = at.saturating_duration_since(pool.now());
                    return pool.arm(TimerKey::of(id, timers::PACE), after);
                }
                Next::Receive => return,
                Next::Done => return pool.close(id, CloseReason::HOST, CloseMode::Linger),
            }
        }
    }

    /// A conversation has failed: it is reported and closed. A client has nothing more to do then; the
    /// other clients of a server are no worse off.
    pub(super) fn fail(&mut self, pool: &mut Pool, id: Id, failure: &Failure) {
        self.core.console.complain(pool, failure);
        self.worst.get_or_insert(failure.status);
        if let Some(link) = self.links.get_mut(&id) {
            link.conversation = Conversation::Failed;
        }
        pool.close(id, CloseReason::HOST, CloseMode::Linger);
        if matches!(self.side, Side::Client { .. }) {
            self.end(pool, CloseReason::HOST);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8]) {
        let Some(link) = self.links.get(&id) else { return };
        let conn = matches!(self.side, Side::Server { .. }).then_some(link.number);
        let message = Message { conn, ..Message::new(bytes, &link.peer) };
        self.core.console.deliver(pool, &message);
        self.core.console.commit(pool);
        if self.core.console.is_full() {
            self.links.keys().for_each(|id| pool.pause(*id));
        }
        self.receive(pool, id, bytes, false);
    }

    pub(super) fn on_eof(&mut self, pool: &mut Pool, id: Id) {
        let Some(link) = self.links.get(&id) else { return };
        let event = Notice::new(Name::Eof).peer(&link.peer);
        let is_server = matches!(self.side, Side::Server { .. });
        let event = if is_server { event.conn(link.number) } else { event };
        self.core.console.report(pool, &event);
        self.receive(pool, id, &[], true);
    }
}
