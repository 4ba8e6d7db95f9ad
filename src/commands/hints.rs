//! What somebody may have meant who types what another tool takes, or what no tool takes.

use std::ffi::OsString;

/// An option that wirecat does not have and another tool does.
struct ForeignOption {
    /// The commands that it is typed behind; none stands for all of them.
    on: &'static [&'static str],
    /// How it is spelled.
    option: &'static str,
    /// What to write instead.
    hint: &'static str,
}

const FOREIGN: &[ForeignOption] = &[
    ForeignOption {
        on: &["tcp-serve"],
        option: "-k",
        hint: "leave -k out: tcp-serve serves any number of clients, and -1 one",
    },
    ForeignOption {
        on: &["tcp-serve"],
        option: "-l",
        hint: "leave -l out: tcp-serve listens, as in `wirecat tcp-serve :9000`",
    },
];

/// What to write instead of a word that is refused behind `command`, or in the place of a command.
/// `line` is the whole command line behind the name of the program.
pub(super) fn hint(command: Option<&str>, word: &str, line: &[OsString]) -> Option<String> {
    let _ = line;
    let is_meant = |foreign: &&ForeignOption| {
        let on = foreign.on;
        foreign.option == word && (on.is_empty() || command.is_some_and(|name| on.contains(&name)))
    };
    FOREIGN.iter().find(is_meant).map(|foreign| foreign.hint.to_owned())
}
