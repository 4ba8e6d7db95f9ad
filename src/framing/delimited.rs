//! Messages between delimiters: lines, NUL-terminated records, and marks of several bytes.
//!
//! Owns the search for the end of a message and the rule of what becomes of it. A long message
//! without an end is not searched again from its start when more of it arrives.

use memchr::{memchr, memchr_iter, memrchr};

use super::delimiters::Delimiters;
use super::framer::{FrameError, Framer, Step, sendable};

/// What becomes of the bytes that end a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The delimiter is delivered as the last byte of the message.
    Keep,
    /// The delimiter is dropped.
    Drop,
    /// The delimiter is dropped, and so is one CR directly before it.
    DropWithCr,
}

/// What stands around a message.
enum Boundary {
    /// One byte ends it.
    Byte(u8),
    /// A text ends it, and another one may begin it.
    Texts(Delimiters),
}

/// Frames that end with a delimiter.
pub(super) struct Delimited {
    marks: Boundary,
    ending: Ending,
    max: usize,
    search: Search,
    /// Whether a last message that the stream cuts short is delivered, as partial.
    delivers_rest: bool,
}

/// How far the search for a delimiter has come (Knuth, Morris and Pratt: no byte is compared again
/// after a cut, whatever the delimiter repeats of itself).
#[derive(Clone, Copy, Default)]
struct Search {
    /// How many bytes of the unfinished message were looked at.
    scanned: usize,
    /// How many of the last of them may be the beginning of the delimiter.
    matched: usize,
}

impl Search {
    /// Goes on to the first delimiter, and returns where it ends; then the next search begins anew.
    #[inline]
    fn run(&mut self, marks: &Boundary, input: &[u8]) -> Option<usize> {
        let Boundary::Byte(byte) = marks else { return self.run_over_texts(marks, input) };
        match memchr(*byte, input.get(self.scanned..).unwrap_or_default()) {
            Some(at) => Some(std::mem::take(&mut self.scanned) + at + 1),
            None => {
                self.scanned = input.len();
                None
            }
        }
    }

    #[inline(never)]
    fn run_over_texts(&mut self, marks: &Boundary, input: &[u8]) -> Option<usize> {
        let end = marks.end();
        let first = end.first().copied().unwrap_or_default();
        while self.matched < end.len() {
            if self.matched == 0 {
                let unseen = input.get(self.scanned..).unwrap_or_default();
                let Some(at) = memchr(first, unseen) else {
                    self.scanned = input.len();
                    return None;
                };
                self.scanned += at + 1;
                self.matched = 1;
                continue;
            }
            let byte = input.get(self.scanned)?;
            if end.get(self.matched) == Some(byte) {
                self.matched += 1;
                self.scanned += 1;
            } else {
                // The byte is compared again, with what a shorter beginning goes on with.
                self.matched = marks.border(self.matched);
            }
        }
        Some(std::mem::take(self).scanned)
    }
}

impl Boundary {
    fn start(&self) -> &[u8] {
        match self {
            Self::Byte(_) => &[],
            Self::Texts(delimiters) => delimiters.start(),
        }
    }

    /// At least one byte.
    fn end(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => std::slice::from_ref(byte),
            Self::Texts(delimiters) => delimiters.end(),
        }
    }

    /// See [`Delimiters::border`].
    fn border(&self, matched: usize) -> usize {
        match self {
            Self::Byte(_) => 0,
            Self::Texts(delimiters) => delimiters.border(matched),
        }
    }
}

impl Delimited {
    fn new(marks: Boundary, ending: Ending, max: usize) -> Self {
        Self { marks, ending, max, search: Search::default(), delivers_rest: false }
    }

    /// The same, but a last one without its end is delivered.
    pub(super) fn delivering_rest(self) -> Self {
        Self { delivers_rest: true, ..self }
    }

    /// Lines, ended by LF.
    pub(super) fn line(ending: Ending, max: usize) -> Self {
        Self::new(Boundary::Byte(b'\n'), ending, max).delivering_rest()
    }

    /// Records ended by a zero byte, which is not delivered. Unlike a line, a record of a peer
    /// that is cut by its FIN is not one.
    pub(super) fn nul(max: usize) -> Self {
        Self::new(Boundary::Byte(b'\0'), Ending::Drop, max)
    }

    /// Messages between these texts, which are not delivered. One that is cut by a FIN is none.
    pub(super) fn between(delimiters: Delimiters, max: usize) -> Self {
        Self::new(Boundary::Texts(delimiters), Ending::Drop, max)
    }

    /// Whether the message begins as it should; false while that is not known.
    fn has_start(&self, input: &[u8]) -> Result<bool, FrameError> {
        let start = self.marks.start();
        match start.iter().zip(input).position(|(expected, byte)| expected != byte) {
            None => Ok(input.len() >= start.len()),
            // Up to the first byte that differs, whatever has come behind it.
            Some(at) => Err(FrameError::Malformed(format!(
                "a message begins with `{}`, this one with `{}`",
                start.escape_ascii(),
                input.get(..=at).unwrap_or_default().escape_ascii()
            ))),
        }
    }

    /// The frame whose delimiter ends at `consumed`.
    fn whole(&self, input: &[u8], consumed: usize) -> Result<Step, FrameError> {
        let (start, at) = (self.marks.start().len(), consumed - self.marks.end().len());
        let end = match self.ending {
            Ending::Keep => consumed,
            Ending::DropWithCr if ends_with_cr(input.get(..at)) => at - 1,
            Ending::Drop | Ending::DropWithCr => at,
        };
        self.limited(end - start)?;
        Ok(Step::Frame { payload: start..end, consumed, partial: false })
    }

    /// What to make of an `input` without a delimiter.
    fn unfinished(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        if eof && self.delivers_rest && !input.is_empty() {
            self.limited(input.len())?;
            self.search = Search::default();
            return Ok(Step::Frame {
                payload: 0..input.len(),
                consumed: input.len(),
                partial: true,
            });
        }
        // A last CR does not count yet: the delimiter behind it may take it away.
        let may_drop = self.ending == Ending::DropWithCr && ends_with_cr(Some(input));
        // Nor does what may be the beginning of the delimiter.
        let marks = self.marks.start().len() + self.search.matched + usize::from(may_drop);
        // Refused while it grows: a peer that never sends the delimiter cannot fill the memory.
        self.limited(input.len().saturating_sub(marks))?;
        Ok(Step::More)
    }

    /// Refuses a message above the limit; not by its length, which depends on what has arrived.
    fn limited(&self, len: usize) -> Result<(), FrameError> {
        if len > self.max { Err(FrameError::TooLong { max: self.max }) } else { Ok(()) }
    }
}

impl Framer for Delimited {
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        debug_assert!(
            self.search.scanned <= input.len(),
            "the input has lost bytes since the last step"
        );
        if self.search.scanned == 0 && !self.marks.start().is_empty() {
            if !self.has_start(input)? {
                return Ok(Step::More);
            }
            self.search.scanned = self.marks.start().len();
        }
        match self.search.run(&self.marks, input) {
            Some(consumed) => self.whole(input, consumed),
            None => self.unfinished(input, eof),
        }
    }

    fn lines(&self, input: &[u8]) -> (usize, usize) {
        let (Boundary::Byte(b'\n'), Some(last)) = (&self.marks, memrchr(b'\n', input)) else {
            return (0, 0);
        };
        let mut lines = input.get(..=last).unwrap_or_default();
        // A CR may be one that is dropped: its line is cut by itself, and so are those behind it.
        if self.ending == Ending::DropWithCr
            && let Some(cr) = memchr(b'\r', lines)
        {
            let before = lines.get(..cr).unwrap_or_default();
            lines =
                memrchr(b'\n', before).map_or(&[], |last| before.get(..=last).unwrap_or_default());
        }
        // None of them is longer than all are.
        match lines.len() > self.max {
            true => (0, 0),
            false => (lines.len(), memchr_iter(b'\n', lines).count()),
        }
    }

    /// A payload that ends with CR goes out as it is, so that text with CRLF line ends stays so
    /// on the wire; a receiver that drops the CR takes the line without it.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        match &self.marks {
            Boundary::Byte(byte) => match memchr(*byte, payload) {
                Some(at) => Err(two_messages(&[*byte], at)),
                None => {
                    out.extend_from_slice(payload);
                    out.push(*byte);
                    Ok(())
                }
            },
            Boundary::Texts(_) => self.encode_between_texts(payload, out),
        }
    }
}

impl Delimited {
    fn encode_between_texts(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (before, end) = (out.len(), self.marks.end());
        out.extend_from_slice(self.marks.start());
        let start = out.len();
        out.extend_from_slice(payload);
        out.extend_from_slice(end);
        // A delimiter may also begin in the message and end behind it.
        let framed = out.get(start..).unwrap_or_default();
        let found = Search::default().run(&self.marks, framed).unwrap_or_default();
        if found < framed.len() {
            out.truncate(before);
            let at = found.saturating_sub(end.len());
            if found <= payload.len() {
                return Err(two_messages(end, at));
            }
            return Err(FrameError::Unrepresentable(format!(
                "with `{}` behind it this message would end at byte {at}",
                end.escape_ascii()
            )));
        }
        Ok(())
    }
}

/// The format has no escapes.
#[cold]
fn two_messages(end: &[u8], at: usize) -> FrameError {
    let name = end.escape_ascii();
    let text = format!("a message with `{name}` in it (at byte {at}) would arrive as two");
    FrameError::Unrepresentable(text)
}

fn ends_with_cr(line: Option<&[u8]>) -> bool {
    line.is_some_and(|line| line.ends_with(b"\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize, consumed: usize, partial: bool) -> Result<Step, FrameError> {
        Ok(Step::Frame { payload: 0..len, consumed, partial })
    }

    #[test]
    fn the_ending_decides_what_is_delivered() {
        let cases: [(&[u8], usize, usize, usize); 5] = [
            (b"ab\ncd", 3, 2, 2),
            (b"ab\r\n", 4, 3, 2),
            (b"ab\r\r\n", 5, 4, 3),
            (b"\n", 1, 0, 0),
            (b"\r\n", 2, 1, 0),
        ];
        for (input, keep, drop, drop_with_cr) in cases {
            for (ending, len) in
                [(Ending::Keep, keep), (Ending::Drop, drop), (Ending::DropWithCr, drop_with_cr)]
            {
                let step = Delimited::line(ending, 16).step(input, false);
                assert_eq!(step, frame(len, keep, false), "{ending:?} {}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn an_unfinished_message_is_delivered_at_the_end_as_it_is() {
        let mut framer = Delimited::line(Ending::DropWithCr, 16);
        assert_eq!(framer.step(b"ab\r", false), Ok(Step::More));
        assert_eq!(framer.step(b"ab\r", true), frame(3, 3, true));
        assert_eq!(Delimited::nul(16).delivering_rest().step(b"", true), Ok(Step::More));
    }

    #[test]
    fn what_was_searched_is_not_searched_again() {
        let mut framer = Delimited::nul(16).delivering_rest();
        assert_eq!(framer.step(b"abc", false), Ok(Step::More));
        // No stream does this; it shows where the search begins.
        assert_eq!(framer.step(b"a\0cd\0", false), frame(4, 5, false));
        assert_eq!(framer.step(b"a\0", false), frame(1, 2, false));
    }

    #[test]
    fn the_limit_is_on_the_payload() {
        let too_long = Err(FrameError::TooLong { max: 3 });
        let cases: [(Ending, &[u8], Result<Step, FrameError>); 8] = [
            (Ending::Drop, b"abc\n", frame(3, 4, false)),
            (Ending::Drop, b"abcd\n", too_long.clone()),
            (Ending::Drop, b"abc", Ok(Step::More)),
            (Ending::Drop, b"abcd", too_long.clone()),
            (Ending::Keep, b"abc\n", too_long.clone()),
            (Ending::DropWithCr, b"abc\r\n", frame(3, 5, false)),
            (Ending::DropWithCr, b"abc\r", Ok(Step::More)),
            (Ending::DropWithCr, b"abc\r\r", too_long),
        ];
        for (ending, input, step) in cases {
            let found = Delimited::line(ending, 3).step(input, false);
            assert_eq!(found, step, "{ending:?} {}", input.escape_ascii());
        }
    }

    #[test]
    fn a_payload_that_would_arrive_as_two_is_refused() {
        let mut out = b"x".to_vec();
        let framer = Delimited::line(Ending::Drop, 3);
        framer.encode(b"a\r", &mut out).unwrap();
        let error = framer.encode(b"a\nb", &mut out).unwrap_err();
        let text = "a message with `\\n` in it (at byte 1) would arrive as two";
        assert_eq!(error.to_string(), text);
        let large = framer.encode(b"abcd", &mut out).unwrap_err();
        assert_eq!(large.to_string(), "4 bytes long, and the limit is 3");
        assert_eq!(out, b"xa\r\n");
    }
}
