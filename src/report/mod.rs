//! Events: what happens is told on stderr, as text for people or as JSON for programs.
//!
//! This floor decides which events are shown and how they look. It never touches stdout; a
//! session that wants events there takes them from [`Reporter::json_line`].

mod figures;
mod json;
mod name;
mod notice;
pub mod pcapng;
mod progress;
mod stderr;
mod text;
pub mod transcript;

use std::io::{self, IsTerminal};
use std::time::SystemTime;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

pub use figures::{Figures, SequenceFigures};
pub use name::Name;
pub use notice::{Notice, keys};
use progress::Progress;
pub use progress::{INTERVAL, Moved};
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
    pub fn is_wanted(self, stream: &impl RawStream) -> bool {
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

/// Tells events on stderr, or wherever else its lines are to go.
pub struct Reporter {
    settings: Settings,
    palette: Palette,
    sink: Sink,
    progress: Option<Progress>,
}

impl Reporter {
    /// A reporter of these settings. Whether stderr is a terminal is looked up now, once.
    pub fn new(settings: Settings) -> Self {
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

    /// Whether events of this name are shown on stderr; who must gather much for one asks first.
    pub fn shows(&self, name: Name) -> bool {
        let least = match name {
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

    /// Tells an event where it is to be shown, as one whole line.
    ///
    /// It waits for a stderr that is full, and ignores one that fails: there is no other place to
    /// complain.
    pub fn report(&self, event: &Notice<'_>) {
        debug_assert_eq!(event.breach(), None);
        if self.shows(event.name()) {
            let line = self.line(event, SystemTime::now());
            self.beside_progress(|| (self.sink)(&line));
        }
    }

    /// Begins to show how far the run has come, if stderr is a terminal; returns whether it is.
    pub fn begin_progress(&mut self, total: Option<u64>) -> bool {
        self.progress = Progress::begin(total);
        self.progress.is_some()
    }

    /// Begins to show a line of words, where somebody may look at it; returns whether that is so.
    pub fn begin_line(&mut self) -> bool {
        if self.settings.log == Log::Text && self.settings.verbosity > Verbosity::Quiet {
            self.progress = Progress::begin_words();
        }
        self.progress.is_some()
    }

    /// Shows these words in the line, if there is one.
    pub fn show_line(&self, words: String) {
        if let Some(progress) = &self.progress {
            progress.say(words);
        }
    }

    /// Shows lines that are for people only, if stderr is a terminal.
    pub fn show_picture(&self, lines: &[String]) {
        let is_wanted = self.settings.log == Log::Text && self.shows(Name::Warning);
        if is_wanted && !lines.is_empty() && io::stderr().is_terminal() {
            let text = lines.join("\n") + "\n";
            self.beside_progress(|| (self.sink)(text.as_bytes()));
        }
    }

    /// Shows how far the run has come, if that is shown.
    pub fn show_progress(&self, moved: &Moved) {
        if let Some(progress) = &self.progress {
            progress.show(moved);
        }
    }

    /// Shows it no more, and leaves nothing of it behind.
    pub fn end_progress(&mut self) {
        self.progress = None;
    }

    /// Writes whole lines to the terminal, where the progress may be shown.
    pub fn beside_progress<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.progress {
            Some(progress) => progress.give_way(write),
            None => write(),
        }
    }

    /// Appends an event as a line of JSON to `out`, whatever the settings show.
    pub fn json_line(&self, event: &Notice<'_>, now: SystemTime, out: &mut Vec<u8>) {
        debug_assert_eq!(event.breach(), None);
        json::write(event, self.settings.tag.as_deref(), now, out);
    }

    fn line(&self, event: &Notice<'_>, now: SystemTime) -> Vec<u8> {
        match self.settings.log {
            Log::Text => {
                text::line(event, self.settings.tag.as_deref(), &self.palette).into_bytes()
            }
            Log::Json => {
                let mut line = Vec::new();
                self.json_line(event, now, &mut line);
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
