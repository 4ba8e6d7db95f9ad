//! What the command line asks for about events, and what a person at a terminal is shown unasked.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::str::FromStr;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use rustix::fs::FileType;

use super::name::Name;

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

/// Events that a run reports whatever is selected: what failed, and how it ended.
const ALWAYS: [Name; 2] = [Name::Error, Name::Summary];

const _: () = assert!(Name::ALL.len() <= u32::BITS as usize, "a bit for each event");

/// A set of events, written as `accepted,data` (these) or `-data,-sent` (all but these).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSelection {
    /// One bit for each event, in the order of the names.
    names: u32,
    form: SelectionForm,
}

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SelectionForm {
    /// The events that are left out, or nothing.
    AllBut,
    /// The events to report.
    These,
    /// The events to report, which stderr shows with `-v` or without: no other place does.
    TheseOnStderr,
}

impl Default for EventSelection {
    /// All events.
    fn default() -> Self {
        Self { names: u32::MAX, form: SelectionForm::AllBut }
    }
}

impl EventSelection {
    /// Whether events of this name are reported.
    pub fn has(&self, name: Name) -> bool {
        self.names & bit(name) != 0
    }

    /// The events that were typed: those to report, or those to leave out.
    pub fn typed(&self) -> impl Iterator<Item = Name> {
        let (names, is_list) = (self.names, self.form != SelectionForm::AllBut);
        let is_typed = move |name: &Name| (names & bit(*name) != 0) == is_list;
        Name::ALL.iter().copied().filter(move |name| !ALWAYS.contains(name) && is_typed(name))
    }

    /// Has stderr show the events that were named: no other place does.
    #[must_use]
    pub(crate) fn on_stderr(self) -> Self {
        match self.form {
            SelectionForm::AllBut => self,
            _ => Self { form: SelectionForm::TheseOnStderr, ..self },
        }
    }

    /// Whether stderr shows events of this name without `-v`.
    pub(super) fn raises(&self, name: Name) -> bool {
        self.form == SelectionForm::TheseOnStderr && !ALWAYS.contains(&name) && self.has(name)
    }
}

fn bit(name: Name) -> u32 {
    1 << name as u32
}

impl FromStr for EventSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let left_out = words.iter().filter(|word| word.starts_with('-')).count();
        if left_out != 0 && left_out != words.len() {
            return Err("name the events to report, or with - those to leave out, not both".into());
        }
        let is_list = left_out == 0;
        let mut set = if is_list { ALWAYS.map(bit).iter().sum::<u32>() } else { u32::MAX };
        for word in words {
            let word = word.strip_prefix('-').unwrap_or(word);
            let name = Name::named(word)?;
            if !is_list && ALWAYS.contains(&name) {
                return Err(format!("{name} is always reported"));
            }
            set = if is_list { set | bit(name) } else { set & !bit(name) };
        }
        let form = if is_list { SelectionForm::These } else { SelectionForm::AllBut };
        Ok(Self { names: set, form })
    }
}

/// Which of the standard streams are a terminal; the default is that of a script.
///
/// A script reads pipes and files: what it sees there is the same with and without a terminal
/// elsewhere. Which of the three have to be a terminal is decided piece by piece; a blank is one that
/// does not matter.
///
/// | what a person gets, and a script does not | stdin | stdout | stderr | where |
/// |---|---|---|---|---|
/// | control characters of peers are escaped, unless `--output raw` is typed | | terminal | | `protocol::terminal_text` |
/// | that this is so, once | | terminal | terminal | `sessions::console::terminal` |
/// | lines begin with the number of their client, once there were two at a time | | terminal | | `protocol::terminal_text` |
/// | an event begins a line of its own | | terminal | terminal | `sessions::console::terminal` |
/// | clients that come and go, without `-v` | | no pipe, no socket | terminal | `Attention::Clients` |
/// | `-z -v` is one line | | | terminal | `Attention::Probe` |
/// | `^D` was taken, and what goes on | terminal | | terminal | `sessions::core` |
/// | figures of `--stats` as a table | | | terminal | `report::table` |
///
/// All that goes to stderr needs `--log text`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminals {
    stdin: bool,
    stdout: StdoutReader,
    stderr: bool,
}

/// Who reads stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StdoutReader {
    /// A person, at a terminal.
    Person,
    /// Another program, through a pipe or a socket. It may be a viewer, which has the screen to itself.
    Program,
    /// Nobody yet: it is a file.
    #[default]
    File,
}

impl StdoutReader {
    fn look() -> Self {
        let stdout = io::stdout();
        let kind = rustix::fs::fstat(stdout.as_fd()).map(|it| FileType::from_raw_mode(it.st_mode));
        match kind {
            _ if stdout.is_terminal() => Self::Person,
            Ok(FileType::Fifo | FileType::Socket) => Self::Program,
            _ => Self::File,
        }
    }
}

impl Terminals {
    /// Those of this process.
    pub fn look() -> Self {
        Self {
            stdin: io::stdin().is_terminal(),
            stdout: StdoutReader::look(),
            stderr: io::stderr().is_terminal(),
        }
    }

    /// All three.
    #[cfg(test)]
    pub(crate) fn of_person() -> Self {
        Self { stdin: true, stdout: StdoutReader::Person, stderr: true }
    }

    /// Whether a person reads stderr.
    pub(crate) fn shows_events(self) -> bool {
        self.stderr
    }

    /// Whether output and events share a screen.
    pub(crate) fn shows_both(self) -> bool {
        self.stderr && self.stdout == StdoutReader::Person
    }

    /// Whether a person types, and reads what becomes of it.
    pub(crate) fn converses(self) -> bool {
        self.stdin && self.stderr
    }

    /// Whether a person looks at what happens, and no viewer has the screen.
    pub(crate) fn attends(self) -> bool {
        self.stderr && self.stdout != StdoutReader::Program
    }
}

/// What a person is shown without asking for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attention {
    /// What everybody is.
    #[default]
    Usual,
    /// Clients that come and go.
    Clients,
    /// The answer to the question whether a port is open, and with `-v` nothing of how it was found.
    Probe,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> EventSelection {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_is_these_and_what_is_always_there() {
        let selection = of("accepted, data");
        let all: Vec<&Name> = Name::ALL.iter().filter(|name| selection.has(**name)).collect();
        assert_eq!(all, [&Name::Accepted, &Name::Data, &Name::Error, &Name::Summary]);
        let typed: Vec<Name> = selection.typed().collect();
        assert_eq!(typed, [Name::Accepted, Name::Data]);
        assert!(of("error").typed().next().is_none());
    }

    #[test]
    fn what_is_left_out_leaves_all_others() {
        let selection = of("-data,-sent");
        for name in Name::ALL {
            assert_eq!(selection.has(*name), ![Name::Data, Name::Sent].contains(name), "{name}");
        }
        let typed: Vec<Name> = selection.typed().collect();
        assert_eq!(typed, [Name::Data, Name::Sent]);
        assert!(EventSelection::default().typed().next().is_none());
    }

    #[test]
    fn only_a_list_is_shown_without_v() {
        assert!(of("data").on_stderr().raises(Name::Data));
        let others = [of("data"), of("-sent").on_stderr(), of("accepted").on_stderr()];
        for selection in others {
            assert!(!selection.raises(Name::Data), "{selection:?}");
        }
        // The summary needs -v in any case.
        assert!(!of("summary").on_stderr().raises(Name::Summary));
    }

    #[test]
    fn what_is_no_selection_is_explained() {
        for (text, why) in [
            ("", "no event is called \"\"; the events are starting listening "),
            ("datum", "no event is called \"datum\"; the events are starting listening "),
            ("data,", "no event is called \"\""),
            ("-", "no event is called \"\""),
            ("data,-sent", "name the events to report, or with - those to leave out, not both"),
            ("-error", "error is always reported"),
            ("-data,-summary", "summary is always reported"),
        ] {
            let wrong = text.parse::<EventSelection>().unwrap_err();
            assert!(wrong.starts_with(why), "{text:?}: {wrong}");
        }
    }
}
