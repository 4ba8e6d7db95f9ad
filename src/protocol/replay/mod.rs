//! Playing one side of a recording: what to send, when, and what must come from the other side.
//!
//! Pure. A [`Recording`] is what was read from a file, a [`Script`] one side of one of its
//! conversations, a [`Player`] the course of it, and a [`Difference`] the first thing that came
//! otherwise. [`Conversations`] chooses which one a new peer plays.
//!
//! Where a stream is cut into reads is no part of it: the next send happens as soon as all bytes
//! have come that the other side had sent before it, in however many pieces.

mod conversations;
mod difference;
mod player;
#[cfg(test)]
mod properties;

pub use conversations::{Conversations, PlayedConversation};
pub use difference::Difference;
pub use player::{Next, Player, Script, Send};

use std::collections::HashMap;
use std::time::Duration;

use crate::recording::{Direction, Proto, Role};

/// A recording as it was read.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Its sockets, in the order of opening.
    pub lines: Vec<RecordedSocket>,
    /// Where the open ones are, by their numbers.
    open: HashMap<u64, usize>,
}

/// A socket, and all that was seen on it.
#[derive(Clone, Debug)]
pub struct RecordedSocket {
    /// What it carries.
    pub proto: Proto,
    /// Which part the recording side had.
    pub role: Role,
    /// When it was opened.
    pub opened: Duration,
    /// What was seen, in its order.
    pub events: Vec<Recorded>,
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When, since any moment that all of a recording share.
    pub at: Duration,
    /// The other side, where it has a name.
    pub peer: Option<String>,
    /// What it was.
    pub event: RecordedEvent,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedEvent {
    /// Bytes of a stream, or a datagram.
    Data(Direction, Vec<u8>),
    /// The end of a direction.
    Eof(Direction),
    /// The end of all.
    Closed {
        /// One side has cut the other off.
        reset: bool,
    },
}

impl Recording {
    /// Adds a socket.
    ///
    /// # Errors
    /// Another one is open under this number.
    pub fn open(
        &mut self,
        number: u64,
        proto: Proto,
        role: Role,
        at: Duration,
    ) -> Result<(), String> {
        if self.open.insert(number, self.lines.len()).is_some() {
            return Err(format!("conn {number} is open already"));
        }
        self.lines.push(RecordedSocket { proto, role, opened: at, events: Vec::new() });
        Ok(())
    }

    /// Adds what was seen on a socket.
    ///
    /// # Errors
    /// There is no such socket, or it is one of many peers and the peer is not named.
    pub fn add(&mut self, number: u64, recorded: Recorded) -> Result<(), String> {
        let line = self.open.get(&number).and_then(|at| self.lines.get_mut(*at));
        let line = line.ok_or_else(|| format!("conn {number} is not open"))?;
        if line.role == Role::Bound && recorded.peer.is_none() {
            return Err("missing field `peer`".to_owned());
        }
        // The number may be used again.
        if matches!(recorded.event, RecordedEvent::Closed { .. }) {
            self.open.remove(&number);
        }
        line.events.push(recorded);
        Ok(())
    }

    /// The streams as one side played them: that which accepted, or that which connected. Where
    /// the recording side had this role itself, those of its lines are meant that had it (a
    /// relay's have both); else it is the other side that is played.
    pub fn streams(&self, role: Role) -> Vec<Script> {
        let streams = || self.lines.iter().filter(|line| line.proto.is_stream());
        let same = streams().any(|line| line.role == role);
        streams()
            .filter(|line| !same || line.role == role)
            .map(|line| {
                // Where the other side is played, what was received is what it has to send.
                let ours = if same { Direction::Out } else { Direction::In };
                Script::stream(line, ours)
            })
            .collect()
    }

    /// The conversations of a listener for datagrams with each of its peers, in the order in
    /// which these were first received.
    pub fn datagrams(&self) -> Vec<Script> {
        let mut scripts = Vec::new();
        for line in self.lines.iter().filter(|line| !line.proto.is_stream()) {
            let ours = if line.role == Role::Bound { Direction::Out } else { Direction::In };
            let mut peers: Vec<Option<&str>> = Vec::new();
            for recorded in &line.events {
                let peer = recorded.peer.as_deref();
                // A socket for many is a conversation with each of them.
                if line.role == Role::Bound && !peers.contains(&peer) {
                    peers.push(peer);
                }
            }
            if line.role != Role::Bound {
                scripts.push(Script::datagrams(line, ours, None));
            }
            scripts.extend(peers.into_iter().map(|peer| Script::datagrams(line, ours, peer)));
        }
        // A peer of whom only the end was seen has nothing to play.
        scripts.retain(|script| !script.is_empty());
        scripts
    }
}
