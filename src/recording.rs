//! What a recording is made of: sockets, and what was seen on them.
//!
//! Pure. Who sees it, and in which form it is written down, is decided elsewhere.

use std::fmt;
use std::str::FromStr;

use crate::close::CloseReason;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// Which way a message went, in the words of recordings.
    pub enum Direction {
        In = "in": "from the peer to us";
        Out = "out": "from us to the peer";
    }
}

impl Direction {
    /// The same, as the other side sees it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }
}

/// A transport, as recordings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// TCP.
    Tcp,
    /// A stream of a unix socket.
    Unix,
    /// UDP.
    Udp,
    /// Datagrams of a unix socket.
    Unixgram,
}

impl Proto {
    /// The name in a recording.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
            Self::Udp => "udp",
            Self::Unixgram => "unixgram",
        }
    }

    /// Whether it carries a stream, rather than datagrams.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Unix)
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Proto {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Tcp, Self::Unix, Self::Udp, Self::Unixgram];
        all.into_iter().find(|proto| proto.as_str() == text).ok_or(())
    }
}

/// Which part the recording side had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The other side connected.
    Accepted,
    /// This side connected.
    Connected,
    /// Nobody did: a datagram socket for many peers.
    Bound,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFlow {
    /// Counted from 1, in the order in which sockets were opened.
    pub number: u64,
    /// What it carries.
    pub proto: Proto,
    /// Which part this side has.
    pub role: Role,
    /// This side's address.
    pub local: String,
    /// The other side's, where there is only one.
    pub peer: Option<String>,
}

/// What was seen on a line.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The socket is there.
    Opened,
    /// Bytes of a stream.
    Bytes(Direction, &'a [u8]),
    /// A datagram, and its sender or receiver.
    Datagram(Direction, &'a str, &'a [u8]),
    /// One direction of a stream has ended in order.
    Ended(Direction),
    /// The stream is gone.
    Closed {
        /// Why.
        reason: CloseReason,
        /// This side has cut it off with an RST.
        reset: bool,
    },
}
