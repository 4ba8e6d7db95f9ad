//! Connections that commands have asked for and that are not made yet.

use std::collections::{BTreeMap, VecDeque};

use crate::event_loop::{Event, Id, Mail, Pool};
use crate::protocol::command::Recipient;
use crate::sessions::connector::Connector;
use crate::sockets::Address;

/// How many connections are made at once. As many fit into the backlog of any listener,
/// and need no more threads for names.
pub(super) const ATTEMPTS: usize = 256;
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

/// Such a connection while it is being made.
pub(super) struct OpeningAttempt {
    pub(super) asked: AskedConnection,
    pub(super) connector: Connector,
    /// Those of its connections under way that were noted.
    pub(super) noted: Vec<Id>,
}

/// Those that wait for a place, in their order, and those that are being made.
///
/// ```text
///        next(): there is a place       conclude(): made, or not
/// waiting ───────────────────> making ──────────────────────────> gone
///    └─────────────── cancel() ───┴─────────────────────────────────^
/// ```
#[derive(Default)]
pub(in crate::sessions::streams) struct OpeningQueue {
    waiting: VecDeque<AskedConnection>,
    /// By the names that their timers belong to.
    making: BTreeMap<Id, OpeningAttempt>,
    /// The one of them that each connection under way is for.
    owners: BTreeMap<Id, Id>,
}

impl OpeningQueue {
    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.making.is_empty() && self.waiting.is_empty()
    }

    /// Whether commands are to wait.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING
    }

    pub(super) fn push(&mut self, asked: AskedConnection) {
        self.waiting.push_back(asked);
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

    /// The attempts that an event is for.
    pub(super) fn concerned(&self, event: &Event<'_>) -> Vec<Id> {
        let of_attempt = |id: Id| self.owners.get(&id).copied();
        match event {
            Event::Answered { id }
            | Event::Connected { id, .. }
            | Event::ConnectFailed { id, .. } => of_attempt(*id).into_iter().collect(),
            Event::Timer { key } => {
                key.id.filter(|id| self.making.contains_key(id)).into_iter().collect()
            }
            // The answer names a query and no connection: each connector knows its own.
            Event::Mail(Mail::Resolved(..)) => self.making.keys().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// Gives up those that are meant, in the order of their numbers.
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

    /// The number of the one to an address.
    pub(super) fn number_of(&self, address: &Address) -> Option<u64> {
        let making = self.making.values().map(|attempt| &attempt.asked);
        let asked = making.chain(&self.waiting).find(|asked| asked.address == *address);
        asked.map(|asked| asked.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;

    fn asked(number: u64) -> AskedConnection {
        let address = format!("127.0.0.1:{}", number % 2 + 1).parse().unwrap();
        AskedConnection { number, line: number, address }
    }

    fn numbers(asked: impl IntoIterator<Item = AskedConnection>) -> Vec<u64> {
        asked.into_iter().map(|asked| asked.number).collect()
    }

    #[test]
    fn those_that_wait_have_their_turn_in_their_order() {
        let mut queue = OpeningQueue::default();
        (1..=3).for_each(|number| queue.push(asked(number)));
        assert!(!queue.is_empty() && !queue.is_full());
        assert_eq!(numbers(std::iter::from_fn(|| queue.next())), [1, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn commands_wait_while_too_many_do() {
        let mut queue = OpeningQueue::default();
        for number in 0..WAITING as u64 {
            assert!(!queue.is_full());
            queue.push(asked(number));
        }
        assert!(queue.is_full());
        assert!(queue.next().is_some() && !queue.is_full());
    }

    #[test]
    fn those_that_are_meant_are_given_up() {
        let mut event_loop = EventLoop::new().unwrap();
        let mut cancelled = |which: Recipient| {
            let mut queue = OpeningQueue::default();
            (1..=4).for_each(|number| queue.push(asked(number)));
            assert_eq!(queue.number_of(&asked(2).address), Some(2));
            let cancelled = numbers(queue.cancel(event_loop.pool(), &which));
            let left = numbers(std::iter::from_fn(|| queue.next()));
            (cancelled, left)
        };
        assert_eq!(cancelled(Recipient::Conn(3)), (vec![3], vec![1, 2, 4]));
        assert_eq!(cancelled(Recipient::Peer("127.0.0.1:1".into())), (vec![2, 4], vec![1, 3]));
        assert_eq!(cancelled(Recipient::All), (vec![1, 2, 3, 4], vec![]));
    }
}
