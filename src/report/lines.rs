//! From a notice to its line on stderr, which another thread may have made; and lines of one kind that
//! come in crowds: past ten a second the others are summed up.

use std::time::{Duration, Instant, SystemTime};

use super::{Log, Name, Notice, Reporter, Verbosity};
use crate::kind::Kind;

/// Lines of one kind that are written within a second.
const MOST: u32 = 10;
/// The time for those.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// What was reported of late, by kind. Pure: the time is an argument, and the owner writes what is
/// returned.
///
/// ```text
///          the first of its kind                 the 11th within the second
/// absent ─────────────────────────> shown ────────────────────────────────────> summing
///    ^                               │ its second is over                          │
///    └───────────────────────────────┴── its second is over: the last one, with ───┘
///                                        how many more there were
/// ```
#[derive(Default)]
pub(super) struct Repeats {
    /// There are as many as there are names of troubles and kinds at most.
    runs: Vec<Repeated>,
}

struct Repeated {
    of: (Name, Option<Kind>),
    since: Instant,
    shown: u32,
    /// The last line that was left out, and how many were.
    left_out: Option<(String, u64)>,
}

impl Repeats {
    /// Takes a line; gives it back where it is to be written. [`Repeats::take_due`] comes first.
    pub(super) fn admit(
        &mut self,
        of: (Name, Option<Kind>),
        line: String,
        now: Instant,
    ) -> Option<String> {
        let Some(run) = self.runs.iter_mut().find(|run| run.of == of) else {
            self.runs.push(Repeated { of, since: now, shown: 1, left_out: None });
            return Some(line);
        };
        if run.shown < MOST {
            run.shown += 1;
            debug_assert!(run.shown <= MOST, "{} lines of a kind", run.shown);
            return Some(line);
        }
        let count = run.left_out.as_ref().map_or(0, |(_, count)| *count);
        run.left_out = Some((line, count + 1));
        None
    }

    /// Ends what began a second before `now`, or with `None` everything; returns the sums.
    pub(super) fn take_due(&mut self, now: Option<Instant>) -> Vec<String> {
        let mut sums = Vec::new();
        self.runs.retain_mut(|run| {
            if now.is_some_and(|now| now.saturating_duration_since(run.since) < SECOND) {
                return true;
            }
            sums.extend(run.left_out.take().map(|(line, count)| sum(&line, count)));
            false
        });
        sums
    }

    /// Whether lines are left out that are to be summed up.
    pub(super) fn are_due(&self) -> bool {
        self.runs.iter().any(|run| run.left_out.is_some())
    }
}

/// The last line of those that were left out speaks for all of them.
fn sum(line: &str, count: u64) -> String {
    match count {
        1 => line.to_owned(),
        _ => format!("{} (and {} more)\n", line.trim_end_matches('\n'), count - 1),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_of_a_kind_are_shown_and_the_rest_is_summed_up() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let (cut, slow) = ((Name::Error, Some(Kind::CutFrame)), (Name::Warning, Some(Kind::Slow)));
        let mut shown = |of, number: u32, after| {
            let line = format!("no. {number}\n");
            let mut lines = repeats.take_due(Some(start + after));
            lines.extend(repeats.admit(of, line, start + after));
            lines.concat()
        };
        let soon = Duration::from_millis(999);
        for number in 1..=150 {
            let expected = if number > 10 { String::new() } else { format!("no. {number}\n") };
            assert_eq!(shown(cut, number, soon * number / 150), expected);
        }
        assert_eq!(shown(slow, 1, soon), "no. 1\n");
        assert_eq!(shown(cut, 151, SECOND * 2), "no. 150 (and 139 more)\nno. 151\n");
        (152..=160).for_each(|number| assert_ne!(shown(cut, number, SECOND * 2), ""));
        assert_eq!(shown(cut, 161, SECOND * 2), "");
        assert!(repeats.are_due());
        // One that is left out stands for itself.
        assert_eq!(repeats.take_due(None), ["no. 161\n"]);
        assert!(!repeats.are_due());
    }
}
