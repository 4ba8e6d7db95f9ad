//! The command `tick`: an event with the time, at a fixed interval.

use std::time::{Duration, Instant};

use crate::event_loop::{Pool, TimerKey};
use crate::report::{Name, Notice};
use crate::sessions::console::Console;
use crate::sessions::timers;

/// The ticks of a run, where a command has asked for them.
#[derive(Debug, Default)]
pub(crate) struct Ticks(Option<Ticking>);

#[derive(Debug)]
struct Ticking {
    every: Duration,
    /// When the next one is due.
    next: Instant,
    count: usize,
    /// The line of the command that asked.
    line: u64,
}

impl Ticks {
    /// Begins to tick, from a count of 0; `None` ends it.
    pub(crate) fn set(&mut self, pool: &mut Pool, every: Option<Duration>, line: u64) {
        let begin = |every| Ticking { every, next: pool.now() + every, count: 0, line };
        self.0 = every.map(begin);
        match every {
            Some(every) => pool.arm(TimerKey::global(timers::TICK), every),
            None => pool.disarm(TimerKey::global(timers::TICK)),
        }
    }

    /// A tick is due. Times that have passed unnoticed are counted, and make no further events; where
    /// stdout is full there is none.
    pub(super) fn on_timer(&mut self, pool: &mut Pool, console: &mut Console) {
        let Some(ticking) = &mut self.0 else { return };
        let late = pool.now().saturating_duration_since(ticking.next);
        let passed = 1 + (late.as_nanos() / ticking.every.as_nanos().max(1)) as usize;
        ticking.count += passed;
        // From the time when it was due and not from now, so that it does not drift.
        ticking.next += ticking.every.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
        let left = ticking.next.saturating_duration_since(pool.now());
        pool.arm(TimerKey::global(timers::TICK), left);
        if !console.is_full() {
            console.report(pool, &Notice::new(Name::Tick).line(ticking.line).count(ticking.count));
        }
    }
}
