//! From a notice to its line on stderr, which another thread may have made.

use std::time::{Instant, SystemTime};

use super::{Log, Name, Notice, Reporter, Verbosity};
use crate::kind::Kind;

/// A line for stderr, and what it counts as where those of one kind are summed up.
#[derive(Clone, Debug)]
pub(crate) struct PreparedLine {
    text: String,
    repeats: Option<(Name, Option<Kind>)>,
}

impl PreparedLine {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }
}

impl Reporter {
    /// Writes a notice as one whole line, if events of its name are shown. Past ten a second those of
    /// one kind are summed up, where they are for people.
    ///
    /// It does not wait for a stderr that is full, and ignores one that fails: no other place is left
    /// to complain to.
    pub(crate) fn report(&mut self, notice: &Notice<'_>) {
        let row = if self.shows(notice.name()) { self.table.lines(notice) } else { None };
        if let Some(row) = row {
            self.write(&row);
        } else if let Some(line) = self.prepare(notice) {
            self.take(line);
        }
    }

    /// The line that [`Reporter::take`] writes, here or in another loop, if events of this name are
    /// shown.
    pub(crate) fn prepare(&self, notice: &Notice<'_>) -> Option<PreparedLine> {
        debug_assert_eq!(notice.breach(), None, "report/name.rs has the fields of each event");
        // The answer to a `connect` needs no `-v`: whoever gave the command waits for it.
        let is_answer = notice.name() == Name::ConnectFailed && notice.fields.line.is_some();
        let is_shown = is_answer && self.settings.verbosity >= Verbosity::Normal;
        if !(is_shown || self.shows(notice.name())) {
            return None;
        }
        let name = notice.name();
        let is_trouble = matches!(name, Name::Error | Name::Warning | Name::SendFailed);
        // What is shown unasked is not to be a flood either.
        let is_unasked =
            self.settings.is_attended(name) && self.settings.verbosity == Verbosity::Normal;
        let kind = notice.fields.kind;
        let is_summed =
            (is_trouble && kind.is_some() || is_unasked) && self.settings.log == Log::Text;
        let text = self.line(notice, SystemTime::now());
        Some(PreparedLine { text, repeats: is_summed.then_some((name, kind)) })
    }

    /// Writes a line.
    pub(crate) fn take(&mut self, PreparedLine { mut text, repeats }: PreparedLine) {
        if let Some(key) = repeats {
            self.report_due_sums();
            match self.repeats.admit(key, text, Instant::now()) {
                Some(admitted) => text = admitted,
                None => return,
            }
        }
        self.write(&text);
    }
}
