//! `udp-send` and `mcast-send`: messages to every destination, and their answers.

use std::io;
use std::time::{Duration, Instant};

use super::opening::Opener;
use super::prober::Prober;
use super::send_batch::{Destination, Pumped, SendBatch};
use super::{DatagramBase, DatagramService, DatagramSession, Flushed, FullPeer, Sockets};
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::pacer::Pacer;
use crate::sessions::config::{Send, Test};
use crate::sessions::console::{Console, Message};
use crate::sessions::input::InputReader;
use crate::sessions::session::ShutdownMode;
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
    pub(super) destinations: Vec<Destination>,
    pub(super) batch: SendBatch,
    repeat: u64,
    pacer: Option<Pacer>,
    prober: Option<Prober>,
    /// `--reply`: how long to listen for another answer.
    reply: Option<Duration>,
    /// `--wait`: until the first answer, what was sent is sent again, for so long.
    pub(super) patience: Option<Duration>,
    answers: u64,
    last_answer: Instant,
    /// The first answer was in the batch at hand.
    is_answered: bool,
    /// Everything has been sent.
    sent_all: bool,
}

/// The sender's session.
pub type SendSession = DatagramSession<SendService>;

/// Where a session sends to, as the command opened it.
pub struct SendTo {
    /// The socket, and others to try in its place while it is refused: one for each address of a
    /// name.
    pub ids: Vec<Id>,
    /// The address; `None` on a connected socket.
    pub to: Option<std::net::SocketAddr>,
    /// What it is called in messages.
    pub title: String,
}

impl SendSession {
    /// A sender on open sockets, or one that opens its sockets itself.
    pub fn to_destinations(
        pool: &Pool,
        config: Send,
        console: Console,
        input: InputReader,
        open: Vec<SendTo>,
        opener: Option<Opener>,
    ) -> Self {
        let ids = open.iter().flat_map(|to| to.ids.iter().copied());
        let sockets = Sockets::of(FullPeer::Wait, ids);
        let (common, now) = (config.common.clone(), pool.now());
        Self::new(common, console, input, sockets, SendService::new(config, open, opener, now))
    }
}

impl SendService {
    fn new(config: Send, open: Vec<SendTo>, opener: Option<Opener>, now: Instant) -> Self {
        let prober = config.test.map(|test: Test| Prober::new(&test, now));
        let rate = config.common.input.rate.filter(|_| prober.is_none());
        Self {
            opener,
            destinations: open.into_iter().filter_map(Destination::new).collect(),
            batch: SendBatch::default(),
            repeat: config.repeat,
            pacer: rate.map(|rate| Pacer::new(rate, now)),
            prober,
            reply: config.reply,
            patience: config.common.limits.wait,
            answers: 0,
            last_answer: now,
            is_answered: false,
            sent_all: false,
        }
    }

    /// Starts sending once destinations are open; sends again what was not answered.
    pub(super) fn begin(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if self.patience.is_some() {
            pool.arm(TimerKey::global(timers::RESEND), RESEND);
        }
        if self.batch.begin_again(&self.destinations) {
            self.pump(base, pool);
        } else if self.prober.is_some() {
            self.probe(base, pool);
        } else {
            base.core.input.resume(pool);
        }
    }

    /// Sends what may go now, and arranges for the rest.
    pub(super) fn pump(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        loop {
            let now = pool.now();
            match self.batch.pump(pool, now, self.pacer.as_mut()) {
                Pumped::Done => return self.all_had_batch(base, pool),
                Pumped::Blocked => return,
                Pumped::Paced(at) => return self.pump_at(pool, at),
                Pumped::Failed(destination, error) => {
                    if !self.survives(base, pool, &destination, &error) {
                        return;
                    }
                }
            }
        }
    }

    fn pump_at(&self, pool: &mut Pool, at: Instant) {
        let pause = at.saturating_duration_since(pool.now());
        pool.arm(TimerKey::global(timers::PACE), pause);
    }

    /// Deals with a datagram that failed; false where sending has to pause for it.
    fn survives(
        &mut self,
        base: &mut DatagramBase,
        pool: &mut Pool,
        to: &Destination,
        error: &io::Error,
    ) -> bool {
        if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) {
            self.pump_at(pool, pool.now() + DEVICE_FULL);
            return false;
        }
        if self.is_waiting() && to.title.starts_with("unix:") {
            let failure = crate::sockets::datagram::failure(&to.title, error);
            self.open_again(base, pool, failure);
            return false;
        }
        if error.kind() == io::ErrorKind::ConnectionRefused {
            // The answer of the port to an earlier datagram; the one at hand was not sent, and
            // goes out with the next try (udp(7): the pending error is given once).
            self.refused(base, pool, to, error);
        } else {
            // While `--wait` lasts a route may come to be, and all is sent again.
            if !(self.is_waiting() && Kind::from(error) == Kind::Unreachable) {
                report_failure(base, pool, to, error);
            }
            self.batch.skip(to);
        }
        true
    }

    /// The port is closed. While `--wait` lasts, a listener may appear.
    fn refused(
        &mut self,
        base: &mut DatagramBase,
        pool: &mut Pool,
        to: &Destination,
        error: &io::Error,
    ) {
        if self.answers == 0 && self.batch.try_next_socket(to, &mut self.destinations) {
            return;
        }
        if self.patience.is_none() || self.answers > 0 {
            report_failure(base, pool, to, error);
            self.batch.give_up(to);
            self.destinations.retain(|destination| destination != to);
        }
    }

    /// Every destination has had every message of the batch.
    fn all_had_batch(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if let Some((to, error)) = self.pending_error(pool) {
            self.refused(base, pool, &to, &error);
            if !self.batch.is_done() {
                return self.pump(base, pool);
            }
        }
        // Until the first answer nothing new is sent: the batch is what gets repeated.
        if self.is_waiting() {
            return;
        }
        if self.prober.is_some() {
            self.probe(base, pool);
        } else if base.core.input.progress().ended || self.destinations.is_empty() {
            self.all_sent(base, pool);
        } else {
            base.core.input.resume(pool);
        }
    }

    /// An ICMP error that came back while nothing was being sent.
    fn pending_error(&self, pool: &mut Pool) -> Option<(Destination, io::Error)> {
        self.destinations
            .iter()
            .find_map(|to| pool.take_error(to.id).map(|error| (to.clone(), error)))
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.patience.is_some() && self.answers == 0
    }

    /// `--test`: the probes that are due.
    fn probe(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        let Some(prober) = &mut self.prober else { return };
        match prober.due(pool.now()) {
            Some(batch) => {
                self.batch.load(batch, 1, &self.destinations);
                self.pump(base, pool);
            }
            None if prober.is_done(pool.now()) => self.all_sent(base, pool),
            None => {
                let at = prober.next_at();
                self.pump_at(pool, at);
            }
        }
    }

    fn all_sent(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if std::mem::replace(&mut self.sent_all, true) {
            return;
        }
        match self.reply {
            Some(patience) if !self.destinations.is_empty() => {
                self.last_answer = pool.now();
                pool.arm(TimerKey::global(timers::ANSWERS), patience);
            }
            _ => base.end(ShutdownMode::Enough),
        }
    }

    /// `--reply`: the silence after the last answer is long enough.
    fn check_answers(&self, base: &mut DatagramBase, pool: &mut Pool) {
        let Some(patience) = self.reply else { return };
        let silent = pool.now().saturating_duration_since(self.last_answer);
        if let Some(left) = base.sockets.limit_left(patience, silent) {
            return pool.arm(TimerKey::global(timers::ANSWERS), left);
        }
        if self.answers == 0 {
            let cause = format!("none within {}", humantime::format_duration(patience));
            let failure = Failure::new(Status::Unmet, Kind::Reply, "receive", "an answer", cause);
            base.core.fail(pool, &failure);
        }
        base.end(ShutdownMode::Enough);
    }

    /// Takes no more input, and ends once what it took is sent.
    fn end_when_sent(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        base.core.input.close(pool);
        base.core.input.end();
        self.prober = None;
        if self.batch.is_done() {
            self.all_sent(base, pool);
        }
    }
}

impl DatagramService for SendService {
    fn start(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        base.core.await_first(pool, "receive", "an answer", "none");
        match &self.opener {
            Some(_) => self.open(base, pool),
            None => self.begin(base, pool),
        }
    }

    fn message(&mut self, base: &mut DatagramBase, pool: &mut Pool, _: Id, arrival: &Arrival<'_>) {
        if self.reply.is_none() {
            return;
        }
        if base.core.take_message(arrival.payload) {
            let (payload, peer) = (arrival.payload, arrival.from.to_string());
            base.core.console.deliver(pool, &Message::new(payload, &peer));
        }
        self.is_answered |= self.is_waiting();
        self.answers += 1;
        self.last_answer = pool.now();
    }

    fn batch_done(&mut self, base: &mut DatagramBase, pool: &mut Pool, _: Id) {
        if std::mem::take(&mut self.is_answered) && !base.core.has_enough() {
            base.core.peer_arrived(pool);
            pool.disarm(TimerKey::global(timers::RESEND));
            self.pump(base, pool);
        }
    }

    fn input(&mut self, base: &mut DatagramBase, pool: &mut Pool, bytes: &[u8], eof: bool) {
        base.core.input.note_bytes(bytes);
        let (batch, result) = base.core.input.convert(bytes, eof);
        if eof {
            base.core.input.end();
        }
        if let Err(failure) = result {
            base.core.fail(pool, &failure);
            base.core.input.end();
        }
        base.core.input.pause(pool);
        self.batch.load(batch, self.repeat, &self.destinations);
        self.pump(base, pool);
    }

    fn drained(&mut self, base: &mut DatagramBase, pool: &mut Pool, _: &Flushed) {
        self.pump(base, pool);
    }

    fn error(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id, error: &io::Error) {
        let to = self.destinations.iter().find(|to| to.id == id).cloned();
        if let Some(to) = to {
            self.refused(base, pool, &to, error);
            if self.destinations.is_empty() {
                base.end(ShutdownMode::Enough);
            }
        }
    }

    fn event(&mut self, base: &mut DatagramBase, pool: &mut Pool, event: &Event<'_>) {
        if self.on_opening(base, pool, event) {
            return;
        }
        let Event::Timer { key } = event else { return };
        match key.purpose {
            timers::PACE if self.batch.is_done() && self.prober.is_some() => self.probe(base, pool),
            timers::PACE => self.pump(base, pool),
            timers::RESEND if self.is_waiting() => {
                if self.batch.is_done() {
                    self.batch.rewind(&mut self.destinations);
                }
                pool.arm(TimerKey::global(timers::RESEND), RESEND);
                self.pump(base, pool);
            }
            timers::ANSWERS => self.check_answers(base, pool),
            _ => {}
        }
    }

    /// Answers waited in the kernel, and the silence begins anew.
    fn resume(&mut self, _: &mut DatagramBase, pool: &mut Pool) {
        self.last_answer = pool.now();
    }

    fn diagnose(&mut self, _: &mut DatagramBase, _: &mut Pool) -> Option<Failure> {
        self.why_not_open()
    }

    fn waiting(&self) -> usize {
        self.batch.waiting()
    }

    fn may_close(&mut self, base: &mut DatagramBase, pool: &mut Pool, how: ShutdownMode) -> bool {
        if let ShutdownMode::InOrder(_) = how {
            self.end_when_sent(base, pool);
            return false;
        }
        true
    }

    fn closing(&mut self, base: &mut DatagramBase, _: &mut Pool) {
        base.core.count_sent(usize::try_from(self.batch.sent).unwrap_or(usize::MAX));
    }
}

fn report_failure(base: &mut DatagramBase, pool: &mut Pool, to: &Destination, error: &io::Error) {
    let failure = crate::sockets::datagram::failure(&to.title, error);
    base.core.fail(pool, &failure);
}
