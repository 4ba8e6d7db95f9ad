//! `udp-listen` and `mcast-join`: datagrams of many peers to stdout, stdin to some of them.

use std::io;
use std::time::Duration;

use super::groups::Groups;
use super::peers::Peers;
use super::replies::{Replies, unanswered};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::report::Notice;
use crate::sessions::config::Listen;
use crate::sessions::console::{Console, Message};
use crate::sessions::core::Core;
use crate::sessions::datagrams::{FullPeer, Place, SendOutcome, Sockets, Unsent};
use crate::sessions::feed::Feed;
use crate::sessions::orders::{self, Commanded};
use crate::sessions::session::{How, Session};
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, Sender};

/// A socket that is listened on.
pub struct ListenSocket {
    /// The socket.
    pub id: Id,
    /// Whether it has an IPv6 address, where it has an IP address and may send to anybody.
    pub is_v6: Option<bool>,
}

/// The listener's session.
pub struct ListenSession {
    pub(super) core: Core,
    pub(super) sockets: Sockets,
    pub(super) peers: Peers,
    pub(super) replies: Replies,
    pub(super) groups: Option<Groups>,
    /// `/quit` waits for what is still to be sent.
    pub(super) quitting: bool,
    admission: Admission,
    pub(super) stats: bool,
    interval: Option<Duration>,
    pub(super) max_loss: Option<f64>,
    /// Messages that were taken, of whomever.
    received: u64,
}

/// Which peers are listened to.
struct Admission {
    access: Access,
    first_peer: bool,
    /// The first peer, and the socket that it sent to.
    chosen: Option<(Id, Sender)>,
}

impl Admission {
    fn admits(&mut self, id: Id, from: &Sender) -> bool {
        if let Sender::Inet(address) = from
            && !self.access.admits(address.ip())
        {
            return false;
        }
        if !self.first_peer {
            return true;
        }
        let chosen = self.chosen.get_or_insert_with(|| (id, from.clone()));
        chosen.0 == id && chosen.1 == *from
    }
}

impl ListenSession {
    /// A session over open sockets; `groups` where they are of groups.
    pub fn new(
        config: Listen,
        console: Console,
        feed: Feed,
        open: &[ListenSocket],
        groups: Option<Groups>,
    ) -> Self {
        let counts = config.stats || config.max_loss.is_some();
        let families = open.iter().filter_map(|one| Some((one.is_v6?, one.id))).collect();
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        let mut sockets = Sockets::new(FullPeer::Miss);
        open.iter().for_each(|one| sockets.add(one.id, Place::default()));
        let Listen { access, first_peer, .. } = config;
        Self {
            core,
            sockets,
            peers: Peers::new(counts, config.sequence),
            replies: Replies::new(config.to, config.reply, families),
            groups,
            quitting: false,
            admission: Admission { access, first_peer, chosen: None },
            stats: config.stats,
            interval: config.interval,
            max_loss: config.max_loss,
            received: 0,
        }
    }

    /// Gives the socket that `--to ADDR` is sent from.
    pub fn set_reply_socket(&mut self, socket: Option<Id>) {
        self.replies.set_reply_socket(socket);
    }

    /// Begins to listen.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        let common = &self.core.common;
        let timers = [
            (common.limits.idle, timers::IDLE),
            (self.interval.filter(|_| self.stats), timers::INTERVAL),
            (self.groups.as_ref().and_then(Groups::rejoin_every), timers::REJOIN),
            (common.limits.wait.filter(|_| self.has_groups()).map(|wait| wait / 2), timers::PROBE),
        ];
        self.core.await_first(pool, "receive", "a message", "none");
        for (after, purpose) in timers {
            if let Some(after) = after {
                pool.arm(TimerKey::global(purpose), after);
            }
        }
        self.allow_input(pool);
    }

    fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        self.sockets.note_drops(pool, &mut self.core.console, id, batch);
        let Some(place) = self.sockets.place(id) else { return };
        for arrival in batch {
            self.on_datagram(pool, id, &place, arrival);
        }
        self.core.console.commit(pool);
        if self.replies.is_silent() {
            pool.allow_batching(id);
        }
        if self.core.console.is_full() {
            self.sockets.set_paused(pool, true);
        }
        if self.core.has_enough() {
            self.end(pool, CloseReason::HOST);
        }
        self.allow_input(pool);
    }

    fn on_datagram(&mut self, pool: &mut Pool, id: Id, place: &Place, arrival: &Arrival<'_>) {
        if !self.admission.admits(id, arrival.from) || !self.core.take_message(arrival.payload) {
            return;
        }
        if self.received == 0 {
            self.core.first_came(pool);
        }
        self.received += 1;
        let peer = self.peers.arrive(id, arrival).map(|peer| peer.title.as_str());
        let message = Message {
            group: place.group.as_deref(),
            iface: place.iface.as_deref(),
            ..Message::new(arrival.payload, peer.unwrap_or("?"))
        };
        self.core.console.deliver(pool, &message);
        if arrival.truncated {
            let (peer, length) = (message.peer, arrival.payload.len());
            let text = format!("a datagram from {peer} was cut to {length} bytes");
            self.core.console.warn(pool, Kind::Truncated, &text);
        }
        let Some(answer) = self.replies.note(id, arrival.from) else { return };
        // An answer that the kernel does not take now is dropped, as datagrams are.
        match pool.send_datagram(id, &answer, Some(arrival.from)) {
            Ok(()) => self.core.count_sent(1),
            Err(error) if self.replies.note_failed() => {
                self.core.console.warn(pool, Kind::NoAnswer, &unanswered(arrival.from, &error));
            }
            Err(_) => {}
        }
    }

    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        self.core.feed.saw(bytes);
        if eof {
            self.core.feed.end();
        }
        if self.core.feed.commands() {
            orders::follow(self, pool, bytes, eof);
            return self.allow_input(pool);
        }
        let (batch, result) = self.core.feed.convert(bytes, eof);
        self.replies.load(batch, || self.peers.all());
        self.send_input(pool);
        if let Err(failure) = result {
            self.core.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
        }
    }

    /// Sends messages of stdin, until one has to wait.
    fn send_input(&mut self, pool: &mut Pool) {
        while self.sockets.is_flushed()
            && let Some((message, receivers)) = self.replies.next()
        {
            let mut failed = Vec::new();
            for (id, to) in receivers {
                match self.sockets.send(pool, *id, &message, to) {
                    Ok(SendOutcome::Sent) => self.core.count_sent(1),
                    Ok(SendOutcome::Queued) => {}
                    Err(error) => failed.push(Unsent { to: Some(to.clone()), error }),
                }
            }
            failed.iter().for_each(|unsent| self.report_unsent(pool, unsent));
        }
        self.allow_input(pool);
    }

    /// A socket has room again.
    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        let waited = self.has_unsent();
        let flushed = self.sockets.flush(pool, id);
        self.core.count_sent(flushed.sent);
        flushed.failed.iter().for_each(|unsent| self.report_unsent(pool, unsent));
        self.send_input(pool);
        if waited && !self.has_unsent() {
            self.all_sent(pool);
        }
    }

    fn report_unsent(&mut self, pool: &mut Pool, unsent: &Unsent) {
        let failure = unsent.failure();
        if self.core.feed.commands() {
            let peer = unsent.peer();
            let notice = Notice::send_failed(failure.kind, failure.to_string()).peer(&peer);
            self.core.console.report(pool, &notice);
        } else {
            self.core.console.complain(pool, &failure);
        }
    }

    /// Whether something waits to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.sockets.is_flushed() || self.replies.is_loaded()
    }

    /// stdin is read while somebody is there to be told, and nothing waits to be sent.
    fn allow_input(&mut self, pool: &mut Pool) {
        let ready = match self.core.feed.commands() {
            true => !self.is_held(),
            false => self.replies.has_receiver() && !self.has_unsent(),
        };
        if ready {
            self.core.feed.resume(pool);
        } else {
            self.core.feed.pause(pool);
        }
    }

    /// Output takes data again.
    fn resume_reading(&mut self, pool: &mut Pool) {
        self.sockets.set_paused(pool, false);
        self.allow_input(pool);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match key.purpose {
            timers::IDLE => self.check_idle(pool),
            timers::INTERVAL => {
                self.report_stats(pool, self.interval);
                if let Some(interval) = self.interval {
                    pool.arm(TimerKey::global(timers::INTERVAL), interval);
                }
            }
            timers::COMMANDS => self.on_input(pool, &[], false),
            timers::REJOIN => self.rejoin(pool),
            timers::PROBE if self.received == 0 => self.probe_elsewhere(),
            _ => {}
        }
    }

    /// `--idle-timeout`: the normal end of a listener, if anything came at all.
    fn check_idle(&mut self, pool: &mut Pool) {
        let Some(limit) = self.core.common.limits.idle else { return };
        if let Some(left) = self.sockets.idle_left(pool, limit) {
            pool.arm(TimerKey::global(timers::IDLE), left);
            return;
        }
        if self.received == 0 {
            let cause = format!("none within {}", humantime::format_duration(limit));
            let failure = Failure::new(Status::Unmet, Kind::Idle, "receive", "a message", cause);
            self.report_diagnosis(pool);
            self.core.fail(pool, &failure);
        }
        self.end(pool, CloseReason::HOST);
    }

    fn on_closed(&mut self, id: Id, end: &End) {
        if self.sockets.on_closed(&mut self.core.console, id, end) && !self.peers.counts() {
            self.peers.forget(id);
        }
    }

    fn on_error(&mut self, pool: &mut Pool, id: Id, error: &io::Error) {
        // What an ICMP message says of a peer that was answered; the others go on.
        let group = self.sockets.group(id).unwrap_or("a peer");
        let text = format!("{group}: {}", crate::error::plain(error));
        self.core.console.warn(pool, Kind::from(error), &text);
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.end(pool, reason);
    }

    /// The last figures, the doubts and the judgement on the loss, and the end.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        self.sockets.read_counters(pool, &mut self.core.console);
        if self.stats {
            self.report_stats(pool, None);
        } else {
            self.sockets.report_drops(pool, &mut self.core.console);
        }
        self.report_doubts(pool);
        self.check_loss(pool);
        self.sockets.close_all(pool, &mut self.core.console, reason);
        self.core.finish(pool);
    }
}

impl Session for ListenSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            _ if self.core.is_ending() && !matches!(event, Event::Closed { .. }) => {}
            Event::Data { bytes, .. } => self.on_input(pool, bytes, false),
            Event::Eof { .. } => self.on_input(pool, &[], true),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { id, error } => self.on_error(pool, id, &error),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Timer { key } => self.on_timer(pool, key),
            Event::Closed { id, end } => self.on_closed(id, &end),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.resume_reading(pool);
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(_) | How::Enough | How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => self.end_now(pool, reason),
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.sockets.ids().collect()
    }

    /// What has arrived is read first.
    fn stop(&mut self, pool: &mut Pool) {
        self.core.drain_then_end(pool, Duration::ZERO);
    }

    fn diagnose(&mut self, pool: &mut Pool) -> Option<Failure> {
        self.report_diagnosis(pool);
        None
    }

    fn report_stats(&mut self, pool: &mut Pool) {
        self.report_all(pool);
    }
}
