//! What the sessions' timers are for: the numbers behind [`TimerKey::purpose`].
//!
//! [`TimerKey::purpose`]: crate::event_loop::TimerKey::purpose

/// `--timeout`: the whole run.
pub(crate) const TOTAL: u8 = 1;
/// `--wait` of a server: the first client.
pub(crate) const FIRST_CLIENT: u8 = 2;
/// `--idle-timeout` of one connection.
pub(crate) const IDLE: u8 = 3;
/// `--read-timeout` of one connection.
pub(crate) const MESSAGE: u8 = 4;
/// `--quit-after` of one connection.
pub(crate) const QUIT: u8 = 5;
/// `--slow-after` of one client.
pub(crate) const SLOW: u8 = 6;
/// The word to a person who waits for the peer to close.
pub(crate) const NOTE: u8 = 7;
/// The next address of a name.
pub(crate) const NEXT_ADDRESS: u8 = 8;
/// `--connect-timeout`: one attempt over all addresses.
pub(crate) const CONNECT: u8 = 9;
/// The next attempt.
pub(crate) const RETRY: u8 = 10;
/// How long a server that was asked to stop goes on flushing; or one client that is too late.
pub(crate) const GRACE: u8 = 11;
