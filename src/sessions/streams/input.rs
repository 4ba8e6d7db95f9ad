//! stdin on its way to the connections.

use bytes::Bytes;

use super::StreamSession;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{Id, Pool};
use crate::sessions::feed::Batch;
use crate::sessions::orders::{self, Commanded};
use crate::sessions::throttle::Due;

impl StreamSession {
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
        if std::mem::replace(&mut self.releasing, true) {
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
        self.releasing = false;
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
            let ids: Vec<Id> = self.streams.table.ids().collect();
            ids.into_iter().for_each(|id| self.input_ended(pool, id));
        }
    }

    fn send_to_all(&mut self, pool: &mut Pool, bytes: &[u8], messages: u64) {
        if bytes.is_empty() {
            return;
        }
        let only = self.streams.table.iter().next().filter(|_| self.streams.table.len() == 1);
        match only {
            // One connection alone can be written to without a copy that many could share.
            Some((id, connection)) if !connection.send.skips() => {
                let outcome = pool.send(id, bytes);
                self.streams.sent(&mut self.core, pool, id, outcome);
            }
            _ => {
                let piece = Bytes::copy_from_slice(bytes);
                self.streams.broadcast(&mut self.core, pool, None, &piece, messages);
            }
        }
        self.balance(pool);
    }

    /// Whether stdin may be read, and what was read be sent.
    pub(super) fn may_feed(&self) -> bool {
        // Commands need no connection, but their answers need a place to go.
        let waits = match self.core.feed.commands() {
            true => self.is_held(),
            false => self.streams.slow.is_blocking() || self.streams.table.is_empty(),
        };
        !waits && !self.core.is_ending()
    }
}
