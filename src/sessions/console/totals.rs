//! What connections have moved: in the event of the end of one, and in the sums of the run.

use std::time::Instant;

use crate::event_loop::{End, Id, Pool};
use crate::report::{Name, Notice};

/// What has gone through all connections that are gone, and how many there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Messages received and sent; `None` on streams that have none.
    pub(crate) messages: Option<(u64, u64)>,
    /// Connections there were; `None` where there are none.
    pub(crate) connections: Option<u64>,
    /// Bytes that were to be sent and were not.
    pub(crate) unsent: u64,
    /// Bytes that stdout did not take.
    pub(crate) undelivered: u64,
}

/// What the connections that still live have moved together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenTraffic {
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Totals {
    /// Adds those of another loop of the run.
    pub(crate) fn add(&mut self, other: &Self) {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.received += other.received;
        self.sent += other.sent;
        self.messages = match (self.messages, other.messages) {
            (Some(one), Some(other)) => Some((one.0 + other.0, one.1 + other.1)),
            (one, other) => one.or(other),
        };
        self.connections = sum(self.connections, other.connections);
        self.unsent += other.unsent;
        self.undelivered += other.undelivered;
    }
}

impl OpenTraffic {
    /// Adds that of another loop of the run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
    }

    pub(crate) fn of(pool: &Pool, ids: impl Iterator<Item = Id>) -> Self {
        let open = ids.filter_map(|id| pool.traffic(id));
        open.fold(Self::default(), |sum, traffic| Self {
            received: sum.received + traffic.received,
            sent: sum.sent + traffic.sent,
        })
    }
}

/// The `closed` event of a connection.
pub(crate) fn closed_event<'a>(
    peer: &'a str,
    local: &'a str,
    end: &End,
    undelivered: u64,
    now: Instant,
) -> Notice<'a> {
    let mut event = Notice::new(Name::Closed)
        .peer(peer)
        .local(local)
        .traffic(end.traffic.received, end.traffic.sent)
        .secs(now.saturating_duration_since(end.traffic.opened))
        .closed(end.reason);
    if !end.unsent.is_empty() {
        event = event.unsent(end.unsent.len() as u64);
    }
    if undelivered > 0 {
        event = event.undelivered(undelivered);
    }
    event
}
