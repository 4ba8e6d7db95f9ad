//! The answers of those that a sender asked, their silence, and a stdout that is full.

use super::send::SendSession;
use super::send_batch::Destination;
use crate::error::{Failure, Status};
use crate::event_loop::{Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::console::Message;
use crate::sessions::timers;
use crate::sys::mmsg::Arrival;

impl SendSession {
    pub(super) fn on_datagrams(&mut self, pool: &mut Pool, batch: &[Arrival<'_>]) {
        if self.reply.is_none() {
            return;
        }
        for arrival in batch {
            if self.core.take_message(arrival.payload) {
                let (payload, peer) = (arrival.payload, arrival.from.to_string());
                self.core.console.deliver(pool, &Message::new(payload, &peer));
            }
        }
        self.core.console.commit(pool);
        if self.core.console.is_full() {
            self.pause_answers(pool, true);
        }
        let was_waiting = self.is_waiting();
        self.answers += batch.len() as u64;
        self.last_answer = pool.now();
        if self.core.has_enough() {
            self.end(pool);
        } else if was_waiting {
            self.core.first_came(pool);
            pool.disarm(TimerKey::global(timers::RESEND));
            self.pump(pool);
        }
    }

    /// `--reply`: the silence after the last answer is long enough.
    pub(super) fn check_answers(&mut self, pool: &mut Pool) {
        let Some(patience) = self.reply else { return };
        let silent = pool.now().saturating_duration_since(self.last_answer);
        // With a full stdout, answers wait in the kernel.
        if silent < patience || self.paused {
            let left = patience.saturating_sub(silent);
            let left = if left.is_zero() { patience } else { left };
            pool.arm(TimerKey::global(timers::ANSWERS), left);
            return;
        }
        if self.answers == 0 {
            let cause = format!("none within {}", humantime::format_duration(patience));
            let failure = Failure::new(Status::Unmet, Kind::Reply, "receive", "an answer", cause);
            self.core.fail(pool, &failure);
        }
        self.end(pool);
    }

    /// Stops receiving while stdout is full, or goes on.
    pub(super) fn pause_answers(&mut self, pool: &mut Pool, paused: bool) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        self.last_answer = pool.now();
        for id in self.destinations.iter().flat_map(Destination::ids) {
            if paused {
                pool.pause(id);
            } else {
                pool.resume(id);
            }
        }
    }
}
