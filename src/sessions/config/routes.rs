//! How connections are made.

use std::time::Duration;

use super::Net;
use crate::sockets::Address;

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
}
