//! Obeying the commands that say what is read of connections (`pause`, `resume`, `read`), and that
//! nothing more is sent (`finish`).

use std::time::Instant;

use super::reads::{Armed, ReadControl};
use super::{Connection, StreamSession, Streams};
use crate::error::Failure;
use crate::event_loop::{Id, Pool, READ_SIZE, TimerKey};
use crate::framing::{self, Framer, Framing};
use crate::kind::Kind;
use crate::protocol::command::{ReadForm, Recipient};
use crate::sessions::config::Wire;
use crate::sessions::control::{bad_command, unreadable};
use crate::sessions::timers;

/// Bytes that are read at once for a message of unknown length: what is read behind it is held until
/// the next read.
const READ_AHEAD: usize = 4096;

/// Stops reading these connections.
pub(super) fn pause(session: &mut StreamSession, pool: &mut Pool, ids: &[Id]) {
    let now = pool.now();
    for id in ids {
        // A message that is being made would be delivered all the same.
        session.streams.making.forget(*id);
    }
    session.streams.make_next();
    change(&mut session.streams, pool, ids, |connection| {
        connection.receiver.begin_anew();
        let reads = connection.reads.get_or_insert_with(|| Box::new(ReadControl::paused(now)));
        reads.pause();
    });
}

/// Reads all that these connections send.
pub(super) fn resume(session: &mut StreamSession, pool: &mut Pool, ids: &[Id]) {
    let StreamSession { core, streams, .. } = session;
    let (now, wire) = (pool.now(), &core.common.wire);
    let budget = streams.frames.budget.clone();
    ids.iter().for_each(|id| pool.set_read_size(*id, wire.read_size));
    change(streams, pool, ids, |connection| {
        if connection.reads.as_mut().is_some_and(|reads| reads.resume(now)) {
            connection.receiver.cut_by(framer(wire, None), now, &budget);
        }
    });
}

fn change(streams: &mut Streams, pool: &mut Pool, ids: &[Id], change: impl Fn(&mut Connection)) {
    for id in ids {
        pool.disarm(TimerKey::of(*id, timers::WITHIN));
        if let Some(connection) = streams.table.get_mut(*id) {
            change(connection);
        }
        if let Some(connection) = streams.table.get(*id) {
            streams.update_reading(pool, *id, connection);
        }
    }
}

/// Sends these connections nothing behind what is queued.
pub(super) fn finish(session: &mut StreamSession, pool: &mut Pool, ids: &[Id]) {
    for id in ids {
        if let Some(connection) = session.streams.table.get_mut(*id) {
            connection.finished = true;
        }
        pool.finish(*id);
    }
}

/// Reads one message of each of these connections.
///
/// # Errors
/// It cannot be read in this form, or of none of them.
pub(super) fn read(
    session: &mut StreamSession,
    pool: &mut Pool,
    (of, ids): (&Recipient, &[Id]),
    (read, form): (Armed, Option<ReadForm>),
) -> Result<(), Failure> {
    let wire = &session.core.common.wire;
    check(wire, form).map_err(|cause| bad_command(read.line, cause))?;
    let mut outcome = Ok(());
    let mut count = 0;
    for id in ids {
        match arm(session, pool, *id, (read, form)) {
            Ok(()) => count += 1,
            Err(failure) => outcome = Err(failure),
        }
    }
    // All are those that it can be armed on.
    if count > 0 && *of == Recipient::All { Ok(()) } else { outcome }
}

/// Why no connection of such a stream can be read in this form.
fn check(wire: &Wire, form: Option<ReadForm>) -> Result<(), String> {
    match form {
        _ if !wire.paused => Err("a read needs --paused".to_owned()),
        Some(_) if wire.negotiated().is_some() => {
            Err("with --frame tinyproto a read takes one message: leave `as` out".to_owned())
        }
        Some(ReadForm::Fixed(size)) if size > wire.max => {
            Err(format!("fixed:{size} is more than the {} bytes of --max-frame", wire.max))
        }
        _ => Ok(()),
    }
}

fn arm(
    session: &mut StreamSession,
    pool: &mut Pool,
    id: Id,
    (read, form): (Armed, Option<ReadForm>),
) -> Result<(), Failure> {
    let StreamSession { core, streams, .. } = session;
    let (now, wire) = (pool.now(), &core.common.wire);
    let Some(connection) = streams.table.get_mut(id) else { return Ok(()) };
    if connection.ended {
        return Err(unreadable(&connection.title(), Kind::Finished, "the peer sends no more"));
    }
    let reads = connection.reads.get_or_insert_with(|| Box::new(ReadControl::paused(now)));
    let is_new = reads.arm(read, form, now);
    let is_new = is_new.map_err(|why| {
        bad_command(read.line, format!("{} cannot be read: {why}", connection.title()))
    })?;
    if is_new {
        connection.receiver.cut_by(framer(wire, form), now, &streams.frames.budget);
    }
    if let Some(within) = read.within {
        pool.arm(TimerKey::of(id, timers::WITHIN), within);
    }
    streams.read_one(pool, wire, id, false);
    Ok(())
}

impl Streams {
    /// Some of the message of a read has come, or all of it, or the end: reads what is missing and
    /// little more, or nothing.
    pub(super) fn read_one(&mut self, pool: &mut Pool, wire: &Wire, id: Id, is_over: bool) {
        if let Some(connection) = self.table.get_mut(id)
            && is_over
            && connection.disarm()
        {
            pool.disarm(TimerKey::of(id, timers::WITHIN));
        }
        let Some(connection) = self.table.get(id) else { return };
        if let Some(reads) = &connection.reads
            && reads.armed().is_some()
        {
            let held = connection.receiver.undelivered() as usize;
            pool.set_read_size(id, read_size(wire, reads.form(), held));
        }
        self.update_reading(pool, id, connection);
    }
}

fn read_size(wire: &Wire, form: Option<ReadForm>, held: usize) -> usize {
    match form {
        Some(ReadForm::Fixed(size)) => size.saturating_sub(held).clamp(1, READ_SIZE),
        Some(ReadForm::Raw) => wire.read_size,
        None if !wire.has_messages() => wire.read_size,
        // As much again as has come: a long message takes a logarithmic number of reads.
        None | Some(ReadForm::Line) => held.clamp(READ_AHEAD, READ_SIZE),
    }
}

/// What cuts a stream into messages of this form.
fn framer(wire: &Wire, form: Option<ReadForm>) -> Box<dyn Framer> {
    let framer = match form {
        None => wire.framer(),
        Some(ReadForm::Raw) => None,
        Some(ReadForm::Line) => Framing::Line.framer(wire.max, wire.keep_cr),
        Some(ReadForm::Fixed(size)) => Framing::Fixed(size).framer(wire.max, wire.keep_cr),
    };
    framer.unwrap_or_else(|| framing::pieces(wire.read_size))
}

impl Connection {
    /// Whether a command keeps it from being read.
    pub(super) fn is_paused(&self) -> bool {
        !self.ended && self.reads.as_ref().is_some_and(|reads| reads.is_paused())
    }

    /// The read that waits for its message.
    pub(super) fn armed(&self) -> Option<Armed> {
        self.reads.as_ref()?.armed()
    }

    /// The message of a read has come, or the end.
    pub(super) fn disarm(&mut self) -> bool {
        self.reads.as_mut().is_some_and(|reads| reads.disarm())
    }

    /// When it was last let be read, where commands say so.
    pub(super) fn read_since(&self) -> Option<Instant> {
        self.reads.as_ref().map(|reads| reads.since())
    }
}
