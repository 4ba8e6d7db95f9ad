//! The latency probe: what is sent and when, and what the answers mean. Pure: times are arguments.
//!
//! A probe begins with the key of its connection and its number. The rest of it follows from these two,
//! so that every byte of an answer can be checked. Round trips count from the time at which a probe was
//! due: a sender that falls behind must not make a slow server look fast (coordinated omission).

mod pinger;
mod tally;

use std::collections::BTreeMap;
use std::time::Instant;

pub use pinger::{Pinger, Schedule, Wake};
pub use tally::{RoundTrips, Tally, bars, trip};

/// Bytes of the smallest probe: a key, a number and LF.
pub const LEAST: usize = 16;
/// Probes that are remembered while they are without an answer.
const MEMORY: usize = 65_536;

/// The probes of one connection or socket.
#[derive(Debug)]
pub struct ProbeStream {
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

impl ProbeStream {
    /// A line of probes of `size` bytes that nobody else has, as far as keys differ.
    pub fn new(key: u64, size: usize) -> Self {
        let (waiting, cut, scratch) = (BTreeMap::new(), Vec::new(), Vec::new());
        // No byte of the key is LF.
        let key = key | 0x8080_8080_8080_8080;
        Self { key, size: size.max(LEAST), next: 0, highest: None, waiting, cut, scratch }
    }

    /// Writes the next probe, which was due at this time.
    pub fn probe(&mut self, due: Instant, tally: &mut Tally) -> &[u8] {
        let number = self.next;
        self.next += 1;
        tally.sent += 1;
        self.waiting.insert(number, due);
        // What is 65,536 probes old is lost; an answer that comes after all counts as a duplicate.
        if self.waiting.len() > MEMORY {
            self.waiting.pop_first();
        }
        debug_assert!(self.waiting.len() <= MEMORY, "{} probes wait", self.waiting.len());
        write(self.key, number, self.size, &mut self.scratch);
        &self.scratch
    }

    /// Takes a datagram that came back; whether it is an answer of ours.
    pub fn answer(&mut self, payload: &[u8], at: Instant, tally: &mut Tally) -> bool {
        let Some(number) = self.recognise(payload) else {
            tally.corrupt += 1;
            return false;
        };
        match self.waiting.remove(&number) {
            Some(due) => {
                if self.highest.is_some_and(|highest| number < highest) {
                    tally.reordered += 1;
                }
                self.highest = self.highest.max(Some(number));
                tally.take(at.saturating_duration_since(due));
            }
            None => tally.duplicates += 1,
        }
        true
    }

    /// Takes a piece of the stream that comes back: RFC 862 answers bytes, so that it is cut by
    /// size. Behind foreign bytes it is cut anew where the next answer begins.
    pub fn answer_stream(&mut self, piece: &[u8], at: Instant, tally: &mut Tally) {
        // Its buffer is used again for what is cut behind the last answer.
        let mut stream = std::mem::take(&mut self.cut);
        stream.extend_from_slice(piece);
        let mut begin = 0;
        while let Some(head) = stream.get(begin..begin + self.size) {
            begin += if self.answer(head, at, tally) { self.size } else { self.foreign(head) };
        }
        stream.drain(..begin);
        self.cut = stream;
    }

    /// How far it is to what may be the beginning of an answer.
    fn foreign(&self, head: &[u8]) -> usize {
        let key = self.key.to_be_bytes();
        let begins = |at: &usize| head.iter().skip(*at).zip(&key).all(|(is, own)| is == own);
        (1..head.len()).find(begins).unwrap_or(head.len())
    }

    /// The number of a probe of ours that is whole to the last byte.
    fn recognise(&mut self, payload: &[u8]) -> Option<u64> {
        let digits = payload.get(size_of::<u64>()..LEAST - 1)?;
        let number = digits.iter().fold(0, |sum, digit| sum << 7 | u64::from(digit & 0x7f));
        // The number of a probe that was never sent: what comes back is not what went out.
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
        // Higher numbers are due later, so a search from the last one ends early.
        self.waiting.values().rev().take_while(|due| **due > since).count() as u64
    }

    /// Whether every probe has its answer.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A probe: its key, its number in seven digits to the base of 128, and noise that follows from
/// both (splitmix64). It is a line: only its last byte is LF, so that a server that takes lines, or
/// drops some of them, has whole probes.
fn write(key: u64, number: u64, size: usize, out: &mut Vec<u8>) {
    out.clear();
    out.reserve(size + size_of::<u64>());
    out.extend_from_slice(&key.to_be_bytes());
    let digits =
        (0..7).fold(0x80_u64, |all, digit| all << 8 | 0x80 | number >> (7 * (6 - digit)) & 0x7f);
    out.extend_from_slice(digits.to_be_bytes().get(1..).unwrap_or_default());
    let mut state = key ^ number.rotate_left(32);
    while out.len() < size {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&without_lf(word ^ (word >> 31)).to_be_bytes());
    }
    out.truncate(size);
    if let Some(last) = out.last_mut() {
        *last = b'\n';
    }
}

/// Puts a dot in the place of each byte that is LF. All eight are looked at together: a probe is made
/// once to be sent and once to check its answer, within the time that is measured.
fn without_lf(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // A byte of it is 0 where that of the word is LF.
    let rest = word ^ 0x0a0a_0a0a_0a0a_0a0a;
    // 0x80 in each byte that is 0: no sum of seven bits carries into the next byte.
    let zeros = !(((rest & LOW) + LOW) | rest | LOW);
    word ^ ((zeros >> 7) * u64::from(b'\n' ^ b'.'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn probes(
        line: &mut ProbeStream,
        count: usize,
        at: Instant,
        tally: &mut Tally,
    ) -> Vec<Vec<u8>> {
        (0..count).map(|_| line.probe(at, tally).to_vec()).collect()
    }

    #[test]
    fn each_trouble_has_its_count() {
        let (mut line, mut tally, start) =
            (ProbeStream::new(7, 40), Tally::default(), Instant::now());
        let mut probes = probes(&mut line, 5, start, &mut tally);
        let at = start + Duration::from_millis(2);
        probes[4][38] ^= 1;
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
        ProbeStream::new(8, 40).answer(&probes[2], at, &mut tally);
        assert_eq!(tally.corrupt, 4);
    }

    #[test]
    fn a_probe_is_lost_when_as_many_came_after_it_as_are_remembered() {
        let (mut line, mut tally, at) = (ProbeStream::new(7, 16), Tally::default(), Instant::now());
        let probes = probes(&mut line, MEMORY + 1, at, &mut tally);
        assert_eq!(line.waiting.len(), MEMORY);
        line.answer(&probes[0], at, &mut tally);
        line.answer(&probes[1], at, &mut tally);
        assert_eq!((tally.answered(), tally.duplicates), (1, 1));
    }

    #[test]
    fn the_round_trip_begins_when_the_probe_was_due() {
        let (mut line, mut tally, due) =
            (ProbeStream::new(1, 16), Tally::default(), Instant::now());
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
            let (mut line, mut tally, at) = (ProbeStream::new(3, size), Tally::default(), Instant::now());
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

    #[test]
    fn foreign_bytes_cost_the_answer_that_they_hit_and_no_other() {
        let (mut line, mut tally, at) = (ProbeStream::new(9, 56), Tally::default(), Instant::now());
        let mut probes = probes(&mut line, 8, at, &mut tally);
        probes[1].truncate(53);
        probes[3].drain(..1);
        probes[5].insert(20, b'x');
        probes[6][0] ^= 1;
        let stream = [b"220 ready\r\n".to_vec(), probes.concat()].concat();
        for piece in stream.chunks(17) {
            line.answer_stream(piece, at, &mut tally);
        }
        assert_eq!((tally.answered(), tally.duplicates, tally.reordered), (4, 0, 0));
        assert!((5..8).contains(&tally.corrupt), "{}", tally.corrupt);
        assert_eq!(line.cut, b"");
    }

    proptest! {
        #[test]
        fn no_byte_of_noise_is_lf(word: [u8; 8], at in prop::collection::vec(0_usize..8, 0..8)) {
            let mut word = word;
            at.into_iter().for_each(|at| word[at] = b'\n');
            let expected = word.map(|byte| if byte == b'\n' { b'.' } else { byte });
            prop_assert_eq!(without_lf(u64::from_be_bytes(word)).to_be_bytes(), expected);
        }

        #[test]
        fn a_probe_is_one_line(key: u64, number in 0_u64..1 << 49, size in LEAST..300) {
            let mut probe = Vec::new();
            write(key | 0x8080_8080_8080_8080, number, size, &mut probe);
            prop_assert_eq!((probe.len(), memchr::memchr(b'\n', &probe)), (size, Some(size - 1)));
        }
    }
}
