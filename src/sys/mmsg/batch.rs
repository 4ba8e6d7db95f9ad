//! Reusable memory for datagrams that come, and how it is cut into single datagrams.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;

use super::facts::Facts;
#[cfg(not(target_os = "linux"))]
use super::portable::BatchReceiver;
#[cfg(target_os = "linux")]
use super::recvmmsg::BatchReceiver;
use super::{Arrival, SenderAddress, SourceAddress};

/// Datagrams, or coalesced runs of them, that one call may take.
pub const SLOTS: usize = 64;

/// Bytes for one of them: no UDP datagram and no coalesced run is larger (65,535 with headers).
pub(super) const SLOT: usize = 65_536;

/// Memory for receiving, to be used again and again; one is enough for an event loop.
///
/// It is 4 MiB of address space; a page becomes memory when a datagram first needs it.
pub struct ReceiveBatch {
    memory: Box<[u8]>,
    received: Vec<Received>,
    receiver: BatchReceiver,
    /// Datagrams in all of `received`.
    count: usize,
    emptied: bool,
}

/// What is in a slot.
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) truncated: bool,
    pub(super) from: SenderAddress,
    pub(super) facts: Facts,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    /// Reserves the memory.
    pub fn new() -> Self {
        Self {
            memory: vec![0; SLOTS * SLOT].into_boxed_slice(),
            received: Vec::with_capacity(SLOTS),
            receiver: BatchReceiver::new(),
            count: 0,
            emptied: false,
        }
    }

    /// Receives as many datagrams as are there and fit, in place of the last ones, and returns how
    /// many there are. It never waits. Only `WouldBlock`, or [`ReceiveBatch::emptied`], means that
    /// none are left behind.
    ///
    /// # Errors
    /// `WouldBlock`, or what is pending on the socket: `ConnectionRefused` after an ICMP message.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.clear();
        self.emptied =
            self.receiver.receive(socket.as_fd(), &mut self.memory, &mut self.received)?;
        self.count = self.received.iter().map(Received::count).sum();
        Ok(self.count)
    }

    /// How many datagrams there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes a datagram from elsewhere, behind those that are there, in place of one that was
    /// received; false where there is no room for it.
    pub fn push(
        &mut self,
        payload: &[u8],
        (from, local): (SenderAddress, Option<SourceAddress>),
        dropped: Option<u32>,
    ) -> bool {
        let slot = self.memory.chunks_exact_mut(SLOT).nth(self.received.len());
        let Some(slot) = slot.and_then(|slot| slot.get_mut(..payload.len())) else { return false };
        slot.copy_from_slice(payload);
        let facts = Facts { dropped, local, ..Facts::default() };
        let length = payload.len();
        self.received.push(Received { length, truncated: false, from, facts });
        self.count += 1;
        true
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        self.received.clear();
        self.count = 0;
        self.emptied = false;
    }

    /// Whether the last call is known to have taken all there was, as if the next one had returned
    /// `WouldBlock`: what comes later, an error as well, is a new event of the poll.
    pub fn emptied(&self) -> bool {
        self.emptied
    }

    /// Bytes of all datagrams that the last call received.
    pub fn bytes(&self) -> u64 {
        self.received.iter().map(|received| received.length as u64).sum()
    }

    /// The datagrams that the last call received, in the order in which they came. What arrived
    /// as a coalesced run has one time stamp for all of it.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival<'_>> {
        let slots = self.memory.chunks_exact(SLOT).zip(&self.received);
        slots.flat_map(|(slot, received)| received.arrivals(slot))
    }
}

impl Received {
    /// How many datagrams the slot holds.
    fn count(&self) -> usize {
        self.facts.segment.map_or(1, |segment| self.length.div_ceil(segment.get()).max(1))
    }

    fn arrivals<'a>(&'a self, slot: &'a [u8]) -> impl Iterator<Item = Arrival<'a>> {
        let payload = slot.get(..self.length).unwrap_or_default();
        // All datagrams of a run have one size but the last, which may be shorter.
        let segment = self.facts.segment.map_or(SLOT, NonZeroUsize::get);
        let (first, others) = payload.split_at_checked(segment).unwrap_or((payload, &[]));
        let last = self.count() - 1;
        // Chunks of nothing are no chunks, but an empty datagram is a datagram.
        let pieces = std::iter::once(first).chain(others.chunks(segment));
        pieces.enumerate().map(move |(index, payload)| Arrival {
            payload,
            from: &self.from,
            local: self.facts.local,
            truncated: self.truncated && index == last,
            time: self.facts.time,
            dropped: self.facts.dropped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(length: usize, segment: usize) -> Vec<usize> {
        let facts = Facts { segment: NonZeroUsize::new(segment), ..Facts::default() };
        let received = Received { length, truncated: true, from: SenderAddress::Unix(None), facts };
        let slot = vec![7; SLOT];
        let arrivals: Vec<_> = received.arrivals(&slot).collect();
        assert_eq!(arrivals.len(), received.count());
        let (last, others) = arrivals.split_last().unwrap();
        assert!(last.truncated && others.iter().all(|arrival| !arrival.truncated));
        arrivals.iter().map(|arrival| arrival.payload.len()).collect()
    }

    #[test]
    fn a_run_is_cut_into_its_datagrams() {
        assert_eq!(split(0, 0), [0]);
        assert_eq!(split(65_507, 0), [65_507]);
        assert_eq!(split(SLOT, 0), [SLOT]);
        assert_eq!(split(3600, 1200), [1200, 1200, 1200]);
        assert_eq!(split(2401, 1200), [1200, 1200, 1]);
        assert_eq!(split(1200, 1200), [1200]);
        assert_eq!(split(64, 1).len(), 64);
    }
}
