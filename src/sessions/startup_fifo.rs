//! `--record` to a FIFO: the recording begins before anything is opened, and a FIFO can be opened once
//! somebody reads it. A signal or `-w` ends the run meanwhile.

use std::io;
use std::time::Duration;

use super::core::NOTE_AFTER;
use super::ready::RETRY;
use super::recorder::{FileRecorder, RecordTarget};
use super::startup_lookup::Startup;
use super::timers;
use crate::error::Failure;
use crate::event_loop::{Event, EventLoop, Handler, Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::report::{Notice, Reporter};

/// Tries again and again to open the file of a recording.
///
/// ```text
/// Trying ── somebody reads it, or it fails ──> Found
///   │ └──── a signal ────────────────────────> Signalled
///   └────── -w ──────────────────────────────> Late
/// ```
pub(crate) struct StartupFifo<'a> {
    target: &'a RecordTarget,
    reporter: &'a mut Reporter,
    end: Option<Startup<Result<FileRecorder, Failure>>>,
}

impl<'a> StartupFifo<'a> {
    /// Opens the file; waits for a reader where it is a FIFO, for a signal, or for the end of `limit`.
    /// Its timer stays armed for the session.
    ///
    /// # Errors
    /// The poll does not work.
    pub(crate) fn run(
        event_loop: &mut EventLoop,
        target: &'a RecordTarget,
        limit: Option<Duration>,
        reporter: &'a mut Reporter,
    ) -> io::Result<Startup<Result<FileRecorder, Failure>>> {
        let mut waiting = Self { target, reporter, end: None };
        let pool = event_loop.pool();
        waiting.attempt(pool);
        if waiting.end.is_none() {
            if let Some(limit) = limit {
                pool.arm_once(TimerKey::global(timers::TOTAL), limit);
            }
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
            event_loop.run(&mut waiting)?;
            event_loop.pool().restart();
            event_loop.pool().disarm(TimerKey::global(timers::NOTE));
        }
        // The loop runs until there is an end.
        waiting.end.ok_or_else(|| io::ErrorKind::Interrupted.into())
    }

    fn attempt(&mut self, pool: &mut Pool) {
        match FileRecorder::create(self.target).transpose() {
            Some(outcome) => self.end = Some(Startup::Found(outcome)),
            None => pool.arm(TimerKey::global(timers::READY), RETRY),
        }
    }
}

impl Handler for StartupFifo<'_> {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Timer { key: TimerKey { id: None, purpose: timers::READY } } => {
                self.attempt(pool)
            }
            Event::Signal(signal @ (Signal::Interrupt | Signal::Terminate | Signal::Hangup)) => {
                self.end = Some(Startup::Signalled(signal));
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::TOTAL } } => {
                self.end = Some(Startup::Late);
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::NOTE } } => {
                let name = self.target.name();
                let text = format!("waiting for a reader of {name} (--record; -w limits this)");
                self.reporter.report(&Notice::warning(Kind::Waiting, text));
            }
            _ => {}
        }
        if self.end.is_some() {
            pool.stop();
        }
    }
}
