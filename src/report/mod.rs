//! Reporting: what happens goes to stderr, as text for people or as JSON for programs.
//!
//! This floor decides which events are shown and how they look. It never touches stdout: a session
//! that wants events there takes them from `Reporter::json_line`.
//!
//! The contract with scripts stands in three tables. `name` has the names of the events and which
//! fields each carries, `notice` the fields, `figures` those of `stats` and `tls`. The structs, the
//! JSON, the page `wirecat-events(7)` and its schema are made from them; kinds stand in
//! [`crate::kind`], details of a close in [`crate::close`].

mod figures;
mod json;
mod lines;
mod name;
mod notice;
pub(crate) mod pcapng;
mod progress;
mod settings;
mod stderr;
mod table;
mod text;
pub mod transcript;

use std::io;
use std::time::{Duration, Instant, SystemTime};

use crate::kind::Kind;
use crate::protocol::text::number;
#[cfg(feature = "tls")]
pub(crate) use figures::TlsFigures;
pub(crate) use figures::{Figures, SequenceFigures};
pub(crate) use json::escape_json;
pub(crate) use lines::PreparedLine;
use lines::Repeats;
pub use name::Name;
pub(crate) use notice::Notice;
pub use notice::keys;
pub(crate) use progress::{INTERVAL, Moved};
use progress::{ProgressLine, beside};
pub use settings::{Attention, Color, EventSelection, Log, Settings, Terminals, Verbosity};
use stderr::LineWriter;
use table::FigureTable;
use text::Palette;

/// Takes one whole line.
type TakeLine = dyn Fn(&[u8]) + Send;

/// Where lines go.
enum Sink {
    Stderr(LineWriter),
    Other(Box<TakeLine>),
}

/// Reports events on stderr, or to another sink.
pub struct Reporter {
    settings: Settings,
    palette: Palette,
    sink: Sink,
    progress: Option<ProgressLine>,
    repeats: Repeats,
    /// The figures of flows, where a person reads them.
    table: FigureTable,
    /// Events that stderr did not take.
    lost: u64,
    /// The terminal shows `^C`, which a line is not to stand behind.
    is_interrupted: bool,
}

impl Reporter {
    /// A reporter of these settings. It looks up once, now, whether stderr is a terminal.
    pub(crate) fn new(settings: Settings) -> Self {
        let palette = if settings.color.is_wanted(&io::stderr()) {
            Palette::COLOURED
        } else {
            Palette::default()
        };
        let (repeats, table) = Default::default();
        let sink = Sink::Stderr(LineWriter::new());
        Self {
            settings,
            palette,
            sink,
            progress: None,
            repeats,
            table,
            lost: 0,
            is_interrupted: false,
        }
    }

    /// A reporter whose lines go to `sink` instead of stderr.
    pub fn to(settings: Settings, sink: impl Fn(&[u8]) + Send + 'static) -> Self {
        let mut reporter = Self::new(settings);
        reporter.sink = Sink::Other(Box::new(sink));
        reporter
    }

    /// Whether events of this name are shown on stderr. Callers ask first where a notice is costly
    /// to make.
    pub(crate) fn shows(&self, name: Name) -> bool {
        let least = match name {
            // Figures and lists are asked for, so `-q` does not keep them back.
            Name::Error | Name::Stats | Name::List => Verbosity::Quiet,
            Name::Warning
            | Name::SendFailed
            | Name::Listening
            | Name::Joined
            | Name::Left
            | Name::Retry => Verbosity::Normal,
            Name::Summary if self.settings.log == Log::Json => Verbosity::Normal,
            _ if self.settings.events.raises(name) => Verbosity::Normal,
            _ if self.settings.is_attended(name) => Verbosity::Normal,
            _ if self.answers_alone() => Verbosity::Debug,
            Name::Data | Name::Sent | Name::Drained => Verbosity::Debug,
            _ => Verbosity::Verbose,
        };
        self.settings.verbosity >= least && self.selects(name)
    }

    /// Whether events of this name are reported at all, wherever that is.
    pub(crate) fn selects(&self, name: Name) -> bool {
        self.settings.events.has(name)
    }

    /// Writes the sums of lines that were left out, of those whose second is over.
    pub(crate) fn report_due_sums(&mut self) {
        let sums = self.repeats.take_due(Some(Instant::now()));
        sums.iter().for_each(|sum| self.write(sum));
    }

    /// The same of all.
    pub(crate) fn report_all_sums(&mut self) {
        let sums = self.repeats.take_due(None);
        sums.iter().for_each(|sum| self.write(sum));
    }

    /// When there will be sums to write.
    pub(crate) fn sums_due(&self) -> Option<Duration> {
        self.repeats.are_due().then_some(lines::SECOND)
    }

    fn write(&mut self, line: &str) {
        self.report_lost();
        let apart = std::mem::take(&mut self.is_interrupted).then(|| format!("\n{line}"));
        let line = apart.as_deref().unwrap_or(line);
        let Self { sink, progress, .. } = self;
        let taken = beside(progress.as_ref(), || match sink {
            Sink::Stderr(writer) => writer.write(line.as_bytes()),
            Sink::Other(sink) => {
                sink(line.as_bytes());
                true
            }
        });
        self.lost += u64::from(!taken);
    }

    /// Reports how many events stderr did not take, once it takes some again.
    fn report_lost(&mut self) {
        let Sink::Stderr(writer) = &self.sink else { return };
        if self.lost == 0 || !writer.has_room() || !self.selects(Name::Warning) {
            return;
        }
        let events = number(std::mem::take(&mut self.lost), "event");
        let text = format!("{events} left out, because stderr was not read");
        let notice = Notice::warning(Kind::NotShown, text);
        let line = self.line(&notice, SystemTime::now());
        self.write(&line);
    }

    /// Begins to show how far the run has come, if stderr is a terminal; returns whether it is.
    pub(crate) fn begin_progress(&mut self, total: Option<u64>) -> bool {
        self.progress = ProgressLine::begin(total);
        self.progress.is_some()
    }

    /// Begins to show a line of words, if stderr is a terminal; returns whether it is.
    pub(crate) fn begin_line(&mut self) -> bool {
        if self.settings.log == Log::Text && self.settings.verbosity > Verbosity::Quiet {
            self.progress = ProgressLine::begin_text();
        }
        self.progress.is_some()
    }

    /// Shows these words in the line, if there is one.
    pub(crate) fn show_line(&self, words: String) {
        if let Some(progress) = &self.progress {
            progress.show_text(words);
        }
    }

    /// Shows lines that are for people only, if stderr is a terminal.
    pub(crate) fn show_picture(&mut self, lines: &[String]) {
        if self.has_reader() && !lines.is_empty() {
            let text = lines.join("\n") + "\n";
            self.write(&text);
        }
    }

    /// Whether a person reads what is for people only.
    pub(crate) fn has_reader(&self) -> bool {
        self.settings.log == Log::Text
            && self.shows(Name::Warning)
            && self.settings.terminals.shows_events()
    }

    /// Shows words that are for people only, if stderr is a terminal.
    pub(crate) fn show_words(&mut self, words: &str) {
        if self.has_reader() {
            let line = text::words_line(words, &self.palette);
            self.write(&line);
        }
    }

    /// ^C was typed, which a terminal shows where the cursor is.
    pub(crate) fn note_interrupt(&mut self) {
        let is_text = self.settings.log == Log::Text;
        self.is_interrupted = is_text && self.settings.terminals.converses();
    }

    /// The figures that follow are of this interval, or without one of the whole run.
    pub(crate) fn begin_figures(&mut self, interval: Option<Duration>) {
        if self.has_reader() {
            self.table.begin(interval);
        }
    }

    /// No more figures of this time follow.
    pub(crate) fn end_figures(&mut self) {
        if let Some(sum) = self.table.end() {
            self.write(&sum);
        }
    }

    /// Whether the answer of `-z -v` is all that is to be seen of it.
    pub(crate) fn answers_alone(&self) -> bool {
        self.settings.verbosity == Verbosity::Verbose
            && self.settings.attention() == Attention::Probe
    }

    /// Where a person sits.
    pub(crate) fn terminals(&self) -> Terminals {
        self.settings.terminals
    }

    /// Shows how far the run has come, if that is shown.
    pub(crate) fn show_progress(&self, moved: &Moved) {
        if let Some(progress) = &self.progress {
            progress.show(moved);
        }
    }

    /// Ends the progress and wipes its line.
    pub(crate) fn end_progress(&mut self) {
        self.progress = None;
    }

    /// Runs `write`, which writes whole lines to the terminal, with the progress out of its way.
    pub(crate) fn beside_progress<T>(&self, write: impl FnOnce() -> T) -> T {
        beside(self.progress.as_ref(), write)
    }

    /// Appends a notice as a line of JSON to `out`, whatever the settings show.
    pub(crate) fn json_line(&self, notice: &Notice<'_>, now: SystemTime, out: &mut Vec<u8>) {
        debug_assert_eq!(notice.breach(), None, "report/name.rs has the fields of each event");
        json::write(notice, self.settings.tag.as_deref(), now, out);
    }

    /// The time of the end is over, but for the last lines.
    pub(crate) fn hurry(&mut self) {
        if let Sink::Stderr(writer) = &mut self.sink {
            writer.hurry();
        }
    }

    /// Waits for what is on its way to stderr; whether all of it is written.
    fn finish(&mut self) -> bool {
        match &mut self.sink {
            Sink::Stderr(writer) => writer.finish(),
            Sink::Other(_) => true,
        }
    }

    fn line(&self, notice: &Notice<'_>, now: SystemTime) -> String {
        match self.settings.log {
            Log::Text => text::line(notice, self.settings.tag.as_deref(), &self.palette),
            Log::Json => {
                let mut line = Vec::new();
                self.json_line(notice, now, &mut line);
                String::from_utf8_lossy(&line).into_owned()
            }
        }
    }
}

impl Drop for Reporter {
    /// What was left out is summed up, and stderr has its time to take what waits.
    fn drop(&mut self) {
        self.progress = None;
        self.report_all_sums();
        if self.finish() {
            self.report_lost();
            self.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn reporter(verbosity: Verbosity, log: Log) -> Reporter {
        let (events, tag) = (EventSelection::default(), Some("t".to_owned()));
        let color = Color::Never;
        Reporter::new(Settings { verbosity, events, log, color, tag, ..Settings::default() })
    }

    #[test]
    fn each_verbosity_adds_its_events() {
        let steps = [
            (Verbosity::Quiet, vec![Name::Error, Name::Stats]),
            (
                Verbosity::Normal,
                vec![Name::Warning, Name::SendFailed, Name::Listening, Name::Retry],
            ),
            (
                Verbosity::Verbose,
                vec![
                    Name::Starting,
                    Name::Connected,
                    Name::ConnectFailed,
                    Name::Accepted,
                    Name::Eof,
                    Name::Closed,
                    Name::Stopping,
                    Name::Stopped,
                    Name::Summary,
                ],
            ),
            (Verbosity::Debug, vec![Name::Data, Name::Sent, Name::Drained]),
        ];
        for (least, names) in &steps {
            for (verbosity, _) in &steps {
                let reporter = reporter(*verbosity, Log::Text);
                for name in names {
                    assert_eq!(reporter.shows(*name), verbosity >= least, "{verbosity:?} {name:?}");
                }
            }
        }
    }

    #[test]
    fn a_person_sees_who_comes_and_the_answer_of_a_probe() {
        let shown = |attention, verbosity, log| {
            let mut reporter = reporter(verbosity, log);
            reporter.settings.terminals = Terminals::of_person();
            reporter.settings.attention = attention;
            let all = Name::ALL.iter().filter(|name| reporter.shows(**name));
            all.copied().collect::<Vec<_>>()
        };
        let (text, json) = (Log::Text, Log::Json);
        let usual = shown(Attention::Usual, Verbosity::Normal, text);
        let clients = shown(Attention::Clients, Verbosity::Normal, text);
        let more = clients.iter().filter(|name| !usual.contains(name));
        assert_eq!(more.collect::<Vec<_>>(), [&Name::Accepted, &Name::Closed]);
        assert_eq!(shown(Attention::Probe, Verbosity::Verbose, text), usual);
        for (attention, verbosity, log) in [
            (Attention::Clients, Verbosity::Normal, json),
            (Attention::Clients, Verbosity::Quiet, text),
            (Attention::Probe, Verbosity::Verbose, json),
            (Attention::Probe, Verbosity::Debug, text),
        ] {
            let expected = shown(Attention::Usual, verbosity, log);
            assert_eq!(shown(attention, verbosity, log), expected);
        }
    }

    #[test]
    fn json_always_ends_with_the_summary_unless_quiet() {
        assert!(reporter(Verbosity::Normal, Log::Json).shows(Name::Summary));
        assert!(!reporter(Verbosity::Quiet, Log::Json).shows(Name::Summary));
    }

    #[test]
    fn both_forms_carry_the_tag() {
        let event = Notice::new(Name::Stopped);
        let line = |log| reporter(Verbosity::Normal, log).line(&event, UNIX_EPOCH);
        assert_eq!(line(Log::Text), "[t] stopped\n");
        assert_eq!(line(Log::Json), "{\"ts\":0.000000,\"event\":\"stopped\",\"tag\":\"t\"}\n");
    }
}
