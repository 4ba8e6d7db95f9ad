//! One side of one conversation, and the course of it when it is played.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::difference::Difference;
use super::{Recorded, RecordedEvent, RecordedSocket};
use crate::recording::Direction;

/// What one side sent, each piece with what it had received by then, and all that it received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub(super) expected: Expected,
    /// The other side ended in order.
    pub(super) expects_eof: bool,
    /// It was cut off in the end, by whomever.
    pub(super) ends_in_reset: bool,
    pub(super) turns: Vec<Turn>,
}

/// All that the other side sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Stream(Vec<u8>),
    Datagrams(Vec<Vec<u8>>),
}

impl Expected {
    /// How much there is: bytes of a stream, or datagrams.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stream(bytes) => bytes.len(),
            Self::Datagrams(datagrams) => datagrams.len(),
        }
    }
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Once so much has been received,
    pub(super) after: usize,
    /// and, before the end of this side, the end of the other, where that came first.
    pub(super) after_eof: bool,
    /// How long that had been then.
    pub(super) pause: Duration,
    pub(super) send: Send,
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Send {
    /// Bytes, or a datagram.
    Bytes(Bytes),
    /// The end of this side.
    Fin,
}

impl Script {
    /// One side of a stream: that whose bytes went in the direction of `ours`.
    pub(super) fn stream(line: &RecordedSocket, ours: Direction) -> Self {
        Self::of(line, ours, Expected::Stream(Vec::new()), |_| true)
    }

    /// One side of a conversation in datagrams, with one peer or with the only one.
    pub(super) fn datagrams(line: &RecordedSocket, ours: Direction, peer: Option<&str>) -> Self {
        Self::of(line, ours, Expected::Datagrams(Vec::new()), |recorded| {
            peer.is_none() || recorded.peer.as_deref() == peer
        })
    }

    fn of(
        line: &RecordedSocket,
        ours: Direction,
        expected: Expected,
        belongs: impl Fn(&Recorded) -> bool,
    ) -> Self {
        let mut script =
            Self { expected, expects_eof: false, ends_in_reset: false, turns: Vec::new() };
        let mut last = line.opened;
        for recorded in line.events.iter().filter(|recorded| belongs(recorded)) {
            // Clocks of a recording may step back.
            let pause = recorded.at.saturating_sub(last);
            last = recorded.at;
            match &recorded.event {
                RecordedEvent::Data(direction, bytes) if *direction == ours => {
                    script.send(Send::Bytes(Bytes::copy_from_slice(bytes)), pause);
                }
                RecordedEvent::Data(_, bytes) => script.expect(bytes),
                RecordedEvent::Eof(direction) if *direction == ours => {
                    script.send(Send::Fin, pause)
                }
                RecordedEvent::Eof(_) => script.expects_eof = true,
                RecordedEvent::Closed { reset } => script.ends_in_reset = *reset,
            }
        }
        script
    }

    fn send(&mut self, send: Send, pause: Duration) {
        let after = self.expected.len();
        // Many a client half-closes early, and another that sends the same does not: only the end
        // waits for an end.
        let after_eof = self.expects_eof && send == Send::Fin;
        self.turns.push(Turn { after, after_eof, pause, send });
    }

    fn expect(&mut self, bytes: &[u8]) {
        match &mut self.expected {
            Expected::Stream(expected) => expected.extend_from_slice(bytes),
            Expected::Datagrams(expected) => expected.push(bytes.to_vec()),
        }
    }

    /// Whether neither side sends anything.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.expected.len() == 0
    }

    /// Whether this side sends before it has received more than `count` bytes.
    pub fn sends_within(&self, count: usize) -> bool {
        self.turns.first().is_some_and(|turn| turn.after <= count && !turn.after_eof)
    }

    /// Whether a stream that begins with these bytes may be this one.
    pub fn may_begin_with(&self, bytes: &[u8]) -> bool {
        match &self.expected {
            Expected::Stream(expected) => expected.starts_with(bytes),
            Expected::Datagrams(expected) => expected.first().is_some_and(|first| first == bytes),
        }
    }
}

/// Plays one side of one conversation.
///
/// ```text
/// waiting ── enough has come ──> ready ── the pause is over ──> a turn is taken ──> waiting, or
///                                                               behind the last turn: waiting ──>
///                                                               all has come ──> done
/// ```
///
/// | state | `ready` | `taken` | [`Player::next`] |
/// |---|---|---|---|
/// | waiting | none | before or behind the last turn | [`Next::Receive`] |
/// | ready | since when | before the last turn | [`Next::At`], then [`Next::Send`] |
/// | done | none | behind the last turn, and all has come | [`Next::Done`] |
#[derive(Clone, Debug)]
pub struct Player {
    script: Arc<Script>,
    /// Whether the recorded pauses are kept.
    timing: bool,
    /// How much has come: bytes of a stream, or datagrams.
    received: usize,
    /// The other side has ended.
    ended: bool,
    /// Turns that were taken.
    taken: usize,
    /// Since when the next turn could be taken, but for its pause.
    ready: Option<Instant>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this now.
    Send(Send),
    /// Something is to be sent then.
    At(Instant),
    /// The other side sends first.
    Receive,
    /// All has been sent and received.
    Done,
}

impl Player {
    /// Begins to play.
    pub fn new(script: Arc<Script>, timing: bool, now: Instant) -> Self {
        let mut player = Self { script, timing, received: 0, ended: false, taken: 0, ready: None };
        player.update(now);
        player
    }

    /// Takes a piece of a stream, or a datagram.
    ///
    /// # Errors
    /// It is not what was recorded.
    pub fn receive(&mut self, piece: &[u8], now: Instant) -> Result<(), Difference> {
        match &self.script.expected {
            Expected::Stream(expected) => {
                let due = expected.get(self.received..).unwrap_or_default();
                let same = due.iter().zip(piece).take_while(|(due, got)| due == got).count();
                if same < piece.len() {
                    // What comes behind the last byte differs, too: nothing is due then.
                    return Err(Difference::in_stream(
                        expected,
                        self.received + same,
                        &piece[same..],
                    ));
                }
                self.received += same;
            }
            Expected::Datagrams(expected) => {
                let due = expected.get(self.received);
                if due.is_none_or(|due| due != piece) {
                    return Err(Difference::in_datagram(
                        self.received,
                        due.map(Vec::as_slice),
                        piece,
                    ));
                }
                self.received += 1;
            }
        }
        self.update(now);
        Ok(())
    }

    /// The other side has ended.
    ///
    /// # Errors
    /// It should have sent more.
    pub fn end(&mut self, now: Instant) -> Result<(), Difference> {
        self.ended = true;
        self.update(now);
        self.missing().map_or(Ok(()), Err)
    }

    /// What is still to come.
    pub fn missing(&self) -> Option<Difference> {
        match &self.script.expected {
            Expected::Stream(expected) if self.received < expected.len() => {
                Some(Difference::missing_bytes(expected, self.received))
            }
            Expected::Stream(expected) => {
                (self.script.expects_eof && !self.ended).then(|| Difference::missing_end(expected))
            }
            Expected::Datagrams(expected) => {
                let due = expected.get(self.received)?;
                Some(Difference::missing_datagram(self.received, due))
            }
        }
    }

    /// What comes next; something to send is given once.
    pub fn next(&mut self, now: Instant) -> Next {
        let Some(turn) = self.script.turns.get(self.taken) else {
            return if self.is_done() { Next::Done } else { Next::Receive };
        };
        let Some(ready) = self.ready else { return Next::Receive };
        let at = if self.timing { ready + turn.pause } else { ready };
        if at > now {
            return Next::At(at);
        }
        let send = turn.send.clone();
        self.taken += 1;
        self.ready = None;
        // A pause is counted from when the last thing was due, so that delays do not add up.
        self.update(at);
        Next::Send(send)
    }

    /// Whether all has been sent and received.
    pub fn is_done(&self) -> bool {
        self.taken == self.script.turns.len()
            && self.received == self.script.expected.len()
            && (self.ended || !self.script.expects_eof)
    }

    /// Whether the recorded connection was cut off in the end.
    pub fn ends_in_reset(&self) -> bool {
        self.script.ends_in_reset
    }

    /// Notes when the next turn may be taken.
    fn update(&mut self, now: Instant) {
        debug_assert!(self.received <= self.script.expected.len(), "more came than was recorded");
        let Some(turn) = self.script.turns.get(self.taken) else { return };
        if self.ready.is_none() && self.received >= turn.after && (self.ended || !turn.after_eof) {
            self.ready = Some(now);
        }
    }
}
