//! `echo --ping`: probes to an echo server, and how long the answers take.
//!
//! A [`Pinger`] decides what is due on each connection or socket; `datagrams` has the sockets of
//! `--udp`.

mod datagrams;

use std::time::{Duration, Instant};

use super::config::{Dialing, Ping};
use super::console::{Console, Message, OpenTraffic};
use super::core::Core;
use super::datagrams::{DatagramOutcome, DatagramPayload, Outbox};
use super::input::InputReader;
use super::services::{Losses, Profile, Remains, StreamService};
use super::session::ShutdownMode;
use super::streams::{Context, Dialer, EndMode, Flow, StreamSession};
use super::timers;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, IdMap, Pool, SendOutcome, TimerKey};
use crate::kind::Kind;
use crate::protocol::ping::{Pinger, ProbeStream, Schedule, Tally, Wake, bars};
use crate::protocol::relay::InputState;
use crate::report::{Figures, Name, SequenceFigures};

use datagrams::ProbeSockets;

/// Probes that are sent at once where the sender has fallen behind; the next ones follow after
/// what has come meanwhile is read.
const AT_ONCE: usize = 64;
/// Bytes of probes that may wait for a connection before no more are due.
const QUEUE: usize = 256 * 1024;
/// The least time that the last answer has.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same before any answer has come.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// The least time after which a lost answer holds the next probe up no longer (`--interval 0`).
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// Sends probes, and takes the answers to them.
///
/// ```text
/// opening ── all are up ──> probing ── every pinger is done, or one has failed ──> ending
/// ```
///
/// The session dials the connections. Datagram sockets belong to the service, which moves to the next
/// address of a name where nothing listens at one.
pub struct PingService {
    config: Ping,
    targets: IdMap<ProbeTarget>,
    tally: Tally,
    /// With `--udp`.
    sockets: Option<ProbeSockets>,
    /// The last figures are reported.
    is_judged: bool,
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

impl PingService {
    /// The session of a probe.
    pub fn session(
        pool: &Pool,
        config: Ping,
        console: Console,
        input: InputReader,
    ) -> StreamSession {
        let core = Core::new(config.common.clone(), console, input);
        let (route, wait) = (config.route.clone(), config.common.limits.wait);
        let sockets = config.datagrams.then(|| ProbeSockets::new(&config.route));
        let dialer = sockets.is_none().then(|| {
            Dialer::new(route, wait, Dialing::default(), pool.now()).with_count(config.conns)
        });
        let tally = Tally::new(config.interval);
        let targets = IdMap::default();
        let service = Self { config, targets, tally, sockets, is_judged: false };
        StreamSession::dialing(core, Box::new(service), dialer)
    }

    /// Something that the run cannot go on without has failed.
    fn fail(context: &mut Context<'_>, failure: &Failure) {
        context.core.fail(context.pool, failure);
        Self::end_run(context);
    }

    fn end_run(context: &mut Context<'_>) {
        context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
    }

    /// Takes in a connection, the `at`th of `count`: they are spread over the interval.
    fn add(
        &mut self,
        pool: &mut Pool,
        id: Id,
        (number, peer, local): (u64, String, String),
        (at, count): (usize, usize),
    ) {
        let (interval, size) = (self.config.interval, self.config.size);
        let begun = pool.now() + interval.mul_f64(at as f64 / count.max(1) as f64);
        let pinger = Pinger::new(
            ProbeStream::new(fastrand::u64(..), size),
            Schedule::new(interval, self.config.count, begun),
        );
        self.targets
            .insert(id, ProbeTarget { number, peer, local, pinger, outbox: Outbox::default() });
    }

    /// How long an answer may take before it counts as lost.
    fn patience(&self) -> Duration {
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

    /// Sends what is due, and sets the clock for the next step.
    fn advance(&mut self, context: &mut Context<'_>, id: Id) {
        if context.core.is_ending() {
            return;
        }
        for _ in 0..AT_ONCE {
            let (pause, now) = (self.pause(), context.pool.now());
            let due = |target: &ProbeTarget| target.pinger.due(now, pause, Instant::now);
            let Some(due) = self.targets.get(id).and_then(due) else { break };
            self.send(context, id, due);
            if context.end.is_some() {
                return;
            }
        }
        self.wait_for_next(context, id);
    }

    fn send(&mut self, context: &mut Context<'_>, id: Id, due: Instant) {
        let Some(target) = self.targets.get_mut(id) else { return };
        let bytes = target.pinger.probe(due, &mut self.tally);
        if self.sockets.is_none() {
            target.pinger.is_full = context.pool.send(id, bytes) == SendOutcome::Full;
            return;
        }
        match target.outbox.send(context.pool, id, DatagramPayload::Lent(bytes), None) {
            Ok(DatagramOutcome::Sent) => context.core.count_sent(1),
            Ok(DatagramOutcome::Queued) => target.pinger.is_full = true,
            Err(error) => self.on_trouble(context, id, &error),
        }
    }

    /// Arms the timer for the next step.
    fn wait_for_next(&mut self, context: &mut Context<'_>, id: Id) {
        let limits = (self.patience(), self.pause());
        let last_active = context.pool.traffic(id).map(|traffic| traffic.last_active);
        let Some(target) = self.targets.get_mut(id) else { return };
        let now = context.pool.now();
        match target.pinger.wake(now, limits, last_active) {
            Wake::Armed => {}
            Wake::Done => self.done(context, id),
            Wake::At(at) => {
                let after = at.saturating_duration_since(now);
                context.pool.arm(TimerKey::of(id, timers::NEXT_PROBE), after);
            }
        }
    }

    /// Nothing more is expected of a connection.
    fn done(&mut self, context: &mut Context<'_>, id: Id) {
        if let Some(target) = self.targets.get_mut(id) {
            target.pinger.is_done = true;
            context.pool.disarm(TimerKey::of(id, timers::NEXT_PROBE));
        }
        if self.targets.iter().all(|(_, target)| target.pinger.is_done) {
            Self::end_run(context);
        }
    }
}

/// The peer is gone before its answers.
fn left(peer: &str) -> Failure {
    let cause = "it closed the connection before its answers";
    Failure::new(Status::Lost, Kind::Lost, "probe", peer, cause)
}

impl StreamService for PingService {
    /// The answers are no messages to count, and what is lost shows in the figures. What is measured
    /// does not wait for the readers of the output.
    fn profile(&self) -> Profile {
        let losses = Losses::Service;
        Profile { losses, counts_messages: true, ..Profile::of(Flow::Relayed) }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        context.streams.is_numbered = true;
        context.pool.keep_exact_time();
        self.find_address(context);
    }

    /// All connections are there when the first one is taken in.
    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(connection) = context.streams.table.get(id) else { return };
        let (peer, local) = (connection.peer.to_string(), connection.local.to_string());
        let (at, count) = (self.targets.len(), context.streams.table.len());
        self.add(context.pool, id, (connection.number, peer, local), (at, count));
        // A probe must not wait until the one before is acknowledged.
        context.pool.set_nodelay(id);
        context.pool.set_high_mark(id, QUEUE);
        if at == 0 {
            context.core.console.begin_line(context.pool);
        }
        self.advance(context, id);
    }

    fn message(&mut self, _context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        if let Some(target) = self.targets.get_mut(id) {
            // The time of the turn may be older than the probe.
            let now = Instant::now();
            target.pinger.stream.answer_stream(message.payload, now, &mut self.tally);
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        self.advance(context, id);
        true
    }

    /// The peer sends no more, before all answers are there.
    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, _input: InputState) {
        context.note_end(id);
        let Some(target) = self.targets.get_mut(id) else { return };
        if !std::mem::replace(&mut target.pinger.is_done, true) && !context.core.is_ending() {
            let failure = left(&target.peer);
            Self::fail(context, &failure);
        }
    }

    fn drained(&mut self, context: &mut Context<'_>, id: Id) {
        if let Some(target) = self.targets.get_mut(id) {
            target.pinger.is_full = false;
            self.advance(context, id);
        }
    }

    fn closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        let Some(target) = self.targets.remove(id) else { return };
        if !context.core.is_ending() && !target.pinger.is_done {
            let failure = match &end.error {
                Some(error) => Failure::io(Status::Lost, "probe", target.peer.as_str(), error),
                None => left(&target.peer),
            };
            Self::fail(context, &failure);
        }
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Timer { key: TimerKey { id: Some(id), purpose: timers::NEXT_PROBE } } => {
                if let Some(target) = self.targets.get_mut(*id) {
                    target.pinger.on_timer();
                    self.advance(context, *id);
                }
                true
            }
            _ => self.sockets.is_some() && self.on_socket(context, event),
        }
    }

    /// The figures and the judgement on the loss. A connection that has all its answers is closed in
    /// order; what is under way on others has no use now.
    fn end(&mut self, context: &mut Context<'_>) {
        context.core.begin_ending(context.pool);
        self.report_result(context);
        for (id, target) in self.targets.iter() {
            let is_over = target.pinger.stream.is_settled() && self.sockets.is_none();
            if !is_over || context.core.is_decided() {
                context.pool.abort(id, CloseReason::HOST);
            }
        }
    }

    fn abort(&mut self, context: &mut Context<'_>, _how: EndMode, reason: CloseReason) {
        self.report_result(context);
        self.targets.iter().for_each(|(id, _)| context.pool.abort(id, reason));
    }

    fn remains(&self) -> Remains {
        Remains { orphans: 0, are_needed: !self.targets.is_empty() }
    }

    fn report_stats(&mut self, context: &mut Context<'_>) -> bool {
        self.report_figures(context);
        true
    }

    fn show_progress(&mut self, context: &mut Context<'_>) -> bool {
        let words = format!("{} {:#}", self.config.route.address, self.figures(context.pool));
        context.core.console.show_line(context.pool, words);
        true
    }
}

impl PingService {
    /// What is known so far. A probe that may still be answered is not lost yet.
    fn figures(&self, pool: &Pool) -> Figures {
        let since = pool.now().checked_sub(self.patience());
        let open = |target: &ProbeTarget| match since {
            Some(since) if !target.pinger.is_done => target.pinger.stream.waiting_since(since),
            _ => 0,
        };
        let open: u64 = self.targets.iter().map(|(_, target)| open(target)).sum();
        Figures::of_probes(&self.tally, self.tally.sent.saturating_sub(open))
    }

    /// At a request for statistics.
    fn report_figures(&mut self, context: &mut Context<'_>) {
        let Context { core, pool, .. } = context;
        let open = OpenTraffic::of(pool, self.targets.ids());
        let event = core.console.sums(Name::Stats, pool, open);
        let peer = self.config.route.address.to_string();
        let figures = self.figures(pool);
        core.console.report(pool, &event.peer(&peer).figures(&figures));
    }

    /// The last figures, the histogram, and the judgement on the loss, once.
    fn report_result(&mut self, context: &mut Context<'_>) {
        // Without a peer, nothing is measured.
        let is_nobody = self.tally.answered() == 0 && context.core.status() == Status::Connect;
        if std::mem::replace(&mut self.is_judged, true) || self.tally.sent == 0 || is_nobody {
            return;
        }
        self.report_figures(context);
        let picture = self.tally.histogram().as_deref().map(bars).unwrap_or_default();
        context.core.console.show_picture(&picture);
        let Some(sequence) = self.figures(context.pool).sequence else { return };
        if sequence.loss <= self.config.max_loss || context.core.is_decided() {
            return;
        }
        let (target, limit) = (self.config.route.address.to_string(), self.config.max_loss);
        let SequenceFigures { lost, expected, loss, .. } = sequence;
        let cause = format!(
            "{lost} of {expected} probes were lost, {loss:.2} %, and --max-loss is {limit} %"
        );
        let failure = Failure::new(Status::Unmet, Kind::Loss, "accept the loss to", target, cause);
        context.core.fail(context.pool, &failure);
    }
}
