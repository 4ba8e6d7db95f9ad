//! `udp-listen` and `mcast-join`: datagrams of many peers to stdout, stdin to some of them.

use std::time::Duration;

use super::admission::PeerAdmission;
use super::commands::Controlled;
use super::groups::Groups;
use super::replies::{Replies, unanswered};
use super::statistics::Statistics;
use super::{
    DatagramBase, DatagramService, DatagramSession, Flushed, FullPeer, Sockets, UnsentDatagram,
};
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::report::{Name, Notice};
use crate::sessions::config::{Common, Listen};
use crate::sessions::console::{Console, Message};
use crate::sessions::control;
use crate::sessions::input::InputReader;
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;
use crate::sys::mmsg::Arrival;

/// A socket that is listened on.
pub struct ListenSocket {
    /// The socket.
    pub id: Id,
    /// Whether it has an IPv6 address, where it has an IP address and may send to any address.
    pub is_v6: Option<bool>,
}

/// What a listener does with a datagram: it is counted, goes to stdout, and is answered.
pub struct ListenService {
    pub(super) statistics: Statistics,
    pub(super) replies: Replies,
    pub(super) groups: Option<Groups>,
    /// `/quit` waits for what is still to be sent.
    pub(super) quitting: bool,
    admission: PeerAdmission,
    interval: Option<Duration>,
    /// Messages that were taken, of whomever.
    received: u64,
}

/// The listener's session.
pub type ListenSession = DatagramSession<ListenService>;

impl ListenSession {
    /// A listener on open sockets; `groups` where they are of groups.
    pub fn on_sockets(
        config: Listen,
        console: Console,
        input: InputReader,
        open: &[ListenSocket],
        groups: Option<Groups>,
    ) -> Self {
        let common: Common = config.common.clone();
        let service = ListenService::new(config, open, groups);
        let ids = open.iter().map(|one| one.id);
        Self::listening(common, console, input, Sockets::of(FullPeer::Miss, ids), service)
    }

    /// Gives the socket that `--to ADDR` is sent from.
    pub fn set_reply_socket(&mut self, socket: Option<Id>) {
        self.parts().0.replies.set_reply_socket(socket);
    }

    /// Joins everything that a group address means.
    ///
    /// # Errors
    /// Not a group, no such interface, or an error of the kernel; what was joined before stays.
    pub fn join(&mut self, pool: &mut Pool, address: &GroupAddress) -> Result<(), Failure> {
        let (service, base) = self.parts();
        match &mut service.groups {
            Some(groups) => groups.join(base, pool, address),
            None => Ok(()),
        }
    }
}

impl ListenService {
    fn new(config: Listen, open: &[ListenSocket], groups: Option<Groups>) -> Self {
        let families = open.iter().filter_map(|one| Some((one.is_v6?, one.id))).collect();
        Self {
            statistics: Statistics::new(config.stats, config.max_loss, config.sequence),
            replies: Replies::new(config.to, config.reply, families),
            groups,
            quitting: false,
            admission: PeerAdmission::new(config.access, config.first_peer),
            interval: config.interval.filter(|_| config.stats),
            received: 0,
        }
    }

    /// Sends messages of stdin, until one has to wait.
    fn send_input(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        while base.sockets.is_flushed()
            && let Some((message, receivers)) = self.replies.next()
        {
            for (id, to) in receivers {
                if let Err(error) = base.send(pool, *id, &message, to) {
                    report_unsent(base, pool, &UnsentDatagram { to: Some(to.clone()), error });
                }
            }
        }
        self.allow_input(base, pool);
    }

    /// Whether something waits to be sent.
    pub(super) fn has_unsent(&self, base: &DatagramBase) -> bool {
        !base.sockets.is_flushed() || self.replies.is_loaded()
    }

    /// stdin is read while it has a receiver, and nothing waits to be sent.
    fn allow_input(&self, base: &mut DatagramBase, pool: &mut Pool) {
        let ready = match base.core.input.has_commands() {
            true => !self.has_unsent(base) && !base.core.console.is_full(),
            false => self.replies.has_receiver() && !self.has_unsent(base),
        };
        if ready {
            base.core.input.resume(pool);
        } else {
            base.core.input.pause(pool);
        }
    }

    /// Everything that waited is sent.
    fn all_sent(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if base.core.input.has_commands() {
            base.core.console.report(pool, &Notice::new(Name::Drained));
        }
        if std::mem::take(&mut self.quitting) {
            base.end(ShutdownMode::Enough);
        }
    }

    fn answer(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        let Some(answer) = self.replies.note(id, arrival.from) else { return };
        // An answer that the kernel does not take now is dropped, as datagrams are.
        match pool.send_datagram(id, &answer, Some(arrival.from)) {
            Ok(()) => base.core.count_sent(1),
            Err(error) if self.replies.note_failed() => {
                let text = unanswered(arrival.from, &error);
                base.core.console.warn(pool, Kind::NoAnswer, &text);
            }
            Err(_) => {}
        }
    }
}

impl DatagramService for ListenService {
    const DRAINS: bool = true;

    fn reports_drops(&self) -> bool {
        self.statistics.are_reported()
    }

    fn start(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        base.core.await_first(pool, "receive", "a message", "none");
        let probe = base.core.common.limits.wait.filter(|_| self.groups.is_some());
        let timers = [
            (self.interval, timers::INTERVAL),
            (self.groups.as_ref().and_then(Groups::rejoin_every), timers::REJOIN),
            (probe.map(|wait| wait / 2), timers::PROBE),
        ];
        for (after, purpose) in timers {
            if let Some(after) = after {
                pool.arm(TimerKey::global(purpose), after);
            }
        }
        self.allow_input(base, pool);
    }

    fn message(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        if !self.admission.admits(id, arrival.from) || !base.core.take_message(arrival.payload) {
            return;
        }
        if self.received == 0 {
            base.core.peer_arrived(pool);
        }
        self.received += 1;
        let Some(place) = base.sockets.place(id) else { return };
        let peer = self.statistics.peers.arrive(id, arrival).map(|peer| peer.title.as_str());
        let message = Message {
            group: place.group.as_deref(),
            iface: place.iface.as_deref(),
            ..Message::new(arrival.payload, peer.unwrap_or("?"))
        };
        base.core.console.deliver(pool, &message);
        if arrival.truncated {
            let (peer, length) = (message.peer, arrival.payload.len());
            let text = format!("a datagram from {peer} was cut to {length} bytes");
            base.core.console.warn(pool, Kind::Truncated, &text);
        }
        self.answer(base, pool, id, arrival);
    }

    fn batch_done(&mut self, base: &mut DatagramBase, pool: &mut Pool, id: Id) {
        if self.replies.is_silent() {
            pool.allow_batching(id);
        }
        self.allow_input(base, pool);
    }

    fn input(&mut self, base: &mut DatagramBase, pool: &mut Pool, bytes: &[u8], eof: bool) {
        base.core.input.note_bytes(bytes);
        if eof {
            base.core.input.end();
        }
        if base.core.input.has_commands() {
            control::execute_lines(&mut Controlled { service: self, base }, pool, bytes, eof);
            return self.allow_input(base, pool);
        }
        let (batch, result) = base.core.input.convert(bytes, eof);
        let peers = &self.statistics.peers;
        self.replies.load(batch, || peers.all());
        self.send_input(base, pool);
        if let Err(failure) = result {
            base.fail(pool, &failure);
        }
    }

    fn drained(&mut self, base: &mut DatagramBase, pool: &mut Pool, flushed: &Flushed) {
        base.core.count_sent(flushed.sent);
        flushed.failed.iter().for_each(|unsent| report_unsent(base, pool, unsent));
        self.send_input(base, pool);
        // A socket that only refused an answer had nothing waiting.
        if flushed.did_something() && !self.has_unsent(base) {
            self.all_sent(base, pool);
        }
    }

    fn event(&mut self, base: &mut DatagramBase, pool: &mut Pool, event: &Event<'_>) {
        let Event::Timer { key } = event else { return };
        match (key.purpose, &mut self.groups) {
            (timers::INTERVAL, _) => {
                self.statistics.report(base, pool, self.interval);
                if let Some(interval) = self.interval {
                    pool.arm(TimerKey::global(timers::INTERVAL), interval);
                }
            }
            (timers::COMMANDS, _) => self.input(base, pool, &[], false),
            (timers::REJOIN, Some(groups)) => groups.rejoin(base, pool),
            (timers::PROBE, Some(groups)) if self.received == 0 => groups.probe_elsewhere(),
            _ => {}
        }
    }

    fn resume(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        self.allow_input(base, pool);
    }

    /// The normal end of a listener, if anything came at all.
    fn idle(&mut self, base: &mut DatagramBase, pool: &mut Pool) -> Option<Failure> {
        if self.received > 0 {
            return None;
        }
        self.diagnose(base, pool);
        let limit = base.core.common.limits.idle.unwrap_or_default();
        let cause = format!("none within {}", humantime::format_duration(limit));
        Some(Failure::new(Status::Unmet, Kind::Idle, "receive", "a message", cause))
    }

    fn diagnose(&mut self, base: &mut DatagramBase, pool: &mut Pool) -> Option<Failure> {
        if let Some(groups) = &self.groups {
            groups.diagnose(base, pool);
        }
        None
    }

    fn report_stats(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        self.statistics.report(base, pool, None);
    }

    fn closing(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if self.statistics.are_reported() {
            self.statistics.report(base, pool, None);
        }
        self.statistics.report_doubts(base, pool);
        if let Some(failure) = self.statistics.too_much_loss() {
            base.core.fail(pool, &failure);
        }
    }

    fn socket_closed(&mut self, id: Id) {
        self.statistics.socket_closed(id);
    }
}

fn report_unsent(base: &mut DatagramBase, pool: &mut Pool, unsent: &UnsentDatagram) {
    let failure = unsent.failure();
    if base.core.input.has_commands() {
        let peer = unsent.peer();
        let notice = Notice::send_failed(failure.kind, failure.to_string()).peer(&peer);
        base.core.console.report(pool, &notice);
    } else {
        base.core.console.report_failure(pool, &failure);
    }
}
