//! The stream session: accepts connections or dials, and gives what they send to its service.

use std::time::Duration;

use bytes::Bytes;

use super::context::Asked;
use super::dialing::Dialed;
use super::ending::{self, EndMode};
use super::frames;
use super::opening::{self, Openings};
use super::slow::{Backlog, DIALED};
use super::{
    Admission, AdmissionRules, ConnectionSources, Context, Dialer, Scope, Streams, linking,
    refusing,
};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Event, Id, Pool, TimerKey};
use crate::framing;
use crate::kind::Kind;
use crate::report::Name;
use crate::sessions::children::{self, Program};
use crate::sessions::config::{Connect, Serve};
use crate::sessions::console::{Console, OpenTraffic};
use crate::sessions::core::{Core, GRACE, NOTE_AFTER, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::ready;
use crate::sessions::services::{self, Losses, MessageEncoder, PortProbe, StreamService};
use crate::sessions::session::{Piece, Session, ShutdownMode};
use crate::sessions::timers;

/// Connections, and one service for all of them.
pub struct StreamSession {
    pub(super) core: Core,
    pub(super) streams: Streams,
    pub(super) service: Box<dyn StreamService>,
    /// What each client is sent first (`--greet`, `--send`), and how many messages it is.
    pub(super) first: Vec<(Bytes, usize)>,
}

impl StreamSession {
    /// `tcp-serve`: a session over open listeners.
    ///
    /// # Errors
    /// A greeting, reply or text that the framing cannot carry.
    pub fn serve(
        config: Serve,
        console: Console,
        mut input: InputReader,
        listeners: Vec<Id>,
    ) -> Result<Self, Failure> {
        let preset = input.take_preset()?.map(|batch| (batch.bytes.into(), batch.ends.len()));
        let encoder = MessageEncoder::new(&config.common.wire);
        let greet = config.greet.as_ref().map(|text| encoder.text("--greet", text)).transpose()?;
        let first = greet.map(|text| (text, 0)).into_iter().chain(preset);
        let Serve { handling, replay, admission, backlog, routes, .. } = config;
        // Each recorded conversation is played once.
        let played = replay.as_ref().map(|replay| replay.scripts.len() as u64);
        let service = services::of(handling, replay.as_ref(), &config.common, encoder)?;
        let core = Core::new(config.common, console, input);
        let rules = AdmissionRules { conns: admission.conns.or(played), ..admission };
        let admission = Admission::new(rules);
        let openings = Openings::new(routes, Duration::ZERO);
        let sources = ConnectionSources { listeners, dialer: None, openings };
        let session = Self::new(core, service, admission, backlog, sources);
        Ok(Self { first: first.collect(), ..session })
    }

    /// `tcp-connect`: a session that dials, or waits for commands that name an address.
    pub fn connect(pool: &Pool, config: Connect, console: Console, input: InputReader) -> Self {
        let Connect { common, route, others, routes, dialing, probe, exec, replay } = config;
        let probed = probe.then(|| PortProbe::new(route.iter().chain(&others), dialing));
        let backlog = Backlog::of_client(&common.wire, &input, exec.as_ref());
        let service = services::of_client(replay.as_ref(), exec, probed);
        let first = |route| Dialer::new(route, common.limits.wait, dialing, pool.now());
        let dialer = route.map(|route| first(route).followed_by(others));
        let openings = Openings::new(routes, dialing.settle).unbound_if(dialer.is_none());
        let core = Core::new(common, console, input);
        let admission = Admission::new(AdmissionRules::default());
        let sources = ConnectionSources { listeners: Vec::new(), dialer, openings };
        Self::over(core, service, admission, backlog, sources)
    }

    /// A session over open listeners with any service.
    pub(crate) fn new(
        mut core: Core,
        service: Box<dyn StreamService>,
        admission: Admission,
        backlog: Backlog,
        sources: ConnectionSources,
    ) -> Self {
        core.listens = true;
        Self::over(core, service, admission, backlog, sources)
    }

    /// A session that dials, with any service. Without a dialer, the service has what it needs.
    pub(crate) fn dialing(
        core: Core,
        service: Box<dyn StreamService>,
        dialer: Option<Dialer>,
    ) -> Self {
        let admission = Admission::new(AdmissionRules::default());
        let sources = ConnectionSources { dialer, ..ConnectionSources::default() };
        Self::over(core, service, admission, DIALED, sources)
    }

    fn over(
        core: Core,
        service: Box<dyn StreamService>,
        mut admission: Admission,
        backlog: Backlog,
        sources: ConnectionSources,
    ) -> Self {
        let profile = service.profile();
        if core.common.wire.negotiated().is_some() {
            admission.refuse_with(framing::TINYPROTO_FULL);
        }
        let mut streams = Streams::new(admission, backlog, profile, sources);
        streams.is_numbered |= core.input.has_commands();
        Self { core, streams, service, first: Vec::new() }
    }

    /// Begins to serve, or to dial.
    pub fn start(&mut self, pool: &mut Pool) {
        if self.core.listens {
            self.core.start(pool);
            let (operation, target, cause) = self.streams.profile.awaited;
            self.core.await_first(pool, operation, target, cause);
        } else {
            self.core.report_starting(pool);
            self.core.start(pool);
        }
        self.with(pool, |service, context| service.start(context));
        if let Some(dialer) = &mut self.streams.dialer {
            let dialed = dialer.begin(pool);
            self.on_dialed(pool, dialed);
        } else if self.streams.openings.is_unbound {
            self.core.ready(pool, &[], "");
        }
        self.event_done(pool);
    }

    /// Puts a program in the place of this one, after a connection that came to be. Returns only
    /// where that fails.
    pub fn hand_over(&self, program: &Program) -> Failure {
        let reached = self.streams.dialer.as_ref().map_or("", Dialer::reached);
        children::exec(program, &ready::environment(reached))
    }

    /// Sets how many descriptors this process may have, where that is known, and how many other loops do.
    pub fn limit_descriptors(&mut self, limit: Option<u64>, loops: usize) {
        let (each, listeners) = (self.streams.profile.descriptors, self.streams.listeners.len());
        if let Some(limit) = limit {
            self.streams.admission.limit_descriptors(limit, each, (listeners, loops));
        }
    }

    /// Lets the service act, and does what that asks for.
    pub(super) fn with<R>(
        &mut self,
        pool: &mut Pool,
        act: impl FnOnce(&mut dyn StreamService, &mut Context<'_>) -> R,
    ) -> R {
        let Self { core, streams, service, .. } = self;
        let mut context = Context::new(core, streams, pool);
        let result = act(service.as_mut(), &mut context);
        let asked = context.asked();
        self.follow(pool, asked);
        result
    }

    /// Does what a service asks for.
    pub(super) fn follow(&mut self, pool: &mut Pool, Asked { parted, end }: Asked) {
        if let Some(how) = end.filter(|_| !self.core.is_ending()) {
            self.close(pool, how);
        }
        if parted {
            self.on_parted(pool);
        }
    }

    /// A client is gone, or what the service had for one: others may come, or the run is over.
    pub(super) fn on_parted(&mut self, pool: &mut Pool) {
        let may_come = !self.core.is_ending() && self.streams.may_come();
        if !self.streams.table.is_empty() || may_come {
            return;
        }
        let Self { core, streams, service, .. } = self;
        if service.wind_down(&mut Context::new(core, streams, pool)) {
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
        if self.is_deserted() {
            self.core.begin_ending(pool);
            self.finish(pool);
        }
    }

    /// Whether no client is left.
    fn is_deserted(&self) -> bool {
        self.streams.table.is_empty() && !self.service.remains().are_needed
    }

    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::GRACE, Some(id)) if self.core.has_enough() => {
                pool.abort(id, CloseReason::HOST);
            }
            (timers::GRACE, Some(id)) => pool.abort(id, super::deadlines::TOO_LATE),
            (timers::QUIT, Some(id)) => {
                linking::read_ahead(&self.streams, pool);
                // The peer has had its time: its FIN is not awaited once more, only its ACKs.
                pool.close(id, CloseReason::HOST, CloseMode::NoWait);
                if self.streams.scope() == Scope::Run {
                    self.core.begin_ending(pool);
                }
            }
            (timers::COMMANDS, _) => self.on_input(pool, Piece::Held),
            (timers::READ_ON, Some(id)) => self.streams.turns.go_on(id),
            (timers::FRAMES, _) => frames::on_timer(&mut self.streams, &mut self.core, pool),
            (timers::SLOW, Some(id)) => self.streams.on_slow_timer(&mut self.core, pool, id),
            (deadline, Some(id)) => self.check_deadline(pool, deadline, id),
            // What is due of the input goes out behind the event.
            _ => {}
        }
    }

    /// Stops listening and closes all connections in order.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        // The service queues its last messages before the closes below put the FIN behind them.
        self.with(pool, |service, context| service.end(context));
        self.wind_up(pool, EndMode::InOrder, reason);
    }

    /// Has received what it was for. What stdin holds and what is queued has 2 s to go out.
    pub(super) fn end_with_enough(&mut self, pool: &mut Pool) {
        if self.core.is_ending() || self.core.input.is_last() {
            return;
        }
        if !self.streams.table.is_empty() && self.core.input.begin_last(pool) {
            return self.core.limit_flushing(pool, CloseReason::HOST, GRACE);
        }
        self.close_with_enough(pool);
    }

    pub(super) fn close_with_enough(&mut self, pool: &mut Pool) {
        self.end(pool, CloseReason::HOST);
        for id in self.streams.table.ids().filter(|id| !self.service.keeps(*id)) {
            pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
        }
    }

    /// Stops listening, gives the input up, and cuts off what is not queued yet.
    pub(super) fn give_up(&mut self, pool: &mut Pool, how: EndMode, reason: CloseReason) {
        self.wind_up(pool, how, reason);
        self.with(pool, |service, context| service.abort(context, how, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool, how: EndMode, reason: CloseReason) {
        let ids = ending::to_close(&self.core, &self.streams, pool, &*self.service, how);
        self.core.begin_ending(pool);
        self.core.input.close(pool);
        self.streams.admit_no_more(pool);
        opening::cancel_all(&mut self.core, &mut self.streams, pool);
        ending::report_cut(&mut self.core, &self.streams, pool, &ids);
        ending::close(pool, &ids, how, reason);
        if self.is_deserted() {
            self.finish(pool);
        }
    }

    /// No client is left: what their ends cost decides the status, where nothing else has.
    fn finish(&mut self, pool: &mut Pool) {
        let is_counted = self.streams.profile.losses != Losses::Ignored;
        if let Some(status) = self.streams.losses.status().filter(|_| is_counted) {
            self.core.decide(status);
        }
        if let Some(dialer) = &mut self.streams.dialer {
            dialer.report_carried(&mut self.core, pool);
        }
        self.core.finish(pool);
    }

    /// Whether an event is one of the service, or of what is being dialed.
    fn is_taken(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        if self.with(pool, |service, context| service.event(context, event)) {
            return true;
        }
        if opening::on(self, pool, event) {
            return true;
        }
        let Some(dialer) = &mut self.streams.dialer else { return false };
        let dialed = dialer.on(pool, event);
        let is_news = !matches!(dialed, Dialed::Pending);
        self.on_dialed(pool, dialed);
        is_news
    }

    /// What statistics and progress are about.
    pub(super) fn open_ids(&self) -> impl Iterator<Item = Id> {
        self.streams.table.ids().chain(self.service.traffic_ids())
    }
}

impl Session for StreamSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            event if self.is_taken(pool, &event) || refusing::on(self, pool, &event) => {}
            Event::Accepted { id, peer, local, .. } => self.accept(pool, id, peer, local),
            Event::AcceptFailed { error, .. } => self.accept_failed(pool, &error),
            Event::Data { id, bytes } if self.core.input.is(id) => {
                self.on_input(pool, Piece::Bytes(bytes))
            }
            Event::Data { id, bytes } => self.on_data(pool, id, Piece::Bytes(bytes)),
            Event::Eof { id } if self.core.input.is(id) => self.on_input(pool, Piece::End),
            Event::Eof { id } => self.on_data(pool, id, Piece::End),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::HungUp { id } => self.on_hung_up(pool, id),
            Event::Negotiated { id } => self.streams.on_negotiated(&mut self.core, pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
        self.event_done(pool);
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.with(pool, |service, context| service.resume(context));
        self.event_done(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(reason) => {
                if self.core.listens {
                    self.core.limit_flushing(pool, reason, GRACE);
                }
                self.end(pool, reason);
            }
            ShutdownMode::Enough => self.end_with_enough(pool),
            ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::GiveUp(reason) => {
                self.core.limit_end(pool, reason);
                self.give_up(pool, EndMode::GiveUp, reason);
            }
            ShutdownMode::Now(reason) => self.give_up(pool, EndMode::AtOnce, reason),
        }
    }

    fn stop(&mut self, pool: &mut Pool) {
        self.streams.forgive_peers();
        if self.streams.profile.drains {
            self.core.drain_then_end(pool, Duration::ZERO);
        } else {
            self.close(pool, ShutdownMode::InOrder(SIGNALLED));
        }
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        if self.with(pool, |service, context| service.report_stats(context)) {
            return;
        }
        let open = OpenTraffic::of(pool, self.open_ids());
        let stats = self.core.console.sums(Name::Stats, pool, open);
        let stats = match self.core.listens {
            true => stats.clients(self.streams.table.len() as u64),
            false => stats,
        };
        self.core.console.report(pool, &stats);
    }

    fn show_progress(&mut self, pool: &mut Pool) {
        if self.with(pool, |service, context| service.show_progress(context)) {
            return;
        }
        let open = OpenTraffic::of(pool, self.open_ids());
        let queued = self.open_ids().map(|id| pool.queued(id)).max();
        self.core.show_progress(pool, open, queued.unwrap_or(0));
    }

    fn report_waiting(&mut self, pool: &mut Pool) {
        match self.service.waiting() {
            Some(text) if self.streams.table.is_empty() => {
                self.core.console.warn(pool, Kind::Waiting, &text);
            }
            _ if self.core.is_ending() => self.core.report_waiting(pool),
            _ => self.streams.report_unclosed(&mut self.core, pool),
        }
    }
}
