//! `udp-send` and `mcast-send` with `--input commands` or `json`: each command names what is sent and
//! to whom, and is answered by what became of it.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::commands::{
    self, CommandedService, DatagramReceiver, DeferredMessage, allow_commands, report_rest,
    report_unsent,
};
use super::ending::{Answers, InputDrain, has_more, idle};
use super::outlets::{KnownPeers, OutletOpening, Outlets};
use super::replies::report_cut;
use super::{
    DatagramContext, DatagramService, DatagramSession, Flushed, FullPeer, GroupOutlets, Sockets,
    UdpOutlets,
};
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::command::Recipient;
use crate::report::{Name, Notice};
use crate::sessions::config::SendConfig;
use crate::sessions::console::{Console, Message};
use crate::sessions::control::unsendable;
use crate::sessions::input::InputReader;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::timers;
use crate::sockets::datagram;
use crate::sys::mmsg::Arrival;

/// How often what waits is tried again: not every queue that is full reports that it has room.
const TRY_AGAIN: Duration = Duration::from_millis(2);
/// How often a queue that has stood still for 200 ms is tried again.
const TRY_STUCK: Duration = Duration::from_millis(20);
/// How long commands wait for the resolver, so that all is sent in order.
const LOOKUP: Duration = Duration::from_millis(200);
/// Messages that may wait for the resolver.
const MOST_DEFERRED: usize = 1024;

/// A sender that commands drive.
///
/// ```text
/// Opening ──> Obeying ── the end of the commands ──> Flushing ── all is sent ──> Awaiting ──> end
///                └────── /quit ──> Flushing ── all is sent, or 2 s have passed ───────────────^
/// ```
pub struct CommandSendService {
    outlets: Box<dyn Outlets>,
    answers: Answers,
    /// Whose answers are taken; `None` is everybody's.
    known: Option<KnownPeers>,
    ending: Option<AfterFlush>,
    drain: InputDrain,
    /// Messages to names that are looked up, in order. While the first waits for the resolver, commands
    /// wait for it as well, but no longer than `LOOKUP`.
    deferred: VecDeque<DeferredMessage>,
    /// The resolver has taken longer.
    is_late: bool,
}

/// What follows once all is sent.
#[derive(Clone, Copy)]
enum AfterFlush {
    /// Answers are awaited.
    Answers,
    /// Nothing.
    AtOnce,
}

impl CommandSendService {
    /// A session that sends to internet addresses and unix sockets. It takes the answers of those that
    /// it has sent to, or of everybody (`takes_all`).
    pub fn udp_session(
        pool: &Pool,
        config: SendConfig,
        console: Console,
        input: InputReader,
        outlets: UdpOutlets,
        takes_all: bool,
    ) -> DatagramSession {
        let known = (!takes_all).then(KnownPeers::default);
        let sockets = Sockets::new(FullPeer::Retry);
        Self::session(pool, config, console, input, (Box::new(outlets), known, sockets))
    }

    /// A session that sends to groups, and takes the answers of every member.
    pub fn group_session(
        pool: &Pool,
        config: SendConfig,
        console: Console,
        input: InputReader,
        outlets: GroupOutlets,
    ) -> DatagramSession {
        let sockets = Sockets::of(FullPeer::Retry, outlets.ids());
        Self::session(pool, config, console, input, (Box::new(outlets), None, sockets))
    }

    fn session(
        pool: &Pool,
        config: SendConfig,
        console: Console,
        input: InputReader,
        (outlets, known, sockets): (Box<dyn Outlets>, Option<KnownPeers>, Sockets),
    ) -> DatagramSession {
        let answers = Answers::new(config.reply, pool.now());
        let (ending, drain, deferred, is_late) = Default::default();
        let service = Self { outlets, answers, known, ending, drain, deferred, is_late };
        DatagramSession::new(config.common, console, input, sockets, service)
    }

    fn opened(&mut self, context: &mut DatagramContext<'_>, opening: OutletOpening) {
        match opening {
            OutletOpening::Pending => {}
            OutletOpening::Failed(failure) => context.fail(&failure),
            OutletOpening::Named => self.send_deferred(context),
            OutletOpening::Done(ends) => {
                if let Some((locals, first)) = ends {
                    context.core.ready(context.pool, &locals, &first);
                }
                allow_commands(self, context);
            }
        }
    }

    /// Something was sent, or waits: arranges for what follows.
    fn go_on(&mut self, context: &mut DatagramContext<'_>) {
        self.report_all_refused(context);
        if !context.sockets.is_flushed() {
            let pause = if context.sockets.are_moving() { TRY_AGAIN } else { TRY_STUCK };
            // Commands go on meanwhile, and must not put it off.
            context.pool.arm_once(TimerKey::global(timers::PACE), pause);
        }
        // The end of the commands has closed them.
        if self.ending.is_none() {
            allow_commands(self, context);
        }
    }

    /// What the network reports of earlier datagrams.
    fn report_all_refused(&mut self, context: &mut DatagramContext<'_>) {
        let ids: Vec<Id> = context.sockets.ids().collect();
        ids.into_iter().for_each(|id| self.report_refused(context, id));
    }

    /// The same at the end, and what no call has returned.
    fn report_last_refused(&mut self, context: &mut DatagramContext<'_>) {
        let ids: Vec<Id> = context.sockets.ids().collect();
        for id in ids {
            if let Some(error) = context.pool.take_error(id) {
                self.error(context, id, &error);
            }
            self.report_refused(context, id);
        }
    }

    /// Earlier datagrams that the network reports as not arrived.
    fn report_refused(&mut self, context: &mut DatagramContext<'_>, id: Id) {
        for (to, error) in context.pool.take_late_errors(id) {
            self.outlets.refused(to);
            report_refused(context, &to.to_string(), &error);
        }
    }

    fn end_when_sent(&mut self, context: &mut DatagramContext<'_>, ending: AfterFlush) {
        self.ending = Some(ending);
        if !self.has_unsent(context.sockets) {
            self.all_sent(context);
        }
    }

    /// The resolver has answered: sends what has waited for it, as far as the next name.
    fn send_deferred(&mut self, context: &mut DatagramContext<'_>) {
        while let Some(message) = self.deferred.pop_front() {
            if self.must_look_up(context, &message.to) {
                self.deferred.push_front(message);
                return;
            }
            if let Err(failure) = commands::send(self, context, &message) {
                let notice = Notice::error(&failure).line(message.line);
                context.core.console.report_batched(context.pool, &notice);
            }
        }
        self.is_late = false;
        context.pool.disarm(TimerKey::global(timers::NEXT_ADDRESS));
        context.core.console.commit(context.pool);
        if self.ending.is_some() && context.sockets.is_flushed() {
            self.all_sent(context);
        }
        self.go_on(context);
    }

    fn must_look_up(&mut self, context: &mut DatagramContext<'_>, to: &Recipient) -> bool {
        match to {
            Recipient::Peer(peer) => self.outlets.must_look_up(context, peer),
            Recipient::All | Recipient::Conn(_) => false,
        }
    }

    /// Nothing waits any more.
    fn all_sent(&mut self, context: &mut DatagramContext<'_>) {
        self.drain.look(context);
        if self.ending.is_some() {
            self.report_last_refused(context);
        }
        match self.ending {
            Some(AfterFlush::Answers) => self.answers.begin(context),
            Some(AfterFlush::AtOnce) => self.answers.give_up(context),
            None => {}
        }
    }
}

fn report_refused(context: &mut DatagramContext<'_>, peer: &str, error: &io::Error) {
    let failure = datagram::failure(peer, error);
    context.report(&Notice::send_failed(failure.kind, failure.to_string()).peer(peer));
}

impl CommandedService for CommandSendService {
    fn receivers(
        &mut self,
        context: &mut DatagramContext<'_>,
        to: &Recipient,
    ) -> Result<Vec<DatagramReceiver>, Failure> {
        let receivers = match to {
            Recipient::Peer(peer) => self.outlets.find(context, peer)?,
            Recipient::All | Recipient::Conn(_) => self.outlets.named(),
        };
        if receivers.is_empty() {
            let cause = "the command line names no address: name the receiver with `to` or /to";
            let target = to.to_string();
            return Err(Failure::new(Status::Usage, Kind::BadCommand, "send to", target, cause));
        }
        if let Some(known) = &mut self.known {
            receivers.iter().for_each(|receiver| known.note(receiver));
        }
        Ok(receivers)
    }

    fn list(&self, _: &Sockets, report: &mut dyn FnMut(&Notice<'_>)) {
        self.outlets.list(report);
    }

    fn sends_to_groups(&self) -> bool {
        self.outlets.are_groups()
    }

    fn defer(
        &mut self,
        context: &mut DatagramContext<'_>,
        message: DeferredMessage,
    ) -> Result<Option<DeferredMessage>, Failure> {
        let waits = self.deferred.iter().any(|one| one.to == message.to)
            || self.must_look_up(context, &message.to);
        if !waits {
            return Ok(Some(message));
        }
        if self.deferred.len() >= MOST_DEFERRED {
            let cause = format!("{MOST_DEFERRED} messages wait for the resolver");
            return Err(unsendable(&message.to, Kind::Resolver, cause));
        }
        if self.deferred.is_empty() {
            context.arm(timers::NEXT_ADDRESS, LOOKUP);
        }
        self.deferred.push_back(message);
        debug_assert!(self.deferred.len() <= MOST_DEFERRED, "{} wait", self.deferred.len());
        Ok(None)
    }

    fn has_unsent(&self, sockets: &Sockets) -> bool {
        !(sockets.is_flushed() && self.deferred.is_empty())
    }

    /// A peer that takes nothing, and a resolver that does not answer, hold no command up for longer
    /// than 200 ms.
    fn holds_commands(&self, sockets: &Sockets) -> bool {
        sockets.are_moving() || !(self.is_late || self.deferred.is_empty())
    }

    fn quit(&mut self, context: &mut DatagramContext<'_>) {
        self.end_when_sent(context, AfterFlush::AtOnce);
    }

    fn commands_ended(&mut self, context: &mut DatagramContext<'_>) {
        self.end_when_sent(context, AfterFlush::Answers);
    }
}

impl DatagramService for CommandSendService {
    fn start(&mut self, context: &mut DatagramContext<'_>) {
        let opening = self.outlets.open(context);
        self.opened(context, opening);
    }

    fn message(&mut self, context: &mut DatagramContext<'_>, _: Id, arrival: &Arrival<'_>) {
        let is_known = self.known.as_ref().is_none_or(|known| known.has(arrival.from));
        if !is_known || !context.core.take_message(arrival.payload) {
            return;
        }
        let peer = arrival.from.to_string();
        let console = &mut context.core.console;
        console.deliver(context.pool, &Message::new(arrival.payload, &peer));
        report_cut(console, context.pool, &peer, arrival, "");
        self.answers.note(context.pool.now());
    }

    fn batch_done(&mut self, context: &mut DatagramContext<'_>, _: Id) {
        self.go_on(context);
    }

    fn input(&mut self, context: &mut DatagramContext<'_>, piece: Piece<'_>) {
        commands::execute_lines(self, context, piece);
        self.go_on(context);
    }

    fn drained(&mut self, context: &mut DatagramContext<'_>, flushed: &Flushed) {
        context.core.count_sent(flushed.sent);
        flushed.failed.iter().for_each(|unsent| report_unsent(context, unsent));
        if flushed.did_something() && !self.has_unsent(context.sockets) {
            context.report(&Notice::new(Name::Drained));
            self.all_sent(context);
        }
        self.go_on(context);
    }

    /// An error of an inherited socket names no destination, which is the one peer of that socket.
    fn error(&mut self, context: &mut DatagramContext<'_>, id: Id, error: &io::Error) {
        let named = self.outlets.named();
        let connected = named.iter().find(|one| one.socket == id && one.path.is_none());
        match connected {
            Some(one) => report_refused(context, &one.title, error),
            None => self.report_refused(context, id),
        }
    }

    fn event(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) {
        if let Some(opening) = self.outlets.on(context, event) {
            return self.opened(context, opening);
        }
        let Event::Timer { key } = event else { return };
        match key.purpose {
            timers::COMMANDS => self.input(context, Piece::Held),
            timers::NEXT_ADDRESS => {
                self.is_late = true;
                self.go_on(context);
            }
            timers::PACE => {
                let flushed = context.sockets.flush_all(context.pool);
                self.drained(context, &flushed);
            }
            timers::ANSWERS => self.answers.check(context),
            timers::QUIT => {
                let is_blocked = self.has_unsent(context.sockets);
                self.drain.step(context, is_blocked);
            }
            _ => {}
        }
    }

    /// Answers waited in the kernel, and the silence begins anew.
    fn resume(&mut self, context: &mut DatagramContext<'_>) {
        self.answers.listen_on(context.pool.now());
        self.go_on(context);
    }

    fn on_silence(&mut self, _: &mut DatagramContext<'_>, limit: Duration) -> Option<Failure> {
        Some(idle(limit))
    }

    /// What is queued goes out first, and what stdin holds already once answers are enough.
    fn may_close(&mut self, context: &mut DatagramContext<'_>, how: ShutdownMode) -> bool {
        if !self.drain.delays(how) {
            return true;
        }
        let is_cut = how == ShutdownMode::Enough && has_more(&context.core.input);
        let has_unsent = self.has_unsent(context.sockets);
        let has_rest = has_unsent || is_cut;
        if has_rest {
            self.drain.begin(context, has_unsent);
        }
        !has_rest
    }

    fn closing(&mut self, context: &mut DatagramContext<'_>) {
        self.report_last_refused(context);
        let deferred: usize = self.deferred.iter().map(|message| message.bytes.len()).sum();
        let unsent = context.sockets.queued() + deferred;
        match self.drain.failure(unsent) {
            Some(failure) => context.core.fail(context.pool, &failure),
            None => report_rest(context, unsent),
        }
    }
}
