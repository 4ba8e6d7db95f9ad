//! A stream that arrives in arbitrary pieces, cut into frames.
//!
//! Owns the bytes that wait for the end of their frame, and nothing else: frames that lie whole in
//! a piece are lent from it. The work is linear in the bytes fed, whatever the cuts.

mod held;
mod lending;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use bytes::Bytes;

use super::framer::{FrameError, Framer, Step};
use held::{BegunFrame, Draft, UnreadBytes};
use lending::{lend, lend_lines};

/// By how many bytes a tail grows at least when it looks for the end of its frame.
const MIN_GROWTH: usize = 64;
/// About how many bytes are read and written in one step to make messages of frames, or frames of
/// messages: some 2 ms.
pub(crate) const WORK: usize = 256 << 10;
/// A message that has so many bytes, and that is made or encoded, is long.
pub(crate) const LONG: usize = 64 << 10;

/// One message, lent for the time of the call that delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message without its marks.
    pub payload: &'a [u8],
    /// The same as a handle, where the message is not lent from the stream but was made of what
    /// lies there: to keep it takes no copy.
    pub made: Option<&'a Bytes>,
    /// The message as a frame of the same format, where the deframer [passes on](Deframer::pass_on) what
    /// it has made, and this is long; or why it can be none.
    pub wire: Option<&'a Result<Bytes, FrameError>>,
    /// The stream ended before the frame did (`line` and `nul`: no delimiter).
    pub partial: bool,
    /// How many messages it is. More than one are whole lines, each with its LF, where the deframer
    /// [joins](Deframer::join_lines) them.
    pub count: usize,
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
///
/// Between and while making, `unread` has what was not looked at yet. [`Deframer::switch`] moves tail and
/// frame there, so that the next framer sees the same bytes.
pub struct Deframer {
    framer: Box<dyn Framer>,
    /// The beginning of a frame that has no end yet.
    tail: Vec<u8>,
    /// A whole frame whose message takes more than one call to make.
    begun: Option<Box<BegunFrame>>,
    /// Bytes of a frame that the end of the stream has cut.
    cut: usize,
    /// What is not looked at yet, because the receiver of the frames wants no more for now.
    unread: UnreadBytes,
    failed: Option<FrameError>,
    /// A long message is delivered as a frame as well.
    passes_on: bool,
    /// Lines that lie in a row may come as one.
    joins_lines: bool,
}

/// How much work may be done to make messages, and who takes them.
type Delivery<'w, 'd> = (&'w mut usize, &'d mut dyn FnMut(Frame<'_>));

impl Deframer {
    /// A deframer at the start of a stream.
    pub fn new(framer: Box<dyn Framer>) -> Self {
        Self {
            framer,
            tail: Vec::new(),
            begun: None,
            unread: UnreadBytes::default(),
            cut: 0,
            failed: None,
            passes_on: false,
            joins_lines: false,
        }
    }

    /// From now on a long message that was made comes with [`Frame::wire`], which is made in the same
    /// steps.
    pub fn pass_on(&mut self) {
        self.passes_on = true;
    }

    /// Takes the next `piece` of the stream and delivers every frame that it completes, in order.
    /// With `eof` it is the last piece; it may be empty.
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
        if let Some(begun) = self.begun.take() {
            let BegunFrame { frame, payload, partial, draft } = *begun;
            let consumed = frame.len();
            self.make((Cow::Owned(frame), consumed), (payload, partial), draft, to)?;
            if self.begun.is_some() {
                self.unread.bytes.extend_from_slice(piece);
                return Ok(());
            }
        }
        let mut unread = std::mem::take(&mut self.unread);
        self.unread = if unread.is_empty() {
            let left = self.cut(piece, eof, stop, to)?;
            UnreadBytes::new(piece.get(piece.len() - left..).unwrap_or_default().to_vec())
        } else {
            unread.bytes.extend_from_slice(piece);
            let left = self.cut(unread.rest(), eof, stop, to)?;
            unread.keep(left)
        };
        debug_assert!(self.tail.is_empty() || self.unread.is_empty(), "unread behind a tail");
        Ok(())
    }

    /// Goes on with another framing behind the last frame that was delivered. The next call cuts anew
    /// what has come behind it, be it part of a frame, being made or not looked at yet. A stream that
    /// has failed stays so.
    pub fn switch(&mut self, framer: Box<dyn Framer>) {
        self.framer = framer;
        if !self.tail.is_empty() || self.begun.is_some() {
            self.unread = UnreadBytes::new(self.take_rest());
        }
    }

    /// Ends the framing: what has come behind the last frame that was delivered.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.take_rest()
    }

    fn take_rest(&mut self) -> Vec<u8> {
        let begun = self.begun.take().map(|begun| begun.frame);
        let mut rest = begun.unwrap_or_else(|| std::mem::take(&mut self.tail));
        rest.extend_from_slice(std::mem::take(&mut self.unread).rest());
        rest
    }

    /// Bytes held that belong to no whole frame: after `eof` they are what is `undelivered`.
    pub fn pending(&self) -> usize {
        self.tail.len() + self.cut + self.begun.as_ref().map_or(0, |begun| begun.frame.len())
    }

    /// Bytes that came and were not delivered, be they of whole frames or not.
    pub fn undelivered(&self) -> usize {
        self.pending() + self.unread.rest().len()
    }

    /// Bytes of memory held for a frame that has no end yet.
    pub fn held(&self) -> usize {
        self.tail.capacity()
    }

    /// Bytes of memory held in all.
    pub fn held_in_all(&self) -> usize {
        self.held() + self.held_whole() + self.unread.bytes.capacity()
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
        if let Some(begun) = &mut self.begun {
            begun.draft = Draft::default();
        }
    }

    /// Appends `payload` to `out` as one frame of the same format.
    ///
    /// # Errors
    /// Those of [`Framer::encode`]; `out` is then untouched.
    pub fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.framer.encode(payload, out)
    }

    /// Returns how many bytes of the piece are left that were not looked at.
    fn cut(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        to: &mut Delivery<'_, '_>,
    ) -> Result<usize, FrameError> {
        let Some(mut rest) = self.complete_tail(piece, eof, to)? else {
            return Ok(0);
        };
        debug_assert!(self.tail.is_empty(), "a frame begins before the one in the tail has ended");
        if self.joins_lines {
            rest = lend_lines(&*self.framer, rest, to.1);
        }
        // What makes messages costs the framers that make none this one question.
        let makes = self.framer.makes_messages();
        loop {
            if stop.get() || (makes && self.is_making()) {
                return Ok(rest.len());
            }
            let Step::Frame { payload, consumed, partial } = self.framer.step(rest, eof)? else {
                break;
            };
            debug_assert!((1..=rest.len()).contains(&consumed), "a frame of {consumed} bytes");
            if makes {
                let input = (Cow::Borrowed(rest), consumed);
                self.make(input, (payload, partial), Draft::default(), to)?;
            } else {
                lend(rest, payload, partial, to.1);
            }
            rest = rest.get(consumed..).unwrap_or_default();
        }
        // With no room to spare: most tails get their end with the next piece.
        self.tail = rest.to_vec();
        Ok(0)
    }

    /// Delivers the message of a frame of `consumed` bytes, or keeps the frame where making the message
    /// takes too long.
    #[inline(never)]
    fn make(
        &mut self,
        (input, consumed): (Cow<'_, [u8]>, usize),
        (payload, partial): (Range<usize>, bool),
        Draft { made, mut wire }: Draft,
        (work, deliver): &mut Delivery<'_, '_>,
    ) -> Result<(), FrameError> {
        let lent = input.get(payload.clone()).unwrap_or_default();
        let made = match made {
            Some(made) => Some(made),
            None => match self.framer.decode_some(lent, work)? {
                Some(Cow::Borrowed(payload)) => {
                    deliver(Frame { payload, made: None, wire: None, partial, count: 1 });
                    return Ok(());
                }
                Some(Cow::Owned(made)) => Some(Bytes::from(made)),
                None => None,
            },
        };
        let encoded = match &made {
            Some(made) if self.passes_on && made.len() >= LONG => {
                self.framer.encode_some(made, &mut wire, work).map(Some)
            }
            _ => Ok(None),
        };
        let (Some(made), Ok(Some(true) | None) | Err(_)) = (&made, &encoded) else {
            // What follows it is not part of it.
            let frame = match input {
                Cow::Owned(mut frame) => {
                    frame.truncate(consumed);
                    frame
                }
                Cow::Borrowed(input) => input.get(..consumed).unwrap_or_default().to_vec(),
            };
            let draft = Draft { made, wire };
            self.begun = Some(Box::new(BegunFrame { frame, payload, partial, draft }));
            return Ok(());
        };
        // It may be large, and so may be what was made of it.
        drop(input);
        let wire = encoded.map(|encoded| encoded.map(|_| Bytes::from(wire))).transpose();
        deliver(Frame { payload: made, made: Some(made), wire: wire.as_ref(), partial, count: 1 });
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
                    if self.framer.makes_messages() {
                        let input = (Cow::Owned(tail), consumed);
                        self.make(input, (payload, partial), Draft::default(), to)?;
                    } else {
                        lend(&tail, payload, partial, to.1);
                    }
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
mod tests;
