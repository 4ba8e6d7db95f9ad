//! The phases of a stream inside TLS, until it is up.

use std::time::Duration;

use super::DEADLINE;
use crate::sockets::tls::Agreed;

/// How far the handshake is, and what it has agreed on.
///
/// ```text
/// Connecting ── begin ──> Handshaking ── open ──> Open
/// ```
#[derive(Debug)]
pub(super) struct HandshakeState {
    phase: HandshakePhase,
    /// What the handshake has agreed on.
    agreed: Option<Box<Agreed>>,
    /// How long the handshake may take, until that is taken.
    limit: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandshakePhase {
    Connecting,
    Handshaking,
    Open,
}

impl HandshakeState {
    pub(super) fn new() -> Self {
        Self { phase: HandshakePhase::Connecting, agreed: None, limit: None }
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.phase == HandshakePhase::Connecting
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.phase == HandshakePhase::Handshaking
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == HandshakePhase::Open
    }

    /// The inner stream is up, and the time of the handshake begins.
    pub(super) fn begin(&mut self) {
        debug_assert!(self.is_connecting(), "{self:?}");
        (self.phase, self.limit) = (HandshakePhase::Handshaking, Some(DEADLINE));
    }

    /// The handshake is done.
    pub(super) fn open(&mut self, agreed: Option<Agreed>) {
        debug_assert!(self.is_handshaking(), "{self:?}");
        (self.phase, self.agreed) = (HandshakePhase::Open, agreed.map(Box::new));
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
        let mut state = HandshakeState::new();
        assert!(state.is_connecting());
        assert_eq!(state.take_limit(), None);
        state.begin();
        assert!(state.is_handshaking() && !state.is_open());
        assert_eq!((state.take_limit(), state.take_limit()), (Some(DEADLINE), None));
        state.open(None);
        assert!(state.is_open() && state.agreed().is_none());
    }
}
