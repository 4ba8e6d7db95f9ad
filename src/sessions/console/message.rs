//! A received message with all that is known of it, and its written form.

use std::time::SystemTime;

use bytes::Bytes;

use crate::framing::Frame;
use crate::protocol::output::{self, Shown, Written};
use crate::recording::Direction;
use crate::report::{Name, Notice};

/// A received message on its way to stdout.
pub struct Message<'a> {
    /// The message itself.
    pub payload: &'a [u8],
    /// The same as a handle, where there is one; what is large is then queued without a copy.
    pub made: Option<&'a Bytes>,
    /// It is the last one of its stream and has no proper end.
    pub partial: bool,
    /// The number of the connection, on servers.
    pub conn: Option<u64>,
    /// The line of the command that asked for it.
    pub line: Option<u64>,
    /// Whom it came from.
    pub peer: &'a str,
    /// The group that it was sent to.
    pub group: Option<&'a str>,
    /// The interface that it came in by.
    pub iface: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// A whole message of a peer.
    pub fn new(payload: &'a [u8], peer: &'a str) -> Self {
        Self {
            payload,
            made: None,
            partial: false,
            conn: None,
            line: None,
            peer,
            group: None,
            iface: None,
        }
    }

    /// A message as it came in a frame.
    pub fn framed(frame: &Frame<'a>, peer: &'a str) -> Self {
        Self { made: frame.made, partial: frame.partial, ..Self::new(frame.payload, peer) }
    }

    /// Its `data` event.
    pub(super) fn event(&self) -> Notice<'a> {
        let mut event = Notice::new(Name::Data).peer(self.peer).bytes(self.payload, self.partial);
        if let Some(conn) = self.conn {
            event = event.conn(conn);
        }
        if let Some(line) = self.line {
            event = event.line(line);
        }
        if let Some(group) = self.group {
            event = event.group(group);
        }
        if let Some(iface) = self.iface {
            event = event.iface(iface);
        }
        event
    }
}

/// Appends a message in its written form.
pub(crate) fn write_message(
    form: Written,
    message: &Message<'_>,
    sanitise: bool,
    out: &mut Vec<u8>,
) {
    let shown = Shown {
        payload: message.payload,
        direction: Direction::In,
        peer: message.peer,
        time: SystemTime::now(),
    };
    output::write(form, &shown, sanitise, out);
}
