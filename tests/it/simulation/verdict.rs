//! Whether a server that has come to its end did right by everybody, and what a client's end has
//! in common with it.

use serde_json::Value;
use wirecat::close::{Cause, CloseReason, Detail};
use wirecat::error::Status;
use wirecat::event_loop::Signal;
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;

use super::actor::{Actor, Temper};
use super::guest::{Guest, Left};
use super::outside::Outside;
use super::server::Server;
use super::stage::{Stage, check_prefix};
use super::world::World;

pub(super) fn judge(server: &Server, world: &World, status: Status) {
    let events = server.stage.events(status);
    let mut skipped = 0;
    for (guest, number) in server.guests.iter().zip(1..) {
        let actor = &world.actors[guest.actor];
        let left = guest.left.unwrap_or_else(|| panic!("{} was never closed", actor.name));
        check_told(&events, Some(number), &left);
        let missed = missed(&events, number);
        skipped += missed;
        check_reason(server, guest, actor, &left);
        check_received(server, guest, actor, &left, missed);
        // Its FIN may have ended it in order, before the run gave anything up.
        if missed == 0 && !guest.ended && server.plan.basics.source == Source::Stream {
            server.stage.check_cut(world, actor, &guest.expected.concat(), &left);
        }
        if is_in_order(server, guest, &left) && actor.is_reliable() {
            assert_eq!(guest.delivered, actor.to_send.len(), "what {} said", actor.name);
            assert_eq!(left.unsent, 0, "what {} was not sent", actor.name);
        }
    }
    let reader_stays = world.actors[0].is_reliable();
    let whole = server.stage.is_whole() && reader_stays;
    if server.plan.service.may_hold_messages(&server.plan.basics.framing) {
        let is_served =
            |guest: &Guest| guest.left.is_some_and(|it| is_in_order(server, guest, &it));
        server.stage.check_lines(world, whole && server.guests.iter().all(is_served));
    } else {
        server.stage.check_output(world, whole);
    }
    check_status(server, status, skipped);
}

/// Whether a connection ended as it should: the client has ended it, or all of a conversation that
/// is played has been said.
fn is_in_order(server: &Server, guest: &Guest, left: &Left) -> bool {
    let script = server.plan.service.script();
    let is_over = script.is_some_and(|script| guest.delivered == script.len() && left.unsent == 0);
    left.reason == CloseReason::PEER || (is_over && guest.ended && left.reason == CloseReason::HOST)
}

/// SPEC 8: exactly one `closed` for each connection, with the reason.
pub(super) fn check_told(events: &[Value], number: Option<u64>, left: &Left) {
    let is_it = |event: &&Value| event["event"] == "closed" && event["conn"].as_u64() == number;
    let told: Vec<&Value> = events.iter().filter(is_it).collect();
    let [told] = told[..] else { panic!("{number:?} was closed {} times", told.len()) };
    let reason = serde_json::json!([left.reason.cause.as_str(), left.reason.detail.as_str()]);
    assert_eq!([&told["reason"], &told["detail"]], [&reason[0], &reason[1]], "{told}");
    assert_eq!(told["unsent"].as_u64().unwrap_or(0), left.unsent as u64, "{told}");
}

/// How many messages a client was said to have missed.
fn missed(events: &[Value], number: u64) -> usize {
    let start = format!("#{number} ");
    let words = events.iter().filter(|event| event["kind"] == "skipped");
    words
        .filter_map(|event| event["message"].as_str()?.strip_prefix(&start))
        .filter_map(|text| text.split_once(" missed ")?.1.split(' ').next()?.parse::<usize>().ok())
        .sum()
}

/// A client that behaves ends in order, unless something that was asked for came in between.
fn check_reason(server: &Server, guest: &Guest, actor: &Actor, left: &Left) {
    if !actor.is_reliable() {
        return;
    }
    let basics = &server.plan.basics;
    let explained = match (left.reason.cause, left.reason.detail) {
        (Cause::Peer, Detail::Fin) => true,
        // `Guest` has checked the time of these.
        (Cause::Host, Detail::Slow) | (Cause::Timeout, Detail::Idle) => true,
        (Cause::Host, Detail::Limit) => {
            let is_idle = basics.idle.is_some() && server.plan.service.script().is_some();
            let is_over = is_in_order(server, guest, left);
            basics.quit_after.is_some() || is_over || is_idle || server.is_stopping()
        }
        // A replay that met a limit cuts it, and gives it 2 s for what is queued.
        (Cause::Timeout, Detail::ReadTimeout) => {
            basics.idle.is_some() && server.plan.service.script().is_some()
        }
        (Cause::Host, Detail::Signal) => server.outside.signalled.is_some(),
        (Cause::Host, Detail::Local) => server.stage.trouble().is_some(),
        (Cause::Timeout, Detail::Timeout) => server.outside.timed_out,
        _ => false,
    };
    assert!(explained, "{} did nothing to end so: {guest:?}", actor.name);
}

/// Each client gets what it is to get, in order; whole messages that it missed were counted.
fn check_received(server: &Server, guest: &Guest, actor: &Actor, left: &Left, missed: usize) {
    // A replay that was too slow for `--idle-timeout` has failed, and is cut.
    let has_failed = actor.was_reset && server.plan.basics.idle.is_some();
    let whole = is_in_order(server, guest, left) && actor.is_reliable() && !has_failed;
    if missed == 0 {
        let wanted = guest.expected.concat();
        return check_prefix(&actor.name, &actor.received, &wanted, whole);
    }
    // Pieces of a stream without framing may look alike, and cannot be told apart.
    if server.plan.basics.framing == Framing::None {
        return;
    }
    let mut rest = &actor.received[..];
    let mut absent = 0;
    for message in &guest.expected {
        match rest.strip_prefix(&message[..]) {
            Some(after) => rest = after,
            None => absent += 1,
        }
    }
    if whole {
        assert!(rest.is_empty(), "{} got {} odd bytes", actor.name, rest.len());
        assert_eq!(absent, missed, "messages that {} missed", actor.name);
    }
}

/// SPEC 1.3 and 9: 0 if and only if nothing was lost, else what was.
fn check_status(server: &Server, status: Status, skipped: usize) {
    let mut ends = server.guests.iter().filter_map(|guest| guest.left);
    let lost = ends.clone().any(|left| left.is_loss());
    // Each of its few clients is waited for, and one that was too late was waited for in vain.
    let idle = ends.any(|left| left.reason.detail == Detail::Idle);
    let is_left = server.plan.basics.source == Source::Stream && !server.stage.input_ended;
    let losses = (lost || skipped > 0, idle, is_left);
    let possible = possible_statuses(&server.outside, &server.stage, losses);
    // A conversation that was cut short is a failure by itself.
    let is_short =
        |guest: &Guest| guest.left.is_some_and(|left| !is_in_order(server, guest, &left));
    let replays = server.plan.service.script().is_some();
    if replays && server.guests.iter().any(is_short) {
        let stopped = server.outside.signalled.is_some() || server.stage.trouble().is_some();
        return assert!(status != Status::Done || stopped, "what was cut short is called done");
    }
    // One that reads nothing may have met a limit, though it came to its end in the end.
    let is_still = |guest: &Guest| matches!(guest.temper, Temper::Wedged(_) | Temper::Stuck(..));
    if replays && status == Status::Unmet && server.guests.iter().any(is_still) {
        return;
    }
    let right = possible.contains(&status) || (possible.is_empty() && status == Status::Done);
    assert!(right, "ended with {status:?}, for which there was {possible:?}");
    if possible.is_empty() {
        assert!(server.stage.is_whole(), "stdout is not whole: {:?}", server.stage.end);
    }
}

/// The statuses that a server may end with, which are none but 0 where this is empty: whether something was
/// lost, a client was closed as idle, and stdin has more.
pub(super) fn possible_statuses(
    outside: &Outside,
    stage: &Stage,
    (lost, idle, is_left): (bool, bool, bool),
) -> Vec<Status> {
    let time = (outside.timed_out || idle).then_some(Status::Timeout);
    match (outside.signalled, stage.trouble()) {
        (Some(Signal::Interrupt), _) => vec![Status::Interrupt],
        (Some(_), _) => {
            // What was lost may have been told before, and the drain takes its time as well.
            let loss = (lost || is_left).then_some(Status::Lost);
            // So has a reader of stdout that takes too long.
            let stdout = stage.is_cut().then_some(Status::Local);
            [Status::Done].into_iter().chain(time).chain(loss).chain(stdout).collect()
        }
        (None, trouble) => {
            let stdout = match trouble {
                None => None,
                Some(std::io::ErrorKind::BrokenPipe) => Some(Status::Done),
                Some(_) => Some(Status::Local),
            };
            let loss = lost.then_some(Status::Lost);
            stdout.into_iter().chain(time).chain(loss).collect()
        }
    }
}
