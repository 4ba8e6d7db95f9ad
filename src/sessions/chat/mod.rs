//! `chat`: a hosted room, a member of one, and a room without a host.
//!
//! The rules of a chat are in [`crate::protocol::chat`]; these sessions own its sockets. The user reads
//! and writes through a [`Frontend`], which is a screen or plain lines.

pub mod config;
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
