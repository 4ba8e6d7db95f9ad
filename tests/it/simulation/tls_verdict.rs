//! Whether a server that speaks TLS did right by its clients.

use wirecat::close::{CloseReason, Detail};
use wirecat::error::Status;
use wirecat::protocol::relay::Source;

use super::stage::check_prefix;
use super::tls::HANDSHAKE;
use super::tls_server::{TlsGuest, TlsServer};
use super::verdict::{check_told, possible_statuses};
use super::world::World;

pub(super) fn judge(server: &TlsServer, world: &World, status: Status) {
    let events = server.stage.events(status);
    let is_stopped = server.outside.signalled.is_some() || server.outside.timed_out;
    for guest in &server.guests {
        check_handshake(guest, is_stopped || server.stage.trouble().is_some());
        let Some(number) = guest.number else { continue };
        let left = guest.left.as_ref().unwrap_or_else(|| panic!("{number} was never closed"));
        check_told(&events, Some(number), left);
        check_end(guest, number, left.reason);
    }
    let reader_stays = world.actors[0].is_reliable();
    server.stage.check_output(world, server.stage.is_whole() && reader_stays);
    check_status(server, status);
}

/// Who keeps the rules comes through, and nobody else does.
fn check_handshake(guest: &TlsGuest, is_stopped: bool) {
    let peer = &guest.peer;
    assert!(guest.trusts || guest.up.is_none(), "one that refuses the server is its client");
    if let Some(took) = guest.failed {
        let is_late = took >= HANDSHAKE;
        assert!(!guest.trusts || peer.is_cut || is_late, "a handshake fails after {took:?}");
        assert!(peer.received.is_empty(), "data without a handshake");
    } else if guest.up.is_none() {
        assert!(guest.is_dropped || is_stopped, "a handshake has no end");
    }
}

/// It got the beginning of what it was to get, and all of it where either side says that this is the end.
fn check_end(guest: &TlsGuest, number: u64, reason: CloseReason) {
    let (peer, name) = (&guest.peer, format!("client {number}"));
    let is_in_order = reason == CloseReason::PEER;
    let is_reliable = !peer.is_cut && !peer.is_dead && !peer.has_failed;
    let is_whole = is_in_order && is_reliable || peer.saw_notify;
    check_prefix(&name, &peer.received, &guest.expected, is_whole);
    assert!(!is_in_order || peer.is_orderly, "{name} was cut, which was taken for an end");
    let is_all = guest.delivered == peer.to_send.len();
    assert!(!is_in_order || is_all, "{} bytes of {name}", guest.delivered);
}

/// SPEC 1.3 and 9: 0 if and only if nothing was lost.
fn check_status(server: &TlsServer, status: Status) {
    let mut ends = server.guests.iter().filter_map(|guest| guest.left);
    let is_lost = ends.clone().any(|left| left.is_loss());
    let is_idle = ends.any(|left| left.reason.detail == Detail::Idle);
    let is_left = server.plan.basics.source == Source::Stream && !server.stage.input_ended;
    let possible = possible_statuses(&server.outside, &server.stage, (is_lost, is_idle, is_left));
    let right = possible.contains(&status) || (possible.is_empty() && status == Status::Done);
    assert!(right, "ended with {status:?}, for which there was {possible:?}");
}
