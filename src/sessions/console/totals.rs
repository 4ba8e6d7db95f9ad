//! Traffic counts: of one connection for its `closed` event, and of all for the sums of the run.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event_loop::{End, Id, Pool, Traffic};
use crate::report::{Name, Notice};

/// The traffic of all connections that are closed, and how many there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Messages received and sent; `None` on streams that have none.
    pub(crate) messages: Option<(u64, u64)>,
    /// How many connections there were; `None` where a run has none.
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

    /// Adds the totals of another loop of the run.
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
    /// Adds the traffic of another loop of the run.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::SendQueue;
    use crate::close::CloseReason;

    const AGE: Duration = Duration::from_secs(7);

    fn traffic(received: u64, sent: u64) -> Traffic {
        let now = Instant::now();
        Traffic { received, sent, opened: now, last_active: now }
    }

    #[test]
    fn sums_have_what_is_gone_and_what_still_lives() {
        let mut totals = Totals::default();
        totals.count(&traffic(1, 10));
        totals.count(&traffic(2, 20));
        let open = OpenTraffic { received: 100, sent: 1000 };
        let plain = Notice::new(Name::Stats).traffic(103, 1030).secs(AGE);
        assert_eq!(totals.sums(Name::Stats, open, AGE), plain);
        (totals.messages, totals.connections) = (Some((4, 5)), Some(2));
        let expected = plain.messages(4, 5).connections(2);
        assert_eq!(totals.sums(Name::Stats, open, AGE), expected);
    }

    #[test]
    fn a_summary_names_what_was_not_sent_or_not_taken_only_where_there_is_any() {
        let mut totals = Totals { received: 3, sent: 4, ..Totals::default() };
        let plain = |status: Status| {
            let code = u32::from(status.code());
            Notice::new(Name::Summary).traffic(3, 4).secs(AGE).code(code)
        };
        assert_eq!(totals.summary(Status::Done, AGE), plain(Status::Done));
        totals.unsent = 5;
        assert_eq!(totals.summary(Status::Lost, AGE), plain(Status::Lost).unsent(5));
        (totals.unsent, totals.undelivered) = (0, 6);
        assert_eq!(totals.summary(Status::Local, AGE), plain(Status::Local).undelivered(6));
    }

    #[test]
    fn the_totals_of_loops_add_up_and_what_one_does_not_count_the_other_does() {
        let mut all = Totals { received: 1, sent: 2, unsent: 3, ..Totals::default() };
        all.add(&Totals::default());
        assert_eq!((all.messages, all.connections), (None, None));
        let (messages, connections) = (Some((5, 6)), Some(7));
        let other =
            Totals { received: 10, sent: 20, messages, connections, unsent: 30, undelivered: 40 };
        all.add(&other);
        assert_eq!((all.messages, all.connections), (Some((5, 6)), Some(7)));
        all.add(&other);
        assert_eq!((all.received, all.sent, all.unsent, all.undelivered), (21, 42, 63, 80));
        assert_eq!((all.messages, all.connections), (Some((10, 12)), Some(14)));
        let mut open = OpenTraffic { received: 1, sent: 2 };
        open.add(&OpenTraffic { received: 10, sent: 20 });
        assert_eq!((open.received, open.sent), (11, 22));
    }

    #[test]
    fn a_closed_event_counts_the_bytes_that_were_lost_on_either_way() {
        let traffic = traffic(8, 9);
        let mut queue = SendQueue::default();
        queue.push("unsent".into());
        let mut end = End {
            reason: CloseReason::PEER,
            error: None,
            traffic,
            unsent: <_>::default(),
            unacknowledged: 1,
            undelivered: 2,
        };
        let plain = Notice::new(Name::Closed)
            .peer("peer")
            .local("local")
            .traffic(8, 9)
            .secs(AGE)
            .closed(CloseReason::PEER);
        let now = traffic.opened + AGE;
        assert_eq!(closed_event("peer", "local", &end, 0, now), plain.clone());
        end.unsent = queue.take();
        assert_eq!(closed_event("peer", "local", &end, 3, now), plain.unsent(6).undelivered(3));
    }
}
