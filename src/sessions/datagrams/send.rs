//! `udp-send` and `mcast-send`: messages to every destination, and their answers.

use std::io;
use std::time::{Duration, Instant};

use super::opening::Opener;
use super::prober::Prober;
use super::send_batch::{Destination, Pumped, SendBatch};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::pacer::Pacer;
use crate::sessions::config::{Send, Test};
use crate::sessions::console::Console;
use crate::sessions::core::Core;
use crate::sessions::feed::Feed;
use crate::sessions::session::{How, Session};
use crate::sessions::timers;

/// How often `--wait` sends again.
const RESEND: Duration = Duration::from_secs(1);
/// How long to wait when the device's queue is full (`ENOBUFS`, send(2)), which has no event.
const DEVICE_FULL: Duration = Duration::from_millis(1);

/// The sender's session.
pub struct SendSession {
    pub(super) core: Core,
    /// Opens the destinations, where they are not open from the start.
    pub(super) opener: Option<Opener>,
    pub(super) destinations: Vec<Destination>,
    pub(super) batch: SendBatch,
    repeat: u64,
    pacer: Option<Pacer>,
    prober: Option<Prober>,
    /// `--reply`: how long to listen for another answer.
    pub(super) reply: Option<Duration>,
    /// `--wait`: until the first answer, what was sent is sent again, for so long.
    pub(super) patience: Option<Duration>,
    pub(super) answers: u64,
    pub(super) last_answer: Instant,
    /// Everything has been sent.
    sent_all: bool,
    /// stdout is full, and no answer is received.
    pub(super) paused: bool,
}

/// Where a session sends to, as the command opened it.
pub struct SendTo {
    /// The socket, and others to try in its place while nobody listens there: one for each
    /// address of a name.
    pub ids: Vec<Id>,
    /// The address; `None` on a connected socket.
    pub to: Option<std::net::SocketAddr>,
    /// What it is called in messages.
    pub title: String,
}

impl SendSession {
    /// A session over open sockets.
    pub fn new(
        pool: &Pool,
        config: Send,
        console: Console,
        feed: Feed,
        destinations: Vec<SendTo>,
    ) -> Self {
        let now = pool.now();
        let prober = config.test.map(|test: Test| Prober::new(&test, now));
        Self {
            opener: None,
            destinations: destinations.into_iter().filter_map(Destination::new).collect(),
            batch: SendBatch::default(),
            repeat: config.repeat,
            pacer: config
                .common
                .input
                .rate
                .filter(|_| prober.is_none())
                .map(|rate| Pacer::new(rate, now)),
            prober,
            reply: config.reply,
            patience: config.common.limits.wait,
            answers: 0,
            last_answer: now,
            sent_all: false,
            paused: false,
            core: Core::new(config.common, console, feed),
        }
    }

    /// Leaves opening what is to be sent to to the session.
    pub fn open_by(&mut self, opener: Opener) {
        self.opener = Some(opener);
    }

    /// Begins to send.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.report_starting(pool);
        self.core.start(pool);
        self.core.await_first(pool, "receive", "an answer", "none");
        match &self.opener {
            Some(_) => self.open(pool),
            None => self.begin(pool),
        }
    }

    /// Sends, now that there is whom to; again what nobody has answered before.
    pub(super) fn begin(&mut self, pool: &mut Pool) {
        if self.patience.is_some() {
            pool.arm(TimerKey::global(timers::RESEND), RESEND);
        }
        if self.batch.begin_again(&self.destinations) {
            self.pump(pool);
        } else if self.prober.is_some() {
            self.probe(pool);
        } else {
            self.core.feed.resume(pool);
        }
    }

    /// All sockets are open, at these addresses; `address` is the first one that is sent to.
    pub fn ready(&mut self, pool: &mut Pool, locals: &[String], address: &str) {
        self.core.ready(pool, locals, address);
    }

    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        self.core.feed.saw(bytes);
        let (batch, result) = self.core.feed.convert(bytes, eof);
        if eof {
            self.core.feed.end();
        }
        if let Err(failure) = result {
            self.core.fail(pool, &failure);
            self.core.feed.end();
        }
        self.core.feed.pause(pool);
        self.batch.load(batch, self.repeat, &self.destinations);
        self.pump(pool);
    }

    /// Sends what may go now, and arranges for the rest.
    pub(super) fn pump(&mut self, pool: &mut Pool) {
        loop {
            match self.batch.pump(pool, self.pacer.as_mut()) {
                Pumped::Done => return self.batch_done(pool),
                Pumped::Blocked => return,
                Pumped::Paced(at) => return self.pump_at(pool, at),
                Pumped::Failed(destination, error) => {
                    if !self.survives(pool, &destination, &error) {
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
    fn survives(&mut self, pool: &mut Pool, to: &Destination, error: &io::Error) -> bool {
        if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) {
            self.pump_at(pool, pool.now() + DEVICE_FULL);
            return false;
        }
        if self.is_waiting() && to.title.starts_with("unix:") {
            let failure = crate::sockets::datagram::failure(&to.title, error);
            self.open_again(pool, failure);
            return false;
        }
        if error.kind() == io::ErrorKind::ConnectionRefused {
            // The answer of the port to an earlier datagram; the one at hand was not sent, and
            // goes out with the next try (udp(7): the pending error is given once).
            self.refused(pool, to, error);
        } else {
            // While `--wait` lasts a route may come to be, and all is sent again.
            if !(self.is_waiting() && Kind::from(error) == Kind::Unreachable) {
                self.complain(pool, to, error);
            }
            self.batch.skip(to);
        }
        true
    }

    /// A port answered that nobody listens. While `--wait` lasts, somebody may come.
    fn refused(&mut self, pool: &mut Pool, to: &Destination, error: &io::Error) {
        if self.answers == 0 && self.batch.try_next_socket(to, &mut self.destinations) {
            return;
        }
        if self.patience.is_none() || self.answers > 0 {
            self.complain(pool, to, error);
            self.batch.give_up(to);
            self.destinations.retain(|destination| destination != to);
        }
    }

    fn complain(&mut self, pool: &mut Pool, to: &Destination, error: &io::Error) {
        let failure = crate::sockets::datagram::failure(&to.title, error);
        self.core.fail(pool, &failure);
    }

    fn batch_done(&mut self, pool: &mut Pool) {
        if let Some((to, error)) = self.pending_error(pool) {
            self.refused(pool, &to, &error);
            if !self.batch.is_done() {
                return self.pump(pool);
            }
        }
        // Until the first answer nothing new is sent: the batch is what gets repeated.
        if self.is_waiting() {
            return;
        }
        if self.prober.is_some() {
            self.probe(pool);
        } else if self.core.feed.input().ended || self.destinations.is_empty() {
            self.all_sent(pool);
        } else {
            self.core.feed.resume(pool);
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
    fn probe(&mut self, pool: &mut Pool) {
        let Some(prober) = &mut self.prober else { return };
        match prober.due(pool.now()) {
            Some(batch) => {
                self.batch.load(batch, 1, &self.destinations);
                self.pump(pool);
            }
            None if prober.is_done(pool.now()) => self.all_sent(pool),
            None => {
                let at = prober.next_at();
                self.pump_at(pool, at);
            }
        }
    }

    fn all_sent(&mut self, pool: &mut Pool) {
        if std::mem::replace(&mut self.sent_all, true) {
            return;
        }
        match self.reply {
            Some(patience) if !self.destinations.is_empty() => {
                self.last_answer = pool.now();
                pool.arm(TimerKey::global(timers::ANSWERS), patience);
            }
            _ => self.end(pool),
        }
    }

    fn on_error(&mut self, pool: &mut Pool, id: Id, error: &io::Error) {
        let to = self.destinations.iter().find(|to| to.id == id).cloned();
        if let Some(to) = to {
            self.refused(pool, &to, error);
            if self.destinations.is_empty() {
                self.end(pool);
            }
        }
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match key.purpose {
            timers::PACE if self.batch.is_done() && self.prober.is_some() => self.probe(pool),
            timers::PACE => self.pump(pool),
            timers::RESEND if self.is_waiting() => {
                if self.batch.is_done() {
                    self.batch.rewind(&mut self.destinations);
                }
                pool.arm(TimerKey::global(timers::RESEND), RESEND);
                self.pump(pool);
            }
            timers::ANSWERS => self.check_answers(pool),
            _ => {}
        }
    }

    /// Takes no more input, and ends once what it took is sent.
    fn end_when_sent(&mut self, pool: &mut Pool) {
        self.core.feed.close(pool);
        self.core.feed.end();
        self.prober = None;
        if self.batch.is_done() {
            self.all_sent(pool);
        }
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.end_with(pool, reason);
    }

    pub(super) fn end(&mut self, pool: &mut Pool) {
        self.end_with(pool, CloseReason::HOST);
    }

    fn end_with(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.begin_ending(pool);
        self.core.count_sent(usize::try_from(self.batch.sent).unwrap_or(usize::MAX));
        for traffic in self.open_traffic(pool) {
            self.core.console.count(&traffic);
        }
        for to in self.destinations.drain(..) {
            to.ids().for_each(|id| pool.abort(id, reason));
        }
        self.core.finish(pool);
    }
}

impl Session for SendSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            _ if self.core.is_ending() && !matches!(event, Event::Closed { .. }) => {}
            _ if self.on_opening(pool, &event) => {}
            Event::Data { bytes, .. } => self.on_input(pool, bytes, false),
            Event::Eof { .. } => self.on_input(pool, &[], true),
            Event::Datagrams { batch, .. } => self.on_datagrams(pool, batch),
            Event::DatagramError { id, error } => self.on_error(pool, id, &error),
            Event::Drained { .. } => self.pump(pool),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.pause_answers(pool, false);
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(_) => self.end_when_sent(pool),
            How::Enough | How::Late => self.end(pool),
            How::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        // Groups on one interface share a socket.
        let mut ids: Vec<Id> = self.destinations.iter().flat_map(Destination::ids).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn diagnose(&mut self, _pool: &mut Pool) -> Option<Failure> {
        self.why_not_open()
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        let open = self.open_traffic(pool);
        self.core.show_progress(pool, &open, self.batch.waiting());
    }
}
