//! What a run waits for before it can have a session, in a loop of its own, so that a signal or `-w`
//! ends the run meanwhile.

use std::io;
use std::time::Duration;

use super::core::{NOTE_AFTER, status_of};
use super::timers;
use crate::error::Status;
use crate::event_loop::{Event, EventLoop, Handler, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Notice, Reporter};

/// Something that is waited for.
pub(crate) trait StartupNeed {
    /// Looks at an event; true once nothing is missing.
    fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool;

    /// What is missing, in words.
    fn missing(&self) -> String;
}

/// What came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Startup {
    /// What was waited for.
    Found,
    /// One of SIGINT, SIGTERM and SIGHUP, with the status of a run that it ends.
    Signalled(Status),
    /// `-w` has run out.
    Late,
}

/// Waits for a need.
///
/// ```text
/// Waiting ── nothing is missing ──> Found
///   │ └───── a signal ────────────> Signalled
///   └─────── -w ──────────────────> Late
/// ```
struct StartupWait<'a> {
    need: &'a mut dyn StartupNeed,
    reporter: &'a mut Reporter,
    end: Option<Startup>,
}

/// Waits for a need, for a signal, or for the end of `limit`. Its timer stays armed for the session.
///
/// # Errors
/// The poll does not work.
pub(crate) fn wait_for(
    event_loop: &mut EventLoop,
    need: &mut dyn StartupNeed,
    limit: Option<Duration>,
    reporter: &mut Reporter,
) -> io::Result<Startup> {
    let pool = event_loop.pool();
    if let Some(limit) = limit {
        pool.arm_once(TimerKey::global(timers::TOTAL), limit);
    }
    pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
    let mut wait = StartupWait { need, reporter, end: None };
    event_loop.run(&mut wait)?;
    event_loop.pool().restart();
    event_loop.pool().disarm(TimerKey::global(timers::NOTE));
    // The loop runs until there is an end.
    wait.end.ok_or_else(|| io::ErrorKind::Interrupted.into())
}

impl Handler for StartupWait<'_> {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        let found = self.need.on(pool, &event).then_some(Startup::Found);
        let end = match event {
            Event::Signal(signal) => status_of(signal).map(Startup::Signalled),
            Event::Timer { key: TimerKey { id: None, purpose: timers::TOTAL } } => {
                Some(Startup::Late)
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::NOTE } } => {
                let text = format!("waiting for {} (-w limits this)", self.need.missing());
                self.reporter.report(&Notice::warning(Kind::Waiting, text));
                None
            }
            _ => None,
        };
        // What comes first decides, where several come in one turn.
        self.end = self.end.or(found).or(end);
        if self.end.is_some() {
            pool.halt();
        }
    }
}
