//! What commands have asked for, and how far that is.

use std::collections::BTreeSet;
use std::time::Duration;

use super::queue::{ATTEMPTS, AskedConnection, OpeningQueue};
use crate::event_loop::{Event, Id, IdMap};
use crate::sessions::config::RouteOptions;
use crate::sessions::lookup::{Addresses, Lookup};
use crate::sockets::Address;

/// A listener whose name is being looked up.
pub(super) struct PendingListener {
    pub(super) line: u64,
    pub(super) address: Address,
    pub(super) lookup: Lookup,
}

/// What commands have asked for, and what has come of it.
#[derive(Default)]
pub(in crate::sessions::streams) struct Openings {
    pub(super) routes: RouteOptions,
    /// `--settle`.
    pub(super) settle: Duration,
    /// Commands have opened something.
    pub(in crate::sessions::streams) is_pool: bool,
    /// The run lives by its commands alone: it ends with them, and not with a connection.
    pub(in crate::sessions::streams) is_unbound: bool,
    /// `/quit` was given: the run is to end when nothing is in the making any more.
    pub(in crate::sessions::streams) is_quitting: bool,
    pub(super) queue: OpeningQueue,
    pending: Vec<PendingListener>,
    /// Listeners that are being closed, with their numbers and addresses.
    closing: Vec<(Id, u64, String)>,
    /// The address of each connection that has come of it.
    made: IdMap<Address>,
    /// How many such connections there have been.
    count: u64,
    /// The warnings that were reported.
    pub(super) reported_warnings: BTreeSet<String>,
}

impl Openings {
    pub(in crate::sessions::streams) fn new(routes: RouteOptions, settle: Duration) -> Self {
        Self { routes, settle, ..Self::default() }
    }

    /// The same for a run that lives by its commands alone, where that is so.
    pub(in crate::sessions::streams) fn unbound_if(self, is_unbound: bool) -> Self {
        Self { is_unbound, ..self }
    }

    /// Whether anything is on its way.
    pub(in crate::sessions::streams) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.pending.is_empty()
    }

    /// Whether commands are to wait.
    pub(in crate::sessions::streams) fn is_full(&self) -> bool {
        self.queue.is_full() || self.pending.len() >= ATTEMPTS
    }

    /// How many connections there are that commands asked for, and how many there have been.
    pub(in crate::sessions::streams) fn counts(&self) -> (usize, u64) {
        (self.made.len(), self.count)
    }

    /// A connection is gone.
    pub(in crate::sessions::streams) fn forget(&mut self, id: Id) {
        self.made.remove(id);
    }

    pub(super) fn await_turn(&mut self, asked: AskedConnection) {
        self.is_pool = true;
        self.queue.push(asked);
    }

    pub(super) fn await_name(&mut self, pending: PendingListener) {
        self.is_pool = true;
        self.pending.push(pending);
    }

    pub(super) fn note_made(&mut self, id: Id, asked: &AskedConnection) {
        self.made.insert(id, asked.address.clone());
        self.count += 1;
    }

    /// The listeners whose names an event brings.
    pub(super) fn found(&mut self, event: &Event<'_>) -> Vec<(PendingListener, Addresses)> {
        let mut found = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            match pending.lookup.on(event) {
                Some(answer) => found.push((pending, answer)),
                None => self.pending.push(pending),
            }
        }
        found
    }

    pub(super) fn take_pending(&mut self) -> Vec<PendingListener> {
        std::mem::take(&mut self.pending)
    }

    /// The connections that were dialed to an address.
    pub(super) fn connections_to(&self, address: &Address) -> impl Iterator<Item = Id> {
        self.made.iter().filter(move |(_, other)| *other == address).map(|(id, _)| id)
    }

    pub(super) fn note_closing(&mut self, listener: Id, number: u64, local: String) {
        self.closing.push((listener, number, local));
    }

    /// The number and the address of a listener that is closed.
    pub(super) fn take_closing(&mut self, id: Id) -> Option<(u64, String)> {
        let at = self.closing.iter().position(|(listener, ..)| *listener == id)?;
        let (_, number, local) = self.closing.swap_remove(at);
        Some((number, local))
    }
}
