//! Datagrams that are replayed: `udp-listen` plays the conversations with all recorded peers.

use std::collections::HashMap;
use std::time::Instant;

use super::differs;
use crate::close::{CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::replay::{Conversations, Next, Player, Send};
use crate::sessions::config::{Common, Replay};
use crate::sessions::console::{Console, Message};
use crate::sessions::core::Core;
use crate::sessions::datagrams::{FullPeer, Place, SendOutcome, Sockets};
use crate::sessions::feed::Feed;
use crate::sessions::session::{How, Session};
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, Sender};

/// Whom a conversation is with: the socket and the sender.
type Peer = (Id, Sender);

/// The session of `--replay` on datagrams.
pub struct ReplayListenSession {
    core: Core,
    conversations: Conversations,
    timing: bool,
    sockets: Sockets,
    talks: HashMap<Peer, Talk>,
    /// Conversations that went as recorded.
    played: usize,
    /// When somebody is due to be told something.
    due: Option<Instant>,
}

/// A conversation with one peer.
struct Talk {
    player: Player,
    over: bool,
}

impl ReplayListenSession {
    /// A session over open sockets.
    pub fn new(common: Common, replay: &Replay, console: Console, feed: Feed, ids: &[Id]) -> Self {
        let mut sockets = Sockets::new(FullPeer::Wait);
        ids.iter().for_each(|id| sockets.add(*id, Place::default()));
        let (conversations, timing) =
            (Conversations::new(&replay.scripts, replay.timing), replay.timing);
        let mut core = Core::new(common, console, feed);
        core.listens = true;
        Self { core, conversations, timing, sockets, talks: HashMap::new(), played: 0, due: None }
    }

    /// Begins to listen.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.start(pool);
        self.core.await_first(pool, "receive", "a message", "none");
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::global(timers::IDLE), limit);
        }
    }

    fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        for arrival in batch {
            if self.core.is_ending() {
                break;
            }
            self.on_datagram(pool, id, arrival);
        }
        self.core.console.commit(pool);
        if self.core.console.is_full() {
            self.sockets.set_paused(pool, true);
        }
    }

    fn on_datagram(&mut self, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        self.core.first_came(pool);
        self.core.take_message(arrival.payload);
        let title = arrival.from.to_string();
        self.core.console.deliver(pool, &Message::new(arrival.payload, &title));
        let peer = (id, arrival.from.clone());
        let talk = match self.talks.get_mut(&peer) {
            Some(talk) => talk,
            None => {
                // Where all have been given out there is no conversation for one more.
                let script = match self.conversations.is_over() {
                    true => None,
                    false => self.conversations.choose(arrival.payload, true),
                };
                let Some(script) = script else {
                    let cause = format!("only {} peers were recorded", self.conversations.count());
                    let failure = Failure::new(Status::Unmet, Kind::Replay, "replay", title, cause);
                    return self.fail(pool, &failure);
                };
                let player = Player::new(script, self.timing, pool.now());
                self.talks.entry(peer.clone()).or_insert(Talk { player, over: false })
            }
        };
        match talk.player.receive(arrival.payload, pool.now()) {
            Ok(()) => self.send(pool, &peer),
            Err(difference) => self.fail(pool, &differs(&title, &difference)),
        }
    }

    /// Says what is due to a peer.
    fn send(&mut self, pool: &mut Pool, peer: &Peer) {
        let (id, sender) = peer;
        let Some(talk) = self.talks.get_mut(peer) else { return };
        loop {
            if self.sockets.has_queued(*id) {
                return;
            }
            let bytes = match talk.player.next(pool.now()) {
                Next::Send(Send::Bytes(bytes)) => bytes,
                Next::Send(Send::Fin) => continue,
                Next::At(at) => {
                    // One timer serves all peers: whoever is due then speaks.
                    let due = self.due.map_or(at, |due| due.min(at));
                    self.due = Some(due);
                    let after = due.saturating_duration_since(pool.now());
                    return pool.arm(TimerKey::global(timers::PACE), after);
                }
                Next::Receive => return,
                Next::Done => break,
            };
            match self.sockets.send(pool, *id, &bytes, sender) {
                Ok(SendOutcome::Sent) => self.core.count_sent(1),
                Ok(SendOutcome::Queued) => return,
                Err(error) => {
                    let failure = crate::sockets::datagram::failure(&sender.to_string(), &error);
                    return self.fail(pool, &failure);
                }
            }
        }
        if !std::mem::replace(&mut talk.over, true) {
            self.played += 1;
        }
        if self.played >= self.conversations.count() {
            self.end(pool, CloseReason::HOST);
        }
    }

    /// The kernel takes datagrams again.
    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        let flushed = self.sockets.flush(pool, id);
        self.core.count_sent(flushed.sent);
        match flushed.failed.first() {
            Some(unsent) => self.fail(pool, &unsent.failure()),
            None => self.send_all(pool),
        }
    }

    /// Says what is due to anybody.
    fn send_all(&mut self, pool: &mut Pool) {
        let peers: Vec<Peer> = self.talks.keys().cloned().collect();
        for peer in peers {
            if !self.core.is_ending() {
                self.send(pool, &peer);
            }
        }
    }

    fn fail(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match key.purpose {
            timers::IDLE => self.check_idle(pool),
            timers::PACE => {
                self.due = None;
                self.send_all(pool);
            }
            _ => {}
        }
    }

    fn check_idle(&mut self, pool: &mut Pool) {
        let Some(limit) = self.core.common.limits.idle else { return };
        if let Some(left) = self.sockets.idle_left(pool, limit) {
            return pool.arm(TimerKey::global(timers::IDLE), left);
        }
        self.report_missing(pool);
        let (count, played) = (self.conversations.count(), self.played);
        let cause = format!(
            "no traffic for {}; {played} of {count} peers were played to the end",
            humantime::format_duration(limit)
        );
        let failure = Failure::new(Status::Unmet, Kind::Replay, "replay", "the recording", cause);
        self.fail(pool, &failure);
    }

    /// Says what every conversation still waits for.
    fn report_missing(&mut self, pool: &mut Pool) {
        for ((_, sender), talk) in &self.talks {
            if let Some(missing) = talk.player.missing() {
                let failure = differs(&sender.to_string(), &missing);
                self.core.console.complain(pool, &failure);
            }
        }
    }

    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.end(pool, reason);
    }

    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if self.core.is_ending() {
            return;
        }
        self.core.begin_ending(pool);
        self.sockets.close_all(pool, &mut self.core.console, reason);
        self.core.console.commit(pool);
        self.core.finish(pool);
    }
}

impl Session for ReplayListenSession {
    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn event(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            _ if self.core.is_ending() => {}
            Event::Datagrams { id, batch } => self.on_datagrams(pool, id, batch),
            Event::DatagramError { error, .. } => {
                let text = format!("a peer: {}", crate::error::plain(&error));
                self.core.console.warn(pool, Kind::from(&error), &text);
            }
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Timer { key } => self.on_timer(pool, key),
            _ => {}
        }
    }

    fn resume(&mut self, pool: &mut Pool) {
        self.sockets.set_paused(pool, false);
    }

    fn close(&mut self, pool: &mut Pool, how: How) {
        match how {
            How::InOrder(reason) => self.end(pool, reason),
            How::Enough | How::Late => self.end(pool, CloseReason::HOST),
            How::Now(reason) => {
                if reason.detail == Detail::Timeout {
                    self.report_missing(pool);
                }
                self.end_now(pool, reason);
            }
        }
    }

    fn open_ids(&self) -> Vec<Id> {
        self.sockets.ids().collect()
    }
}
