//! The probes of one connection or socket over time: what is due, and when to look again.

use std::time::{Duration, Instant};

use super::{ProbeStream, Tally};

/// Sends probes by a schedule, and waits for their answers.
///
/// ```text
/// probing ── queue full ──> full ── drained ──> probing ── last answer, or its time is over ──> done
///    ^ │                      └── nothing moves for an answer's time ──────────────────────────> done
///    └─┘ a probe is due
/// ```
///
/// | state | `is_full` | `is_done` | [`Pinger::wake`] |
/// |---|---|---|---|
/// | probing | no | no | when a probe is due; behind the last one, when its answer is overdue |
/// | full | yes | no | when the peer has been still for an answer's time |
/// | done | | yes | not any more |
#[derive(Debug)]
pub struct Pinger {
    /// What is sent, and which answers are still to come.
    pub stream: ProbeStream,
    schedule: Schedule,
    /// When the last probe was due.
    last: Option<Instant>,
    /// The timer of a closed loop is armed.
    is_watched: bool,
    /// The queue is full: nothing is due before it has drained.
    pub is_full: bool,
    /// All answers are there, or none is waited for any more.
    pub is_done: bool,
}

/// When to look at a pinger again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// When its timer fires, which is armed.
    Armed,
    /// Then.
    At(Instant),
    /// Never: it is done.
    Done,
}

impl Pinger {
    /// A pinger that has not sent anything.
    pub fn new(stream: ProbeStream, schedule: Schedule) -> Self {
        let (is_watched, is_full, is_done) = (false, false, false);
        Self { stream, schedule, last: None, is_watched, is_full, is_done }
    }

    /// The time from which the round trip of the next probe counts, if that is due at `now`. A closed
    /// loop waits at most `pause` for the answer to the one before. `clock` gives the exact time.
    pub fn due(&self, now: Instant, pause: Duration, clock: fn() -> Instant) -> Option<Instant> {
        let due = self.schedule.due().filter(|_| !self.is_full)?;
        if !self.schedule.is_closed_loop() {
            return (due <= now).then(|| self.schedule.begins(due, clock()));
        }
        let is_awaited = self.stream.last_waiting().is_some_and(|last| now < last + pause);
        // A closed loop cannot be late: the time of sending is when it was due.
        (!is_awaited).then(clock)
    }

    /// Writes the next probe.
    pub fn probe(&mut self, due: Instant, tally: &mut Tally) -> &[u8] {
        debug_assert!(!self.is_done && !self.schedule.is_over(), "a probe behind the last one");
        self.schedule.sent();
        self.last = Some(due);
        self.stream.probe(due, tally)
    }

    /// The timer has fired.
    pub fn on_timer(&mut self) {
        self.is_watched = false;
    }

    /// When to look again. An answer has `patience`, in a closed loop `pause` before the next probe is
    /// sent; `last_active` is when the connection last moved a byte.
    ///
    /// The timer of a closed loop runs on from one probe to the next, and is armed again only when it has
    /// fired: a system call for each probe would be in what is measured.
    pub fn wake(
        &mut self,
        now: Instant,
        (patience, pause): (Duration, Duration),
        last_active: Option<Instant>,
    ) -> Wake {
        if self.is_done {
            return Wake::Armed;
        }
        let is_over = self.schedule.is_over();
        let is_loop = self.schedule.is_closed_loop() && !is_over && !self.is_full;
        if is_loop && self.is_watched {
            return Wake::Armed;
        }
        self.is_watched = is_loop;
        let last = self.last.unwrap_or(now);
        let next = match self.schedule.due() {
            // A peer that takes nothing and sends nothing is waited for no longer than an answer.
            _ if self.is_full => last_active.unwrap_or(last) + patience,
            Some(_) if is_loop => last + pause,
            Some(due) => due,
            None if self.stream.is_settled() => return Wake::Done,
            None => last + patience,
        };
        if next <= now && (self.is_full || is_over) { Wake::Done } else { Wake::At(next) }
    }
}

/// What it takes to wake up at a given time. That is our own, and not the network's.
const WAKING: Duration = Duration::from_micros(200);

/// The probes of one connection: how many, and when.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    count: u64,
    sent: u64,
    begun: Instant,
}

impl Schedule {
    /// `count` probes from `begun` on. Without an interval each is due when the one before has its
    /// answer.
    pub fn new(interval: Duration, count: u64, begun: Instant) -> Self {
        Self { interval, count, sent: 0, begun }
    }

    /// Whether the answer to a probe makes the next one due.
    pub fn is_closed_loop(&self) -> bool {
        self.interval.is_zero()
    }

    /// Whether all probes are sent.
    pub fn is_over(&self) -> bool {
        self.sent >= self.count
    }

    /// When the next probe is due, however late the one before was sent; `None` after the last.
    /// In a closed loop it is due at any time.
    pub fn due(&self) -> Option<Instant> {
        // Counted from the begin and not from the last probe: a late one does not shift the rest.
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(self.sent));
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        (!self.is_over()).then(|| self.begun.checked_add(after).unwrap_or(self.begun))
    }

    /// When the round trip of a probe begins: when it is sent, if that is as good as in time, and
    /// when it was due, if the sender is late.
    pub fn begins(&self, due: Instant, sent: Instant) -> Instant {
        // Counted from when it was sent, a stall before that, such as a full queue, would leave no
        // trace in the round trips.
        let late = sent.saturating_duration_since(due);
        if late <= WAKING.min(self.interval / 2) { sent } else { due }
    }

    /// The next probe is sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(200);

    fn pinger(interval: Duration, count: u64, begun: Instant) -> Pinger {
        Pinger::new(ProbeStream::new(7, 16), Schedule::new(interval, count, begun))
    }

    #[test]
    fn the_last_answer_or_the_end_of_its_time_is_the_end() {
        let (start, interval) = (Instant::now(), Duration::from_millis(10));
        let mut tally = Tally::default();
        let mut pinger = pinger(interval, 2, start);
        let due = pinger.due(start, PAUSE, Instant::now).unwrap();
        let probe = pinger.probe(due, &mut tally).to_vec();
        let wake = pinger.wake(start, (PATIENCE, PAUSE), None);
        assert_eq!(wake, Wake::At(start + interval));
        assert_eq!(pinger.due(start, PAUSE, Instant::now), None);
        pinger.probe(start + interval, &mut tally);
        let end = start + interval + PATIENCE;
        assert_eq!(pinger.wake(start + interval, (PATIENCE, PAUSE), None), Wake::At(end));
        assert_eq!(pinger.wake(end, (PATIENCE, PAUSE), None), Wake::Done);
        pinger.stream.answer(&probe, end, &mut tally);
        assert!(!pinger.stream.is_settled());
    }

    #[test]
    fn a_closed_loop_waits_for_the_answer_and_arms_its_timer_once() {
        let start = Instant::now();
        let mut tally = Tally::default();
        let mut pinger = pinger(Duration::ZERO, 9, start);
        let probe = pinger.probe(start, &mut tally).to_vec();
        assert_eq!(pinger.due(start, PAUSE, Instant::now), None);
        assert_eq!(pinger.wake(start, (PATIENCE, PAUSE), None), Wake::At(start + PAUSE));
        pinger.stream.answer(&probe, start, &mut tally);
        assert!(pinger.due(start, PAUSE, Instant::now).is_some());
        pinger.probe(start, &mut tally);
        assert_eq!(pinger.wake(start, (PATIENCE, PAUSE), None), Wake::Armed);
        pinger.on_timer();
        assert!(pinger.due(start + PAUSE, PAUSE, Instant::now).is_some(), "the answer is lost");
        pinger.is_full = true;
        assert_eq!(pinger.due(start + PAUSE, PAUSE, Instant::now), None);
        let wake = pinger.wake(start, (PATIENCE, PAUSE), Some(start + PAUSE));
        assert_eq!(wake, Wake::At(start + PAUSE + PATIENCE));
    }

    #[test]
    fn probes_are_due_in_step_however_late_they_are_sent() {
        let begun = Instant::now();
        let mut schedule = Schedule::new(Duration::from_millis(10), 3, begun);
        let mut due = Vec::new();
        while let Some(at) = schedule.due() {
            due.push((at - begun).as_millis());
            schedule.sent();
        }
        assert_eq!(due, [0, 10, 20]);
        assert!(schedule.is_over() && !schedule.is_closed_loop());
    }

    #[test]
    fn a_late_sender_does_not_make_the_round_trip_shorter() {
        let (due, micros) = (Instant::now(), Duration::from_micros);
        for (interval, late, counts_from) in
            [(10_000, 0, 0), (10_000, 200, 200), (10_000, 201, 0), (100, 50, 50), (100, 51, 0)]
        {
            let schedule = Schedule::new(micros(interval), 1, due);
            let begins = schedule.begins(due, due + micros(late));
            assert_eq!(begins, due + micros(counts_from), "{interval} {late}");
        }
    }
}
