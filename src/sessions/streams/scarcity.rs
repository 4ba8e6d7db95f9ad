//! What a server does that has no descriptor for one more client.

use std::io;
use std::time::Duration;

use super::{Connection, Streams};
use crate::close::CloseReason;
use crate::error::plain;
use crate::event_loop::{CloseMode, Id, IdMap, Pool};
use crate::kind::Kind;
use crate::sessions::core::Core;

/// How long a client that has said FIN is not closed for others: as long as an answer may take.
const SPARED: Duration = Duration::from_secs(1);

/// Accepting fails with this error: reports it once, and closes a client that may be gone, where
/// stdin is all that a client could wait for (`is_relayed`).
pub(super) fn accept_failed(
    core: &mut Core,
    streams: &mut Streams,
    pool: &mut Pool,
    (error, is_relayed): (&io::Error, bool),
) {
    let cause = plain(error);
    // Where several loops accept, one of them says so for all.
    if streams.admission.starve() && !core.console.is_remote() {
        let (count, noun) = (streams.count() + pool.handshakes(), streams.profile.noun);
        let text = format!(
            "cannot accept more than {count} {noun}: {cause} (`ulimit -n` sets the limit); the rest wait"
        );
        core.console.warn(pool, Kind::Starved, &text);
    }
    let Some(id) = dispensable(pool, &streams.table).filter(|_| is_relayed) else { return };
    // By RST: it has not had all that it may wait for.
    pool.close(id, CloseReason::HOST, CloseMode::ResetWhenAcked);
    if streams.admission.make_room() {
        let text = format!(
            "closing clients that have said FIN and may be gone, to let others in: {cause} (`ulimit -n` sets the limit)"
        );
        core.console.warn(pool, Kind::Starved, &text);
    }
}

/// The client that makes room where others find no descriptor: of those that have said FIN and have
/// nothing to get now, the one that was quiet for longest, and for `SPARED` at least.
///
/// A client that has closed and one that waits for an answer look alike until something is sent. To
/// hold on to both would keep everybody out whom the server could still hear.
fn dispensable(pool: &Pool, clients: &IdMap<Connection>) -> Option<Id> {
    let ended = clients.iter().filter(|(_, client)| client.ended).map(|(id, _)| id);
    // One that is being closed already has a limit of its own.
    let idle = ended.filter(|id| pool.takes(*id) && pool.queued(*id) == 0);
    let since = idle.filter_map(|id| Some((pool.traffic(id)?.last_active, id)));
    let (since, id) = since.min_by_key(|(since, _)| *since)?;
    (pool.now().saturating_duration_since(since) >= SPARED).then_some(id)
}
