//! What a chat is asked to do.

use crate::framing::Framing;
use crate::multicast::GroupAddress;
use crate::protocol::chat::{Dialect, Nick};
use crate::sessions::config::{Common, Connect};
use crate::sockets::Address;

/// How the person here appears, and what it sees.
#[derive(Clone, Debug)]
pub struct Persona {
    /// The name to ask for; the room gives one otherwise.
    pub nick: Option<Nick>,
    /// Whether lines carry the time.
    pub time: bool,
    /// Whether it sits at a terminal that can show a screen.
    pub screen: bool,
}

/// How a room with a host is spoken in, which its framing decides.
pub(super) fn dialect(common: &Common) -> Dialect {
    match common.framing {
        Framing::Tinyproto => Dialect::Tinyproto,
        _ => Dialect::Lines,
    }
}

/// `chat ADDR`.
#[derive(Clone, Debug)]
pub struct Join {
    /// The connection.
    pub connect: Connect,
    /// Who joins.
    pub persona: Persona,
}

/// `chat --host ADDR`.
#[derive(Clone, Debug)]
pub struct Host {
    /// What all commands share.
    pub common: Common,
    /// Where members come to.
    pub address: Address,
    /// Who hosts; nobody where it is only a relay.
    pub persona: Option<Persona>,
    /// How many members may be there at once.
    pub max_clients: Option<usize>,
    /// Bytes that may wait for one member.
    pub queue: usize,
}

/// `chat GROUP`.
#[derive(Clone, Debug)]
pub struct Group {
    /// What all commands share.
    pub common: Common,
    /// Which group.
    pub group: GroupAddress,
    /// Who takes part.
    pub persona: Persona,
    /// How many routers may pass it on.
    pub ttl: u8,
}

/// The three ways to chat.
#[derive(Clone, Debug)]
pub enum Chat {
    /// With a host.
    Join(Box<Join>),
    /// As the host.
    Host(Box<Host>),
    /// Without a host.
    Group(Box<Group>),
}
