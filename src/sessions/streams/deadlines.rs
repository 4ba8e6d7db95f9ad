//! The deadlines of each connection: idle, message, handshake, `--quit-after`, `--slow-after`.

use std::time::{Duration, Instant};

use super::Streams;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{CloseMode, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::core::{Core, GRACE};
use crate::sessions::timers;

/// How long a peer has for the handshake of the framing.
pub(super) const HELLO: Duration = Duration::from_secs(10);
/// Close reason when the 2 s of grace after a deadline expire with data still unsent.
pub(super) const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

impl Streams {
    /// The time for the handshake of the framing is over.
    pub(super) fn check_handshake(&mut self, core: &mut Core, pool: &mut Pool, id: Id) {
        if !pool.is_open(id) {
            self.expire(core, pool, id, "no hello within", HELLO);
        }
    }

    /// `--idle-timeout`: reports that it expired. `is_awaited` says that the connection cannot be
    /// expected to move a byte.
    pub(super) fn check_idle(
        &self,
        core: &Core,
        pool: &mut Pool,
        (id, last_active): (Id, Instant),
        is_awaited: bool,
    ) -> Option<String> {
        let limit = core.common.limits.idle?;
        let idle = pool.now().saturating_duration_since(last_active);
        let full = self.table.get(id).is_some_and(|one| one.send.is_full());
        // It may be sending all the time: it is not read, because of stdout or of another peer.
        let is_held = (self.paused && !full) || is_awaited;
        let left = if idle < limit { Some(limit - idle) } else { is_held.then_some(limit) };
        let Some(left) = left else {
            return Some(format!("no traffic for {}", humantime::format_duration(limit)));
        };
        pool.arm(TimerKey::of(id, timers::IDLE), left);
        None
    }

    /// `--read-timeout`.
    pub(super) fn check_message(&mut self, core: &mut Core, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(connection)) = (core.common.limits.read, self.table.get(id)) else {
            return;
        };
        if connection.ended {
            return;
        }
        // While it is not read, because the output is blocked, the peer is not late.
        let left = connection.receiver.time_left(limit, pool.now());
        match left.or(self.paused.then_some(limit)) {
            Some(left) => pool.arm(TimerKey::of(id, timers::READ), left),
            None => self.expire(core, pool, id, "no whole message within", limit),
        }
    }

    /// A message or the handshake did not come in time.
    fn expire(&mut self, core: &mut Core, pool: &mut Pool, id: Id, what: &str, limit: Duration) {
        let cause = format!("{what} {}", humantime::format_duration(limit));
        self.note_loss(Status::Timeout);
        self.late(core, pool, (id, Detail::ReadTimeout), &cause);
    }

    /// Closes a connection that missed a deadline; the others live.
    pub(super) fn late(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, detail): (Id, Detail),
        cause: &str,
    ) {
        let Some(connection) = self.table.get(id) else { return };
        let text = format!("{} is closed: {cause}", connection.title());
        core.console.warn(pool, Kind::Timeout, &text);
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
