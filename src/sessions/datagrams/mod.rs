//! Sessions on datagram sockets.
//!
//! A [`DatagramSession`] owns the sockets and the course of the run: it receives, pauses while
//! stdout is full, sends what waits, enforces `--idle-timeout`, counts what the kernel drops, and
//! closes. What a command does with a message is its `DatagramService`.

mod command_send;
mod commands;
mod ending;
mod exec;
mod group_senders;
mod groups;
mod listen;
mod listen_commands;
mod names;
mod opening;
mod outbox;
mod outlets;
mod peers;
mod prober;
mod replay;
mod replies;
mod send;
mod send_batch;
mod service;
mod sockets;
mod statistics;

use std::time::Duration;

pub use command_send::CommandSendService;
pub use group_senders::{GroupOutlet, GroupOutlets, GroupSenders};
pub use groups::{Groups, by_interface};
pub use listen::{ListenService, ListenSocket, ListenSockets};
pub use opening::Opener;
pub(crate) use opening::PeerSockets;
pub use outbox::Flushed;
pub(crate) use outbox::{DatagramOutcome, DatagramPayload, FullPeer, Outbox, UnsentDatagram};
pub use outlets::UdpOutlets;
pub(crate) use peers::PeerAdmission;
pub use replay::ReplayService;
pub use replies::InputTo;
pub(crate) use replies::{Unanswered, report_cut};
pub use send::SendService;
pub use send_batch::Destination;
pub(crate) use service::{DatagramContext, DatagramService};
pub use sockets::{GroupInterface, Sockets};

use super::config::Common;
use super::console::{Console, OpenTraffic};
use super::core::Core;
use super::input::InputReader;
use super::session::{Piece, Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{End, Event, Id, Pool, TimerKey};
use crate::multicast::GroupAddress;
use crate::sys::mmsg::Arrival;

/// The timer of `--idle-timeout`.
const IDLE: u8 = timers::OWN;

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
            pool.arm(TimerKey::global(IDLE), limit);
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

/// The timer of `--idle-timeout` has fired. It is not armed anew for each datagram: when it fires, it is
/// armed for what is left of the limit since the last one.
fn check_idle(service: &mut dyn DatagramService, context: &mut DatagramContext<'_>) {
    let Some(limit) = context.core.common.limits.idle else { return };
    if let Some(left) = context.sockets.silence_left(context.pool, limit) {
        return context.arm(IDLE, left);
    }
    if let Some(failure) = service.on_silence(context, limit) {
        context.core.fail(context.pool, &failure);
    }
    context.end(ShutdownMode::Enough);
}

impl Session for DatagramSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if let Event::Closed { id, end } = &event {
            self.on_closed(*id, end);
        }
        if self.core.is_ending() {
            return;
        }
        let is_input = |id: Id| self.core.input.is(id);
        let of_input =
            matches!(&event, Event::Data { id, .. } | Event::Eof { id } if is_input(*id));
        self.with(pool, |service, context| match event {
            Event::Data { bytes, .. } if of_input => service.input(context, Piece::Bytes(bytes)),
            Event::Eof { .. } if of_input => service.input(context, Piece::End),
            Event::Datagrams { id, batch } => on_datagrams(service, context, id, batch),
            Event::DatagramError { id, error } => service.error(context, id, &error),
            Event::Drained { id } if context.sockets.is_open(id) => {
                let flushed = context.sockets.flush(context.pool, id);
                service.drained(context, &flushed);
            }
            Event::Timer { key: TimerKey { id: None, purpose: IDLE } } => {
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
            ShutdownMode::InOrder(reason)
            | ShutdownMode::GiveUp(reason)
            | ShutdownMode::Now(reason) => reason,
            ShutdownMode::Enough | ShutdownMode::Late => CloseReason::HOST,
        };
        if let ShutdownMode::GiveUp(reason) = how {
            self.core.limit_end(pool, reason);
        }
        if self.core.is_ending()
            || !self.with(pool, |service, context| service.may_close(context, how))
        {
            return;
        }
        self.core.begin_ending(pool);
        // While the sockets are open: drops behind the last datagram are in no batch.
        self.sockets.read_counters(pool, &mut self.core.console);
        if !self.service.reports_drops() {
            self.sockets.report_drops(pool, &mut self.core.console);
        }
        self.with(pool, |service, context| service.closing(context));
        self.sockets.close_all(pool, &mut self.core.console, reason);
        self.core.console.commit(pool);
        self.core.finish(pool);
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
        let open = OpenTraffic::of(pool, self.sockets.ids());
        self.core.show_progress(pool, open, self.service.waiting());
    }
}
