//! What TLS on a connection has come to, as an event.

use std::time::SystemTime;

use crate::event_loop::{Id, Pool};
use crate::report::{Name, Notice, TlsFigures};
use crate::sessions::core::Core;
use crate::sockets::Endpoint;
use crate::sockets::tls::Agreed;

/// Reports what was agreed on, behind the event of the connection that it is.
pub(crate) fn report(core: &mut Core, pool: &mut Pool, id: Id, conn: Option<u64>, peer: &Endpoint) {
    if !core.console.shows(Name::Tls) {
        return;
    }
    let Some(agreed) = pool.agreed(id) else { return };
    let (figures, pin) = figures(agreed);
    let (peer, pin) = (peer.to_string(), pin.unwrap_or_default());
    let notice = Notice::new(Name::Tls).maybe_conn(conn).peer(&peer).tls(&figures);
    let notice = if pin.is_empty() { notice } else { notice.pin(&pin) };
    core.console.report(pool, &notice);
}

fn figures(agreed: &Agreed) -> (TlsFigures, Option<String>) {
    let mut figures = TlsFigures {
        version: agreed.version.into(),
        cipher: agreed.cipher.clone().into(),
        alpn: agreed.alpn.clone().map(Into::into),
        ..TlsFigures::default()
    };
    let Some(peer) = &agreed.peer else { return (figures, None) };
    figures.subject = Some(peer.subject.clone().into());
    figures.names = Some(peer.names.clone());
    figures.not_after = peer.not_after.duration_since(SystemTime::UNIX_EPOCH).ok();
    (figures, Some(peer.pin.to_string()))
}
