//! What a run does before it has a session: it waits for names and for the reader of a FIFO, and where it
//! fails it still runs its hooks.
//!
//! Each wait has a loop of its own, so that a signal or `-w` ends the run meanwhile.

use std::io;
use std::time::Duration;

use super::children::Children;
use super::config::Hook;
use super::console::{Console, DataTo};
use super::core::{NOTE_AFTER, status_of};
use super::hooks::{HookOutput, Hooks};
use super::lookup::Addresses;
use super::ready::RETRY;
use super::recorder::{FileRecorder, RecordTarget};
use super::timers;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, EventLoop, Handler, Mail, Pool, Query, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::report::{Notice, Reporter};
use crate::sys::startup;

/// Something that is waited for.
trait StartupNeed {
    /// Looks at an event; true once nothing is missing.
    fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool;

    /// What is missing, in words.
    fn missing(&self) -> String;
}

/// How a wait has ended.
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
fn wait_for(
    event_loop: &mut EventLoop,
    need: &mut dyn StartupNeed,
    limit: Option<Duration>,
    reporter: &mut Reporter,
) -> io::Result<Startup> {
    let pool = event_loop.pool();
    if let Some(limit) = limit {
        pool.arm_once(TimerKey::global(timers::TOTAL), limit.saturating_sub(startup::age()));
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
        // The first end decides, where several come in one turn.
        self.end = self.end.or(found).or(end);
        if self.end.is_some() {
            pool.halt();
        }
    }
}

/// Names that have to be known before a session can begin: those to listen on, to bind to, to admit.
/// Threads look all of them up at the same time.
struct StartupLookup<'a> {
    queries: &'a [Query],
    answers: Vec<Option<Addresses>>,
}

/// Asks all questions, and waits for the answers. There is one for each question, in their order, if
/// the end is [`Startup::Found`].
///
/// # Errors
/// No thread can be had, or the poll does not work.
pub(crate) fn look_up_all(
    event_loop: &mut EventLoop,
    queries: &[Query],
    limit: Option<Duration>,
    reporter: &mut Reporter,
) -> io::Result<(Startup, Vec<Addresses>)> {
    let pool = event_loop.pool();
    queries.iter().try_for_each(|query| pool.look_up(query))?;
    let mut lookup = StartupLookup { queries, answers: vec![None; queries.len()] };
    let end = wait_for(event_loop, &mut lookup, limit, reporter)?;
    Ok((end, lookup.answers.into_iter().flatten().collect()))
}

impl StartupNeed for StartupLookup<'_> {
    fn on(&mut self, _: &mut Pool, event: &Event<'_>) -> bool {
        if let Event::Mail(Mail::Resolved(query, answer)) = event {
            let asked = self.queries.iter().zip(&mut self.answers);
            for (_, place) in asked.filter(|(asked, _)| *asked == query) {
                *place = Some(answer.clone());
            }
        }
        self.answers.iter().all(Option::is_some)
    }

    fn missing(&self) -> String {
        let open = self.queries.iter().zip(&self.answers).find(|(_, answer)| answer.is_none());
        let name = open.map(|(query, _)| query.host.to_string()).unwrap_or_default();
        format!("the resolver to find {name}")
    }
}

/// A recording, once its file can be opened, or why it never can.
pub(crate) type OpenedRecording = Option<Result<FileRecorder, Failure>>;

/// `--record` to a FIFO, which can be opened once somebody reads it: the recording begins before any
/// socket is opened.
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

/// The end of a run that failed before it had a session: runs the hooks of some events, and waits for them.
pub struct StartupFailure {
    console: Console,
    children: Children,
}

impl StartupFailure {
    /// Reports events, and runs their hooks for no longer than `limit`.
    ///
    /// # Errors
    /// The loop does not work.
    pub(crate) fn report(
        event_loop: &mut EventLoop,
        reporter: Reporter,
        hooks: Vec<Hook>,
        limit: Option<Duration>,
        events: &[Notice<'_>],
    ) -> Result<(), Failure> {
        let pool = event_loop.pool();
        let mut console = Console::open(pool, reporter, Output::None, DataTo::Elsewhere)?;
        console.set_hooks(Hooks::new(hooks, HookOutput::Stderr));
        if let Some(limit) = limit {
            pool.arm(TimerKey::global(timers::TOTAL), limit);
        }
        for event in events {
            console.report(pool, event);
        }
        if console.hooks.are_idle() {
            return Ok(());
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "run", "the event loop", &error);
        event_loop.run(&mut Self { console, children: Children::default() }).map_err(fail)
    }
}

impl Handler for StartupFailure {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        let Self { console, children } = self;
        match event {
            Event::Signal(Signal::Child) => {
                children.reap(pool);
                console.on_hook_exits(pool, children);
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::CHILDREN } } => {
                children.on_timer(pool);
                children.reap(pool);
                console.on_hook_exits(pool, children);
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::HOOKS } } => {
                console.start_hooks(pool, children);
            }
            Event::Signal(Signal::Interrupt | Signal::Terminate | Signal::Hangup)
            | Event::Timer { key: TimerKey { id: None, purpose: timers::TOTAL } } => {
                console.cut_hooks(pool, children);
            }
            _ => {}
        }
        if console.hooks.are_idle() {
            pool.halt();
        }
    }
}
