//! One connection that is replayed: what is heard on it, and what is said then.

use super::differs;
use super::streams::{ReplaySession, Side};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Id, Pool, SendOutcome, TimerKey};
use crate::protocol::replay::{Next, Player, Say};
use crate::report::{Name, Notice};
use crate::sessions::console::Message;
use crate::sessions::timers;

/// A connection, and what is played on it.
pub(super) struct Talk {
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) local: String,
    pub(super) part: Part,
    /// The queue is full, and nothing is said before it has drained.
    pub(super) full: bool,
}

pub(super) enum Part {
    /// What was heard so far does not tell yet which conversation it is.
    Unknown(Vec<u8>),
    Playing(Player),
    /// All went as recorded.
    Played {
        /// The recorded connection was cut off then, and this one may be.
        may_reset: bool,
    },
    /// It did not, which was told.
    Failed,
}

impl Talk {
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
        let part = match &mut self.side {
            Side::Client { .. } => match self.cast.next() {
                Some(script) => Part::Playing(Player::new(script, self.timing, pool.now())),
                None => Part::Failed,
            },
            Side::Server { listeners, conns } => {
                if number >= *conns {
                    listeners.drain(..).for_each(|id| pool.abort(id, CloseReason::HOST));
                }
                Part::Unknown(Vec::new())
            }
        };
        self.talks.insert(id, Talk { number, peer, local, part, full: false });
        self.hear(pool, id, &[], false);
    }

    /// Takes what came on a connection, and says what is due then.
    fn hear(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        let Some(talk) = self.talks.get_mut(&id) else { return };
        let mut heard = bytes;
        let known;
        if let Part::Unknown(so_far) = &mut talk.part {
            so_far.extend_from_slice(bytes);
            let Some(script) = self.cast.choose(so_far, eof) else { return };
            known = std::mem::take(so_far);
            heard = &known;
            talk.part = Part::Playing(Player::new(script, self.timing, pool.now()));
        }
        let Part::Playing(player) = &mut talk.part else { return };
        if let Err(difference) = player.hear(heard, pool.now()) {
            let failure = differs(&talk.title(), &difference);
            return self.fail(pool, id, &failure);
        }
        if eof && player.end(pool.now()).is_err() {
            // What is missing is told when it is known whether the end was one in order.
            return pool.close(id, CloseReason::PEER, CloseMode::Linger);
        }
        self.say(pool, id);
    }

    /// Says what is due on a connection.
    pub(super) fn say(&mut self, pool: &mut Pool, id: Id) {
        let Some(talk) = self.talks.get_mut(&id) else { return };
        let Part::Playing(player) = &mut talk.part else { return };
        while !talk.full {
            match player.next(pool.now()) {
                Next::Say(Say::Bytes(bytes)) => {
                    talk.full = pool.send_shared(id, bytes) == SendOutcome::Full;
                }
                Next::Say(Say::Fin) => pool.finish(id),
                Next::At(at) => {
                    let after = at.saturating_duration_since(pool.now());
                    return pool.arm(TimerKey::of(id, timers::PACE), after);
                }
                Next::Hear => return,
                Next::Done => {
                    talk.part = Part::Played { may_reset: player.ends_in_reset() };
                    return pool.close(id, CloseReason::HOST, CloseMode::Linger);
                }
            }
        }
    }

    /// A conversation has failed: it is told and closed. A client has nothing more to do then; the
    /// other clients of a server are no worse off.
    pub(super) fn fail(&mut self, pool: &mut Pool, id: Id, failure: &Failure) {
        self.core.console.complain(pool, failure);
        self.worst.get_or_insert(failure.status);
        if let Some(talk) = self.talks.get_mut(&id) {
            talk.part = Part::Failed;
        }
        pool.close(id, CloseReason::HOST, CloseMode::Linger);
        if matches!(self.side, Side::Client { .. }) {
            self.end(pool, CloseReason::HOST);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8]) {
        let Some(talk) = self.talks.get(&id) else { return };
        let conn = matches!(self.side, Side::Server { .. }).then_some(talk.number);
        let message = Message { conn, ..Message::new(bytes, &talk.peer) };
        self.core.console.deliver(pool, &message);
        self.core.console.commit(pool);
        if self.core.console.is_full() {
            self.talks.keys().for_each(|id| pool.pause(*id));
        }
        self.hear(pool, id, bytes, false);
    }

    pub(super) fn on_eof(&mut self, pool: &mut Pool, id: Id) {
        let Some(talk) = self.talks.get(&id) else { return };
        let event = Notice::new(Name::Eof).peer(&talk.peer);
        let is_server = matches!(self.side, Side::Server { .. });
        let event = if is_server { event.conn(talk.number) } else { event };
        self.core.console.report(pool, &event);
        self.hear(pool, id, &[], true);
    }
}
