//! Messages as they go to the wire: framed, and with their line ends converted.

use std::borrow::Cow;
use std::ops::Range;

use crate::framing::{FrameError, Framer, Framing, LONG, WORK};
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
    long: Option<LongMessage>,
}

/// A long message that is framed in steps, and how far that has come.
struct LongMessage {
    payload: Vec<u8>,
    wire: Vec<u8>,
}

impl BatchEncoder {
    pub(super) fn new(wire: &Wire) -> Self {
        Self {
            framer: wire.framer(),
            crlf: wire.crlf.then(Crlf::default),
            apart: wire.datagrams,
            lines: wire.frame.framing == Framing::Line,
            long: None,
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

    /// The same for a message that may have to wait: a long one is framed by [`BatchEncoder::go_on`].
    pub(super) fn begin(
        &mut self,
        payload: Cow<'_, [u8]>,
        batch: &mut Batch,
    ) -> Result<(), FrameError> {
        // The texts of `--send` come one behind the other.
        while self.long.is_some() {
            self.go_on(batch)?;
        }
        if !self.is_long(&payload) {
            return self.encode(&payload, batch);
        }
        let payload = self.converted(payload);
        self.long = Some(LongMessage { payload, wire: Vec::new() });
        Ok(())
    }

    /// Goes on with a long message for one step, and adds it to the batch once it is whole.
    pub(super) fn go_on(&mut self, batch: &mut Batch) -> Result<(), FrameError> {
        let (Some(framer), Some(mut long)) = (&mut self.framer, self.long.take()) else {
            return Ok(());
        };
        if !framer.encode_some(&long.payload, &mut long.wire, &mut { WORK })? {
            self.long = Some(long);
            return Ok(());
        }
        match batch.bytes.is_empty() {
            true => batch.bytes = long.wire,
            false => batch.bytes.extend_from_slice(&long.wire),
        }
        batch.ends.push(batch.bytes.len());
        Ok(())
    }

    /// Bytes of a long message that is not framed yet.
    pub(super) fn pending(&self) -> usize {
        self.long.as_ref().map_or(0, |long| long.payload.len())
    }

    /// Whether it takes long to frame a message.
    fn is_long(&self, payload: &[u8]) -> bool {
        payload.len() >= LONG && self.framer.as_ref().is_some_and(|framer| framer.makes_messages())
    }

    fn converted(&mut self, payload: Cow<'_, [u8]>) -> Vec<u8> {
        let Some(crlf) = &mut self.crlf else { return payload.into_owned() };
        let mut converted = Vec::new();
        crlf.convert(&payload, &mut converted);
        converted
    }

    /// A CR at the end of the last message does not belong to the LF of the next.
    fn begin_anew(&mut self) {
        self.crlf = self.crlf.as_ref().map(|_| Crlf::default());
    }

    /// One message that has nothing to do with the one before: each may go elsewhere, so that a CR
    /// at the end of one does not belong to the LF of the next. `None` for a long one that is not framed
    /// yet: the next call goes on with it, whatever its payload.
    pub(super) fn encode_alone(&mut self, payload: Vec<u8>) -> Result<Option<Vec<u8>>, FrameError> {
        if self.is_plain() {
            return Ok(Some(payload));
        }
        let mut batch = Batch::default();
        if self.long.is_none() {
            self.begin_anew();
            self.begin(Cow::Owned(payload), &mut batch)?;
        }
        self.go_on(&mut batch)?;
        Ok(self.long.is_none().then_some(batch.bytes))
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
