//! The connections: each is read as far as it takes its answers.

use super::EchoSession;
use super::delay_queue::Answer;
use super::responder::Verdict;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, Pool, SendOutcome, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::{Message, closed_event, is_loss};
use crate::sessions::inlet::{self, Inlet};
use crate::sessions::timers;
use std::time::Duration;

/// How long a client has for the first words of its protocol.
const HELLO: Duration = Duration::from_secs(10);

/// A client from accept to close.
pub(super) struct Client {
    number: u64,
    peer: String,
    local: String,
    inlet: Inlet,
    /// Its answers fill the queue.
    full: bool,
    /// Nothing more is read; it is closed for this reason when it has its answers.
    leaving: Option<CloseReason>,
}

impl Client {
    pub(super) fn is_held(&self) -> bool {
        self.full || self.leaving.is_some()
    }

    pub(super) fn leave(&mut self, reason: CloseReason) {
        self.leaving.get_or_insert(reason);
    }

    /// `#3 127.0.0.1:51312`, as it is called in messages.
    fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }
}

impl EchoSession {
    pub(super) fn accept(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        self.core.first_came(pool);
        let number = self.core.count_connection();
        let event = Notice::new(Name::Accepted).conn(number).peer(&peer).local(&local);
        self.core.console.report(pool, &event);
        let inlet = Inlet::new(&self.core.common, pool.now());
        self.clients.insert(id, Client { number, peer, local, inlet, full: false, leaving: None });
        // An answer must not wait until the one before is acknowledged.
        pool.set_nodelay(id);
        if let Some(max_frame) = self.core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), HELLO);
        }
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
        if self.paused || self.core.is_ending() {
            pool.pause(id);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        // Taken out while its messages are answered, and put back.
        let Some(mut client) = self.clients.remove(&id) else { return };
        let (number, peer) = (client.number, client.peer.clone());
        let (mut over, mut answers, mut trouble) = (client.leaving.is_some(), Vec::new(), None);
        let framed = client.inlet.feed(bytes, eof, pool.now(), &mut |frame| {
            if over || !self.core.take_message(frame.payload) {
                return;
            }
            let message = Message { conn: Some(number), ..Message::framed(&frame, &peer) };
            self.core.console.deliver(pool, &message);
            match self.responder.classify(frame.payload) {
                Verdict::Dropped => {}
                Verdict::Quit | Verdict::Stop => over = true,
                Verdict::Echo => match self.responder.stream(frame.payload, frame.partial) {
                    Ok(answer) => {
                        self.core.count_sent(1);
                        add(&mut answers, answer);
                    }
                    Err(error) => trouble = trouble.take().or(Some(error)),
                },
            }
        });
        self.core.note_match(client.inlet.has_matched());
        if over {
            client.leave(CloseReason::HOST);
        }
        self.clients.insert(id, client);
        if !answers.is_empty() {
            self.answer(pool, id, answers);
        }
        if let Some(error) = framed.err().or(trouble) {
            self.bad_frame(pool, id, &error);
        } else if eof {
            self.peer_ended(pool, id);
        }
        self.balance(pool, id);
        self.close_if_answered(pool, id);
        self.after_receive(pool);
    }

    fn answer(&mut self, pool: &mut Pool, id: Id, answers: Vec<u8>) {
        if self.delay_queue.is_enabled() {
            self.delay_queue.push(pool.now(), id, Answer { bytes: answers.into(), to: None });
            self.set_alarm(pool);
        } else if pool.send(id, &answers) == SendOutcome::Full {
            self.mark_full(id);
        }
    }

    fn mark_full(&mut self, id: Id) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.full = true;
        }
    }

    pub(super) fn send_stream(&mut self, pool: &mut Pool, id: Id, bytes: bytes::Bytes) {
        if pool.send(id, &bytes) == SendOutcome::Full {
            self.mark_full(id);
        }
    }

    fn peer_ended(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let cut = client.inlet.undelivered();
        client.leave(if cut > 0 { CloseReason::FRAME } else { CloseReason::PEER });
        let event = Notice::new(Name::Eof).conn(client.number).peer(&client.peer);
        self.core.console.report(pool, &event);
        if cut > 0 {
            let cause = "it closed in the middle of a message";
            let failure =
                Failure::new(Status::Lost, Kind::CutFrame, "read from", client.title(), cause);
            let event = Notice::error(&failure).conn(client.number).undelivered(cut);
            self.core.console.report(pool, &event);
            self.worst.get_or_insert(Status::Lost);
        }
    }

    fn bad_frame(&mut self, pool: &mut Pool, id: Id, error: &FrameError) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let failure = inlet::bad_frame(client.title(), error);
        self.core.console.complain(pool, &failure);
        pool.abort(id, CloseReason::FRAME);
    }

    /// A client that is to leave does so once it has its answers.
    pub(super) fn close_if_answered(&mut self, pool: &mut Pool, id: Id) {
        let Some(reason) = self.clients.get(&id).and_then(|client| client.leaving) else { return };
        if !self.delay_queue.has(id) {
            pool.close(id, reason, CloseMode::Linger);
        }
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        match self.clients.get_mut(&id) {
            Some(client) => client.full = false,
            None => self.send_waiting(pool, id),
        }
        self.balance(pool, id);
        self.finish_if_alone(pool);
    }

    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(client) = self.clients.remove(&id) else { return };
        self.core.console.count(&end.traffic);
        let undelivered = client.inlet.undelivered();
        let event = closed_event(&client.peer, &client.local, end, undelivered, pool.now());
        self.core.console.report(pool, &event.conn(client.number));
        if is_loss(end) {
            self.worst.get_or_insert(Status::Lost);
            if let Some(error) = &end.error {
                let text = format!("{} was lost: {}", client.title(), crate::error::plain(error));
                self.core.console.warn(pool, Kind::Lost, &text);
            }
        }
        self.finish_if_alone(pool);
    }

    pub(super) fn check_hello(&mut self, pool: &mut Pool, id: Id) {
        if !pool.is_open(id) {
            self.late(pool, id, Detail::ReadTimeout, "no hello within", HELLO);
        }
    }

    pub(super) fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.core.common.limits.idle, pool.traffic(id)) else {
            return;
        };
        let idle = pool.now().saturating_duration_since(traffic.last_active);
        if idle < limit {
            pool.arm(TimerKey::of(id, timers::IDLE), limit - idle);
        } else if self.paused || self.delay_queue.has(id) {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        } else {
            self.late(pool, id, Detail::Idle, "no traffic for", limit);
        }
    }

    fn late(&mut self, pool: &mut Pool, id: Id, detail: Detail, what: &str, limit: Duration) {
        let Some(client) = self.clients.get(&id) else { return };
        let limit = humantime::format_duration(limit);
        let text = format!("{} is closed: {what} {limit}", client.title());
        self.core.console.warn(pool, Kind::Timeout, &text);
        pool.abort(id, CloseReason::new(Cause::Timeout, detail));
    }
}

/// Adds an answer to those before it; a first one, which may be large, is taken as it is.
fn add(answers: &mut Vec<u8>, mut answer: Vec<u8>) {
    match answers.is_empty() {
        true => *answers = answer,
        false => answers.append(&mut answer),
    }
}
