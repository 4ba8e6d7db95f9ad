//! The timers of the client.

use std::io::IsTerminal;

use super::ConnectSession;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::timers;

impl ConnectSession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, &self.link) {
            (timers::QUIT, Some(link)) => {
                pool.close(link.id, CloseReason::HOST, CloseMode::NoWait);
                self.core.begin_ending(pool);
            }
            (timers::PACE, _) => self.resume_input(pool),
            (timers::GRACE, Some(link)) => pool.abort(link.id, CloseReason::HOST),
            (timers::IDLE, Some(link)) => {
                let id = link.id;
                self.check_idle(pool, id);
            }
            (timers::COMMANDS, _) => self.on_input(pool, &[], false),
            (timers::READ, Some(_)) => self.check_message(pool),
            _ => {}
        }
    }

    /// A person wants to know what is waited for; and so does anybody whose peer cannot know that
    /// there is no more input.
    pub(super) fn is_worth_a_note(&self) -> bool {
        self.core.common.rules.undivided || std::io::stderr().is_terminal()
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.core.common.limits.idle, pool.traffic(id)) else {
            return;
        };
        let last_active = self.exec.as_ref().and_then(|exec| exec.last_active(pool, id));
        let last_active = last_active.unwrap_or(traffic.last_active);
        let idle = pool.now().saturating_duration_since(last_active);
        if idle < limit {
            pool.arm(TimerKey::of(id, timers::IDLE), limit - idle);
            return;
        }
        if self.core.console.is_full() {
            // The peer may be talking all the time: it is not read, because stdout is blocked.
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
            return;
        }
        let cause = format!("no traffic for {}", humantime::format_duration(limit));
        self.late(pool, Detail::Idle, cause);
    }

    fn check_message(&mut self, pool: &mut Pool) {
        let (Some(limit), Some(link)) = (self.core.common.limits.read, &self.link) else { return };
        let left = link.receiver.time_left(limit, pool.now());
        if link.peer_ended {
            return;
        }
        // While stdout is blocked, it is not the peer that is late.
        if let Some(left) = left.or(self.core.console.is_full().then_some(limit)) {
            pool.arm(TimerKey::of(link.id, timers::READ), left);
            return;
        }
        let cause = format!("no whole message within {}", humantime::format_duration(limit));
        self.late(pool, Detail::ReadTimeout, cause);
    }

    fn late(&mut self, pool: &mut Pool, detail: Detail, cause: String) {
        let Some(link) = &self.link else { return };
        let peer = link.peer.clone();
        let failure = Failure::new(Status::Timeout, Kind::Timeout, "hear from", peer, cause);
        self.core.fail(pool, &failure);
        self.end_now(pool, CloseReason::new(Cause::Timeout, detail));
    }
}
