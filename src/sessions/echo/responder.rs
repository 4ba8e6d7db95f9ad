//! The answers of an echo server: which messages get one, what is in it, and, with `--delay`, when it
//! is due. All answers wait equally long, so the first to come is the first to be due.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use crate::event_loop::{Id, IdMap};
use crate::framing::{FrameError, Framer};
use crate::sessions::config::Echo;
use crate::sessions::console::Message;
use crate::sys::mmsg::ReturnPath;

/// The rules for all messages.
pub(super) struct Responder {
    framer: Option<Box<dyn Framer>>,
    prefix: Bytes,
    quit_word: Option<Bytes>,
    stop_word: Option<Bytes>,
    /// The share of messages without an answer, from 0 to 1.
    drop: f64,
    rng: Rng,
    stopped: bool,
}

/// What a message is.
pub(super) enum MessageClass {
    /// It is to be answered.
    Echo,
    /// It gets no answer.
    Dropped,
    /// It closes its connection.
    Quit,
    /// It ends the run.
    Stop,
}

impl Responder {
    pub(super) fn new(config: &Echo) -> Self {
        let common = &config.common;
        Self {
            framer: common.wire.framer(),
            prefix: config.prefix.clone(),
            quit_word: config.quit_word.clone(),
            stop_word: config.stop_word.clone(),
            drop: config.drop / 100.0,
            rng: Rng::new(),
            stopped: false,
        }
    }

    /// Classifies a message. A quit or stop word may have the end of its line with it.
    pub(super) fn classify(&mut self, payload: &[u8]) -> MessageClass {
        let text = payload.strip_suffix(b"\n").unwrap_or(payload);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let is = |word: &Option<Bytes>| word.as_deref() == Some(text);
        if is(&self.stop_word) {
            self.stopped = true;
            MessageClass::Stop
        } else if is(&self.quit_word) {
            MessageClass::Quit
        } else if self.drop > 0.0 && self.rng.f64() < self.drop {
            MessageClass::Dropped
        } else {
            MessageClass::Echo
        }
    }

    /// Whether the stop word has come.
    pub(super) fn has_stop_word(&self) -> bool {
        self.stopped
    }

    /// The answer without a framing, as a datagram carries it.
    pub(super) fn prefixed<'a>(&self, payload: &'a [u8]) -> Cow<'a, [u8]> {
        match self.prefix.is_empty() {
            true => Cow::Borrowed(payload),
            false => Cow::Owned([&self.prefix, payload].concat()),
        }
    }

    /// Appends the answer on a stream; a last message without its proper end goes back without one.
    ///
    /// # Errors
    /// The framing cannot carry it, and nothing is appended.
    pub(super) fn stream(
        &self,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let before = out.len();
        match (&self.framer, message.wire) {
            (Some(_), Some(wire)) if self.prefix.is_empty() => {
                out.extend_from_slice(wire.as_ref().map_err(Clone::clone)?);
            }
            (Some(framer), _) if !message.partial => {
                let encoded = framer.encode(&self.prefixed(message.payload), out);
                encoded.inspect_err(|_| out.truncate(before))?;
            }
            _ => {
                out.extend_from_slice(&self.prefix);
                out.extend_from_slice(message.payload);
            }
        }
        Ok(())
    }
}

/// Bytes that may wait for one source before it is paused.
const LIMIT: usize = 4 << 20;
/// Bytes that an answer costs beside its payload.
const COST: usize = 128;

/// An answer that waits.
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    /// The way of a datagram; `None` on a stream.
    pub(super) path: Option<ReturnPath>,
}

/// The answers that wait, in the order in which they are due.
pub(super) struct DelayQueue {
    delay: Duration,
    /// Whose answer is due when. A source that is gone leaves its 24 B an answer here until then.
    order: VecDeque<(Instant, Id)>,
    /// The sources that have an answer here.
    sources: IdMap<Waiting>,
}

/// The answers that wait for one source.
#[derive(Default)]
struct Waiting {
    answers: VecDeque<Answer>,
    /// What they cost, in bytes.
    held: usize,
}

impl DelayQueue {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, order: VecDeque::new(), sources: IdMap::default() }
    }

    /// Whether answers wait at all.
    pub(super) fn is_enabled(&self) -> bool {
        !self.delay.is_zero()
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Adds an answer to a message that came at this time.
    pub(super) fn push(&mut self, came: Instant, id: Id, answer: Answer) {
        if !self.sources.contains(id) {
            self.sources.insert(id, Waiting::default());
        }
        if let Some(waiting) = self.sources.get_mut(id) {
            waiting.held += answer.bytes.len() + COST;
            waiting.answers.push_back(answer);
        }
        self.order.push_back((came + self.delay, id));
    }

    /// When the next answer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.front().map(|(due, _)| *due)
    }

    /// Whether no answer waits.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Takes an answer that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Id, Answer)> {
        while let Some((_, id)) = self.order.front().copied().filter(|(due, _)| *due <= now) {
            self.order.pop_front();
            let Some(waiting) = self.sources.get_mut(id) else { continue };
            let answer = waiting.answers.pop_front()?;
            waiting.held = waiting.held.saturating_sub(answer.bytes.len() + COST);
            if waiting.answers.is_empty() {
                self.sources.remove(id);
            }
            return Some((id, answer));
        }
        None
    }

    /// Drops the answers to a source that is gone.
    pub(super) fn forget(&mut self, id: Id) {
        self.sources.remove(id);
    }

    /// Whether a source has reached the limit of bytes that may wait.
    pub(super) fn is_full(&self, id: Id) -> bool {
        self.sources.get(id).is_some_and(|waiting| waiting.held >= LIMIT)
    }

    /// Whether a source has answers here.
    pub(super) fn has(&self, id: Id) -> bool {
        self.sources.contains(id)
    }

    /// Drops all answers.
    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.sources = IdMap::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responder() -> Responder {
        Responder {
            framer: None,
            prefix: Bytes::from_static(b"> "),
            quit_word: Some(Bytes::from_static(b"quit")),
            stop_word: Some(Bytes::from_static(b"stop")),
            drop: 0.5,
            rng: Rng::with_seed(7),
            stopped: false,
        }
    }

    #[test]
    fn half_of_the_messages_are_dropped_and_words_never() {
        let mut responder = responder();
        let dropped =
            (0..10_000).filter(|_| matches!(responder.classify(b"x"), MessageClass::Dropped));
        assert!((4_800..5_200).contains(&dropped.count()));
        assert!((0..99).all(|_| matches!(responder.classify(b"quit\r\n"), MessageClass::Quit)));
        assert!(!responder.has_stop_word());
        assert!((0..99).all(|_| matches!(responder.classify(b"stop"), MessageClass::Stop)));
        assert!(responder.has_stop_word());
    }

    #[test]
    fn the_prefix_stands_before_each_answer() {
        assert_eq!(*responder().prefixed(b"a"), *b"> a");
        let mut out = b"> ".to_vec();
        responder().stream(&Message::new(b"a\n", ""), &mut out).unwrap();
        assert_eq!(out, b"> > a\n");
    }

    fn answer(len: usize) -> Answer {
        Answer { bytes: vec![b'x'; len].into(), path: None }
    }

    #[test]
    fn answers_are_due_in_order_and_after_the_delay() {
        let (start, delay) = (Instant::now(), Duration::from_millis(20));
        let (one, other) = (Id::for_tests(1), Id::for_tests(2));
        let mut queue = DelayQueue::new(delay);
        queue.push(start, one, answer(1));
        queue.push(start + delay / 2, other, answer(2));
        assert!(queue.pop(start + delay / 2).is_none());
        assert_eq!(queue.next(), Some(start + delay));
        assert_eq!(
            queue.pop(start + delay).map(|(id, answer)| (id, answer.bytes.len())),
            Some((one, 1))
        );
        assert!(!queue.has(one) && queue.has(other));
        assert!(queue.pop(start + delay).is_none());
    }

    #[test]
    fn a_source_that_is_gone_holds_no_answers_and_delays_nobody() {
        let (start, gone, other) = (Instant::now(), Id::for_tests(1), Id::for_tests(2));
        let mut queue = DelayQueue::new(Duration::ZERO);
        queue.push(start, gone, answer(LIMIT));
        queue.push(start, other, answer(1));
        queue.forget(gone);
        assert!(!queue.has(gone) && !queue.is_full(gone) && !queue.is_empty());
        assert_eq!(queue.pop(start).map(|(id, _)| id), Some(other));
        assert!(queue.is_empty() && queue.pop(start).is_none() && queue.next().is_none());
    }

    #[test]
    fn a_source_is_full_at_the_limit_and_no_longer_when_it_is_answered() {
        let (start, one, other) = (Instant::now(), Id::for_tests(1), Id::for_tests(2));
        let mut queue = DelayQueue::new(Duration::ZERO);
        queue.push(start, one, answer(LIMIT - COST - 1));
        assert!(!queue.is_full(one));
        queue.push(start, one, answer(0));
        assert!(queue.is_full(one) && !queue.is_full(other));
        queue.pop(start);
        assert!(!queue.is_full(one) && queue.has(one));
        queue.clear();
        assert!(!queue.has(one) && queue.next().is_none());
    }
}
