//! The console of a run that has several loops. One loop has stdout, stderr and the hooks; the others send
//! it entries, each of which holds whole lines or whole messages.
//!
//! An entry is made where its event happens. Events about the whole run (`stopping`, `stats`, the
//! summary) are reported only by the loop that has the console.

use bytes::Bytes;

use crate::protocol::output::{Output, Written};
use crate::report::{Name, PreparedLine, Settings};

/// What another loop sends to the console of the run.
#[derive(Clone, Debug)]
pub(crate) enum ConsoleEntry {
    /// A line for stderr.
    Line(PreparedLine),
    /// Bytes for stdout.
    Output(Bytes),
    /// What a client sent, for a stdout that is a terminal.
    Text {
        /// The number of the client.
        conn: Option<u64>,
        /// How it is written: a message is a line of its own.
        form: Written,
        /// What it sent.
        text: Bytes,
    },
    /// An event for its hooks, as JSON.
    Hook(Name, Bytes),
}

impl ConsoleEntry {
    /// What an entry costs beside its bytes.
    const OVERHEAD: usize = 128;

    /// What it counts as while it is in flight.
    pub(crate) fn cost(&self) -> usize {
        let len = match self {
            Self::Line(line) => line.len(),
            Self::Output(bytes) | Self::Hook(_, bytes) | Self::Text { text: bytes, .. } => {
                bytes.len()
            }
        };
        len + Self::OVERHEAD
    }
}

/// The queue to the console of the run.
pub(crate) trait Uplink {
    /// Sends an entry with the next message.
    fn send(&mut self, entry: ConsoleEntry);

    /// Sends the message, at the end of an event.
    fn flush(&mut self);

    /// Whether so much is in flight that whatever makes entries has to wait.
    fn is_full(&self) -> bool;

    /// Notes that entries of this `cost` have been taken.
    fn note_taken(&mut self, cost: usize);
}

/// What the console of another loop has to know of the one of the run.
#[derive(Clone, Debug)]
pub(crate) struct RemoteForm {
    pub(super) settings: Settings,
    pub(super) form: Output,
    pub(super) is_terminal: bool,
    pub(super) is_raw: bool,
}

/// Whether an event is about the run, and not about one connection.
pub(super) fn is_of_the_run(name: Name) -> bool {
    use Name::{List, Listening, Starting, Stats, Stopped, Stopping, Summary};
    matches!(name, Starting | Listening | Stopping | Stopped | Summary | Stats | List)
}
