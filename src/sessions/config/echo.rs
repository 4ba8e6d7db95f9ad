//! `echo`, the server and the probe.

use std::time::Duration;

use bytes::Bytes;

use super::{Common, Net, Route};
use crate::multicast::GroupAddress;
use crate::sockets::Address;

/// `echo`.
#[derive(Clone, Debug)]
pub struct Echo {
    /// What every command is asked to do.
    pub common: Common,
    /// How sockets are opened.
    pub net: Net,
    /// Where to listen.
    pub places: Vec<EchoPlace>,
    /// Whether streams are served.
    pub streams: bool,
    /// Whether datagrams are answered.
    pub datagrams: bool,
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
}

/// Where an echo server listens.
#[derive(Clone, Debug)]
pub enum EchoPlace {
    /// An address of this machine.
    Address(Address),
    /// A group, whose members answer by unicast.
    Group(GroupAddress),
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
