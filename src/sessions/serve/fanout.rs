//! Sending to many clients, and what becomes of those that do not keep up.

use bytes::Bytes;

use super::ServeSession;
use crate::close::CloseReason;
use crate::event_loop::{Id, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::slow::Verdict;
use crate::sessions::orders::Commanded;
use crate::sessions::timers;

impl ServeSession {
    /// Sends a piece of so many messages to every client but `from`.
    pub(super) fn broadcast(
        &mut self,
        pool: &mut Pool,
        from: Option<Id>,
        piece: &Bytes,
        messages: u64,
    ) {
        let receivers: Vec<Id> =
            self.clients.keys().copied().filter(|id| Some(*id) != from).collect();
        for id in receivers {
            if self.keeps_up(pool, id, messages) {
                let outcome = pool.send_shared(id, piece.clone());
                self.sent_to(pool, id, outcome);
            }
        }
        self.balance(pool);
    }

    /// Whether a client is to be sent the next messages; those it misses are counted.
    pub(super) fn keeps_up(&mut self, pool: &mut Pool, id: Id, messages: u64) -> bool {
        let Some(client) = self.clients.get(&id) else { return false };
        // Without patience (`--hub`) a full queue is judged when the next message comes, after
        // the kernel was asked once more to take what waits.
        if client.lag.full && !client.lag.skips && self.slow.after.is_zero() {
            pool.flush(id);
            if pool.room(id) == 0 {
                self.judge(pool, id);
            }
        }
        let Some(client) = self.clients.get_mut(&id) else { return false };
        // One that is being closed misses nothing any more.
        if client.lag.skips && pool.takes(id) {
            client.lag.skipped += messages;
        }
        !client.lag.skips
    }

    /// Notes what became of a send.
    pub(super) fn sent_to(&mut self, pool: &mut Pool, id: Id, outcome: SendOutcome) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if outcome == SendOutcome::Full && !std::mem::replace(&mut client.lag.full, true) {
            client.lag.full_since = Some(pool.now());
            if self.service.only_answers() {
                pool.pause(id);
            } else if !self.service.relays()
                && (!self.slow.after.is_zero() || self.slow.holds_at_once(self.clients.len()))
            {
                self.judge(pool, id);
            }
        }
    }

    /// Decides what happens to a client whose queue is full.
    pub(super) fn judge(&mut self, pool: &mut Pool, id: Id) {
        let (Some(progress), count) = (pool.last_progress(id), self.clients.len()) else { return };
        let Some(client) = self.clients.get_mut(&id) else { return };
        // A queue that had room left was no reason to drain it.
        let since = client.lag.full_since.map_or(progress, |since| since.max(progress));
        let stalled = pool.now().saturating_duration_since(since);
        let verdict = self.slow.judge(stalled, count);
        self.holders.remove(&id);
        match verdict {
            Verdict::Wait(time) => {
                self.holders.insert(id);
                pool.arm(TimerKey::of(id, timers::SLOW), time);
            }
            Verdict::Hold => {
                self.holders.insert(id);
            }
            Verdict::Kick => {
                // It is sent nothing more until it is gone, at the end of this turn.
                client.lag.skips = true;
                let text = format!("{} was too slow and is closed", client.title());
                self.core.console.warn(pool, Kind::Slow, &text);
                pool.abort(id, CloseReason::SLOW);
            }
            Verdict::Skip => {
                client.lag.skips = true;
                let text = format!("{} is too slow and misses messages", client.title());
                self.core.console.warn(pool, Kind::Slow, &text);
            }
        }
    }

    /// `--slow-after` has passed for a client.
    pub(super) fn judge_again(&mut self, pool: &mut Pool, id: Id) {
        if self.clients.get(&id).is_some_and(|client| client.lag.full && !client.lag.skips) {
            self.judge(pool, id);
            self.balance(pool);
        }
    }

    /// A client's queue has drained.
    pub(super) fn client_drained(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.lag.full = false;
        client.lag.skips = false;
        self.holders.remove(&id);
        if self.service.only_answers() && !self.clients_paused {
            pool.resume(id);
        }
        self.balance(pool);
    }

    /// Whether stdin may be read, and what was read be sent.
    pub(super) fn may_feed(&self) -> bool {
        // Commands need no client, but their answers need a place to go.
        let waits = match self.core.feed.commands() {
            true => self.is_held(),
            false => !self.holders.is_empty() || self.clients.is_empty(),
        };
        !waits && !self.core.is_ending()
    }

    /// Pauses what would overflow a queue, and resumes what may flow again.
    pub(super) fn balance(&mut self, pool: &mut Pool) {
        self.mind_the_door(pool);
        let held = !self.holders.is_empty();
        if self.may_feed() {
            self.resume_input(pool);
        } else {
            self.core.feed.pause(pool);
        }
        let full = self.core.console.is_full() || (held && self.service.is_hub());
        let pause = full && !self.service.relays();
        if pause != self.clients_paused {
            self.clients_paused = pause;
            for (id, client) in &self.clients {
                let stuffed = client.lag.full && self.service.only_answers();
                if pause {
                    pool.pause(*id);
                } else if !stuffed {
                    pool.resume(*id);
                }
            }
        }
    }
}
