//! The stream session: accepts connections, and gives what they send to its service.

use bytes::Bytes;

use super::commands::Directory;
use super::slow::SlowPolicy;
use super::{Admission, Connection, Context, Flow, SendState, Streams};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status, plain};
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::Input;
use crate::report::{Name, Notice};
use crate::sessions::config::Serve;
use crate::sessions::console::{Console, Message, is_loss};
use crate::sessions::core::{Core, GRACE, NOTE_AFTER};
use crate::sessions::feed::Feed;
use crate::sessions::inlet::{self, Inlet};
use crate::sessions::services::{self, Encoder, StreamService};
use crate::sessions::session::{How, Session};
use crate::sessions::timers;
use crate::sockets::Endpoint;

/// The end of a client that is not let in.
const REFUSED: CloseReason = CloseReason::new(Cause::Host, Detail::Refused);

/// Connections, and one service for all of them.
pub struct StreamSession {
    pub(super) core: Core,
    pub(super) streams: Streams,
    service: Box<dyn StreamService>,
    greet: Option<Bytes>,
    /// `--send`: what each client is sent in place of stdin, and how many messages it is.
    preset: Option<(Bytes, usize)>,
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
        mut feed: Feed,
        listeners: Vec<Id>,
    ) -> Result<Self, Failure> {
        let preset = feed.take_words()?.map(|batch| (batch.bytes.into(), batch.ends.len()));
        let encoder = Encoder::new(&config.common.wire);
        let greet = config.greet.as_ref().map(|text| encoder.text("--greet", text)).transpose()?;
        let service = services::of(
            config.handling,
            config.replay.as_ref(),
            config.queue,
            &config.common,
            encoder,
        )?;
        // Each recorded conversation is played once.
        let played = config.replay.as_ref().map(|replay| replay.scripts.len() as u64);
        let conns = config.conns.or(played);
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        let flow = service.flow();
        let streams = Streams {
            admission: Admission::new(config.access, conns, config.max_clients),
            listeners,
            table: IdMap::default(),
            directory: Directory::default(),
            slow: SlowPolicy::new(config.slow, flow),
            flow,
            queue: config.queue,
            paused: false,
            worst: None,
            peer_name: String::new(),
        };
        Ok(Self { core, streams, service, greet, preset, releasing: false })
    }

    /// Begins to serve.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        self.core.await_first(pool, "serve", "a client", "nobody connected");
        self.balance(pool);
    }

    /// Says how many descriptors this process may have, where that is known.
    pub fn limit_descriptors(&mut self, limit: Option<u64>) {
        let (each, listeners) = (self.service.descriptors(), self.streams.listeners.len());
        if let Some(limit) = limit {
            self.streams.admission.limit_descriptors(limit, each, listeners);
        }
    }

    /// Takes a new connection into the session.
    fn accept(&mut self, pool: &mut Pool, id: Id, peer: Endpoint, local: Endpoint) {
        let names = (peer.to_string(), local.to_string());
        if !self.streams.admission.admits(&peer) {
            let notice = Notice::new(Name::Closed).peer(&names.0).local(&names.1).closed(REFUSED);
            self.core.console.report(pool, &notice);
            return pool.abort(id, REFUSED);
        }
        let number = self.core.count_connection();
        self.core.first_came(pool);
        let notice = Notice::new(Name::Accepted).conn(number).peer(&names.0).local(&names.1);
        self.core.console.report(pool, &notice);
        let connection = Connection {
            number,
            peer,
            local,
            receiver: Inlet::new(&self.core.common, pool.now()),
            ended: false,
            send: SendState::Flowing,
            skipped: 0,
        };
        if self.core.feed.commands() {
            self.streams.directory.add(number, &names.0, id);
        }
        self.streams.table.insert(id, connection);
        if self.streams.admission.is_complete(self.core.connections()) {
            self.streams.stop_listening(pool);
        }
        self.begin(pool, id);
        self.balance(pool);
    }

    /// The timers of a new connection, and what it is sent first.
    fn begin(&mut self, pool: &mut Pool, id: Id) {
        pool.set_high_mark(id, self.streams.queue);
        if let Some(max_frame) = self.core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), super::deadlines::HELLO);
        }
        if self.streams.paused {
            pool.pause(id);
        }
        if let Some(text) = self.greet.clone() {
            let outcome = pool.send(id, &text);
            self.streams.sent(&mut self.core, pool, id, outcome);
        }
        if let Some((text, messages)) = self.preset.clone() {
            let outcome = pool.send_shared(id, text);
            self.streams.sent(&mut self.core, pool, id, outcome);
            self.core.count_sent(messages);
        }
        let limits = self.core.common.limits;
        for (limit, purpose) in [(limits.idle, timers::IDLE), (limits.read, timers::READ)] {
            if let Some(limit) = limit {
                pool.arm(TimerKey::of(id, purpose), limit);
            }
        }
        self.with(pool, |service, context| service.opened(context, id));
        if self.input().ended {
            self.input_ended(pool, id);
        }
    }

    /// Lets the service act, and does what that asks for.
    pub(super) fn with<R>(
        &mut self,
        pool: &mut Pool,
        act: impl FnOnce(&mut dyn StreamService, &mut Context<'_>) -> R,
    ) -> R {
        let Self { core, streams, service, .. } = self;
        let mut context = Context { core, streams, pool, parted: false };
        let result = act(service.as_mut(), &mut context);
        let parted = context.parted;
        if parted {
            self.on_parted(pool);
        }
        result
    }

    fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        // The receiver is taken out while its messages go to the others, and put back.
        let Some(connection) = self.streams.table.get_mut(id) else { return };
        let (mut receiver, number) = (connection.receiver.take(), connection.number);
        let name = if self.shows_peers() { self.streams.take_peer_name(id) } else { String::new() };
        let now = pool.now();
        let framed = self.with(pool, |service, context| {
            receiver.feed(bytes, eof, now, &mut |frame| {
                if service.takes(id) && context.core.take_message(frame.payload) {
                    let message = Message { conn: Some(number), ..Message::framed(&frame, &name) };
                    service.message(context, id, &message);
                }
            })
        });
        self.core.note_match(receiver.has_matched());
        if self.shows_peers() {
            self.streams.peer_name = name;
        }
        if let Some(connection) = self.streams.table.get_mut(id) {
            connection.receiver = receiver;
        }
        self.core.console.commit(pool);
        if !self.with(pool, |service, context| service.received(context, id)) {
            // The service has closed it.
        } else if self.core.has_enough() {
            self.end_with_enough(pool);
        } else if let Err(error) = framed {
            self.bad_frame(pool, id, &error);
        } else if eof {
            let input = self.input();
            self.with(pool, |service, context| service.half_closed(context, id, input));
        }
        self.balance(pool);
    }

    /// Whether anything shows whom a message came from.
    fn shows_peers(&self) -> bool {
        let form = self.core.common.output.form;
        let is_bare = matches!(form, Output::None | Output::Written(Written::Raw | Written::Line));
        !is_bare || self.core.console.reports_messages()
    }

    fn bad_frame(&mut self, pool: &mut Pool, id: Id, error: &crate::framing::FrameError) {
        let Some(connection) = self.streams.table.get(id) else { return };
        let failure = inlet::bad_frame(connection.title(), error);
        self.core.console.complain(pool, &failure);
        pool.abort(id, CloseReason::FRAME);
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(connection) = self.streams.table.get_mut(id) {
            self.streams.slow.release(connection);
            if self.streams.flow == Flow::Answers && !self.streams.paused {
                pool.resume(id);
            }
            self.with(pool, |service, context| service.drained(context, id));
            self.balance(pool);
        }
        self.report_drained(pool, id);
        if let (true, Some(patience)) = (self.input().ended, self.core.common.rules.quit_after) {
            pool.arm(TimerKey::of(id, timers::QUIT), patience);
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(mut connection) = self.streams.table.remove(id) else { return };
        self.streams.slow.release(&mut connection);
        if self.core.feed.commands() {
            self.streams.directory.remove(connection.number, &connection.peer.to_string(), id);
            self.report_unsent(pool, &connection, end);
        }
        self.core.console.count(&end.traffic);
        let Self { core, streams, service, .. } = self;
        let mut context = Context { core, streams, pool, parted: false };
        context.report_closed(&connection, end);
        // Who has enough cuts off what the others do not take.
        let is_enough = context.core.has_enough() && end.reason.cause == Cause::Host;
        if is_loss(end) && !is_enough && !service.reports_loss() {
            context.streams.note_loss(Status::Lost);
            context.report_loss(&connection, end);
        }
        if connection.skipped > 0 {
            let text = format!("{} missed {} messages", connection.title(), connection.skipped);
            self.core.console.warn(pool, Kind::Skipped, &text);
            self.streams.note_loss(Status::Lost);
        }
        self.with(pool, |service, context| service.closed(context, id, end));
        self.on_parted(pool);
    }

    /// A client is gone, or what the service had for one: others may come, or the run is over.
    fn on_parted(&mut self, pool: &mut Pool) {
        self.balance(pool);
        let may_come = !self.core.is_ending() && !self.streams.listeners.is_empty();
        if !self.streams.table.is_empty() || may_come {
            return;
        }
        let Self { core, streams, service, .. } = self;
        if service.wind_down(&mut Context { core, streams, pool, parted: false }) {
            pool.arm(TimerKey::global(timers::NOTE), NOTE_AFTER);
        }
        if self.is_deserted() {
            self.core.begin_ending(pool);
            self.finish(pool);
        }
    }

    /// Whether nobody is left.
    fn is_deserted(&self) -> bool {
        self.streams.table.is_empty() && self.service.is_idle()
    }

    /// stdin as a connection sees it.
    pub(super) fn input(&self) -> Input {
        self.service.input(self.core.feed.input())
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
            self.core.feed.pause(pool);
        }
        let blocks = self.streams.slow.is_blocking() && self.streams.flow == Flow::Peers;
        let full = self.core.console.is_full() || blocks;
        self.streams.set_paused(pool, full && self.streams.flow != Flow::Relayed);
    }

    /// New clients wait in the backlog while there are as many as can be served, and while nobody
    /// reads the events: each would add some. Hooks that do not keep up are such readers.
    fn update_accepting(&mut self, pool: &mut Pool) {
        let present = self.streams.table.len() + self.service.left_behind();
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
            let text = format!(
                "cannot accept more than {count} connections: {cause} (`ulimit -n` sets the limit); the rest wait"
            );
            self.core.console.warn(pool, Kind::Starved, &text);
        }
    }

    /// Stops listening and closes all connections in order.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.wind_up(pool);
        self.with(pool, |service, context| service.end(context));
        for id in self.streams.table.ids() {
            pool.close(id, reason, CloseMode::Linger);
        }
    }

    /// Has received what it was for. What is queued goes out, to peers that take it soon.
    fn end_with_enough(&mut self, pool: &mut Pool) {
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
        self.core.hurried = true;
        self.wind_up(pool);
        self.with(pool, |service, context| service.abort(context, reason));
        self.streams.table.ids().for_each(|id| pool.abort(id, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.core.feed.close(pool);
        self.streams.stop_listening(pool);
        if self.is_deserted() {
            self.finish(pool);
        }
    }

    /// Nobody is left: what their ends cost decides the status, where nothing else has.
    fn finish(&mut self, pool: &mut Pool) {
        if let Some(status) = self.streams.worst {
            self.core.decide(status);
        }
        self.core.finish(pool);
    }

    /// When a byte last moved, on the connection or on what the service has for it.
    pub(super) fn last_active(&self, pool: &Pool, id: Id) -> Option<std::time::Instant> {
        let traffic = pool.traffic(id)?;
        Some(self.service.last_active(pool, id).unwrap_or(traffic.last_active))
    }

    /// Whether a connection cannot be expected to move a byte.
    pub(super) fn is_awaited(&self, id: Id) -> bool {
        self.service.is_awaited(id)
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
            Event::Data { id, bytes } if self.core.feed.is(id) => self.on_input(pool, bytes, false),
            Event::Data { id, bytes } => self.on_data(pool, id, bytes, false),
            Event::Eof { id } if self.core.feed.is(id) => self.on_input(pool, &[], true),
            Event::Eof { id } => self.on_data(pool, id, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.balance(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(reason) => {
                self.core.limit_flushing(pool, reason, GRACE);
                self.end(pool, reason);
            }
            How::Enough => self.end_with_enough(pool),
            How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.streams.table.ids().collect()
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
