//! Names that have to be known before a session can begin: those to listen on, to bind to, to let
//! in. They are looked up at once and by threads, so that a signal or `-w` ends the run meanwhile.

use std::io;
use std::time::Duration;

use super::core::NOTE_AFTER;
use super::lookup::Addresses;
use super::timers;
use crate::event_loop::{Event, EventLoop, Handler, Mail, Pool, Query, Signal, TimerKey};
use crate::kind::Kind;
use crate::report::{Notice, Reporter};

/// What came first.
pub(crate) enum Startup<T> {
    /// What was waited for.
    Found(T),
    /// One of SIGINT, SIGTERM and SIGHUP.
    Signalled(Signal),
    /// `-w` has run out.
    Late,
}

/// Questions to the resolver, and the answers so far.
///
/// ```text
/// Asking ── the last answer ──> Found
///   │ └──── a signal ─────────> Signalled
///   └────── -w ───────────────> Late
/// ```
pub(crate) struct StartupLookup<'a> {
    queries: &'a [Query],
    answers: Vec<Option<Addresses>>,
    reporter: &'a mut Reporter,
    end: Option<Startup<Vec<Addresses>>>,
}

impl<'a> StartupLookup<'a> {
    /// Asks all questions, and waits for the answers in the order of the questions, for a signal, or for the end of `limit`. Its
    /// timer stays armed for the session.
    ///
    /// # Errors
    /// No thread can be had, or the poll does not work.
    pub(crate) fn run(
        event_loop: &mut EventLoop,
        queries: &'a [Query],
        limit: Option<Duration>,
        reporter: &'a mut Reporter,
    ) -> io::Result<Startup<Vec<Addresses>>> {
        let pool = event_loop.pool();
        queries.iter().try_for_each(|query| pool.look_up(query))?;
        if let Some(limit) = limit {
            pool.arm_once(TimerKey::global(timers::TOTAL), limit);
        }
        pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        let answers = vec![None; queries.len()];
        let mut lookup = Self { queries, answers, reporter, end: None };
        event_loop.run(&mut lookup)?;
        event_loop.pool().restart();
        event_loop.pool().disarm(TimerKey::global(timers::NOTE));
        let found = lookup.answers.into_iter().flatten().collect();
        Ok(lookup.end.unwrap_or(Startup::Found(found)))
    }

    fn note(&mut self, query: &Query, answer: &Addresses) {
        for (asked, place) in self.queries.iter().zip(&mut self.answers) {
            if asked == query {
                *place = Some(answer.clone());
            }
        }
    }

    /// Says what the run waits for.
    fn report_waiting(&mut self) {
        let open = self.queries.iter().zip(&self.answers).find(|(_, answer)| answer.is_none());
        let name = open.map(|(query, _)| query.host.to_string()).unwrap_or_default();
        let text = format!("waiting for the resolver to find {name} (-w limits this)");
        self.reporter.report(&Notice::warning(Kind::Waiting, text));
    }
}

impl Handler for StartupLookup<'_> {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Mail(Mail::Resolved(query, answer)) => self.note(&query, &answer),
            Event::Signal(signal @ (Signal::Interrupt | Signal::Terminate | Signal::Hangup)) => {
                _ = self.end.get_or_insert(Startup::Signalled(signal))
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::TOTAL } } => {
                self.end.get_or_insert(Startup::Late);
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::NOTE } } => {
                self.report_waiting();
            }
            _ => {}
        }
        if self.end.is_some() || self.answers.iter().all(Option::is_some) {
            pool.halt();
        }
    }
}
