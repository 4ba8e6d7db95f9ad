//! `echo`: what is received goes back, on streams and datagram sockets alike.
//!
//! `datagrams` has the sockets, `responder` what is made of a message and when it is due.

mod datagrams;
mod responder;

use super::config::Echo;
use super::console::{Console, Message};
use super::core::{Core, GRACE, SIGNALLED};
use super::datagrams::{FullPeer, GroupInterface, PeerAdmission, Sockets, Unanswered};
use super::input::InputReader;
use super::services::{Activity, Profile, Remains, StreamService};
use super::session::ShutdownMode;
use super::streams::{Admission, AdmissionRules, Backlog, Context, EndMode, Flow, StreamSession};
use super::timers;
use crate::close::CloseReason;
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, Pool, TimerKey};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::multicast::{Interface, InterfaceWatch};
use crate::protocol::relay::InputState;
use crate::protocol::slow::SlowRules;

use responder::{Answer, DelayQueue, MessageClass, Responder};

/// What may wait for a client, which waits for nobody but itself, however long that takes.
const QUEUE: usize = 256 * 1024;
/// Answers are sent as soon as they are as many bytes. With `--prefix` those to one read may be a
/// thousand times as long as it is: its other messages wait while the queue is full.
const PORTION: usize = 64 * 1024;

/// The echo server: it sends back what the connections send, and what its datagram sockets receive.
///
/// A connection that is to be closed gets the answers that wait for it first:
///
/// ```text
/// open ── FIN, quit word, stop word or the end of the run ──> pending ── answered ──> closed
/// ```
///
/// The datagram sockets stay open until the run ends and nothing waits any more.
pub struct EchoService {
    responder: Responder,
    delay_queue: DelayQueue,
    /// Connections from which no message is taken any more, and why they are closed once they
    /// have their answers.
    pending: IdMap<CloseReason>,
    sockets: Sockets,
    /// Whose datagrams count.
    peers: PeerAdmission,
    unanswered: Unanswered,
    /// The interfaces of the groups.
    joined: Vec<Interface>,
    watch: InterfaceWatch,
    /// The answers to one read of a connection.
    answers: Vec<u8>,
    /// The first of these that the framing cannot carry.
    trouble: Option<FrameError>,
}

impl EchoService {
    /// The session of an echo server over open listeners and datagram sockets, those of groups with
    /// the group and its interface. On the interfaces in `joined` something is joined.
    pub fn session(
        config: Echo,
        console: Console,
        input: InputReader,
        listeners: Vec<Id>,
        open: Vec<(Id, GroupInterface)>,
        joined: Vec<Interface>,
    ) -> StreamSession {
        // Answers wait for a unix peer that reads late, as a client of a stream waits for its own.
        let mut sockets = Sockets::new(FullPeer::Wait);
        open.into_iter().for_each(|(id, place)| sockets.add(id, place));
        let service = Self {
            responder: Responder::new(&config),
            delay_queue: DelayQueue::new(config.delay),
            pending: IdMap::default(),
            sockets,
            peers: PeerAdmission::new(config.access.clone()),
            unanswered: Unanswered::default(),
            joined,
            watch: InterfaceWatch::default(),
            answers: Vec::new(),
            trouble: None,
        };
        let slow = SlowRules::PATIENT;
        let backlog = Backlog { queue: QUEUE, slow, frames: config.frame_total };
        let mut core = Core::new(config.common, console, input);
        // Datagrams are messages, also beside streams that have none.
        if config.sockets.has_datagrams() {
            core.search_messages();
        }
        let admission =
            Admission::new(AdmissionRules { access: config.access, ..AdmissionRules::default() });
        StreamSession::new(core, Box::new(service), admission, backlog, listeners.into())
    }

    /// Sends the answers to one read, or has them wait.
    fn answer(&mut self, context: &mut Context<'_>, id: Id) {
        if self.answers.is_empty() {
            return;
        }
        if self.delay_queue.is_enabled() {
            let bytes = std::mem::take(&mut self.answers).into();
            self.delay_queue.push(context.pool.now(), id, Answer { bytes, path: None });
            return self.arm_timer(context);
        }
        let outcome = context.pool.send(id, &self.answers);
        context.sent(id, outcome);
        self.answers.clear();
        // One large answer must not hold its memory for the rest of the run.
        self.answers.shrink_to(2 * PORTION);
    }

    /// Answers are due.
    fn answer_due(&mut self, context: &mut Context<'_>) {
        while let Some((id, answer)) = self.delay_queue.pop(context.pool.now()) {
            match &answer.path {
                Some(to) => self.send_datagram(context, id, (&answer.bytes).into(), to),
                None => {
                    let outcome = context.pool.send(id, &answer.bytes);
                    context.sent(id, outcome);
                }
            }
            self.balance(context, id);
        }
        self.arm_timer(context);
        self.close_sockets_if_done(context);
    }

    /// Warns of interfaces of groups that are gone.
    fn look_at_interfaces(&mut self, context: &mut Context<'_>) {
        let Context { core, pool, .. } = context;
        pool.arm(TimerKey::global(timers::INTERFACES), InterfaceWatch::EVERY);
        for name in self.watch.look(self.joined.iter()).0 {
            let text = format!("{name} is gone, and what was joined on it receives nothing");
            core.console.warn(pool, Kind::NoSuchInterface, &text);
        }
    }

    fn arm_timer(&self, context: &mut Context<'_>) {
        if let Some(due) = self.delay_queue.next() {
            let after = due.saturating_duration_since(context.pool.now());
            context.pool.arm(TimerKey::global(timers::ANSWER_DUE), after);
        }
    }

    /// Reads a source, or leaves what it sends in the kernel while its answers wait. Closes a
    /// connection that is to be closed and has its answers.
    fn balance(&self, context: &mut Context<'_>, id: Id) {
        if self.sockets.is_open(id) {
            return self.balance_socket(context.pool, id);
        }
        let (pending, is_answered) = (self.pending.get(id), !self.delay_queue.has(id));
        // One that is being closed is read to its FIN, so that its close ends in order.
        let held = !is_answered && (pending.is_some() || self.delay_queue.is_full(id));
        context.streams.hold(context.pool, id, held);
        if let Some(reason) = pending.filter(|_| is_answered) {
            context.pool.close(id, *reason, CloseMode::Linger);
        }
    }

    /// Closes a connection once it has its answers, and takes no more messages of it.
    fn close_when_answered(&mut self, context: &mut Context<'_>, id: Id, reason: CloseReason) {
        if !self.pending.contains(id) {
            self.pending.insert(id, reason);
        }
        self.balance(context, id);
    }

    /// Ends the run where the stop word has come. It ends in order, as it does at SIGTERM, whatever
    /// became of some connections.
    fn end_if_stopped(&self, context: &mut Context<'_>) {
        if self.responder.has_stop_word() {
            context.streams.forgive_peers();
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        }
    }
}

impl StreamService for EchoService {
    /// What has arrived is read before the end, and answered.
    fn profile(&self) -> Profile {
        let awaited = ("serve", "a client", "nobody came");
        let profile = Profile::of(Flow::Answers);
        Profile { awaited, counts_messages: true, drains: true, passes_on: true, ..profile }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        // An answer must not wait until the one before is acknowledged.
        context.streams.set_nodelay(context.pool);
        if self.delay_queue.is_enabled() {
            context.pool.keep_exact_time();
        }
        if !self.joined.is_empty() {
            self.look_at_interfaces(context);
        }
    }

    /// What follows a word that closes the connection is not taken.
    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        if self.pending.contains(id) || !context.core.take_message(message.payload) {
            return;
        }
        context.core.console.deliver(context.pool, message);
        match self.responder.classify(message.payload) {
            MessageClass::Dropped => {}
            // `received` closes it, behind the answers to earlier messages.
            MessageClass::Quit | MessageClass::Stop => self.pending.insert(id, CloseReason::HOST),
            MessageClass::Echo => {
                match self.responder.stream(message, &mut self.answers) {
                    Ok(()) => context.core.count_sent(1),
                    Err(error) => self.trouble = self.trouble.take().or(Some(error)),
                }
                if self.answers.len() >= PORTION {
                    self.answer(context, id);
                    self.balance(context, id);
                }
            }
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        self.answer(context, id);
        self.balance(context, id);
        self.end_if_stopped(context);
        let trouble = self.trouble.take();
        if let Some(error) = &trouble {
            context.bad_frame(id, error);
        }
        trouble.is_none()
    }

    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, _input: InputState) {
        context.note_end(id);
        context.report_undelivered(id);
        if let Some(reason) = context.streams.table.get(id).map(|client| client.end_reason()) {
            self.close_when_answered(context, id, reason);
        }
    }

    fn closed(&mut self, context: &mut Context<'_>, id: Id, _end: &End) {
        self.pending.remove(id);
        // Who sends and resets, again and again, must not fill the memory with answers to nobody.
        self.delay_queue.forget(id);
        self.close_sockets_if_done(context);
    }

    fn activity(&self, _pool: &Pool, id: Id) -> Activity {
        Activity { last: None, is_awaited: self.delay_queue.has(id) }
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Timer { key } if *key == TimerKey::global(timers::ANSWER_DUE) => {
                self.answer_due(context);
                true
            }
            Event::Timer { key } if *key == TimerKey::global(timers::INTERFACES) => {
                self.look_at_interfaces(context);
                true
            }
            _ => self.on_socket(context, event),
        }
    }

    fn resume(&mut self, context: &mut Context<'_>) {
        if !context.core.is_ending() {
            self.sockets.set_paused(context.pool, false);
            self.sockets.ids().for_each(|id| self.balance_socket(context.pool, id));
        }
    }

    /// Accepts no more messages; what was taken is still answered.
    fn end(&mut self, context: &mut Context<'_>) {
        // First: sockets close only in a run that is ending.
        context.core.begin_ending(context.pool);
        // The last answer may be due only after the whole delay; the grace begins then.
        context.core.limit_flushing(context.pool, SIGNALLED, self.delay_queue.delay() + GRACE);
        let ids: Vec<Id> = context.streams.table.ids().collect();
        ids.into_iter().for_each(|id| self.close_when_answered(context, id, CloseReason::HOST));
        self.sockets.set_paused(context.pool, true);
        self.close_sockets_if_done(context);
    }

    fn keeps(&self, id: Id) -> bool {
        self.delay_queue.has(id)
    }

    fn is_owed(&self, id: Id) -> bool {
        self.delay_queue.has(id)
    }

    fn abort(&mut self, context: &mut Context<'_>, _how: EndMode, _reason: CloseReason) {
        self.delay_queue.clear();
        self.sockets.clear_queues();
        self.close_sockets_if_done(context);
    }

    fn remains(&self) -> Remains {
        Remains { orphans: 0, are_needed: self.sockets.ids().next().is_some() }
    }

    fn traffic_ids(&self) -> Vec<Id> {
        self.sockets.ids().collect()
    }
}
