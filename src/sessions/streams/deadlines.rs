//! The deadlines of each connection: idle, message, handshake, `--quit-after`, `--slow-after`.

use std::io::IsTerminal;
use std::time::Duration;

use super::{Connection, Scope, Streams, ending};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::core::{Core, GRACE};
use crate::sessions::services::Activity;
use crate::sessions::timers;

/// The timer of `--idle-timeout`.
const IDLE: u8 = timers::OWN;
/// How long a peer has for the handshake of the framing.
pub(super) const HELLO: Duration = Duration::from_secs(10);
/// The end of a connection that has met `--idle-timeout`.
pub(super) const TOO_IDLE: CloseReason = CloseReason::new(Cause::Timeout, Detail::Idle);
/// Close reason when the 2 s of grace after a deadline expire with data still unsent.
pub(super) const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

/// Arms the deadlines of a new connection that the configuration sets.
pub(super) fn begin(core: &Core, pool: &mut Pool, id: Id) {
    let limits = core.common.limits;
    for (limit, deadline) in [(limits.idle, IDLE), (limits.read, timers::READ)] {
        if let Some(limit) = limit {
            pool.arm(TimerKey::of(id, deadline), limit);
        }
    }
}

impl Streams {
    /// The timer of a deadline has fired. Returns the cause to report if the connection has missed the
    /// deadline; if it has not, the timer is armed again.
    pub(super) fn missed(
        &self,
        core: &Core,
        pool: &mut Pool,
        (deadline, id): (u8, Id),
        activity: Activity,
    ) -> Option<(Detail, String)> {
        let (detail, cause) = match deadline {
            IDLE => (Detail::Idle, self.check_idle(core, pool, id, activity)),
            timers::READ => (Detail::ReadTimeout, self.check_message(core, pool, id)),
            timers::WITHIN => (Detail::ReadTimeout, self.check_read(pool, id)),
            timers::HELLO => (Detail::ReadTimeout, check_handshake(pool, id)),
            _ => return None,
        };
        Some((detail, cause?))
    }

    /// `--idle-timeout`.
    fn check_idle(
        &self,
        core: &Core,
        pool: &mut Pool,
        id: Id,
        Activity { last, is_awaited }: Activity,
    ) -> Option<String> {
        let limit = core.common.limits.idle?;
        let connection = self.table.get(id);
        let last_active = last.or_else(|| pool.traffic(id).map(|traffic| traffic.last_active))?;
        // While commands kept it from being read, nothing could arrive.
        let since = connection.and_then(Connection::read_since);
        let last_active = since.map_or(last_active, |since| since.max(last_active));
        let idle = pool.now().saturating_duration_since(last_active);
        let full = connection.is_some_and(|one| one.send.is_full())
            || (self.links.has_input() && core.input.waits_for_peer(pool));
        // It may be sending all the time: it is not read, because of stdout or of another peer.
        // A dialed connection is not held to take anything meanwhile.
        let waits = connection.is_some_and(|one| self.waits(pool, one));
        let is_unread = self.turns.is_paused() || self.links.waits_for_stdout(pool, id);
        let is_held = waits || (is_unread && (!full || self.scope() == Scope::Run)) || is_awaited;
        let Some(left) = timers::left(limit, idle, is_held) else {
            return Some(format!("no traffic for {}", humantime::format_duration(limit)));
        };
        // Traffic does not move the timer, to which each read would add its cost: the timer looks
        // when it fires, and sleeps for what is left.
        pool.arm(TimerKey::of(id, IDLE), left);
        None
    }

    /// `--read-timeout`.
    fn check_message(&self, core: &Core, pool: &mut Pool, id: Id) -> Option<String> {
        let (limit, connection) = (core.common.limits.read?, self.table.get(id)?);
        // No message can come behind its FIN, and it may take its time to read.
        if connection.ended {
            return None;
        }
        // While it is not read, because the output is blocked, the peer is not late.
        let silence = connection.receiver.silence(pool.now());
        let since =
            connection.read_since().map(|since| pool.now().saturating_duration_since(since));
        let silence = since.map_or(silence, |since| since.min(silence));
        let Some(left) =
            timers::left(limit, silence, self.turns.is_paused() || self.waits(pool, connection))
        else {
            return Some(nothing_came("no whole message", limit));
        };
        pool.arm(TimerKey::of(id, timers::READ), left);
        None
    }

    /// `within` of a read.
    fn check_read(&self, pool: &mut Pool, id: Id) -> Option<String> {
        let connection = self.table.get(id).filter(|_| !pool.is_closing(id))?;
        let (within, since) = (connection.armed()?.within?, connection.read_since()?);
        let waited = pool.now().saturating_duration_since(since);
        // It runs on where the message waits for those of others: whoever asked has set the time.
        let is_held = self.turns.is_paused() || is_behind(pool, connection);
        let Some(left) = timers::left(within, waited, is_held) else {
            return Some(nothing_came("no whole message", within));
        };
        pool.arm(TimerKey::of(id, timers::WITHIN), left);
        None
    }

    /// Whether it is not the peer that keeps a connection from being read, stdout aside.
    fn waits(&self, pool: &Pool, connection: &Connection) -> bool {
        connection.waits || is_behind(pool, connection)
    }

    /// A connection has missed a deadline. One of many is closed, and the others live; elsewhere the
    /// run fails, and ends at once with the reason that is returned. With `is_cut` more was to
    /// be sent to it.
    pub(super) fn late(
        &mut self,
        core: &mut Core,
        pool: &mut Pool,
        (id, is_cut): (Id, bool),
        (detail, cause): (Detail, String),
    ) -> Option<CloseReason> {
        let connection = self.table.get(id)?;
        let reason = CloseReason::new(Cause::Timeout, detail);
        if self.scope() == Scope::Run {
            let (status, kind) = (Status::Timeout, Kind::Timeout);
            let peer = connection.peer.to_string();
            core.fail(pool, &Failure::new(status, kind, "read from", peer, cause));
            return Some(reason);
        }
        // One limit is enough: the others do not run on while what is queued goes out.
        for other in [IDLE, timers::READ, timers::HELLO, timers::WITHIN] {
            pool.disarm(TimerKey::of(id, other));
        }
        let text = format!("{} is closed: {cause}", connection.title());
        core.console.warn(pool, Kind::Timeout, &text);
        if detail == Detail::ReadTimeout {
            self.note_loss(Status::Timeout);
        }
        if detail == Detail::Idle && (pool.queued(id) > 0 || pool.is_closing(id)) {
            // It has not taken a byte for as long: what is queued, or not acknowledged behind what the
            // connection ends with, will not arrive any more.
            pool.abort(id, reason);
        } else if detail == Detail::Idle && is_cut {
            // As long it had the time to acknowledge what was written.
            if let Some(connection) = self.table.get(id) {
                ending::report_unseen(core, self, pool, connection);
            }
            pool.reset(id, reason);
        } else {
            let mode = if is_cut { CloseMode::ResetWhenAcked } else { CloseMode::Linger };
            pool.close(id, reason, mode);
            // Each writes the queue without a limit of its own: a peer that reads nothing would
            // never be gone.
            pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
        }
        None
    }

    /// A person wants to know that the run waits for the peer of a dialed connection; and so does
    /// anybody whose peer cannot know that there is no more input.
    pub(super) fn report_unclosed(&self, core: &mut Core, pool: &mut Pool) {
        let is_worth_it = core.common.rules.undivided || std::io::stderr().is_terminal();
        if is_worth_it && self.scope() == Scope::Run && !self.table.is_empty() {
            let text = "waiting for the peer to close (--quit-after limits this)";
            core.console.warn(pool, Kind::Waiting, text);
        }
    }
}

impl Streams {
    /// The handshake of the framing with a client is over.
    pub(super) fn on_negotiated(&self, core: &mut Core, pool: &mut Pool, id: Id) {
        pool.disarm(TimerKey::of(id, timers::HELLO));
        let Some(client) = self.table.get(id) else { return };
        let peer = client.peer.to_string();
        let notice = Notice::new(Name::Negotiated).conn(client.number).peer(&peer);
        core.console.report(pool, &notice);
    }
}

/// Whether a command keeps a connection from being read, or what has come of it is not handled yet.
fn is_behind(pool: &Pool, connection: &Connection) -> bool {
    let has_more = connection.receiver.has_unread() || pool.is_held_by_recording();
    connection.is_paused() || has_more
}

/// The time for the handshake of the framing is over.
fn check_handshake(pool: &Pool, id: Id) -> Option<String> {
    (!pool.is_open(id)).then(|| nothing_came("no hello", HELLO))
}

fn nothing_came(what: &str, limit: Duration) -> String {
    format!("{what} within {}", humantime::format_duration(limit))
}
