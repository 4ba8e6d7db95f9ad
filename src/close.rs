//! Why a connection ended: the vocabulary shared by the pool, the events and the exit status.
//!
//! Pure. A [`CloseReason`] is what `closed` events carry as `reason` and `detail`.

use std::fmt;

use crate::vocabulary::vocabulary;

vocabulary! {
    /// Who or what ended a connection.
    pub enum Cause {
        Error = "error": "the transport or the protocol on it failed";
        Host = "host": "this side decided to close";
        Peer = "peer": "the peer closed in order";
        Timeout = "timeout": "a time limit ran out";
    }
}

vocabulary! {
    /// What exactly happened; the meaning is how a `closed` line puts it.
    pub enum Detail {
        /// Both sides sent FIN.
        Fin = "fin": "closed";
        /// The peer sent RST, or a write met a closed peer.
        Reset = "reset": "reset by the peer";
        /// The limit on silence passed without traffic.
        Idle = "idle": "idle";
        /// `--read-timeout`, or `within` of a read, passed without a whole message.
        ReadTimeout = "read-timeout": "no whole message in time";
        /// This side reached a limit: `--count`, `--quit-after`, the end of the run; or, as an error,
        /// `--max-frame-total`.
        Limit = "limit": "closed";
        /// The client did not drain its queue in time.
        Slow = "slow": "too slow";
        /// A frame was broken, cut or too large.
        Frame = "frame": "bad frame";
        /// A signal ended the run.
        Signal = "signal": "signal";
        /// TLS was broken, or ended without its close_notify.
        Tls = "tls": "TLS cut or broken";
        /// Nobody listens there, or the peer did not take a message.
        Refused = "refused": "refused";
        /// `--timeout` passed for the whole run; with `error`, the kernel gave up a peer that did not
        /// acknowledge (`-O user-timeout`, keepalive).
        Timeout = "timeout": "out of time";
        /// A local file or descriptor failed.
        Local = "local": "local failure";
        /// The connection that this one was relayed to was lost or could not be made.
        Upstream = "upstream": "upstream lost";
    }
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
    /// The peer acknowledged nothing for longer than the kernel waits.
    pub const UNANSWERED: Self = Self::new(Cause::Error, Detail::Timeout);
    /// TLS was broken, or ended without its close_notify.
    pub const TLS: Self = Self::new(Cause::Error, Detail::Tls);
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
        let is_peer = self.cause == Cause::Peer;
        out.write_str(if is_peer { "peer closed" } else { self.detail.meaning() })
    }
}
