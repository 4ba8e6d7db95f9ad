//! A batch of messages on its way to every destination.
//!
//! Each destination has a cursor of its own in the same bytes: the kernel may take more for one
//! socket than for another, while a rate releases messages to all of them together.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

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

/// Where messages go.
pub struct Destination {
    /// Its sockets, one for each address of a name; those that are not connected with that address.
    sockets: Vec<(Id, Option<SocketAddr>)>,
    /// Which of them is used: those before it were refused.
    used: usize,
    /// What it is called in messages.
    title: String,
    /// Datagrams of the batch that are done with: sent, or given up.
    done: u64,
}

impl Destination {
    /// A destination by the first of these sockets; the others are tried while it is refused.
    pub fn new(sockets: Vec<(Id, Option<SocketAddr>)>, title: String) -> Self {
        debug_assert!(!sockets.is_empty());
        Self { sockets, used: 0, title, done: 0 }
    }

    /// All its sockets.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.sockets.iter().map(|(id, _)| *id)
    }

    /// The socket that is used, and the address that it needs.
    fn socket(&self) -> Option<(Id, Option<SocketAddr>)> {
        self.sockets.get(self.used).copied()
    }

    /// The socket that is used.
    fn id(&self) -> Option<Id> {
        self.socket().map(|(id, _)| id)
    }
}

/// A batch in progress, and its destinations.
///
/// ```text
/// loaded ── pump ──> Done: every destination has had every message; the next batch may be loaded
///   ^        │ ├───> Blocked: a socket is full ── `Drained` ──┐
///   │        │ ├───> Paced: the rate holds the next message ──┼──> pump
///   │        │ └───> Failed: skip, give up, or the next socket┘
///   └ rewind ┘ nobody has answered: the same batch again
/// ```
#[derive(Default)]
pub(super) struct SendBatch {
    batch: Batch,
    /// How many times each message is sent.
    repeat: u64,
    destinations: Vec<Destination>,
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
    /// A datagram to the destination of this index failed; [`SendBatch::skip`] or
    /// [`SendBatch::give_up`] decides what becomes of it.
    Failed(usize, io::Error),
}

impl SendBatch {
    /// A batch of nothing, to whom the messages will go.
    pub(super) fn new(destinations: Vec<Destination>, repeat: u64) -> Self {
        Self { repeat: repeat.max(1), destinations, ..Self::default() }
    }

    /// Takes other destinations, which get the batch from its first message.
    pub(super) fn set_destinations(&mut self, destinations: Vec<Destination>) {
        self.destinations = destinations;
        self.rewind();
    }

    pub(super) fn has_destinations(&self) -> bool {
        !self.destinations.is_empty()
    }

    /// The destination that uses a socket.
    pub(super) fn find(&self, id: Id) -> Option<usize> {
        self.destinations.iter().position(|to| to.id() == Some(id))
    }

    /// The sockets that are used.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.destinations.iter().filter_map(Destination::id)
    }

    /// What a destination is called in messages.
    pub(super) fn title(&self, at: usize) -> &str {
        self.destinations.get(at).map_or("", |to| &to.title)
    }

    /// Gives the batch back, which must be done, so that the next one is made in its memory.
    pub(super) fn unload(&mut self) -> Batch {
        debug_assert!(self.is_done());
        let batch = std::mem::take(&mut self.batch);
        self.rewind();
        batch
    }

    /// Takes a new batch. The last one must be done.
    pub(super) fn load(&mut self, batch: Batch) {
        debug_assert!(self.is_done());
        self.batch = batch;
        self.rewind();
    }

    /// Whether there are messages, sent or not.
    pub(super) fn is_loaded(&self) -> bool {
        !self.batch.ends.is_empty()
    }

    /// Starts the batch over, by the first sockets: a refused one may have a listener by now.
    pub(super) fn rewind(&mut self) {
        self.released = 0;
        self.destinations.iter_mut().for_each(|to| (to.used, to.done) = (0, 0));
    }

    /// Datagrams for each destination.
    fn total(&self) -> u64 {
        self.batch.ends.len() as u64 * self.repeat
    }

    /// Bytes of the batch that not every destination has had.
    pub(super) fn waiting(&self) -> usize {
        let done = self.destinations.iter().map(|to| to.done).min().unwrap_or(self.total());
        let message = usize::try_from(done / self.repeat.max(1)).unwrap_or(usize::MAX);
        let sent = message.checked_sub(1).and_then(|last| self.batch.ends.get(last));
        self.batch.bytes.len() - sent.copied().unwrap_or(0)
    }

    /// Whether there is nothing left to send.
    pub(super) fn is_done(&self) -> bool {
        self.destinations.iter().all(|to| to.done >= self.total())
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
        for at in 0..self.destinations.len() {
            match self.pump_one(pool, at) {
                // The others go on: each socket has a send buffer of its own.
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

    /// Sends to one destination; `None` when it has had all that is released.
    fn pump_one(&mut self, pool: &mut impl SendDatagrams, at: usize) -> Option<Pumped> {
        loop {
            let destination = self.destinations.get(at)?;
            let left = self.released.saturating_sub(destination.done);
            if left == 0 {
                return None;
            }
            let count = usize::try_from(left).unwrap_or(WINDOW).min(WINDOW);
            let first = destination.done;
            let Some((id, to)) = destination.socket() else {
                return Some(Pumped::Failed(at, io::ErrorKind::NotConnected.into()));
            };
            let window: Vec<Outgoing<'_>> = (first..)
                .take(count)
                .map(|number| Outgoing { payload: self.message(number), to })
                .collect();
            let (sent, end) = match pool.send_datagrams(id, &window) {
                BatchSent::All => (count, None),
                BatchSent::Some(sent) => (sent, Some(Pumped::Blocked)),
                BatchSent::Failed(sent, error) => (sent, Some(Pumped::Failed(at, error))),
                BatchSent::Gone => {
                    (0, Some(Pumped::Failed(at, io::ErrorKind::NotConnected.into())))
                }
            };
            self.sent += sent as u64;
            self.destinations.get_mut(at)?.done += sent as u64;
            if end.is_some() {
                return end;
            }
        }
    }

    fn message(&self, number: u64) -> &[u8] {
        let index = usize::try_from(number / self.repeat).unwrap_or(usize::MAX);
        self.batch.message(index)
    }

    /// A destination refuses datagrams: uses its next socket, from the first message of the batch
    /// on. False where there is none left.
    pub(super) fn try_next_socket(&mut self, at: usize) -> bool {
        let Some(to) = self.destinations.get_mut(at) else { return false };
        let has_next = to.used + 1 < to.sockets.len();
        if has_next {
            (to.used, to.done) = (to.used + 1, 0);
        }
        has_next
    }

    /// Passes over the next datagram to a destination.
    pub(super) fn skip(&mut self, at: usize) {
        if let Some(to) = self.destinations.get_mut(at) {
            to.done += 1;
        }
    }

    /// Sends nothing more to a destination.
    pub(super) fn give_up(&mut self, at: usize) {
        if at < self.destinations.len() {
            self.destinations.remove(at);
        }
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
        let to = Some(([127, 0, 0, 1], port).into());
        Destination::new(vec![(Id::for_tests(slot), to)], port.to_string())
    }

    fn batch<const N: usize>(to: [Destination; N], repeat: u64) -> SendBatch {
        let mut batch = SendBatch::new(to.into(), repeat);
        batch.load(Batch { bytes: b"aabbb".to_vec(), ends: vec![2, 5] });
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
        let mut batch = batch([to(1, 1), to(2, 2)], 2);
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
        let mut batch = batch([to(1, 1), to(2, 2)], 1);
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
        let mut batch = batch([to(1, 9), to(2, 2)], 1);
        for skipped in [true, false] {
            let Pumped::Failed(at, error) = batch.pump(&mut kernel, now, None) else {
                panic!("nothing failed");
            };
            assert_eq!((batch.title(at), error.kind()), ("9", io::ErrorKind::ConnectionRefused));
            if skipped { batch.skip(at) } else { batch.give_up(at) }
        }
        assert!(matches!(batch.pump(&mut kernel, now, None), Pumped::Done));
        assert_eq!((texts(&kernel, 2), batch.sent), (vec!["aa", "bbb"], 2));
    }
}
