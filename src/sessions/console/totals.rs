//! What connections have moved: in the event of the end of one, and in the sums of the run.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event_loop::{End, Id, Pool, Traffic};
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
    /// Adds what a connection has moved.
    pub(crate) fn count(&mut self, traffic: &Traffic) {
        self.received += traffic.received;
        self.sent += traffic.sent;
    }

    /// The sums of a run of this age as an event; `open` is what connections that still live have moved.
    pub(super) fn sums(&self, name: Name, open: OpenTraffic, age: Duration) -> Notice<'static> {
        let mut event = Notice::new(name)
            .traffic(self.received + open.received, self.sent + open.sent)
            .secs(age);
        if let Some((received, sent)) = self.messages {
            event = event.messages(received, sent);
        }
        if let Some(connections) = self.connections {
            event = event.connections(connections);
        }
        event
    }

    /// The sums at the end of a run.
    pub(super) fn summary(&self, status: Status, age: Duration) -> Notice<'static> {
        let mut summary = self.sums(Name::Summary, OpenTraffic::default(), age);
        summary = summary.code(u32::from(status.code()));
        if self.unsent > 0 {
            summary = summary.unsent(self.unsent);
        }
        if self.undelivered > 0 {
            summary = summary.undelivered(self.undelivered);
        }
        summary
    }

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
