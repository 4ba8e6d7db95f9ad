//! `--record` to a FIFO: the recording begins before anything is opened, and a FIFO can be opened once
//! somebody reads it.

use std::io;
use std::time::Duration;

use super::ready::RETRY;
use super::recorder::{FileRecorder, RecordTarget};
use super::startup_wait::{Startup, StartupNeed, wait_for};
use super::timers;
use crate::error::Failure;
use crate::event_loop::{Event, EventLoop, Pool, TimerKey};
use crate::report::Reporter;

/// A recording, once its file can be opened, or why it never can.
pub(crate) type OpenedRecording = Option<Result<FileRecorder, Failure>>;

/// Tries again and again to open the file of a recording.
struct StartupFifo<'a> {
    target: &'a RecordTarget,
    opened: OpenedRecording,
}

/// Opens the file of a recording; where it is a FIFO, waits for its reader. The file is there if the end
/// is [`Startup::Found`].
///
/// # Errors
/// The poll does not work.
pub(crate) fn open_recording(
    event_loop: &mut EventLoop,
    target: &RecordTarget,
    limit: Option<Duration>,
    reporter: &mut Reporter,
) -> io::Result<(Startup, OpenedRecording)> {
    let mut fifo = StartupFifo { target, opened: None };
    let end = match fifo.attempt(event_loop.pool()) {
        true => Startup::Found,
        false => wait_for(event_loop, &mut fifo, limit, reporter)?,
    };
    Ok((end, fifo.opened))
}

impl StartupFifo<'_> {
    fn attempt(&mut self, pool: &mut Pool) -> bool {
        self.opened = FileRecorder::create(self.target).transpose();
        if self.opened.is_none() {
            pool.arm(TimerKey::global(timers::READY), RETRY);
        }
        self.opened.is_some()
    }
}

impl StartupNeed for StartupFifo<'_> {
    fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let is_due =
            matches!(event, Event::Timer { key } if *key == TimerKey::global(timers::READY));
        is_due && self.attempt(pool)
    }

    fn missing(&self) -> String {
        format!("a reader of {} (--record)", self.target.name())
    }
}
