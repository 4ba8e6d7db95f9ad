//! What the bytes of the input are, and how messages are cut from them.

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::framing::{Cutter, FrameError, InputFraming};
use crate::sessions::config::{Common, InputSource};
use crate::sessions::control::ControlInput;

/// What the bytes of the input are.
pub(super) enum Mode {
    /// They are passed on as they come.
    Plain,
    /// They are cut into messages.
    Cut(Cutting),
    /// They are commands.
    Commands(ControlInput),
    /// There is no channel: every client of a server is sent these texts, whose messages the
    /// cutting finds.
    Preset(Bytes, Option<Cutting>),
}

/// How the input is cut into messages.
pub(super) enum Cutting {
    /// As `--input` asks for.
    Input(Cutter),
    /// Into the texts of `--send`.
    Fixed(FixedMessages),
}

impl Mode {
    pub(super) fn new(common: &Common) -> Self {
        let wire = &common.wire;
        let longest = wire.frame.framing.longest_input(wire.frame.max);
        match &common.input.source {
            InputSource::Nothing => Self::Plain,
            InputSource::Commands { form, chomp } => {
                Self::Commands(ControlInput::new(*form, longest, *chomp))
            }
            InputSource::Texts(texts) => {
                let fixed = || Cutting::Fixed(FixedMessages::new(texts));
                let cutting = wire.has_messages().then(fixed);
                if common.rules.serving {
                    return Self::Preset(texts.concat().into(), cutting);
                }
                cutting.map_or(Self::Plain, Self::Cut)
            }
            InputSource::Messages { form: InputFraming::Raw, .. } if !wire.has_messages() => {
                Self::Plain
            }
            InputSource::Messages { form, chomp } => {
                Self::Cut(Cutting::Input(Cutter::new(*form, *chomp, longest)))
            }
        }
    }

    /// Bytes that were read and have become no message yet.
    pub(super) fn pending(&self) -> usize {
        match self {
            Self::Cut(Cutting::Input(cutter)) => cutter.pending(),
            Self::Cut(Cutting::Fixed(texts)) => texts.part.len(),
            Self::Commands(control) => control.pending(),
            Self::Plain | Self::Preset(..) => 0,
        }
    }

    /// Whether messages are left that had to wait.
    pub(super) fn has_unread(&self) -> bool {
        matches!(self, Self::Cut(Cutting::Input(cutter)) if cutter.has_unread())
    }

    /// Delivers the messages that the next piece completes, until `stop` is set; `eof` marks the
    /// last one.
    pub(super) fn cut(
        &mut self,
        piece: &[u8],
        eof: bool,
        stop: &Cell<bool>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), FrameError> {
        debug_assert!(
            matches!(self, Self::Plain | Self::Cut(_)),
            "commands and presets are no messages"
        );
        match self {
            Self::Cut(Cutting::Input(cutter)) => {
                return cutter.feed_until(piece, eof, stop, deliver);
            }
            Self::Cut(Cutting::Fixed(texts)) => texts.push(piece, deliver),
            _ if piece.is_empty() => {}
            _ => deliver(piece),
        }
        Ok(())
    }
}

/// `--send`: finds the texts again in what stands in for stdin, which is all of them in a row; an
/// empty text is a message too.
pub(super) struct FixedMessages {
    lengths: VecDeque<usize>,
    /// The beginning of the first of them.
    part: Vec<u8>,
}

impl FixedMessages {
    fn new(texts: &[Bytes]) -> Self {
        Self { lengths: texts.iter().map(Bytes::len).collect(), part: Vec::new() }
    }

    fn push(&mut self, mut piece: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        while let Some(length) = self.lengths.front() {
            let count = piece.len().min(length - self.part.len());
            let (head, rest) = piece.split_at(count);
            self.part.extend_from_slice(head);
            piece = rest;
            if self.part.len() < *length {
                return;
            }
            deliver(&self.part);
            self.part.clear();
            self.lengths.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_found_again_however_they_are_cut(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 1..6),
            size in 1..9_usize,
        ) {
            let texts: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
            let (mut cutter, mut found) = (FixedMessages::new(&texts), Vec::new());
            let mut add = |text: &[u8]| found.push(text.to_vec());
            texts.concat().chunks(size).for_each(|piece| cutter.push(piece, &mut add));
            // The end of the input, before which empty texts may not have been asked for.
            cutter.push(b"", &mut add);
            prop_assert_eq!(found, texts);
        }
    }
}
