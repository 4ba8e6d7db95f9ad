//! Messages that end with a delimiter: lines and NUL-terminated records.
//!
//! Owns the search for the delimiter and the rule of what becomes of it. A long message without
//! an end is not searched again from its start when more of it arrives.

use memchr::memchr;

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

/// Frames that end with one byte.
pub(super) struct Delimited {
    delimiter: u8,
    ending: Ending,
    max: usize,
    /// How many bytes of the unfinished message are known to hold no delimiter.
    scanned: usize,
    /// Whether a last message that the stream cuts short is delivered, as partial.
    delivers_rest: bool,
}

impl Delimited {
    /// Lines, ended by LF.
    pub(super) fn line(ending: Ending, max: usize) -> Self {
        Self { delimiter: b'\n', ending, max, scanned: 0, delivers_rest: true }
    }

    /// Records ended by a zero byte, which is not delivered. Unlike a line, a record of a peer
    /// that is cut by its FIN is not one (`delivers_rest` is false).
    pub(super) fn nul(max: usize, delivers_rest: bool) -> Self {
        Self { delimiter: b'\0', ending: Ending::Drop, max, scanned: 0, delivers_rest }
    }

    /// The frame whose delimiter is at `end`.
    fn whole(&self, input: &[u8], end: usize) -> Result<Step, FrameError> {
        let consumed = end + 1;
        let len = match self.ending {
            Ending::Keep => consumed,
            Ending::DropWithCr if ends_with_cr(input.get(..end)) => end - 1,
            Ending::Drop | Ending::DropWithCr => end,
        };
        self.limited(len)?;
        Ok(Step::Frame { payload: 0..len, consumed, partial: false })
    }

    /// What to make of an `input` without a delimiter.
    fn unfinished(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        if eof && self.delivers_rest && !input.is_empty() {
            self.limited(input.len())?;
            self.scanned = 0;
            return Ok(Step::Frame {
                payload: 0..input.len(),
                consumed: input.len(),
                partial: true,
            });
        }
        // A last CR does not count yet: the delimiter behind it may take it away.
        let may_drop = self.ending == Ending::DropWithCr && ends_with_cr(Some(input));
        // Refused while it grows: a peer that never sends the delimiter cannot fill the memory.
        self.limited(input.len() - usize::from(may_drop))?;
        self.scanned = input.len();
        Ok(Step::More)
    }

    /// Refuses a message above the limit; not by its length, which depends on what has arrived.
    fn limited(&self, len: usize) -> Result<(), FrameError> {
        if len > self.max { Err(FrameError::TooLong { max: self.max }) } else { Ok(()) }
    }
}

impl Framer for Delimited {
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        debug_assert!(self.scanned <= input.len(), "the input has lost bytes since the last step");
        let unseen = input.get(self.scanned..).unwrap_or_default();
        match memchr(self.delimiter, unseen) {
            Some(at) => {
                let end = self.scanned + at;
                self.scanned = 0;
                self.whole(input, end)
            }
            None => self.unfinished(input, eof),
        }
    }

    /// A payload that ends with CR goes out as it is, so that text with CRLF line ends stays so
    /// on the wire; a receiver that drops the CR takes the line without it.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        // The format has no escapes.
        if let Some(at) = memchr(self.delimiter, payload) {
            return Err(FrameError::Unrepresentable(format!(
                "a message with `{}` in it (at byte {at}) would arrive as two",
                self.delimiter.escape_ascii()
            )));
        }
        out.extend_from_slice(payload);
        out.push(self.delimiter);
        Ok(())
    }
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
        assert_eq!(Delimited::nul(16, true).step(b"", true), Ok(Step::More));
    }

    #[test]
    fn what_was_searched_is_not_searched_again() {
        let mut framer = Delimited::nul(16, true);
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
