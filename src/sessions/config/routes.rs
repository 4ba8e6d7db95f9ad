//! How connections are made.

use std::time::Duration;

use super::Net;
use crate::buffers::Budget;
use crate::event_loop::{Id, Pool};
use crate::sockets::proxy_header::HeaderVersion;
use crate::sockets::{Address, Endpoint};

/// The route to the other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub address: Address,
    /// How the connection is made.
    pub options: RouteOptions,
}

/// What a client takes for a connection, and whether one is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dialing {
    /// Whether a lost connection is made again.
    pub reconnect: bool,
    /// How long a connection must stand to count as one.
    pub settle: Duration,
}

/// How connections are made, wherever they lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteOptions {
    /// Where from.
    pub bind: Option<Address>,
    /// How their sockets are opened, and those of listeners.
    pub net: Net,
    /// The time for one attempt over all addresses.
    pub timeout: Duration,
    /// The largest message, where the two sides agree on each one (`--frame tinyproto`).
    pub negotiated: Option<usize>,
    /// The header of the PROXY protocol that each connection begins with.
    pub announced: Option<HeaderVersion>,
    /// The client that it names, and where that has connected to; `None` is this side.
    pub client: Option<(Endpoint, Endpoint)>,
}

impl RouteOptions {
    /// Has a connection that was begun go through what the two sides send first.
    pub(crate) fn begin(&self, pool: &mut Pool, id: Id, budget: &Budget) {
        self.announce(pool, id);
        if let Some(max_frame) = self.negotiated {
            pool.negotiate(id, max_frame, budget);
        }
    }

    /// Has a connection that was begun announce its client, where that is asked for.
    pub(crate) fn announce(&self, pool: &mut Pool, id: Id) {
        if let Some(version) = self.announced {
            pool.announce(id, version, self.client.clone());
        }
    }
}
