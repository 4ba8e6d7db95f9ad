//! One channel of bytes in the pool: a transport, what is known of its readiness, its send
//! queue, and the state of its two directions.
//!
//! It moves bytes and keeps state; the pool calls the handler and removes what has ended.
//!
//! ```text
//! ChannelPhase   Connecting ── connected ──► Open ── close() ──► Closing ── writing over ──► Lingering
//!             │                        │                     │                            │
//!        cannot connect       abort(), both halves over, or a read has failed     + LINGER passed
//!             ▼                        ▼                     ▼                            ▼
//!       ConnectFailed               closed: removed at the end of the turn, with `Closed`
//! ```
//!
//! | half | Finishing | Ended | Failed |
//! |---|---|---|---|
//! | reading | never | EOF was read | a read failed |
//! | writing | `finish`, `close` | the queue is empty and FIN is sent | a write failed, or RST came before every byte was acknowledged |
//!
//! | mode of `close` | after the queue | the peer's FIN | acknowledgements |
//! |---|---|---|---|
//! | `NoWait` | FIN | is not awaited | up to `LINGER` |
//! | `Linger` | FIN | up to `LINGER` | up to `LINGER` |
//! | `UntilAcked` | FIN | up to `LINGER` once all is acknowledged | without a limit |
//! | `ResetWhenAcked` | RST at removal | is not awaited | without a limit |

use std::io::{self, ErrorKind, IoSlice};
use std::time::Instant;

use bytes::Bytes;

use super::event::{SendOutcome, Traffic};
use super::lifecycle::{ChannelPhase, CloseMode, Directions, EndWatch, Half};
use super::link::ChannelExtras;
use super::marks::Marks;
use super::transport::Transport;
use crate::buffers::SendQueue;
use crate::close::CloseReason;

/// Pieces in one writev.
const PIECES: usize = 64;
/// Bytes that are gathered before they are written.
const GATHERED: usize = 64 * 1024;
/// Reads in a row that may give nothing (records without data) before the other channels have their turn.
const TRIES: usize = 16;
/// Bytes that make a queue full, unless the handler sets another size.
const HIGH_MARK: usize = 256 * 1024;

pub(super) struct Channel {
    pub(super) transport: Box<dyn Transport>,
    pub(super) phase: ChannelPhase,
    pub(super) reading: Half,
    pub(super) writing: Half,
    /// Readable, as far as is known: set by events, cleared by `WouldBlock` and, where that means as
    /// much, by a short read.
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) paused: bool,
    pub(super) marks: Marks,
    /// What it looks for meanwhile.
    pub(super) end_watch: EndWatch,
    /// Whether it is in the pool's list of what to read.
    pub(super) queued_for_read: bool,
    /// Set once it is in the pool's list of what to remove.
    pub(super) closed: Option<CloseReason>,
    /// How it is closed, once it is.
    pub(super) close_mode: CloseMode,
    /// What the handler waits for.
    pub(super) awaited: Awaited,
    /// Boxed, because most of the thousands of a server have none.
    pub(super) extras: Option<Box<ChannelExtras>>,
    pub(super) queue: SendQueue,
    /// In bytes; `u32::MAX` is without a limit.
    high_mark: u32,
    /// Bytes that one read takes at most.
    pub(super) read_size: u32,
    /// When the queue last got shorter, or began.
    pub(super) progress: Instant,
    pub(super) traffic: Traffic,
}

/// The length of the queue at which `Drained` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Nothing,
    /// A quarter of the high mark, which the queue had reached.
    LowMark,
    Empty,
}

/// What a read gave.
pub(super) enum ReadOutcome {
    Bytes(usize),
    Eof,
    /// Nothing now: paused, not ready, or over.
    Nothing,
    Failed,
}

impl Channel {
    pub(super) fn new(
        transport: Box<dyn Transport>,
        directions: Directions,
        phase: ChannelPhase,
        now: Instant,
    ) -> Self {
        let half = |missing| if directions == missing { Half::Ended } else { Half::Open };
        let read_size = u32::try_from(transport.read_size()).unwrap_or(u32::MAX);
        Self {
            transport,
            phase,
            reading: half(Directions::Write),
            writing: half(Directions::Read),
            readable: false,
            writable: false,
            paused: false,
            marks: Marks::default(),
            end_watch: EndWatch::Resets,
            queued_for_read: false,
            closed: None,
            close_mode: CloseMode::Linger,
            awaited: Awaited::Nothing,
            extras: None,
            queue: SendQueue::default(),
            high_mark: HIGH_MARK as u32,
            read_size,
            progress: now,
            traffic: Traffic { received: 0, sent: 0, opened: now, last_active: now },
        }
    }

    /// Whether a read may give something.
    pub(super) fn wants_reading(&self) -> bool {
        let wanted = !self.is_held() || self.transport.needs_read();
        self.readable && wanted && self.reading.is_open() && self.phase != ChannelPhase::Connecting
    }

    /// Whether nothing that is read is delivered.
    fn is_held(&self) -> bool {
        self.is_unread() && self.end_watch != EndWatch::Due
    }

    /// Whether a flush may write something.
    pub(super) fn wants_flushing(&self) -> bool {
        let work = !self.queue.is_empty()
            || matches!(self.writing, Half::Finishing)
            || self.transport.needs_flush();
        self.writable && work && !self.writing.is_over() && self.phase != ChannelPhase::Connecting
    }

    pub(super) fn read(&mut self, into: &mut [u8], now: Instant) -> ReadOutcome {
        for _ in 0..TRIES {
            if !self.wants_reading() {
                break;
            }
            let outcome = match self.is_held() {
                // It delivers nothing: Interrupted has the loop look whether more is needed.
                true => self.transport.read_ahead().and(Err(ErrorKind::Interrupted.into())),
                false => self.transport.read(into),
            };
            // What was read may be the peer's answer that writing waits for.
            self.writable |= self.transport.needs_flush();
            let is_short = matches!(outcome, Ok(count @ 1..) if count < into.len());
            let is_last = is_short && !self.marks.has(Marks::NOTICE);
            if is_last && self.transport.is_empty_after_short_read() {
                // What comes from now on is another edge.
                self.readable = false;
            }
            if let Some(outcome) = self.note_read(outcome, now) {
                return outcome;
            }
        }
        ReadOutcome::Nothing
    }

    /// Notes what became of a read; `None` where another may be tried, if any is wanted.
    pub(super) fn note_read(
        &mut self,
        outcome: io::Result<usize>,
        now: Instant,
    ) -> Option<ReadOutcome> {
        match outcome {
            Ok(0) => {
                // The kernel hands SO_ERROR out once. If a write got the reset, the read gets 0.
                if let Some(error) = self.take_reset() {
                    self.fail_reading(error);
                    return Some(ReadOutcome::Failed);
                }
                self.reading = Half::Ended;
                return Some(ReadOutcome::Eof);
            }
            Ok(count) => {
                if self.phase == ChannelPhase::Open {
                    self.traffic.received += count as u64;
                    self.traffic.last_active = now;
                }
                return Some(ReadOutcome::Bytes(count));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                self.marks.set(Marks::NOTICE, false);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.fail_reading(error);
                return Some(ReadOutcome::Failed);
            }
        }
        None
    }

    pub(super) fn takes(&self) -> bool {
        self.writing.is_open() && self.phase.close_reason().is_none()
    }

    pub(super) fn can_write(&self) -> bool {
        self.writable && !self.writing.is_over() && self.phase != ChannelPhase::Connecting
    }

    /// Takes bytes for sending: writes at once what fits, and queues a copy of the rest.
    pub(super) fn send_pieces<const N: usize>(
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
    pub(super) fn send_shared(&mut self, piece: Bytes, now: Instant) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        self.enqueue(piece.len(), now, |queue| queue.push(piece))
    }

    /// Takes bytes for sending that are written with those of the same turn.
    pub(super) fn send_gathered(&mut self, bytes: &[u8], now: Instant) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        if self.queue.len() + bytes.len() > GATHERED {
            self.flush(now);
        }
        match self.queue.is_empty() && bytes.len() > GATHERED {
            true => self.send_pieces([bytes], now),
            false => self.enqueue(bytes.len(), now, |queue| queue.append(bytes)),
        }
    }

    /// Queues something whether it is taken or not.
    pub(super) fn enqueue(
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

    /// Bytes that may be queued before the queue is full.
    pub(super) fn room(&self) -> usize {
        self.high_mark().saturating_sub(self.queue.cost())
    }

    pub(super) fn high_mark(&self) -> usize {
        if self.high_mark == u32::MAX { usize::MAX } else { self.high_mark as usize }
    }

    pub(super) fn set_high_mark(&mut self, bytes: usize) {
        self.high_mark = u32::try_from(bytes.max(1)).unwrap_or(u32::MAX);
    }

    /// Whether the awaited mark has been reached, or never will be; true once.
    pub(super) fn take_drained(&mut self) -> bool {
        let mark = match self.awaited {
            Awaited::Nothing => return false,
            Awaited::LowMark => self.high_mark() / 4,
            Awaited::Empty => 0,
        };
        let failed = self.writing == Half::Failed;
        let reached = failed || (self.transport.is_open() && self.queue.cost() <= mark);
        if reached {
            self.awaited = Awaited::Nothing;
        }
        reached
    }

    /// Writes as much of the queue as fits, and FIN behind it where that was asked for.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.transport.needs_flush() && self.can_write() {
            let flushed = self.transport.flush();
            self.note_written(flushed.map(|()| 0), now);
        }
        self.flush_queue(now);
        if self.marks.has(Marks::PIPED) {
            self.flush_pipe(now);
            // What cannot be spliced is in the queue now.
            self.flush_queue(now);
        }
        let may_end = self.phase != ChannelPhase::Open || self.transport.may_half_close();
        let is_last = self.queue.is_empty() && matches!(self.writing, Half::Finishing);
        if is_last && may_end && self.can_write() {
            self.send_fin(now);
        }
    }

    fn flush_queue(&mut self, now: Instant) {
        while self.queue.has_pieces() && self.can_write() {
            let queue = std::mem::take(&mut self.queue);
            let mut slices = [IoSlice::new(&[]); PIECES];
            let filled = queue.slices(&mut slices);
            let count = self.write(slices.get(..filled).unwrap_or_default(), now);
            self.queue = queue;
            self.queue.advance(count);
        }
    }

    fn send_fin(&mut self, now: Instant) {
        // FIN would show a whole stream: RST is sent at close(2) (SO_LINGER 0), behind what is kept.
        if self.close_mode == CloseMode::ResetWhenAcked {
            if !self.transport.needs_flush() {
                self.writing = Half::Ended;
            }
            return;
        }
        match self.transport.finish() {
            Ok(()) => {
                self.writing = Half::Ended;
                self.ending().fin_sent_at = Some(now);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            // The peer is gone already, which the next read finds out.
            Err(error) if error.kind() == ErrorKind::NotConnected => self.writing = Half::Ended,
            Err(error) => self.fail_writing(error),
        }
    }

    /// One write; returns how much went out, after noting what else happened.
    fn write(&mut self, pieces: &[IoSlice<'_>], now: Instant) -> usize {
        let outcome = self.transport.write(pieces);
        self.note_written(outcome, now)
    }

    pub(super) fn note_written(&mut self, outcome: io::Result<usize>, now: Instant) -> usize {
        match outcome {
            Ok(0) => {}
            Ok(count) => {
                self.traffic.sent += count as u64;
                self.traffic.last_active = now;
                self.progress = now;
                return count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                // EPIPE or ECONNRESET: RST ends writing at once, but not the bytes that came ahead
                // of it.
                self.fail_writing(error);
                // What the peer sent before it went may still be there to read, and the end of it.
                self.readable = true;
                self.marks.set(Marks::NOTICE, true);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests;
