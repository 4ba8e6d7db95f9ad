//! The datagram commands.

use std::time::Duration;

use bytes::Bytes;

use super::{Common, Net, Replay};
use crate::framing::InputFraming;
use crate::multicast::GroupAddress;
use crate::protocol::access::Access;
use crate::protocol::pacer::Rate;
use crate::protocol::sequence_field::SequenceField;
use crate::sessions::children::Program;
use crate::sockets::Address;
use crate::sockets::datagram::Reach;

/// `udp-send` and `mcast-send`, beside the sockets.
#[derive(Clone, Debug)]
pub struct SendConfig {
    /// What every command is asked to do.
    pub common: Common,
    /// How many times each message is sent.
    pub repeat: u64,
    /// How long to listen for another answer, where answers are wanted.
    pub reply: Option<Duration>,
    /// Probes instead of stdin.
    pub test: Option<Test>,
}

/// `--test`: messages with a sequence number and a time stamp.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Bytes of each.
    pub size: usize,
    /// How fast.
    pub rate: Rate,
    /// How many; for ever where neither this nor a duration limits it.
    pub count: Option<u64>,
    /// For how long.
    pub duration: Option<Duration>,
}

/// `udp-listen` and `mcast-join`, beside the sockets.
#[derive(Clone, Debug)]
pub struct Listen {
    /// What every command is asked to do.
    pub common: Common,
    /// What each message is answered with.
    pub reply: Option<Bytes>,
    /// The command that each peer gets instead.
    pub exec: Option<PeerCommand>,
    /// Whether only the first peer counts.
    pub first_peer: bool,
    /// Who is listened to.
    pub access: Access,
    /// Whether statistics are reported.
    pub stats: bool,
    /// How often, beside the end.
    pub interval: Option<Duration>,
    /// Where a foreign stream keeps its sequence number.
    pub sequence: Option<SequenceField>,
    /// More loss than this, in percent, is a failure.
    pub max_loss: Option<f64>,
}

/// `udp-listen --exec`.
#[derive(Clone, Debug)]
pub struct PeerCommand {
    /// What each peer has as partner.
    pub program: Program,
    /// How its output is cut into datagrams; `Raw` makes one of each read.
    pub cut: InputFraming,
    /// Whether its lines lose their LF.
    pub chomp: bool,
    /// How many may run at once.
    pub most: usize,
    /// How long a peer and its command may be silent.
    pub idle: Duration,
}

/// The receivers of a listener's stdin, as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// The peer of the last datagram.
    Last,
    /// Every peer that sent a datagram.
    All,
    /// This address, whose name is to be looked up.
    Address(Address),
}

/// `udp-send`.
#[derive(Clone, Debug)]
pub struct UdpSend {
    /// What is sent.
    pub send: SendConfig,
    /// How sockets are opened.
    pub net: Net,
    /// Where to.
    pub addresses: Vec<Address>,
    /// Where from.
    pub bind: Option<Address>,
    /// Whom it may send to, and receive from.
    pub reach: Reach,
}

/// `udp-listen`.
#[derive(Clone, Debug)]
pub struct UdpListen {
    /// What is done with what is received.
    pub listen: Listen,
    /// The receivers of stdin.
    pub to: To,
    /// How sockets are opened.
    pub net: Net,
    /// Where to listen.
    pub addresses: Vec<Address>,
    /// Whether broadcast addresses may be sent to.
    pub broadcast: bool,
    /// What is played, in place of stdin and answers.
    pub replay: Option<Replay>,
}

/// `mcast-join`.
#[derive(Clone, Debug)]
pub struct McastJoin {
    /// What is done with what is received.
    pub listen: Listen,
    /// How sockets are opened.
    pub net: Net,
    /// Which groups.
    pub groups: Vec<GroupAddress>,
    /// How often all of them are joined again.
    pub rejoin: Option<Duration>,
}

/// `mcast-send`.
#[derive(Clone, Debug)]
pub struct McastSend {
    /// What is sent.
    pub send: SendConfig,
    /// How sockets are opened.
    pub net: Net,
    /// To which groups.
    pub groups: Vec<GroupAddress>,
    /// Where from.
    pub bind: Option<Address>,
    /// How many routers may pass it on.
    pub ttl: Option<u8>,
    /// IP_MULTICAST_LOOP off.
    pub no_loop: bool,
}
