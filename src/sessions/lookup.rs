//! One name on its way through the resolver.
//!
//! getaddrinfo(3) blocks, so that the loop has a thread do it; an address as such needs none.

use std::net::SocketAddr;

use crate::error::Failure;
use crate::event_loop::{Event, Mail, Pool, Query};
use crate::sockets::{Address, Family, Purpose, Target, first_target, resolve};

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
            Err(error) => Some(Err(query.unasked(&error))),
        }
    }

    /// Begins a query for an address of the command line, of whatever kind.
    pub(crate) fn begin_address(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        family: Family,
        purpose: Purpose,
    ) -> Option<Result<Vec<Target>, Failure>> {
        match address.clone() {
            Address::Inet { host, port } => self
                .begin(pool, Query { host, port, family, purpose })
                .map(|answer| answer.map(targets)),
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
    pub(crate) fn cancel(&mut self, pool: &mut Pool) {
        // A thread that asks already goes on, and the answer finds no query.
        if let Some(query) = self.0.take() {
            pool.forget_look_up(&query);
        }
    }
}

/// The address to connect or send from (`--bind`). It is looked up before each attempt, as the
/// address of the other side is.
#[derive(Debug, Default)]
pub(crate) struct LocalAddress {
    asked: Option<Address>,
    found: Vec<Target>,
    lookup: Lookup,
}

impl LocalAddress {
    pub(crate) fn new(asked: Option<Address>) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Finds it. `None` means that the answer comes later, by [`LocalAddress::on`].
    pub(crate) fn begin(&mut self, pool: &mut Pool, family: Family) -> Option<Result<(), Failure>> {
        let Some(address) = &self.asked else { return Some(Ok(())) };
        // As for a listener: `:5000` binds the wildcard address, and the route chooses the source.
        let answer = self.lookup.begin_address(pool, address, family, Purpose::Listen)?;
        Some(self.note(answer))
    }

    /// The answer, where an event brings it.
    pub(crate) fn on(&mut self, event: &Event<'_>) -> Option<Result<(), Failure>> {
        let answer = self.lookup.on(event)?;
        Some(self.note(answer.map(targets)))
    }

    fn note(&mut self, answer: Result<Vec<Target>, Failure>) -> Result<(), Failure> {
        self.found = answer?;
        Ok(())
    }

    /// The local address for one target, to which `operation` is done.
    ///
    /// # Errors
    /// None is of its family.
    pub(crate) fn for_target(
        &self,
        target: &Target,
        operation: &'static str,
    ) -> Result<Option<&Target>, Failure> {
        resolve::local_for(&self.found, target, operation)
    }

    pub(crate) fn cancel(&mut self, pool: &mut Pool) {
        self.lookup.cancel(pool);
    }
}

/// Addresses as targets.
pub(crate) fn targets(addresses: Vec<SocketAddr>) -> Vec<Target> {
    addresses.into_iter().map(Target::Tcp).collect()
}
