//! The timers of a replay on streams.

use super::streams::{ReplaySession, Side};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::timers;

impl ReplaySession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::IDLE, Some(id)) => self.check_idle(pool, id),
            (timers::PACE, Some(id)) => self.send(pool, id),
            _ => {}
        }
    }

    /// Says what every conversation still waits for.
    pub(super) fn report_missing(&mut self, pool: &mut Pool) {
        for link in self.links.values() {
            if let Some(missing) = link.conversation.missing() {
                let failure = super::differs(&link.title(), &missing);
                self.core.console.complain(pool, &failure);
            }
        }
    }

    /// `--idle-timeout`: what is missing is a difference that a server tells, and a time that a
    /// client has run out of.
    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.core.common.limits.idle, pool.traffic(id)) else {
            return;
        };
        let idle = pool.now().saturating_duration_since(traffic.last_active);
        if idle < limit || self.core.console.is_full() {
            let left = limit.saturating_sub(idle);
            let left = if left.is_zero() { limit } else { left };
            return pool.arm(TimerKey::of(id, timers::IDLE), left);
        }
        let Some(link) = self.links.get(&id) else { return };
        let missing = link.conversation.missing();
        let limit = humantime::format_duration(limit);
        let cause = match missing {
            Some(missing) => format!("no traffic for {limit}; {missing}"),
            None => format!("no traffic for {limit}"),
        };
        let (status, kind) = match self.side {
            Side::Client { .. } => (Status::Timeout, Kind::Timeout),
            Side::Server { .. } => (Status::Unmet, Kind::Replay),
        };
        let failure = Failure::new(status, kind, "replay", link.title(), cause);
        self.fail(pool, id, &failure);
    }
}
