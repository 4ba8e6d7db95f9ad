//! The end of the connection: what it cost, and whether another one follows.

use super::{ConnectSession, Link};
use crate::close::Cause;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool, TimerKey};
use crate::framing::Framing;
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::{closed_event, is_loss};
use crate::sessions::timers;

impl ConnectSession {
    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        if self.link.as_ref().is_some_and(|link| link.id == id) {
            self.link_closed(pool, end);
        }
    }

    fn link_closed(&mut self, pool: &mut Pool, end: &End) {
        let Some(link) = self.link.take() else { return };
        self.core.console.count(&end.traffic);
        pool.disarm(TimerKey::global(timers::NOTE));
        let undelivered = link.receiver.undelivered();
        let again = self.wants_another(end);
        if !again {
            self.report_unsent(pool, &link, end);
        }
        let event = closed_event(&link.peer, &link.local, end, undelivered, pool.now());
        self.core.console.report(pool, &event.maybe_conn(link.number));
        if let Some(exec) = &mut self.exec {
            exec.client_closed(pool, &mut self.core.children, link.id, end);
        }
        if again {
            self.connect_again(pool, &link, end);
            return;
        }
        if is_loss(end) {
            self.report_loss(pool, &link, end);
        }
        self.core.begin_ending(pool);
        self.finish_if_over(pool);
    }

    fn report_loss(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        let cause = match &end.error {
            Some(error) => crate::error::plain(error),
            None => end.reason.to_string(),
        };
        let kind = end.error.as_ref().map_or(Kind::Reset, Kind::from);
        let mut failure =
            Failure::new(Status::Lost, kind, "keep the connection to", link.peer.clone(), cause);
        if !end.unsent.is_empty() {
            failure = failure.fix(format!("{} bytes of input were not sent", end.unsent.len()));
        }
        // What decided the status before has been reported, and who has enough loses nothing.
        if !self.core.is_decided() && !self.core.has_enough() {
            self.core.fail(pool, &failure);
        }
    }

    /// Whether the connection is worth making again: something is left to send or to receive.
    fn wants_another(&self, end: &End) -> bool {
        let done = self.core.input.progress().ended && !is_loss(end);
        self.reconnect && !self.core.is_ending() && !done
    }

    fn connect_again(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        if !self.core.input.has_commands() {
            self.core.input.pause(pool);
        }
        let framed = self.core.common.wire.framing != Framing::None;
        let pause = self.connector.begin_again(pool, end.traffic.received > 0);
        let count = in_doubt(end);
        if count > 0 {
            let text = format!("up to {count} bytes sent to {} may be lost", link.peer);
            self.core.console.warn(pool, Kind::MayBeLost, &text);
            self.core.decide(Status::Lost);
        }
        let event = Notice::new(Name::Retry)
            .kind(Kind::Lost)
            .secs(pause)
            .message(format!("connection to {} ended: {}", link.peer, end.reason));
        self.core.console.report(pool, &event);
        let unsent = end.unsent.clone().into_pieces(framed);
        self.carried.splice(..0, unsent);
        if self.core.input.has_commands() {
            self.allow_commands(pool);
        }
    }
}

/// Bytes sent of which it is unknown whether the peer has read them. A peer that closes in order
/// has read what it acknowledged; after a reset even that is open, and the kernel has forgotten
/// how much it was.
fn in_doubt(end: &End) -> u64 {
    match end.reason.cause {
        Cause::Error => end.traffic.sent,
        _ => end.unacknowledged,
    }
}
