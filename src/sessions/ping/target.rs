//! When what is sent, and what comes back.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{PingSession, ProbeTarget};
use crate::close::CloseReason;
use crate::event_loop::{Id, Pool, SendOutcome, TimerKey};
use crate::protocol::ping::{ProbeStream, Schedule};
use crate::sessions::datagrams::{self, Outbox};
use crate::sessions::timers;
use crate::sys::mmsg::Arrival;

/// Probes that are sent at once where the sender has fallen behind; the next ones follow after
/// what has come meanwhile is read.
const AT_ONCE: usize = 64;
/// The least time that the last answer has.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same before any answer has come.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// The least time after which a lost answer holds the next probe up no longer (`--interval 0`).
const LEAST_PAUSE: Duration = Duration::from_millis(200);

impl PingSession {
    /// Takes in a connection, the `at`th of `count`: they are spread over the interval.
    pub(super) fn add(
        &mut self,
        pool: &mut Pool,
        id: Id,
        (number, peer, local): (u64, String, String),
        (at, count): (usize, usize),
    ) {
        // A probe must not wait until the one before is acknowledged.
        pool.set_nodelay(id);
        let (interval, size) = (self.config.interval, self.config.size);
        let begun = pool.now() + interval.mul_f64(at as f64 / count.max(1) as f64);
        let target = ProbeTarget {
            number,
            peer,
            local,
            stream: ProbeStream::new(fastrand::u64(..), size),
            schedule: Schedule::new(interval, self.config.count, begun),
            last: None,
            outbox: Outbox::default(),
            watched: false,
            full: false,
            done: false,
        };
        self.targets.insert(id, target);
    }

    /// How long an answer may take before it counts as lost.
    pub(super) fn patience(&self) -> Duration {
        match self.tally.longest() {
            Some(longest) => (2 * longest).clamp(PATIENCE, FIRST_PATIENCE.max(longest)),
            None => FIRST_PATIENCE,
        }
    }

    /// How long a closed loop waits for an answer.
    fn pause(&self) -> Duration {
        let pause = |longest: Duration| (2 * longest).clamp(LEAST_PAUSE, FIRST_PATIENCE);
        self.tally.longest().map_or(PATIENCE, pause)
    }

    /// Sends what is due, and sets the clock for what comes next.
    pub(super) fn advance(&mut self, pool: &mut Pool, id: Id) {
        for _ in 0..AT_ONCE {
            let Some(due) = self.due(pool, id) else { break };
            self.send(pool, id, due);
            if self.core.is_ending() {
                return;
            }
        }
        self.wait_for_next(pool, id);
    }

    /// The time at which the next probe was due, if that has come.
    fn due(&self, pool: &Pool, id: Id) -> Option<Instant> {
        let target = self.targets.get(&id).filter(|target| !target.full)?;
        let due = target.schedule.due()?;
        if !target.schedule.is_closed_loop() {
            return (due <= pool.now()).then(|| target.schedule.begins(due, Instant::now()));
        }
        let is_awaited =
            target.stream.last_waiting().is_some_and(|last| pool.now() < last + self.pause());
        // A closed loop cannot be late: the time of sending is when it was due.
        (!is_awaited).then(Instant::now)
    }

    fn send(&mut self, pool: &mut Pool, id: Id, due: Instant) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let bytes = target.stream.probe(due, &mut self.tally);
        target.schedule.sent();
        target.last = Some(due);
        if !self.config.datagrams {
            target.full = pool.send(id, bytes) == SendOutcome::Full;
            return;
        }
        match target.outbox.send(pool, id, &Bytes::copy_from_slice(bytes), None) {
            Ok(datagrams::SendOutcome::Sent) => self.core.count_sent(1),
            Ok(datagrams::SendOutcome::Queued) => target.full = true,
            Err(error) => self.on_trouble(pool, id, &error),
        }
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        let flushed = target.outbox.flush(pool, id);
        target.full = !target.outbox.is_empty();
        self.core.count_sent(flushed.sent);
        if let Some(unsent) = flushed.failed.first() {
            return self.on_trouble(pool, id, &unsent.error);
        }
        if target.full {
            return;
        }
        self.advance(pool, id);
    }

    /// The clock that was set has gone off.
    pub(super) fn on_clock(&mut self, pool: &mut Pool, id: Id) {
        if let Some(target) = self.targets.get_mut(&id) {
            target.watched = false;
        }
        self.advance(pool, id);
    }

    /// Sets the clock. In a closed loop it goes on from one probe to the next, and is set again
    /// only when it has gone off: a system call for each probe would be in what is measured.
    fn wait_for_next(&mut self, pool: &mut Pool, id: Id) {
        let (patience, pause) = (self.patience(), self.pause());
        let Some(target) = self.targets.get_mut(&id).filter(|target| !target.done) else { return };
        let is_loop =
            target.schedule.is_closed_loop() && !target.schedule.is_over() && !target.full;
        if is_loop && target.watched {
            return;
        }
        target.watched = is_loop;
        let last = target.last.unwrap_or(pool.now());
        let next = match target.schedule.due() {
            // A peer that takes nothing and says nothing is waited for no longer than an answer.
            _ if target.full => {
                pool.traffic(id).map_or(last, |traffic| traffic.last_active) + patience
            }
            Some(_) if is_loop => last + pause,
            Some(due) => due,
            None if target.stream.is_settled() => return self.done(pool, id),
            None => last + patience,
        };
        if next <= pool.now() && (target.full || target.schedule.is_over()) {
            return self.done(pool, id);
        }
        let after = next.saturating_duration_since(pool.now());
        pool.arm(TimerKey::of(id, timers::NEXT_PROBE), after);
    }

    /// Nothing more is expected of a connection.
    fn done(&mut self, pool: &mut Pool, id: Id) {
        if let Some(target) = self.targets.get_mut(&id) {
            target.done = true;
            pool.disarm(TimerKey::of(id, timers::NEXT_PROBE));
        }
        if self.targets.values().all(|target| target.done) {
            self.end(pool, CloseReason::HOST);
        }
    }

    pub(super) fn on_stream(&mut self, pool: &mut Pool, id: Id, bytes: &[u8]) {
        if let Some(target) = self.targets.get_mut(&id) {
            // The time of the turn may be older than the probe.
            target.stream.answer_stream(bytes, Instant::now(), &mut self.tally);
            self.advance(pool, id);
        }
    }

    pub(super) fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        // Not the kernel's time of arrival: what a program sees of the network ends when it wakes
        // up, on datagrams as on streams.
        let at = Instant::now();
        for arrival in batch {
            target.stream.answer(arrival.payload, at, &mut self.tally);
            self.core.take_message(arrival.payload);
        }
        self.advance(pool, id);
    }
}
