//! Messages without marks: blocks of one size, pieces as they come, and a stream that is one message.
//!
//! Owns the three formats in which no byte but the payload is on the wire.

use super::framer::{FrameError, Framer, Step, bytes, sendable, within};

/// Frames of exactly `size` bytes.
pub(super) struct Fixed {
    size: usize,
    max: usize,
    /// Whether a short rest at the end of the stream is delivered, as partial.
    rest: bool,
}

impl Fixed {
    /// Blocks of `size` bytes; a short rest at the end of the stream is no frame.
    ///
    /// A size of 0, which no option can give, is taken as 1: such frames would never end.
    pub(super) fn new(size: usize, max: usize) -> Self {
        Self { size: size.max(1), max, rest: false }
    }

    /// The same, and a short rest at the end of the stream is delivered.
    pub(super) fn with_rest(size: usize, max: usize) -> Self {
        Self { rest: true, ..Self::new(size, max) }
    }
}

impl Framer for Fixed {
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        // The limit is no reason to refuse a stream that sends nothing.
        if input.is_empty() {
            return Ok(Step::More);
        }
        let size = within(self.size as u64, self.max)?;
        if input.len() >= size {
            return Ok(Step::Frame { payload: 0..size, consumed: size, partial: false });
        }
        if !eof || !self.rest {
            return Ok(Step::More);
        }
        Ok(Step::Frame { payload: 0..input.len(), consumed: input.len(), partial: true })
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        if payload.len() != self.size {
            return Err(FrameError::Unrepresentable(format!(
                "{} long, and every message has exactly {}",
                bytes(payload.len() as u64),
                self.size
            )));
        }
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// Whatever is there, in pieces of `most` bytes at most.
pub(super) struct Pieces {
    most: usize,
}

impl Pieces {
    /// Pieces of no byte, which no option can give, would never end: they have one.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1) }
    }
}

impl Framer for Pieces {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        let len = input.len().min(self.most);
        Ok(match len {
            0 => Step::More,
            _ => Step::Frame { payload: 0..len, consumed: len, partial: false },
        })
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// All of a stream as one message, delivered at its end; none where there was no byte.
pub(super) struct Whole {
    max: usize,
}

impl Whole {
    pub(super) fn new(max: usize) -> Self {
        Self { max }
    }
}

impl Framer for Whole {
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        // Not by its length, which depends on what has arrived.
        if input.len() > self.max {
            return Err(FrameError::TooLong { max: self.max });
        }
        if !eof || input.is_empty() {
            return Ok(Step::More);
        }
        Ok(Step::Frame { payload: 0..input.len(), consumed: input.len(), partial: false })
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        out.extend_from_slice(payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize, partial: bool) -> Result<Step, FrameError> {
        Ok(Step::Frame { payload: 0..len, consumed: len, partial })
    }

    #[test]
    fn a_block_is_whole_or_waits() {
        let mut framer = Fixed::new(3, 3);
        assert_eq!(framer.step(b"", true), Ok(Step::More));
        assert_eq!(framer.step(b"ab", false), Ok(Step::More));
        assert_eq!(framer.step(b"abcd", false), frame(3, false));
        assert_eq!(framer.step(b"ab", true), Ok(Step::More));
    }

    #[test]
    fn the_rest_is_delivered_where_that_was_asked() {
        let mut framer = Fixed::with_rest(3, 3);
        assert_eq!(framer.step(b"", true), Ok(Step::More));
        assert_eq!(framer.step(b"ab", true), frame(2, true));
    }

    #[test]
    fn a_block_of_another_size_is_not_sent() {
        let mut out = Vec::new();
        let error = Fixed::new(3, 9).encode(b"ab", &mut out).unwrap_err();
        let text = "2 bytes long, and every message has exactly 3";
        assert_eq!((error.to_string().as_str(), out.len()), (text, 0));
        Fixed::new(3, 9).encode(b"abc", &mut out).unwrap();
        assert_eq!(out, b"abc");
    }

    #[test]
    fn a_block_over_the_limit_is_refused_at_its_first_byte() {
        let error = FrameError::TooLarge { len: 3, max: 2 };
        assert_eq!(Fixed::new(3, 2).step(b"a", false), Err(error));
    }

    #[test]
    fn pieces_are_what_is_there() {
        let mut pieces = Pieces::new(3);
        assert_eq!(pieces.step(b"", true), Ok(Step::More));
        assert_eq!(pieces.step(b"ab", false), frame(2, false));
        assert_eq!(pieces.step(b"abcd", true), frame(3, false));
    }

    #[test]
    fn the_whole_stream_is_one_message() {
        let mut framer = Whole::new(3);
        assert_eq!(framer.step(b"abc", false), Ok(Step::More));
        assert_eq!(framer.step(b"abc", true), frame(3, false));
        assert_eq!(framer.step(b"", true), Ok(Step::More));
        assert_eq!(framer.step(b"abcd", false), Err(FrameError::TooLong { max: 3 }));
    }
}
