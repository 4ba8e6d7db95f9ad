//! What a channel takes for sending: written at once, or queued.

use std::io::IoSlice;
use std::time::Instant;

use bytes::Bytes;

use super::{Awaited, Channel};
use crate::buffers::SendQueue;
use crate::event_loop::event::SendOutcome;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 64 * 1024;

impl Channel {
    /// Takes bytes for sending: writes at once what fits, and queues a copy of the rest.
    pub(in crate::event_loop) fn send(&mut self, bytes: &[u8], now: Instant) -> SendOutcome {
        self.send_pieces([bytes], now)
    }

    pub(in crate::event_loop) fn send_pieces<const N: usize>(
        &mut self,
        pieces: [&[u8]; N],
        now: Instant,
    ) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut slices = pieces.map(IoSlice::new);
        let mut rest = &mut slices[..];
        // Nothing may be written past a queue. Up to EAGAIN: only after that an edge reports room.
        while self.queue.is_empty() && left > 0 && self.can_write() {
            let count = self.write(rest, now);
            IoSlice::advance_slices(&mut rest, count);
            left -= count;
        }
        self.enqueue(left, now, |queue| rest.iter().for_each(|piece| queue.append(piece)))
    }

    /// Takes a piece for sending without copying it; it is written with the next flush.
    pub(in crate::event_loop) fn send_shared(&mut self, piece: Bytes, now: Instant) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        self.enqueue(piece.len(), now, |queue| queue.push(piece))
    }

    /// Takes bytes for sending that are written with those of the same turn.
    pub(in crate::event_loop) fn send_gathered(
        &mut self,
        bytes: &[u8],
        now: Instant,
    ) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        if self.queue.len() + bytes.len() > GATHERED {
            self.flush(now);
        }
        match self.queue.is_empty() && bytes.len() > GATHERED {
            true => self.send(bytes, now),
            false => self.enqueue(bytes.len(), now, |queue| queue.append(bytes)),
        }
    }

    /// Queues something whether it is taken or not.
    pub(in crate::event_loop) fn enqueue(
        &mut self,
        len: usize,
        now: Instant,
        add: impl FnOnce(&mut SendQueue),
    ) -> SendOutcome {
        if len > 0 {
            if self.queue.is_empty() {
                self.progress = now;
            }
            // Nothing may come before what a pipe holds.
            self.spill();
            add(&mut self.queue);
        }
        if self.queue.cost() < self.high_mark() {
            return SendOutcome::Queued;
        }
        if self.awaited == Awaited::Nothing {
            self.awaited = Awaited::LowMark;
        }
        SendOutcome::Full
    }
}
