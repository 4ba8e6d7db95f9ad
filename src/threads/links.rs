//! The ways from one loop to the others, each with a bound on what is under way.
//!
//! ```text
//!          more than WINDOW is under way
//! open ────────────────────────────────────> full: what feeds it waits
//!      <──────────────────────────────────── the other side has taken enough
//! ```
//!
//! The other side speaks of each [`PORTION`](super::letters::PORTION) that it has taken, so that a way that is full always hears of more.

use bytes::Bytes;

use super::letters::{News, OVERHEAD, ToLoop, WINDOW, send, send_news};
use crate::event_loop::Mailbox;
use crate::sessions::{ConsoleEntry, OtherLoops, Uplink};

/// From a loop to the console, which the main loop has.
pub(super) struct ConsoleLink {
    main: Mailbox,
    own: usize,
    /// What this event has brought so far.
    entries: Vec<ConsoleEntry>,
    under_way: usize,
}

impl ConsoleLink {
    pub(super) fn new(main: Mailbox, own: usize) -> Self {
        Self { main, own, entries: Vec::new(), under_way: 0 }
    }
}

impl Uplink for ConsoleLink {
    fn send(&mut self, entry: ConsoleEntry) {
        self.under_way += entry.cost();
        self.entries.push(entry);
    }

    fn flush(&mut self) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            send_news(&self.main, self.own, News::Entries(entries));
        }
    }

    fn is_full(&self) -> bool {
        self.under_way > WINDOW
    }

    fn note_taken(&mut self, cost: usize) {
        debug_assert!(cost <= self.under_way, "{cost} of {} are taken", self.under_way);
        self.under_way = self.under_way.saturating_sub(cost);
    }
}

/// From one loop to all others that serve.
pub(super) struct LoopLinks {
    /// The number of this loop; the main loop is behind the last one.
    own: usize,
    links: Vec<LoopLink>,
    /// The main loop brings connections to this one.
    is_fed: bool,
}

struct LoopLink {
    /// `None` for the loop itself, and for one that is gone.
    mailbox: Option<Mailbox>,
    under_way: usize,
}

impl LoopLinks {
    pub(super) fn new(mailboxes: &[Mailbox], own: usize) -> Self {
        let link = |(at, mailbox): (usize, &Mailbox)| LoopLink {
            mailbox: (at != own).then(|| mailbox.clone()),
            under_way: 0,
        };
        let is_fed = own < mailboxes.len();
        Self { own, links: mailboxes.iter().enumerate().map(link).collect(), is_fed }
    }
}

impl OtherLoops for LoopLinks {
    fn broadcast(&mut self, piece: &Bytes, messages: u64, by_peer: bool) {
        for link in &mut self.links {
            if let Some(mailbox) = &link.mailbox {
                link.under_way += piece.len() + OVERHEAD;
                // The bytes are shared: each loop gets a handle.
                let (from, piece) = (self.own, piece.clone());
                send(mailbox, ToLoop::Pass { from, piece, messages, by_peer });
            }
        }
    }

    fn are_full(&self) -> bool {
        self.links.iter().any(|link| link.under_way > WINDOW)
    }

    fn bring(&self) -> bool {
        self.is_fed
    }

    fn note_taken(&mut self, by: usize, bytes: usize) {
        if let Some(link) = self.links.get_mut(by) {
            link.under_way = link.under_way.saturating_sub(bytes);
        }
    }

    fn note_gone(&mut self, which: usize) {
        if let Some(link) = self.links.get_mut(which) {
            *link = LoopLink { mailbox: None, under_way: 0 };
        }
    }

    fn note_last(&mut self) {
        self.is_fed = false;
    }
}
