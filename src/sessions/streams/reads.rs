//! What is read of connections, where commands ask for that: `pause` and `resume`, with `--paused` one message
//! for each `read`, and `finish`, behind which nothing is sent.

use std::time::{Duration, Instant};

use super::{Connection, StreamSession, Streams};
use crate::error::Failure;
use crate::event_loop::{Id, Pool, READ_SIZE, TimerKey};
use crate::framing::{self, FrameSettings, Framer, Framing};
use crate::kind::Kind;
use crate::protocol::command::{ReadForm, Recipient};
use crate::sessions::config::Wire;
use crate::sessions::control::{bad_command, unreadable};
use crate::sessions::timers;

/// Whether commands have a connection read. A connection that no command has paused has none.
///
/// ```text
///              pause                      read (only with --paused)
/// Flowing ───────────────> Paused ─────────────────────────────────> Armed
///    ^ <──── resume ──────── │ ^ <── its message, the end, pause ───── │
///    └───────────────────────┼──────────────── resume ─────────────────┘
///                      --paused: begins here
/// ```
///
/// | state | what is read | deadlines |
/// |---|---|---|
/// | Flowing | everything, in messages of `--frame` or as it comes | run since `since` |
/// | Paused | nothing | do not run |
/// | Armed | one message of `form`; what was read behind it waits for the next read | run since `since`, and `within` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadControl {
    state: ReadState,
    /// What messages are; without it those of `--frame`, or whatever comes.
    form: Option<ReadForm>,
    /// Since when it is read.
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Flowing,
    Paused,
    Armed(Armed),
}

/// A read that waits for its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    /// The line of its command.
    pub(super) line: u64,
    pub(super) within: Option<Duration>,
}

impl ReadControl {
    /// A connection that is paused.
    pub(super) fn paused(now: Instant) -> Self {
        Self { state: ReadState::Paused, form: None, since: now }
    }

    /// Nothing is read from now on; a read that is armed is given up.
    pub(super) fn pause(&mut self) {
        self.state = ReadState::Paused;
    }

    /// Everything is read; a read that is armed is given up. True where messages are other ones than
    /// before.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        if self.state != ReadState::Flowing {
            (self.state, self.since) = (ReadState::Flowing, now);
        }
        self.form.take().is_some()
    }

    /// One message is read. True where its form is another one than before.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn arm(
        &mut self,
        read: Armed,
        form: Option<ReadForm>,
        now: Instant,
    ) -> Result<bool, &'static str> {
        match self.state {
            ReadState::Armed(_) => return Err("a read is armed on it already"),
            ReadState::Flowing => return Err("it is read all the time: pause it first"),
            ReadState::Paused => {}
        }
        (self.state, self.since) = (ReadState::Armed(read), now);
        Ok(std::mem::replace(&mut self.form, form) != form)
    }

    /// The message of a read has come, or none will: it is paused. True where one was armed.
    pub(super) fn disarm(&mut self) -> bool {
        let is_armed = self.armed().is_some();
        if is_armed {
            self.state = ReadState::Paused;
        }
        is_armed
    }

    /// The read that waits for its message.
    pub(super) fn armed(&self) -> Option<Armed> {
        match self.state {
            ReadState::Armed(read) => Some(read),
            ReadState::Flowing | ReadState::Paused => None,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state == ReadState::Paused
    }

    pub(super) fn form(&self) -> Option<ReadForm> {
        self.form
    }

    /// Since when it is read.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}

/// Bytes that are read at once for a message of unknown length: what is read behind it is held until
/// the next read.
const READ_AHEAD: usize = 4096;

/// Stops reading these connections.
pub(super) fn pause(session: &mut StreamSession, pool: &mut Pool, ids: &[Id]) {
    let now = pool.now();
    for id in ids {
        // A message that is being made would be delivered all the same.
        session.streams.turns.stop_making(*id);
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
/// A message of this form cannot be read, or not from any of these connections.
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
        Some(ReadForm::Fixed(size)) if size > wire.frame.max => {
            Err(format!("fixed:{size} is more than the {} bytes of --max-frame", wire.frame.max))
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
    continue_read(streams, pool, wire, id);
    Ok(())
}

/// The message of a read has come, or the end: nothing more is read.
pub(super) fn end_read(streams: &mut Streams, pool: &mut Pool, wire: &Wire, id: Id) {
    if streams.table.get_mut(id).is_some_and(Connection::disarm) {
        pool.disarm(TimerKey::of(id, timers::WITHIN));
    }
    continue_read(streams, pool, wire, id);
}

/// Reads what is missing of the message of a read, and little more.
pub(super) fn continue_read(streams: &Streams, pool: &mut Pool, wire: &Wire, id: Id) {
    let Some(connection) = streams.table.get(id) else { return };
    if let Some(reads) = &connection.reads
        && reads.armed().is_some()
    {
        let held = connection.receiver.undelivered() as usize;
        pool.set_read_size(id, read_size(wire, reads.form(), held));
    }
    streams.update_reading(pool, id, connection);
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
        Some(ReadForm::Line) => {
            FrameSettings { framing: Framing::Line, ..wire.frame.clone() }.framer()
        }
        Some(ReadForm::Fixed(size)) => Framing::Fixed(size).framer(wire.frame.max),
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

    /// Since when it is read, where commands ask for that.
    pub(super) fn read_since(&self) -> Option<Instant> {
        self.reads.as_ref().map(|reads| reads.since())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ: Armed = Armed { line: 3, within: None };

    #[test]
    fn one_read_brings_one_message() {
        let now = Instant::now();
        let mut control = ReadControl::paused(now);
        assert!(!control.disarm());
        assert_eq!(control.arm(READ, Some(ReadForm::Line), now), Ok(true));
        assert_eq!((control.armed(), control.is_paused()), (Some(READ), false));
        let error = control.arm(READ, Some(ReadForm::Line), now).unwrap_err();
        assert_eq!(error, "a read is armed on it already");
        assert!(control.disarm() && !control.disarm() && control.is_paused());
        assert_eq!(control.arm(READ, Some(ReadForm::Line), now), Ok(false));
        control.disarm();
        assert_eq!(control.arm(READ, Some(ReadForm::Fixed(3)), now), Ok(true));
    }

    #[test]
    fn to_pause_and_to_resume_give_a_read_up() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut control = ReadControl::paused(now);
        control.arm(READ, Some(ReadForm::Raw), now).unwrap();
        control.pause();
        assert_eq!((control.armed(), control.is_paused()), (None, true));
        control.arm(READ, Some(ReadForm::Raw), now).unwrap();
        assert!(control.resume(later));
        assert_eq!((control.armed(), control.is_paused()), (None, false));
        assert!(control.arm(READ, None, later).unwrap_err().contains("pause it first"));
        // A second one moves no deadline.
        assert!(!control.resume(later + Duration::from_secs(1)));
        assert_eq!((control.since(), control.form()), (later, None));
    }

    proptest! {
        /// Whatever is asked for, at most one read is armed, and only where it was paused.
        #[test]
        fn the_states_follow_each_other_as_drawn(steps in prop::collection::vec(0..4_u8, 0..40)) {
            let now = Instant::now();
            let mut control = ReadControl::paused(now);
            for (line, step) in (1..).zip(steps) {
                let before = control;
                match step {
                    0 => control.pause(),
                    1 => drop(control.resume(now)),
                    2 => prop_assert_eq!(control.disarm(), before.armed().is_some()),
                    _ => {
                        let read = Armed { line, within: None };
                        let armed = control.arm(read, None, now);
                        prop_assert_eq!(armed.is_ok(), before.is_paused());
                        let left = if armed.is_ok() { Some(read) } else { before.armed() };
                        prop_assert_eq!(control.armed(), left);
                    }
                }
                prop_assert!(!(control.is_paused() && control.armed().is_some()));
            }
        }
    }
}
