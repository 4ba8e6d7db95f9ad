//! `chat`: a hosted room, a member of one, and a room without a host.
//!
//! What a chat is stands in [`crate::protocol::chat`]; these sessions carry it. The person here
//! sees and speaks through a [`Face`], which is a screen or plain lines.

pub mod config;
mod draw;
mod face;
pub mod group;
pub mod host;
pub mod join;
mod screen;
pub mod tty;

pub use face::Face;
pub use group::GroupSession;
pub use host::HostSession;
pub use join::JoinSession;
pub use screen::Screen;
pub use tty::{Notes, Tty};
