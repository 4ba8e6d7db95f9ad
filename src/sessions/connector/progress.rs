//! What becomes of a connection in the making.

use std::time::Duration;

use crate::error::Failure;
use crate::event_loop::Id;
use crate::sockets::{Endpoint, Target};

/// What has become of the connection.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing new.
    Pending,
    /// It is there.
    Connected(Established),
    /// An attempt failed; the next one follows after the pause.
    Retrying { failure: Failure, pause: Duration },
    /// It will never be.
    Failed(Failure),
}

/// A connection that is up.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) id: Id,
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
    /// What was dialed: the peer, or the first proxy on the route to it.
    pub(crate) dialed: Target,
}

impl Established {
    /// A connection that was made to what was `dialed`. A peer that has reset already is forgotten by the
    /// kernel: it keeps the name by which it was dialed.
    pub(crate) fn new(id: Id, peer: &Endpoint, local: &Endpoint, dialed: Target) -> Self {
        let named = || Endpoint::named(dialed.to_string());
        let peer = if peer.is_unknown() { named() } else { peer.clone() };
        Self { id, peer, local: local.clone(), dialed }
    }
}
