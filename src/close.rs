//! Why a connection ended: the vocabulary shared by the pool, the events and the exit status.
//!
//! Pure. A [`CloseReason`] is what `closed` events carry as `reason` and `detail`.

use std::fmt;

use serde::Serialize;

/// Who or what ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The transport or the protocol on it failed.
    Error,
    /// This side decided to close.
    Host,
    /// The peer closed in order.
    Peer,
    /// A time limit ran out.
    Timeout,
}

/// What exactly happened; stable names that scripts may match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Both sides said FIN.
    Fin,
    /// The peer reset the connection, or a write met a closed peer.
    Reset,
    /// No traffic for `--idle-timeout`.
    Idle,
    /// No whole message within `--read-timeout`.
    ReadTimeout,
    /// A limit of this side was reached (`--count`, `--quit-after`, the end of the run).
    Limit,
    /// The client did not drain its queue in time.
    Slow,
    /// A frame was broken, cut or too large.
    Frame,
    /// A signal ended the run.
    Signal,
    /// Nobody listens there.
    Refused,
    /// The whole run took longer than `--timeout`.
    Timeout,
    /// A local file or descriptor failed.
    Local,
    /// Any other failure of the transport.
    Transport,
    /// What the connection was relayed to was lost, or could not be had.
    Upstream,
}

impl Cause {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Error, Self::Host, Self::Peer, Self::Timeout];
}

impl Detail {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Fin,
        Self::Reset,
        Self::Idle,
        Self::ReadTimeout,
        Self::Limit,
        Self::Slow,
        Self::Frame,
        Self::Signal,
        Self::Refused,
        Self::Timeout,
        Self::Local,
        Self::Transport,
    ];
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseReason {
    /// Who or what ended it.
    pub cause: Cause,
    /// What exactly happened.
    pub detail: Detail,
}

impl CloseReason {
    /// The peer closed in order, and so did we.
    pub const PEER: Self = Self::new(Cause::Peer, Detail::Fin);
    /// This side closed because its work was done.
    pub const HOST: Self = Self::new(Cause::Host, Detail::Limit);
    /// The peer reset the connection.
    pub const RESET: Self = Self::new(Cause::Error, Detail::Reset);
    /// A frame was broken, cut or too large.
    pub const FRAME: Self = Self::new(Cause::Error, Detail::Frame);
    /// The peer did not take a message.
    pub const REFUSED: Self = Self::new(Cause::Error, Detail::Refused);
    /// The client did not drain its queue in time.
    pub const SLOW: Self = Self::new(Cause::Host, Detail::Slow);

    /// A reason of any cause and detail.
    pub const fn new(cause: Cause, detail: Detail) -> Self {
        Self { cause, detail }
    }
}

impl fmt::Display for CloseReason {
    /// The words between the parentheses of a `closed` line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match (self.cause, self.detail) {
            (Cause::Peer, _) => "peer closed",
            (_, Detail::Fin | Detail::Limit) => "closed",
            (_, Detail::Reset) => "reset by the peer",
            (_, Detail::Idle) => "idle",
            (_, Detail::ReadTimeout) => "no whole message in time",
            (_, Detail::Slow) => "too slow",
            (_, Detail::Frame) => "bad frame",
            (_, Detail::Signal) => "signal",
            (_, Detail::Refused) => "refused",
            (_, Detail::Timeout) => "out of time",
            (_, Detail::Local) => "local failure",
            (_, Detail::Transport) => "connection failed",
            (_, Detail::Upstream) => "upstream lost",
        })
    }
}
