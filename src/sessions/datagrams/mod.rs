//! Sessions on datagram sockets.
//!
//! A [`DatagramSession`] owns the sockets and the course of the run: it receives, pauses while
//! stdout is full, sends what waits, enforces `--idle-timeout`, counts what the kernel drops, and
//! closes. What a command does with a message is its [`DatagramService`].

mod commands;
mod groups;
mod listen;
mod opening;
mod outbox;
mod peers;
mod prober;
mod replay;
mod replies;
mod send;
mod send_batch;
mod sockets;

use std::io;
use std::time::Duration;

use bytes::Bytes;

pub use groups::{Groups, by_interface};
pub use listen::{ListenSocket, ListenSockets};
pub use opening::Opener;
pub use outbox::Flushed;
pub(crate) use outbox::{DatagramOutcome, FullPeer, Outbox, UnsentDatagram};
pub(crate) use replies::unanswered;
pub use send_batch::Destination;
pub use sockets::{GroupInterface, Sockets};

use super::config::Common;
use super::console::Console;
use super::core::Core;
use super::input::InputReader;
use super::session::{Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::report::{Name, Notice};
use crate::sys::mmsg::{Arrival, Sender};

/// What a service acts on.
pub(crate) struct DatagramContext<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) sockets: &'a mut Sockets,
    pub(crate) pool: &'a mut Pool,
    /// How to close after the event at hand.
    end: &'a mut Option<ShutdownMode>,
}

/// What a command does with datagrams. The session calls it once for each event, and closes after
/// the event where that asks for it by [`DatagramContext::end`].
pub(crate) trait DatagramService {
    /// The run ends in order at SIGTERM, which asks a listener to stop.
    fn listens(&self) -> bool {
        false
    }

    /// SIGTERM ends the run only after what has arrived is read.
    fn drains(&self) -> bool {
        false
    }

    /// The drops of the kernel are in the statistics, and need no warning at the end.
    fn reports_drops(&self) -> bool {
        false
    }

    /// Joins everything that a group address means.
    ///
    /// # Errors
    /// Not a group, no such interface, or an error of the kernel; what was joined before stays.
    fn join(&mut self, _: &mut DatagramContext<'_>, _: &GroupAddress) -> Result<(), Failure> {
        Ok(())
    }

    /// The sockets are open, and the clock of the run has started.
    fn start(&mut self, context: &mut DatagramContext<'_>);

    /// A datagram has come.
    fn message(&mut self, context: &mut DatagramContext<'_>, id: Id, arrival: &Arrival<'_>);

    /// All datagrams of a batch were given to [`DatagramService::message`].
    fn batch_done(&mut self, _: &mut DatagramContext<'_>, _: Id) {}

    /// stdin has more, or ends.
    fn input(&mut self, _: &mut DatagramContext<'_>, _bytes: &[u8], _eof: bool) {}

    /// A socket has room again, and what waited for it was sent as far as the kernel takes it.
    fn drained(&mut self, context: &mut DatagramContext<'_>, flushed: &Flushed);

    /// The network reports an error about an earlier datagram (ICMP). Others go on.
    fn error(&mut self, context: &mut DatagramContext<'_>, id: Id, error: &io::Error) {
        let group = context.sockets.group(id).unwrap_or("a peer");
        let text = format!("{group}: {}", crate::error::plain(error));
        context.warn(Kind::from(error), &text);
    }

    /// A timer, a signal, or an answer of the resolver.
    fn event(&mut self, _: &mut DatagramContext<'_>, _: &Event<'_>) {}

    /// stdout takes data again.
    fn resume(&mut self, _: &mut DatagramContext<'_>) {}

    /// `--idle-timeout` has passed, and the session ends. Returns the failure, if it is one.
    fn idle(&mut self, _: &mut DatagramContext<'_>, _limit: Duration) -> Option<Failure> {
        None
    }

    /// `--wait` ran out. Returns a failure that explains it better than the silence, if there is one.
    fn diagnose(&mut self, _: &mut DatagramContext<'_>) -> Option<Failure> {
        None
    }

    /// Reports statistics beside the sums of the run.
    fn report_stats(&mut self, _: &mut DatagramContext<'_>) {}

    /// Bytes of the input that are not sent yet, for `--progress`.
    fn waiting(&self) -> usize {
        0
    }

    /// The session is to close. False where the service has work left and ends by itself later.
    fn may_close(&mut self, _: &mut DatagramContext<'_>, _: ShutdownMode) -> bool {
        true
    }

    /// The session ends: the last reports, while the sockets are still open.
    fn closing(&mut self, _: &mut DatagramContext<'_>) {}

    /// A socket is closed before the session is.
    fn socket_closed(&mut self, _: Id) {}
}

impl DatagramContext<'_> {
    /// Has the session close after the event at hand; the first call counts.
    pub(crate) fn end(&mut self, how: ShutdownMode) {
        self.end.get_or_insert(how);
    }

    /// Whether the session closes after the event at hand.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// A failure that decides the status and ends the run.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.core.fail(self.pool, failure);
        self.end(ShutdownMode::Enough);
    }

    pub(crate) fn report(&mut self, notice: &Notice<'_>) {
        self.core.console.report(self.pool, notice);
    }

    pub(crate) fn report_failure(&mut self, failure: &Failure) {
        self.core.console.report_failure(self.pool, failure);
    }

    pub(crate) fn warn(&mut self, kind: Kind, text: &str) {
        self.core.console.warn(self.pool, kind, text);
    }

    /// Arms a timer of the session.
    pub(crate) fn arm(&mut self, purpose: u8, after: Duration) {
        self.pool.arm(TimerKey::global(purpose), after);
    }

    /// Sends a datagram, or has it wait, and counts it when it is sent.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(crate) fn send(
        &mut self,
        id: Id,
        payload: &Bytes,
        to: &Sender,
    ) -> io::Result<DatagramOutcome> {
        let outcome = self.sockets.send(self.pool, id, payload, to)?;
        self.core.count_sent(usize::from(outcome == DatagramOutcome::Sent));
        Ok(outcome)
    }

    /// Reports the sums of the run so far.
    fn report_sums(&mut self) {
        let sums = self.core.console.sums(Name::Stats, self.pool, &self.sockets.traffic(self.pool));
        self.report(&sums);
    }
}

/// A session on datagram sockets with one service.
///
/// ```text
/// open ── start ──> working ── `Context::end`, a limit, a signal ──> ending ── all closed ──> over
///                    ^    │
///                    └────┘ stdout is full: nothing is received until it has drained
/// ```
///
/// While the run ends, the sockets are closed, and of their events only `Closed` is looked at.
pub struct DatagramSession {
    core: Core,
    sockets: Sockets,
    service: Box<dyn DatagramService>,
}

impl DatagramSession {
    /// A session over open sockets.
    pub(crate) fn new(
        common: Common,
        console: Console,
        input: InputReader,
        sockets: Sockets,
        service: impl DatagramService + 'static,
    ) -> Self {
        let mut core = Core::new(common, console, input);
        core.listens = service.listens();
        Self { core, sockets, service: Box::new(service) }
    }

    /// Calls the service, and closes where it asks for that.
    fn with<T>(
        &mut self,
        pool: &mut Pool,
        act: impl FnOnce(&mut dyn DatagramService, &mut DatagramContext<'_>) -> T,
    ) -> T {
        let mut end = None;
        let Self { core, sockets, service } = self;
        let result =
            act(service.as_mut(), &mut DatagramContext { core, sockets, pool, end: &mut end });
        if let Some(how) = end {
            self.close(pool, how);
        }
        result
    }

    /// Begins to work.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::global(timers::IDLE), limit);
        }
        self.with(pool, |service, context| service.start(context));
    }

    /// Joins everything that a group address means.
    ///
    /// # Errors
    /// Not a group, no such interface, or an error of the kernel; what was joined before stays.
    pub fn join(&mut self, pool: &mut Pool, address: &GroupAddress) -> Result<(), Failure> {
        self.with(pool, |service, context| service.join(context, address))
    }

    /// All sockets are open, at these addresses; `address` is the first one that is sent to.
    pub fn ready_for(&mut self, pool: &mut Pool, locals: &[String], address: &str) {
        self.core.ready(pool, locals, address);
    }

    fn on_closed(&mut self, id: Id, end: &End) {
        if self.sockets.on_closed(&mut self.core.console, id, end) {
            self.service.socket_closed(id);
        }
    }
}

fn on_datagrams(
    service: &mut dyn DatagramService,
    context: &mut DatagramContext<'_>,
    id: Id,
    batch: &[Arrival<'_>],
) {
    context.sockets.note_drops(context.pool, &mut context.core.console, id, batch);
    for arrival in batch {
        // What is read behind the end of the run would be counted, and `--count` be wrong.
        if context.has_ended() {
            break;
        }
        service.message(context, id, arrival);
    }
    context.core.console.commit(context.pool);
    service.batch_done(context, id);
    if context.core.console.is_full() {
        context.sockets.set_paused(context.pool, true);
    }
    if context.core.has_enough() {
        context.end(ShutdownMode::Enough);
    }
}

/// The timer of `--idle-timeout` has gone off. It is armed once, and not with each datagram: what is
/// left of the limit is reckoned from the last of them.
fn check_idle(service: &mut dyn DatagramService, context: &mut DatagramContext<'_>) {
    let Some(limit) = context.core.common.limits.idle else { return };
    if let Some(left) = context.sockets.idle_left(context.pool, limit) {
        return context.arm(timers::IDLE, left);
    }
    if let Some(failure) = service.idle(context, limit) {
        context.core.fail(context.pool, &failure);
    }
    context.end(ShutdownMode::Enough);
}

/// Nothing of the kind has come within a limit.
fn silence(kind: Kind, target: &str, limit: Duration) -> Failure {
    let cause = format!("none within {}", humantime::format_duration(limit));
    Failure::new(Status::Unmet, kind, "receive", target, cause)
}

impl Session for DatagramSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if let Event::Closed { id, end } = event {
            return self.on_closed(id, &end);
        }
        if self.core.is_ending() {
            return;
        }
        self.with(pool, |service, context| match event {
            Event::Data { bytes, .. } => service.input(context, bytes, false),
            Event::Eof { .. } => service.input(context, &[], true),
            Event::Datagrams { id, batch } => on_datagrams(service, context, id, batch),
            Event::DatagramError { id, error } => service.error(context, id, &error),
            Event::Drained { id } => {
                let flushed = context.sockets.flush(context.pool, id);
                service.drained(context, &flushed);
            }
            Event::Timer { key: TimerKey { id: None, purpose: timers::IDLE } } => {
                check_idle(service, context);
            }
            event => service.event(context, &event),
        });
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.sockets.set_paused(pool, false);
        self.with(pool, |service, context| service.resume(context));
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        let reason = match how {
            ShutdownMode::InOrder(reason) | ShutdownMode::Now(reason) => reason,
            ShutdownMode::Enough | ShutdownMode::Late => CloseReason::HOST,
        };
        if matches!(how, ShutdownMode::Now(_)) {
            self.core.begin_abort();
        }
        if self.core.is_ending()
            || !self.with(pool, |service, context| service.may_close(context, how))
        {
            return;
        }
        self.core.begin_ending(pool);
        self.sockets.read_counters(pool, &mut self.core.console);
        if !self.service.reports_drops() {
            self.sockets.report_drops(pool, &mut self.core.console);
        }
        self.with(pool, |service, context| service.closing(context));
        self.sockets.close_all(pool, &mut self.core.console, reason);
        self.core.console.commit(pool);
        self.core.finish(pool);
    }

    fn open_ids(&self) -> Vec<Id> {
        self.sockets.ids().collect()
    }

    fn stop(&mut self, pool: &mut Pool) {
        if self.service.drains() {
            self.core.drain_then_end(pool, Duration::ZERO);
        } else {
            self.close(pool, ShutdownMode::InOrder(super::core::SIGNALLED));
        }
    }

    fn diagnose(&mut self, pool: &mut Pool) -> Option<Failure> {
        self.with(pool, |service, context| service.diagnose(context))
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        self.with(pool, |service, context| {
            context.report_sums();
            service.report_stats(context);
        });
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        let open = self.sockets.traffic(pool);
        self.core.show_progress(pool, &open, self.service.waiting());
    }
}
