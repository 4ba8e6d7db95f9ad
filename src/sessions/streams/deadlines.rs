//! The deadlines of each connection: idle, message, handshake, `--quit-after`, `--slow-after`.

use std::time::Duration;

use super::StreamSession;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{CloseMode, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::core::GRACE;
use crate::sessions::timers;

/// How long a peer has for the handshake of the framing.
pub(super) const HELLO: Duration = Duration::from_secs(10);
/// Close reason when the 2 s of grace after a deadline expire with data still unsent.
const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

impl StreamSession {
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
            (timers::SLOW, Some(id)) => {
                self.streams.on_slow_timer(&mut self.core, pool, id);
                self.balance(pool);
            }
            _ => {}
        }
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(last_active)) =
            (self.core.common.limits.idle, self.last_active(pool, id))
        else {
            return;
        };
        let idle = pool.now().saturating_duration_since(last_active);
        let full = self.streams.table.get(id).is_some_and(|one| one.send.is_full());
        if idle < limit {
            pool.arm(TimerKey::of(id, timers::IDLE), limit - idle);
        } else if (self.streams.paused && !full) || self.is_awaited(id) {
            // It may be sending all the time: it is not read, because of stdout or of another peer.
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        } else {
            self.late(pool, id, Detail::Idle, "no traffic for", limit);
        }
    }

    fn check_message(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(connection)) =
            (self.core.common.limits.read, self.streams.table.get(id))
        else {
            return;
        };
        if connection.ended {
            return;
        }
        // While it is not read, because the output is blocked, the peer is not late.
        let left = connection.receiver.time_left(limit, pool.now());
        match left.or(self.streams.paused.then_some(limit)) {
            Some(left) => pool.arm(TimerKey::of(id, timers::READ), left),
            None => self.late(pool, id, Detail::ReadTimeout, "no whole message within", limit),
        }
    }

    /// Closes a connection that missed a deadline; the others live.
    fn late(&mut self, pool: &mut Pool, id: Id, detail: Detail, what: &str, limit: Duration) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let (title, limit) = (connection.title(), humantime::format_duration(limit));
        let mut cause = format!("{what} {limit}");
        if detail == Detail::Idle {
            let idle = self.with(pool, |service, context| service.idle(context, id, cause));
            let Some(idle) = idle else { return };
            cause = idle;
        }
        let text = format!("{title} is closed: {cause}");
        self.core.console.warn(pool, Kind::Timeout, &text);
        if detail == Detail::ReadTimeout {
            self.streams.note_loss(Status::Timeout);
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
