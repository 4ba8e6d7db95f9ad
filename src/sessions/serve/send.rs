//! stdin on its way to the clients.

use bytes::Bytes;

use super::ServeSession;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Id, Pool};
use crate::protocol::relay::Step;
use crate::sessions::feed::Batch;
use crate::sessions::orders;
use crate::sessions::throttle::Due;

impl ServeSession {
    pub(super) fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        self.core.feed.saw(bytes);
        if self.core.feed.commands() {
            orders::follow(self, pool, bytes, eof);
            self.balance(pool);
            return;
        }
        if self.core.feed.is_throttled() {
            self.core.feed.hold(pool, bytes, eof);
            return self.balance(pool);
        }
        if !self.core.feed.is_transparent() {
            let (batch, result) = self.core.feed.convert(bytes, eof);
            self.send_batch(pool, &batch);
            if let Err(failure) = result {
                self.bad_input(pool, &failure);
            }
        } else {
            self.send_to_all(pool, bytes, 1);
        }
        if eof {
            self.all_read(pool);
        }
    }

    /// Reads on, or sends what is due (`--rate`) of what was read.
    pub(super) fn resume_input(&mut self, pool: &mut Pool) {
        if !self.core.feed.is_throttled() {
            return self.core.feed.resume(pool);
        }
        // Sending comes by here again.
        if std::mem::replace(&mut self.letting_go, true) {
            return;
        }
        while self.may_feed() {
            match self.core.feed.due(pool.now()) {
                Due::Batch(batch) => {
                    self.send_batch(pool, &batch);
                    continue;
                }
                Due::At(at) => self.core.wake_at(pool, at),
                Due::Nothing => self.core.feed.resume(pool),
                Due::End(Err(failure)) => self.bad_input(pool, &failure),
                Due::End(Ok(())) => self.all_read(pool),
            }
            break;
        }
        self.letting_go = false;
    }

    fn send_batch(&mut self, pool: &mut Pool, batch: &Batch) {
        self.core.count_sent(batch.ends.len());
        self.send_to_all(pool, &batch.bytes, batch.ends.len() as u64);
    }

    fn bad_input(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    fn all_read(&mut self, pool: &mut Pool) {
        self.core.feed.end();
        if self.input().ended {
            let ids: Vec<Id> = self.clients.keys().copied().collect();
            ids.into_iter().for_each(|id| self.input_ended(pool, id));
        }
    }

    fn send_to_all(&mut self, pool: &mut Pool, bytes: &[u8], messages: u64) {
        match self.clients.keys().next().copied() {
            _ if bytes.is_empty() => {}
            // One client alone can be written to without a copy that many could share.
            Some(id) if self.clients.len() == 1 && self.clients.values().all(|c| !c.lag.skips) => {
                let outcome = pool.send(id, bytes);
                self.sent_to(pool, id, outcome);
                self.balance(pool);
            }
            _ => self.broadcast(pool, None, &Bytes::copy_from_slice(bytes), messages),
        }
    }

    /// The input has ended, as one client sees it.
    pub(super) fn input_ended(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get(&id) else { return };
        let (rules, input) = (self.core.common.rules, self.input());
        match rules.input_ended(input, client.peer_ended) {
            Step::HalfClose => pool.finish(id),
            Step::Close | Step::Leave => pool.close(id, self.end_reason(id), CloseMode::Linger),
            Step::Continue => {}
        }
        if rules.quit_after.is_some() && !rules.has_nothing_to_say(input) {
            pool.await_flush(id);
        }
    }
}
