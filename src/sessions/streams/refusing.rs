//! Clients that are not let in.

use bytes::Bytes;

use super::StreamSession;
use crate::close::{Cause, CloseReason, Detail};
use crate::event_loop::{CloseMode, Id, Pool};
use crate::kind::Kind;
use crate::protocol::per_address::Crowded;
use crate::report::{Name, Notice};
use crate::sockets::Endpoint;

/// The end of a client that is not let in.
pub(super) const REFUSED: CloseReason = CloseReason::new(Cause::Host, Detail::Refused);

/// Sends a client its refusal, and closes it.
pub(super) fn turn_away(pool: &mut Pool, id: Id, refusal: &'static [u8], reason: CloseReason) {
    // In the place of its hello: what follows it is what the peer still sends.
    // A peer that is gone already misses nothing.
    let _ = pool.send_shared(id, Bytes::from_static(refusal));
    pool.close(id, reason, CloseMode::Linger);
}

/// Cuts off a client that is not let in: an end in order would look like an answer that has nothing in it.
/// It never enters the table, so that its `Closed` finds nobody and no limit counts it.
pub(super) fn deny(
    session: &mut StreamSession,
    pool: &mut Pool,
    id: Id,
    (peer, local): (&Endpoint, &Endpoint),
) {
    session.report_new(pool, Notice::new(Name::Closed).closed(REFUSED), peer, local);
    let text = format!("{peer} is not let in (--allow, --deny)");
    session.core.console.warn(pool, Kind::Denied, &text);
    pool.reset(id, REFUSED);
}

/// Closes a client whose address has as many connections as it may have.
pub(super) fn refuse_one_more(
    session: &mut StreamSession,
    pool: &mut Pool,
    id: Id,
    (peer, local): (&Endpoint, &Endpoint),
    crowded: Crowded,
) {
    session.report_new(pool, Notice::new(Name::Closed).closed(CloseReason::HOST), peer, local);
    if let (true, Some(ip)) = (crowded.is_first, peer.ip()) {
        // Once while it has any: whoever tries again and again is not to fill the log.
        let text = format!(
            "{} is at --max-per-address {}: more connections of it are closed",
            ip.to_canonical(),
            crowded.connections
        );
        session.core.console.warn(pool, Kind::MaxPerAddress, &text);
    }
    match session.streams.admission.turn_away_one_more(id) {
        Some(refusal) => turn_away(pool, id, refusal, CloseReason::HOST),
        None => pool.abort(id, CloseReason::HOST),
    }
}
