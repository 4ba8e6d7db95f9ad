//! Sessions on datagram sockets.
//!
//! A [`DatagramSession`] owns the sockets and the course of the run: it receives, pauses while
//! stdout is full, sends what waits, watches `--idle-timeout`, counts what the kernel drops, and
//! closes. What a command does with a message is its [`DatagramService`].

mod admission;
mod commands;
mod groups;
mod kernel_drops;
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
mod statistics;

use std::io;

use bytes::Bytes;

pub use groups::{Groups, by_interface};
pub use listen::{ListenSession, ListenSocket};
pub use opening::Opener;
pub use outbox::Flushed;
pub(crate) use outbox::{DatagramOutcome, FullPeer, Outbox, UnsentDatagram};
pub use replay::ReplayListenSession;
pub(crate) use replies::unanswered;
pub use send::{SendSession, SendTo};
pub use sockets::{GroupInterface, Sockets};

use super::config::Common;
use super::console::Console;
use super::core::Core;
use super::input::InputReader;
use super::session::{Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{End, Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::Name;
use crate::sys::mmsg::{Arrival, Sender};

/// What the services of one session share: the core and the sockets.
pub struct DatagramBase {
    pub(crate) core: Core,
    pub(crate) sockets: Sockets,
    /// How to close after the event at hand.
    end: Option<ShutdownMode>,
}

/// What a command does with datagrams. The session calls it once for each event, and closes after
/// the event where that asks for it by `DatagramBase::end`.
pub trait DatagramService {
    /// SIGTERM ends the run only after what has arrived is read.
    const DRAINS: bool = false;

    /// The drops of the kernel are in the statistics, and need no warning at the end.
    fn reports_drops(&self) -> bool {
        false
    }

    /// The sockets are open, and the clock of the run has started.
    fn start(&mut self, base: &mut DatagramBase, pool: &mut Pool);

    /// A datagram has come.
    fn message(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id, arrival: &Arrival<'_>);

    /// All datagrams of a batch were given to [`DatagramService::message`].
    fn batch_done(&mut self, _: &mut DatagramBase, _: &mut Pool, _: Id) {}

    /// stdin has more, or ends.
    fn input(&mut self, _: &mut DatagramBase, _: &mut Pool, _bytes: &[u8], _eof: bool) {}

    /// A socket has room again, and what waited for it was sent as far as the kernel takes it.
    fn drained(&mut self, base: &mut DatagramBase, pool: &mut Pool, flushed: &Flushed);

    /// The network reports an error about an earlier datagram (ICMP). Others go on.
    fn error(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id, error: &io::Error) {
        let group = base.sockets.group(id).unwrap_or("a peer");
        let text = format!("{group}: {}", crate::error::plain(error));
        base.core.console.warn(pool, Kind::from(error), &text);
    }

    /// A timer, a signal, or an answer of the resolver.
    fn event(&mut self, _: &mut DatagramBase, _: &mut Pool, _: &Event<'_>) {}

    /// stdout takes data again.
    fn resume(&mut self, _: &mut DatagramBase, _: &mut Pool) {}

    /// `--idle-timeout` has passed, and the session ends. Returns the failure, if it is one.
    fn idle(&mut self, _: &mut DatagramBase, _: &mut Pool) -> Option<Failure> {
        None
    }

    /// `--wait` ran out. Returns a failure that explains it better than the silence, if there is one.
    fn diagnose(&mut self, _: &mut DatagramBase, _: &mut Pool) -> Option<Failure> {
        None
    }

    /// Reports statistics beside the sums of the run.
    fn report_stats(&mut self, _: &mut DatagramBase, _: &mut Pool) {}

    /// Bytes of the input that are not sent yet, for `--progress`.
    fn waiting(&self) -> usize {
        0
    }

    /// The session is to close. False where the service has work left and ends by itself later.
    fn may_close(&mut self, _: &mut DatagramBase, _: &mut Pool, _: ShutdownMode) -> bool {
        true
    }

    /// The session ends: the last reports, while the sockets are still open.
    fn closing(&mut self, _: &mut DatagramBase, _: &mut Pool) {}

    /// A socket is closed before the session is.
    fn socket_closed(&mut self, _: Id) {}
}

impl DatagramBase {
    /// Has the session close after the event at hand; the first call counts.
    pub(crate) fn end(&mut self, how: ShutdownMode) {
        self.end.get_or_insert(how);
    }

    /// Whether the session closes after the event at hand.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// A failure that decides the status and ends the run.
    pub(crate) fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(ShutdownMode::Enough);
    }

    /// Sends a datagram, or has it wait, and counts it when it is sent.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(crate) fn send(
        &mut self,
        pool: &mut Pool,
        id: Id,
        payload: &Bytes,
        to: &Sender,
    ) -> io::Result<DatagramOutcome> {
        let outcome = self.sockets.send(pool, id, payload, to)?;
        self.core.count_sent(usize::from(outcome == DatagramOutcome::Sent));
        Ok(outcome)
    }
}

/// A session on datagram sockets with one service.
pub struct DatagramSession<S> {
    base: DatagramBase,
    service: S,
}

impl<S: DatagramService> DatagramSession<S> {
    /// A session over open sockets.
    pub fn new(
        common: Common,
        console: Console,
        input: InputReader,
        sockets: Sockets,
        service: S,
    ) -> Self {
        let core = Core::new(common, console, input);
        Self { base: DatagramBase { core, sockets, end: None }, service }
    }

    /// The same for a listener, whose run ends in order at SIGTERM.
    pub fn listening(
        common: Common,
        console: Console,
        input: InputReader,
        sockets: Sockets,
        service: S,
    ) -> Self {
        let mut session = Self::new(common, console, input, sockets, service);
        session.base.core.listens = true;
        session
    }

    /// The service, and what it works with.
    pub(crate) fn parts(&mut self) -> (&mut S, &mut DatagramBase) {
        (&mut self.service, &mut self.base)
    }

    /// Begins to work.
    pub fn start(&mut self, pool: &mut Pool) {
        self.base.core.start(pool);
        if let Some(limit) = self.base.core.common.limits.idle {
            pool.arm(TimerKey::global(timers::IDLE), limit);
        }
        self.service.start(&mut self.base, pool);
        self.close_if_ended(pool);
    }

    /// All sockets are open, at these addresses; `address` is the first one that is sent to.
    pub fn ready_for(&mut self, pool: &mut Pool, locals: &[String], address: &str) {
        self.base.core.ready(pool, locals, address);
    }

    fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        let base = &mut self.base;
        base.sockets.note_drops(pool, &mut base.core.console, id, batch);
        for arrival in batch {
            if base.end.is_some() {
                break;
            }
            self.service.message(base, pool, id, arrival);
        }
        base.core.console.commit(pool);
        self.service.batch_done(base, pool, id);
        if base.core.console.is_full() {
            base.sockets.set_paused(pool, true);
        }
        if base.core.has_enough() {
            base.end(ShutdownMode::Enough);
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        let flushed = self.base.sockets.flush(pool, id);
        self.service.drained(&mut self.base, pool, &flushed);
    }

    fn check_idle(&mut self, pool: &mut Pool) {
        let base = &mut self.base;
        let Some(limit) = base.core.common.limits.idle else { return };
        if let Some(left) = base.sockets.idle_left(pool, limit) {
            return pool.arm(TimerKey::global(timers::IDLE), left);
        }
        if let Some(failure) = self.service.idle(base, pool) {
            base.core.fail(pool, &failure);
        }
        base.end(ShutdownMode::Enough);
    }

    fn on_closed(&mut self, id: Id, end: &End) {
        if self.base.sockets.on_closed(&mut self.base.core.console, id, end) {
            self.service.socket_closed(id);
        }
    }

    fn close_if_ended(&mut self, pool: &mut Pool) {
        if let Some(how) = self.base.end.take() {
            self.close(pool, how);
        }
    }
}

impl<S: DatagramService> Session for DatagramSession<S> {
    fn core(&self) -> &Core {
        &self.base.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.base.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if self.base.core.is_ending() {
            if let Event::Closed { id, end } = event {
                self.on_closed(id, &end);
            }
            return;
        }
        let base = &mut self.base;
        match event {
            Event::Data { bytes, .. } => self.service.input(base, pool, bytes, false),
            Event::Eof { .. } => self.service.input(base, pool, &[], true),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { id, error } => self.service.error(base, pool, id, &error),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(id, &end),
            Event::Timer { key: TimerKey { id: None, purpose: timers::IDLE } } => {
                self.check_idle(pool);
            }
            event => self.service.event(base, pool, &event),
        }
        self.close_if_ended(pool);
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.base.sockets.set_paused(pool, false);
        self.service.resume(&mut self.base, pool);
        self.close_if_ended(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        let reason = match how {
            ShutdownMode::InOrder(reason) | ShutdownMode::Now(reason) => reason,
            ShutdownMode::Enough | ShutdownMode::Late => CloseReason::HOST,
        };
        let base = &mut self.base;
        if matches!(how, ShutdownMode::Now(_)) {
            base.core.begin_abort();
        }
        if base.core.is_ending() {
            return;
        }
        if !self.service.may_close(base, pool, how) {
            return self.close_if_ended(pool);
        }
        base.core.begin_ending(pool);
        base.sockets.read_counters(pool, &mut base.core.console);
        if !self.service.reports_drops() {
            base.sockets.report_drops(pool, &mut base.core.console);
        }
        self.service.closing(base, pool);
        base.sockets.close_all(pool, &mut base.core.console, reason);
        base.core.console.commit(pool);
        base.core.finish(pool);
    }

    fn open_ids(&self) -> Vec<Id> {
        self.base.sockets.ids().collect()
    }

    fn stop(&mut self, pool: &mut Pool) {
        if S::DRAINS {
            self.base.core.drain_then_end(pool, std::time::Duration::ZERO);
        } else {
            self.close(pool, ShutdownMode::InOrder(super::core::SIGNALLED));
        }
    }

    fn diagnose(&mut self, pool: &mut Pool) -> Option<Failure> {
        self.service.diagnose(&mut self.base, pool)
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        report_sums(&mut self.base, pool);
        self.service.report_stats(&mut self.base, pool);
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        let open = self.base.sockets.traffic(pool);
        self.base.core.show_progress(pool, &open, self.service.waiting());
    }
}

/// Reports the sums of the run so far.
pub(crate) fn report_sums(base: &mut DatagramBase, pool: &mut Pool) {
    let sums = base.core.console.sums(Name::Stats, pool, &base.sockets.traffic(pool));
    base.core.console.report(pool, &sums);
}
