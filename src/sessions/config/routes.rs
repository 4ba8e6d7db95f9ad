//! How connections are made.

use std::time::Duration;

use super::Net;
use crate::buffers::Budget;
use crate::event_loop::{Id, Pool};
#[cfg(feature = "tls")]
use crate::sockets::dialogue::StarttlsProtocol;
use crate::sockets::dialogue::proxy_header::HeaderVersion;
use crate::sockets::dialogue::{HeaderWriter, ViaChain};
#[cfg(feature = "tls")]
use crate::sockets::tls::ClientTls;
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
    /// The proxies that they lead through.
    pub via: Option<ViaChain>,
    /// The header of the PROXY protocol that each connection begins with.
    pub announced: Option<HeaderVersion>,
    /// How they go over to TLS, where they begin without it.
    #[cfg(feature = "tls")]
    pub starttls: Option<StarttlsProtocol>,
    /// What TLS on them asks for.
    #[cfg(feature = "tls")]
    pub tls: Option<ClientTls>,
    /// The client that it names, and where that has connected to; `None` is this side.
    pub client: Option<(Endpoint, Endpoint)>,
}

impl RouteOptions {
    /// Whether a connection can be made to an address with these options.
    ///
    /// # Errors
    /// Which option keeps it from being made, and why.
    pub(crate) fn check(&self, address: &Address) -> Result<(), (&'static str, String)> {
        if let Some(bind) = &self.bind {
            bind.check_bound(address).map_err(|why| ("--bind", why))?;
        }
        let via = self.via.as_ref().map_or(Ok(()), |via| via.check(address));
        via.map_err(|why| ("--via", why))
    }
}

impl Route {
    /// The address that is dialed: that of the first proxy, where there is one.
    pub(crate) fn dialed(&self) -> &Address {
        self.options.via.as_ref().and_then(ViaChain::first).unwrap_or(&self.address)
    }

    /// Has a connection that was begun go through what the two sides send first, layer by layer from the
    /// wire up.
    pub(crate) fn begin(&self, pool: &mut Pool, id: Id, budget: &Budget) {
        let options = &self.options;
        if let Some(via) = &options.via {
            via.dialogues(&self.address).into_iter().for_each(|one| pool.converse(id, one));
        }
        if let Some(version) = options.announced {
            pool.converse(id, Box::new(HeaderWriter::new(version, options.client.clone())));
        }
        #[cfg(feature = "tls")]
        if let Some(protocol) = options.starttls {
            pool.converse(id, protocol.dialogue());
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &options.tls {
            pool.encrypt(id, tls, &self.address.host_name());
        }
        if let Some(max_frame) = options.negotiated {
            pool.negotiate(id, max_frame, budget);
        }
    }
}
