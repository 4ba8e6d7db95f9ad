//! Cuts stdin into numbered lines of commands.
//!
//! A line that is too long is one error, and reading goes on behind its LF. A
//! [`Deframer`](super::Deframer) ends at the first error: most framings have no mark at which the next
//! message could be found again.

use bytes::BytesMut;

/// A stream that is cut into numbered lines: pieces are pushed in, lines are taken out when
/// there is time for them.
#[derive(Debug)]
pub struct Lines {
    buffer: BytesMut,
    /// So much of the buffer has no LF.
    searched: usize,
    /// The number of the line that is being read; the first is 1.
    number: u64,
    /// The most bytes that a line may have, its LF not counted.
    longest: usize,
    /// The line was too long, and is passed over to its end.
    skipping: bool,
    /// Nothing follows, and a rest without LF is a line, too.
    ended: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which one it is; the first is 1.
    pub number: u64,
    /// Its bytes without the LF; `None` where they are too many.
    pub bytes: Option<BytesMut>,
}

impl Lines {
    /// No stream yet, for lines of `longest` bytes at most.
    pub fn new(longest: usize) -> Self {
        let buffer = BytesMut::new();
        Self { buffer, searched: 0, number: 1, longest, skipping: false, ended: false }
    }

    /// Adds the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Says that nothing follows.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Bytes that wait to be taken.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing follows, and all lines have been taken.
    pub fn is_over(&self) -> bool {
        self.ended && self.buffer.is_empty()
    }

    /// Takes the next line, where there is a whole one. One that is too long is returned before its
    /// end, which may never come.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let new = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', new) else { return self.unfinished() };
            debug_assert!(self.searched <= self.buffer.len(), "searched beyond the buffer");
            let mut line = self.buffer.split_to(self.searched + at + 1);
            line.truncate(line.len() - 1);
            self.searched = 0;
            let number = self.number;
            self.number += 1;
            // The end of a line that was too long: it has been returned at its beginning.
            if !std::mem::take(&mut self.skipping) {
                let fits = line.len() <= self.longest;
                return Some(Line { number, bytes: fits.then_some(line) });
            }
        }
    }

    /// What a buffer without LF gives.
    fn unfinished(&mut self) -> Option<Line> {
        self.searched = self.buffer.len();
        let number = self.number;
        if self.skipping || self.searched > self.longest {
            // Not `clear`: the buffer of a line that is too long is given back.
            self.buffer = BytesMut::new();
            self.searched = 0;
            let is_new = !std::mem::replace(&mut self.skipping, true);
            return is_new.then_some(Line { number, bytes: None });
        }
        if !self.ended || self.buffer.is_empty() {
            return None;
        }
        self.searched = 0;
        Some(Line { number, bytes: Some(self.buffer.split()) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a stream in these pieces.
    fn lines(pieces: &[&[u8]], longest: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut lines, mut all) = (Lines::new(longest), Vec::new());
        for piece in pieces {
            lines.push(piece);
            all.extend(std::iter::from_fn(|| lines.next_line()));
        }
        lines.end();
        all.extend(std::iter::from_fn(|| lines.next_line()));
        assert!(lines.is_over());
        all.into_iter().map(|line| (line.number, line.bytes.map(|bytes| bytes.to_vec()))).collect()
    }

    fn line(number: u64, bytes: &[u8]) -> (u64, Option<Vec<u8>>) {
        (number, Some(bytes.to_vec()))
    }

    #[test]
    fn lines_are_numbered_and_the_last_one_needs_no_end() {
        let expected = [line(1, b"one"), line(2, b""), line(3, b"two\r"), line(4, b"rest")];
        assert_eq!(lines(&[b"one\n\ntw", b"o\r\nrest"], 9), expected);
        assert_eq!(lines(&[b"a\n"], 9), [line(1, b"a")]);
        assert_eq!(lines(&[], 9), []);
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_only() {
        let expected = [line(1, b"abc"), (2, None), line(3, b"def"), (4, None)];
        assert_eq!(lines(&[b"abc\nabcd\ndef\nabcdef"], 3), expected);
        assert_eq!(lines(&[b"abc\nab", b"cd", b"ef\nd", b"ef\nabcd"], 3), expected);
    }

    #[test]
    fn a_line_without_end_is_returned_before_its_end_and_not_held() {
        let (mut lines, mut told) = (Lines::new(1024), 0);
        for _ in 0..100 {
            lines.push(&[b'x'; 1000]);
            told += usize::from(lines.next_line().is_some());
        }
        assert_eq!((told, lines.buffer.len()), (1, 0));
    }

    #[test]
    fn lines_that_nobody_has_time_for_wait() {
        let mut lines = Lines::new(9);
        lines.push(b"a\nb\n");
        lines.end();
        assert!(lines.next_line().is_some() && !lines.is_over());
        assert!(lines.next_line().is_some() && lines.is_over());
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference(
            stream in prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 0..60),
            size in 1_usize..20,
            longest in 0_usize..6,
        ) {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            prop_assert_eq!(lines(&pieces, longest), lines(&[&stream], longest));
        }
    }
}
