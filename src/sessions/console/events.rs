//! Events: where they are shown (stderr, the JSON on stdout) and which hooks they start; the sums of those
//! that were left out; and what only people see. The summary is the last event, at the end of the output.

use std::time::SystemTime;

use super::{Console, ConsoleEntry, OpenTraffic, StdoutEnd, uplink};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::protocol::text::escape_words;
use crate::report::{INTERVAL, Moved, Name, Notice};
use crate::sessions::children::Children;
use crate::sessions::hooks::Hooks;
use crate::sessions::timers;

impl Console {
    /// Whether anything shows or uses events of this name. If not, none need be made.
    pub(crate) fn shows(&self, name: Name) -> bool {
        let is_written = self.form == Output::Json && self.reporter.selects(name);
        is_written || self.reporter.shows(name) || self.hooks.want(name)
    }

    /// Reports an event.
    #[cold]
    pub(crate) fn report(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        self.report_batched(pool, event);
        if self.form == Output::Json {
            self.commit(pool);
        }
    }

    /// Reports an event that is one of many; [`Console::commit`] ends the burst.
    pub(crate) fn report_batched(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        self.show(pool, event);
        self.fire(pool, event);
    }

    /// Shows an event wherever events go, except to its hooks.
    fn show(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        if let Some(uplink) = &mut self.uplink {
            if !uplink::is_of_the_run(event.name())
                && let Some(line) = self.reporter.prepare(event)
            {
                uplink.send(ConsoleEntry::Line(line));
            }
            return self.show_on_stdout(event);
        }
        // The program that asked reads the answer, which may have a thousand lines.
        let is_answer = matches!(event.name(), Name::List | Name::Stats);
        if !(is_answer && self.form == Output::Json) {
            if self.reporter.shows(event.name()) {
                self.begin_line_for_event(pool);
            }
            self.reporter.report(event);
            self.arm_sums(pool);
        }
        self.show_on_stdout(event);
    }

    /// Shows an event among the JSON on stdout.
    pub(super) fn show_on_stdout(&mut self, event: &Notice<'_>) {
        let is_elsewhere = self.uplink.is_some() && uplink::is_of_the_run(event.name());
        if self.form == Output::Json && self.reporter.selects(event.name()) && !is_elsewhere {
            let now = *self.clock.get_or_insert_with(SystemTime::now);
            self.reporter.json_line(event, now, &mut self.pending);
        }
    }

    /// Reports a failure, without ending anything.
    #[cold]
    pub(crate) fn report_failure(&mut self, pool: &mut Pool, failure: &Failure) {
        self.report(pool, &Notice::error(failure));
    }

    /// Reports a warning.
    pub(crate) fn warn(&mut self, pool: &mut Pool, kind: Kind, text: &str) {
        self.report(pool, &Notice::warning(kind, text));
    }

    /// Ends the line of output that an event would stand in.
    pub(super) fn begin_line_for_event(&mut self, pool: &mut Pool) {
        if !self.view.is_on || !self.reporter.terminals().shows_both() || !self.long.is_empty() {
            return;
        }
        // What was gathered is older than the event.
        let mut pending = std::mem::take(&mut self.pending);
        self.view.break_line(&mut pending);
        if !pending.is_empty() {
            self.write(pool, &pending);
        }
    }

    /// Shows a text for people, where a person reads stderr.
    pub(crate) fn show_words(&mut self, pool: &mut Pool, words: &str) {
        if self.reporter.has_reader() && self.uplink.is_none() {
            self.begin_line_for_event(pool);
            self.reporter.show_words(words);
        }
    }

    /// Shows the answer that a person asked for, on stderr.
    pub(crate) fn show_answer(&mut self, pool: &mut Pool, answer: &str) {
        self.begin_line_for_event(pool);
        self.reporter.show_picture(&[escape_words(answer)]);
    }

    /// ^C was typed, which the terminal shows where the cursor is.
    pub(crate) fn note_interrupt(&mut self) {
        self.view.note_typed(b"\n");
        self.reporter.note_interrupt();
    }

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

    /// Has the sums follow of what was left out, where something was.
    pub(super) fn arm_sums(&self, pool: &mut Pool) {
        if let Some(after) = self.reporter.sums_due() {
            pool.arm_once(TimerKey::global(timers::SUMS), after);
        }
    }

    /// Begins to show how far the run has come, where there is a terminal to show it on.
    pub(crate) fn begin_progress(&mut self, pool: &mut Pool, total: Option<u64>) {
        if self.reporter.begin_progress(total) {
            pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
        }
    }

    /// Shows how far the run has come; `open` is what the connections that still live have moved.
    pub(crate) fn show_progress(&self, pool: &mut Pool, open: OpenTraffic, passed: u64) {
        self.reporter.show_progress(&Moved {
            received: self.totals.received + open.received,
            sent: self.totals.sent + open.sent,
            passed,
        });
        pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
    }

    /// Begins a line that [`Console::show_line`] fills, where there is a terminal to show it on.
    pub(crate) fn begin_line(&mut self, pool: &mut Pool) {
        if self.reporter.begin_line() {
            pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
        }
    }

    /// Fills the line, and has the next time for it come.
    pub(crate) fn show_line(&self, pool: &mut Pool, words: String) {
        self.reporter.show_line(words);
        pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
    }

    /// Shows a picture, where there is a terminal to show it on.
    pub(crate) fn show_picture(&mut self, lines: &[String]) {
        self.reporter.end_progress();
        self.reporter.show_picture(lines);
    }

    /// No more data comes: whoever reads stdout is to see the end once all is written, however long the
    /// run goes on. JSON has a summary to come.
    pub(crate) fn end_output(&mut self, pool: &mut Pool) {
        if self.stdout.is_used() && self.stdout.has_reader() && self.form != Output::Json {
            self.commit(pool);
            self.stdout.finish(pool);
        }
    }

    /// Reports the summary and drains stdout; returns whether that is done already. JSON ends with it;
    /// elsewhere it waits for stdout, whose end may still change the code.
    pub(crate) fn finish(&mut self, pool: &mut Pool, status: Status) -> bool {
        while !self.long.is_empty() {
            self.write_long(pool);
        }
        self.commit(pool);
        if self.reporter.shows(Name::Summary) {
            // The channel is finished by the time that it is written.
            self.begin_line_for_event(pool);
        }
        self.reporter.end_progress();
        if self.form == Output::Json && self.uplink.is_none() {
            let summary = self.summary(pool, status);
            self.reporter.json_line(&summary, SystemTime::now(), &mut self.pending);
            self.fire(pool, &summary);
            self.commit(pool);
        }
        let is_done = !self.stdout.is_used();
        match is_done {
            true => self.finished(pool, status),
            false => self.stdout.finish(pool),
        }
        is_done
    }

    /// stdout has drained, or is not used.
    pub(crate) fn finished(&mut self, pool: &mut Pool, status: Status) {
        self.reporter.report_all_sums();
        let summary = self.summary(pool, status);
        match self.form {
            Output::Json => self.reporter.report(&summary),
            _ => self.report(pool, &summary),
        }
    }

    fn summary(&self, pool: &Pool, status: Status) -> Notice<'static> {
        self.totals.summary(status, self.age(pool))
    }

    /// Forgets stdout, and returns what its end means.
    pub(crate) fn stdout_closed(&mut self, end: &End) -> StdoutEnd {
        let unwritten = std::mem::take(&mut self.long).bytes();
        let end = self.stdout.closed(end, unwritten);
        if let StdoutEnd::Undelivered(count) = end {
            self.totals.undelivered += count;
        }
        end
    }

    /// Gives up descriptor 1 as well, after the last data.
    pub(crate) fn release_stdout(&self) {
        self.stdout.release();
    }

    /// Writes what fits without waiting, and gives the rest up.
    pub(crate) fn abandon(&self, pool: &mut Pool, reason: CloseReason) {
        self.stdout.abandon(pool, reason);
    }
}
