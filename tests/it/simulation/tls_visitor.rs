//! What is asked of a server that speaks TLS, and what its clients are like.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::protocol::slow::{Policy, SlowRules};
use wirecat::sessions::config::Handling;

use super::plan::{Basics, content, millis, once_in, rarely, size};
use super::server::Plan;
use super::service::Service;
use super::tls_peer::{Habits, How, Role, Where};

/// What a client is and does.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) after: Duration,
    /// 1.2 or 1.3.
    pub(super) version: usize,
    pub(super) trusts: bool,
    pub(super) habits: Habits,
    pub(super) to_send: Vec<u8>,
}

pub(super) fn plan(rng: &mut Rng) -> Plan {
    let mut basics = Basics::random(rng, &Framing::None);
    (basics.quit_after, basics.timeout) = (None, rarely(rng, 12, |rng| millis(rng, 1..30_000)));
    let service = match rng.u8(..3) {
        0 => Service::Echo { prefix: Bytes::new(), delay: Duration::ZERO },
        1 => Service::Serve(Handling::Relay),
        _ => Service::Serve(Handling::Reply(Bytes::from("answer ".repeat(size(rng, 1..12))))),
    };
    plan_of(service, basics, rng.usize(1..5), size(rng, 8..17))
}

/// A server of which each client gets all, however slow it is.
pub(super) fn plan_of(service: Service, mut basics: Basics, clients: usize, queue: usize) -> Plan {
    if !service.reads_stdin() {
        (basics.source, basics.stdin) = (Source::Absent, Vec::new());
    }
    let slow = SlowRules { policy: Some(Policy::Block), after: Duration::from_secs(1) };
    Plan { basics, service, greet: None, slow, queue, max_clients: None, clients }
}

pub(super) fn visitor(rng: &mut Rng, plan: &Plan) -> Visitor {
    let relays = plan.service.relays() && plan.basics.ends_by_itself(true);
    let they_end = relays || plan.service.immediate(&Framing::None).is_some();
    let place = match rng.u8(..6) {
        // In the handshake, for the most part; at 0 it begins with what it is cut by.
        0 | 1 => Where::Byte(if once_in(rng, 3) { 0 } else { rng.usize(..500) }),
        2 => Where::Byte(size(rng, 9..18)),
        3 => Where::Record(rng.usize(..12)),
        4 => Where::Theirs(rng.usize(..12)),
        _ => Where::Notify,
    };
    // Behind the handshake one that is silent is waited for without end.
    let may_stall = plan.basics.idle.is_some() || matches!(place, Where::Byte(..100));
    let how = match rng.u8(..6) {
        0 | 1 => How::Reset,
        2 if place != Where::Notify => How::Garbage,
        3 | 4 if may_stall => How::Stall,
        _ => How::Fin,
    };
    let is_slow = once_in(rng, 6);
    let habits = Habits {
        role: Role::Own,
        proxy: None,
        most: if is_slow { rng.usize(1..200) } else { size(rng, 8..17) },
        pause: if is_slow { millis(rng, 1..500) } else { millis(rng, 1..20) },
        stuck: rarely(rng, 4, |rng| (size(rng, 1..17) - 1, millis(rng, 1..8000))),
        cut: rng.bool().then_some((place, how)),
        after_theirs: they_end && rng.bool(),
        fin_after: if rng.bool() { Duration::ZERO } else { millis(rng, 1..3000) },
    };
    Visitor {
        after: if once_in(rng, 3) { Duration::ZERO } else { millis(rng, 0..3000) },
        version: rng.usize(..2),
        trusts: !once_in(rng, 8),
        to_send: content(rng, &Framing::None, "client"),
        habits,
    }
}
