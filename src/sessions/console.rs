//! stdout and stderr of a session: data on stdout, events on stderr; with `--output json` both on
//! stdout.
//!
//! It owns the stdout channel and the totals of the run. It knows nothing of connections.

mod hooked;
mod long;
mod message;
mod stdout;
mod terminal;
mod totals;
mod uplink;

use std::io;
use std::time::{Instant, SystemTime};

use bytes::Bytes;

use super::hooks::{HookOutput, Hooks};
use super::timers;
use crate::error::{Failure, Status};
use crate::event_loop::stdio::{self, StdioKind};
use crate::event_loop::{Directions, Id, Pool, SendOutcome, TimerKey, Traffic, Transport};
use crate::kind::Kind;
use crate::protocol::output::{self, Controls, Output, Written};
use crate::report::{INTERVAL, Moved, Name, Notice, Reporter};

use long::LongEvents;
use terminal::TerminalView;

pub use message::Message;
pub(crate) use message::write_message;
pub use stdout::{DataTo, StdoutEnd};
pub(crate) use totals::{OpenTraffic, Totals, closed_event};
pub(crate) use uplink::{ConsoleEntry, RemoteForm, Uplink};

/// Raw messages from this size on go out by themselves; smaller ones are gathered, so that a
/// burst of them costs one write.
const DIRECT: usize = 4096;
/// What is gathered of a burst that goes on; lines from this size on go out by themselves.
const MANY: usize = 64 * 1024;

/// stdout, stderr, and the totals.
pub struct Console {
    reporter: Reporter,
    form: Output,
    stdout: Option<Id>,
    /// The recording goes to stdout.
    is_record: bool,
    /// stdout shows what passes, which goes on without it.
    pub(crate) is_view: bool,
    /// What stdout is, where it is used.
    kind: StdioKind,
    terminal: bool,
    /// How a terminal shows what is received.
    view: TerminalView,
    /// Whether a `data` event is for anybody; it is asked for each message.
    shows_data: bool,
    full: bool,
    /// Gives up the descriptor of stdout, once the channel is gone.
    release: fn(StdioKind),
    /// Written forms that wait for the end of a burst.
    pending: Vec<u8>,
    long: LongEvents,
    /// The time of the burst, which is asked for once.
    clock: Option<SystemTime>,
    pub(crate) hooks: Hooks,
    pub(crate) totals: Totals,
    started: Instant,
    /// Where the console of the run is, where this is another loop of it.
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
        let wanted = match form {
            Output::Json => true,
            Output::Written(_) => data == DataTo::Stdout,
            Output::None => false,
        };
        if !wanted {
            return Ok(Self::over(pool, reporter, Output::None, None, StdioKind::Device));
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "write to", "stdout", &error);
        let (transport, kind) = stdio::output().map_err(|error| {
            fail(error).fix("redirect it, as with >/dev/null, or choose --output none")
        })?;
        let console = Self::on(pool, reporter, form, transport, kind).map_err(fail)?;
        Ok(Self { release: stdio::release_output, ..console })
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
        let stdout = pool.add_channel(transport, Directions::Write)?;
        Ok(Self::over(pool, reporter, form, Some(stdout), kind))
    }

    fn over(
        pool: &Pool,
        reporter: Reporter,
        form: Output,
        stdout: Option<Id>,
        kind: StdioKind,
    ) -> Self {
        let mut console = Self {
            reporter,
            form,
            stdout,
            is_record: false,
            is_view: false,
            kind,
            terminal: kind == StdioKind::Terminal,
            view: TerminalView::default(),
            shows_data: false,
            full: false,
            release: |_| {},
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

    /// Whether `id` is stdout.
    pub(crate) fn is(&self, id: Id) -> bool {
        self.stdout == Some(id)
    }

    /// Whether data goes to stdout, or the recording.
    pub(crate) fn uses_stdout(&self) -> bool {
        self.stdout.is_some() || self.is_record
    }

    /// Whether the recording goes to stdout.
    pub(crate) fn is_record(&self) -> bool {
        self.is_record
    }

    /// Notes that the recording goes to stdout, where no data does.
    pub(crate) fn is_recorded_to_stdout(&mut self) {
        debug_assert!(self.stdout.is_none());
        self.is_record = true;
    }

    /// stdout, where what is received is written to it unchanged, and shown nowhere else.
    pub(crate) fn verbatim(&self) -> Option<Id> {
        let is_bare = self.form == Output::Written(Written::Raw) && !self.terminal;
        self.stdout.filter(|_| is_bare && !self.shows_data && self.pending.is_empty())
    }

    /// Whether stdout or the hooks take no more for now: what feeds them must be paused.
    pub(crate) fn is_full(&self) -> bool {
        let is_behind = self.uplink.as_ref().is_some_and(|uplink| uplink.is_full());
        self.full || is_behind || self.is_crowded() || self.hooks.are_full()
    }

    /// stdout takes data again.
    pub(crate) fn drained(&mut self, pool: &mut Pool) {
        self.full = false;
        self.continue_long(pool);
    }

    /// Reports an event.
    #[cold]
    pub(crate) fn report(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        self.report_batched(pool, event);
        if self.form == Output::Json {
            self.commit(pool);
        }
    }

    /// Reports an event that is one of many; [`Console::commit`] ends the burst.
    pub(crate) fn report_batched(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        self.show(pool, event);
        self.fire(pool, event);
    }

    /// Shows an event wherever events go, except to its hooks.
    fn show(&mut self, pool: &mut Pool, event: &Notice<'_>) {
        if let Some(uplink) = &mut self.uplink {
            if !uplink::is_of_the_run(event.name())
                && let Some(line) = self.reporter.prepare(event)
            {
                uplink.send(ConsoleEntry::Line(line));
            }
            return self.show_on_stdout(event);
        }
        // The program that asked reads the answer, which may have a thousand lines.
        let is_answer = matches!(event.name(), Name::List | Name::Stats);
        if !(is_answer && self.form == Output::Json) {
            if self.reporter.shows(event.name()) {
                self.begin_line_for_event(pool);
            }
            self.reporter.report(event);
            if let Some(after) = self.reporter.sums_due() {
                pool.arm_once(TimerKey::global(timers::SUMS), after);
            }
        }
        self.show_on_stdout(event);
    }

    /// Shows an event among the JSON on stdout.
    fn show_on_stdout(&mut self, event: &Notice<'_>) {
        let is_elsewhere = self.uplink.is_some() && uplink::is_of_the_run(event.name());
        if self.form == Output::Json && self.reporter.selects(event.name()) && !is_elsewhere {
            let now = *self.clock.get_or_insert_with(SystemTime::now);
            self.reporter.json_line(event, now, &mut self.pending);
        }
    }

    /// Reports a failure, without ending anything.
    #[cold]
    pub(crate) fn report_failure(&mut self, pool: &mut Pool, failure: &Failure) {
        self.report(pool, &Notice::error(failure));
    }

    /// Reports a warning.
    pub(crate) fn warn(&mut self, pool: &mut Pool, kind: Kind, text: &str) {
        self.report(pool, &Notice::warning(kind, text));
    }

    /// Whether an event of this name is for anybody. Where it is not, none need be made.
    pub(crate) fn shows(&self, name: Name) -> bool {
        let is_written = self.form == Output::Json && self.reporter.selects(name);
        is_written || self.reporter.shows(name) || self.hooks.want(name)
    }

    /// Takes a received message for stdout; [`Console::commit`] ends the burst.
    pub(crate) fn deliver(&mut self, pool: &mut Pool, message: &Message<'_>) {
        // An event costs more than all the rest, and mostly has no reader.
        if self.shows_data && !self.deliver_long(pool, message) {
            self.report_batched(pool, &message.event());
        }
        match self.form {
            Output::None | Output::Json => {}
            Output::Written(form) if self.terminal => self.deliver_to_person(form, message),
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
        self.commit(pool);
        match (message.made, self.stdout) {
            (Some(made), Some(stdout)) if made.len() >= MANY => {
                self.full |= pool.send_shared(stdout, made.clone()) == SendOutcome::Full;
            }
            _ => self.write(pool, message.payload),
        }
    }

    /// Writes what was gathered where it is much: a burst of answers has no end of its own.
    pub(crate) fn commit_many(&mut self, pool: &mut Pool) {
        if self.pending.len() >= MANY {
            self.commit(pool);
        }
    }

    /// Ends a burst of messages: what was gathered is written.
    pub(crate) fn commit(&mut self, pool: &mut Pool) {
        self.clock = None;
        if !self.pending.is_empty() && !self.has_long() {
            let mut pending = std::mem::take(&mut self.pending);
            self.write(pool, &pending);
            pending.clear();
            self.pending = pending;
            self.explain_escapes(pool);
        }
    }

    /// Writes what is no message: a frame of a screen.
    pub(crate) fn paint(&mut self, pool: &mut Pool, frame: &[u8]) {
        self.write(pool, frame);
    }

    fn write(&mut self, pool: &mut Pool, bytes: &[u8]) {
        if let Some(uplink) = &mut self.uplink {
            uplink.send(ConsoleEntry::Output(Bytes::copy_from_slice(bytes)));
        }
        if let Some(stdout) = self.stdout {
            if self.terminal && !bytes.ends_with(b"\n") {
                // Below a line that goes on there is no place for it.
                self.reporter.end_progress();
            }
            let outcome = match self.terminal {
                true => self.reporter.beside_progress(|| pool.send(stdout, bytes)),
                false => pool.send(stdout, bytes),
            };
            // The loss of stdout was reported by its `Closed`.
            self.full |= outcome == SendOutcome::Full;
        }
    }

    /// Begins to show how far the run has come, where there is a terminal to show it on.
    pub(crate) fn begin_progress(&mut self, pool: &mut Pool, total: Option<u64>) {
        if self.reporter.begin_progress(total) {
            pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
        }
    }

    /// Shows how far the run has come; `open` is what the connections that still live have moved.
    pub(crate) fn show_progress(&self, pool: &mut Pool, open: OpenTraffic, passed: u64) {
        self.reporter.show_progress(&Moved {
            received: self.totals.received + open.received,
            sent: self.totals.sent + open.sent,
            passed,
        });
        pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
    }

    /// Adds what a connection moved to the totals.
    pub(crate) fn count(&mut self, traffic: &Traffic) {
        self.totals.received += traffic.received;
        self.totals.sent += traffic.sent;
    }

    /// The totals as an event. `open` is what the connections that still live have moved.
    pub(crate) fn sums(&self, name: Name, pool: &Pool, open: OpenTraffic) -> Notice<'static> {
        let event = Notice::new(name)
            .traffic(self.totals.received + open.received, self.totals.sent + open.sent)
            .secs(pool.now().saturating_duration_since(self.started));
        let event = match self.totals.messages {
            Some((received, sent)) => event.messages(received, sent),
            None => event,
        };
        match self.totals.connections {
            Some(connections) => event.connections(connections),
            None => event,
        }
    }

    fn summary(&self, pool: &Pool, status: Status) -> Notice<'static> {
        let mut summary =
            self.sums(Name::Summary, pool, OpenTraffic::default()).code(u32::from(status.code()));
        let Totals { unsent, undelivered, .. } = self.totals;
        if unsent > 0 {
            summary = summary.unsent(unsent);
        }
        if undelivered > 0 {
            summary = summary.undelivered(undelivered);
        }
        summary
    }

    /// Begins a line that [`Console::show_line`] fills, where there is a terminal to show it on.
    pub(crate) fn begin_line(&mut self, pool: &mut Pool) {
        if self.reporter.begin_line() {
            pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
        }
    }

    /// Fills the line, and has the next time for it come.
    pub(crate) fn show_line(&self, pool: &mut Pool, words: String) {
        self.reporter.show_line(words);
        pool.arm(TimerKey::global(timers::PROGRESS), INTERVAL);
    }

    /// Shows a picture, where there is a terminal to show it on.
    pub(crate) fn show_picture(&mut self, lines: &[String]) {
        self.reporter.end_progress();
        self.reporter.show_picture(lines);
    }
}
