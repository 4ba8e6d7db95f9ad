//! A batch of messages on its way to every destination.
//!
//! Each destination has a cursor of its own in the same bytes: the kernel may take more for one
//! socket than for another, while a rate releases messages to all of them together.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::send::SendTo;
use crate::event_loop::{BatchSent, Id, Pool};
use crate::protocol::pacer::Pacer;
use crate::sessions::input::Batch;
use crate::sys::mmsg::Outgoing;

/// Datagrams handed to the kernel at once.
const WINDOW: usize = 256;

/// Sends many datagrams by one socket.
pub(super) trait SendDatagrams {
    fn send_datagrams(&mut self, socket: Id, datagrams: &[Outgoing<'_>]) -> BatchSent;
}

impl SendDatagrams for Pool {
    fn send_datagrams(&mut self, socket: Id, datagrams: &[Outgoing<'_>]) -> BatchSent {
        self.send_datagrams(socket, datagrams)
    }
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// The socket.
    pub(super) id: Id,
    /// Sockets to try in its place, while it is refused.
    others: Vec<Id>,
    /// Sockets that were refused.
    refused: Vec<Id>,
    /// The address; `None` on a connected socket.
    pub(super) to: Option<SocketAddr>,
    /// What it is called in messages.
    pub(super) title: String,
}

impl Destination {
    /// The first socket of a command's destination; `None` where it has none.
    pub(super) fn new(to: SendTo) -> Option<Self> {
        let mut ids = to.ids.into_iter();
        let (id, others) = (ids.next()?, ids.collect());
        Some(Self { id, others, refused: Vec::new(), to: to.to, title: to.title })
    }

    /// All its sockets.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let others = self.others.iter().chain(&self.refused).copied();
        std::iter::once(self.id).chain(others)
    }

    /// The same with its sockets in their first order: a refused one may have a listener by now.
    fn restarted(&self) -> Self {
        let mut ids = self.refused.iter().chain([&self.id]).chain(&self.others).copied();
        let id = ids.next().unwrap_or(self.id);
        Self { id, others: ids.collect(), refused: Vec::new(), ..self.clone() }
    }
}

/// How far one destination is in the batch.
struct Cursor {
    destination: Destination,
    /// Datagrams that are done with: sent, or given up.
    done: u64,
}

/// A batch in progress.
#[derive(Default)]
pub(super) struct SendBatch {
    batch: Batch,
    /// How many times each message is sent.
    repeat: u64,
    cursors: Vec<Cursor>,
    /// Datagrams of each destination that the rate has released.
    released: u64,
    /// Datagrams that went out, over all batches and destinations.
    pub(super) sent: u64,
}

/// How far sending got.
#[derive(Debug)]
pub(super) enum Pumped {
    /// Every destination has had every message.
    Done,
    /// The kernel takes no more for some socket: go on at its `Drained`.
    Blocked,
    /// The rate lets the next message go at this time.
    Paced(Instant),
    /// A datagram failed; [`SendBatch::skip`] or [`SendBatch::give_up`] decides what becomes of it.
    Failed(Destination, io::Error),
}

impl SendBatch {
    /// Takes a new batch for these destinations. The last one must be done.
    pub(super) fn load(&mut self, batch: Batch, repeat: u64, to: &[Destination]) {
        self.batch = batch;
        self.repeat = repeat.max(1);
        self.released = 0;
        let cursor =
            |destination: &Destination| Cursor { destination: destination.clone(), done: 0 };
        self.cursors = to.iter().map(cursor).collect();
    }

    /// Starts the batch over, if there is one, for these destinations.
    pub(super) fn begin_again(&mut self, to: &[Destination]) -> bool {
        let batch = std::mem::take(&mut self.batch);
        let is_there = !batch.ends.is_empty();
        self.load(batch, self.repeat, to);
        is_there
    }

    /// Starts the batch over, for peers that have not answered, by their first sockets.
    pub(super) fn rewind(&mut self, all: &mut [Destination]) {
        self.released = 0;
        for cursor in &mut self.cursors {
            *cursor = Cursor { destination: cursor.destination.restarted(), done: 0 };
        }
        all.iter_mut().for_each(|known| *known = known.restarted());
    }

    /// Datagrams of each cursor.
    fn total(&self) -> u64 {
        self.batch.ends.len() as u64 * self.repeat
    }

    /// Bytes of the batch that not every destination has had.
    pub(super) fn waiting(&self) -> usize {
        let done = self.cursors.iter().map(|cursor| cursor.done).min().unwrap_or(self.total());
        let message = usize::try_from(done / self.repeat.max(1)).unwrap_or(usize::MAX);
        let sent = message.checked_sub(1).and_then(|last| self.batch.ends.get(last));
        self.batch.bytes.len() - sent.copied().unwrap_or(0)
    }

    /// Whether there is nothing left to send.
    pub(super) fn is_done(&self) -> bool {
        self.cursors.iter().all(|cursor| cursor.done >= self.total())
    }

    /// Sends what the rate and the kernel allow.
    pub(super) fn pump(
        &mut self,
        pool: &mut impl SendDatagrams,
        now: Instant,
        pacer: Option<&mut Pacer>,
    ) -> Pumped {
        let paced = self.release(now, pacer);
        let mut blocked = false;
        for index in 0..self.cursors.len() {
            match self.pump_cursor(pool, index) {
                Some(Pumped::Blocked) => blocked = true,
                Some(failed) => return failed,
                None => {}
            }
        }
        match paced {
            _ if blocked => Pumped::Blocked,
            Some(at) => Pumped::Paced(at),
            None => Pumped::Done,
        }
    }

    /// Releases what is due; returns when the next message is.
    fn release(&mut self, now: Instant, pacer: Option<&mut Pacer>) -> Option<Instant> {
        let Some(pacer) = pacer else {
            self.released = self.total();
            return None;
        };
        while self.released < self.total() {
            let len = self.message(self.released).len();
            if !pacer.try_take(len, now) {
                return Some(pacer.next_at());
            }
            self.released += 1;
        }
        None
    }

    /// Sends for one destination; `None` when it has had all that is released.
    fn pump_cursor(&mut self, pool: &mut impl SendDatagrams, index: usize) -> Option<Pumped> {
        loop {
            let cursor = self.cursors.get(index)?;
            let left = self.released.saturating_sub(cursor.done);
            if left == 0 {
                return None;
            }
            let count = usize::try_from(left).unwrap_or(WINDOW).min(WINDOW);
            let (first, to, id) = (cursor.done, cursor.destination.to, cursor.destination.id);
            let window: Vec<Outgoing<'_>> = (first..)
                .take(count)
                .map(|at| Outgoing { payload: self.message(at), to })
                .collect();
            let outcome = pool.send_datagrams(id, &window);
            let (sent, end) = match outcome {
                BatchSent::All => (count, None),
                BatchSent::Some(sent) => (sent, Some(Pumped::Blocked)),
                BatchSent::Failed(sent, error) => {
                    (sent, Some(Pumped::Failed(cursor.destination.clone(), error)))
                }
                BatchSent::Gone => (0, Some(self.gone(index))),
            };
            self.sent += sent as u64;
            self.cursors.get_mut(index)?.done += sent as u64;
            if end.is_some() {
                return end;
            }
        }
    }

    fn gone(&self, index: usize) -> Pumped {
        match self.cursors.get(index) {
            Some(cursor) => {
                Pumped::Failed(cursor.destination.clone(), io::ErrorKind::NotConnected.into())
            }
            None => Pumped::Done,
        }
    }

    fn message(&self, at: u64) -> &[u8] {
        let index = usize::try_from(at / self.repeat).unwrap_or(usize::MAX);
        self.batch.message(index)
    }

    /// A destination refuses datagrams: takes its next socket, from the first message of the
    /// batch on. False where there is none left.
    pub(super) fn try_next_socket(&mut self, from: &Destination, all: &mut [Destination]) -> bool {
        if from.others.is_empty() {
            return false;
        }
        let next = Destination {
            id: from.others.first().copied().unwrap_or(from.id),
            others: from.others.iter().skip(1).copied().collect(),
            refused: from.refused.iter().chain([&from.id]).copied().collect(),
            ..from.clone()
        };
        for known in all.iter_mut().filter(|known| *known == from) {
            *known = next.clone();
        }
        for cursor in self.cursors.iter_mut().filter(|cursor| cursor.destination == *from) {
            *cursor = Cursor { destination: next.clone(), done: 0 };
        }
        true
    }

    /// Passes over the next datagram of a destination.
    pub(super) fn skip(&mut self, destination: &Destination) {
        self.cursors
            .iter_mut()
            .filter(|cursor| cursor.destination == *destination)
            .for_each(|cursor| cursor.done += 1);
    }

    /// Sends nothing more to a destination.
    pub(super) fn give_up(&mut self, destination: &Destination) {
        self.cursors.retain(|cursor| cursor.destination != *destination);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::protocol::pacer::Rate;

    /// A kernel with room for so many datagrams in each socket; port 9 refuses all.
    #[derive(Default)]
    struct Kernel {
        room: HashMap<Id, usize>,
        taken: Vec<(Id, Vec<u8>)>,
    }

    impl SendDatagrams for Kernel {
        fn send_datagrams(&mut self, socket: Id, datagrams: &[Outgoing<'_>]) -> BatchSent {
            for (done, datagram) in datagrams.iter().enumerate() {
                if datagram.to.is_some_and(|to| to.port() == 9) {
                    return BatchSent::Failed(done, io::ErrorKind::ConnectionRefused.into());
                }
                let room = self.room.entry(socket).or_insert(usize::MAX);
                if *room == 0 {
                    return BatchSent::Some(done);
                }
                *room -= 1;
                self.taken.push((socket, datagram.payload.to_vec()));
            }
            BatchSent::All
        }
    }

    fn to(slot: u32, port: u16) -> Destination {
        let (ids, to) = (vec![Id::for_tests(slot)], Some(([127, 0, 0, 1], port).into()));
        Destination::new(SendTo { ids, to, title: port.to_string() }).unwrap()
    }

    fn batch(to: &[Destination], repeat: u64) -> SendBatch {
        let mut batch = SendBatch::default();
        batch.load(Batch { bytes: b"aabbb".to_vec(), ends: vec![2, 5] }, repeat, to);
        batch
    }

    fn texts(kernel: &Kernel, slot: u32) -> Vec<&str> {
        let mine = kernel.taken.iter().filter(|(id, _)| *id == Id::for_tests(slot));
        mine.map(|(_, payload)| std::str::from_utf8(payload).unwrap()).collect()
    }

    #[test]
    fn a_full_socket_does_not_hold_up_the_others() {
        let (mut kernel, now) = (Kernel::default(), Instant::now());
        kernel.room.insert(Id::for_tests(1), 1);
        let mut batch = batch(&[to(1, 1), to(2, 2)], 2);
        assert!(matches!(batch.pump(&mut kernel, now, None), Pumped::Blocked));
        assert_eq!(
            (texts(&kernel, 1), texts(&kernel, 2)),
            (vec!["aa"], vec!["aa", "aa", "bbb", "bbb"])
        );
        // The first message goes out once more, so that nothing of the batch is done with.
        assert_eq!((batch.sent, batch.waiting(), batch.is_done()), (5, 5, false));
        kernel.room.clear();
        assert!(matches!(batch.pump(&mut kernel, now, None), Pumped::Done));
        assert_eq!((texts(&kernel, 1).len(), batch.waiting(), batch.is_done()), (4, 0, true));
    }

    #[test]
    fn a_rate_releases_messages_to_all_destinations_together() {
        let (mut kernel, now) = (Kernel::default(), Instant::now());
        let mut pacer = Pacer::new(Rate::Messages(10.0), now);
        let mut batch = batch(&[to(1, 1), to(2, 2)], 1);
        let Pumped::Paced(at) = batch.pump(&mut kernel, now, Some(&mut pacer)) else {
            panic!("all at once");
        };
        assert_eq!(at - now, Duration::from_millis(100));
        assert_eq!((texts(&kernel, 1), texts(&kernel, 2)), (vec!["aa"], vec!["aa"]));
        assert!(matches!(batch.pump(&mut kernel, at, Some(&mut pacer)), Pumped::Done));
        assert_eq!(texts(&kernel, 2), ["aa", "bbb"]);
    }

    #[test]
    fn a_refused_datagram_is_passed_over_or_its_destination_given_up() {
        let (mut kernel, now) = (Kernel::default(), Instant::now());
        let mut batch = batch(&[to(1, 9), to(2, 2)], 1);
        for skipped in [true, false] {
            let Pumped::Failed(destination, error) = batch.pump(&mut kernel, now, None) else {
                panic!("nothing failed");
            };
            assert_eq!(
                (destination.title.as_str(), error.kind()),
                ("9", io::ErrorKind::ConnectionRefused)
            );
            if skipped { batch.skip(&destination) } else { batch.give_up(&destination) }
        }
        assert!(matches!(batch.pump(&mut kernel, now, None), Pumped::Done));
        assert_eq!((texts(&kernel, 2), batch.sent), (vec!["aa", "bbb"], 2));
    }
}
