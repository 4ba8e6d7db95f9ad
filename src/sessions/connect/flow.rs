//! What goes through the connection, and what the end of each direction means.

use bytes::Bytes;

use super::ConnectSession;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, Id, Pool, SendOutcome, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::relay::Step;
use crate::report::{Name, Notice};
use crate::sessions::console::Message;
use crate::sessions::control;
use crate::sessions::core::NOTE_AFTER;
use crate::sessions::input::{Batch, Due};
use crate::sessions::receiver;
use crate::sessions::timers;

impl ConnectSession {
    pub(super) fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        if self.core.input.has_commands() {
            control::execute_lines(self, pool, bytes, eof);
            return self.allow_commands(pool);
        }
        let Some(id) = self.link.as_ref().map(|link| link.id) else { return };
        self.core.input.note_bytes(bytes);
        if self.core.input.is_throttled() {
            self.core.input.hold(pool, bytes, eof);
            return self.resume_input(pool);
        }
        if self.core.input.is_transparent() {
            if !bytes.is_empty() {
                let outcome = pool.send(id, bytes);
                self.sent(pool, outcome);
                self.keep_if_gone(outcome, bytes);
            }
        } else {
            let (batch, result) = self.core.input.convert(bytes, eof);
            self.send_batch(pool, id, &batch);
            if let Err(failure) = result {
                self.bad_input(pool, &failure);
            }
        }
        if eof {
            self.core.input.end();
            self.input_ended(pool);
        }
    }

    /// Reads on, or sends what is due (`--rate`) of what was read.
    pub(super) fn resume_input(&mut self, pool: &mut Pool) {
        if !self.core.input.is_throttled() {
            return self.core.input.resume(pool);
        }
        while let Some(id) = self.link.as_ref().filter(|link| !link.full).map(|link| link.id) {
            match self.core.input.due(pool.now()) {
                _ if self.core.is_ending() => return,
                Due::Batch(batch) => self.send_batch(pool, id, &batch),
                Due::At(at) => return self.core.wake_at(pool, at),
                Due::Nothing => return self.core.input.resume(pool),
                Due::End(Err(failure)) => return self.bad_input(pool, &failure),
                Due::End(Ok(())) => {
                    self.core.input.end();
                    return self.input_ended(pool);
                }
            }
        }
    }

    fn bad_input(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    fn send_batch(&mut self, pool: &mut Pool, id: Id, batch: &Batch) {
        self.core.count_sent(batch.ends.len());
        if self.reconnect {
            // Each message is a piece of its own, so that one that was cut can be sent again.
            for message in batch.messages() {
                let outcome = pool.send_shared(id, Bytes::copy_from_slice(message));
                self.sent(pool, outcome);
                self.keep_if_gone(outcome, message);
            }
        } else if !batch.bytes.is_empty() {
            let outcome = pool.send(id, &batch.bytes);
            self.sent(pool, outcome);
        }
    }

    pub(super) fn sent(&mut self, pool: &mut Pool, outcome: SendOutcome) {
        if outcome != SendOutcome::Queued {
            // Where the connection is gone, `Closed` handles it.
            self.core.input.pause(pool);
            if let Some(link) = &mut self.link {
                link.full = true;
            }
        }
    }

    /// What a connection did not even take is for the next one.
    fn keep_if_gone(&mut self, outcome: SendOutcome, bytes: &[u8]) {
        if self.reconnect && outcome == SendOutcome::Gone {
            self.carried.push(Bytes::copy_from_slice(bytes));
        }
    }

    /// The input has ended while a connection is open.
    pub(super) fn input_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &self.link else { return };
        match self.core.common.rules.input_ended(self.core.input.progress(), link.peer_ended) {
            Step::HalfClose => pool.finish(link.id),
            Step::Close | Step::Leave => pool.close(link.id, CloseReason::PEER, CloseMode::Linger),
            Step::Continue => {}
        }
        if self.core.common.rules.quit_after.is_some() {
            pool.await_flush(link.id);
        } else {
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let Some(link) = &mut self.link else { return };
        let (core, conn, peer) = (&mut self.core, link.number, link.peer.as_str());
        let result = link.receiver.feed(bytes, eof, pool.now(), &mut |frame| {
            if core.take_message(frame.payload) {
                let message = Message { conn, ..Message::framed(&frame, peer) };
                core.console.deliver(pool, &message);
            }
        });
        core.note_match(link.receiver.has_matched());
        core.console.commit(pool);
        if core.console.is_full() {
            pool.pause(link.id);
        }
        if self.core.has_enough() {
            self.end_with_enough(pool);
        } else if let Err(error) = result {
            self.bad_frame(pool, &error);
        } else if eof {
            self.peer_ended(pool);
        }
    }

    fn bad_frame(&mut self, pool: &mut Pool, error: &FrameError) {
        let Some(link) = &self.link else { return };
        let failure = receiver::bad_frame(link.peer.clone(), error);
        pool.abort(link.id, CloseReason::FRAME);
        self.core.fail(pool, &failure);
        self.end(pool, CloseReason::FRAME);
    }

    fn peer_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &mut self.link else { return };
        link.peer_ended = true;
        let id = link.id;
        let event = Notice::new(Name::Eof).maybe_conn(link.number).peer(&link.peer);
        self.core.console.report(pool, &event);
        self.report_undelivered(pool);
        let input = self.core.input.progress();
        if self.reconnect && !(input.ended && pool.queued(id) == 0) {
            pool.close(id, CloseReason::PEER, CloseMode::Linger);
            return;
        }
        match self.core.common.rules.peer_ended(input) {
            Step::Leave => self.leave(pool, id),
            Step::Close | Step::HalfClose => pool.close(id, CloseReason::PEER, CloseMode::Linger),
            Step::Continue => {}
        }
    }

    /// `--on-peer-close exit`: input that is known to be unsent makes it a loss.
    fn leave(&mut self, pool: &mut Pool, id: Id) {
        pool.flush(id);
        let waits = self.link.as_ref().is_some_and(|link| link.full);
        if waits || pool.queued(id) > 0 || self.core.input.is_holding() {
            let failure = Failure::new(
                Status::Lost,
                Kind::Unsent,
                "send",
                "the rest of stdin",
                "the peer closed before it was sent",
            );
            self.core.fail(pool, &failure);
        }
        self.core.begin_ending(pool);
        pool.abort(id, CloseReason::PEER);
    }

    /// A message that was cut by the peer's FIN is not delivered, but reported.
    fn report_undelivered(&mut self, pool: &mut Pool) {
        let Some(link) = &self.link else { return };
        let count = link.receiver.undelivered();
        if count > 0 {
            let cause = "the peer closed in the middle of a message";
            let failure =
                Failure::new(Status::Lost, Kind::CutFrame, "read from", link.peer.clone(), cause);
            let event = Notice::error(&failure).undelivered(count);
            self.core.console.report(pool, &event);
            self.core.decide(Status::Lost);
        }
    }

    /// Output takes data again.
    pub(super) fn resume_reading(&mut self, pool: &mut Pool) {
        if let Some(link) = &self.link {
            pool.resume(link.id);
        }
        if self.core.input.has_commands() {
            self.allow_commands(pool);
        }
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(link) = self.link.as_mut().filter(|link| link.id == id) {
            link.full = false;
            if self.core.input.has_commands() {
                self.report_drained(pool);
                return self.allow_commands(pool);
            }
            self.resume_input(pool);
            if let (true, Some(patience)) =
                (self.core.input.progress().ended, self.core.common.rules.quit_after)
            {
                pool.arm(TimerKey::of(id, timers::QUIT), patience);
            }
        }
    }
}
