//! How far a stream inside TLS is on its way to being up.

use std::time::Duration;

use super::DEADLINE;
use crate::sockets::tls::Agreed;

/// The way to a connection that is up, and what it has come to.
///
/// ```text
/// Connecting ── begin ──> Handshaking ── open ──> Open
/// ```
#[derive(Debug)]
pub(super) struct Stage {
    at: At,
    /// What the handshake came to.
    agreed: Option<Box<Agreed>>,
    /// How long the handshake may take, until somebody has asked.
    limit: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Connecting,
    Handshaking,
    Open,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { at: At::Connecting, agreed: None, limit: None }
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.at == At::Connecting
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.at == At::Handshaking
    }

    pub(super) fn is_open(&self) -> bool {
        self.at == At::Open
    }

    /// The inner stream is up, and the time of the handshake begins.
    pub(super) fn begin(&mut self) {
        debug_assert!(self.is_connecting(), "{self:?}");
        (self.at, self.limit) = (At::Handshaking, Some(DEADLINE));
    }

    /// The handshake is done.
    pub(super) fn open(&mut self, agreed: Option<Agreed>) {
        debug_assert!(self.is_handshaking(), "{self:?}");
        (self.at, self.agreed) = (At::Open, agreed.map(Box::new));
    }

    pub(super) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_deref()
    }

    /// How long the handshake may take, once it has begun; the next call gives nothing.
    pub(super) fn take_limit(&mut self) -> Option<Duration> {
        self.limit.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_handshake_is_told_once_it_has_begun_and_once() {
        let mut stage = Stage::new();
        assert!(stage.is_connecting());
        assert_eq!(stage.take_limit(), None);
        stage.begin();
        assert!(stage.is_handshaking() && !stage.is_open());
        assert_eq!((stage.take_limit(), stage.take_limit()), (Some(DEADLINE), None));
        stage.open(None);
        assert!(stage.is_open() && stage.agreed().is_none());
    }
}
