//! What a person at a terminal gets, and a script does not.
//!
//! A script reads pipes and files: what it sees there is the same with and without a terminal
//! elsewhere. Which of the three have to be one decides each piece; a blank is one that does not matter.
//!
//! | piece | stdin | stdout | stderr | where |
//! |---|---|---|---|---|
//! | control characters of peers are escaped, unless `--output raw` is typed | | terminal | | `protocol::terminal_text` |
//! | that this is so, once | | terminal | terminal | `sessions::console::terminal` |
//! | lines begin with the number of their client, once there were two at a time | | terminal | | `protocol::terminal_text` |
//! | an event begins a line of its own | | terminal | terminal | `sessions::console::terminal` |
//! | clients that come and go, without `-v` | | no pipe, no socket | terminal | `Attention::Clients` |
//! | `-z -v` is one line | | | terminal | `Attention::Probe` |
//! | `^D` was taken, and what goes on | terminal | | terminal | `sessions::core` |
//! | figures of `--stats` as a table | | | terminal | `report::table` |
//!
//! All that goes to stderr needs `--log text`. A pipe as stdout may lead to a viewer, which has the
//! screen to itself.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::fs::FileType;

/// Which of the standard streams are a terminal; the default is that of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminals {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    /// stdout is read by another program.
    has_reader: bool,
}

impl Terminals {
    /// Those of this process.
    pub fn look() -> Self {
        let stdout = io::stdout();
        let kind = rustix::fs::fstat(stdout.as_fd()).map(|it| FileType::from_raw_mode(it.st_mode));
        Self {
            stdin: io::stdin().is_terminal(),
            stdout: stdout.is_terminal(),
            stderr: io::stderr().is_terminal(),
            has_reader: matches!(kind, Ok(FileType::Fifo | FileType::Socket)),
        }
    }

    /// All three.
    #[cfg(test)]
    pub(crate) fn of_person() -> Self {
        Self { stdin: true, stdout: true, stderr: true, has_reader: false }
    }

    /// Whether a person reads stderr.
    pub(crate) fn shows_events(self) -> bool {
        self.stderr
    }

    /// Whether output and events share a screen.
    pub(crate) fn shows_both(self) -> bool {
        self.stdout && self.stderr
    }

    /// Whether a person types, and reads what becomes of it.
    pub(crate) fn converses(self) -> bool {
        self.stdin && self.stderr
    }

    /// Whether a person looks at what happens, and no viewer has the screen.
    pub(crate) fn attends(self) -> bool {
        self.stderr && !self.has_reader
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
