//! The send queue of one connection.
//!
//! It owns what was accepted for sending and has not been written yet. A broadcast queues one
//! shared [`Bytes`] in many queues; small private sends are gathered into one growing piece, so
//! that a burst of them costs one write. An empty queue owns no buffer.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Private sends are gathered into pieces of about this many bytes.
const GATHER: usize = 64 * 1024;
/// What a piece costs beside its bytes: a handle of 32 B in a ring that may be half empty, and its
/// part of an allocation that it shares.
const PIECE: usize = 2 * size_of::<Bytes>() + 32;

/// Bytes that wait to be written, in order.
#[derive(Debug, Default)]
pub struct SendQueue {
    /// With what is held elsewhere.
    len: usize,
    /// Boxed, because most connections never queue: what the kernel takes at once is not queued.
    waiting: Option<Box<Waiting>>,
}

/// One piece in this place, as most clients of a broadcast have, costs no second allocation.
#[derive(Debug, Default)]
struct Waiting {
    /// Empty where no piece waits; then `rest` has none either.
    first: Bytes,
    /// How much of the first piece has been written. The piece itself is kept whole, because a
    /// message that was cut by a lost connection has to be sent again from its first byte.
    written: usize,
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    pieces: VecDeque<Bytes>,
    /// The piece that small sends are appended to; it comes after all of `pieces`.
    tail: BytesMut,
}

impl Waiting {
    fn push(&mut self, piece: Bytes) {
        match self.first.is_empty() {
            true => self.first = piece,
            false => self.rest.get_or_insert_default().pieces.push_back(piece),
        }
    }

    /// Makes the gathered bytes an ordinary piece.
    fn seal(&mut self) {
        let tail = self.rest.as_mut().map(|rest| rest.tail.split()).unwrap_or_default();
        if !tail.is_empty() {
            self.push(tail.freeze());
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        let first = (!self.first.is_empty()).then_some(&self.first);
        first.into_iter().chain(self.rest.iter().flat_map(|rest| &rest.pieces))
    }

    fn count(&self) -> usize {
        let more = self.rest.as_ref().map_or(0, |rest| rest.pieces.len());
        usize::from(!self.first.is_empty()) + more
    }
}

impl SendQueue {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What waits in terms of memory, in bytes: the bytes, and a cost for each piece. Many short
    /// pieces would otherwise take a hundred times the memory that a limit means.
    pub fn cost(&self) -> usize {
        self.len + self.waiting.as_ref().map_or(0, |waiting| waiting.count() * PIECE)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something waits here, rather than elsewhere.
    pub fn has_pieces(&self) -> bool {
        let has_any = |waiting: &Waiting| {
            let has_tail = waiting.rest.as_ref().is_some_and(|rest| !rest.tail.is_empty());
            !waiting.first.is_empty() || has_tail
        };
        self.waiting.as_deref().is_some_and(has_any)
    }

    /// Counts bytes that wait elsewhere, behind all that waits here. Nothing may be appended until
    /// [`SendQueue::release`] has taken them off again.
    pub fn hold(&mut self, count: usize) {
        self.len += count;
    }

    /// Bytes that waited elsewhere do so no more.
    pub fn release(&mut self, count: usize) {
        debug_assert!(count <= self.len, "more is released than was held");
        self.len = self.len.saturating_sub(count);
    }

    /// Appends a copy of `bytes`.
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let waiting = self.waiting.get_or_insert_default();
        // A piece that grows further would be moved again and again as its buffer doubles.
        if waiting.rest.as_ref().is_some_and(|rest| rest.tail.len() + bytes.len() > GATHER) {
            waiting.seal();
        }
        waiting.rest.get_or_insert_default().tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends a piece without copying it; it stays one piece of its own.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let waiting = self.waiting.get_or_insert_default();
        // What was gathered before it goes out before it.
        waiting.seal();
        self.len += piece.len();
        waiting.push(piece);
    }

    /// Fills `slices` with the next pieces, in order; returns how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(waiting) = &self.waiting else { return 0 };
        let tail = waiting.rest.as_ref().map(|rest| &rest.tail[..]).filter(|tail| !tail.is_empty());
        let mut skip = waiting.written;
        let pieces = waiting.pieces().map(|piece| &piece[..]).chain(tail);
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces) {
            *slot = IoSlice::new(piece.get(skip..).unwrap_or_default());
            // Only the first piece can be written in part.
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// Forgets the first `count` bytes: they have been written.
    pub fn advance(&mut self, count: usize) {
        let Some(waiting) = &mut self.waiting else { return };
        let count = count.min(self.len);
        self.len -= count;
        waiting.written += count;
        while !waiting.first.is_empty() {
            // A piece that is cut stays whole: only `written` knows how far it went.
            if waiting.written < waiting.first.len() {
                return;
            }
            waiting.written -= waiting.first.len();
            let next = waiting.rest.as_mut().and_then(|rest| rest.pieces.pop_front());
            waiting.first = next.unwrap_or_default();
        }
        // All pieces are written, so what remains of the count lies in the tail.
        let written = std::mem::take(&mut waiting.written);
        let Some(rest) = &mut waiting.rest else {
            debug_assert_eq!(written, 0, "more was written than waits");
            return;
        };
        debug_assert!(written <= rest.tail.len(), "more was written than waits");
        rest.tail.advance(written);
        if rest.tail.is_empty() {
            // A burst does not keep its memory: an empty queue owns no more than 64 handles.
            rest.tail = BytesMut::new();
            rest.pieces.shrink_to(64);
        }
    }

    /// Empties the queue and hands over what was never written.
    pub fn take(&mut self) -> Unsent {
        let len = std::mem::take(&mut self.len);
        let Some(mut waiting) = self.waiting.take() else { return Unsent::default() };
        waiting.seal();
        Unsent { written: waiting.written, len, pieces: waiting.pieces().cloned().collect() }
    }
}

/// What a connection was given to send and did not write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    pieces: Vec<Bytes>,
    written: usize,
    len: usize,
}

impl Unsent {
    /// Bytes that were not written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces for another attempt. With `whole`, a piece that was cut is given from its
    /// first byte (a message that nobody received whole); else only its unwritten rest.
    pub fn into_pieces(mut self, whole: bool) -> Vec<Bytes> {
        if let (false, Some(first)) = (whole, self.pieces.first_mut()) {
            first.advance(self.written.min(first.len()));
        }
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contents(queue: &SendQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = queue.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn a_cut_piece_can_be_had_whole_or_as_its_rest() {
        let mut queue = SendQueue::default();
        queue.push(Bytes::from_static(b"first"));
        queue.push(Bytes::from_static(b"second"));
        queue.advance(2);
        let unsent = queue.take();
        assert_eq!(unsent.len(), 9);
        assert_eq!(unsent.clone().into_pieces(true)[0], "first");
        assert_eq!(unsent.into_pieces(false)[0], "rst");
        assert!(queue.is_empty());
    }

    #[test]
    fn short_pieces_cost_more_than_their_bytes_and_gathered_ones_do_not() {
        let mut queue = SendQueue::default();
        (0..100).for_each(|_| queue.append(b"x"));
        assert_eq!(queue.cost(), 100);
        (0..100).for_each(|_| queue.push(Bytes::from_static(b"x")));
        // What was gathered before has become a piece too.
        assert_eq!((queue.len(), queue.cost()), (200, 200 + 101 * PIECE));
        queue.advance(150);
        assert_eq!(queue.cost(), 50 + 50 * PIECE);
        queue.advance(50);
        assert_eq!(queue.cost(), 0);
    }

    #[test]
    fn what_is_held_elsewhere_counts_and_is_no_piece() {
        let mut queue = SendQueue::default();
        queue.append(b"here");
        queue.hold(100);
        assert_eq!((queue.len(), queue.cost(), queue.has_pieces()), (104, 104, true));
        queue.advance(4);
        assert_eq!((queue.len(), queue.is_empty(), queue.has_pieces()), (100, false, false));
        queue.release(60);
        queue.release(40);
        assert!(queue.is_empty());
    }

    proptest! {
        /// Whatever is pushed, appended and written in whatever steps comes out in order.
        #[test]
        fn it_is_a_queue_of_bytes(steps in proptest::collection::vec((0u8..3, 0usize..90), 0..60)) {
            let (mut queue, mut model) = (SendQueue::default(), Vec::<u8>::new());
            let mut next = 0u8;
            for (kind, size) in steps {
                let bytes: Vec<u8> = (0..size).map(|_| { next = next.wrapping_add(1); next }).collect();
                match kind {
                    0 => { queue.append(&bytes); model.extend(&bytes); }
                    1 => { model.extend(&bytes); queue.push(bytes.into()); }
                    _ => { let n = size.min(model.len()); model.drain(..n); queue.advance(n); }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(contents(&queue), model.clone());
            }
            let rest: Vec<u8> = queue.take().into_pieces(false).concat();
            prop_assert_eq!(rest, model);
        }
    }
}
