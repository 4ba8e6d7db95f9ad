//! The sessions of the datagram commands: one that sends, one that listens.

mod answers;
mod commands;
pub(in crate::sessions) mod drops;
pub mod groups;
pub mod listen;
mod opening;
mod outbox;
mod peers;
mod prober;
pub mod send;
mod talk;
mod telling;

pub use groups::Groups;
pub use listen::{Ear, ListenSession};
pub use opening::Opener;
pub use send::{SendSession, SendTo};
