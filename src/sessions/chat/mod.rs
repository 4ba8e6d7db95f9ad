//! `chat`: a hosted room, a member of one, and a room without a host.
//!
//! The rules of a chat are in [`crate::protocol::chat`]; these sessions own its sockets. The user reads
//! and writes through a [`Frontend`], which is a screen or plain lines.

mod draw;
mod frontend;
pub mod group;
pub mod member;
pub mod room;
mod screen;
pub mod terminal;

pub use frontend::Frontend;
pub use member::MemberService;
pub use room::RoomService;
pub use screen::Screen;
pub use terminal::{HeldNotices, RawTerminal};

use crate::framing::Framing;
use crate::multicast::GroupAddress;
use crate::protocol::chat::pace::Pace;
use crate::protocol::chat::{Dialect, Nick};
use crate::sessions::config::{AdmissionRules, Common, Dialing, Net, Route, Wire};
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
fn dialect(wire: &Wire) -> Dialect {
    match wire.frame.framing {
        Framing::Tinyproto => Dialect::Tinyproto,
        _ => Dialect::Lines,
    }
}

/// `chat ADDR`.
#[derive(Clone, Debug)]
pub struct JoinConfig {
    /// What every command is asked to do.
    pub common: Common,
    /// Where the host is.
    pub route: Route,
    /// What counts as a connection.
    pub dialing: Dialing,
    /// Who joins.
    pub identity: Identity,
}

/// `chat --host ADDR`.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// What every command is asked to do.
    pub common: Common,
    /// How sockets are opened.
    pub net: Net,
    /// Where members connect to.
    pub address: Address,
    /// Who hosts; `None` for a relay alone.
    pub identity: Option<Identity>,
    /// Which clients are let in, and how many.
    pub admission: AdmissionRules,
    /// Bytes that may wait for one member.
    pub queue: usize,
    /// How many lines each member may send.
    pub pace: Pace,
    /// Bytes that the unfinished lines of all members may hold.
    pub frame_total: usize,
}

/// `chat GROUP`.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// What every command is asked to do.
    pub common: Common,
    /// How sockets are opened.
    pub net: Net,
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
