//! `udp-listen` and `mcast-join`: datagrams of many peers to stdout, stdin to some of them.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use super::drops::{Hearing, Place};
use super::groups::Groups;
use super::peers::Peers;
use super::talk::Talk;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Handler, Id, Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::report::{Name, Notice};
use crate::sessions::config::Listen;
use crate::sessions::console::{Console, Message};
use crate::sessions::core::{Core, Disposition};
use crate::sessions::feed::Feed;
use crate::sessions::orders::{self, Commanded};
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, Sender};

/// A socket that is listened on.
pub struct Ear {
    /// The socket.
    pub id: Id,
    /// Whether it speaks IPv6, where it speaks IP and may send to anybody.
    pub is_v6: Option<bool>,
    /// The group, on multicast sockets.
    pub group: Option<String>,
    /// The interface it is joined on.
    pub iface: Option<String>,
}

/// The listener's session.
pub struct ListenSession {
    pub(super) core: Core,
    pub(super) ears: HashMap<Id, Hearing>,
    /// Sockets that are closed, while what was counted by them is still to be told.
    pub(super) left: HashMap<Id, Hearing>,
    pub(super) peers: Peers,
    pub(super) talk: Talk,
    pub(super) groups: Option<Groups>,
    /// `/quit` waits for what is still to be said.
    pub(super) quitting: bool,
    access: Access,
    first_peer: bool,
    chosen: Option<(Id, Sender)>,
    stats: bool,
    interval: Option<Duration>,
    pub(super) max_loss: Option<f64>,
    /// Messages that were taken, whoever counts them.
    heard: u64,
    /// stdout is full, and nothing is received.
    pub(super) paused: bool,
}

impl ListenSession {
    /// A session over open sockets; `groups` where they are of groups.
    pub fn new(
        config: Listen,
        console: Console,
        feed: Feed,
        ears: Vec<Ear>,
        groups: Option<Groups>,
    ) -> Self {
        let counts = config.stats || config.max_loss.is_some();
        let mouths = ears.iter().filter_map(|ear| Some((ear.is_v6?, ear.id))).collect();
        let mut core = Core::new(config.common, console, feed);
        core.listens = true;
        let ears = ears.into_iter().map(|ear| (ear.id, Hearing::new(ear.group, ear.iface)));
        Self {
            ears: ears.collect(),
            left: HashMap::new(),
            peers: Peers::new(counts, config.sequence),
            talk: Talk::new(config.to, config.reply, mouths),
            groups,
            quitting: false,
            access: config.access,
            first_peer: config.first_peer,
            chosen: None,
            stats: config.stats,
            interval: config.interval,
            max_loss: config.max_loss,
            heard: 0,
            paused: false,
            core,
        }
    }

    /// All sockets are open, at these addresses.
    pub fn ready(&mut self, pool: &mut Pool, locals: Vec<String>) {
        let address = locals.first().cloned().unwrap_or_default();
        self.core.ready(pool, &locals, &address);
    }

    /// Says the first words: what is listened on.
    pub fn report_listening(&mut self, pool: &mut Pool, listeners: &[(&str, String)]) {
        self.core.report_starting(pool);
        for (proto, local) in listeners {
            let event = Notice::new(Name::Listening).proto(proto).local(local);
            self.core.console.report(pool, &event);
        }
    }

    /// Tells what the kernel changed about what was asked.
    pub fn warn_all(&mut self, pool: &mut Pool, texts: &[String]) {
        for text in texts {
            self.core.console.warn(pool, Kind::SocketOption, text);
        }
    }

    /// Gives the socket that `--to ADDR` is sent from.
    pub fn speak_by(&mut self, mouth: Option<Id>) {
        self.talk.speak_by(mouth);
    }

    /// Begins to listen.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        let common = &self.core.common;
        let timers = [
            (common.limits.wait, timers::FIRST_MESSAGE),
            (common.limits.idle, timers::IDLE),
            (self.interval.filter(|_| self.stats), timers::INTERVAL),
            (self.groups.as_ref().and_then(Groups::rejoin_every), timers::REJOIN),
            (common.limits.wait.filter(|_| self.has_groups()).map(|wait| wait / 2), timers::PROBE),
        ];
        for (after, purpose) in timers {
            if let Some(after) = after {
                pool.arm(TimerKey::global(purpose), after);
            }
        }
        self.allow_input(pool);
    }

    /// How the run ended.
    pub fn status(&self) -> Status {
        self.core.status()
    }

    fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        if let Some(counter) = batch.iter().rev().find_map(|arrival| arrival.dropped) {
            self.note_drops(pool, id, counter);
        }
        let Some(place) = self.ears.get(&id).map(|hearing| hearing.place.clone()) else { return };
        for arrival in batch {
            self.on_datagram(pool, id, &place, arrival);
        }
        self.core.console.commit(pool);
        if self.talk.is_silent() {
            pool.allow_batching(id);
        }
        if self.core.console.is_full() && !self.paused {
            self.paused = true;
            self.ears.keys().for_each(|id| pool.pause(*id));
        }
        if self.core.has_enough() {
            self.end(pool, CloseReason::HOST);
        }
        self.allow_input(pool);
    }

    fn on_datagram(&mut self, pool: &mut Pool, id: Id, place: &Place, arrival: &Arrival<'_>) {
        if !self.admits(id, arrival.from) || !self.core.take_message(arrival.payload) {
            return;
        }
        if self.heard == 0 {
            pool.disarm(TimerKey::global(timers::FIRST_MESSAGE));
        }
        self.heard += 1;
        let peer = self.peers.arrive(id, arrival).map(|peer| peer.title.as_str());
        let message = Message {
            group: place.group.as_deref(),
            iface: place.iface.as_deref(),
            ..Message::new(arrival.payload, peer.unwrap_or("?"))
        };
        self.core.console.deliver(pool, &message);
        if arrival.truncated {
            let text = format!(
                "a datagram from {} was cut to {} bytes",
                message.peer,
                arrival.payload.len()
            );
            self.core.console.warn(pool, Kind::Truncated, &text);
        }
        match self.talk.hear(pool, id, arrival.from) {
            Ok(sent) => self.core.count_sent(usize::from(sent)),
            Err(error) => self.warn_unanswered(pool, arrival.from, &error),
        }
    }

    /// Whether this peer is listened to.
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
        self.talk.say(batch, &self.peers);
        self.pump(pool);
        if let Err(failure) = result {
            self.core.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
        }
    }

    fn pump(&mut self, pool: &mut Pool) {
        let waited = self.talk.waits();
        let (sent, errors) = self.talk.pump(pool);
        self.core.count_sent(sent);
        for (to, error) in errors {
            let failure = crate::sockets::datagram::failure(&to, &error);
            if self.core.feed.commands() {
                self.report_unsent(pool, &to, &failure);
            } else {
                self.core.console.complain(pool, &failure);
            }
        }
        if waited && !self.talk.waits() {
            self.all_said(pool);
        }
        self.allow_input(pool);
    }

    /// stdin is read while somebody is there to be told, and nothing waits to be sent.
    fn allow_input(&mut self, pool: &mut Pool) {
        let ready = match self.core.feed.commands() {
            true => !self.is_held(),
            false => self.talk.is_ready(),
        };
        if ready {
            self.core.feed.resume(pool);
        } else {
            self.core.feed.pause(pool);
        }
    }

    /// Output takes data again.
    fn resume(&mut self, pool: &mut Pool) {
        if std::mem::take(&mut self.paused) {
            self.ears.keys().for_each(|id| pool.resume(*id));
        }
        self.allow_input(pool);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match key.purpose {
            timers::FIRST_MESSAGE => self.nothing_came(pool),
            timers::IDLE => self.check_idle(pool),
            timers::INTERVAL => {
                self.report_stats(pool, self.interval);
                if let Some(interval) = self.interval {
                    pool.arm(TimerKey::global(timers::INTERVAL), interval);
                }
            }
            timers::COMMANDS => self.on_input(pool, &[], false),
            timers::REJOIN => self.rejoin(pool),
            timers::PROBE if self.heard == 0 => self.probe_elsewhere(),
            _ => {}
        }
    }

    fn nothing_came(&mut self, pool: &mut Pool) {
        self.diagnose(pool);
        self.core.patience_ends(pool, "receive", "a message", "none");
        self.end(pool, CloseReason::HOST);
    }

    /// `--idle-timeout`: the normal end of a listener, if anything came at all.
    fn check_idle(&mut self, pool: &mut Pool) {
        let Some(limit) = self.core.common.limits.idle else { return };
        let last = self.ears.keys().filter_map(|id| pool.traffic(*id)).map(|t| t.last_active).max();
        let idle = last.map_or(limit, |last| pool.now().saturating_duration_since(last));
        // While stdout is full nothing is received, and what has come waits in the kernel.
        if idle < limit || self.paused {
            let left = limit.saturating_sub(idle);
            let left = if left.is_zero() { limit } else { left };
            pool.arm(TimerKey::global(timers::IDLE), left);
            return;
        }
        if self.heard == 0 {
            let cause = format!("none within {}", humantime::format_duration(limit));
            let failure = Failure::new(Status::Unmet, Kind::Idle, "receive", "a message", cause);
            self.diagnose(pool);
            self.core.fail(pool, &failure);
        }
        self.end(pool, CloseReason::HOST);
    }

    fn on_closed(&mut self, id: Id, end: &End) {
        if let Some(hearing) = self.ears.remove(&id) {
            self.core.console.count(&end.traffic);
            self.leave_behind(id, hearing);
        }
    }

    fn on_error(&mut self, pool: &mut Pool, id: Id, error: &io::Error) {
        // What an ICMP message says of a peer that was answered; the others go on.
        let group = self.ears.get(&id).and_then(|hearing| hearing.place.group.as_deref());
        let text = format!("{}: {}", group.unwrap_or("a peer"), crate::error::plain(error));
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
        self.note_last_drops(pool);
        if self.stats {
            self.report_stats(pool, None);
        } else {
            self.report_drops(pool);
        }
        self.report_doubts(pool);
        self.judge_loss(pool);
        for (id, _) in self.ears.drain() {
            if let Some(traffic) = pool.traffic(id) {
                self.core.console.count(&traffic);
            }
            pool.abort(id, reason);
        }
        self.core.finish(pool);
    }
}

impl Handler for ListenSession {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match self.core.on(pool, &event) {
            Disposition::Own => self.handle_event(pool, event),
            Disposition::Nothing => {}
            Disposition::Resume => self.resume(pool),
            // What has come is still read.
            Disposition::Stop => self.core.leave(pool, Duration::ZERO),
            Disposition::End => self.end(pool, CloseReason::HOST),
            Disposition::EndNow(reason) => self.end_now(pool, reason),
        }
    }
}

impl ListenSession {
    fn handle_event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            _ if self.core.is_ending() && !matches!(event, Event::Closed { .. }) => {}
            Event::Data { bytes, .. } => self.on_input(pool, bytes, false),
            Event::Eof { .. } => self.on_input(pool, &[], true),
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { id, error } => self.on_error(pool, id, &error),
            Event::Drained { .. } => self.pump(pool),
            Event::Timer { key } => self.on_timer(pool, key),
            Event::Signal(Signal::Report) => self.report_all(pool),
            Event::Closed { id, end } => self.on_closed(id, &end),
            _ => {}
        }
    }
}
