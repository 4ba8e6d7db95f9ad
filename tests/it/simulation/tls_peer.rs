//! A server or a client that speaks TLS at the far end of a wire; the server behind a proxy where there is
//! one. It is an independent one: rustls with its own buffers, and nothing of wirecat.
//!
//! Its keys, randoms and ciphertexts differ from run to run, for ring takes them from the system.
//! Nothing depends on them: Ed25519 signatures, X25519 keys, the serial number and all records have
//! lengths that are always the same, and each decision is one of the seed, of lengths and of times.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustls::Connection;

use super::tls_cuts::Boundaries;
use super::wire::{Far, Taken};

/// Bytes of records that wait for room.
const WAITING: usize = 64 * 1024;

/// What begins no record.
const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// How a stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Fin,
    Reset,
    /// Nothing comes any more, and nothing is read.
    Stall,
    /// Bytes that are no record follow.
    Garbage,
}

/// Where a stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Behind so many bytes of TLS.
    Byte(usize),
    /// Behind so many records.
    Record(usize),
    /// Behind so many records of the other side.
    Theirs(usize),
    /// Behind everything: only close_notify is missing.
    Notify,
}

/// What the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything that comes.
    Echo,
    /// Its own bytes, which may be none; what comes is thrown away.
    Own,
}

/// A proxy ahead of the server, which says yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    Socks(bool),
    Http(bool),
}

#[derive(Clone, Debug)]
pub(super) struct Habits {
    pub(super) role: Role,
    pub(super) proxy: Option<Proxy>,
    /// The most that it takes or gives at once, and the longest pause in between.
    pub(super) most: usize,
    pub(super) pause: Duration,
    /// Stops reading after so many bytes, for so long.
    pub(super) stuck: Option<(usize, Duration)>,
    pub(super) cut: Option<(Where, How)>,
    /// Ends when the client has.
    pub(super) after_theirs: bool,
    /// How long its FIN comes behind its close_notify.
    pub(super) fin_after: Duration,
}

pub(super) struct TlsPeer {
    pub(super) habits: Habits,
    pub(super) wire: Far,
    tls: Connection,
    /// What a proxy was asked so far, and its replies that were given.
    asked: Vec<u8>,
    replies: usize,
    /// When the proxy had said its last.
    pub(super) answered: Option<Instant>,
    /// What is to be said, and how much of it is in a record.
    pub(super) to_send: Vec<u8>,
    pub(super) said: usize,
    /// What the client says.
    pub(super) received: Vec<u8>,
    /// Bytes for the wire; of those of TLS, how many went, and where records end.
    outgoing: Vec<u8>,
    wired: usize,
    made: usize,
    records: Vec<usize>,
    /// The records that have come.
    theirs: Boundaries,
    said_notify: bool,
    pub(super) saw_notify: bool,
    /// The whole close_notify is on its way to the client.
    pub(super) is_orderly: bool,
    said_fin: bool,
    saw_fin: bool,
    /// It was cut where its habits say so.
    pub(super) is_cut: bool,
    /// It speaks no TLS any more: the other side has broken its rules, or it has itself.
    pub(super) has_failed: bool,
    /// It does nothing any more.
    pub(super) is_dead: bool,
    resume_at: Instant,
    fin_at: Option<Instant>,
    stuck_at: Option<Instant>,
}

impl TlsPeer {
    pub(super) fn new(habits: Habits, wire: Far, tls: Connection, now: Instant) -> Self {
        Self {
            wire,
            tls,
            asked: Vec::new(),
            replies: 0,
            answered: None,
            to_send: Vec::new(),
            said: 0,
            received: Vec::new(),
            outgoing: Vec::new(),
            wired: 0,
            made: 0,
            records: Vec::new(),
            theirs: Boundaries::default(),
            said_notify: false,
            saw_notify: false,
            is_orderly: false,
            said_fin: false,
            saw_fin: false,
            is_cut: false,
            has_failed: false,
            is_dead: false,
            resume_at: now,
            fin_at: None,
            stuck_at: habits.stuck.and_then(|(after, _)| (after == 0).then_some(now)),
            habits,
        }
    }

    /// How many records it has made.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// How many records of the other side have come whole.
    pub(super) fn heard(&self) -> usize {
        self.theirs.count
    }

    /// When it can act next, if it can at all as things are.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.is_dead || !self.wire.is_connected() {
            return None;
        }
        let has_records = !self.outgoing.is_empty() || self.tls.wants_write();
        let gives = has_records && self.wire.has_room();
        if self.can_read() && !self.is_stuck() || self.can_say() || self.can_notify() || gives {
            return Some(self.resume_at);
        }
        let freed = self.habits.stuck.zip(self.stuck_at).map(|((_, pause), at)| at + pause);
        let fin = self.fin_at.filter(|_| !self.said_fin).map(|at| at.max(self.resume_at));
        freed.into_iter().chain(fin).min()
    }

    fn can_read(&self) -> bool {
        !self.saw_fin && self.wire.has_news()
    }

    fn is_stuck(&self) -> bool {
        self.habits.stuck.is_some_and(|(after, _)| self.received.len() >= after)
    }

    fn is_up(&self) -> bool {
        self.is_through() && !self.tls.is_handshaking() && !self.has_failed
    }

    fn content(&self) -> &[u8] {
        if self.habits.role == Role::Echo { &self.received } else { &self.to_send }
    }

    fn can_say(&self) -> bool {
        let has_more = self.said < self.content().len() && !self.said_notify;
        self.is_up() && has_more && self.outgoing.len() < WAITING && !self.said_fin
    }

    fn can_notify(&self) -> bool {
        let is_over = self.saw_notify || self.saw_fin;
        let is_due = is_over || !self.habits.after_theirs;
        self.is_up() && is_due && self.said == self.content().len() && self.fin_at.is_none()
    }

    pub(super) fn act(&mut self, rng: &mut Rng, now: Instant) {
        let most = rng.usize(1..=self.habits.most);
        if let (Some((_, pause)), Some(at)) = (self.habits.stuck, self.stuck_at)
            && now >= at + pause
        {
            self.habits.stuck = None;
        }
        if self.can_read() && !self.is_stuck() {
            self.read(most, now);
        }
        if self.can_say() {
            let rest = self.content()[self.said..].to_vec();
            let piece = &rest[..rest.len().min(most)];
            self.said += self.tls.writer().write(piece).expect("a buffer takes it");
        }
        if self.can_notify() && !self.is_dead {
            self.fin_at = Some(now + self.habits.fin_after);
            let is_bare = self.habits.cut.is_some_and(|(place, _)| place == Where::Notify);
            if !is_bare {
                self.said_notify = true;
                self.tls.send_close_notify();
            }
        }
        self.give(most, now);
        let is_due = self.outgoing.is_empty() && self.fin_at.is_some_and(|at| at <= now);
        if is_due && !self.said_fin && !self.is_dead {
            self.said_fin = true;
            match self.habits.cut {
                Some((Where::Notify, How::Reset)) => self.cut(How::Reset, now),
                _ => self.wire.end(),
            }
        }
        if self.is_stuck() {
            self.stuck_at.get_or_insert(now);
        }
        let pause = u64::try_from(self.habits.pause.as_micros()).expect("a short pause");
        self.resume_at = now + Duration::from_micros(rng.u64(..=pause));
    }

    fn read(&mut self, most: usize, now: Instant) {
        match self.wire.take(most) {
            Taken::Bytes(bytes) if self.is_through() => self.feed(&bytes, now),
            Taken::Bytes(bytes) => self.reply(&bytes, now),
            Taken::Nothing => {}
            Taken::Fin => self.saw_fin = true,
            Taken::Reset => self.is_dead = true,
        }
    }

    fn feed(&mut self, bytes: &[u8], now: Instant) {
        let cut = self.habits.cut.and_then(|(place, how)| match place {
            Where::Theirs(count) => Some((count, how)),
            _ => None,
        });
        let until = cut.map_or(usize::MAX, |(count, _)| count);
        let passed = self.theirs.pass(bytes, until);
        self.decrypt(&bytes[..passed], now);
        if let Some((count, how)) = cut
            && self.theirs.count >= count
            && !self.has_failed
        {
            self.cut(how, now);
        }
    }

    fn decrypt(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() && !self.has_failed {
            self.tls.read_tls(&mut bytes).expect("room for a record");
            let state = match self.tls.process_new_packets() {
                Err(error) => {
                    let may_fail = matches!(self.tls, Connection::Client(_));
                    assert!(may_fail, "a client that keeps the rules: {error}");
                    self.fail(now);
                    return;
                }
                Ok(state) => state,
            };
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut plain).expect("what was announced");
            assert!(plain.is_empty() || !self.saw_notify, "data behind a close_notify");
            self.received.extend(plain);
            self.saw_notify |= state.peer_has_closed();
        }
    }

    /// Says no more but an alert, if any, and FIN.
    fn fail(&mut self, now: Instant) {
        self.has_failed = true;
        self.fin_at = Some(now + self.habits.fin_after);
    }

    /// Whether the proxy is out of the way.
    fn is_through(&self) -> bool {
        self.habits.proxy.is_none() || self.answered.is_some()
    }

    /// Replies as a proxy does. What is behind a request has to wait for the reply.
    fn reply(&mut self, bytes: &[u8], now: Instant) {
        self.asked.extend(bytes);
        let (whole, says, takes): (bool, &[u8], bool) = match (self.habits.proxy, self.replies) {
            (Some(Proxy::Socks(takes)), 0) => (self.asked == [5, 1, 0], &[5, 0], takes),
            (Some(Proxy::Socks(true)), _) => {
                (self.asked.len() == 10, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0], true)
            }
            (Some(Proxy::Socks(false)), _) => {
                (self.asked.len() == 10, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0], false)
            }
            (Some(Proxy::Http(takes)), _) => {
                let says: &[u8] =
                    if takes { b"HTTP/1.1 200 OK\r\n\r\n" } else { b"HTTP/1.1 403 No\r\n\r\n" };
                (self.asked.ends_with(b"\r\n\r\n"), says, takes)
            }
            (None, _) => unreachable!("without a proxy nobody is asked"),
        };
        if !whole {
            return;
        }
        self.outgoing.extend(says);
        self.asked.clear();
        let is_last = matches!(self.habits.proxy, Some(Proxy::Http(_))) || self.replies == 1;
        self.replies += 1;
        if is_last && takes {
            self.answered = Some(now);
        }
    }

    /// Puts records on the wire, up to where they are cut.
    fn give(&mut self, most: usize, now: Instant) {
        let is_tls = self.is_through() && (self.made > 0 || self.outgoing.is_empty());
        if is_tls {
            self.make_records();
        }
        if self.is_dead {
            return;
        }
        let place = self.habits.cut.and_then(|(place, how)| match place {
            Where::Byte(at) => Some((at, how)),
            Where::Record(number) => self.records.get(number).map(|at| (*at, how)),
            Where::Theirs(_) | Where::Notify => None,
        });
        let left = place.filter(|_| is_tls).map_or(usize::MAX, |(at, _)| at - self.wired);
        let piece = self.outgoing.len().min(most).min(left);
        if piece > 0 {
            let Some(count) = self.wire.offer(&self.outgoing[..piece]) else {
                self.is_dead = true;
                return;
            };
            self.outgoing.drain(..count);
            if is_tls {
                self.wired += count;
            } else if self.answered.is_some() {
                self.answered = Some(now);
            }
        }
        self.is_orderly |= self.said_notify && self.outgoing.is_empty();
        if let Some((at, how)) = place
            && is_tls
            && self.wired == at
        {
            self.cut(how, now);
        }
    }

    fn make_records(&mut self) {
        while self.tls.wants_write() {
            let before = self.outgoing.len();
            self.tls.write_tls(&mut self.outgoing).expect("memory takes it");
            let mut at = before;
            while let Some([_, _, _, high, low]) = self.outgoing.get(at..at + 5) {
                let len = 5 + usize::from(u16::from_be_bytes([*high, *low]));
                at += len;
                self.made += len;
                self.records.push(self.made);
            }
            assert_eq!(at, self.outgoing.len(), "records are written whole");
        }
    }

    fn cut(&mut self, how: How, now: Instant) {
        (self.is_cut, self.is_dead) = (true, how != How::Garbage);
        match how {
            // Behind its end, one that reads no more would be waited for.
            How::Fin if self.is_orderly => self.wire.reset(),
            How::Fin => self.wire.end(),
            How::Reset => self.wire.reset(),
            How::Stall => {}
            How::Garbage => {
                self.habits.cut = None;
                self.outgoing = GARBAGE.repeat(64);
                self.fail(now);
            }
        }
    }
}
