//! The console of a run that has several loops: one loop has stdout, stderr and the hooks, and what the
//! others have for them goes there in entries, each of them whole lines or whole messages.
//!
//! An entry is made where its event happens. What the whole run is about (`stopping`, `stats`, the
//! summary) is reported by the loop that has the console alone.

use bytes::Bytes;

use super::terminal::TerminalView;
use super::{Console, StdioKind};
use crate::event_loop::{Pool, SendOutcome, TimerKey};
use crate::protocol::output::Output;
use crate::report::{Name, PreparedLine, Reporter, Settings};
use crate::sessions::timers;

/// What one loop has for the console of the run.
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
        /// It is a message, which is a line of its own.
        is_line: bool,
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
    /// Sends an entry with the next letter.
    fn send(&mut self, entry: ConsoleEntry);

    /// Sends the letter, at the end of an event.
    fn flush(&mut self);

    /// Whether so much is in flight that whatever makes entries has to wait.
    fn is_full(&self) -> bool;

    /// So much of what is in flight has been taken.
    fn note_taken(&mut self, cost: usize);
}

/// What the console of another loop has to know of the one of the run.
#[derive(Clone, Debug)]
pub(crate) struct RemoteForm {
    settings: Settings,
    form: Output,
    terminal: bool,
    is_raw: bool,
}

/// Whether an event is about the run, and not about one connection.
pub(super) fn is_of_the_run(name: Name) -> bool {
    use Name::{List, Listening, Starting, Stats, Stopped, Stopping, Summary};
    matches!(name, Starting | Listening | Stopping | Stopped | Summary | Stats | List)
}

impl Console {
    /// The console of a loop beside the one that has stdout and stderr.
    pub(crate) fn remote(pool: &Pool, of: RemoteForm, uplink: Box<dyn Uplink>) -> Self {
        let RemoteForm { settings, form, terminal, is_raw } = of;
        // All lines that it prepares go elsewhere.
        let reporter = Reporter::to(settings, |_| {});
        let console = Self::over(pool, reporter, form, None, StdioKind::Device);
        let view = TerminalView { is_raw, ..TerminalView::default() };
        Self { terminal, view, uplink: Some(uplink), ..console }
    }

    /// What the consoles of other loops have to know.
    pub(crate) fn remote_form(&self, settings: &Settings) -> RemoteForm {
        let (form, terminal, is_raw) = (self.form, self.terminal, self.view.is_raw);
        RemoteForm { settings: settings.clone(), form, terminal, is_raw }
    }

    /// The queue to the console of the run, where that is in another loop.
    pub(crate) fn uplink(&mut self) -> Option<&mut (dyn Uplink + 'static)> {
        self.uplink.as_deref_mut()
    }

    /// Whether the console of the run is in another loop.
    pub(crate) fn is_remote(&self) -> bool {
        self.uplink.is_some()
    }

    /// Does what another loop has for the console.
    pub(crate) fn take_entry(&mut self, pool: &mut Pool, entry: &ConsoleEntry) {
        match entry {
            ConsoleEntry::Line(line) => {
                self.begin_line_for_event(pool);
                self.reporter.take(line.clone());
                if let Some(after) = self.reporter.sums_due() {
                    pool.arm_once(TimerKey::global(timers::SUMS), after);
                }
            }
            ConsoleEntry::Output(bytes) => {
                if self.has_long() {
                    self.pending.extend_from_slice(bytes);
                } else if self.terminal {
                    self.view.text.note_written(bytes);
                    self.write(pool, bytes);
                } else if let Some(stdout) = self.stdout {
                    self.full |= pool.send_shared(stdout, bytes.clone()) == SendOutcome::Full;
                }
            }
            ConsoleEntry::Text { conn, is_line, text } => {
                self.take_text(pool, *conn, *is_line, text);
            }
            ConsoleEntry::Hook(name, line) => self.hooks.queue(pool, *name, line),
        }
    }
}
