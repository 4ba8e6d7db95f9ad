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
/// The word about what is waited for.
pub(crate) const NOTE: u8 = 7;
/// The next address of a name.
pub(crate) const NEXT_ADDRESS: u8 = 8;
/// `--connect-timeout`: one attempt over all addresses.
pub(crate) const CONNECT: u8 = 9;
/// The next attempt.
pub(crate) const RETRY: u8 = 10;
/// How long a server that was asked to stop goes on flushing; or one client that is too late.
pub(crate) const GRACE: u8 = 11;
/// `--wait` of a listener: the first message.
pub(crate) const FIRST_MESSAGE: u8 = 12;
/// `--interval` of the statistics.
pub(crate) const INTERVAL: u8 = 13;
/// `--rejoin`.
pub(crate) const REJOIN: u8 = 14;
/// The next message that a rate lets go.
pub(crate) const PACE: u8 = 15;
/// `--wait` of a sender: the next repetition.
pub(crate) const RESEND: u8 = 16;
/// `--wait` of a sender: the first answer.
pub(crate) const FIRST_ANSWER: u8 = 17;
/// `--reply` of a sender: silence after the last answer.
pub(crate) const ANSWERS: u8 = 18;
/// Half of `--wait` has passed in silence: listen elsewhere too.
pub(crate) const PROBE: u8 = 19;
/// `--settle`: a new connection has stood for long enough.
pub(crate) const SETTLE: u8 = 20;
/// The next drawing of `--progress`.
pub(crate) const PROGRESS: u8 = 21;
/// The hello of a new client, where the protocol has one.
pub(crate) const HELLO: u8 = 22;
/// What has come is read before the end.
pub(crate) const LEAVE: u8 = 23;
/// Commands that had to wait go on.
pub(crate) const ORDERS: u8 = 24;
/// Children that were asked to end and have not.
pub(crate) const CHILDREN: u8 = 26;
/// A `-- CMD` that was asked to end is killed.
pub(crate) const COMPANION: u8 = 27;
/// Hooks that were asked to end are killed.
pub(crate) const HOOKS: u8 = 28;
/// The queue of hooks takes events again.
pub(crate) const RESUME: u8 = 29;
/// The room of a chat has something to say again.
pub(crate) const TALK: u8 = 30;
/// What a client of `echo` is to get is due.
pub(crate) const ECHO: u8 = 31;
/// The next probe of a connection is due, or the last answer overdue.
pub(crate) const NEXT_PROBE: u8 = 32;
