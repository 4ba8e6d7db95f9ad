//! How the connections of a session are closed when its run ends, and what their ends mean for its status.
//!
//! A connection is cut where more was to be sent to it: something is left of stdin, or its service
//! knows of more, such as an upstream that has not sent FIN. A FIN would make what it got look whole.
//! It is cut as well where what it has sent is not read any more.
//!
//! | | nothing is left | it is cut |
//! |---|---|---|
//! | [`EndMode::InOrder`] | the queue, FIN, and the peer's FIN | the queue, and RST once all is acknowledged |
//! | [`EndMode::GiveUp`] | the queue, FIN | the same |
//! | [`EndMode::AtOnce`] | FIN, or RST where something is queued | RST |
//!
//! The first two have a limit only where the core has set one; it turns them into the third.

use super::{Connection, Streams, linking};
use crate::close::CloseReason;
use crate::error::{Failure, HandshakeError, Status};
use crate::event_loop::{CloseMode, End, Id, Pool};
use crate::kind::Kind;
use crate::protocol::text::bytes_not;
use crate::sessions::core::Core;
use crate::sessions::services::{Losses, StreamService};

/// The failure of a run that has lost its connection, with `left` bytes of its input unread.
pub(crate) fn lost(peer: String, kind: Kind, end: &End, left: u64) -> Failure {
    let cause = match &end.error {
        Some(error) => crate::error::plain(error),
        None => end.reason.to_string(),
    };
    const OPERATION: &str = "keep the connection to";
    let failure = match &end.error {
        // In TLS 1.3 a client learns only behind its handshake that a server refuses it.
        Some(error) if HandshakeError::of(error).is_some() => {
            Failure::io(Status::Lost, OPERATION, peer, error)
        }
        Some(error) if end.reason == CloseReason::TLS => {
            Failure::new(Status::Lost, Kind::from(error), OPERATION, peer, cause)
        }
        _ => Failure::new(Status::Lost, kind, OPERATION, peer, cause),
    };
    match end.unsent.len() as u64 + left {
        0 => failure,
        unsent => failure.fix(bytes_not(unsent, " of input", "sent")),
    }
}

/// How the connections of a run are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndMode {
    InOrder,
    GiveUp,
    AtOnce,
}

/// Whether more was to be sent to a connection, or to be read of it: where nobody reads stdout, a
/// peer that has sent all would take our FIN for the end of a transfer that went well.
pub(super) fn is_cut(
    core: &Core,
    streams: &Streams,
    pool: &Pool,
    service: &dyn StreamService,
    id: Id,
) -> bool {
    // Messages that were read and have to wait are as good as unread.
    let waits = || streams.table.get(id).is_some_and(|one| one.receiver.has_unread());
    let is_unread = || !core.has_enough() && (pool.unread(id) > 0 || waits());
    pool.takes(id) && (core.input.is_cut_short(pool) || service.is_owed(id) || is_unread())
}

/// The connections that are to be closed, and whether each of them is cut. To be asked before the
/// input is given up, and the service forgets what it has.
pub(super) fn to_close(
    core: &Core,
    streams: &Streams,
    pool: &mut Pool,
    service: &dyn StreamService,
    how: EndMode,
) -> Vec<(Id, bool)> {
    linking::read_ahead(streams, pool);
    // What a service closes later it has no time for where the run gives up.
    let ids = streams.table.ids().filter(|id| how != EndMode::InOrder || !service.keeps(*id));
    ids.map(|id| (id, is_cut(core, streams, pool, service, id))).collect()
}

/// Closes the connections.
pub(super) fn close(pool: &mut Pool, ids: &[(Id, bool)], how: EndMode, reason: CloseReason) {
    for &(id, is_cut) in ids {
        match how {
            EndMode::InOrder if !is_cut => pool.close(id, reason, CloseMode::Linger),
            EndMode::InOrder | EndMode::GiveUp if is_cut => pool.cut(id, reason),
            EndMode::InOrder | EndMode::GiveUp => pool.give_up(id, reason),
            EndMode::AtOnce if is_cut => pool.reset(id, reason),
            EndMode::AtOnce => pool.abort(id, reason),
        }
    }
}

/// Reports what of stdin is not sent, and that the peer of a unix socket cannot see it. It is called
/// when the input is given up.
pub(super) fn report_cut(core: &mut Core, streams: &Streams, pool: &mut Pool, ids: &[(Id, bool)]) {
    let cut = ids.iter().filter(|(_, is_cut)| *is_cut);
    let cut: Vec<_> = cut.filter_map(|(id, _)| streams.table.get(*id)).collect();
    if cut.is_empty() {
        return;
    }
    let left = core.input.take_left(pool);
    if left > 0 {
        core.console.totals.unsent += left;
        let of = format!(" of {}", core.input.name());
        let text = bytes_not(left, &of, "sent");
        core.console.warn(pool, Kind::Unsent, &text);
        if streams.profile.losses != Losses::Ignored {
            core.decide(Status::Lost);
        }
    }
    if let Some(connection) = cut.into_iter().find(|one| one.peer.proto() == "unix") {
        report_unseen(core, streams, pool, connection);
    }
}

/// Warns where the peer of a connection that is cut cannot see that it is.
pub(super) fn report_unseen(
    core: &mut Core,
    streams: &Streams,
    pool: &mut Pool,
    connection: &Connection,
) {
    if connection.peer.proto() == "unix" {
        let title = streams.title(connection);
        let text = format!("{title} cannot see that it was cut: a unix socket has no reset");
        core.console.warn(pool, Kind::Unsent, &text);
    }
}

/// The statuses of losses, of which the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossStatus {
    first: Option<Status>,
    /// The first one that this side caused, rather than a peer or the network.
    own: Option<Status>,
}

impl LossStatus {
    /// Notes a loss. It decides the status of the run, where nothing else has.
    pub(super) fn note(&mut self, status: Status) {
        use Status::{Connect, Handshake, Lost, Resolve, Timeout};
        self.first.get_or_insert(status);
        if !matches!(status, Lost | Timeout | Connect | Resolve | Handshake) {
            self.own.get_or_insert(status);
        }
    }

    /// Forgets all losses but those that this side caused.
    pub(super) fn forgive_peers(&mut self) {
        self.first = self.own;
    }

    /// The status that follows.
    pub(crate) fn status(self) -> Option<Status> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_loss_counts_and_one_of_this_side_is_not_forgiven() {
        let mut losses = LossStatus::default();
        assert_eq!(losses.status(), None);
        for status in [Status::Lost, Status::Timeout, Status::Local, Status::Unmet] {
            losses.note(status);
        }
        assert_eq!(losses.status(), Some(Status::Lost));
        losses.forgive_peers();
        assert_eq!(losses.status(), Some(Status::Local));
        losses.note(Status::Lost);
        assert_eq!(losses.status(), Some(Status::Local));
    }

    #[test]
    fn what_peers_and_the_network_cost_is_forgiven() {
        let mut losses = LossStatus::default();
        losses.note(Status::Connect);
        losses.forgive_peers();
        assert_eq!(losses.status(), None);
    }
}
