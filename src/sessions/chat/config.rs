//! What a chat is asked to do.

use crate::framing::Framing;
use crate::multicast::GroupAddress;
use crate::protocol::chat::{Dialect, Nick};
use crate::sessions::config::{Common, Connect};
use crate::sockets::Address;

/// Who takes part, and what the user sees.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name to ask for; the room gives one otherwise.
    pub nick: Option<Nick>,
    /// Whether lines carry the time.
    pub time: bool,
    /// Whether a screen is shown where the terminal can show one.
    pub screen: bool,
}

/// The wire format of a hosted room, which its framing decides.
pub(super) fn dialect(common: &Common) -> Dialect {
    match common.framing {
        Framing::Tinyproto => Dialect::Tinyproto,
        _ => Dialect::Lines,
    }
}

/// `chat ADDR`.
#[derive(Clone, Debug)]
pub struct JoinConfig {
    /// The connection.
    pub connect: Connect,
    /// Who joins.
    pub identity: Identity,
}

/// `chat --host ADDR`.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// What all commands share.
    pub common: Common,
    /// Where members connect to.
    pub address: Address,
    /// Who hosts; `None` for a relay alone.
    pub identity: Option<Identity>,
    /// Upper bound on members at one time.
    pub max_clients: Option<usize>,
    /// Bytes that may wait for one member.
    pub queue: usize,
}

/// `chat GROUP`.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// What all commands share.
    pub common: Common,
    /// Which group.
    pub group: GroupAddress,
    /// Who takes part.
    pub identity: Identity,
    /// How many routers may pass it on.
    pub ttl: u8,
}

/// Which of the three kinds of chat runs.
#[derive(Clone, Debug)]
pub enum ChatConfig {
    /// With a host.
    Join(Box<JoinConfig>),
    /// As the host.
    Host(Box<HostConfig>),
    /// Without a host.
    Group(Box<GroupConfig>),
}
