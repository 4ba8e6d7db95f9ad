//! What an echo server, and whoever probes one, is asked to do.

use std::ffi::OsStr;
use std::time::Duration;

use bytes::Bytes;

use super::{Common, Net, Route};
use crate::error::Failure;
use crate::multicast::GroupAddress;
use crate::protocol::access::Access;
use crate::sockets::{Address, AddressError};

/// `echo`.
#[derive(Clone, Debug)]
pub struct Echo {
    /// What every command is asked to do.
    pub common: Common,
    /// How sockets are opened.
    pub net: Net,
    /// Where to listen.
    pub places: Vec<AnyAddress>,
    /// What is answered.
    pub sockets: EchoSockets,
    /// How long each answer is held back.
    pub delay: Duration,
    /// How many of the messages get no answer, in percent.
    pub drop: f64,
    /// What stands before each answer.
    pub prefix: Bytes,
    /// The message that closes its connection.
    pub quit_word: Option<Bytes>,
    /// The message that ends the run.
    pub stop_word: Option<Bytes>,
    /// Bytes that the unfinished messages of all clients may hold.
    pub frame_total: usize,
    /// Which clients are admitted.
    pub access: Access,
    /// How many loops serve.
    pub threads: usize,
}

/// Which kinds of sockets an echo server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoSockets {
    /// Listeners, and their connections.
    Streams,
    /// Datagram sockets.
    Datagrams,
    /// Both, on the same port.
    Both,
}

impl EchoSockets {
    /// Whether streams are served.
    pub fn has_streams(self) -> bool {
        self != Self::Datagrams
    }

    /// Whether datagrams are answered.
    pub fn has_datagrams(self) -> bool {
        self != Self::Streams
    }
}

/// An address of this machine or of a peer, or a group.
#[derive(Clone, Debug)]
pub enum AnyAddress {
    /// Not a group.
    One(Address),
    /// A group.
    Group(GroupAddress),
}

impl AnyAddress {
    /// The address, where it is no group.
    pub(crate) fn one(&self) -> Option<&Address> {
        match self {
            Self::One(address) => Some(address),
            Self::Group(_) => None,
        }
    }
}

impl TryFrom<&OsStr> for AnyAddress {
    type Error = Failure;

    fn try_from(text: &OsStr) -> Result<Self, Failure> {
        match text.try_into() {
            Ok(address) => Ok(Self::One(address)),
            Err(AddressError::Group(_)) => Ok(Self::Group(text.to_string_lossy().parse()?)),
            Err(error) => Err(error.into()),
        }
    }
}

/// `echo --ping`.
#[derive(Clone, Debug)]
pub struct Ping {
    /// What every command is asked to do.
    pub common: Common,
    /// The target of the probes.
    pub route: Route,
    /// Whether by datagrams.
    pub datagrams: bool,
    /// How many probes on each connection.
    pub count: u64,
    /// From one probe to the next; zero waits for the answer instead.
    pub interval: Duration,
    /// Bytes of a probe.
    pub size: usize,
    /// How many connections, or sockets.
    pub conns: usize,
    /// More loss than this, in percent, is a failure.
    pub max_loss: f64,
}
