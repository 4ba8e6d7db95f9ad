//! The stream session: accepts connections, and gives what they send to its service.

use std::time::Duration;

use bytes::Bytes;

use super::input::Directory;
use super::slow::SlowPolicy;
use super::{Admission, Context, Flow, Streams};
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, plain};
use crate::event_loop::{CloseMode, Event, Id, IdMap, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::protocol::relay::{Input, Source};
use crate::protocol::slow::SlowRules;
use crate::sessions::config::Serve;
use crate::sessions::console::Console;
use crate::sessions::core::{Core, GRACE, NOTE_AFTER, SIGNALLED};
use crate::sessions::input::InputReader;
use crate::sessions::services::{self, Encoder, Stdin, StreamService};
use crate::sessions::session::{Session, ShutdownMode};
use crate::sessions::timers;

/// What may wait for a connection, and what happens to one that does not take it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    /// Bytes that may wait.
    pub(crate) queue: usize,
    pub(crate) slow: SlowRules,
}

/// Connections, and one service for all of them.
pub struct StreamSession {
    pub(super) core: Core,
    pub(super) streams: Streams,
    pub(super) service: Box<dyn StreamService>,
    pub(super) greet: Option<Bytes>,
    /// `--send`: what each client is sent in place of stdin, and how many messages it is.
    pub(super) preset: Option<(Bytes, usize)>,
    /// Throttled input is being sent.
    pub(super) releasing: bool,
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
        let encoder = Encoder::new(&config.common.wire);
        let greet = config.greet.as_ref().map(|text| encoder.text("--greet", text)).transpose()?;
        let Serve { handling, replay, queue, .. } = config;
        // Each recorded conversation is played once.
        let played = replay.as_ref().map(|replay| replay.scripts.len() as u64);
        let service = services::of(handling, replay.as_ref(), queue, &config.common, encoder)?;
        let core = Core::new(config.common, console, input);
        let admission = Admission::new(config.access, config.conns.or(played), config.max_clients);
        let backlog = Backlog { queue, slow: config.slow };
        let mut session = Self::new(core, service, admission, backlog, listeners);
        (session.greet, session.preset) = (greet, preset);
        Ok(session)
    }

    /// A session over open listeners with any service.
    pub(crate) fn new(
        mut core: Core,
        service: Box<dyn StreamService>,
        admission: Admission,
        backlog: Backlog,
        listeners: Vec<Id>,
    ) -> Self {
        core.listens = true;
        let flow = service.flow();
        let streams = Streams {
            admission,
            listeners,
            table: IdMap::default(),
            directory: Directory::default(),
            slow: SlowPolicy::new(backlog.slow, flow),
            flow,
            queue: backlog.queue,
            paused: false,
            worst: None,
            peer_name: String::new(),
        };
        Self { core, streams, service, greet: None, preset: None, releasing: false }
    }

    /// Begins to serve.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        let (operation, target, cause) = self.service.awaited();
        self.core.await_first(pool, operation, target, cause);
        self.with(pool, |service, context| service.start(context));
        self.balance(pool);
    }

    /// Says how many descriptors this process may have, where that is known.
    pub fn limit_descriptors(&mut self, limit: Option<u64>) {
        let (each, listeners) = (self.service.descriptors(), self.streams.listeners.len());
        if let Some(limit) = limit {
            self.streams.admission.limit_descriptors(limit, each, listeners);
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
        let Context { parted, end, .. } = context;
        if let Some(how) = end.filter(|_| !self.core.is_ending()) {
            self.close(pool, how);
        }
        if parted {
            self.on_parted(pool);
        }
        result
    }

    /// A client is gone, or what the service had for one: others may come, or the run is over.
    pub(super) fn on_parted(&mut self, pool: &mut Pool) {
        self.balance(pool);
        let may_come = !self.core.is_ending() && !self.streams.listeners.is_empty();
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
        self.streams.table.is_empty() && self.service.is_idle()
    }

    /// stdin as a connection sees it.
    pub(super) fn input(&self) -> Input {
        match self.service.stdin() {
            Stdin::Relayed => self.core.input.progress(),
            Stdin::Shared | Stdin::Service { .. } => Input::new(Source::Absent),
        }
    }

    pub(super) fn input_ended(&mut self, pool: &mut Pool, id: Id) {
        let input = self.input();
        self.with(pool, |_, context| context.input_ended(id, input));
    }

    /// Pauses what would overflow a queue, and resumes what may flow again.
    pub(super) fn balance(&mut self, pool: &mut Pool) {
        self.update_accepting(pool);
        if self.may_feed() {
            self.resume_input(pool);
        } else {
            self.core.input.pause(pool);
        }
        let blocks = self.streams.slow.is_blocking() && self.streams.flow == Flow::Peers;
        let full = self.core.console.is_full() || blocks;
        self.streams.set_paused(pool, full && self.streams.flow != Flow::Relayed);
    }

    /// New clients wait in the backlog while there are as many as can be served, and while nobody
    /// reads the events: each would add some. Hooks that do not keep up are such readers.
    fn update_accepting(&mut self, pool: &mut Pool) {
        let present = self.streams.table.len() + self.service.orphans();
        let console = &self.core.console;
        let is_unread = self.core.common.output.form == Output::Json && console.is_full();
        let blocked = is_unread || console.hooks.are_full();
        let Some(change) = self.streams.admission.update(present, blocked) else { return };
        for listener in &self.streams.listeners {
            if change.accepting { pool.resume(*listener) } else { pool.pause(*listener) }
        }
        if change.exhausted {
            self.accept_failed(pool, &std::io::Error::from_raw_os_error(libc::EMFILE));
        }
    }

    fn accept_failed(&mut self, pool: &mut Pool, error: &std::io::Error) {
        if self.streams.admission.starve() {
            let (count, cause) = (self.streams.table.len(), plain(error));
            let noun = self.service.noun();
            let text = format!(
                "cannot accept more than {count} {noun}: {cause} (`ulimit -n` sets the limit); the rest wait"
            );
            self.core.console.warn(pool, Kind::Starved, &text);
        }
    }

    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::PACE, _) => self.balance(pool),
            (timers::GRACE, Some(id)) if self.core.has_enough() => {
                pool.abort(id, CloseReason::HOST);
            }
            (timers::GRACE, Some(id)) => pool.abort(id, super::deadlines::TOO_LATE),
            (timers::IDLE, Some(id)) => self.check_idle(pool, id),
            (timers::READ, Some(id)) => self.streams.check_message(&mut self.core, pool, id),
            (timers::HELLO, Some(id)) => {
                self.streams.check_handshake(&mut self.core, pool, id);
            }
            (timers::QUIT, Some(id)) => pool.close(id, CloseReason::HOST, CloseMode::NoWait),
            (timers::COMMANDS, _) => self.on_input(pool, &[], false),
            (timers::SLOW, Some(id)) => {
                self.streams.on_slow_timer(&mut self.core, pool, id);
                self.balance(pool);
            }
            _ => {}
        }
    }

    /// Stops listening and closes all connections in order.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.wind_up(pool);
        self.with(pool, |service, context| service.end(context));
        for id in self.streams.table.ids().filter(|id| !self.service.keeps(*id)) {
            pool.close(id, reason, CloseMode::Linger);
        }
    }

    /// Has received what it was for. What is queued goes out, to peers that take it soon.
    pub(super) fn end_with_enough(&mut self, pool: &mut Pool) {
        if self.core.is_ending() {
            return;
        }
        self.end(pool, CloseReason::HOST);
        for id in self.streams.table.ids() {
            pool.arm(TimerKey::of(id, timers::GRACE), GRACE);
        }
    }

    /// Stops listening and cuts all connections off.
    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.begin_abort();
        self.wind_up(pool);
        self.with(pool, |service, context| service.abort(context, reason));
        self.streams.table.ids().for_each(|id| pool.abort(id, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.core.input.close(pool);
        self.streams.stop_listening(pool);
        if self.is_deserted() {
            self.finish(pool);
        }
    }

    /// No client is left: what their ends cost decides the status, where nothing else has.
    fn finish(&mut self, pool: &mut Pool) {
        if let Some(status) = self.streams.worst {
            self.core.decide(status);
        }
        self.core.finish(pool);
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let Some(traffic) = pool.traffic(id) else { return };
        let last_active = self.service.last_active(pool, id).unwrap_or(traffic.last_active);
        let is_awaited = self.service.is_awaited(id);
        let expired = self.streams.check_idle(&self.core, pool, (id, last_active), is_awaited);
        let Some(cause) = expired else { return };
        let cause = self.with(pool, |service, context| service.idle(context, id, cause));
        if let Some(cause) = cause {
            self.streams.late(&mut self.core, pool, (id, Detail::Idle), &cause);
        }
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
        if self.with(pool, |service, context| service.event(context, &event)) {
            return;
        }
        match event {
            Event::Accepted { id, peer, local, .. } => self.accept(pool, id, peer, local),
            Event::AcceptFailed { error, .. } => self.accept_failed(pool, &error),
            Event::Data { id, bytes } if self.core.input.is(id) => {
                self.on_input(pool, bytes, false)
            }
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } if self.core.input.is(id) => self.on_input(pool, &[], true),
            Event::Eof { id } => self.on_data(pool, id, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.with(pool, |service, context| service.resume(context));
        self.balance(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: ShutdownMode) {
        match how {
            ShutdownMode::InOrder(reason) => {
                self.core.limit_flushing(pool, reason, GRACE);
                self.end(pool, reason);
            }
            ShutdownMode::Enough => self.end_with_enough(pool),
            ShutdownMode::Late => self.end(pool, CloseReason::HOST),
            ShutdownMode::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.streams.table.ids().chain(self.service.traffic_ids()).collect()
    }

    fn stop(&mut self, pool: &mut Pool) {
        if self.service.drains() {
            self.core.drain_then_end(pool, Duration::ZERO);
        } else {
            self.close(pool, ShutdownMode::InOrder(SIGNALLED));
        }
    }

    fn clients(&self) -> Option<usize> {
        Some(self.streams.table.len())
    }

    fn report_waiting(&mut self, pool: &mut Pool) {
        match self.service.waiting() {
            Some(text) if self.streams.table.is_empty() => {
                self.core.console.warn(pool, Kind::Waiting, &text);
            }
            _ if self.core.is_ending() => self.core.report_waiting(pool),
            _ => {}
        }
    }
}
