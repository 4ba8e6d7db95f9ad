//! Messages as they go to the wire: framed, and with their line ends converted.

use std::ops::Range;

use crate::framing::{FrameError, Framer, Framing};
use crate::protocol::crlf::Crlf;
use crate::sessions::config::Wire;

/// What goes to the wire of one piece of the input.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where each message ends in `bytes`.
    pub(crate) ends: Vec<usize>,
}

/// Turns messages into what goes to the wire.
pub(super) struct BatchEncoder {
    framer: Option<Box<dyn Framer>>,
    crlf: Option<Crlf>,
    /// Each message is a datagram, whatever stands in the one before.
    apart: bool,
    /// The framing is made of LF itself, which `crlf` converts.
    lines: bool,
}

impl BatchEncoder {
    pub(super) fn new(wire: &Wire) -> Self {
        Self {
            framer: wire.framer(),
            crlf: wire.crlf.then(Crlf::default),
            apart: wire.datagrams,
            lines: wire.framing == Framing::Line,
        }
    }

    /// Whether messages go to the wire as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.framer.is_none() && self.crlf.is_none()
    }

    /// Whether the wire shows where a message ends.
    pub(super) fn is_framed(&self) -> bool {
        self.framer.is_some()
    }

    /// Adds a message to a batch.
    pub(super) fn encode(&mut self, payload: &[u8], batch: &mut Batch) -> Result<(), FrameError> {
        let mut converted = Vec::new();
        if self.apart {
            self.begin_anew();
        }
        match (&self.framer, &mut self.crlf) {
            // Framed first, so that the LF that the framer adds is converted too.
            (Some(framer), Some(crlf)) if self.lines => {
                framer.encode(payload, &mut converted)?;
                crlf.convert(&converted, &mut batch.bytes);
            }
            // Converted first: a length in front of a message counts what is really sent.
            (Some(framer), Some(crlf)) => {
                crlf.convert(payload, &mut converted);
                framer.encode(&converted, &mut batch.bytes)?;
            }
            (Some(framer), None) => framer.encode(payload, &mut batch.bytes)?,
            (None, Some(crlf)) => crlf.convert(payload, &mut batch.bytes),
            (None, None) => batch.bytes.extend_from_slice(payload),
        }
        batch.ends.push(batch.bytes.len());
        Ok(())
    }

    /// A CR at the end of the last message does not belong to the LF of the next.
    fn begin_anew(&mut self) {
        self.crlf = self.crlf.as_ref().map(|_| Crlf::default());
    }

    /// One message that has nothing to do with the one before: each may go elsewhere, so that a CR
    /// at the end of one does not belong to the LF of the next.
    pub(super) fn encode_alone(&mut self, payload: Vec<u8>) -> Result<Vec<u8>, FrameError> {
        if self.is_plain() {
            return Ok(payload);
        }
        self.begin_anew();
        let mut batch = Batch::default();
        self.encode(&payload, &mut batch)?;
        Ok(batch.bytes)
    }
}

impl Batch {
    /// The messages one by one, as they go to the wire.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.message(index))
    }

    /// Some of the messages, which stand in these bytes.
    pub(crate) fn part(&self, messages: Range<usize>, bytes: Range<usize>) -> Self {
        let ends = self.ends.get(messages).unwrap_or_default();
        Self {
            ends: ends.iter().map(|end| end - bytes.start).collect(),
            bytes: self.bytes.get(bytes).unwrap_or_default().to_vec(),
        }
    }

    /// One message; empty beyond the last.
    pub(crate) fn message(&self, index: usize) -> &[u8] {
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }
}
