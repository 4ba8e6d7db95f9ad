//! The queues from one loop to the others, each with a bound on what is in flight.
//!
//! ```text
//!          more than WINDOW is in flight
//! open ────────────────────────────────────> full: what feeds it waits
//!      <──────────────────────────────────── the other side has taken enough
//! ```
//!
//! The other side acknowledges each [`PORTION`](super::messages::PORTION) that it has taken. That is a
//! quarter of the window, so that an acknowledgement always follows where one is full.

use bytes::Bytes;

use super::messages::{LoopUpdate, OVERHEAD, ToLoop, WINDOW, send, send_update};
use crate::event_loop::Mailbox;
use crate::sessions::{Author, ConsoleEntry, OtherLoops, Uplink};

/// From a loop to the console, which the main loop has.
pub(super) struct ConsoleLink {
    main: Mailbox,
    index: usize,
    /// What this event has brought so far.
    entries: Vec<ConsoleEntry>,
    in_flight: usize,
}

impl ConsoleLink {
    pub(super) fn new(main: Mailbox, index: usize) -> Self {
        Self { main, index, entries: Vec::new(), in_flight: 0 }
    }
}

impl Uplink for ConsoleLink {
    fn send(&mut self, entry: ConsoleEntry) {
        self.in_flight += entry.cost();
        self.entries.push(entry);
    }

    fn flush(&mut self) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            send_update(&self.main, self.index, LoopUpdate::Entries(entries));
        }
    }

    fn is_full(&self) -> bool {
        self.in_flight > WINDOW
    }

    fn note_taken(&mut self, cost: usize) {
        debug_assert!(cost <= self.in_flight, "{cost} of {} are taken", self.in_flight);
        self.in_flight = self.in_flight.saturating_sub(cost);
    }
}

/// From one loop to all others that serve.
pub(super) struct LoopLinks {
    /// The number of this loop; the main loop is behind the last one.
    index: usize,
    links: Vec<LoopLink>,
    /// The main loop brings connections to this one.
    is_fed: bool,
}

struct LoopLink {
    /// `None` for the loop itself, and for one that is gone.
    mailbox: Option<Mailbox>,
    in_flight: usize,
}

impl LoopLinks {
    pub(super) fn new(mailboxes: &[Mailbox], index: usize) -> Self {
        let link = |(at, mailbox): (usize, &Mailbox)| LoopLink {
            mailbox: (at != index).then(|| mailbox.clone()),
            in_flight: 0,
        };
        let is_fed = index < mailboxes.len();
        Self { index, links: mailboxes.iter().enumerate().map(link).collect(), is_fed }
    }
}

impl OtherLoops for LoopLinks {
    fn broadcast(&mut self, author: Author, piece: &Bytes, messages: u64) {
        let author = author.elsewhere();
        for link in &mut self.links {
            if let Some(mailbox) = &link.mailbox {
                link.in_flight += piece.len() + OVERHEAD;
                // The bytes are shared: each loop gets a handle.
                let (from, piece) = (self.index, piece.clone());
                send(mailbox, ToLoop::Pass { from, author, piece, messages });
            }
        }
    }

    fn are_full(&self) -> bool {
        self.links.iter().any(|link| link.in_flight > WINDOW)
    }

    fn bring(&self) -> bool {
        self.is_fed
    }

    fn note_taken(&mut self, by: usize, bytes: usize) {
        if let Some(link) = self.links.get_mut(by) {
            link.in_flight = link.in_flight.saturating_sub(bytes);
        }
    }

    fn note_gone(&mut self, which: usize) {
        if let Some(link) = self.links.get_mut(which) {
            *link = LoopLink { mailbox: None, in_flight: 0 };
        }
    }

    fn note_last(&mut self) {
        self.is_fed = false;
    }
}
