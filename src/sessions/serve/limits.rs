//! The timers of a server: patience with the world as a whole and with each client.

use std::time::Duration;

use super::ServeSession;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{CloseMode, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::core::GRACE;
use crate::sessions::timers;

/// How long a client has for the first words of its protocol; as long as a client of ours gives
/// a server.
pub(super) const HELLO: Duration = Duration::from_secs(10);
/// The end of a client that let its time pass, and does not take its last words either.
const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

impl ServeSession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::PACE, _) => self.balance(pool),
            (timers::GRACE, Some(id)) if self.core.has_enough() => {
                pool.abort(id, CloseReason::HOST);
            }
            (timers::GRACE, Some(id)) => pool.abort(id, TOO_LATE),
            (timers::IDLE, Some(id)) => self.check_idle(pool, id),
            (timers::READ, Some(id)) => self.check_message(pool, id),
            (timers::HELLO, Some(id)) if !pool.is_open(id) => {
                self.late(pool, id, Detail::ReadTimeout, "no hello within", HELLO);
            }
            (timers::QUIT, Some(id)) => pool.close(id, CloseReason::HOST, CloseMode::NoWait),
            (timers::COMMANDS, _) => self.on_input(pool, &[], false),
            (timers::SLOW, Some(id)) => self.judge_again(pool, id),
            _ => {}
        }
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.core.common.limits.idle, pool.traffic(id)) else {
            return;
        };
        let last_active = self.service.last_active(pool, id).unwrap_or(traffic.last_active);
        let idle = pool.now().saturating_duration_since(last_active);
        let full = self.clients.get(&id).is_some_and(|client| client.lag.full);
        if idle < limit {
            pool.arm(TimerKey::of(id, timers::IDLE), limit - idle);
        } else if (self.clients_paused && !full) || self.service.is_awaited(id) {
            // It may be talking all the time: it is not read, because of stdout or somebody else.
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        } else {
            self.late(pool, id, Detail::Idle, "no traffic for", limit);
        }
    }

    fn check_message(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(client)) = (self.core.common.limits.read, self.clients.get(&id))
        else {
            return;
        };
        if client.peer_ended {
            return;
        }
        // While it is not read, because the output is blocked, the client is not late.
        let left = client.inlet.time_left(limit, pool.now());
        match left.or(self.clients_paused.then_some(limit)) {
            Some(left) => pool.arm(TimerKey::of(id, timers::READ), left),
            None => self.late(pool, id, Detail::ReadTimeout, "no whole message within", limit),
        }
    }

    /// Closes a client that let its time pass; the others live.
    fn late(&mut self, pool: &mut Pool, id: Id, detail: Detail, what: &str, limit: Duration) {
        let Some(client) = self.clients.get(&id) else { return };
        let limit = humantime::format_duration(limit);
        let text = format!("{} is closed: {what} {limit}", client.title());
        self.core.console.warn(pool, Kind::Timeout, &text);
        if detail == Detail::ReadTimeout {
            self.worst.get_or_insert(Status::Timeout);
        }
        let reason = CloseReason::new(Cause::Timeout, detail);
        if detail == Detail::Idle && pool.queued(id) > 0 {
            // It has not taken a byte for as long: what is queued will not leave any more.
            pool.abort(id, reason);
        } else {
            pool.close(id, reason, CloseMode::Linger);
            pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
        }
    }
}
