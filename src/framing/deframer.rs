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
/// About how many bytes one call reads and writes at most to make messages of frames: some 10 ms.
const WORK: usize = 1 << 20;

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
///                 │  ^ <──────── its end ────────────  │ ^                  │
///    much to make │  │ made                            │ └──────────────────┘
///                 v  │                                 │
///                making ─── a bad frame ──> failed <───┘
/// ```
///
/// | state | `tail` | `begun` | `failed` |
/// |---|---|---|---|
/// | between | empty | none | none |
/// | within | what has come of the frame | none | none |
/// | making | empty | the frame | none |
/// | failed | empty | none | the error, which every call returns |
pub struct Deframer {
    framer: Box<dyn Framer>,
    /// The beginning of a frame that has no end yet.
    tail: Vec<u8>,
    /// A whole frame whose message takes more than one call to make.
    begun: Option<Begun>,
    /// Bytes of a frame that the end of the stream has cut.
    cut: usize,
    /// What is not looked at yet, because the receiver of the frames wants no more for now.
    unread: Vec<u8>,
    failed: Option<FrameError>,
}

/// A whole frame, and where in it the payload lies.
struct Begun {
    frame: Vec<u8>,
    payload: Range<usize>,
    partial: bool,
}

/// How much work may be done to make messages, and who takes them.
type Delivery<'w, 'd> = (&'w mut usize, &'d mut dyn FnMut(Frame<'_>));

impl Deframer {
    /// A deframer at the start of a stream.
    pub fn new(framer: Box<dyn Framer>) -> Self {
        Self { framer, tail: Vec::new(), begun: None, unread: Vec::new(), cut: 0, failed: None }
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
        self.advance(piece, eof, &Cell::new(false), (&mut { usize::MAX }, deliver))
    }

    /// The same, until the receiver of the frames sets `stop`, or to make their messages has taken its
    /// time and the stream has not ended. What is left of the piece is kept, and comes first in the next
    /// call.
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
        let mut work = if eof { usize::MAX } else { WORK };
        self.advance(piece, eof, stop, (&mut work, deliver))
    }

    fn advance(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        mut to: Delivery<'_, '_>,
    ) -> Result<(), FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let outcome = self.take(piece, eof, stop, &mut to);
        if eof || outcome.is_err() {
            self.cut += if outcome.is_ok() { self.tail.len() } else { 0 };
            self.tail = Vec::new();
        }
        outcome.inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn take(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        to: &mut Delivery<'_, '_>,
    ) -> Result<(), FrameError> {
        if let Some(Begun { frame, payload, partial }) = self.begun.take() {
            self.deliver(Cow::Owned(frame), payload, partial, to)?;
            if self.begun.is_some() {
                self.unread.extend_from_slice(piece);
                return Ok(());
            }
        }
        let unread = std::mem::take(&mut self.unread);
        let piece = match unread.is_empty() {
            true => Cow::Borrowed(piece),
            false => Cow::Owned([&unread, piece].concat()),
        };
        drop(unread);
        self.cut(&piece, eof, stop, to)
    }

    /// Bytes held that belong to no whole frame: after `eof` they are what is `undelivered`.
    pub fn pending(&self) -> usize {
        self.tail.len() + self.cut + self.begun.as_ref().map_or(0, |begun| begun.frame.len())
    }

    /// Bytes of memory held for a frame that has no end yet.
    pub fn held(&self) -> usize {
        self.tail.capacity()
    }

    /// Bytes of memory held for a frame that is whole, and whose message is not made yet.
    pub fn held_whole(&self) -> usize {
        self.begun.as_ref().map_or(0, |begun| begun.frame.capacity())
    }

    /// Whether something is left that the receiver of the frames did not want yet, or that took too
    /// long.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty() || self.is_making()
    }

    /// Whether a message is being made of a whole frame, with which the next call goes on.
    pub fn is_making(&self) -> bool {
        self.begun.is_some()
    }

    /// Drops what has been made of a message, and the memory that this takes. The next call begins
    /// with it anew.
    pub fn begin_anew(&mut self) {
        self.framer.begin_anew();
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
        to: &mut Delivery<'_, '_>,
    ) -> Result<(), FrameError> {
        let Some(mut rest) = self.complete_tail(piece, eof, to)? else {
            return Ok(());
        };
        debug_assert!(self.tail.is_empty(), "a frame begins before the one in the tail has ended");
        loop {
            if stop.get() || self.is_making() {
                self.unread = rest.to_vec();
                return Ok(());
            }
            let Step::Frame { payload, consumed, partial } = self.framer.step(rest, eof)? else {
                break;
            };
            debug_assert!((1..=rest.len()).contains(&consumed), "a frame of {consumed} bytes");
            self.deliver(Cow::Borrowed(rest), payload, partial, to)?;
            rest = rest.get(consumed..).unwrap_or_default();
        }
        // With no room to spare: most tails get their end with the next piece.
        self.tail = rest.to_vec();
        Ok(())
    }

    /// Delivers the message of a frame, or keeps the frame where to make it takes too long.
    fn deliver(
        &mut self,
        input: Cow<'_, [u8]>,
        payload: Range<usize>,
        partial: bool,
        (work, deliver): &mut Delivery<'_, '_>,
    ) -> Result<(), FrameError> {
        let lent = input.get(payload.clone()).unwrap_or_default();
        let made = match self.framer.decode_some(lent, work)? {
            Some(Cow::Borrowed(payload)) => {
                deliver(Frame { payload, made: None, partial });
                return Ok(());
            }
            Some(Cow::Owned(made)) => Bytes::from(made),
            None => {
                self.begun = Some(match input {
                    Cow::Owned(mut frame) => {
                        frame.truncate(payload.end);
                        Begun { frame, payload, partial }
                    }
                    // What follows it is not part of it.
                    Cow::Borrowed(_) => {
                        Begun { frame: lent.to_vec(), payload: 0..lent.len(), partial }
                    }
                });
                return Ok(());
            }
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
        to: &mut Delivery<'_, '_>,
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
                    self.deliver(Cow::Owned(tail), payload, partial, to)?;
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
