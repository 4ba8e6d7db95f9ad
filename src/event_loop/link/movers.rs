//! One move of a linked channel: a splice from one end to the other, one through a pipe of the kernel,
//! or a copy.

use std::io::{self, ErrorKind};

use super::{LARGE, Mover, SMALL, SPLICED, Spliced, Untaken, is_refusal};
use crate::event_loop::READ_SIZE;
use crate::event_loop::channel::{Channel, ReadOutcome};
use crate::event_loop::event::SendOutcome;
use crate::event_loop::id::Id;
use crate::event_loop::kernel_pipe::PIPE_SIZE;
use crate::event_loop::lifecycle::ChannelPhase;
use crate::event_loop::marks::Marks;
use crate::event_loop::pool::{Pool, PoolSource};
use crate::event_loop::transport::KernelEnd;
use crate::sys::splice::{WriteSide, splice, write_side};

impl Pool {
    /// One move of a linked channel. The bytes that it returns are those that count for the budget.
    pub(in crate::event_loop) fn pump(&mut self, from: Id, into: &mut [u8]) -> ReadOutcome {
        let Some(link) = self.channel(from).and_then(Channel::link) else {
            return ReadOutcome::Nothing;
        };
        if self.channel(from).is_none_or(|source| !source.wants_reading()) {
            return ReadOutcome::Nothing;
        }
        let takes = self.channel(link.to).is_some_and(|sink| sink.takes());
        if link.untaken == Untaken::Left && !takes {
            self.wait_for_sink(from, link.to);
            return ReadOutcome::Nothing;
        }
        // What a paused channel looks for is its end, which only a read finds.
        let is_paused = self.is_paused(from);
        let spliced = match link.mover {
            Mover::Splicing(_) if !is_paused => self.splice(from, link.to),
            _ => Spliced::Unclear,
        };
        let outcome = match spliced {
            Spliced::Moved(count) => {
                self.note_mover(from, |mover| mover.after_splice(count));
                self.note_flow(from, count);
                ReadOutcome::Bytes(count.div_ceil(SPLICED))
            }
            Spliced::Waits => {
                // A small move was that of the sink.
                self.note_mover(from, |mover| mover.after_splice(SMALL));
                self.wait_for_sink(from, link.to);
                ReadOutcome::Nothing
            }
            Spliced::Failed => ReadOutcome::Failed,
            Spliced::Refused => {
                self.note_mover(from, |_| Mover::Forbidden);
                self.copy(from, link.to, into)
            }
            Spliced::Unclear => self.copy(from, link.to, into),
            Spliced::SinkFailed(error) => self.fail_sink((from, link.to), into, error),
        };
        if matches!(outcome, ReadOutcome::Bytes(_)) {
            self.stop_expecting(from);
        }
        outcome
    }

    /// Moves what has come on a linked channel into the queue of its sink, as much as that takes: what
    /// would have waited there without a link is not lost where `from` is closed next.
    pub(crate) fn read_ahead(&mut self, from: Id) {
        let Some(to) = self.linked(from) else { return };
        if self.move_ahead(from, to) {
            self.mark_dirty(to);
        }
    }

    /// Reads into the queue of the sink; true where that has moved anything.
    fn move_ahead(&mut self, from: Id, to: Id) -> bool {
        let now = self.now;
        let has_room = |sink: &Channel| sink.takes() && sink.room() > 0;
        let (mut piece, mut has_moved) = (Vec::new(), false);
        // Its end is for an event of its own.
        while self.unread(from) > 0 && self.channel(to).is_some_and(has_room) {
            piece.resize(READ_SIZE, 0);
            let Some(source) = self.channel_mut(from) else { break };
            source.marks.set(Marks::WAITS, false);
            let ReadOutcome::Bytes(count) = source.read(&mut piece, now) else { break };
            if let Some(sink) = self.channel_mut(to) {
                let _ = sink.send_linked(piece.get(..count).unwrap_or_default(), now);
                has_moved = true;
            }
        }
        has_moved
    }

    /// A connection has hung up whose link waits. What it has left goes into the queue of the sink, as far
    /// as there is room, where copying would have put it: a reset is noticed once nothing precedes it.
    pub(in crate::event_loop) fn read_before_reset(&mut self, from: Id) {
        let Some(to) = self.linked(from) else { return };
        let waits = Marks::HUNG_UP.0 | Marks::WAITS.0;
        let is_due = self.channel(from).is_some_and(|it| it.marks.0 & waits == waits && !it.paused);
        if !is_due || self.unread(from) == 0 {
            return;
        }
        let has_moved = self.move_ahead(from, to);
        if self.channel(to).is_none_or(|sink| sink.queue.is_empty()) {
            return;
        }
        if has_moved {
            self.wait_for_sink(from, to);
        } else if let Some(source) = self.channel_mut(from) {
            // It waits on. To flush the sink for that would have two ends that are both hung up and full
            // flush each other for ever.
            source.marks.set(Marks::WAITS, true);
        }
    }

    pub(super) fn note_mover(&mut self, from: Id, next: impl FnOnce(Mover) -> Mover) {
        if let Some(source) = self.channel_mut(from) {
            source.note_mover(next);
        }
    }

    fn copy(&mut self, from: Id, to: Id, into: &mut [u8]) -> ReadOutcome {
        let now = self.now;
        let Some(source) = self.channel_mut(from) else { return ReadOutcome::Nothing };
        let outcome = source.read(into, now);
        if let ReadOutcome::Bytes(count) = outcome {
            let was_copying = source.link().is_some_and(|link| link.mover == Mover::Copying);
            source.note_mover(|mover| mover.after_read(count));
            let is_bulk = was_copying && count >= LARGE;
            let bytes = into.get(..count).unwrap_or_default();
            let sent = self.channel_mut(to).map(|sink| {
                if is_bulk {
                    sink.unpace();
                }
                sink.send_linked(bytes, now)
            });
            if sent == Some(SendOutcome::Full) {
                self.wait_for_sink(from, to);
            }
            self.settle_sink(to);
        }
        outcome
    }

    /// Writing to the sink has failed. What was to be written next waits in its queue, as behind a write,
    /// and so counts as unsent.
    fn fail_sink(
        &mut self,
        (from, to): (Id, Id),
        into: &mut [u8],
        error: io::Error,
    ) -> ReadOutcome {
        let now = self.now;
        let Some(source) = self.channel_mut(from) else { return ReadOutcome::Nothing };
        let outcome = source.read(into, now);
        if let Some(sink) = self.channel_mut(to) {
            if let ReadOutcome::Bytes(count) = outcome {
                let bytes = into.get(..count).unwrap_or_default();
                let _ = sink.enqueue(count, now, |queue| queue.append(bytes));
            }
            sink.note_written(Err(error), now);
            self.settle_sink(to);
        }
        outcome
    }

    /// Tries to move something without a copy.
    fn splice(&mut self, from: Id, to: Id) -> Spliced {
        let (Some(source), Some(sink)) = (self.channel(from), self.channel(to)) else {
            return Spliced::Unclear;
        };
        if !sink.takes() || sink.phase != ChannelPhase::Open || sink.queue.has_pieces() {
            // Copied bytes queue behind those, or are dropped.
            return Spliced::Unclear;
        }
        // Asked of an open sink: one in the making may have no descriptor yet.
        let Some(needs_pipe) = source.needs_pipe(sink) else { return Spliced::Refused };
        if !sink.takes_splice() {
            return Spliced::Waits;
        }
        match needs_pipe {
            true => self.splice_through_pipe(from, to),
            false => self.splice_directly(from, to),
        }
    }

    /// From one end to the other, of which one is a pipe.
    fn splice_directly(&mut self, from: Id, to: Id) -> Spliced {
        let now = self.now;
        let Some((PoolSource::Channel(source), PoolSource::Channel(sink))) =
            self.sources.get_pair_mut(from, to)
        else {
            return Spliced::Unclear;
        };
        let (Some(input), Some(output)) =
            (source.transport.kernel_end(), sink.transport.kernel_end())
        else {
            return Spliced::Refused;
        };
        let error = match splice(input.fd(), output.fd(), PIPE_SIZE) {
            Ok(0) => return Spliced::Unclear,
            Ok(count) => {
                sink.note_written(Ok(count), now);
                let _ = source.note_read(Ok(count), now);
                if count < PIPE_SIZE {
                    source.note_short_splice();
                }
                return Spliced::Moved(count);
            }
            Err(error) => error,
        };
        let is_broken = || write_side(output.fd()) == WriteSide::Broken;
        match (error.kind(), input) {
            _ if is_refusal(&error) => Spliced::Refused,
            (ErrorKind::Interrupted, _) => Spliced::Unclear,
            (ErrorKind::WouldBlock, _) if write_side(output.fd()) == WriteSide::Full => {
                sink.writable = false;
                Spliced::Waits
            }
            (ErrorKind::WouldBlock, _) => Spliced::Unclear,
            // A pipe does not fail where it is read.
            (_, KernelEnd::Pipe(_)) => Spliced::SinkFailed(error),
            // Where it is written to, it fails with EPIPE alone, and so may a socket that is read.
            (ErrorKind::BrokenPipe, _) if is_broken() => Spliced::SinkFailed(error),
            (ErrorKind::ConnectionReset, KernelEnd::ChildSocket(_)) => Spliced::Unclear,
            _ => {
                source.fail_reading(error);
                Spliced::Failed
            }
        }
    }

    /// From a socket into a pipe of the kernel, and out of it.
    fn splice_through_pipe(&mut self, from: Id, to: Id) -> Spliced {
        let now = self.now;
        let most = self.channel(to).map_or(0, Channel::most_at_once);
        let mut pipe = match self.pipes.take() {
            Ok(Some(pipe)) => pipe,
            Ok(None) => return Spliced::Unclear,
            Err(_) => return Spliced::Refused,
        };
        let filled = match self.channel(from).and_then(|source| source.transport.kernel_end()) {
            Some(end) => (pipe.fill(end.fd(), most), matches!(end, KernelEnd::ChildSocket(_))),
            None => (Ok(0), false),
        };
        let (Ok(count @ 1..), _) = filled else {
            self.pipes.put(pipe);
            return self.fill_failed(from, filled);
        };
        if let Some(source) = self.channel_mut(from) {
            let _ = source.note_read(Ok(count), now);
            if count < most {
                source.note_short_splice();
            }
        }
        match self.channel_mut(to) {
            Some(sink) => {
                sink.hold(pipe, now);
                sink.flush(now);
            }
            None => debug_assert!(false, "the sink is there"),
        }
        self.reclaim_pipe(to);
        if self.channel(to).is_some_and(|sink| !sink.queue.is_empty()) {
            self.wait_for_sink(from, to);
        }
        self.settle_sink(to);
        Spliced::Moved(count)
    }

    fn fill_failed(&mut self, from: Id, (outcome, ends): (io::Result<usize>, bool)) -> Spliced {
        let Err(error) = outcome else { return Spliced::Unclear };
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Spliced::Unclear,
            ErrorKind::ConnectionReset if ends => Spliced::Unclear,
            _ if is_refusal(&error) => Spliced::Refused,
            _ => {
                if let Some(source) = self.channel_mut(from) {
                    source.fail_reading(error);
                }
                Spliced::Failed
            }
        }
    }

    /// Closes all pipes, whose descriptors are needed. What they hold goes into the queues of their sinks.
    #[cold]
    pub(in crate::event_loop) fn give_pipes_back(&mut self) {
        let ids: Vec<Id> = match self.pipes.are_open() {
            true => self.sources.ids().collect(),
            false => Vec::new(),
        };
        for id in ids {
            if let Some(channel) = self.channel_mut(id) {
                channel.spill();
                self.reclaim_pipe(id);
            }
        }
        self.pipes.shrink();
        debug_assert!(!self.pipes.are_open(), "each pipe is that of a sink, or free");
        self.pipes.set_has_some(false);
    }

    /// Takes a pipe back that a sink has emptied.
    pub(in crate::event_loop) fn reclaim_pipe(&mut self, id: Id) {
        let Some(channel) = self.channel_mut(id).filter(|channel| channel.marks.has(Marks::PIPED))
        else {
            return;
        };
        let pipe =
            channel.extras.as_mut().and_then(|extras| extras.pipe.take_if(|pipe| pipe.len() == 0));
        if let Some(pipe) = pipe {
            channel.marks.set(Marks::PIPED, false);
            self.pipes.put(pipe);
        }
    }
}
