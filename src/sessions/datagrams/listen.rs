//! `udp-listen` and `mcast-join`: datagrams of many peers to stdout, stdin to some of them.

use std::time::Duration;

use super::commands::{self, CommandedService, report_rest, report_unsent};
use super::ending::{InputDrain, has_more, silence};
use super::exec::PeerCommands;
use super::groups::Groups;
use super::peers::PeerAdmission;
use super::replies::{InputTo, Replies, report_cut};
use super::statistics::Statistics;
use super::{
    DatagramContext, DatagramService, DatagramSession, Flushed, FullPeer, Sockets, UnsentDatagram,
};
use crate::error::Failure;
use crate::event_loop::{Event, Id};
use crate::kind::Kind;
use crate::multicast::{GroupAddress, InterfaceWatch};
use crate::report::{Name, Notice};
use crate::sessions::config::Listen;
use crate::sessions::console::Console;
use crate::sessions::input::InputReader;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::timers;
use crate::sys::mmsg::Arrival;

/// A socket that is listened on.
pub struct ListenSocket {
    /// The socket.
    pub id: Id,
    /// Whether it has an IPv6 address, where it has an IP address and may send to any address.
    pub is_v6: Option<bool>,
}

/// What a listener receives and sends by.
#[derive(Default)]
pub struct ListenSockets {
    /// The sockets that are open from the start.
    pub open: Vec<ListenSocket>,
    /// Who is sent what stdin holds.
    pub to: InputTo,
    /// The groups, where there are any, whose sockets come and go.
    pub groups: Option<Groups>,
}

/// What a listener does with a datagram: it is counted, goes to stdout, and is answered.
pub struct ListenService {
    pub(super) statistics: Statistics,
    pub(super) replies: Replies,
    pub(super) groups: Option<Groups>,
    /// `--exec`: messages go to children, and their answers come from there.
    exec: Option<PeerCommands>,
    /// `/quit` waits for what is still to be sent.
    pub(super) quitting: bool,
    drain: InputDrain,
    admission: PeerAdmission,
    interval: Option<Duration>,
    /// Messages received, from all peers together.
    received: u64,
}

impl ListenService {
    /// A session on open sockets, or on those of groups that it joins.
    pub fn session(
        config: Listen,
        console: Console,
        input: InputReader,
        sockets: ListenSockets,
    ) -> DatagramSession {
        let ListenSockets { open, to, groups } = sockets;
        let families = open.iter().filter_map(|one| Some((one.is_v6?, one.id))).collect();
        let admission = match config.first_peer {
            true => PeerAdmission::of_first_peer(config.access),
            false => PeerAdmission::new(config.access),
        };
        let service = ListenService {
            statistics: Statistics::new(config.stats, config.max_loss, config.sequence),
            replies: Replies::new(to, config.reply, families),
            groups,
            exec: config.exec.map(PeerCommands::new),
            quitting: false,
            drain: InputDrain::default(),
            admission,
            interval: config.interval.filter(|_| config.stats),
            received: 0,
        };
        let sockets = Sockets::of(FullPeer::Miss, open.iter().map(|one| one.id));
        DatagramSession::new(config.common, console, input, sockets, service)
    }

    /// Sends messages of stdin, until one has to wait.
    fn send_input(&mut self, context: &mut DatagramContext<'_>) {
        while context.sockets.is_flushed()
            && let Some((message, receivers)) = self.replies.next()
        {
            for (id, to) in receivers {
                if let Err(error) = context.send(*id, &message, Some(to)) {
                    report_unsent(context, &UnsentDatagram { to: Some(to.to.clone()), error });
                }
            }
        }
        self.allow_input(context);
    }

    /// Whether a command may still write something for its peer.
    fn has_busy_commands(&self) -> bool {
        self.exec.as_ref().is_some_and(PeerCommands::is_busy)
    }

    /// stdin is read while it has a receiver, and nothing waits to be sent.
    fn allow_input(&self, context: &mut DatagramContext<'_>) {
        if context.core.input.has_commands() {
            commands::allow_commands(self, context);
        } else if self.replies.has_receiver() && !self.has_unsent(context.sockets) {
            context.core.input.resume(context.pool);
        } else {
            context.core.input.pause(context.pool);
        }
    }

    /// Everything that waited is sent.
    fn all_sent(&mut self, context: &mut DatagramContext<'_>) {
        if context.core.input.has_commands() {
            context.report(&Notice::new(Name::Drained));
        }
        self.drain.look(context);
        if std::mem::take(&mut self.quitting) {
            context.end(ShutdownMode::Enough);
        }
    }

    fn answer(&mut self, context: &mut DatagramContext<'_>, id: Id, arrival: &Arrival<'_>) {
        let Some(answer) = self.replies.note(id, arrival) else { return };
        // An answer that the kernel does not take now is dropped, as datagrams are.
        match context.pool.send_datagram(id, &answer, Some(&arrival.return_path())) {
            Ok(()) => context.core.count_sent(1),
            Err(error) => {
                let console = &mut context.core.console;
                self.replies.unanswered.report(console, context.pool, arrival.from, &error);
            }
        }
    }
}

impl DatagramService for ListenService {
    fn listens(&self) -> bool {
        true
    }

    fn drains(&self) -> bool {
        true
    }

    fn join(
        &mut self,
        context: &mut DatagramContext<'_>,
        address: &GroupAddress,
    ) -> Result<(), Failure> {
        self.groups.as_mut().map_or(Ok(()), |groups| groups.join(context, address))
    }

    fn reports_drops(&self) -> bool {
        self.statistics.are_reported()
    }

    fn start(&mut self, context: &mut DatagramContext<'_>) {
        context.core.await_first(context.pool, "receive", "a message", "none");
        let probe = context.core.common.limits.wait.filter(|_| self.groups.is_some());
        let timers = [
            (self.interval, timers::INTERVAL),
            (self.groups.as_ref().and_then(Groups::rejoin_every), timers::REJOIN),
            (self.groups.as_ref().map(|_| InterfaceWatch::EVERY), timers::INTERFACES),
            (probe.map(|wait| wait / 2), timers::PROBE),
        ];
        for (after, purpose) in timers {
            if let Some(after) = after {
                context.arm(purpose, after);
            }
        }
        self.allow_input(context);
    }

    fn message(&mut self, context: &mut DatagramContext<'_>, id: Id, arrival: &Arrival<'_>) {
        if !self.admission.admits(id, arrival.from) || !context.core.take_message(arrival.payload) {
            return;
        }
        if self.received == 0 {
            context.core.peer_arrived(context.pool);
        }
        self.received += 1;
        let Some(place) = context.sockets.place(id) else { return };
        let known = self.statistics.peers.arrive(id, &place, arrival);
        let peer = known.map(|peer| &*peer.title).unwrap_or_default();
        let console = &mut context.core.console;
        if self.exec.is_none() {
            console.deliver(context.pool, &place.message(arrival.payload, peer));
        }
        report_cut(console, context.pool, peer, arrival, "");
        match &mut self.exec {
            Some(commands) => commands.message(context, id, arrival),
            None => self.answer(context, id, arrival),
        }
    }

    fn batch_done(&mut self, context: &mut DatagramContext<'_>, id: Id) {
        if self.replies.is_silent() && self.exec.is_none() {
            // Nobody waits for an answer: the loop may rest for a moment, and receive more at once.
            context.pool.allow_batching(id);
        }
        self.allow_input(context);
    }

    fn input(&mut self, context: &mut DatagramContext<'_>, piece: Piece<'_>) {
        if context.core.input.has_commands() {
            commands::execute_lines(self, context, piece);
            return self.allow_input(context);
        }
        let portion = context.core.input.read(piece);
        let peers = &self.statistics.peers;
        self.replies.load(portion.batch, peers, context.sockets);
        self.send_input(context);
        if piece.is_end() {
            let follows = "nothing more is sent; listening goes on (^C ends it)";
            context.core.confirm_end_of_typing(context.pool, follows);
        }
        if let Some(Err(failure)) = portion.end {
            context.fail(&failure);
        }
    }

    fn drained(&mut self, context: &mut DatagramContext<'_>, flushed: &Flushed) {
        context.core.count_sent(flushed.sent);
        flushed.failed.iter().for_each(|unsent| report_unsent(context, unsent));
        self.send_input(context);
        if let (Some(commands), true) = (&mut self.exec, context.sockets.is_flushed()) {
            commands.hold(context.pool, false);
        }
        // A socket that only refused an answer had nothing waiting.
        if flushed.did_something() && !self.has_unsent(context.sockets) {
            self.all_sent(context);
        }
    }

    fn event(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) {
        if let Some(commands) = &mut self.exec
            && commands.on(context, event)
        {
            return self.drain.look(context);
        }
        let Event::Timer { key } = event else { return };
        match (key.purpose, &mut self.groups) {
            (timers::INTERVAL, _) => {
                self.statistics.report(context, self.interval);
                if let Some(interval) = self.interval {
                    context.arm(timers::INTERVAL, interval);
                }
            }
            (timers::COMMANDS, _) => self.input(context, Piece::Held),
            (timers::QUIT, _) => {
                let is_blocked = self.has_unsent(context.sockets) || self.has_busy_commands();
                self.drain.step(context, is_blocked);
            }
            (timers::REJOIN, Some(groups)) => groups.rejoin(context),
            (timers::INTERFACES, Some(groups)) => groups.look_at_interfaces(context),
            (timers::PROBE, Some(groups)) if self.received == 0 => groups.probe_elsewhere(),
            _ => {}
        }
    }

    fn resume(&mut self, context: &mut DatagramContext<'_>) {
        self.allow_input(context);
    }

    /// The normal end of a listener, if anything came at all.
    fn on_silence(
        &mut self,
        context: &mut DatagramContext<'_>,
        limit: Duration,
    ) -> Option<Failure> {
        if self.received > 0 {
            return None;
        }
        self.diagnose(context);
        Some(silence(Kind::Idle, "a message", limit))
    }

    fn diagnose(&mut self, context: &mut DatagramContext<'_>) -> Option<Failure> {
        if let Some(groups) = &self.groups {
            groups.diagnose(context);
        }
        None
    }

    fn report_stats(&mut self, context: &mut DatagramContext<'_>) {
        self.statistics.report(context, None);
    }

    /// What is to be sent to known peers is sent first.
    fn may_close(&mut self, context: &mut DatagramContext<'_>, how: ShutdownMode) -> bool {
        if !self.drain.delays(how) {
            return true;
        }
        let input = &context.core.input;
        let has_rest = how == ShutdownMode::Enough
            && has_more(input)
            && (input.has_commands() || self.replies.has_receiver());
        if let Some(commands) = &mut self.exec {
            commands.end_all(context, how != ShutdownMode::Enough);
        }
        let has_unsent = self.has_unsent(context.sockets) || self.has_busy_commands();
        if has_rest || has_unsent {
            self.drain.begin(context, has_unsent);
            return false;
        }
        true
    }

    fn closing(&mut self, context: &mut DatagramContext<'_>) {
        let unsent = context.sockets.queued() + self.replies.waiting();
        match (&self.exec, self.drain.failure(unsent)) {
            (Some(commands), _) => commands.report_cut(context),
            (None, Some(failure)) => context.core.fail(context.pool, &failure),
            (None, None) => report_rest(context, unsent),
        }
        if self.statistics.are_reported() {
            self.statistics.report(context, None);
        }
        self.statistics.report_doubts(context);
        if let Some(failure) = self.statistics.too_much_loss() {
            context.core.fail(context.pool, &failure);
        }
    }

    fn socket_closed(&mut self, id: Id) {
        self.statistics.peers.socket_closed(id);
    }
}
