//! Datagram sockets as all commands have them: what waits to be sent, and what was lost.

mod outbox;
mod sockets;
mod stats;

pub(crate) use outbox::{FullPeer, Outbox, SendOutcome, Unsent};
pub use sockets::Place;
pub(crate) use sockets::Sockets;
