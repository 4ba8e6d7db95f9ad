//! One side of one conversation.

use std::time::Duration;

use bytes::Bytes;

use super::{Recorded, RecordedEvent, RecordedSocket};
use crate::protocol::output::Direction;

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
