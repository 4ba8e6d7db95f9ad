//! A stream that arrives in arbitrary pieces, cut into frames.
//!
//! Owns the bytes that wait for the end of their frame, and nothing else: frames that lie whole in
//! a piece are lent from it. The work is linear in the bytes fed, whatever the cuts.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use bytes::Bytes;

use super::framer::{FrameError, Framer, Step};

/// By how many bytes a tail grows at least when it looks for the end of its frame.
const MIN_GROWTH: usize = 64;

/// One message, lent for the time of the call that delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message without its marks.
    pub payload: &'a [u8],
    /// The same as a handle, where the message is not lent from the stream but was made of what
    /// lies there: to keep it takes no copy.
    pub made: Option<&'a Bytes>,
    /// The stream ended before the frame did (`line` and `nul`: no delimiter).
    pub partial: bool,
}

/// Cuts a stream into frames. Holds no memory while no frame is unfinished.
///
/// ```text
///            frames that lie whole in a piece
///                 ┌────┐
///                 │    v     a frame without its end    
/// new ──────────> between ─────────────────────────> within ── more of it ──┐
///                    ^ <──────── its end ────────────  │ ^                  │
///                    │                                 │ └──────────────────┘
///                    └── a bad frame ──> failed <──────┘
/// ```
///
/// | state | `tail` | `failed` |
/// |---|---|---|
/// | between | empty | none |
/// | within | what has come of the frame | none |
/// | failed | empty | the error, which every call returns |
pub struct Deframer {
    framer: Box<dyn Framer>,
    /// The beginning of a frame that has no end yet.
    tail: Vec<u8>,
    /// Bytes of a frame that the end of the stream has cut.
    cut: usize,
    /// What is not looked at yet, because the receiver of the frames wants no more for now.
    unread: Vec<u8>,
    failed: Option<FrameError>,
}

impl Deframer {
    /// A deframer at the start of a stream.
    pub fn new(framer: Box<dyn Framer>) -> Self {
        Self { framer, tail: Vec::new(), unread: Vec::new(), cut: 0, failed: None }
    }

    /// Takes the next `piece` of the stream and delivers every frame that it completes, in order.
    /// `eof` says that it is the last piece; it may be empty.
    ///
    /// # Errors
    /// The first error ends the stream: what comes before it has been delivered, nothing is held
    /// any more, and every later call returns the same error.
    pub fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        self.feed_until(piece, eof, &Cell::new(false), deliver)
    }

    /// The same, until the receiver of the frames sets `stop`. What is left of the piece is kept,
    /// and comes first in the next call.
    ///
    /// # Errors
    /// As those of [`Deframer::feed`].
    pub fn feed_until(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let unread = std::mem::take(&mut self.unread);
        let piece = match unread.is_empty() {
            true => Cow::Borrowed(piece),
            false => Cow::Owned([&unread, piece].concat()),
        };
        drop(unread);
        let outcome = self.cut(&piece, eof, stop, deliver);
        if eof || outcome.is_err() {
            self.cut += if outcome.is_ok() { self.tail.len() } else { 0 };
            self.tail = Vec::new();
        }
        outcome.inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Bytes held that belong to no whole frame: after `eof` they are what is `undelivered`.
    pub fn pending(&self) -> usize {
        self.tail.len() + self.cut
    }

    /// Bytes of memory held for a frame that has no end yet.
    pub fn held(&self) -> usize {
        self.tail.capacity()
    }

    /// Whether something is left that the receiver of the frames did not want yet.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Appends `payload` to `out` as one frame of the same format.
    ///
    /// # Errors
    /// Those of [`Framer::encode`]; `out` is then untouched.
    pub fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.framer.encode(payload, out)
    }

    fn cut(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        let Some(mut rest) = self.complete_tail(piece, eof, deliver)? else {
            return Ok(());
        };
        debug_assert!(self.tail.is_empty(), "a frame begins before the one in the tail has ended");
        loop {
            if stop.get() {
                self.unread = rest.to_vec();
                return Ok(());
            }
            let Step::Frame { payload, consumed, partial } = self.framer.step(rest, eof)? else {
                break;
            };
            debug_assert!((1..=rest.len()).contains(&consumed), "a frame of {consumed} bytes");
            self.deliver(Cow::Borrowed(rest), payload, partial, deliver)?;
            rest = rest.get(consumed..).unwrap_or_default();
        }
        // With no room to spare: most tails get their end with the next piece.
        self.tail = rest.to_vec();
        Ok(())
    }

    fn deliver(
        &self,
        input: Cow<'_, [u8]>,
        payload: Range<usize>,
        partial: bool,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        let made = match self.framer.decode(input.get(payload).unwrap_or_default())? {
            Cow::Borrowed(payload) => {
                deliver(Frame { payload, made: None, partial });
                return Ok(());
            }
            Cow::Owned(made) => Bytes::from(made),
        };
        // It may be large, and so may be what was made of it.
        drop(input);
        deliver(Frame { payload: &made, made: Some(&made), partial });
        Ok(())
    }

    /// Makes room in the tail, of which a long one has a quarter to spare at most.
    fn make_room(&mut self, len: usize) {
        if self.tail.capacity() - self.tail.len() < len {
            self.tail.reserve_exact(len.max(self.tail.len() / 4));
        }
    }

    /// Moves bytes of `piece` into the tail until the frame there has its end, and returns what is
    /// left of the piece; `None` when it all went into the tail.
    ///
    /// The tail at most doubles per step: a short frame across two pieces does not copy the second
    /// one whole, and a long one is looked at a logarithmic number of times.
    fn complete_tail<'p>(
        &mut self,
        piece: &'p [u8],
        eof: bool,
        deliver: &mut dyn FnMut(Frame<'_>),
    ) -> Result<Option<&'p [u8]>, FrameError> {
        let mut rest = piece;
        while !self.tail.is_empty() {
            let held = self.tail.len();
            let (next, later) = rest.split_at(rest.len().min(held.max(MIN_GROWTH)));
            self.make_room(next.len());
            self.tail.extend_from_slice(next);
            // The end of the stream lies behind the whole piece, not behind what was moved so far.
            match self.framer.step(&self.tail, eof && later.is_empty())? {
                Step::Frame { payload, consumed, partial } => {
                    let tail = std::mem::take(&mut self.tail);
                    self.deliver(Cow::Owned(tail), payload, partial, deliver)?;
                    // The framer has seen more of the piece than the frame takes, perhaps.
                    debug_assert!(consumed >= held, "a frame that was whole before this piece");
                    rest = rest.get(consumed.saturating_sub(held)..).unwrap_or_default();
                }
                Step::More if later.is_empty() => return Ok(None),
                Step::More => rest = later,
            }
        }
        Ok(Some(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Framing;

    const MIB: usize = 1 << 20;

    fn deframer(framing: Framing, max: usize) -> Deframer {
        Deframer::new(framing.framer(max, false).unwrap())
    }

    /// However often the receiver wants no more, each frame comes once, and in its order.
    #[test]
    fn who_wants_no_more_gets_the_rest_with_the_next_call() {
        let mut lines = deframer(Framing::Line, 100);
        let (stop, mut seen) = (Cell::new(false), Vec::new());
        for piece in [&b"a\nb"[..], b"b\nc\n\nd\ne", b"", b"\nf", b"", b"", b"", b""] {
            stop.set(false);
            let mut deliver = |frame: Frame<'_>| {
                seen.push(String::from_utf8(frame.payload.to_vec()).unwrap());
                stop.set(true);
            };
            lines.feed_until(piece, false, &stop, &mut deliver).unwrap();
        }
        assert_eq!(seen, ["a", "bb", "c", "", "d", "e"]);
        assert!(!lines.has_unread());
        lines.feed(b"", true, &mut |frame| assert_eq!(frame.payload, b"f")).unwrap();
    }

    /// Feeds one piece; the frames that came, with whether they were partial.
    fn feed(deframer: &mut Deframer, piece: &[u8], eof: bool) -> Vec<(Vec<u8>, bool)> {
        let mut frames = Vec::new();
        let deliver = &mut |frame: Frame<'_>| frames.push((frame.payload.to_vec(), frame.partial));
        deframer.feed(piece, eof, deliver).unwrap();
        frames
    }

    #[test]
    fn frames_cross_pieces_and_the_end_is_partial() {
        let mut lines = deframer(Framing::Line, 16);
        assert_eq!(feed(&mut lines, b"one\r\ntw", false), [(b"one".to_vec(), false)]);
        assert_eq!(lines.pending(), 2);
        let expected = [(b"two".to_vec(), false), (b"".to_vec(), false)];
        assert_eq!(feed(&mut lines, b"o\n\nthree", false), expected);
        assert_eq!(feed(&mut lines, b"", true), [(b"three".to_vec(), true)]);
        assert_eq!(lines.pending(), 0);
    }

    #[test]
    fn a_frame_cut_by_the_end_is_pending() {
        let mut frames = deframer(Framing::U16, 16);
        assert_eq!(feed(&mut frames, b"\x00\x01a\x00\x05abc", true), [(b"a".to_vec(), false)]);
        assert_eq!(frames.pending(), 5);
    }

    #[test]
    fn whole_frames_are_lent_and_nothing_is_held() {
        let mut lines = deframer(Framing::Line, MIB);
        assert_eq!(feed(&mut lines, b"ab", false), []);
        let piece = b"cd\nef\n".repeat(10_000);
        let mut lent = 0;
        let within = piece.as_ptr_range();
        let deliver = &mut |frame: Frame<'_>| {
            lent += usize::from(within.contains(&frame.payload.as_ptr()));
        };
        lines.feed(&piece, false, deliver).unwrap();
        assert_eq!(lent, 20_000 - 1);
        assert_eq!(lines.tail.capacity(), 0);
    }

    #[test]
    fn a_short_tail_does_not_keep_room_for_a_piece() {
        let mut lines = deframer(Framing::Line, MIB);
        feed(&mut lines, b"ab", false);
        feed(&mut lines, &[&b"\n".repeat(60_000)[..], b"xyz"].concat(), false);
        assert_eq!(lines.pending(), 3);
        assert!(lines.tail.capacity() < 64);
    }

    #[test]
    fn a_large_frame_in_small_pieces_is_quick() {
        for framing in [Framing::Line, Framing::Netstring, Framing::U32, Framing::Varint] {
            let mut frames = deframer(framing, 16 * MIB);
            let mut wire = Vec::new();
            frames.encode(&vec![b'x'; 16 * MIB], &mut wire).unwrap();
            let mut lens = Vec::new();
            for piece in wire.chunks(1024) {
                let deliver = &mut |frame: Frame<'_>| lens.push(frame.payload.len());
                frames.feed(piece, false, deliver).unwrap();
            }
            assert_eq!((lens, frames.pending()), (vec![16 * MIB], 0), "{framing}");
        }
    }

    #[test]
    fn an_error_stays() {
        let mut frames = deframer(Framing::U8, 4);
        let mut seen = 0;
        let error = frames.feed(b"\x01a\x09", false, &mut |_| seen += 1).unwrap_err();
        assert_eq!((&error, seen), (&FrameError::TooLarge { len: 9, max: 4 }, 1));
        let again = frames.feed(b"\x01a", true, &mut |_| seen += 1);
        assert_eq!((again, seen, frames.pending()), (Err(error), 1, 0));
    }
}
