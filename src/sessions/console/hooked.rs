//! The console towards the hooks: which events they get, and what becomes of their failures; and
//! the timer of what was left out on stderr.

use std::time::SystemTime;

use super::{Console, ConsoleEntry, uplink};
use crate::event_loop::{Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::report::{Name, Notice};
use crate::sessions::children::Children;
use crate::sessions::hooks::Hooks;
use crate::sessions::timers;

impl Console {
    /// Has these hooks run from now on.
    pub(crate) fn set_hooks(&mut self, hooks: Hooks) {
        self.hooks = hooks;
        self.shows_data = self.shows(Name::Data);
    }

    /// Queues the hooks of an event, where it has any.
    pub(super) fn fire(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        if self.hooks.want(event.name()) {
            let mut line = Vec::new();
            self.reporter.json_line(event, SystemTime::now(), &mut line);
            match &mut self.uplink {
                Some(_) if uplink::is_of_the_run(event.name()) => {}
                Some(uplink) => uplink.send(ConsoleEntry::Hook(event.name(), line.into())),
                None => self.hooks.queue(pool, event.name(), &line.into()),
            }
        }
    }

    /// Starts the hooks that wait, as many as may run. Returns whether they were too many and take
    /// events again.
    pub(crate) fn start_hooks(&mut self, pool: &mut Pool, children: &mut Children) -> bool {
        let were_full = self.hooks.are_full();
        let failures = self.hooks.start(pool, children);
        self.report_failures(pool, &failures);
        were_full && !self.hooks.are_full()
    }

    /// Hooks have ended, and others may begin.
    pub(crate) fn on_hook_exits(&mut self, pool: &mut Pool, children: &mut Children) {
        let failures = self.hooks.on_exits(pool, children);
        self.report_failures(pool, &failures);
    }

    /// No more hooks run, because there is no time left.
    pub(crate) fn cut_hooks(&mut self, pool: &mut Pool, children: &mut Children) {
        if !self.hooks.are_idle() {
            let dropped = self.hooks.cut(pool, children);
            let text = format!("the commands of --on are cut off, and {dropped} more do not run");
            self.report_failures(pool, &[text]);
        }
    }

    /// The failure of a hook starts no hook, or one that fails would call itself for ever.
    fn report_failures(&mut self, pool: &mut Pool, failures: &[String]) {
        for text in failures {
            self.show(pool, &Notice::warning(Kind::Hook, text.as_str()));
            if self.form == Output::Json {
                self.commit(pool);
            }
        }
    }

    /// Sums up what was left out on stderr.
    pub(crate) fn report_sums(&mut self, pool: &mut Pool) {
        if self.reporter.sums_due().is_some() {
            self.begin_line_for_event(pool);
        }
        self.reporter.report_due_sums();
        if let Some(after) = self.reporter.sums_due() {
            pool.arm(TimerKey::global(timers::SUMS), after);
        }
    }
}
