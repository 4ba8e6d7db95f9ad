//! What commands have asked for, and how far it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::event_loop::{Event, Id, IdMap, Mail, Pool};
use crate::protocol::command::Recipient;
use crate::sessions::config::RouteOptions;
use crate::sessions::connector::Connector;
use crate::sessions::lookup::{Addresses, Lookup};
use crate::sockets::Address;

/// How many connections are made at once. As many fit into the backlog of any listener,
/// and need no more threads for names.
const ATTEMPTS: usize = 256;
/// How many wait for a place before commands wait as well.
const WAITING: usize = 16 * 1024;

/// A connection that a command has asked for.
pub(in crate::sessions::streams) struct AskedConnection {
    /// The number that it has from now on.
    pub(in crate::sessions::streams) number: u64,
    /// The line of the command.
    pub(in crate::sessions::streams) line: u64,
    pub(super) address: Address,
}

/// The same in the making.
pub(super) struct OpeningAttempt {
    pub(super) asked: AskedConnection,
    pub(super) connector: Connector,
    /// Its connections under way, as far as they were noted.
    pub(super) noted: Vec<Id>,
}

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
    waiting: VecDeque<AskedConnection>,
    /// By the names that their timers belong to.
    making: BTreeMap<Id, OpeningAttempt>,
    /// The one of them that each connection under way is for.
    owners: BTreeMap<Id, Id>,
    pending: Vec<PendingListener>,
    /// Listeners that are being closed, with their numbers and addresses.
    closing: Vec<(Id, u64, String)>,
    /// The address of each connection that has come of it.
    made: IdMap<Address>,
    /// How many there have been.
    count: u64,
    /// The warnings that were reported.
    pub(super) reported_warnings: BTreeSet<String>,
}

impl Openings {
    pub(in crate::sessions::streams) fn new(routes: RouteOptions, settle: Duration) -> Self {
        Self { routes, settle, ..Self::default() }
    }

    /// Whether anything is on its way.
    pub(in crate::sessions::streams) fn is_busy(&self) -> bool {
        !(self.making.is_empty() && self.waiting.is_empty() && self.pending.is_empty())
    }

    /// Whether commands are to wait.
    pub(in crate::sessions::streams) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING || self.pending.len() >= ATTEMPTS
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
        self.waiting.push_back(asked);
    }

    pub(super) fn await_name(&mut self, pending: PendingListener) {
        self.is_pool = true;
        self.pending.push(pending);
    }

    /// The next one that waits, where there is a place for it.
    pub(super) fn next(&mut self) -> Option<AskedConnection> {
        if self.making.len() < ATTEMPTS { self.waiting.pop_front() } else { None }
    }

    pub(super) fn begin(&mut self, owner: Id, attempt: OpeningAttempt) {
        debug_assert!(self.making.len() < ATTEMPTS, "each attempt has a place");
        self.making.insert(owner, attempt);
    }

    pub(super) fn attempt(&mut self, owner: Id) -> Option<&mut OpeningAttempt> {
        self.making.get_mut(&owner)
    }

    /// Notes which connections are under way for an attempt.
    pub(super) fn note_attempts(&mut self, owner: Id) {
        let Self { making, owners, .. } = self;
        let Some(OpeningAttempt { connector, noted, .. }) = making.get_mut(&owner) else { return };
        for id in noted.drain(..) {
            owners.remove(&id);
        }
        noted.extend(connector.attempts());
        owners.extend(noted.iter().map(|id| (*id, owner)));
    }

    /// An attempt is over.
    pub(super) fn conclude(&mut self, pool: &mut Pool, owner: Id) -> Option<AskedConnection> {
        pool.release(owner);
        let attempt = self.making.remove(&owner)?;
        for id in &attempt.noted {
            self.owners.remove(id);
        }
        Some(attempt.asked)
    }

    pub(super) fn note_made(&mut self, id: Id, asked: &AskedConnection) {
        self.made.insert(id, asked.address.clone());
        self.count += 1;
    }

    /// The attempts that an event is for.
    pub(super) fn concerned(&self, event: &Event<'_>) -> Vec<Id> {
        let of_attempt = |id: Id| self.owners.get(&id).copied();
        match event {
            Event::Connected { id, .. } | Event::ConnectFailed { id, .. } => {
                of_attempt(*id).into_iter().collect()
            }
            Event::Timer { key } => {
                key.id.filter(|id| self.making.contains_key(id)).into_iter().collect()
            }
            // The answer names a query and no connection: each connector knows its own.
            Event::Mail(Mail::Resolved(..)) => self.making.keys().copied().collect(),
            _ => Vec::new(),
        }
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

    /// Gives up those in the making that are meant, in the order of their numbers.
    pub(super) fn cancel(&mut self, pool: &mut Pool, which: &Recipient) -> Vec<AskedConnection> {
        let is_meant = |asked: &AskedConnection| match which {
            Recipient::All => true,
            Recipient::Conn(number) => asked.number == *number,
            Recipient::Peer(peer) => asked.address.to_string() == *peer,
        };
        let meant = |(_, attempt): &(&Id, &OpeningAttempt)| is_meant(&attempt.asked);
        let owners: Vec<Id> = self.making.iter().filter(meant).map(|(id, _)| *id).collect();
        let mut cancelled = Vec::new();
        for owner in owners {
            if let Some(attempt) = self.making.get_mut(&owner) {
                attempt.connector.cancel(pool);
            }
            cancelled.extend(self.conclude(pool, owner));
        }
        let (waiting, kept) = std::mem::take(&mut self.waiting).into_iter().partition(is_meant);
        self.waiting = kept;
        cancelled.extend::<VecDeque<AskedConnection>>(waiting);
        cancelled.sort_unstable_by_key(|asked| asked.number);
        cancelled
    }

    /// The number of a connection in the making to an address.
    pub(super) fn number_in_making(&self, address: &Address) -> Option<u64> {
        let making = self.making.values().map(|attempt| &attempt.asked);
        let asked = making.chain(&self.waiting).find(|asked| asked.address == *address);
        asked.map(|asked| asked.number)
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
