//! The course of one conversation that is played.

use std::sync::Arc;
use std::time::Instant;

use super::difference::Difference;
use super::script::{Expected, Say, Script};

/// Plays one side of one conversation.
#[derive(Clone, Debug)]
pub struct Player {
    script: Arc<Script>,
    /// Whether the recorded pauses are kept.
    timing: bool,
    /// How much has been heard: bytes of a stream, or datagrams.
    heard: usize,
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
    /// It is time to say this.
    Say(Say),
    /// It is time to say something then.
    At(Instant),
    /// The other side is to say something first.
    Hear,
    /// All has been said and heard.
    Done,
}

impl Player {
    /// Begins to play.
    pub fn new(script: Arc<Script>, timing: bool, now: Instant) -> Self {
        let mut player = Self { script, timing, heard: 0, ended: false, taken: 0, ready: None };
        player.look(now);
        player
    }

    /// Hears a piece of a stream, or a datagram.
    ///
    /// # Errors
    /// It is not what was recorded.
    pub fn hear(&mut self, piece: &[u8], now: Instant) -> Result<(), Difference> {
        match &self.script.expected {
            Expected::Stream(expected) => {
                let due = expected.get(self.heard..).unwrap_or_default();
                let same = due.iter().zip(piece).take_while(|(due, got)| due == got).count();
                if same < piece.len() {
                    return Err(Difference::in_stream(expected, self.heard + same, &piece[same..]));
                }
                self.heard += same;
            }
            Expected::Datagrams(expected) => {
                let due = expected.get(self.heard);
                if due.is_none_or(|due| due != piece) {
                    return Err(Difference::in_datagram(self.heard, due.map(Vec::as_slice), piece));
                }
                self.heard += 1;
            }
        }
        self.look(now);
        Ok(())
    }

    /// The other side has ended.
    ///
    /// # Errors
    /// It had more to say.
    pub fn end(&mut self, now: Instant) -> Result<(), Difference> {
        self.ended = true;
        self.look(now);
        self.missing().map_or(Ok(()), Err)
    }

    /// What is still to be heard.
    pub fn missing(&self) -> Option<Difference> {
        match &self.script.expected {
            Expected::Stream(expected) if self.heard < expected.len() => {
                Some(Difference::missing_bytes(expected, self.heard))
            }
            Expected::Stream(expected) => {
                (self.script.expects_eof && !self.ended).then(|| Difference::missing_end(expected))
            }
            Expected::Datagrams(expected) => {
                let due = expected.get(self.heard)?;
                Some(Difference::missing_datagram(self.heard, due))
            }
        }
    }

    /// What comes next; something to say is given once.
    pub fn next(&mut self, now: Instant) -> Next {
        let Some(turn) = self.script.turns.get(self.taken) else {
            return if self.is_done() { Next::Done } else { Next::Hear };
        };
        let Some(ready) = self.ready else { return Next::Hear };
        let at = if self.timing { ready + turn.pause } else { ready };
        if at > now {
            return Next::At(at);
        }
        let say = turn.say.clone();
        self.taken += 1;
        self.ready = None;
        // A pause is counted from when the last thing was due, so that delays do not add up.
        self.look(at);
        Next::Say(say)
    }

    /// Whether all has been said and heard.
    pub fn is_done(&self) -> bool {
        self.taken == self.script.turns.len()
            && self.heard == self.script.expected.len()
            && (self.ended || !self.script.expects_eof)
    }

    /// Whether the recorded connection was cut off in the end.
    pub fn ends_in_reset(&self) -> bool {
        self.script.ends_in_reset
    }

    /// Notes when the next turn may be taken.
    fn look(&mut self, now: Instant) {
        let Some(turn) = self.script.turns.get(self.taken) else { return };
        if self.ready.is_none() && self.heard >= turn.after && (self.ended || !turn.after_eof) {
            self.ready = Some(now);
        }
    }
}
