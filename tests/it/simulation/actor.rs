//! Who sits at the far ends: clients, servers, whatever writes stdin and reads stdout. An actor
//! acts only where there is something to do, so a world in which nobody can act is at rest.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::wire::{Far, Taken};

/// How an actor behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Temper {
    /// Reads and writes without much delay.
    Good,
    /// Takes a few bytes at a time, and is never still for this long.
    Slow(Duration),
    /// Stops reading after so many bytes, for this long, and is good again.
    Stuck(usize, Duration),
    /// Goes away without a word after so many bytes, read or written.
    Rude(usize),
    /// As `Rude`, but reads nothing at all before.
    Wedged(Duration),
}

/// When an actor says that it sends no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// When everything is sent.
    AfterSending,
    /// When the other side has said so, and everything is sent.
    AfterTheirs,
    /// Never: the other side has to end it.
    Never,
}

#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) wire: Far,
    pub(super) temper: Temper,
    pub(super) ending: Ending,
    pub(super) to_send: Vec<u8>,
    pub(super) sent: usize,
    pub(super) received: Vec<u8>,
    pub(super) said_fin: bool,
    pub(super) saw_fin: bool,
    /// It was reset, or has reset the connection itself.
    pub(super) was_reset: bool,
    /// Acts no sooner than this.
    resume_at: Instant,
    /// When it began, or came to be stuck.
    since: Instant,
    stuck: bool,
}

impl Actor {
    pub(super) fn new(name: &str, wire: Far, temper: Temper, ending: Ending, now: Instant) -> Self {
        let name = name.to_owned();
        Self {
            name,
            wire,
            temper,
            ending,
            to_send: Vec::new(),
            sent: 0,
            received: Vec::new(),
            said_fin: false,
            saw_fin: false,
            was_reset: false,
            resume_at: now,
            since: now,
            stuck: false,
        }
    }

    /// An actor whose bytes and end are to be counted on.
    pub(super) fn is_reliable(&self) -> bool {
        matches!(self.temper, Temper::Good | Temper::Slow(_) | Temper::Stuck(..))
    }

    /// When it can act next, if it can at all as things are.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.was_reset || !self.wire.is_connected() {
            return None;
        }
        let reads = self.reads() && !self.saw_fin && self.wire.has_news();
        if reads || self.can_send() || self.can_end() {
            return Some(self.resume_at);
        }
        match self.temper {
            Temper::Stuck(_, pause) if self.stuck => Some(self.since + pause),
            Temper::Wedged(pause) => Some(self.since + pause),
            Temper::Rude(limit) => (self.moved() >= limit).then_some(self.resume_at),
            _ => None,
        }
    }

    fn reads(&self) -> bool {
        !(self.stuck || matches!(self.temper, Temper::Wedged(_)))
    }

    fn can_send(&self) -> bool {
        self.sent < self.to_send.len() && !self.said_fin && self.wire.has_room()
    }

    fn can_end(&self) -> bool {
        let due = match self.ending {
            Ending::AfterSending => true,
            Ending::AfterTheirs => self.saw_fin,
            Ending::Never => false,
        };
        due && !self.said_fin && self.sent == self.to_send.len()
    }

    fn moved(&self) -> usize {
        self.received.len() + self.sent
    }

    /// Does one thing or the other; its next one follows after a pause.
    pub(super) fn act(&mut self, rng: &mut Rng, now: Instant) {
        let most = match self.temper {
            Temper::Slow(_) => rng.usize(1..=2048),
            _ => 1 << rng.u32(4..16),
        };
        if self.reads() && !self.saw_fin {
            self.read(most);
        }
        if self.can_send() && !self.was_reset {
            let rest = &self.to_send[self.sent..];
            let piece = &rest[..rest.len().min(most)];
            match self.wire.offer(piece) {
                Some(count) => self.sent += count,
                None => self.was_reset = true,
            }
        }
        if self.can_end() && !self.was_reset {
            self.said_fin = true;
            self.wire.end();
        }
        self.live_out_temper(now);
        let pause = match self.temper {
            Temper::Slow(patience) => patience / 4 + patience / 2 * rng.u32(..16) / 16,
            _ if rng.u8(..4) == 0 => Duration::from_millis(rng.u64(..40)),
            _ => Duration::from_micros(rng.u64(..500)),
        };
        self.resume_at = now + pause;
    }

    fn read(&mut self, most: usize) {
        match self.wire.take(most) {
            Taken::Bytes(bytes) => self.received.extend(bytes),
            Taken::Nothing => {}
            Taken::Fin => self.saw_fin = true,
            Taken::Reset => self.was_reset = true,
        }
    }

    fn live_out_temper(&mut self, now: Instant) {
        match self.temper {
            Temper::Stuck(limit, _) if !self.stuck && self.received.len() >= limit => {
                (self.stuck, self.since) = (true, now);
            }
            Temper::Stuck(_, pause) if self.stuck && now >= self.since + pause => {
                (self.stuck, self.temper) = (false, Temper::Good);
            }
            Temper::Rude(limit) if self.moved() >= limit => self.go_away(),
            Temper::Wedged(pause) if now >= self.since + pause => self.go_away(),
            _ => {}
        }
    }

    fn go_away(&mut self) {
        self.was_reset = true;
        self.wire.reset();
    }
}
