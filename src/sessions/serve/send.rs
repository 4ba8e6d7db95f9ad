//! stdin on its way to the clients.

use bytes::Bytes;

use super::ServeSession;
use crate::close::CloseReason;
use crate::event_loop::{Id, Pool};
use crate::protocol::relay::Step;
use crate::sessions::orders;

impl ServeSession {
    pub(super) fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        self.run.feed.saw(bytes);
        if self.run.feed.commands() {
            orders::follow(self, pool, bytes, eof);
            self.balance(pool);
            return;
        }
        if !self.run.feed.is_transparent() {
            let (batch, result) = self.run.feed.convert(bytes, eof);
            let messages = batch.ends.len() as u64;
            self.run.count_sent(batch.ends.len());
            self.send_to_all(pool, &batch.bytes, messages);
            if let Err(failure) = result {
                self.run.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        } else {
            self.send_to_all(pool, bytes, 1);
        }
        if eof {
            self.run.feed.end();
            if self.input().ended {
                let ids: Vec<Id> = self.clients.keys().copied().collect();
                ids.into_iter().for_each(|id| self.input_ended(pool, id));
            }
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
        let (rules, input) = (self.run.common.rules, self.input());
        match rules.input_ended(input, client.peer_ended) {
            Step::HalfClose => pool.finish(id),
            Step::Close | Step::Leave => pool.close(id, self.end_reason(id)),
            Step::Continue => {}
        }
        if rules.quit_after.is_some() && !rules.has_nothing_to_say(input) {
            pool.await_flush(id);
        }
    }
}
