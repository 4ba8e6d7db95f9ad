//! `--rate` on streams: what was read of stdin is released as it becomes due, and no more is read
//! meanwhile.

use std::time::Instant;

use super::{Batch, Portion};
use crate::error::Failure;
use crate::protocol::pacer::{Pacer, Rate};

/// A stream without messages is released in parts of this share of a second: the poll wakes up
/// every millisecond at best.
const PARTS: u64 = 200;
/// The largest part.
const LARGEST: usize = 64 * 1024;

/// Input that waits until it is due.
pub(super) struct Throttle {
    rate: Rate,
    /// From the first message on.
    pacer: Option<Pacer>,
    held: Batch,
    /// Messages that have gone.
    gone: usize,
    /// Where the first message that has not gone begins.
    start: usize,
    /// What follows what is held.
    end: Option<Result<(), Failure>>,
}

/// What there is to do with a throttled input now.
#[derive(Debug)]
pub(crate) enum Due {
    /// Send this.
    Portion(Portion<'static>),
    /// Nothing before this time.
    At(Instant),
    /// Read on.
    Nothing,
}

impl Throttle {
    pub(super) fn new(rate: Rate) -> Self {
        let held = Batch::default();
        Self { rate, pacer: None, held, gone: 0, start: 0, end: None }
    }

    /// Takes what was read last. Where there are no messages, any part of it may go by itself.
    pub(super) fn hold(&mut self, batch: Batch, has_messages: bool) {
        let ends = if has_messages { batch.ends } else { self.parts(batch.bytes.len()) };
        let before = self.held.bytes.len();
        self.held.bytes.extend_from_slice(&batch.bytes);
        self.held.ends.extend(ends.into_iter().map(|end| before + end));
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        debug_assert!(self.start <= self.held.bytes.len(), "no more goes than was held");
        self.held.bytes.len() - self.start
    }

    /// Notes how the input ends, behind what is held.
    pub(super) fn end(&mut self, outcome: Result<(), Failure>) {
        self.end.get_or_insert(outcome);
    }

    fn parts(&self, length: usize) -> Vec<usize> {
        let size = match self.rate {
            Rate::Bytes(bytes) => usize::try_from(bytes / PARTS).unwrap_or(LARGEST),
            Rate::Messages(_) => LARGEST,
        };
        let size = size.clamp(1, LARGEST);
        (1..=length.div_ceil(size)).map(|part| length.min(part * size)).collect()
    }

    /// Gives what may go now, in bursts that a queue can take.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        // The clock starts with the first message: the wait for it earns no burst.
        let pacer = self.pacer.get_or_insert_with(|| Pacer::new(self.rate, now));
        let (from, first) = (self.start, self.gone);
        while let Some(end) = self.held.ends.get(self.gone) {
            let is_enough = self.start - from >= LARGEST;
            if is_enough || !pacer.try_take(end - self.start, now) {
                break;
            }
            (self.start, self.gone) = (*end, self.gone + 1);
        }
        if self.gone > first {
            let batch = self.held.part(first..self.gone, from..self.start);
            return Due::Portion(Portion { batch, ..Portion::default() });
        }
        if self.gone < self.held.ends.len() {
            return Due::At(pacer.next_at());
        }
        self.held = Batch::default();
        (self.gone, self.start) = (0, 0);
        // The end goes alone, behind all that was held: a half-close must not overtake it.
        match self.end.take() {
            Some(end) => Due::Portion(Portion { end: Some(end), ..Portion::default() }),
            None => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn batch(messages: &[&[u8]]) -> Batch {
        let ends = messages.iter().scan(0, |sum, message| {
            *sum += message.len();
            Some(*sum)
        });
        Batch { ends: ends.collect(), bytes: messages.concat() }
    }

    /// What goes at `now`, message by message, and what follows.
    fn taken(throttle: &mut Throttle, now: Instant) -> (Vec<Vec<u8>>, Due) {
        let mut all = Vec::new();
        loop {
            match throttle.due(now) {
                Due::Portion(Portion { batch, end: None, .. }) => {
                    all.extend(batch.messages().map(<[u8]>::to_vec));
                }
                other => return (all, other),
            }
        }
    }

    #[test]
    fn messages_go_whole_when_they_are_due_and_the_end_goes_last() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut throttle = Throttle::new(Rate::Messages(100.0));
        throttle.hold(batch(&[b"one", b"", b"three"]), true);
        throttle.end(Ok(()));
        let (sent, next) = taken(&mut throttle, start);
        assert_eq!(sent, [b"one"]);
        assert!(matches!(next, Due::At(at) if at == ms(10)), "{next:?}");
        let (sent, next) = taken(&mut throttle, ms(25));
        assert_eq!(sent, [&b""[..], b"three"]);
        let is_end = matches!(next, Due::Portion(Portion { end: Some(Ok(())), .. }));
        assert!(is_end, "{next:?}");
        assert!(matches!(throttle.due(ms(30)), Due::Nothing));
    }

    #[test]
    fn a_stream_is_cut_into_parts_that_are_due() {
        let start = Instant::now();
        let mut throttle = Throttle::new(Rate::Bytes(2000));
        throttle.hold(Batch { bytes: (0..=99).collect(), ends: Vec::new() }, false);
        let mut whole = Vec::new();
        for (ms, bytes) in [(0, 10), (4, 0), (5, 10), (20, 30), (60, 50)] {
            let (sent, _) = taken(&mut throttle, start + Duration::from_millis(ms));
            let sent = sent.concat();
            assert_eq!(sent.len(), bytes, "at {ms} ms");
            whole.extend(sent);
        }
        assert!(whole.into_iter().eq(0..=99));
    }
}
