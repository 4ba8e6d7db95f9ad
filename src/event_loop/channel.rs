//! One channel of bytes in the pool: a transport, what is known of its readiness, its send
//! queue, and how far its two directions have come.
//!
//! It moves bytes and keeps state; whom to tell, and when to remove it, the pool decides.

use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::event::{SendOutcome, Traffic};

use super::lifecycle::{CloseMode, Directions, Half, Phase};
use super::transport::Transport;
use crate::buffers::SendQueue;
use crate::close::CloseReason;

/// Pieces in one writev.
const PIECES: usize = 64;
/// When a queue is full, unless the handler says otherwise.
const HIGH_MARK: usize = 256 * 1024;

pub(super) struct Channel {
    pub(super) transport: Box<dyn Transport>,
    pub(super) phase: Phase,
    pub(super) reading: Half,
    pub(super) writing: Half,
    /// Readable, as far as is known: set by events, cleared by `WouldBlock`.
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) paused: bool,
    /// Whether it is in the pool's list of what to read.
    pub(super) queued_for_read: bool,
    /// Whether it is in the pool's list of what to flush.
    pub(super) dirty: bool,
    /// Whether it is in the pool's list of what to remove.
    pub(super) closed: Option<CloseReason>,
    /// How it is closed, once it is.
    pub(super) close_mode: CloseMode,
    /// Since when everything is said and only acknowledgements are missing.
    pub(super) all_sent_at: Option<Instant>,
    /// When FIN was said.
    fin_sent_at: Option<Instant>,
    /// The peer was gone before it had acknowledged everything.
    lost: bool,
    /// A reset that came before the first read; it is reported after all that came ahead of it.
    pub(super) early_reset: Option<io::Error>,
    pub(super) queue: SendQueue,
    high_mark: usize,
    /// Somebody waits for the queue to fall to this.
    awaited: Option<usize>,
    /// When the queue last got shorter, or began.
    pub(super) progress: Instant,
    pub(super) traffic: Traffic,
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
        sides: Directions,
        phase: Phase,
        now: Instant,
    ) -> Self {
        let way = |missing| if sides == missing { Half::Ended } else { Half::Open };
        Self {
            transport,
            phase,
            reading: way(Directions::Write),
            writing: way(Directions::Read),
            readable: false,
            writable: false,
            paused: false,
            queued_for_read: false,
            dirty: false,
            closed: None,
            close_mode: CloseMode::Linger,
            all_sent_at: None,
            fin_sent_at: None,
            lost: false,
            early_reset: None,
            queue: SendQueue::default(),
            high_mark: HIGH_MARK,
            awaited: None,
            progress: now,
            traffic: Traffic { received: 0, sent: 0, opened: now, last_active: now },
        }
    }

    /// Whether a read may give something.
    pub(super) fn wants_reading(&self) -> bool {
        let wanted = !self.paused || self.transport.needs_read();
        self.readable && wanted && self.reading.is_open() && self.phase != Phase::Connecting
    }

    /// Whether a flush may get somewhere.
    pub(super) fn wants_flushing(&self) -> bool {
        let work = !self.queue.is_empty()
            || matches!(self.writing, Half::Finishing)
            || self.transport.needs_flush();
        self.writable && work && !self.writing.is_over() && self.phase != Phase::Connecting
    }

    pub(super) fn read(&mut self, into: &mut [u8], now: Instant) -> ReadOutcome {
        while self.wants_reading() {
            let outcome = match self.paused {
                true => self.transport.read_ahead().and(Err(ErrorKind::Interrupted.into())),
                false => self.transport.read(into),
            };
            // What was read may be what writing since_fin for.
            self.writable |= self.transport.needs_flush();
            match outcome {
                Ok(0) => {
                    if let Some(error) = self.early_reset.take() {
                        self.reading = Half::Failed(error);
                        return ReadOutcome::Failed;
                    }
                    self.reading = Half::Ended;
                    return ReadOutcome::Eof;
                }
                Ok(count) => {
                    if self.phase == Phase::Open {
                        self.traffic.received += count as u64;
                        self.traffic.last_active = now;
                    }
                    return ReadOutcome::Bytes(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reading = Half::Failed(error);
                    return ReadOutcome::Failed;
                }
            }
        }
        ReadOutcome::Nothing
    }

    /// Takes bytes for sending: writes at once what fits, and queues a copy of the rest.
    pub(super) fn send(&mut self, bytes: &[u8], now: Instant) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        let mut rest = bytes;
        while self.queue.is_empty() && !rest.is_empty() && self.can_write() {
            let count = self.write(&[IoSlice::new(rest)], now);
            rest = rest.get(count..).unwrap_or_default();
        }
        self.enqueue(rest.len(), now, |queue| queue.append(rest))
    }

    /// Takes a piece for sending without copying it; it is written with the next flush.
    pub(super) fn send_shared(&mut self, piece: Bytes, now: Instant) -> SendOutcome {
        if !self.takes() {
            return SendOutcome::Gone;
        }
        self.enqueue(piece.len(), now, |queue| queue.push(piece))
    }

    pub(super) fn takes(&self) -> bool {
        self.writing.is_open() && self.phase.close_reason().is_none()
    }

    fn can_write(&self) -> bool {
        self.writable && !self.writing.is_over() && self.phase != Phase::Connecting
    }

    fn enqueue(
        &mut self,
        len: usize,
        now: Instant,
        add: impl FnOnce(&mut SendQueue),
    ) -> SendOutcome {
        if len > 0 {
            if self.queue.is_empty() {
                self.progress = now;
            }
            add(&mut self.queue);
        }
        if self.queue.len() < self.high_mark {
            return SendOutcome::Queued;
        }
        self.awaited = self.awaited.or(Some(self.high_mark / 4));
        SendOutcome::Full
    }

    /// Bytes that may be queued before the queue is full.
    pub(super) fn room(&self) -> usize {
        self.high_mark.saturating_sub(self.queue.len())
    }

    pub(super) fn set_high_mark(&mut self, bytes: usize) {
        self.high_mark = bytes.max(1);
    }

    /// Asks for `Drained` at an empty queue, once it can be written at all.
    pub(super) fn await_flush(&mut self) {
        self.awaited = Some(0);
    }

    /// Whether the mark that somebody waits for has been reached, or never will be; says so once.
    pub(super) fn take_drained(&mut self) -> bool {
        let failed = matches!(self.writing, Half::Failed(_));
        let written = |mark| self.transport.is_open() && self.queue.len() <= mark;
        let reached = self.awaited.is_some_and(|mark| failed || written(mark));
        if reached {
            self.awaited = None;
        }
        reached
    }

    /// Writes as much of the queue as fits, and says FIN behind it where that was asked for.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.transport.needs_flush() && self.can_write() {
            let flushed = self.transport.flush();
            self.note_written(flushed.map(|()| 0), now);
        }
        while !self.queue.is_empty() && self.can_write() {
            let queue = std::mem::take(&mut self.queue);
            let mut slices = [IoSlice::new(&[]); PIECES];
            let filled = queue.slices(&mut slices);
            let count = self.write(slices.get(..filled).unwrap_or_default(), now);
            self.queue = queue;
            self.queue.advance(count);
        }
        if self.queue.is_empty() && matches!(self.writing, Half::Finishing) && self.can_write() {
            self.send_fin(now);
        }
    }

    /// How long the peer has had to answer our FIN.
    pub(super) fn since_fin(&self, now: Instant) -> Duration {
        self.fin_sent_at.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn send_fin(&mut self, now: Instant) {
        if self.close_mode == CloseMode::ResetWhenAcked {
            self.writing = Half::Ended;
            return;
        }
        match self.transport.finish() {
            Ok(()) => {
                self.writing = Half::Ended;
                self.fin_sent_at = Some(now);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            // The peer is gone already, which reading will tell.
            Err(error) if error.kind() == ErrorKind::NotConnected => self.writing = Half::Ended,
            Err(error) => self.writing = Half::Failed(error),
        }
    }

    /// One write; returns how much went out, after noting what else happened.
    fn write(&mut self, pieces: &[IoSlice<'_>], now: Instant) -> usize {
        let outcome = self.transport.write(pieces);
        self.note_written(outcome, now)
    }

    fn note_written(&mut self, outcome: io::Result<usize>, now: Instant) -> usize {
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
                self.writing = Half::Failed(error);
                // What the peer sent before it went may still be there to read.
                self.readable = true;
            }
        }
        0
    }

    /// The reason to remove this channel, once there is one: both ways are over, or reading has
    /// failed, which leaves nobody to write to.
    pub(super) fn end_reason(&self) -> Option<CloseReason> {
        let failed = self.failed();
        let over =
            self.writing.is_over() && (self.reading.is_over() || !self.close_mode.awaits_fin());
        if !over && !matches!(self.reading, Half::Failed(_)) {
            return None;
        }
        match self.phase.close_reason() {
            Some(reason) if self.queue.is_empty() && !self.lost => Some(reason),
            None if !failed => Some(CloseReason::PEER),
            _ => Some(self.failure()),
        }
    }

    /// How it failed: by the connection, or by what the peer says on it.
    fn failure(&self) -> CloseReason {
        let kind = [&self.reading, &self.writing].into_iter().find_map(|way| match way {
            Half::Failed(error) => Some(error.kind()),
            _ => None,
        });
        match kind {
            Some(ErrorKind::InvalidData) => CloseReason::FRAME,
            Some(ErrorKind::ConnectionRefused) => CloseReason::REFUSED,
            _ => CloseReason::RESET,
        }
    }

    fn failed(&self) -> bool {
        matches!(self.reading, Half::Failed(_)) || matches!(self.writing, Half::Failed(_))
    }

    /// Whether a channel whose two ways are over in order had better be kept until the peer has
    /// acknowledged what was written: an RST that comes in their place means a loss, and a
    /// closed socket would not hear of it. A FIN alone (which counts as one) is not since_fin for.
    pub(super) fn awaits_acknowledgement(&mut self, now: Instant, limit: Duration) -> bool {
        if self.failed() || !self.is_unacknowledged() {
            return false;
        }
        let since = *self.all_sent_at.get_or_insert(now);
        self.close_mode.awaits_all_acks() || now.saturating_duration_since(since) < limit
    }

    /// How long everything has been said while acknowledgements are missing.
    pub(super) fn since_all_sent(&self, now: Instant) -> Duration {
        self.all_sent_at.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether the peer is not to be cut off yet, however long it does not say FIN.
    pub(super) fn must_be_acknowledged(&self) -> bool {
        self.close_mode.awaits_all_acks() && !self.failed() && self.is_unacknowledged()
    }

    fn is_unacknowledged(&self) -> bool {
        let fin = u64::from(self.close_mode != CloseMode::ResetWhenAcked);
        self.transport.unacknowledged() > fin
    }

    /// Looks for the RST that means such a loss.
    pub(super) fn check_acknowledgement(&mut self) {
        if let Some(error) = self.transport.take_error() {
            self.lost = true;
            self.writing = Half::Failed(error);
        }
    }

    /// What the operating system said, if this channel failed.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        let take = |way: &mut Half| match std::mem::replace(way, Half::Ended) {
            Half::Failed(error) => Some(error),
            _ => None,
        };
        take(&mut self.writing).or(take(&mut self.reading))
    }
}
