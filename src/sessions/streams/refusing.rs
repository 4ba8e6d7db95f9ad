//! Clients that are not admitted, and those that make room where there is no descriptor for one more.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;

use super::{Connection, StreamSession, Streams};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{HandshakeError, plain};
use crate::event_loop::{CloseMode, Event, Id, IdMap, Pool};
use crate::kind::Kind;
use crate::protocol::access::Crowded;
use crate::report::{Name, Notice};
use crate::sessions::core::Core;
use crate::sockets::Endpoint;

/// The end of a client that is not admitted.
pub(super) const REFUSED: CloseReason = CloseReason::new(Cause::Host, Detail::Refused);
/// How long a client that has sent FIN is not closed for others: as long as an answer may take.
const SPARED: Duration = Duration::from_secs(1);

/// Whether an event is one of a client that does not count as one yet: it begins a handshake, or was
/// closed in it.
pub(super) fn on(session: &mut StreamSession, pool: &mut Pool, event: &Event<'_>) -> bool {
    match event {
        #[cfg(feature = "tls")]
        Event::Handshaking { id, peer: Some(peer), .. } => check_early(session, pool, *id, peer),
        Event::HandshakeFailed { id, peer, error, .. } => {
            session.streams.admission.forget(*id);
            handshake_failed(session, pool, peer, error);
        }
        _ => return false,
    }
    true
}

/// Closes a client that is not let in before its handshake: in it, it would hold a place that others
/// wait for.
#[cfg(feature = "tls")]
fn check_early(session: &mut StreamSession, pool: &mut Pool, id: Id, peer: &Endpoint) {
    let local = pool.local(id).unwrap_or_default();
    if !session.streams.admission.admits(peer) {
        return deny(session, pool, id, (peer, &local));
    }
    if let Err(crowded) = session.streams.admission.count_early(id, peer) {
        refuse_one_more(session, pool, id, (peer, &local), crowded);
    }
}

fn handshake_failed(
    session: &mut StreamSession,
    pool: &mut Pool,
    peer: &Endpoint,
    error: &io::Error,
) {
    let cause = match error.kind() {
        io::ErrorKind::TimedOut => "it sent no header of the PROXY protocol within 3 s".to_owned(),
        _ => plain(error),
    };
    let handshake = HandshakeError::of(error);
    let fix = handshake.and_then(|error| error.fix.as_deref());
    let fix = fix.map_or_else(String::new, |fix| format!(" ({fix})"));
    let text = format!("the client {peer} was closed: {cause}{fix}");
    let kind = handshake.map_or(Kind::Proxy, |error| error.kind);
    session.core.console.warn(pool, kind, &text);
}

/// Sends a client its refusal, and closes it.
pub(super) fn turn_away(pool: &mut Pool, id: Id, refusal: &'static [u8], reason: CloseReason) {
    // In the place of its hello: what follows it is what the peer still sends.
    // A peer that is gone already misses nothing.
    let _ = pool.send_shared(id, Bytes::from_static(refusal));
    pool.close(id, reason, CloseMode::Linger);
}

/// Cuts off a client that is not admitted: an end in order would look like an answer that has nothing in it.
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
            "{} is at --max-per-address {}: more connections from it are closed",
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

/// Accepting fails with this error: reports it once, and closes a client that may be gone, where
/// stdin is all that a client could wait for (`is_relayed`).
pub(super) fn accept_failed(
    core: &mut Core,
    streams: &mut Streams,
    pool: &mut Pool,
    (error, is_relayed): (&io::Error, bool),
) {
    let cause = plain(error);
    if !is_scarcity(error) {
        // Closing a client would not help.
        if streams.admission.fail() {
            let text = format!("cannot accept {}: {cause}", streams.profile.noun);
            core.console.warn(pool, Kind::Io, &text);
        }
        return;
    }
    // Where several loops accept, one of them reports it for all.
    if streams.admission.starve(&cause) && !core.console.is_remote() {
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
            "closing clients that have sent FIN and may be gone, to let others in: {cause} (`ulimit -n` sets the limit)"
        );
        core.console.warn(pool, Kind::Starved, &text);
    }
}

/// Whether a connection cannot be accepted for want of descriptors, memory or places in the poll (ENOSPC,
/// epoll_ctl(2)). It can be for another reason: a listener was shut down by another process that holds it.
fn is_scarcity(error: &io::Error) -> bool {
    let codes = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC];
    Errno::from_io_error(error).is_some_and(|code| codes.contains(&code))
}

/// The client that makes room where others find no descriptor: of those that have sent FIN and have
/// nothing to get now, the one that was quiet for longest, and for `SPARED` at least.
///
/// A client that has closed and one that waits for an answer look alike until something is sent. To
/// hold on to both would keep everybody out whom the server could still serve.
fn dispensable(pool: &Pool, clients: &IdMap<Connection>) -> Option<Id> {
    let ended = clients.iter().filter(|(_, client)| client.ended).map(|(id, _)| id);
    // One that is being closed already has a limit of its own.
    let idle = ended.filter(|id| pool.takes(*id) && pool.queued(*id) == 0);
    let since = idle.filter_map(|id| Some((pool.traffic(id)?.last_active, id)));
    let (since, id) = since.min_by_key(|(since, _)| *since)?;
    (pool.now().saturating_duration_since(since) >= SPARED).then_some(id)
}
