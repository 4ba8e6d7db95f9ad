//! Datagrams that are replayed: `udp-listen` plays the conversations with all recorded peers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{
    DatagramContext, DatagramOutcome, DatagramService, DatagramSession, Flushed, FullPeer, Sockets,
};
use crate::close::Detail;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, TimerKey};
use crate::kind::Kind;
use crate::protocol::replay::{Conversations, Next, Player, Send};
use crate::protocol::text::number;
use crate::sessions::config::{Common, Replay};
use crate::sessions::console::{Console, Message};
use crate::sessions::input::InputReader;
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, ReturnPath, SenderAddress, SourceAddress};

/// The peer of a conversation: the socket and the sender.
type PeerKey = (Id, SenderAddress);

/// What a replayed listener does with a datagram: it is compared, and what was recorded next is
/// sent.
pub struct ReplayService {
    conversations: Conversations,
    timing: bool,
    peers: HashMap<PeerKey, PeerReplay>,
    /// Conversations that went as recorded.
    played: usize,
    /// When the next datagram of any conversation is due.
    due: Option<Instant>,
}

/// A conversation with one peer.
struct PeerReplay {
    player: Player,
    /// Our address that the peer asked last.
    asked: Option<SourceAddress>,
    over: bool,
}

impl ReplayService {
    /// A session that replays on open sockets.
    pub fn session(
        common: Common,
        replay: &Replay,
        console: Console,
        input: InputReader,
        ids: impl Iterator<Item = Id>,
    ) -> DatagramSession {
        let service = ReplayService {
            conversations: Conversations::new(&replay.scripts, replay.timing),
            timing: replay.timing,
            peers: HashMap::new(),
            played: 0,
            due: None,
        };
        DatagramSession::new(common, console, input, Sockets::of(FullPeer::Wait, ids), service)
    }

    /// Takes what a peer has sent; a new peer begins a conversation.
    fn receive(&mut self, peer: &PeerKey, payload: &[u8], now: Instant) -> Result<(), Failure> {
        let title = peer.1.to_string();
        if !self.peers.contains_key(peer) {
            // Where all have been given out there is no conversation for one more.
            let script = match self.conversations.is_over() {
                true => None,
                false => self.conversations.choose_at_last(payload),
            };
            let Some(script) = script else {
                let count = self.conversations.count() as u64;
                let was = if count == 1 { "was" } else { "were" };
                let cause = format!("only {} {was} recorded", number(count, "peer"));
                return Err(Failure::new(Status::Unmet, Kind::Replay, "replay", title, cause));
            };
            let player = Player::new(script, self.timing, now);
            self.peers.insert(peer.clone(), PeerReplay { player, asked: None, over: false });
        }
        match self.peers.get_mut(peer).map(|one| one.player.receive(payload, now)) {
            Some(Err(difference)) => Err(difference.failure(&title)),
            _ => Ok(()),
        }
    }

    /// Sends what is due to a peer.
    fn send(&mut self, context: &mut DatagramContext<'_>, peer: &PeerKey) {
        let (id, sender) = peer;
        let Some(one) = self.peers.get_mut(peer) else { return };
        loop {
            if context.sockets.has_queued(*id) {
                return;
            }
            let bytes = match one.player.next(context.pool.now()) {
                Next::Send(Send::Bytes(bytes)) => bytes,
                Next::Send(Send::Fin) => continue,
                Next::At(at) => {
                    // One timer serves all peers.
                    let due = self.due.map_or(at, |due| due.min(at));
                    self.due = Some(due);
                    return context.core.wake_at(context.pool, due);
                }
                Next::Receive => return,
                Next::Done => break,
            };
            let path = ReturnPath { to: sender.clone(), from: one.asked };
            match context.send(*id, &bytes, Some(&path)) {
                Ok(DatagramOutcome::Sent) => {}
                Ok(DatagramOutcome::Queued) => return,
                Err(error) => {
                    let failure = crate::sockets::datagram::failure(&sender.to_string(), &error);
                    return context.fail(&failure);
                }
            }
        }
        if !std::mem::replace(&mut one.over, true) {
            self.played += 1;
        }
        if self.played >= self.conversations.count() {
            context.end(ShutdownMode::Enough);
        }
    }

    /// Sends what is due to any peer.
    fn send_all(&mut self, context: &mut DatagramContext<'_>) {
        let peers: Vec<PeerKey> = self.peers.keys().cloned().collect();
        for peer in peers {
            if !context.has_ended() {
                self.send(context, &peer);
            }
        }
    }

    /// Reports what every conversation still waits for.
    fn report_missing(&self, context: &mut DatagramContext<'_>) {
        for ((_, sender), one) in &self.peers {
            if let Some(missing) = one.player.missing() {
                let failure = missing.failure(&sender.to_string());
                context.report_failure(&failure);
            }
        }
    }

    /// The failure of a run in which nothing came for `limit` while conversations were not over.
    fn silence(&self, limit: Duration) -> Failure {
        let (count, played) = (self.conversations.count(), self.played);
        let cause = format!(
            "no traffic for {}; {played} of {count} peers were played to the end",
            humantime::format_duration(limit)
        );
        Failure::new(Status::Unmet, Kind::Replay, "replay", "the recording", cause)
    }
}

impl DatagramService for ReplayService {
    fn listens(&self) -> bool {
        true
    }

    fn start(&mut self, context: &mut DatagramContext<'_>) {
        context.core.await_first(context.pool, "receive", "a message", "none");
    }

    fn message(&mut self, context: &mut DatagramContext<'_>, id: Id, arrival: &Arrival<'_>) {
        context.core.peer_arrived(context.pool);
        context.core.take_message(arrival.payload);
        let title = arrival.from.to_string();
        context.core.console.deliver(context.pool, &Message::new(arrival.payload, &title));
        let peer = (id, arrival.from.clone());
        match self.receive(&peer, arrival.payload, context.pool.now()) {
            Ok(()) => {
                if let Some(one) = self.peers.get_mut(&peer) {
                    one.asked = arrival.local;
                }
                self.send(context, &peer);
            }
            Err(failure) => context.fail(&failure),
        }
    }

    fn drained(&mut self, context: &mut DatagramContext<'_>, flushed: &Flushed) {
        context.core.count_sent(flushed.sent);
        match flushed.failed.first() {
            Some(unsent) => context.fail(&unsent.failure()),
            None => self.send_all(context),
        }
    }

    fn event(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) {
        if let Event::Timer { key: TimerKey { purpose: timers::PACE, .. } } = event {
            self.due = None;
            self.send_all(context);
        }
    }

    fn on_silence(
        &mut self,
        context: &mut DatagramContext<'_>,
        limit: Duration,
    ) -> Option<Failure> {
        self.report_missing(context);
        Some(self.silence(limit))
    }

    fn may_close(&mut self, context: &mut DatagramContext<'_>, how: ShutdownMode) -> bool {
        if matches!(how, ShutdownMode::GiveUp(reason) if reason.detail == Detail::Timeout) {
            self.report_missing(context);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::recording::Role;
    use crate::report::transcript;

    #[test]
    fn a_peer_beyond_the_recorded_ones_and_another_datagram_are_failures() {
        let text = concat!(
            "{\"event\":\"accepted\",\"proto\":\"tcp\",\"conn\":1}\n",
            "{\"event\":\"data\",\"conn\":1,\"dir\":\"in\",\"text\":\"ask\"}\n",
            "{\"event\":\"data\",\"conn\":1,\"dir\":\"out\",\"text\":\"answer\"}\n",
        );
        let recording = transcript::parse(text.as_bytes()).unwrap();
        let scripts: Vec<_> = recording.streams(Role::Accepted).into_iter().map(Arc::new).collect();
        let mut service = ReplayService {
            conversations: Conversations::new(&scripts, false),
            timing: false,
            peers: HashMap::new(),
            played: 0,
            due: None,
        };
        let peer = |port| (Id::for_tests(1), SenderAddress::Inet(([127, 0, 0, 1], port).into()));
        let now = Instant::now();
        service.receive(&peer(1), b"ask", now).unwrap();
        let failure = service.receive(&peer(2), b"ask", now).unwrap_err();
        assert_eq!(failure.to_string(), "cannot replay 127.0.0.1:2: only 1 peer was recorded");
        let failure = service.receive(&peer(1), b"more", now).unwrap_err();
        assert_eq!((failure.status, failure.kind), (Status::Unmet, Kind::Replay));
    }
}
