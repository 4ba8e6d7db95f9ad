//! Reporting: what happens goes to stderr, as text for people or as JSON for programs.
//!
//! This floor decides which events are shown and how they look. It never touches stdout: a session
//! that wants events there takes them from `Reporter::json_line`.
//!
//! The contract with scripts stands in three tables. `name` has the names of the events and which
//! fields each carries, `notice` the fields, `figures` those of `stats`. The structs, the JSON, the
//! page `wirecat-events(7)` and its schema are made from them; kinds stand in [`crate::kind`],
//! details of a close in [`crate::close`].

mod figures;
mod json;
mod name;
mod notice;
pub(crate) mod pcapng;
mod stderr;
mod text;
pub mod transcript;

use std::io::{self, IsTerminal};
use std::time::SystemTime;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

pub(crate) use figures::{Figures, SequenceFigures};
pub use name::Name;
pub(crate) use notice::Notice;
pub use notice::keys;
use stderr::ProgressLine;
pub(crate) use stderr::{INTERVAL, Moved};
use text::Palette;

/// How much is shown, from `-q` to `-vv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What a person at a shell should know.
    #[default]
    Normal,
    /// Connections and the summary too.
    Verbose,
    /// Every message too.
    Debug,
}

/// The form of the events on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// One line of words an event.
    #[default]
    Text,
    /// One JSON object an event; the summary is always among them, unless only errors are shown.
    Json,
}

/// When text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`).
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether what goes to this stream is to have colours.
    pub(crate) fn is_wanted(self, stream: &impl RawStream) -> bool {
        match self {
            Self::Auto => AutoStream::choice(stream) != ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What the command line says about events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How much is shown.
    pub verbosity: Verbosity,
    /// In which form.
    pub log: Log,
    /// When it has colours.
    pub color: Color,
    /// A word that every event carries.
    pub tag: Option<String>,
}

/// Takes one whole line.
type Sink = Box<dyn Fn(&[u8]) + Send>;

/// Reports events on stderr, or to another sink.
pub struct Reporter {
    settings: Settings,
    palette: Palette,
    sink: Sink,
    progress: Option<ProgressLine>,
}

impl Reporter {
    /// A reporter of these settings. It looks up once, now, whether stderr is a terminal.
    pub(crate) fn new(settings: Settings) -> Self {
        let palette = if settings.color.is_wanted(&io::stderr()) {
            Palette::COLOURED
        } else {
            Palette::default()
        };
        let sink = Box::new(|line: &[u8]| stderr::write_whole(io::stderr(), line));
        Self { settings, palette, sink, progress: None }
    }

    /// A reporter whose lines go to `sink` instead of stderr.
    pub fn to(settings: Settings, sink: impl Fn(&[u8]) + Send + 'static) -> Self {
        Self { sink: Box::new(sink), ..Self::new(settings) }
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
            Name::Data | Name::Sent | Name::Drained => Verbosity::Debug,
            _ => Verbosity::Verbose,
        };
        self.settings.verbosity >= least
    }

    /// Writes a notice as one whole line, if events of its name are shown.
    ///
    /// It waits for a stderr that is full, and ignores one that fails: no other place is left to
    /// complain to.
    pub(crate) fn report(&self, notice: &Notice<'_>) {
        debug_assert_eq!(notice.breach(), None, "report/name.rs has the fields of each event");
        if self.shows(notice.name()) {
            let line = self.line(notice, SystemTime::now());
            self.beside_progress(|| (self.sink)(&line));
        }
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
    pub(crate) fn show_picture(&self, lines: &[String]) {
        let is_wanted = self.settings.log == Log::Text && self.shows(Name::Warning);
        if is_wanted && !lines.is_empty() && io::stderr().is_terminal() {
            let text = lines.join("\n") + "\n";
            self.beside_progress(|| (self.sink)(text.as_bytes()));
        }
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
        match &self.progress {
            Some(progress) => progress.suspend(write),
            None => write(),
        }
    }

    /// Appends a notice as a line of JSON to `out`, whatever the settings show.
    pub(crate) fn json_line(&self, notice: &Notice<'_>, now: SystemTime, out: &mut Vec<u8>) {
        debug_assert_eq!(notice.breach(), None, "report/name.rs has the fields of each event");
        json::write(notice, self.settings.tag.as_deref(), now, out);
    }

    fn line(&self, notice: &Notice<'_>, now: SystemTime) -> Vec<u8> {
        match self.settings.log {
            Log::Text => {
                text::line(notice, self.settings.tag.as_deref(), &self.palette).into_bytes()
            }
            Log::Json => {
                let mut line = Vec::new();
                self.json_line(notice, now, &mut line);
                line
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn reporter(verbosity: Verbosity, log: Log) -> Reporter {
        Reporter::new(Settings { verbosity, log, color: Color::Never, tag: Some("t".to_owned()) })
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
    fn json_always_ends_with_the_summary_unless_quiet() {
        assert!(reporter(Verbosity::Normal, Log::Json).shows(Name::Summary));
        assert!(!reporter(Verbosity::Quiet, Log::Json).shows(Name::Summary));
    }

    #[test]
    fn both_forms_carry_the_tag() {
        let event = Notice::new(Name::Stopped);
        let line = |log| reporter(Verbosity::Normal, log).line(&event, UNIX_EPOCH);
        assert_eq!(line(Log::Text), b"[t] stopped\n");
        assert_eq!(line(Log::Json), b"{\"ts\":0.000000,\"event\":\"stopped\",\"tag\":\"t\"}\n");
    }
}
