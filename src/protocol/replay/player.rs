//! The course of one conversation that is played.

use std::sync::Arc;
use std::time::Instant;

use super::difference::Difference;
use super::script::{Expected, Script, Send};

/// Plays one side of one conversation.
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
        let Some(turn) = self.script.turns.get(self.taken) else { return };
        if self.ready.is_none() && self.received >= turn.after && (self.ended || !turn.after_eof) {
            self.ready = Some(now);
        }
    }
}
