//! The two channels of a link: the one that is read, and the one that is written to.

use std::time::Instant;

use super::{ChannelExtras, FILE_MARKS, Link, Mover, is_refusal};
use crate::event_loop::channel::Channel;
use crate::event_loop::event::SendOutcome;
use crate::event_loop::id::Id;
use crate::event_loop::kernel_pipe::KernelPipe;
use crate::event_loop::marks::Marks;
use crate::event_loop::transport::KernelEnd;

impl Channel {
    pub(in crate::event_loop) fn extras(&mut self) -> &mut ChannelExtras {
        self.extras.get_or_insert_default()
    }

    pub(super) fn link(&self) -> Option<Link> {
        self.extras.as_ref()?.link
    }

    pub(super) fn feeder(&self) -> Option<Id> {
        self.extras.as_ref()?.feeder
    }

    pub(super) fn note_mover(&mut self, next: impl FnOnce(Mover) -> Mover) {
        if let Some(link) = self.extras.as_mut().and_then(|extras| extras.link.as_mut()) {
            link.mover = next(link.mover);
        }
    }

    /// Sends what a link brings. As the handler has sent nothing, `Drained` does not follow.
    pub(in crate::event_loop) fn send_linked(&mut self, bytes: &[u8], now: Instant) -> SendOutcome {
        let awaited = self.awaited;
        let outcome = self.send_pieces([bytes], now);
        self.awaited = awaited;
        outcome
    }

    /// Whether a link may splice into it: nothing is in front, and there is room.
    pub(super) fn takes_splice(&self) -> bool {
        self.takes() && self.can_write() && self.queue.is_empty() && self.transport.is_open()
    }

    /// Whether a link that waits may go on. Where nothing is taken any more it goes on as well, and what
    /// comes is dropped.
    pub(super) fn has_room_again(&self) -> bool {
        let is_low = !self.marks.has(Marks::PIPED) && self.queue.cost() <= self.high_mark() / 4;
        !self.takes() || (is_low && (self.writable || !self.queue.is_empty()))
    }

    /// Whether the kernel splices from here to there, and with a pipe between.
    pub(super) fn needs_pipe(&self, sink: &Self) -> Option<bool> {
        if sink.extras.as_ref().is_some_and(|extras| extras.refuses_splice) {
            return None;
        }
        match (self.transport.kernel_end()?, sink.transport.kernel_end()?) {
            (KernelEnd::Pipe(_), _) | (_, KernelEnd::Pipe(_)) => Some(false),
            (KernelEnd::Socket(_) | KernelEnd::ChildSocket(_), _) => Some(true),
            // A file is read in large pieces: sendfile(2) makes pages of 4 KiB of it.
            (KernelEnd::File(_), _) => None,
        }
    }

    /// How much goes into a pipe for it. What a file or the null device gets does not wait there.
    pub(super) fn most_at_once(&self) -> usize {
        match self.transport.kernel_end() {
            Some(KernelEnd::File(_)) => self.high_mark().saturating_mul(FILE_MARKS),
            _ => self.high_mark(),
        }
    }

    /// Puts a filled pipe behind all that is queued.
    pub(super) fn hold(&mut self, pipe: KernelPipe, now: Instant) {
        debug_assert!(self.queue.is_empty(), "a pipe is filled for a sink that is up to date");
        self.progress = now;
        self.queue.hold(pipe.len());
        self.extras().pipe = Some(pipe);
        self.marks.set(Marks::PIPED, true);
    }

    /// Writes what the pipe holds, as much as fits. What the kernel does not splice into this channel
    /// goes into the queue.
    pub(in crate::event_loop) fn flush_pipe(&mut self, now: Instant) {
        while self.can_write() && !self.queue.has_pieces() {
            let Some(pipe) = self.extras.as_mut().and_then(|extras| extras.pipe.as_mut()) else {
                return;
            };
            if pipe.len() == 0 {
                return;
            }
            let outcome = match self.transport.kernel_end() {
                Some(end) => pipe.drain(end.fd()),
                None => Ok(0),
            };
            if outcome.as_ref().map_or_else(is_refusal, |count| *count == 0) {
                self.extras().refuses_splice = true;
                return self.spill();
            }
            let count = self.note_written(outcome, now);
            self.queue.release(count);
        }
    }

    /// Moves what the pipe holds into the queue, which may then grow.
    pub(in crate::event_loop) fn spill(&mut self) {
        if !self.marks.has(Marks::PIPED) {
            return;
        }
        let Some(pipe) = self.extras.as_mut().and_then(|extras| extras.pipe.as_mut()) else {
            return;
        };
        self.queue.release(pipe.len());
        let bytes = pipe.read_out();
        self.queue.push(bytes.into());
    }

    /// Notes that a splice gave less than it was asked for. Where nothing is left, what comes from now on
    /// is another edge. The slots of a pipe may be used up before its bytes, so the kernel is asked:
    /// otherwise a splice and a read that give nothing would find it out.
    pub(super) fn note_short_splice(&mut self) {
        let fd = match self.transport.kernel_end() {
            Some(KernelEnd::Socket(fd) | KernelEnd::ChildSocket(fd) | KernelEnd::Pipe(fd)) => fd,
            Some(KernelEnd::File(_)) | None => return,
        };
        if !self.marks.has(Marks::NOTICE) && rustix::io::ioctl_fionread(fd) == Ok(0) {
            self.readable = false;
        }
    }

    /// Has the first large move of a link find a sink that is sent to without pauses.
    pub(super) fn unpace(&mut self) {
        if !std::mem::replace(&mut self.extras().is_unpaced, true) {
            self.transport.unpace();
        }
    }
}
