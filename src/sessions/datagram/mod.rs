//! The sessions of the datagram commands: one that sends, one that listens.

mod answers;
mod commands;
pub mod groups;
pub mod listen;
mod opening;
mod peers;
mod prober;
mod replies;
mod reports;
pub mod send;
mod send_batch;

pub use groups::Groups;
pub use listen::{ListenSession, ListenSocket};
pub use opening::Opener;
pub(in crate::sessions) use replies::unanswered;
pub use send::{SendSession, SendTo};
