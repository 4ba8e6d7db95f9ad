//! A received message with all that is known of it, and its written form.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::framing::{Frame, FrameError};
use crate::protocol::output::{self, Controls, Shown, Written};
use crate::recording::Direction;
use crate::report::{Name, Notice};

/// A received message on its way to stdout.
pub struct Message<'a> {
    /// The message itself.
    pub payload: &'a [u8],
    /// The same as a handle, where there is one; what is large is then queued without a copy.
    pub made: Option<&'a Bytes>,
    /// The message as it goes on the wire again, or why it cannot: set for a long one, where its
    /// service passes messages on.
    pub wire: Option<&'a Result<Bytes, FrameError>>,
    /// It is the last one of its stream and has no proper end.
    pub partial: bool,
    /// How many messages it holds; more than one are lines, one after the other.
    pub count: usize,
    /// The number of the connection, on servers.
    pub conn: Option<u64>,
    /// The line of the command that asked for it.
    pub line: Option<u64>,
    /// Whom it came from.
    pub peer: &'a str,
    /// Which way it went, where that may be either.
    pub direction: Option<Direction>,
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
            wire: None,
            partial: false,
            count: 1,
            conn: None,
            line: None,
            direction: None,
            peer,
            group: None,
            iface: None,
        }
    }

    /// A message as it came in a frame.
    pub fn framed(frame: &Frame<'a>, peer: &'a str) -> Self {
        let Frame { payload, made, wire, partial, count } = *frame;
        Self { made, wire, partial, count, ..Self::new(payload, peer) }
    }

    /// Its `data` event.
    pub(super) fn event(&self) -> Notice<'a> {
        let mut event = Notice::new(Name::Data).peer(self.peer).bytes(self.payload);
        if self.partial {
            event = event.partial();
        }
        if let Some(conn) = self.conn {
            event = event.conn(conn);
        }
        if let Some(line) = self.line {
            event = event.line(line);
        }
        if let Some(direction) = self.direction {
            event = event.direction(direction);
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
    controls: Controls,
    out: &mut Vec<u8>,
) {
    // A line of 40 bytes costs 25 ns on its way, and the clock as much once more.
    let time = if form == Written::Dump { SystemTime::now() } else { UNIX_EPOCH };
    let Message { payload, peer, direction, .. } = *message;
    let shown = Shown { payload, direction: direction.unwrap_or(Direction::In), peer, time };
    output::write(form, &shown, controls, out);
}
