//! The latency probe: what is sent and when, and what the answers tell. Pure: times are arguments.
//!
//! A probe says whose it is and which, and the rest of it follows from that, so that every byte of
//! an answer can be checked. Round trips count from the time at which a probe was due: a sender
//! that falls behind must not make a slow server look fast (coordinated omission).

mod histogram;
mod schedule;
mod tally;

use std::collections::BTreeMap;
use std::time::Instant;

pub use histogram::bars;
pub use schedule::Schedule;
pub use tally::{RoundTrips, Tally};

/// Bytes of the smallest probe: a key and a number.
pub const LEAST: usize = 16;
/// Probes that are remembered while they are without an answer.
const MEMORY: usize = 65_536;

/// The probes of one connection or socket.
#[derive(Debug)]
pub struct Line {
    key: u64,
    size: usize,
    next: u64,
    /// The highest number that was answered.
    highest: Option<u64>,
    /// Probes without an answer, and when each was due.
    waiting: BTreeMap<u64, Instant>,
    /// Bytes of a stream that make no whole answer yet.
    cut: Vec<u8>,
    scratch: Vec<u8>,
}

impl Line {
    /// A line of probes of `size` bytes that nobody else has, as far as keys differ.
    pub fn new(key: u64, size: usize) -> Self {
        let (waiting, cut, scratch) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { key, size: size.max(LEAST), next: 0, highest: None, waiting, cut, scratch }
    }

    /// Writes the next probe, which was due at this time.
    pub fn probe(&mut self, due: Instant, tally: &mut Tally) -> &[u8] {
        let number = self.next;
        self.next += 1;
        tally.sent += 1;
        self.waiting.insert(number, due);
        if self.waiting.len() > MEMORY {
            self.waiting.pop_first();
        }
        write(self.key, number, self.size, &mut self.scratch);
        &self.scratch
    }

    /// Takes a datagram that came back.
    pub fn answer(&mut self, payload: &[u8], at: Instant, tally: &mut Tally) {
        match self.recognise(payload) {
            None => tally.corrupt += 1,
            Some(number) => match self.waiting.remove(&number) {
                Some(due) => {
                    if self.highest.is_some_and(|highest| number < highest) {
                        tally.reordered += 1;
                    }
                    self.highest = self.highest.max(Some(number));
                    tally.take(at.saturating_duration_since(due));
                }
                None => tally.duplicates += 1,
            },
        }
    }

    /// Takes a piece of the stream that comes back: RFC 862 answers bytes, so that it is cut by
    /// size.
    pub fn answer_stream(&mut self, mut piece: &[u8], at: Instant, tally: &mut Tally) {
        while !piece.is_empty() {
            let wanted = self.size - self.cut.len();
            let (head, rest) = piece.split_at(wanted.min(piece.len()));
            piece = rest;
            if self.cut.is_empty() && head.len() == self.size {
                self.answer(head, at, tally);
                continue;
            }
            self.cut.extend_from_slice(head);
            if self.cut.len() == self.size {
                let mut whole = std::mem::take(&mut self.cut);
                self.answer(&whole, at, tally);
                whole.clear();
                self.cut = whole;
            }
        }
    }

    /// The number of a probe of ours that is whole to the last byte.
    fn recognise(&mut self, payload: &[u8]) -> Option<u64> {
        let number = u64::from_be_bytes(payload.get(8..LEAST)?.try_into().ok()?);
        if number >= self.next {
            return None;
        }
        write(self.key, number, self.size, &mut self.scratch);
        (payload == self.scratch).then_some(number)
    }

    /// When the last probe was due, if it has no answer yet.
    pub fn last_waiting(&self) -> Option<Instant> {
        let last = self.next.checked_sub(1)?;
        self.waiting.get(&last).copied()
    }

    /// Probes without an answer that were due later than this.
    pub fn waiting_since(&self, since: Instant) -> u64 {
        self.waiting.values().rev().take_while(|due| **due > since).count() as u64
    }

    /// Whether every probe has its answer.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A probe: its key and number, and noise that follows from them (splitmix64).
fn write(key: u64, number: u64, size: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&key.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    let mut state = key ^ number.rotate_left(32);
    while out.len() < size {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(word ^ (word >> 31)).to_be_bytes());
    }
    out.truncate(size);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn probes(line: &mut Line, count: usize, at: Instant, tally: &mut Tally) -> Vec<Vec<u8>> {
        (0..count).map(|_| line.probe(at, tally).to_vec()).collect()
    }

    #[test]
    fn each_trouble_has_its_count() {
        let (mut line, mut tally, start) = (Line::new(7, 40), Tally::default(), Instant::now());
        let mut probes = probes(&mut line, 5, start, &mut tally);
        let at = start + Duration::from_millis(2);
        probes[4][39] ^= 1;
        for number in [1, 0, 0, 3, 4] {
            line.answer(&probes[number], at, &mut tally);
        }
        let counts = (tally.sent, tally.answered(), tally.reordered, tally.duplicates);
        assert_eq!((counts, tally.corrupt), ((5, 3, 1, 1), 1));
        assert_eq!(line.waiting_since(start), 0);
        assert_eq!(line.waiting_since(start - Duration::from_millis(1)), 2);
        assert!(!line.is_settled());
        line.answer(&probes[2][..39], at, &mut tally);
        line.answer(b"", at, &mut tally);
        Line::new(8, 40).answer(&probes[2], at, &mut tally);
        assert_eq!(tally.corrupt, 4);
    }

    #[test]
    fn the_round_trip_begins_when_the_probe_was_due() {
        let (mut line, mut tally, due) = (Line::new(1, 16), Tally::default(), Instant::now());
        let probe = line.probe(due, &mut tally).to_vec();
        line.answer(&probe, due + Duration::from_millis(30), &mut tally);
        let trips = tally.round_trips().unwrap();
        assert_eq!((trips.min, trips.p50, trips.max), (0.03, 0.03, 0.03));
    }

    proptest! {
        #[test]
        fn a_stream_is_whole_however_it_is_cut(
            size in 16_usize..200, count in 1_usize..20, cuts in prop::collection::vec(1_usize..99, 1..40),
        ) {
            let (mut line, mut tally, at) = (Line::new(3, size), Tally::default(), Instant::now());
            let stream = probes(&mut line, count, at, &mut tally).concat();
            let (mut rest, mut cuts) = (&stream[..], cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                line.answer_stream(head, at, &mut tally);
                rest = tail;
            }
            prop_assert!(line.is_settled());
            prop_assert_eq!((tally.answered(), tally.corrupt, tally.reordered), (count as u64, 0, 0));
        }
    }
}
