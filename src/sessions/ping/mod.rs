//! `echo --ping`: probes to an echo server, and how long the answers take.
//!
//! A [`Pinger`] decides what is due on each connection or socket; `opening` has how these come to be,
//! `figures` what is reported of them.

mod figures;
mod opening;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::config::Ping;
use super::connector::Connector;
use super::console::{Console, closed_event};
use super::core::Core;
use super::datagrams::{self, Outbox};
use super::input::InputReader;
use super::lookup::Lookup;
use super::session::{Session, ShutdownMode};
use super::timers;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Event, Id, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::ping::{Pinger, Tally, Wake};
use crate::report::{Name, Notice};
use crate::sockets::{Target, UnixGuard, datagram};
use crate::sys::mmsg::Arrival;

/// Probes that are sent at once where the sender has fallen behind; the next ones follow after
/// what has come meanwhile is read.
const AT_ONCE: usize = 64;
/// The least time that the last answer has.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same before any answer has come.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// The least time after which a lost answer holds the next probe up no longer (`--interval 0`).
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// The probe's session.
pub struct PingSession {
    core: Core,
    config: Ping,
    /// The first connection in the making.
    connector: Option<Connector>,
    /// The others, once the first is there, and the address of each.
    connecting: HashMap<Id, String>,
    /// Connections that are up and wait for the others, with both addresses.
    up: Vec<(Id, String, String)>,
    targets: HashMap<Id, ProbeTarget>,
    tally: Tally,
    /// For datagrams, whose sockets this session opens by itself.
    lookup: Lookup,
    /// Addresses of the name that were not tried, for datagrams.
    addresses: VecDeque<Target>,
    /// Why the address before is left, once its sockets are closed.
    refused: Option<Failure>,
    /// Socket files of our own.
    guards: Vec<UnixGuard>,
}

/// One connection or socket.
struct ProbeTarget {
    number: u64,
    peer: String,
    local: String,
    pinger: Pinger,
    /// Datagrams that the kernel did not take.
    outbox: Outbox,
}

impl PingSession {
    /// A session that connects by itself.
    pub fn new(config: Ping, console: Console, input: InputReader) -> Self {
        let core = Core::new(config.common.clone(), console, input);
        let closed_loop = config.interval.is_zero();
        Self {
            core,
            config,
            connector: None,
            connecting: HashMap::new(),
            up: Vec::new(),
            targets: HashMap::new(),
            tally: Tally::new(closed_loop),
            lookup: Lookup::default(),
            addresses: VecDeque::new(),
            refused: None,
            guards: Vec::new(),
        }
    }

    /// Something that the run cannot go on without has failed.
    fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    /// The figures, the judgement on the loss, and the end.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        if let Some(mut connector) = self.connector.take() {
            connector.cancel(pool);
        }
        let waiting = self.connecting.drain().map(|(id, _)| id);
        for id in waiting.chain(self.up.drain(..).map(|(id, ..)| id)) {
            pool.abort(id, reason);
        }
        self.report_result(pool);
        for (id, target) in &self.targets {
            let is_over = target.pinger.stream.is_settled() && !self.config.datagrams;
            match is_over && !self.core.is_decided() {
                true => pool.close(*id, reason, CloseMode::Linger),
                // Attempts still under way have no use now.
                false => pool.abort(*id, reason),
            }
        }
        self.finish_if_alone(pool);
    }

    fn finish_if_alone(&mut self, pool: &mut Pool) {
        if self.core.is_ending() && self.targets.is_empty() {
            self.core.finish(pool);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(target) = self.targets.remove(&id) else { return };
        self.core.console.count(&end.traffic);
        let event = closed_event(&target.peer, &target.local, end, 0, pool.now());
        self.core.console.report(pool, &event.conn(target.number));
        if !self.core.is_ending() && self.targets.is_empty() && self.refused.is_some() {
            return self.open_next(pool);
        }
        if !self.core.is_ending() && !target.pinger.is_done {
            let failure = match &end.error {
                Some(error) => Failure::io(Status::Lost, "probe", target.peer.as_str(), error),
                None => left(&target.peer),
            };
            self.fail(pool, &failure);
        }
        self.finish_if_alone(pool);
    }

    /// The peer sends no more, before all answers are there.
    fn on_eof(&mut self, pool: &mut Pool, id: Id) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let event = Notice::new(Name::Eof).conn(target.number).peer(&target.peer);
        let failure = left(&target.peer);
        let is_early = !std::mem::replace(&mut target.pinger.is_done, true);
        self.core.console.report(pool, &event);
        if is_early && !self.core.is_ending() {
            self.fail(pool, &failure);
        }
    }

    /// ICMP reports that a datagram did not arrive.
    fn on_trouble(&mut self, pool: &mut Pool, id: Id, error: &std::io::Error) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let failure = datagram::failure(&target.peer, error);
        if self.tally.answered() == 0 && (self.refused.is_some() || !self.addresses.is_empty()) {
            return self.leave_address(pool, failure);
        }
        target.pinger.is_done = true;
        // Who has answered before was there.
        let status = if self.tally.answered() > 0 { Status::Lost } else { failure.status };
        self.fail(pool, &Failure { status, ..failure });
    }

    /// How long an answer may take before it counts as lost.
    pub(super) fn patience(&self) -> Duration {
        match self.tally.longest() {
            Some(longest) => (2 * longest).clamp(PATIENCE, FIRST_PATIENCE.max(longest)),
            None => FIRST_PATIENCE,
        }
    }

    /// How long a closed loop waits for an answer.
    fn pause(&self) -> Duration {
        let pause = |longest: Duration| (2 * longest).clamp(LEAST_PAUSE, FIRST_PATIENCE);
        self.tally.longest().map_or(PATIENCE, pause)
    }

    /// Sends what is due, and sets the clock for what comes next.
    pub(super) fn advance(&mut self, pool: &mut Pool, id: Id) {
        for _ in 0..AT_ONCE {
            let pause = self.pause();
            let due = |target: &ProbeTarget| target.pinger.due(pool.now(), pause, Instant::now);
            let Some(due) = self.targets.get(&id).and_then(due) else { break };
            self.send(pool, id, due);
            if self.core.is_ending() {
                return;
            }
        }
        self.wait_for_next(pool, id);
    }

    fn send(&mut self, pool: &mut Pool, id: Id, due: Instant) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let bytes = target.pinger.probe(due, &mut self.tally);
        if !self.config.datagrams {
            target.pinger.is_full = pool.send(id, bytes) == SendOutcome::Full;
            return;
        }
        match target.outbox.send(pool, id, &Bytes::copy_from_slice(bytes), None) {
            Ok(datagrams::DatagramOutcome::Sent) => self.core.count_sent(1),
            Ok(datagrams::DatagramOutcome::Queued) => target.pinger.is_full = true,
            Err(error) => self.on_trouble(pool, id, &error),
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let flushed = target.outbox.flush(pool, id);
        target.pinger.is_full = !target.outbox.is_empty();
        self.core.count_sent(flushed.sent);
        if let Some(unsent) = flushed.failed.first() {
            return self.on_trouble(pool, id, &unsent.error);
        }
        if target.pinger.is_full {
            return;
        }
        self.advance(pool, id);
    }

    /// The timer of a target has fired.
    fn on_clock(&mut self, pool: &mut Pool, id: Id) {
        if let Some(target) = self.targets.get_mut(&id) {
            target.pinger.on_timer();
        }
        self.advance(pool, id);
    }

    /// Arms the timer for what comes next.
    fn wait_for_next(&mut self, pool: &mut Pool, id: Id) {
        let limits = (self.patience(), self.pause());
        let last_active = pool.traffic(id).map(|traffic| traffic.last_active);
        let Some(target) = self.targets.get_mut(&id) else { return };
        match target.pinger.wake(pool.now(), limits, last_active) {
            Wake::Armed => {}
            Wake::Done => self.done(pool, id),
            Wake::At(at) => {
                let after = at.saturating_duration_since(pool.now());
                pool.arm(TimerKey::of(id, timers::NEXT_PROBE), after);
            }
        }
    }

    /// Nothing more is expected of a connection.
    fn done(&mut self, pool: &mut Pool, id: Id) {
        if let Some(target) = self.targets.get_mut(&id) {
            target.pinger.is_done = true;
            pool.disarm(TimerKey::of(id, timers::NEXT_PROBE));
        }
        if self.targets.values().all(|target| target.pinger.is_done) {
            self.end(pool, CloseReason::HOST);
        }
    }

    fn on_stream(&mut self, pool: &mut Pool, id: Id, bytes: &[u8]) {
        if let Some(target) = self.targets.get_mut(&id) {
            // The time of the turn may be older than the probe.
            target.pinger.stream.answer_stream(bytes, Instant::now(), &mut self.tally);
            self.advance(pool, id);
        }
    }

    fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        // Not the kernel's time of arrival: what a program sees of the network ends when it wakes
        // up, on datagrams as on streams.
        let at = Instant::now();
        for arrival in batch {
            target.pinger.stream.answer(arrival.payload, at, &mut self.tally);
            self.core.take_message(arrival.payload);
        }
        self.advance(pool, id);
    }
}

fn left(peer: &str) -> Failure {
    Failure::new(
        Status::Lost,
        Kind::Lost,
        "probe",
        peer,
        "it closed the connection before its answers",
    )
}

impl Session for PingSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        if self.core.is_ending() {
            if let Event::Closed { id, end } = event {
                self.on_closed(pool, id, &end);
            }
            return;
        }
        if self.targets.is_empty() {
            self.open(pool, &event);
        }
        match event {
            Event::Data { id, bytes } => self.on_stream(pool, id, bytes),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { id, error } => self.on_trouble(pool, id, &error),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Eof { id } => self.on_eof(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key: TimerKey { id: Some(id), purpose: timers::NEXT_PROBE } } => {
                self.on_clock(pool, id);
            }
            _ => {}
        }
    }

    fn resume(&mut self, _pool: &mut Pool) {}

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(_) | ShutdownMode::Enough | ShutdownMode::Late => {
                self.end(pool, CloseReason::HOST)
            }
            ShutdownMode::Now(reason) => {
                self.core.begin_abort();
                self.end(pool, reason);
                self.targets.keys().for_each(|id| pool.abort(*id, reason));
            }
        }
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        self.report_figures(pool);
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        self.show_figures(pool);
    }
}
