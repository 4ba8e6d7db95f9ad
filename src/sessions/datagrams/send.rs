//! `udp-send` and `mcast-send`: messages to every destination, and their answers.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use super::ending::{Answers, InputDrain, has_more, idle};
use super::opening::Opener;
use super::prober::Prober;
use super::send_batch::{Destination, Pumped, SendBatch};
use super::{DatagramContext, DatagramService, DatagramSession, Flushed, FullPeer, Sockets};
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::pacer::Pacer;
use crate::sessions::config::{SendConfig, Test};
use crate::sessions::console::{Console, Message};
use crate::sessions::input::InputReader;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::timers;
use crate::sys::mmsg::Arrival;

/// How often `--wait` sends again.
const RESEND: Duration = Duration::from_secs(1);
/// How long to wait when the device's queue is full (`ENOBUFS`, send(2)), which has no event.
const DEVICE_FULL: Duration = Duration::from_millis(1);

/// What a sender does: it sends its input to every destination, and waits for answers.
///
/// ```text
/// Opening ──> Sending ── everything is sent ──> Listening ── silence for `--reply` ──> end
///    ^  └ retry │  ^                               without `--reply`: end at once
///    │          └──┘ `--wait`: again once a second, until the first answer
///    └──── a unix listener is gone
/// ```
pub struct SendService {
    /// Opens the destinations, where they are not open from the start.
    pub(super) opener: Option<Opener>,
    pub(super) batch: SendBatch,
    pacer: Option<Pacer>,
    prober: Option<Prober>,
    answers: Answers,
    /// `--wait`: for this long, what was sent is sent again until the first answer.
    pub(super) patience: Option<Duration>,
    /// How many times the first batch was sent again.
    repeats: u64,
    /// A port that was closed when all was last sent, while `--wait` lasts.
    closed_port: Option<String>,
    /// The first answer was in the batch at hand.
    is_answered: bool,
    /// Everything has been sent.
    sent_all: bool,
    drain: InputDrain,
}

impl SendService {
    /// A session that sends to open destinations, or to those that an opener opens.
    pub fn session(
        pool: &Pool,
        config: SendConfig,
        console: Console,
        input: InputReader,
        open: Vec<Destination>,
        opener: Option<Opener>,
    ) -> DatagramSession {
        let sockets = Sockets::of(FullPeer::Wait, open.iter().flat_map(Destination::ids));
        let now = pool.now();
        let prober = config.test.map(|test: Test| Prober::new(&test, now));
        let repeat = if prober.is_some() { 1 } else { config.repeat };
        let rate = config.common.input.rate.filter(|_| prober.is_none());
        let service = SendService {
            opener,
            batch: SendBatch::new(open, repeat),
            pacer: rate.map(|rate| Pacer::new(rate, now)),
            prober,
            answers: Answers::new(config.reply, now),
            patience: config.common.limits.wait,
            repeats: 0,
            closed_port: None,
            is_answered: false,
            sent_all: false,
            drain: InputDrain::default(),
        };
        DatagramSession::new(config.common, console, input, sockets, service)
    }

    /// Starts sending once destinations are open; sends again what was not answered.
    pub(super) fn begin(&mut self, context: &mut DatagramContext<'_>) {
        if self.patience.is_some() {
            context.arm(timers::RESEND, RESEND);
        }
        if self.batch.is_loaded() {
            self.closed_port = None;
            self.batch.rewind();
            self.pump(context);
        } else if self.prober.is_some() {
            self.probe(context);
        } else {
            context.core.input.resume(context.pool);
        }
    }

    /// Sends what may go now, and arranges for the rest.
    pub(super) fn pump(&mut self, context: &mut DatagramContext<'_>) {
        loop {
            let now = context.pool.now();
            match self.batch.pump(context.pool, now, self.pacer.as_mut()) {
                Pumped::Done => return self.all_had_batch(context),
                Pumped::Blocked => return,
                Pumped::Paced(at) => return context.core.wake_at(context.pool, at),
                Pumped::Failed(at, error) => {
                    if !self.survives(context, at, &error) {
                        return;
                    }
                }
            }
        }
    }

    /// Deals with a datagram that failed; false where sending has to pause for it.
    fn survives(
        &mut self,
        context: &mut DatagramContext<'_>,
        at: usize,
        error: &io::Error,
    ) -> bool {
        if Errno::from_io_error(error) == Some(Errno::NOBUFS) {
            context.arm(timers::PACE, DEVICE_FULL);
            return false;
        }
        // A unix socket is connected to the socket that had the name then. One that is bound to the
        // name later needs a new connect(2).
        if self.is_waiting() && self.batch.title(at).starts_with("unix:") {
            let failure = self.failure(at, error);
            self.open_again(context, failure);
            return false;
        }
        if error.kind() == io::ErrorKind::ConnectionRefused {
            // The answer of the port to an earlier datagram; the one at hand was not sent, and
            // goes out with the next try (udp(7): the pending error is given once).
            self.refused(context, at, error);
        } else {
            // While `--wait` lasts a route may come to be, and all is sent again.
            if !(self.is_waiting() && Kind::from(error) == Kind::Unreachable) {
                context.core.fail(context.pool, &self.failure(at, error));
            }
            self.batch.skip(at);
        }
        true
    }

    fn failure(&self, at: usize, error: &io::Error) -> Failure {
        crate::sockets::datagram::failure(self.batch.title(at), error)
    }

    /// The port is closed. While `--wait` lasts, a listener may appear.
    fn refused(&mut self, context: &mut DatagramContext<'_>, at: usize, error: &io::Error) {
        if self.answers.is_empty() && self.batch.try_next_socket(at) {
            return;
        }
        if self.patience.is_none() || !self.answers.is_empty() {
            context.core.fail(context.pool, &self.failure(at, error));
            self.batch.give_up(at);
        } else {
            self.closed_port = Some(self.batch.title(at).to_owned());
        }
    }

    /// Every destination has had every message of the batch.
    fn all_had_batch(&mut self, context: &mut DatagramContext<'_>) {
        // An ICMP error that came back while nothing was being sent.
        let pool = &mut *context.pool;
        let pending = |(at, id)| pool.take_error(id).map(|error| (at, error));
        let pending = self.batch.ids().enumerate().find_map(pending);
        if let Some((at, error)) = pending {
            self.refused(context, at, &error);
            if !self.batch.is_done() {
                return self.pump(context);
            }
        }
        // Until the first answer nothing new is sent: the batch is what gets repeated. It is empty where no
        // message has come whole yet.
        if self.is_waiting() && (self.batch.is_loaded() || context.core.input.progress().ended) {
            return;
        }
        if self.prober.is_some() {
            self.probe(context);
        } else if context.core.input.progress().ended || !self.batch.has_destinations() {
            self.all_sent(context);
        } else {
            context.core.input.resume(context.pool);
            self.drain.look(context);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.patience.is_some() && self.answers.is_empty()
    }

    /// `--test`: the probes that are due.
    fn probe(&mut self, context: &mut DatagramContext<'_>) {
        let Some(prober) = &mut self.prober else { return };
        let now = context.pool.now();
        match prober.due(now) {
            Some(batch) => {
                self.batch.load(batch);
                self.pump(context);
            }
            None if prober.is_done(now) => self.all_sent(context),
            None => context.core.wake_at(context.pool, prober.next_at()),
        }
    }

    fn all_sent(&mut self, context: &mut DatagramContext<'_>) {
        if std::mem::replace(&mut self.sent_all, true) {
            return;
        }
        match self.batch.has_destinations() {
            true => self.answers.begin(context),
            false => context.end(ShutdownMode::Enough),
        }
    }

    /// Takes no more input, and ends once what it took is sent.
    fn end_when_sent(&mut self, context: &mut DatagramContext<'_>) {
        context.core.input.close(context.pool);
        context.core.input.end();
        self.prober = None;
        if self.batch.is_done() {
            self.all_sent(context);
        }
    }
}

impl DatagramService for SendService {
    fn start(&mut self, context: &mut DatagramContext<'_>) {
        context.core.await_first(context.pool, "receive", "an answer", "none");
        self.open(context);
    }

    fn message(&mut self, context: &mut DatagramContext<'_>, _: Id, arrival: &Arrival<'_>) {
        if !self.answers.are_wanted() {
            return;
        }
        if context.core.take_message(arrival.payload) {
            let (payload, peer) = (arrival.payload, arrival.from.to_string());
            context.core.console.deliver(context.pool, &Message::new(payload, &peer));
        }
        self.is_answered |= self.is_waiting();
        self.answers.note(context.pool.now());
    }

    fn batch_done(&mut self, context: &mut DatagramContext<'_>, _: Id) {
        if std::mem::take(&mut self.is_answered) && !context.core.has_enough() {
            context.core.peer_arrived(context.pool);
            context.pool.disarm(TimerKey::global(timers::RESEND));
            self.pump(context);
        }
    }

    fn input(&mut self, context: &mut DatagramContext<'_>, piece: Piece<'_>) {
        context.core.input.reuse(self.batch.unload());
        let portion = context.core.input.read(piece);
        if let Some(Err(failure)) = portion.end {
            context.core.fail(context.pool, &failure);
            context.core.input.end();
        }
        // One batch at a time: the next is loaded only when every destination has had this one.
        context.core.input.pause(context.pool);
        self.batch.load(portion.batch);
        self.pump(context);
    }

    fn drained(&mut self, context: &mut DatagramContext<'_>, _: &Flushed) {
        self.pump(context);
    }

    fn error(&mut self, context: &mut DatagramContext<'_>, id: Id, error: &io::Error) {
        if let Some(at) = self.batch.find(id) {
            self.refused(context, at, error);
            if !self.batch.has_destinations() {
                context.end(ShutdownMode::Enough);
            } else if !self.batch.is_done() {
                // Another address of the name gets all of it, before the next batch is made.
                context.core.input.pause(context.pool);
                self.pump(context);
            }
        }
    }

    fn event(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) {
        if self.on_opening(context, event) {
            return;
        }
        let Event::Timer { key } = event else { return };
        match key.purpose {
            timers::PACE if self.batch.is_done() && self.prober.is_some() => self.probe(context),
            timers::PACE => self.pump(context),
            timers::RESEND if self.is_waiting() => {
                // Begun anew while on its way, a long batch would never get to its last message.
                if self.batch.is_loaded() && self.batch.is_done() {
                    self.closed_port = None;
                    self.batch.rewind();
                    self.repeats += 1;
                }
                context.arm(timers::RESEND, RESEND);
                self.pump(context);
            }
            timers::ANSWERS => self.answers.check(context),
            timers::QUIT => {
                let is_blocked = !self.batch.is_done();
                self.drain.step(context, is_blocked);
            }
            _ => {}
        }
    }

    /// Answers waited in the kernel, and the silence begins anew.
    fn resume(&mut self, context: &mut DatagramContext<'_>) {
        self.answers.listen_on(context.pool.now());
    }

    fn on_silence(&mut self, _: &mut DatagramContext<'_>, limit: Duration) -> Option<Failure> {
        Some(idle(limit))
    }

    fn diagnose(&mut self, _: &mut DatagramContext<'_>) -> Option<Failure> {
        self.why_not_open().or_else(|| {
            let patience = humantime::format_duration(self.patience?);
            let cause = match self.repeats {
                0 if self.closed_port.is_none() => return None,
                0 => format!("none within {patience}"),
                more => format!("none within {patience}, though it was sent {} times", more + 1),
            };
            let (status, kind) = (Status::Timeout, Kind::Timeout);
            let failure = Failure::new(status, kind, "receive", "an answer", cause);
            let closed = self.closed_port.as_ref();
            let fix = closed.map(|to| format!("{to} refuses them: nothing listens there"));
            Some(failure.maybe_fix(fix.as_deref()))
        })
    }

    fn waiting(&self) -> usize {
        self.batch.waiting()
    }

    fn may_close(&mut self, context: &mut DatagramContext<'_>, how: ShutdownMode) -> bool {
        if let ShutdownMode::InOrder(_) = how {
            self.end_when_sent(context);
            return false;
        }
        let input = &context.core.input;
        let has_rest = self.batch.has_destinations() && (has_more(input) || !self.batch.is_done());
        let is_met = how == ShutdownMode::Enough && context.core.has_enough();
        if is_met && has_rest && self.prober.is_none() && !self.drain.is_over() {
            self.drain.begin(context, !self.batch.is_done());
            return false;
        }
        true
    }

    fn closing(&mut self, context: &mut DatagramContext<'_>) {
        if let Some(failure) = self.drain.failure(self.batch.waiting()) {
            context.core.fail(context.pool, &failure);
        }
        context.core.count_sent(usize::try_from(self.batch.sent).unwrap_or(usize::MAX));
    }
}
