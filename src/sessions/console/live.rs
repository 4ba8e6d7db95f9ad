//! What a person at a terminal sees of a run that measures: a line while it lasts, and a picture
//! at its end.

use super::Console;
use crate::event_loop::{Pool, TimerKey};
use crate::report::INTERVAL;
use crate::sessions::timers;

impl Console {
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
}
