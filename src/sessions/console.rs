//! stdout and stderr of a session: data on stdout, events on stderr; with `--output json` both on
//! stdout.
//!
//! It owns the stdout channel and the totals of the run. It knows nothing of connections.

mod events;
mod long;
mod message;
mod stdout;
mod terminal;
mod totals;
mod uplink;

use std::io;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::hooks::{HookOutput, Hooks};
use super::timers;
use crate::error::Failure;
use crate::event_loop::stdio::StdioKind;
use crate::event_loop::{Id, Pool, TimerKey, Transport};
use crate::protocol::output::{self, Controls, Output, Written};
use crate::report::{Name, Notice, Reporter, Settings};

use long::{LONG, LongEvents};
use stdout::Stdout;
use terminal::TerminalView;

pub use message::Message;
pub(crate) use message::write_message;
pub use stdout::{DataTo, StdoutEnd};
pub(crate) use totals::{OpenTraffic, Totals, closed_event};
pub(crate) use uplink::{ConsoleEntry, RemoteForm, Uplink};

/// Raw messages from this size on are written by themselves; smaller ones are gathered, so that a
/// burst of them costs one write.
const DIRECT: usize = 4096;
/// A burst is written as soon as this much of it is gathered; lines from this size on go out by
/// themselves.
const MANY: usize = 64 * 1024;

/// stdout, stderr, and the totals.
pub struct Console {
    pub(crate) reporter: Reporter,
    form: Output,
    stdout: Stdout,
    /// The recording goes to stdout.
    is_record: bool,
    /// stdout only shows what passes: the run goes on without it.
    pub(crate) is_view: bool,
    pub(crate) view: TerminalView,
    /// Whether anything shows or uses `data` events; this is asked for each message.
    shows_data: bool,
    /// Written forms that wait for the end of a burst.
    pending: Vec<u8>,
    long: LongEvents,
    /// The time of the burst, read once.
    clock: Option<SystemTime>,
    pub(crate) hooks: Hooks,
    pub(crate) totals: Totals,
    started: Instant,
    /// The queue to the console of the run, if this loop is not the one that has it.
    uplink: Option<Box<dyn Uplink>>,
}

impl Console {
    /// Opens stdout, where data goes to it or JSON asks for it.
    ///
    /// # Errors
    /// stdout cannot be used at all.
    pub fn open(
        pool: &mut Pool,
        reporter: Reporter,
        form: Output,
        data: DataTo,
    ) -> Result<Self, Failure> {
        let form = match form {
            Output::Written(_) if data == DataTo::Elsewhere => Output::None,
            form => form,
        };
        let stdout = if form == Output::None { Stdout::unused() } else { Stdout::open(pool)? };
        Ok(Self::over(pool, reporter, form, stdout))
    }

    /// A console on a transport of the caller's, which stands for a stdout of this kind.
    ///
    /// # Errors
    /// The transport cannot be registered.
    pub fn on(
        pool: &mut Pool,
        reporter: Reporter,
        form: Output,
        transport: Box<dyn Transport>,
        kind: StdioKind,
    ) -> io::Result<Self> {
        let stdout = Stdout::on(pool, transport, kind)?;
        Ok(Self::over(pool, reporter, form, stdout))
    }

    /// The console of a loop that has neither stdout nor stderr, and passes all to the one that does.
    pub(crate) fn remote(pool: &Pool, of: RemoteForm, uplink: Box<dyn Uplink>) -> Self {
        let RemoteForm { settings, form, is_terminal, is_raw } = of;
        // All lines that it prepares go elsewhere.
        let reporter = Reporter::to(settings, |_| {});
        let mut view = TerminalView::new(is_terminal);
        view.is_raw = is_raw;
        let console = Self::over(pool, reporter, form, Stdout::unused());
        Self { view, uplink: Some(uplink), ..console }
    }

    fn over(pool: &Pool, reporter: Reporter, form: Output, stdout: Stdout) -> Self {
        let mut console = Self {
            reporter,
            form,
            is_record: false,
            is_view: false,
            view: TerminalView::new(stdout.is_terminal()),
            stdout,
            shows_data: false,
            pending: Vec::new(),
            long: LongEvents::default(),
            clock: None,
            hooks: Hooks::new(Vec::new(), HookOutput::Stderr),
            totals: Totals::default(),
            started: pool.now(),
            uplink: None,
        };
        console.shows_data = console.shows(Name::Data);
        console
    }

    /// What the consoles of other loops have to know.
    pub(crate) fn remote_form(&self, settings: &Settings) -> RemoteForm {
        let TerminalView { is_on: is_terminal, is_raw, .. } = self.view;
        RemoteForm { settings: settings.clone(), form: self.form, is_terminal, is_raw }
    }

    /// The queue to the console of the run, where that is in another loop.
    pub(crate) fn uplink(&mut self) -> Option<&mut (dyn Uplink + 'static)> {
        self.uplink.as_deref_mut()
    }

    /// Whether the console of the run is in another loop.
    pub(crate) fn is_remote(&self) -> bool {
        self.uplink.is_some()
    }

    /// Handles an entry that another loop has sent to this console.
    pub(crate) fn take_entry(&mut self, pool: &mut Pool, entry: &ConsoleEntry) {
        match entry {
            ConsoleEntry::Line(line) => {
                self.begin_line_for_event(pool);
                self.reporter.take(line.clone());
                self.arm_sums(pool);
            }
            ConsoleEntry::Output(bytes) => {
                if !self.long.is_empty() {
                    self.pending.extend_from_slice(bytes);
                } else if self.view.is_on {
                    self.view.note_written(bytes);
                    self.write(pool, bytes);
                } else {
                    self.stdout.send_shared(pool, bytes);
                }
            }
            ConsoleEntry::Text { conn, form, text } => {
                self.view.show_text(*form, *conn, text, &mut self.pending);
                self.commit(pool);
            }
            ConsoleEntry::Hook(name, line) => self.hooks.queue(pool, *name, line),
        }
    }

    /// Whether `id` is stdout.
    pub(crate) fn is(&self, id: Id) -> bool {
        self.stdout.id() == Some(id)
    }

    /// Whether data goes to stdout, or the recording.
    pub(crate) fn uses_stdout(&self) -> bool {
        self.stdout.is_used() || self.is_record
    }

    /// Whether the recording goes to stdout.
    pub(crate) fn is_record(&self) -> bool {
        self.is_record
    }

    /// Notes that the recording goes to stdout, where no data does.
    pub(crate) fn is_recorded_to_stdout(&mut self) {
        debug_assert!(!self.stdout.is_used());
        self.is_record = true;
    }

    /// stdout, where what is received is written to it unchanged, and shown nowhere else.
    pub(crate) fn verbatim(&self) -> Option<Id> {
        let is_bare = self.form == Output::Written(Written::Raw) && !self.view.is_on;
        self.stdout.id().filter(|_| is_bare && !self.shows_data && self.pending.is_empty())
    }

    /// Whether several messages that lie in a row as lines may be delivered as one.
    pub(crate) fn takes_lines(&self) -> bool {
        let is_plain = matches!(self.form, Output::None | Output::Written(Written::Line));
        is_plain && !self.view.is_on && !self.shows_data
    }

    /// Whether stdout or the hooks take no more for now: what feeds them must be paused.
    pub(crate) fn is_full(&self) -> bool {
        let is_behind = self.uplink.as_ref().is_some_and(|uplink| uplink.is_full());
        self.stdout.is_full() || is_behind || self.is_crowded() || self.hooks.are_full()
    }

    /// Whether stdout shows what passes to people, which goes on without it.
    pub(crate) fn shows_as_text(&self) -> bool {
        self.is_view && self.form != Output::Json
    }

    /// Whether anything shows what passes a relay.
    pub(crate) fn shows_passing(&self) -> bool {
        let is_written = matches!(self.form, Output::Written(_));
        self.shows_data || is_written && (self.stdout.is_used() || self.is_remote())
    }

    /// stdout takes data again.
    pub(crate) fn drained(&mut self, pool: &mut Pool) {
        self.stdout.drained();
        self.continue_long(pool);
    }

    /// Takes a received message for stdout; [`Console::commit`] ends the burst.
    pub(crate) fn deliver(&mut self, pool: &mut Pool, message: &Message<'_>) {
        // An event costs more than all the rest, and mostly has no reader.
        if self.shows_data && !self.deliver_long(pool, message) {
            self.report_batched(pool, &message.event());
        }
        match self.form {
            Output::None | Output::Json => {}
            Output::Written(form) if self.view.is_on => match &mut self.uplink {
                // The cursor is where the loops that share the terminal have left it.
                Some(uplink) if self.view.is_text(form) => {
                    let (conn, text) = (message.conn, message.payload.to_vec().into());
                    uplink.send(ConsoleEntry::Text { conn, form, text });
                }
                _ => self.view.show(form, message, &mut self.pending),
            },
            Output::Written(Written::Raw) if message.payload.len() >= DIRECT => {
                self.write_directly(pool, message);
            }
            Output::Written(Written::Line) if message.payload.len() >= MANY => {
                self.write_directly(pool, message);
                output::end_line(message.payload, &mut self.pending);
            }
            Output::Written(Written::Raw) => self.pending.extend_from_slice(message.payload),
            Output::Written(Written::Line) => {
                output::write_line(message.payload, &mut self.pending);
            }
            Output::Written(form) => {
                write_message(form, message, Controls::Kept, &mut self.pending)
            }
        }
    }

    /// Writes a message by itself, behind what was gathered before it.
    fn write_directly(&mut self, pool: &mut Pool, message: &Message<'_>) {
        if message.count > 1 && self.uplink.is_none() {
            // The line before them began in the read before, and a write of its own would wake the
            // reader for it.
            self.stdout.send_pieces(pool, [&self.pending, message.payload]);
            return self.pending.clear();
        }
        self.commit(pool);
        match message.made {
            Some(made) if made.len() >= MANY && self.stdout.is_used() => {
                self.stdout.send_shared(pool, made);
            }
            _ => self.write(pool, message.payload),
        }
    }

    /// Takes a message that is long where stdout has events; false for any other.
    fn deliver_long(&mut self, pool: &mut Pool, message: &Message<'_>) -> bool {
        let Some(text) = message.made.filter(|made| made.len() >= LONG) else { return false };
        let is_here = self.form == Output::Json && self.stdout.is_used();
        if !is_here || !self.reporter.selects(Name::Data) {
            return false;
        }
        if self.reporter.shows(Name::Data) || self.hooks.want(Name::Data) {
            self.reporter.report(&message.event());
            self.fire(pool, &message.event());
        }
        let before = std::mem::take(&mut self.pending);
        let event = Message { payload: b"", ..*message };
        self.show_on_stdout(&event.event().len(text.len()));
        self.long.push(before, std::mem::take(&mut self.pending), text.clone());
        self.continue_long(pool);
        true
    }

    /// Has the next step of a long event follow in the next turn, unless stdout is full.
    fn continue_long(&self, pool: &mut Pool) {
        if !self.long.is_empty() && !self.stdout.is_full() {
            pool.arm(TimerKey::global(timers::LONG_EVENT), Duration::ZERO);
        }
    }

    /// Writes one step of a long event; returns whether what was crowded takes more now.
    pub(crate) fn write_long(&mut self, pool: &mut Pool) -> bool {
        let was_crowded = self.is_crowded();
        let Some(piece) = self.long.next_piece() else { return false };
        self.write(pool, &piece);
        if self.long.is_empty() {
            self.commit(pool);
        }
        self.continue_long(pool);
        was_crowded && !self.is_crowded()
    }

    fn is_crowded(&self) -> bool {
        self.long.are_crowded(self.pending.len())
    }

    /// Writes what was gathered if it is much: a burst of answers has no end of its own.
    pub(crate) fn commit_many(&mut self, pool: &mut Pool) {
        if self.pending.len() >= MANY {
            self.commit(pool);
        }
    }

    /// Ends a burst of messages: what was gathered is written.
    pub(crate) fn commit(&mut self, pool: &mut Pool) {
        self.clock = None;
        if !self.pending.is_empty() && self.long.is_empty() {
            let mut pending = std::mem::take(&mut self.pending);
            self.write(pool, &pending);
            pending.clear();
            self.pending = pending;
            if let Some(words) = self.view.take_explanation() {
                self.show_words(pool, words);
            }
        }
    }

    /// Writes a frame of a screen, which is no message.
    pub(crate) fn paint(&mut self, pool: &mut Pool, frame: &[u8]) {
        self.write(pool, frame);
    }

    fn write(&mut self, pool: &mut Pool, bytes: &[u8]) {
        if let Some(uplink) = &mut self.uplink {
            uplink.send(ConsoleEntry::Output(Bytes::copy_from_slice(bytes)));
        }
        if !(self.view.is_on && self.stdout.is_used()) {
            return self.stdout.send(pool, bytes);
        }
        if !bytes.ends_with(b"\n") {
            // Below a line that goes on there is no place for it.
            self.reporter.end_progress();
        }
        self.reporter.beside_progress(|| self.stdout.send(pool, bytes));
    }

    /// The totals as an event. `open` is what the connections that still live have moved.
    pub(crate) fn sums(&self, name: Name, pool: &Pool, open: OpenTraffic) -> Notice<'static> {
        self.totals.sums(name, open, self.age(pool))
    }

    /// How long the run has lasted.
    fn age(&self, pool: &Pool) -> Duration {
        pool.now().saturating_duration_since(self.started)
    }
}
