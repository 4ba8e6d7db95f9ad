//! The connections: each is read as far as it takes its answers.

use super::EchoSession;
use super::delay_queue::Answer;
use super::responder::MessageClass;
use crate::close::CloseReason;
use crate::event_loop::{CloseMode, End, Id, Pool, SendOutcome};
use crate::sessions::console::Message;

/// Why a client from which nothing more is read is closed, once it has its answers.
pub(super) type PendingClose = Option<CloseReason>;

impl EchoSession {
    pub(super) fn accept(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        self.clients.accept(pool, &mut self.core, id, (peer, local), None);
        // An answer must not wait until the one before is acknowledged.
        pool.set_nodelay(id);
        if self.paused || self.core.is_ending() {
            pool.pause(id);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let (core, responder) = (&mut self.core, &mut self.responder);
        let (number, peer) = (client.number, client.peer.as_str());
        let (mut over, mut answers, mut trouble) = (client.state.is_some(), Vec::new(), None);
        let framed = client.receiver.feed(bytes, eof, pool.now(), &mut |frame| {
            if over || !core.take_message(frame.payload) {
                return;
            }
            let message = Message { conn: Some(number), ..Message::framed(&frame, peer) };
            core.console.deliver(pool, &message);
            match responder.classify(frame.payload) {
                MessageClass::Dropped => {}
                MessageClass::Quit | MessageClass::Stop => over = true,
                MessageClass::Echo => match responder.stream(frame.payload, frame.partial) {
                    Ok(answer) => {
                        core.count_sent(1);
                        add(&mut answers, answer);
                    }
                    Err(error) => trouble = trouble.take().or(Some(error)),
                },
            }
        });
        core.note_match(client.receiver.has_matched());
        if over {
            client.state.get_or_insert(CloseReason::HOST);
        }
        if !answers.is_empty() {
            self.answer(pool, id, answers);
        }
        if let Some(error) = framed.err().or(trouble) {
            self.clients.close_bad_frame(pool, &mut self.core, id, &error);
        } else if eof {
            self.clients.on_eof(pool, &mut self.core, id);
            if let Some(client) = self.clients.get_mut(id) {
                client.state = client.state.or(Some(client.end_reason()));
            }
        }
        self.balance(pool, id);
        self.close_if_answered(pool, id);
        self.after_receive(pool);
    }

    fn answer(&mut self, pool: &mut Pool, id: Id, answers: Vec<u8>) {
        if self.delay_queue.is_enabled() {
            self.delay_queue.push(pool.now(), id, Answer { bytes: answers.into(), to: None });
            self.arm_answer_timer(pool);
        } else if pool.send(id, &answers) == SendOutcome::Full {
            self.mark_full(id);
        }
    }

    fn mark_full(&mut self, id: Id) {
        if let Some(client) = self.clients.get_mut(id) {
            client.full = true;
        }
    }

    pub(super) fn send_stream(&mut self, pool: &mut Pool, id: Id, bytes: bytes::Bytes) {
        if pool.send(id, &bytes) == SendOutcome::Full {
            self.mark_full(id);
        }
    }

    /// A client that is to leave does so once it has its answers.
    pub(super) fn close_if_answered(&mut self, pool: &mut Pool, id: Id) {
        let Some(reason) = self.clients.get(id).and_then(|client| client.state) else { return };
        if !self.delay_queue.has(id) {
            pool.close(id, reason, CloseMode::Linger);
        }
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        match self.clients.get_mut(id) {
            Some(client) => client.full = false,
            None => self.send_waiting(pool, id),
        }
        self.balance(pool, id);
        self.finish_if_alone(pool);
    }

    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(client) = self.clients.remove(pool, &mut self.core, id, end) else { return };
        self.clients.report_loss(pool, &mut self.core, &client, end);
        self.finish_if_alone(pool);
    }

    pub(super) fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let is_held = self.paused || self.delay_queue.has(id);
        if self.clients.is_idle(pool, &self.core, id, is_held) {
            self.clients.close_idle(pool, &mut self.core, id);
        }
    }
}

/// Adds an answer to those before it; a first one, which may be large, is taken as it is.
fn add(answers: &mut Vec<u8>, mut answer: Vec<u8>) {
    match answers.is_empty() {
        true => *answers = answer,
        false => answers.append(&mut answer),
    }
}
