//! Lines of stdin that are commands, not messages: numbered, and one that is too long costs
//! itself only.
//!
//! Unlike a [`Deframer`](super::Deframer), which ends at the first error, because behind it a
//! stream has lost its place: the next LF is where lines find theirs again.

/// Cuts a stream into numbered lines.
#[derive(Debug)]
pub struct Lines {
    /// The beginning of a line that has no end yet.
    tail: Vec<u8>,
    /// The number of the line that is being read; the first is 1.
    number: u64,
    /// The most bytes that a line may have, its LF not counted.
    longest: usize,
    /// The line was too long, and is passed over to its end.
    skipping: bool,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Which one it is; the first is 1.
    pub number: u64,
    /// Its bytes without the LF; `None` where they are too many.
    pub bytes: Option<&'a [u8]>,
}

impl Lines {
    /// A cutter at the start of the stream, for lines of `longest` bytes at most.
    pub fn new(longest: usize) -> Self {
        Self { tail: Vec::new(), number: 1, longest, skipping: false }
    }

    /// Takes the next `piece` of the stream and delivers every line that it ends, in order. `eof`
    /// says that it is the last piece: a rest without LF is a line, too.
    pub fn feed(&mut self, piece: &[u8], eof: bool, deliver: &mut dyn FnMut(Line<'_>)) {
        let mut rest = piece;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(at);
            self.end_line(line, deliver);
            rest = behind.get(1..).unwrap_or_default();
        }
        let fits = self.tail.len() + rest.len() <= self.longest;
        if self.skipping {
            // Nothing of it is kept.
        } else if fits {
            self.tail.extend_from_slice(rest);
        } else {
            // Told at once: the rest of the line may never come.
            self.tail = Vec::new();
            self.skipping = true;
            deliver(Line { number: self.number, bytes: None });
        }
        if eof && !self.tail.is_empty() {
            self.end_line(&[], deliver);
        }
    }

    fn end_line(&mut self, end: &[u8], deliver: &mut dyn FnMut(Line<'_>)) {
        let number = self.number;
        self.number += 1;
        if std::mem::take(&mut self.skipping) {
            return;
        }
        let fits = self.tail.len() + end.len() <= self.longest;
        if self.tail.is_empty() {
            return deliver(Line { number, bytes: fits.then_some(end) });
        }
        let mut line = std::mem::take(&mut self.tail);
        if fits {
            line.extend_from_slice(end);
        }
        deliver(Line { number, bytes: fits.then_some(&line) });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a stream in these pieces.
    fn lines(pieces: &[&[u8]], longest: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut cutter, mut all) = (Lines::new(longest), Vec::new());
        let deliver = &mut |line: Line<'_>| all.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        for piece in pieces {
            cutter.feed(piece, false, deliver);
        }
        cutter.feed(b"", true, deliver);
        all
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
    fn a_line_without_end_is_told_before_its_end_and_not_held() {
        let (mut cutter, mut told) = (Lines::new(1024), 0);
        for _ in 0..100 {
            cutter.feed(&[b'x'; 1000], false, &mut |_| told += 1);
        }
        assert_eq!((told, cutter.tail.capacity()), (1, 0));
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
