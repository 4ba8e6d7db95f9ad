//! The end of a run that failed before it had a session: its hooks are run all the same.

use std::time::Duration;

use super::children::Children;
use super::config::Hook;
use super::console::Console;
use super::hooks::Hooks;
use super::timers;
use crate::error::Failure;
use crate::event_loop::{Event, EventLoop, Handler, Pool, Signal, TimerKey};
use crate::protocol::output::Output;
use crate::report::{self, Reporter};

/// Runs the hooks of some events, and waits for them.
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
        events: &[report::Notice<'_>],
    ) -> Result<(), Failure> {
        let pool = event_loop.pool();
        let mut console = Console::open(pool, reporter, Output::None, false)?;
        console.set_hooks(Hooks::new(hooks, false));
        if let Some(limit) = limit {
            pool.arm(TimerKey::global(timers::TOTAL), limit);
        }
        for event in events {
            console.report(pool, event);
        }
        if console.hooks.are_idle() {
            return Ok(());
        }
        let fail = |error: std::io::Error| {
            Failure::io(crate::error::Status::Local, "run", "the event loop", &error)
        };
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
