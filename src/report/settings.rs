//! What the command line asks for about events, and which of them a person is shown unasked.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use super::name::Name;
use super::selection::EventSelection;
use super::terminals::{Attention, Terminals};

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
    /// On a terminal, unless the environment asks for something else (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`).
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

/// What the command line asks for about events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How much is shown on stderr.
    pub verbosity: Verbosity,
    /// Which events are reported at all.
    pub events: EventSelection,
    /// In which form.
    pub log: Log,
    /// When it has colours.
    pub color: Color,
    /// A word that every event carries.
    pub tag: Option<String>,
    /// Where a person sits.
    pub terminals: Terminals,
    /// What that person is shown without asking for it.
    pub attention: Attention,
}

impl Settings {
    /// What a person is shown without asking for it, where one sees it.
    pub(super) fn attention(&self) -> Attention {
        let is_seen = match self.attention {
            Attention::Usual => false,
            Attention::Clients => self.terminals.attends(),
            Attention::Probe => self.terminals.shows_events(),
        };
        if is_seen && self.log == Log::Text { self.attention } else { Attention::Usual }
    }

    /// Whether an event is shown because a person may want to know.
    pub(super) fn is_attended(&self, name: Name) -> bool {
        let is_client = matches!(name, Name::Accepted | Name::Closed);
        is_client && self.attention() == Attention::Clients
    }
}
