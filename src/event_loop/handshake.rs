//! What an accepted connection goes through before it counts as one.
//!
//! ```text
//!         accept(2)                the transport is up
//! backlog ─────────> Handshaking ──────────────────────> Accepted
//!                        │ it fails, or its time is up
//!                        ├──────────────────────────────> HandshakeFailed, and gone
//!                        │ the handler closes it
//!                        └──────────────────────────────> Closed
//! ```
//!
//! A listener may ask for several, each inside the one before: a proxy names its client, and TLS with that
//! one follows.
//!
//! A connection in its handshake has a channel whose phase is `Connecting`, so that the handler knows
//! nothing of it but who it is, as soon as that is known. It goes with its listener.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::acceptor::Acceptor;
use super::event::{Event, Handler};
use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::pool::{Pool, PoolSource};
use super::timers::{AnyTimer, OwnPurpose};
use super::transport::Transport;
use crate::kind::Kind;
use crate::recording::Role;
use crate::sockets::{Endpoint, StreamSocket};

/// Puts a transport around that of a connection. The connection is up when
/// [`Transport::connected`] says so, and until then [`Transport::needs_read`] is true.
pub type TransportLayer = dyn Fn(Box<dyn Transport>) -> Box<dyn Transport> + Send + Sync;

/// A handshake of all connections of a listener.
#[derive(Clone)]
pub(super) struct AcceptHandshake {
    deadline: Duration,
    layer: Arc<TransportLayer>,
    /// Who the client is comes out of it.
    names_peer: bool,
}

/// How far an accepted connection is.
pub(super) struct Handshaking {
    listener: Id,
    /// Which handshake of the listener comes next.
    next: usize,
    /// Who it is. The kernel forgets that once a client has gone.
    peer: Endpoint,
}

impl fmt::Debug for AcceptHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptHandshake").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Pool {
    /// Has the connections of a listener go through the handshake of a transport before they are
    /// [`Event::Accepted`], each within `deadline`. Those that are accepted already are left alone. A
    /// second call asks for another handshake inside the first one.
    pub fn accept_through(
        &mut self,
        listener: Id,
        deadline: Duration,
        layer: impl Fn(Box<dyn Transport>) -> Box<dyn Transport> + Send + Sync + 'static,
    ) {
        self.add_handshake(listener, deadline, (false, Arc::new(layer)));
    }

    /// The same; with `names_peer`, the handshake says who the client is.
    pub(super) fn add_handshake(
        &mut self,
        listener: Id,
        deadline: Duration,
        (names_peer, layer): (bool, Arc<TransportLayer>),
    ) {
        if let Some(PoolSource::Acceptor(acceptor)) = self.sources.get_mut(listener) {
            acceptor.handshakes.push(AcceptHandshake { deadline, layer, names_peer });
        }
    }

    /// How many accepted connections are in their handshake.
    pub fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    /// Takes a connection that a listener has accepted.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub(super) fn admit(
        &mut self,
        stream: StreamSocket,
        listener: Id,
        (peer, local): (Endpoint, Endpoint),
        handler: &mut dyn Handler,
    ) -> io::Result<()> {
        let transport = self.recorded(stream, Role::Accepted);
        self.admit_transport(transport, listener, (peer, local), handler).map(drop)
    }

    /// Has a listener accept a connection that the kernel knows nothing of.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub fn simulate_accepted(
        &mut self,
        transport: Box<dyn Transport>,
        listener: Id,
        handler: &mut dyn Handler,
    ) -> io::Result<Id> {
        let unknown = (Endpoint::default(), Endpoint::default());
        self.admit_transport(transport, listener, unknown, handler)
    }

    fn admit_transport(
        &mut self,
        transport: Box<dyn Transport>,
        listener: Id,
        (peer, local): (Endpoint, Endpoint),
        handler: &mut dyn Handler,
    ) -> io::Result<Id> {
        if self.acceptor(listener).is_none_or(|it| it.handshakes.is_empty()) {
            let id = self.add_connection(transport, ChannelPhase::Open)?;
            self.frame_accepted(id, listener);
            handler.on(self, Event::Accepted { id, listener, peer, local });
            return Ok(id);
        }
        let id = self.add_connection(transport, ChannelPhase::Connecting)?;
        self.handshakes.insert(id, Handshaking { listener, next: 0, peer });
        self.begin_handshake(id, handler);
        Ok(id)
    }

    /// Begins the next handshake of an accepted connection; false where none is left.
    pub(super) fn begin_handshake(&mut self, id: Id, handler: &mut dyn Handler) -> bool {
        let Some(Handshaking { listener, next, .. }) = self.handshakes.get_mut(id) else {
            return false;
        };
        let (listener, at) = (*listener, *next);
        *next += 1;
        let handshake = self.acceptor(listener).and_then(|it| it.handshakes.get(at)).cloned();
        let Some(handshake) = handshake else { return false };
        let peer = if handshake.names_peer { None } else { self.client(id, at > 0) };
        self.wrap_transport(id, |inner| (handshake.layer)(inner));
        self.arm_own(Some(id), OwnPurpose::Connect, handshake.deadline);
        handler.on(self, Event::Handshaking { id, listener, peer });
        true
    }

    /// Who the client in a handshake is: the address from accept(2), or the one that a proxy has named.
    fn client(&self, id: Id, is_past_one: bool) -> Option<Endpoint> {
        let accepted = &self.handshakes.get(id)?.peer;
        let named = if is_past_one { self.peer(id) } else { None };
        named.filter(|peer| !peer.is_unknown()).or_else(|| Some(accepted.clone()))
    }

    fn acceptor(&self, listener: Id) -> Option<&Acceptor> {
        match self.sources.get(listener)? {
            PoolSource::Acceptor(acceptor) => Some(acceptor),
            _ => None,
        }
    }

    /// Gives a connection the framing of its listener.
    fn frame_accepted(&mut self, id: Id, listener: Id) {
        if let Some(settings) = self.acceptor(listener).and_then(|it| it.framing.clone()) {
            // A new connection takes any.
            let _ = self.frame(id, *settings);
        }
    }

    /// The listener and the peer of a connection whose handshake is over, well or not.
    pub(super) fn end_handshake(&mut self, id: Id) -> Option<(Id, Endpoint)> {
        let Handshaking { listener, peer, .. } = self.handshakes.remove(id)?;
        self.timers.disarm(AnyTimer::own(Some(id), OwnPurpose::Connect));
        Some((listener, peer))
    }

    /// Takes a connection out whose handshake has failed; `Err` gives the error back where it has none.
    pub(super) fn fail_handshake(
        &mut self,
        id: Id,
        error: io::Error,
        handler: &mut dyn Handler,
    ) -> Result<(), io::Error> {
        let named = self.client(id, true);
        let Some((listener, accepted)) = self.end_handshake(id) else { return Err(error) };
        let peer = named.unwrap_or(accepted);
        // FIN is how a service ends that has taken what came. Behind an alert of TLS it does no harm, for
        // the client knows, and RST might overtake the alert.
        if !Kind::from(&error).has_alert()
            && let Some(channel) = self.channel_mut(id)
        {
            channel.transport.reset();
        }
        self.remove(id);
        handler.on(self, Event::HandshakeFailed { id, listener, peer, error });
        Ok(())
    }

    /// The handshake of a connection has had its time.
    pub(super) fn end_handshake_time(&mut self, id: Id, handler: &mut dyn Handler) {
        let Some(channel) = self.channel(id) else { return };
        if channel.phase == ChannelPhase::Connecting {
            let error = channel.transport.late();
            self.connect_failed(id, error, handler);
        }
    }

    /// A listener is gone, and with it those that nobody waits for any more.
    pub(super) fn drop_handshakes(&mut self, listener: Id) {
        let of_it = |id: &Id| self.handshakes.get(*id).is_some_and(|it| it.listener == listener);
        let ids: Vec<Id> = self.handshakes.ids().filter(of_it).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// A connection is up: it was accepted, or dialed.
    pub(super) fn report_up(
        &mut self,
        id: Id,
        (peer, local): (Endpoint, Endpoint),
        handler: &mut dyn Handler,
    ) {
        let Some((listener, _)) = self.end_handshake(id) else {
            return handler.on(self, Event::Connected { id, peer, local });
        };
        self.frame_accepted(id, listener);
        handler.on(self, Event::Accepted { id, listener, peer, local });
    }
}
