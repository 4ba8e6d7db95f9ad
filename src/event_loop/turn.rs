//! One turn of the loop, in its fixed order.
//!
//! What is the kernel's of an answer, in µs of CPU beside other work, by a bare loop of system calls and by
//! `echo` (Linux 6.18, medians of 5):
//!
//! | | bare: user, system | echo: user, system | system calls |
//! |---|---|---|---|
//! | 64 B there and back, one client | 0.5, 7.6 | 1.0, 7.3 | 3 each |
//! | connect, answer, close | 0.9, 27.4 | 3.3, 26.6 | 8; 9, of which the shutdown and TIOCOUTQ of a close take 1.2 µs |
//!
//! The user space of an answer is 2,800 instructions in 40 functions, of a connection 11,000; none has a
//! seventh of them. So nothing brings the second line to 1.15 times the bare loop, but for accept(2) calls
//! that fail, of which the bare loop makes one for each wake-up.

use std::time::Instant;

use super::channel::ReadOutcome;
use super::event::{Event, Handler};
use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::mailbox::MailboxMessage;
use super::marks::Marks;
use super::pool::{LINGER, Pool, PoolSource};
use super::timers::{Fired, OwnPurpose};
use super::{EventLoop, Signal};
use crate::sys::mmsg::Arrival;

/// Bytes that one source may deliver before the others have their turn.
const READ_BUDGET: usize = 256 * 1024;
/// Bytes of the budget that a read uses up at least, because a system call costs as much.
const READ_COST: usize = 1024;
/// Flushes in one turn before the poll, signals and timers have their turn.
const FLUSH_ROUNDS: usize = 64;
/// Batches of datagrams that one socket may deliver before the others have their turn.
const BATCH_BUDGET: usize = 8;

impl EventLoop {
    /// Does everything that is to be done at `now`. [`EventLoop::run`] calls it after each wait;
    /// a simulation calls it with a time of its own.
    pub fn turn(&mut self, now: Instant, handler: &mut dyn Handler) {
        self.pool.now = now;
        self.pool.timers.begin_turn();
        // Threads may have made sources ready before anything is read.
        let mail = self.sort_mail();
        self.pool.take_sent();
        // Before the timers, so that bytes which have come in time count against an idle limit.
        self.advance_ready(handler);
        self.pool.fire_timers(handler);
        for message in mail {
            match message {
                MailboxMessage::ForHandler(mail) => handler.on(&mut self.pool, Event::Mail(mail)),
                MailboxMessage::Job(job) => job.run(&mut self.pool),
                MailboxMessage::Ready(_) | MailboxMessage::PipesWanted => {}
            }
        }
        for (signal, from_tty) in std::mem::take(&mut self.arrived) {
            self.pool.signal_from_tty = from_tty;
            handler.on(&mut self.pool, Event::Signal(signal));
        }
        // Flushing may make a handler send, and a removed source may make it close another. A handler
        // that sends whenever all is written would not let the turn end: the next turn has the rest.
        for _ in 0..FLUSH_ROUNDS {
            self.pool.report_observed(handler);
            if self.pool.dirty.is_empty() && self.pool.closed.is_empty() {
                break;
            }
            self.pool.flush_dirty(handler);
            self.pool.reap(handler);
        }
        self.pool.flush_recorder(handler);
    }

    /// Turns until `done` returns true for an event.
    #[cfg(test)]
    pub(super) fn turn_until(&mut self, done: &mut dyn FnMut(&mut Pool, Event<'_>) -> bool) {
        let mut is_done = false;
        while !is_done {
            let mut on = |pool: &mut Pool, event: Event<'_>| is_done |= done(pool, event);
            self.run_once(std::time::Duration::from_secs(60), &mut on).unwrap();
        }
    }

    /// Hands the turn a signal that did not come from the kernel.
    pub fn simulate_signal(&mut self, signal: Signal) {
        self.arrived.push((signal, false));
    }

    /// Notes which sources are ready, gives pipes back, and returns the other messages.
    fn sort_mail(&mut self) -> Vec<MailboxMessage> {
        let mut mail = Vec::new();
        self.pool.mailbox.begin_to_look();
        while let Ok(message) = self.inbound.try_recv() {
            match message {
                MailboxMessage::Ready(id) => {
                    self.pool.latch_both(id);
                    self.pool.latch_hang_up(id);
                }
                MailboxMessage::PipesWanted => self.pool.give_pipes_back(),
                message => {
                    if let MailboxMessage::ForHandler(mail) = &message {
                        self.pool.looked_up(mail);
                    }
                    mail.push(message);
                }
            }
        }
        mail
    }

    /// Reads what was ready when the turn began; what becomes ready meanwhile waits its turn.
    fn advance_ready(&mut self, handler: &mut dyn Handler) {
        if self.pool.is_held_by_recording() {
            return;
        }
        // Who has connected before another one sends is there when that arrives.
        for id in std::mem::take(&mut self.pool.accepting) {
            self.pool.accept_ready(id, handler);
            self.pool.unqueue(id);
            self.pool.queue_for_read(id);
        }
        for _ in 0..self.pool.ready.len() {
            let Some(id) = self.pool.ready.pop_front() else { return };
            // It stays queued meanwhile: what its own handler does to it needs no second turn.
            match self.pool.sources.get(id) {
                Some(PoolSource::Channel(_)) => self.read_ready(id, handler),
                Some(PoolSource::Datagrams(_)) => self.receive_ready(id, handler),
                Some(PoolSource::Acceptor(_) | PoolSource::Reserved) | None => {}
            }
            self.pool.unqueue(id);
            // Where the budget is used up there is more to read, and no edge follows.
            self.pool.queue_for_read(id);
        }
    }

    fn read_ready(&mut self, id: Id, handler: &mut dyn Handler) {
        let mut budget = READ_BUDGET;
        while budget > 0 {
            let now = self.pool.now;
            let Some(channel) = self.pool.channel_mut(id) else { return };
            let discard = channel.phase != ChannelPhase::Open;
            let marks = channel.marks;
            if marks.has(Marks::HELD) && !discard && !channel.paused {
                if !self.pool.deliver_held(id, budget, handler) {
                    break;
                }
                continue;
            }
            let size = channel.read_size as usize;
            let into = self.scratch.room(size);
            let is_linked = marks.has(Marks::LINKED) && !discard;
            let outcome = match is_linked {
                true => self.pool.pump(id, into),
                false => channel.read(into, now),
            };
            match outcome {
                ReadOutcome::Bytes(count) => {
                    budget = budget.saturating_sub(count.max(READ_COST));
                    let bytes = self.scratch.filled(count);
                    match discard || is_linked {
                        true => {}
                        false if marks.has(Marks::SPECIAL) => self.pool.deliver(id, bytes, handler),
                        false => handler.on(&mut self.pool, Event::Data { id, bytes }),
                    }
                }
                ReadOutcome::Eof => {
                    if !discard {
                        if marks.has(Marks::SPECIAL) {
                            self.pool.deliver_end(id, handler);
                        }
                        handler.on(&mut self.pool, Event::Eof { id });
                    }
                    break;
                }
                ReadOutcome::Failed | ReadOutcome::Nothing => break,
            }
        }
        if self
            .pool
            .channel(id)
            .is_some_and(|it| it.wants_flushing() || it.marks.has(Marks::HUNG_UP))
        {
            self.pool.mark_dirty(id);
        }
        self.pool.settle(id);
    }

    fn receive_ready(&mut self, id: Id, handler: &mut dyn Handler) {
        let memory = self.batch.get_or_insert_with(Box::default);
        for _ in 0..BATCH_BUDGET {
            let now = self.pool.now;
            let Some(PoolSource::Datagrams(socket)) = self.pool.sources.get_mut(id) else { return };
            match socket.receive(memory, now) {
                Some(Ok(())) => {
                    let mut arrivals = memory.arrivals();
                    let Some(first) = arrivals.next() else { continue };
                    // One is the rule where a peer waits for each answer.
                    let mut batch: Vec<Arrival<'_>>;
                    let batch = match memory.count() {
                        ..=1 => std::slice::from_ref(&first),
                        count => {
                            batch = Vec::with_capacity(count);
                            batch.push(first);
                            batch.extend(arrivals);
                            &batch[..]
                        }
                    };
                    handler.on(&mut self.pool, Event::Datagrams { id, batch });
                }
                Some(Err(error)) => handler.on(&mut self.pool, Event::DatagramError { id, error }),
                None => return,
            }
        }
    }
}

impl Pool {
    /// Whether the signal that is being handled came from the terminal: then every process in the
    /// foreground has it already.
    pub fn is_signal_from_tty(&self) -> bool {
        self.signal_from_tty
    }

    /// Whether some source has more to deliver than it could in one turn, or has become ready
    /// since; what is paused does not count.
    pub fn has_ready(&self) -> bool {
        let has_ready = !(self.ready.is_empty() && self.accepting.is_empty());
        has_ready && !self.is_held_by_recording()
    }

    /// How many bytes one [`Event::Data`] of a connection has at most.
    pub fn read_size(&self, id: Id) -> usize {
        self.channel(id).map_or(0, |channel| channel.read_size as usize)
    }

    /// Sets how many bytes one [`Event::Data`] of a connection has at most; less than 1 counts as 1.
    /// A larger one than 128 KiB makes the one read buffer of the loop as large.
    pub fn set_read_size(&mut self, id: Id, bytes: usize) {
        if let Some(channel) = self.channel_mut(id) {
            channel.read_size = u32::try_from(bytes.max(1)).unwrap_or(u32::MAX);
        }
    }

    /// Has timers fire to the microsecond rather than the millisecond, at a system call for each:
    /// for a handler that measures time, and not for one that batches what is due.
    pub fn keep_exact_time(&mut self) {
        self.exact = true;
    }

    /// When the next timer is due; a simulation moves its clock there.
    pub fn next_timer(&mut self) -> Option<Instant> {
        self.timers.next()
    }

    fn fire_timers(&mut self, handler: &mut dyn Handler) {
        let now = self.now;
        while let Some(key) = self.timers.pop(now) {
            if key.id().is_some_and(|id| self.sources.get(id).is_none()) {
                continue;
            }
            match key.fired() {
                Fired::Handler(key) => handler.on(self, Event::Timer { key }),
                Fired::Pool(OwnPurpose::Linger, Some(id)) => self.end_linger(id),
                Fired::Pool(OwnPurpose::Acknowledged, Some(id)) => self.check_acknowledgement(id),
                Fired::Pool(OwnPurpose::Connect, Some(id)) => self.on_connect_timer(id, handler),
                Fired::Pool(OwnPurpose::Handshake, Some(id)) => {
                    self.end_handshake_time(id, handler)
                }
                Fired::Pool(OwnPurpose::Expected, Some(id)) => self.expectation_failed(id),
                Fired::Pool(OwnPurpose::Crowd, Some(id)) => self.end_crowd(id),
                Fired::Pool(OwnPurpose::Batch, Some(id)) => self.check_batching(id),
                Fired::Pool(OwnPurpose::Starved, _) => self.retry_starved(),
                // The others end the wait, and that is all.
                Fired::Pool(..) => {}
            }
        }
    }

    fn end_linger(&mut self, id: Id) {
        let now = self.now;
        let Some(channel) = self.channel_mut(id) else { return };
        match channel.phase.close_reason() {
            Some(_) if channel.must_be_acknowledged(now) => {
                self.arm_own(Some(id), OwnPurpose::Linger, LINGER);
            }
            Some(reason) => self.abort(id, reason),
            None => {}
        }
    }

    fn check_acknowledgement(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            channel.check_acknowledgement();
            self.settle(id);
        }
    }

    pub(super) fn flush_dirty(&mut self, handler: &mut dyn Handler) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            let now = self.now;
            if let Some(PoolSource::Datagrams(datagrams)) = self.sources.get_mut(id) {
                datagrams.dirty = false;
                if datagrams.take_drained() {
                    handler.on(self, Event::Drained { id });
                }
            }
            let Some(channel) = self.channel_mut(id) else { continue };
            channel.marks.set(Marks::DIRTY, false);
            if channel.phase == ChannelPhase::Connecting {
                self.conclude_connect(id, handler);
                continue;
            }
            channel.flush(now);
            if channel.marks.has(Marks::HUNG_UP) {
                self.read_before_reset(id);
            }
            let Some(channel) = self.channel_mut(id) else { continue };
            let marks = channel.marks;
            let (drained, hung_up) = (channel.take_drained(), channel.has_hung_up());
            self.settle(id);
            self.after_flush(id, marks, handler);
            if drained && self.channel(id).is_some_and(|channel| channel.closed.is_none()) {
                handler.on(self, Event::Drained { id });
            }
            if hung_up {
                handler.on(self, Event::HungUp { id });
            }
        }
        // What a flush has made dirty is flushed next, in the memory of this list.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    fn reap(&mut self, handler: &mut dyn Handler) {
        let mut freed = false;
        for id in std::mem::take(&mut self.closed) {
            if let Some(end) = self.remove(id) {
                freed = true;
                handler.on(self, Event::Closed { id, end });
            }
        }
        if freed && !self.starved.is_empty() {
            self.retry_starved();
        }
    }
}

#[cfg(test)]
mod tests;
