//! What all sessions have in common: the console, stdin, the limits of the run, the other programs
//! that have a part in it, and the status that it ends with.
//!
//! Each event passes [`Core::on`] first, whose [`Disposition`] is what is left for the session.
//! `state` has the phases of the run and draws how they follow each other.

mod goal;
mod numbers;
mod shutdown;
mod state;
mod stop;
mod ticks;

use std::time::{Duration, Instant};

use super::children::Children;
use super::config::Common;
use super::console::{Console, OpenTraffic};
use super::hooks::{HookOutput, Hooks};
use super::input::{InputReader, unreadable};
use super::main_command::MainCommand;
use super::ready::{Announcement, RETRY, ReadyNotifier};
use super::timers;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{End, Event, Id, Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::relay::Source;
use crate::report::{Name, Notice};
use crate::sys::startup;

use goal::GoalState;
pub(crate) use numbers::Numbers;
use state::RunState;
use stop::{AwaitedPeer, STDOUT_GONE, TIMED_OUT};
pub(crate) use stop::{GRACE, NOTE_AFTER, SIGNALLED, status_of};
use ticks::Ticks;

/// The common part of a session.
pub struct Core {
    pub(crate) common: Common,
    pub(crate) console: Console,
    pub(crate) input: InputReader,
    goal: GoalState,
    /// This side listens, and to be asked to stop is how it ends.
    pub(crate) listens: bool,
    /// All children that run: the main command, hooks, and those of connections.
    pub(crate) children: Children,
    command: MainCommand,
    readiness: ReadyNotifier,
    /// `--wait`: the failure that is reported when no peer arrives in time.
    awaited: Option<AwaitedPeer>,
    /// Why the last attempt failed, as far as it was reported.
    last_retry: Option<Failure>,
    pub(crate) ticks: Ticks,
    pub(crate) numbers: Numbers,
    state: RunState,
}

/// What an event means for a session.
pub(crate) enum Disposition {
    /// An event that the core has not handled.
    Own,
    /// Nothing is left to be done about it.
    Nothing,
    /// Output takes data again: what was paused for its sake goes on.
    Resume,
    /// A listener is asked to stop.
    Stop,
    /// The run ends in order.
    End,
    /// The run gives up: what is queued has 2 s.
    GiveUp(CloseReason),
    /// The run ends at once.
    EndNow(CloseReason),
}

impl Core {
    pub(crate) fn new(mut common: Common, mut console: Console, input: InputReader) -> Self {
        console.totals.connections = (!common.wire.datagrams).then_some(0);
        console.totals.messages = common.wire.delivers_messages().then_some((0, 0));
        let goal = GoalState::new(common.goal.clone(), common.wire.delivers_messages());
        let scripting = std::mem::take(&mut common.helpers);
        let output = if console.uses_stdout() { HookOutput::Stderr } else { HookOutput::Stdout };
        console.set_hooks(Hooks::new(scripting.hooks, output));
        Self {
            goal,
            listens: false,
            children: Children::default(),
            command: MainCommand::new(scripting.command),
            readiness: ReadyNotifier::new(scripting.readiness),
            common,
            console,
            input,
            awaited: None,
            last_retry: None,
            ticks: Ticks::default(),
            numbers: Numbers::default(),
            state: RunState::new(),
        }
    }

    /// Wakes the session at that time, to send the next part of a throttled input.
    pub(crate) fn wake_at(&self, pool: &mut Pool, at: Instant) {
        pool.arm(TimerKey::global(timers::PACE), at.saturating_duration_since(pool.now()));
    }

    /// Starts the clock of the whole run.
    pub(crate) fn start(&mut self, pool: &mut Pool) {
        if let Some(limit) = self.common.limits.timeout {
            // It is set already where names were looked up first.
            pool.arm_once(TimerKey::global(timers::TOTAL), limit.saturating_sub(startup::age()));
        }
        if self.common.output.progress {
            self.console.begin_progress(pool, self.input.size());
        }
    }

    /// Shows how far it has come; `open` is what the connections that still live have moved, and
    /// `queued` what waits for the slowest of them.
    pub(crate) fn show_progress(&mut self, pool: &mut Pool, open: OpenTraffic, queued: usize) {
        let passed = self.input.bytes_read(pool).saturating_sub(queued as u64);
        self.console.show_progress(pool, open, passed);
    }

    /// Notifies `--ready-fd`, `--port-file` and `NOTIFY_SOCKET`, and starts `-- CMD`. `locals` are
    /// the addresses of this side, `address` the one that CMD gets. Only the first call counts.
    pub(crate) fn ready(&mut self, pool: &mut Pool, locals: &[String], address: &str) {
        if self.readiness.begin(locals, address) {
            self.announce(pool);
        }
    }

    /// Continues the announcement, as far as it gets without waiting.
    #[cold]
    fn announce(&mut self, pool: &mut Pool) {
        let free = (self.input.progress().source == Source::Absent, !self.console.uses_stdout());
        let outcome = self.readiness.announce().and_then(|announcement| match announcement {
            Some(Announcement::Made { address, warning }) => {
                if let Some(text) = warning {
                    self.console.warn(pool, Kind::Notify, &text);
                }
                self.command.start(pool, &mut self.children, &address, free)
            }
            Some(Announcement::Pending(late)) => {
                if let Some(what) = late {
                    let text = format!("waiting for {what} (-w limits this)");
                    self.console.warn(pool, Kind::Waiting, &text);
                }
                pool.arm(TimerKey::global(timers::READY), RETRY);
                Ok(())
            }
            None => Ok(()),
        });
        if let Err(failure) = outcome {
            self.fail(pool, &failure);
            self.drain_then_end(pool, Duration::ZERO);
        }
    }

    /// Handles what concerns the run in an event, and returns what the event means for the session.
    pub(crate) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Disposition {
        match event {
            Event::Signal(Signal::Child) => {
                self.reap(pool);
                // Connections may have had children too.
                Disposition::Own
            }
            Event::Signal(Signal::Report) => self.on_sigusr1(pool),
            Event::Signal(signal) => self.on_signal(pool, *signal),
            Event::Timer { key } => self.on_timer(pool, *key),
            Event::Drained { id } if self.console.is(*id) => {
                self.console.drained(pool);
                self.resume(pool)
            }
            Event::Drained { id } if self.console.hooks.own(*id) => Disposition::Nothing,
            Event::Closed { id, end } => self.on_closed(pool, *id, end),
            Event::RecordingFailed => self.on_recording_failed(pool),
            _ => {
                self.note_typed(event);
                self.unless_over(Disposition::Own)
            }
        }
    }

    /// A terminal has shown what is read of it.
    fn note_typed(&mut self, event: &Event<'_>) {
        if let Event::Data { id, bytes } = event
            && self.input.is(*id)
            && self.input.progress().source == Source::Terminal
        {
            self.console.view.note_typed(bytes);
        }
    }

    /// Confirms to a person that ^D was taken, and what goes on.
    pub(crate) fn confirm_end_of_typing(&mut self, pool: &mut Pool, what_follows: &str) {
        if self.input.progress().source == Source::Terminal
            && self.console.reporter.terminals().converses()
        {
            self.console.show_words(pool, &format!("^D taken: {what_follows}"));
        }
    }

    /// Output that was full takes data again; nothing follows while another part of it is full.
    pub(crate) fn resume(&self, pool: &mut Pool) -> Disposition {
        if self.console.is_full() {
            return Disposition::Nothing;
        }
        self.drain_after_output(pool);
        self.unless_over(Disposition::Resume)
    }

    /// The events of a session that works.
    fn unless_over(&self, meaning: Disposition) -> Disposition {
        if self.state.is_working() { meaning } else { Disposition::Nothing }
    }

    fn on_sigusr1(&mut self, pool: &mut Pool) -> Disposition {
        if !self.state.is_working() {
            let stats = self.console.sums(Name::Stats, pool, OpenTraffic::default());
            self.console.report(pool, &stats);
        }
        self.unless_over(Disposition::Own)
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) -> Disposition {
        match (key.purpose, key.id) {
            (timers::TICK, None) if self.state.is_working() => {
                self.ticks.on_timer(pool, &mut self.console);
            }
            (timers::SUMS, None) => self.console.report_sums(pool),
            (timers::TOTAL, None) => self.time_is_up(pool),
            (timers::READY, None) if self.state.is_working() => self.announce(pool),
            (timers::LONG_EVENT, None) if self.console.write_long(pool) => {
                return self.resume(pool);
            }
            (timers::LONG_EVENT, None) => {}
            (timers::HOOKS, None) => {
                if self.console.start_hooks(pool, &mut self.children) {
                    return self.resume(pool);
                }
            }
            (timers::DRAIN, None) => return self.drain_step(pool),
            (timers::NOTE, None) if !self.state.is_working() => self.report_waiting(pool),
            (timers::GRACE, None) => return self.grace_is_over(pool),
            _ => return self.unless_over(Disposition::Own),
        }
        match key.purpose {
            timers::TOTAL => self.unless_over(Disposition::GiveUp(TIMED_OUT)),
            _ => Disposition::Nothing,
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) -> Disposition {
        if self.console.is(id) {
            return self.stdout_closed(pool, end);
        }
        if !self.input.is(id) {
            return self.unless_over(Disposition::Own);
        }
        match &end.error {
            Some(error) => {
                self.fail(pool, &unreadable(error));
                self.input.fail();
                self.unless_over(Disposition::End)
            }
            None => Disposition::Nothing,
        }
    }

    /// Reports a retry; a repeated cause is reported once.
    #[cold]
    pub(crate) fn report_retry(&mut self, pool: &mut Pool, failure: &Failure, pause: Duration) {
        if self.last_retry.replace(failure.clone()).as_ref() == Some(failure) {
            return;
        }
        let event =
            Notice::new(Name::Retry).kind(failure.kind).secs(pause).message(failure.to_string());
        self.console.report(pool, &event);
    }

    /// Whether an attempt has failed since the last one that succeeded.
    pub(crate) fn is_retrying(&self) -> bool {
        self.last_retry.is_some()
    }

    /// An attempt has succeeded: a later failure is reported again.
    pub(crate) fn forget_retry(&mut self) {
        self.last_retry = None;
    }

    /// Reports a failure and sets the status.
    #[cold]
    pub(crate) fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.console.report_failure(pool, failure);
        self.decide(failure.status);
    }

    /// Looks for `--expect` in messages, also beside streams that have none.
    pub(crate) fn search_messages(&mut self) {
        self.goal.search_messages();
    }

    /// Counts a message; false where the run has enough of them, and it is not to be delivered.
    #[inline]
    pub(crate) fn take_message(&mut self, payload: &[u8]) -> bool {
        self.take_messages(payload, 1)
    }

    /// The same for `count` messages, which is more than one only where nothing looks at them.
    #[inline]
    pub(crate) fn take_messages(&mut self, payload: &[u8], count: usize) -> bool {
        debug_assert!(count == 1 || self.looks_at_no_message());
        if self.has_enough() || !self.goal.take() {
            return false;
        }
        if let Some((received, _)) = &mut self.console.totals.messages {
            *received += count as u64;
        }
        self.goal.search(payload);
        true
    }

    /// Whether what is received goes to stdout in lines or nowhere, and no message is looked for,
    /// limited or shown by itself.
    pub(crate) fn looks_at_no_message(&self) -> bool {
        !self.goal.is_set() && !self.input.has_commands() && self.console.takes_lines()
    }

    /// Notes that a stream without messages has matched `--expect`, or another loop has enough.
    pub(crate) fn note_match(&mut self) {
        self.goal.note_match();
    }

    /// Counts a connection, and gives its number.
    pub(crate) fn count_connection(&mut self) -> u64 {
        self.note_connection();
        self.next_number()
    }

    /// Counts a connection that has its number already.
    pub(crate) fn note_connection(&mut self) {
        *self.console.totals.connections.get_or_insert(0) += 1;
    }

    /// The number of a connection that may come to be.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers.next()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.console.totals.connections.unwrap_or(0)
    }

    /// Counts messages sent.
    pub(crate) fn count_sent(&mut self, count: usize) {
        if let Some((_, sent)) = &mut self.console.totals.messages {
            *sent += count as u64;
        }
    }

    /// Messages received.
    fn received(&self) -> u64 {
        self.console.totals.messages.map_or(0, |(received, _)| received)
    }

    /// Whether the run has received what it is for: the match of `--expect`, or as many messages
    /// as `--count` asks for, whether one of them matched or not.
    pub(crate) fn has_enough(&self) -> bool {
        self.goal.is_met(self.received())
    }

    /// Reports why not everything is recorded, if that is so.
    pub(super) fn check_recording(&mut self, pool: &mut Pool) {
        if let Some(failure) = pool.take_recording_failure() {
            self.note_unrecorded(pool, &failure);
        }
    }
}
