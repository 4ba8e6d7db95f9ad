//! The end of a connection as an event.

use std::time::Instant;

use crate::event_loop::End;
use crate::report::{Name, Notice};

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
