//! Chat: who is there, what a line means and who receives it, and what the user sees of it.
//!
//! Pure. [`room`] is a hosted room, [`group_room`] one without a host; both keep their `members` in one
//! way and speak in [`mod@line`]s, which are plain text on the wire, so that nc and telnet can take
//! part; with a host there is a second [`dialect`]. [`editor`], [`scrollback`] and [`view`] are the
//! screen as data.

pub mod dialect;
pub mod editor;
#[cfg(test)]
mod editor_tests;
pub mod group_room;
#[cfg(test)]
mod group_room_tests;
pub mod keys;
pub mod line;
pub mod members;
pub mod nick;
pub mod pace;
pub mod room;
#[cfg(test)]
mod room_tests;
pub mod scrollback;
pub mod view;

pub use dialect::Dialect;
pub use line::ChatLine;
pub use nick::Nick;

/// The longest line that a member may send, in bytes without its end.
pub const MAX_LINE: usize = 4096;

/// The longest line that a host sends: what disturbs a terminal takes up to four times its room
/// when it is escaped, and the nick comes before it.
pub const MAX_RELAYED: usize = 4 * MAX_LINE + 256;
