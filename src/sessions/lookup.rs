//! One name on its way through the resolver.
//!
//! getaddrinfo(3) blocks, so that the loop has a thread do it; an address as such needs none.

use std::net::SocketAddr;

use crate::error::{Failure, Status};
use crate::event_loop::{Event, Mail, Pool, Query};
use crate::sockets::{Address, Family, Target, first_target};

/// The addresses of a name, or why there are none.
pub(crate) type Addresses = Result<Vec<SocketAddr>, Failure>;

/// The query that is under way, if any.
#[derive(Debug, Default)]
pub(crate) struct Lookup(Option<Query>);

impl Lookup {
    /// Begins a query. `None` means that the answer comes later, by [`Lookup::on`].
    pub(crate) fn begin(&mut self, pool: &mut Pool, query: Query) -> Option<Addresses> {
        if !query.takes_time() {
            return Some(query.ask());
        }
        match pool.look_up(&query) {
            Ok(()) => {
                self.0 = Some(query);
                None
            }
            Err(error) => {
                let Query { host, port, .. } = query;
                let target = Address::Inet { host, port }.to_string();
                Some(Err(Failure::io(Status::Resolve, "resolve", target, &error)))
            }
        }
    }

    /// Begins a query for an address of the command line, of whatever kind.
    pub(crate) fn begin_address(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        family: Family,
    ) -> Option<Result<Vec<Target>, Failure>> {
        match address.clone() {
            Address::Inet { host, port } => {
                self.begin(pool, Query { host, port, family }).map(|answer| answer.map(targets))
            }
            other => Some(first_target(&other).map(|target| vec![target])),
        }
    }

    /// The answer, where an event brings it.
    pub(crate) fn on(&mut self, event: &Event<'_>) -> Option<Addresses> {
        match event {
            Event::Mail(Mail::Resolved(query, answer)) if self.0.as_ref() == Some(query) => {
                self.0 = None;
                Some(answer.clone())
            }
            _ => None,
        }
    }

    /// Waits for the answer no longer.
    pub(crate) fn cancel(&mut self) {
        // getaddrinfo(3) cannot be interrupted: its thread goes on, and the answer finds no query.
        self.0 = None;
    }
}

/// Addresses as targets.
pub(crate) fn targets(addresses: Vec<SocketAddr>) -> Vec<Target> {
    addresses.into_iter().map(Target::Tcp).collect()
}
