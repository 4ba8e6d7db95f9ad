//! How messages are marked on the wire.

use crate::event_loop::READ_SIZE;
use crate::framing::{Framer, Framing};

/// How messages are marked on the wire.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Whether each message is a datagram, and needs no framing.
    pub datagrams: bool,
    /// How messages are marked on a stream.
    pub framing: Framing,
    /// The largest message in bytes.
    pub max: usize,
    /// Whether a CR before the LF belongs to the line.
    pub keep_cr: bool,
    /// Whether LF is sent as CR LF.
    pub crlf: bool,
    /// The most bytes that one read of a stream without framing gives.
    pub read_size: usize,
    /// Whether each message is read only when a command asks for it.
    pub paused: bool,
}

impl Wire {
    /// Datagrams of so many bytes at most.
    pub const fn of_datagrams(max: usize) -> Self {
        let mut wire = Self::of_stream(Framing::None, max);
        wire.datagrams = true;
        wire
    }

    /// A stream with messages of so many bytes at most.
    pub const fn of_stream(framing: Framing, max: usize) -> Self {
        let read_size = READ_SIZE;
        Self {
            datagrams: false,
            framing,
            max,
            keep_cr: false,
            crlf: false,
            read_size,
            paused: false,
        }
    }

    /// Encodes and decodes messages on a stream; `None` where it has none.
    pub fn framer(&self) -> Option<Box<dyn Framer>> {
        self.framing.framer(self.max, self.keep_cr)
    }

    /// The largest message, where the two sides agree on each one (`--frame tinyproto`).
    pub fn negotiated(&self) -> Option<usize> {
        (self.framing == Framing::Tinyproto).then_some(self.max)
    }

    /// Whether what is received are messages, be it because each is asked for.
    pub fn delivers_messages(&self) -> bool {
        self.has_messages() || self.paused
    }

    /// Whether what is sent and received are messages at all.
    pub fn has_messages(&self) -> bool {
        self.datagrams || self.framing != Framing::None
    }
}
