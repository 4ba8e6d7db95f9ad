//! The timers of the client.

use std::io::IsTerminal;

use super::ConnectSession;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::alarms;

impl ConnectSession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, &self.link) {
            (alarms::NOTE, _) if self.run.is_ending() => self.report_awaited(pool),
            (alarms::NOTE, Some(_)) if self.is_worth_a_note() => {
                let text = "waiting for the peer to close (--quit-after limits this)";
                self.run.console.warn(pool, Kind::Waiting, text);
            }
            (alarms::QUIT, Some(link)) => {
                pool.leave(link.id, CloseReason::HOST);
                self.run.begin_ending(pool);
            }
            (alarms::PROGRESS, link) => {
                let open = link.as_ref().and_then(|link| pool.traffic(link.id));
                let queued = link.as_ref().map_or(0, |link| pool.queued(link.id));
                self.run.show_progress(pool, open.as_slice(), queued);
            }
            (alarms::PACE, _) => self.resume_input(pool),
            (alarms::GRACE, Some(link)) => pool.abort(link.id, CloseReason::HOST),
            (alarms::IDLE, Some(link)) => {
                let id = link.id;
                self.check_idle(pool, id);
            }
            (alarms::ORDERS, _) => self.on_input(pool, &[], false),
            (alarms::MESSAGE, Some(_)) => self.check_message(pool),
            _ => {}
        }
    }

    /// A person wants to know what is waited for; and so does anybody whose peer cannot know that
    /// there is no more input.
    fn is_worth_a_note(&self) -> bool {
        self.run.common.rules.undivided || std::io::stderr().is_terminal()
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.run.common.idle_timeout, pool.traffic(id)) else {
            return;
        };
        let last_active = self.exec.as_ref().and_then(|exec| exec.last_active(pool, id));
        let last_active = last_active.unwrap_or(traffic.last_active);
        let idle = pool.now().saturating_duration_since(last_active);
        if idle < limit {
            pool.arm(TimerKey::of(id, alarms::IDLE), limit - idle);
            return;
        }
        if self.run.console.is_full() {
            // The peer may be talking all the time: it is not read, because stdout is blocked.
            pool.arm(TimerKey::of(id, alarms::IDLE), limit);
            return;
        }
        let cause = format!("no traffic for {}", humantime::format_duration(limit));
        self.late(pool, Detail::Idle, cause);
    }

    fn check_message(&mut self, pool: &mut Pool) {
        let (Some(limit), Some(link)) = (self.run.common.read_timeout, &self.link) else { return };
        let left = link.inlet.time_left(limit, pool.now());
        if link.peer_ended {
            return;
        }
        // While stdout is blocked, it is not the peer that is late.
        if let Some(left) = left.or(self.run.console.is_full().then_some(limit)) {
            pool.arm(TimerKey::of(link.id, alarms::MESSAGE), left);
            return;
        }
        let cause = format!("no whole message within {}", humantime::format_duration(limit));
        self.late(pool, Detail::ReadTimeout, cause);
    }

    fn late(&mut self, pool: &mut Pool, detail: Detail, cause: String) {
        let Some(link) = &self.link else { return };
        let peer = link.peer.clone();
        let failure = Failure::new(Status::Timeout, Kind::Timeout, "hear from", peer, cause);
        self.run.fail(pool, &failure);
        self.end_now(pool, CloseReason::new(Cause::Timeout, detail));
    }
}
