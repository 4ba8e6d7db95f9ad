//! The rules of an echo server: which messages are answered, and with what.

use std::borrow::Cow;

use bytes::Bytes;
use fastrand::Rng;

use crate::framing::{FrameError, Framer};
use crate::sessions::config::Echo;

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

    /// The answer as a datagram.
    pub(super) fn datagram(&self, payload: &[u8]) -> Bytes {
        Bytes::from(self.prefixed(payload).into_owned())
    }

    fn prefixed<'a>(&self, payload: &'a [u8]) -> Cow<'a, [u8]> {
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
        payload: &[u8],
        partial: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let before = out.len();
        match &self.framer {
            Some(framer) if !partial => {
                framer.encode(&self.prefixed(payload), out).inspect_err(|_| out.truncate(before))
            }
            _ => {
                out.extend_from_slice(&self.prefix);
                out.extend_from_slice(payload);
                Ok(())
            }
        }
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
        assert_eq!(responder().datagram(b"a"), &b"> a"[..]);
        let mut out = b"> ".to_vec();
        responder().stream(b"a\n", false, &mut out).unwrap();
        assert_eq!(out, b"> > a\n");
    }
}
