//! What a command does with datagrams, and what it acts on.

use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::{DatagramOutcome, Flushed, Sockets};
use crate::error::Failure;
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::report::{Name, Notice};
use crate::sessions::console::OpenTraffic;
use crate::sessions::core::Core;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sys::mmsg::{Arrival, ReturnPath};

/// What a service acts on.
pub(crate) struct DatagramContext<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) sockets: &'a mut Sockets,
    pub(crate) pool: &'a mut Pool,
    /// How to close after the event at hand.
    pub(super) end: &'a mut Option<ShutdownMode>,
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
    fn input(&mut self, _: &mut DatagramContext<'_>, _: Piece<'_>) {}

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

    /// Nothing has come within the limit, and the session ends. Returns the failure, if it is one.
    fn on_silence(&mut self, _: &mut DatagramContext<'_>, _limit: Duration) -> Option<Failure> {
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
    #[cold]
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.core.fail(self.pool, failure);
        self.end(ShutdownMode::Enough);
    }

    pub(crate) fn report(&mut self, notice: &Notice<'_>) {
        self.core.console.report(self.pool, notice);
    }

    #[cold]
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

    /// Sends a datagram, or has it wait, and counts it when it is sent; `path` is `None` on a
    /// connected socket.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(crate) fn send(
        &mut self,
        id: Id,
        payload: &Bytes,
        path: Option<&ReturnPath>,
    ) -> io::Result<DatagramOutcome> {
        let outcome = self.sockets.send(self.pool, id, payload.into(), path)?;
        self.core.count_sent(usize::from(outcome == DatagramOutcome::Sent));
        Ok(outcome)
    }

    /// Reports the sums of the run so far.
    pub(super) fn report_sums(&mut self) {
        let open = OpenTraffic::of(self.pool, self.sockets.ids());
        let sums = self.core.console.sums(Name::Stats, self.pool, open);
        self.report(&sums);
    }
}
