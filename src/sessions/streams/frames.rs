//! `--max-frame-total`: what the unfinished messages of all clients hold together.
//!
//! ```text
//!         more than the limit            more than twice the limit
//! Free ───────────────────────> Tight ──────────────────────────────> Full
//!  ^ <── at most 3/4 of it ──────  │ <── at most 3/2 of the limit ──────
//! ```
//!
//! | level | who is read |
//! |---|---|
//! | Free | everybody |
//! | Tight | one client with an unfinished message, and those that have none |
//! | Full | one client with an unfinished message |
//!
//! The one client is the one that holds the least of those that have sent more; it is read until
//! its message is whole. Where it sends nothing more, and twice the limit has room for one more
//! message, another one is chosen. Where nobody has sent more, all are read until one does. So what is
//! held stays below twice the limit, and one read of each client. A message that is whole and that
//! takes long to make is held as well, and at level Full nobody else is read until it is made. When
//! nothing moves above the limit, those are closed that have been silent the longest, and for
//! [`STALL`] at least, until the rest is within it. A client that we keep from sending never counts
//! as silent.

use std::time::{Duration, Instant};

use bytesize::ByteSize;

use super::{Connection, Streams};
use crate::buffers::Budget;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::core::Core;
use crate::sessions::timers;

/// How long a client may be silent in the middle of a message, while others wait for it.
const STALL: Duration = Duration::from_secs(1);
/// How often the loop checks that the one client that may go on does so.
const TICK: Duration = Duration::from_millis(200);
/// The end of a client whose unfinished message stands still above the limit.
const STALLED: CloseReason = CloseReason::new(Cause::Error, Detail::Limit);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Free,
    Tight,
    Full,
}

/// Who may go on with an unfinished message, and who waits.
pub(super) struct FrameBound {
    /// What is held, also by transports that have read ahead.
    pub(super) budget: Budget,
    level: Level,
    /// The one client that may go on; `None` above [`Level::Free`]: the first to send something.
    favoured: Option<Id>,
    /// Since when clients are read, as far as output goes.
    since: Option<Instant>,
    is_armed: bool,
    is_reported: bool,
}

impl FrameBound {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            budget: Budget::new(limit),
            level: Level::Free,
            favoured: None,
            since: None,
            is_armed: false,
            is_reported: false,
        }
    }

    /// Takes note of what is held; true where the level changes.
    fn update_level(&mut self) -> bool {
        let (held, limit) = (self.budget.held(), self.budget.limit());
        let level = match self.level {
            Level::Free if held <= limit => Level::Free,
            _ if held <= limit / 4 * 3 => Level::Free,
            _ if held > limit.saturating_mul(2) => Level::Full,
            Level::Full if held > limit.saturating_add(limit / 2) => Level::Full,
            _ => Level::Tight,
        };
        std::mem::replace(&mut self.level, level) != level
    }

    /// Whether a client with `unfinished` bytes of a message waits for others.
    fn keeps_waiting(&self, id: Id, unfinished: usize) -> bool {
        match (self.level, self.favoured) {
            (Level::Free, _) | (_, None) => false,
            (_, Some(favoured)) if favoured == id => false,
            (Level::Tight, _) => unfinished > 0,
            (Level::Full, _) => true,
        }
    }

    /// Has the timer look again; it is not moved while it runs.
    fn watch(&mut self, pool: &mut Pool) {
        let is_bounded = self.budget.limit() < usize::MAX;
        if is_bounded && !std::mem::replace(&mut self.is_armed, true) {
            pool.arm(TimerKey::global(timers::FRAMES), TICK);
        }
    }
}

/// What a client has sent of a message that is not whole.
fn unfinished(pool: &Pool, id: Id, connection: &Connection) -> usize {
    connection.receiver.held().saturating_add(pool.buffered(id))
}

/// A client has sent something, or is gone: decides who goes on.
pub(super) fn on_moved(streams: &mut Streams, core: &mut Core, pool: &mut Pool, id: Id) {
    if core.common.wire.negotiated().is_some() {
        // A transport that reads ahead has no event for it.
        streams.frames.watch(pool);
    }
    let is_new = streams.frames.update_level();
    if streams.frames.level == Level::Free {
        if is_new {
            relax(streams, core, pool);
        }
        return;
    }
    report(streams, core, pool);
    streams.frames.watch(pool);
    let is_unfinished =
        streams.table.get(id).is_some_and(|connection| unfinished(pool, id, connection) > 0);
    match streams.frames.favoured {
        Some(favoured) if favoured == id && !is_unfinished => choose(streams, pool),
        Some(favoured) if !streams.table.contains(favoured) => choose(streams, pool),
        None if is_new => choose(streams, pool),
        None if is_unfinished => {
            streams.frames.favoured = Some(id);
            apply(streams, pool);
        }
        Some(_) if is_new => apply(streams, pool),
        Some(_) => apply_to(streams, pool, id),
        None => {}
    }
}

/// [`TICK`] has passed: whoever was to go on may stand still.
pub(super) fn on_timer(streams: &mut Streams, core: &mut Core, pool: &mut Pool) {
    let now = pool.now();
    streams.frames.is_armed = false;
    let is_new = streams.frames.update_level();
    if streams.frames.level == Level::Free {
        return relax(streams, core, pool);
    }
    report(streams, core, pool);
    streams.frames.watch(pool);
    if streams.turns.is_paused() {
        // Nobody is read, and so nobody stands still.
        streams.frames.since = Some(now);
        return;
    }
    if is_new {
        apply(streams, pool);
    }
    let is_moving = streams.frames.favoured.is_some_and(|id| is_able(streams, pool, id));
    if is_moving {
        return;
    }
    let (held, limit) = (streams.frames.budget.held(), streams.frames.budget.limit());
    let has_room = held.saturating_add(core.common.wire.frame.max) <= limit.saturating_mul(2);
    if has_room || held <= limit {
        choose(streams, pool);
    }
    if held > limit && streams.frames.favoured.is_none_or(|id| !is_able(streams, pool, id)) {
        close_stalled(streams, core, pool);
    }
}

/// Nobody waits for others any more. Transports that read ahead stopped above the limit, and are read
/// again.
fn relax(streams: &mut Streams, core: &Core, pool: &mut Pool) {
    streams.frames.favoured = None;
    apply(streams, pool);
    if core.common.wire.negotiated().is_none() {
        return;
    }
    let mut is_watched = false;
    for (id, connection) in streams.table.iter() {
        if pool.is_paused(id) {
            is_watched = true;
            // To resume it puts it on the list of what to read.
            pool.resume(id);
            streams.update_reading(pool, id, connection);
        }
    }
    if is_watched {
        streams.frames.watch(pool);
    }
}

/// When a client last sent something, or could.
fn last_read(streams: &Streams, connection: &Connection) -> Instant {
    let last = connection.receiver.last_read();
    streams.frames.since.map_or(last, |since| since.max(last))
}

/// Whether a client has sent more, and only those that it waits for keep it from being read; or its
/// message is being made.
fn is_able(streams: &Streams, pool: &Pool, id: Id) -> bool {
    let one = streams.table.get(id);
    streams.maker() == Some(id)
        || one.is_some_and(|one| pool.has_input(id) && !streams.is_held_elsewhere(one))
}

/// Lets the client go on that holds the least of those that have sent more.
fn choose(streams: &mut Streams, pool: &mut Pool) {
    let maker = streams.maker().filter(|_| streams.frames.level == Level::Full);
    let able = streams
        .table
        .iter()
        .filter(|(id, one)| pool.has_input(*id) && !streams.is_held_elsewhere(one));
    let held = able.map(|(id, one)| (unfinished(pool, id, one), id));
    let least = held.filter(|(held, _)| *held > 0).min_by_key(|(held, _)| *held);
    streams.frames.favoured = maker.or(least.map(|(_, id)| id));
    apply(streams, pool);
}

/// Reads each client, or leaves what it sends in the kernel.
fn apply(streams: &mut Streams, pool: &mut Pool) {
    let Streams { table, frames, .. } = &mut *streams;
    let mut changed = Vec::new();
    for (id, connection) in table.iter_mut() {
        let waits = frames.keeps_waiting(id, unfinished(pool, id, connection));
        if std::mem::replace(&mut connection.waits, waits) != waits {
            changed.push(id);
        }
    }
    for id in changed {
        if let Some(connection) = streams.table.get(id) {
            streams.update_reading(pool, id, connection);
        }
    }
}

fn apply_to(streams: &mut Streams, pool: &mut Pool, id: Id) {
    let Streams { table, frames, .. } = &mut *streams;
    let Some(connection) = table.get_mut(id) else { return };
    let waits = frames.keeps_waiting(id, unfinished(pool, id, connection));
    if std::mem::replace(&mut connection.waits, waits) != waits
        && let Some(connection) = streams.table.get(id)
    {
        streams.update_reading(pool, id, connection);
    }
}

/// Closes those that have stood still the longest, until the rest is within the limit.
fn close_stalled(streams: &mut Streams, core: &mut Core, pool: &mut Pool) {
    let now = pool.now();
    let mut stalled = Vec::new();
    for (id, connection) in streams.table.iter() {
        let held = unfinished(pool, id, connection);
        // One that waits for others may have sent the rest long ago.
        let is_kept = connection.is_paused() || (connection.waits && is_able(streams, pool, id));
        let since = last_read(streams, connection);
        if held > 0 && !is_kept && now.saturating_duration_since(since) >= STALL {
            stalled.push((since, held, id));
        }
    }
    stalled.sort_by_key(|(since, ..)| *since);
    let mut left = streams.frames.budget.held();
    for (_, held, id) in stalled {
        if left <= streams.frames.budget.limit() {
            break;
        }
        left = left.saturating_sub(held);
        let Some(connection) = streams.table.get(id) else { continue };
        let sent = connection.receiver.undelivered().max(pool.buffered(id) as u64);
        let text = format!(
            "{} is closed: it stopped {} into a message, and --max-frame-total is reached",
            streams.title(connection),
            ByteSize(sent)
        );
        core.console.warn(pool, Kind::FrameTotal, &text);
        streams.note_loss(Status::Lost);
        pool.abort(id, STALLED);
        // With its end another one is chosen.
        streams.frames.favoured = Some(id);
    }
}

/// Reports once that clients wait.
fn report(streams: &mut Streams, core: &mut Core, pool: &mut Pool) {
    if !std::mem::replace(&mut streams.frames.is_reported, true) {
        let text = format!(
            "unfinished messages hold more than {}: those that hold most wait until others are whole \
             (--max-frame-total sets the limit)",
            ByteSize(streams.frames.budget.limit() as u64)
        );
        core.console.warn(pool, Kind::FrameTotal, &text);
    }
}
