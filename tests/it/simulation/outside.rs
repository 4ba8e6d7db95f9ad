//! What ends a run from outside: a signal, and the limit on its time.

use std::time::Instant;

use wirecat::event_loop::{Event, EventLoop, Signal};

use super::plan::Basics;
use super::stage::TOTAL;

/// The signal to come, and what the session has met.
pub(super) struct Outside {
    due: Option<(Instant, Signal)>,
    /// The signal that the session has met, unless it asked for a report.
    pub(super) signalled: Option<Signal>,
    pub(super) timed_out: bool,
}

impl Outside {
    pub(super) fn new(due: Option<(Instant, Signal)>) -> Self {
        Self { due, signalled: None, timed_out: false }
    }

    /// What these basics ask for, from now on.
    pub(super) fn of(basics: &Basics, now: Instant) -> Self {
        Self::new(basics.signal.map(|(after, signal)| (now + after, signal)))
    }

    /// Notes an event that tells of it.
    pub(super) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Signal(signal) if *signal != Signal::Report => self.signalled = Some(*signal),
            Event::Timer { key } if key.id.is_none() => self.timed_out |= key.purpose == TOTAL,
            _ => {}
        }
    }

    /// Hands the loop the signal if it is due; returns how many events that makes.
    pub(super) fn happen(&mut self, event_loop: &mut EventLoop, now: Instant) -> u64 {
        let Some((_, signal)) = self.due.take_if(|(at, _)| *at <= now) else { return 0 };
        event_loop.simulate_signal(signal);
        1
    }

    /// When the signal comes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.map(|(at, _)| at)
    }
}
