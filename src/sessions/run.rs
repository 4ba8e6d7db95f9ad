//! What the two stream sessions have in common: the console, stdin, the limits of the run, and
//! the status that it ends with.

use std::time::{Duration, Instant};

use super::alarms;
use super::config::Common;
use super::console::{Console, StdoutEnd};
use super::feed::{Feed, unreadable};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool, Signal, TimerKey, Traffic};
use crate::protocol::expect::Lookout;
use crate::report::{Event, Name};

/// The course of one run.
pub(crate) struct Run {
    pub(crate) common: Common,
    pub(crate) console: Console,
    pub(crate) feed: Feed,
    /// Looks for `--expect` in each message.
    lookout: Option<Lookout>,
    /// `--expect` has found its match.
    matched: bool,
    /// How the run ends, once something has decided it; the first decision stays.
    status: Option<Status>,
    /// Why the last attempt failed, as far as it was told.
    last_retry: Option<Failure>,
    /// SIGTERM has ended a listener, which forgives all but what was expected and has not come.
    terminated: bool,
    /// Connections are being closed, and nothing new begins.
    ending: bool,
    /// Nothing is waited for any more, not even stdout.
    pub(crate) hurried: bool,
    /// The last word has been said; only stdout still drains.
    finishing: bool,
}

impl Run {
    pub(crate) fn new(common: Common, mut console: Console, feed: Feed) -> Self {
        console.totals.connections = (!common.datagrams).then_some(0);
        console.totals.messages = common.has_messages().then_some((0, 0));
        let expect = common.expect.as_ref().filter(|_| common.has_messages());
        Self {
            lookout: expect.map(Lookout::new),
            matched: false,
            common,
            console,
            feed,
            status: None,
            last_retry: None,
            terminated: false,
            ending: false,
            hurried: false,
            finishing: false,
        }
    }

    /// Says the first word.
    pub(crate) fn say_starting(&mut self, pool: &mut Pool) {
        self.console.report(pool, &Event::new(Name::Starting));
    }

    /// Has the next part of a throttled input sent then.
    pub(crate) fn wake_at(&self, pool: &mut Pool, at: Instant) {
        pool.arm(TimerKey::global(alarms::PACE), at.saturating_duration_since(pool.now()));
    }

    /// Starts the clock of the whole run.
    pub(crate) fn start(&mut self, pool: &mut Pool) {
        if let Some(limit) = self.common.timeout {
            pool.arm(TimerKey::global(alarms::TOTAL), limit);
        }
        if self.common.progress {
            self.console.begin_progress(pool, self.feed.size());
        }
    }

    /// Shows how far it has come; `open` is what the connections that still live have moved, and
    /// `queued` what waits for the slowest of them.
    pub(crate) fn show_progress(&mut self, pool: &mut Pool, open: &[Traffic], queued: usize) {
        let passed = self.feed.passed(pool).saturating_sub(queued as u64);
        self.console.show_progress(pool, open, passed);
    }

    /// From here on connections are closed, and nothing new begins.
    pub(crate) fn begin_ending(&mut self, pool: &mut Pool) {
        if !std::mem::replace(&mut self.ending, true) {
            self.console.report(pool, &Event::new(Name::Stopping));
            pool.arm(TimerKey::global(alarms::NOTE), NOTE_AFTER);
        }
    }

    /// Says what an end that takes long waits for.
    pub(crate) fn tell_waiting(&mut self, pool: &mut Pool) {
        let whom = if self.finishing { "the reader of stdout" } else { "the peer" };
        let text = format!("waiting for {whom} to take what is left (-w limits this)");
        self.console.warn(pool, "waiting", &text);
    }

    /// Whether the run is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending
    }

    /// The status so far.
    pub(crate) fn status(&self) -> Status {
        self.status.unwrap_or(Status::Done)
    }

    /// Whether something has decided the status.
    pub(crate) fn is_decided(&self) -> bool {
        self.status.is_some()
    }

    /// Decides the status, unless something has decided it before.
    pub(crate) fn decide(&mut self, status: Status) {
        self.status.get_or_insert(status);
    }

    /// Decides the status whatever was decided before.
    pub(crate) fn overrule(&mut self, status: Status) {
        self.status = Some(status);
    }

    /// Tells why it takes another attempt; the same cause over and over is told once.
    pub(crate) fn tell_retry(&mut self, pool: &mut Pool, failure: &Failure, pause: Duration) {
        if self.last_retry.replace(failure.clone()).as_ref() == Some(failure) {
            return;
        }
        let event =
            Event::new(Name::Retry).kind(failure.kind).secs(pause).message(failure.to_string());
        self.console.report(pool, &event);
    }

    /// An attempt has succeeded: what fails from now on is told anew.
    pub(crate) fn forget_retry(&mut self) {
        self.last_retry = None;
    }

    /// SIGTERM: how a listener ends in order.
    pub(crate) fn terminate(&mut self) {
        self.overrule(Status::Done);
        self.terminated = true;
    }

    /// Tells a failure that decides the status.
    pub(crate) fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.console.complain(pool, failure);
        self.decide(failure.status);
    }

    /// Counts a message; false where it is beyond what the run is for (`--count`, `--expect`),
    /// and not to be delivered.
    pub(crate) fn take_message(&mut self, payload: &[u8]) -> bool {
        if self.has_enough() {
            return false;
        }
        if let Some((received, _)) = &mut self.console.totals.messages {
            *received += 1;
        }
        self.matched |= self.lookout.as_mut().is_some_and(|lookout| lookout.matches(payload));
        true
    }

    /// Notes whether a stream without messages has matched `--expect`.
    pub(crate) fn note_match(&mut self, matched: bool) {
        self.matched |= matched;
    }

    /// Counts a connection, and gives its number.
    pub(crate) fn count_connection(&mut self) -> u64 {
        let connections = self.console.totals.connections.get_or_insert(0);
        *connections += 1;
        *connections
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
    /// as `--count` says, be there a match among them or not.
    pub(crate) fn has_enough(&self) -> bool {
        self.matched || self.count_met()
    }

    fn count_met(&self) -> bool {
        self.common.count.is_some_and(|count| self.received() >= count)
    }

    /// What was expected and has not come.
    fn unmet(&self) -> Option<Failure> {
        let received = self.received();
        match (&self.common.expect, self.common.count) {
            (Some(_), _) if self.matched => None,
            (Some(expect), _) => {
                let target = format!("a match of {:?}", expect.to_string());
                let cause = "nothing that came matches";
                Some(Failure::new(Status::Unmet, "expect", "receive", target, cause))
            }
            (None, Some(count)) if received < count => {
                let (target, cause) = (format!("{count} messages"), format!("{received} came"));
                Some(Failure::new(Status::Unmet, "count", "receive", target, cause))
            }
            (None, _) => None,
        }
    }

    /// `--timeout` ran out.
    pub(crate) fn time_is_up(&mut self, pool: &mut Pool) -> CloseReason {
        let limit = humantime::format_duration(self.common.timeout.unwrap_or_default());
        let cause = format!("the time of {limit} is up");
        let failure = Failure::new(Status::Timeout, "timeout", "finish", "the run", cause);
        self.fail(pool, &failure);
        CloseReason::new(Cause::Timeout, Detail::Timeout)
    }

    /// Says the last word and waits for stdout to drain, unless the run is hurried: then what
    /// stdout does not take now is given up. An unmet `--expect` or `--count`
    /// shows here.
    pub(crate) fn finish(&mut self, pool: &mut Pool) {
        if std::mem::replace(&mut self.finishing, true) {
            if self.hurried {
                self.console.abandon(pool, CloseReason::HOST);
            }
            return;
        }
        let is_open = self.status.is_none() || self.terminated;
        if let (true, Some(failure)) = (is_open, self.unmet()) {
            self.console.complain(pool, &failure);
            self.status = Some(failure.status);
        }
        self.feed.close(pool);
        self.console.report(pool, &Event::new(Name::Stopped));
        let status = self.status();
        if self.console.finish(pool, status) {
            pool.stop();
        } else if self.hurried {
            self.console.abandon(pool, CloseReason::HOST);
        } else {
            pool.arm(TimerKey::global(alarms::NOTE), NOTE_AFTER);
        }
    }

    /// A source is gone: if it is stdin or stdout, says what that means for the run.
    pub(crate) fn stream_closed(&mut self, pool: &mut Pool, id: Id, end: &End) -> Meaning {
        if self.console.is(id) {
            return self.stdout_closed(pool, end).map_or(Meaning::Nothing, Meaning::EndNow);
        }
        if !self.feed.is(id) {
            return Meaning::NotAStream;
        }
        match &end.error {
            Some(error) => {
                self.fail(pool, &unreadable(error));
                Meaning::End
            }
            None => Meaning::Nothing,
        }
    }

    /// stdout is gone. Returns the reason to close the connections, where the run goes on.
    fn stdout_closed(&mut self, pool: &mut Pool, end: &End) -> Option<CloseReason> {
        match self.console.stdout_closed(end) {
            StdoutEnd::Failed(failure) => self.fail(pool, &failure),
            // Whoever reads stdout has seen enough, and that outranks a count that is not met.
            StdoutEnd::Unread => self.decide(Status::Done),
            StdoutEnd::Flushed => {}
        }
        if self.finishing {
            let status = self.status();
            self.console.finished(pool, status);
            pool.stop();
            return None;
        }
        Some(CloseReason::new(Cause::Host, Detail::Local))
    }
}

/// What the end of a source means for the run.
pub(crate) enum Meaning {
    /// It was neither stdin nor stdout.
    NotAStream,
    /// It was to be expected.
    Nothing,
    /// The run ends in order.
    End,
    /// The run ends at once.
    EndNow(CloseReason),
}

/// How long a server that is told to stop, a client that is out of time, or a peer of whom enough
/// was heard, has for what is queued.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// When it is told what the program waits for.
pub(crate) const NOTE_AFTER: Duration = Duration::from_secs(3);

/// The status of a run that a signal ends.
pub(crate) fn status_of(signal: Signal) -> Option<Status> {
    match signal {
        Signal::Interrupt => Some(Status::Interrupt),
        Signal::Terminate => Some(Status::Terminate),
        Signal::Hangup => Some(Status::Hangup),
        Signal::Report | Signal::Child => None,
    }
}

/// The close reason of a run that a signal ends.
pub(crate) const SIGNALLED: CloseReason = CloseReason::new(Cause::Host, Detail::Signal);
