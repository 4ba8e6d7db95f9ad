//! How a room ends: by a limit, a signal, or the wish of its host.

use super::door::HELLO;
use super::{Client, GRACE, HostSession};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool, Signal, TimerKey, Traffic};
use crate::kind::Kind;
use crate::protocol::chat::Line;
use crate::protocol::chat::room::Member;
use crate::report::Name;
use crate::sessions::alarms;

impl HostSession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (alarms::TALK, _) => self.turn(pool),
            (alarms::FIRST_CLIENT, _) => {
                let wait = humantime::format_duration(self.run.common.wait.unwrap_or_default());
                let cause = format!("nobody came within {wait}");
                let failure =
                    Failure::new(Status::Timeout, Kind::Timeout, "host", "the room", cause);
                self.run.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
            (alarms::HELLO, Some(id)) if !pool.is_open(id) => self.no_hello(pool, id),
            (alarms::GRACE, Some(id)) => {
                pool.abort(id, CloseReason::new(Cause::Timeout, Detail::Slow));
            }
            (alarms::GRACE, None) => self.end_now(pool, CloseReason::HOST),
            _ => {}
        }
    }

    fn no_hello(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let cause = format!("no hello within {}", humantime::format_duration(HELLO));
        let text = format!("#{} {} is closed: {cause}", client.member, client.peer);
        client.why = Some(cause);
        self.run.console.warn(pool, Kind::Timeout, &text);
        pool.abort(id, CloseReason::new(Cause::Timeout, Detail::ReadTimeout));
    }

    /// Says what a member did that breaks the rules of the exchange, which the connection itself sees.
    pub(super) fn report_offence(&mut self, pool: &mut Pool, client: &Client, end: &End) {
        if let (CloseReason::FRAME, None, Some(error)) = (end.reason, &client.why, &end.error) {
            let cause = crate::error::plain(error);
            let text = format!("#{} {} is closed: {cause}", client.member, client.peer);
            self.run.console.warn(pool, Kind::Frame, &text);
        }
    }

    pub(super) fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        match signal {
            Signal::Report => {
                let open: Vec<Traffic> =
                    self.clients.keys().filter_map(|id| pool.traffic(*id)).collect();
                let clients = self.clients.len() as u64;
                let stats = self.run.console.sums(Name::Stats, pool, &open).clients(clients);
                self.run.console.report(pool, &stats);
            }
            _ => {
                if let Some(face) = &mut self.face {
                    face.on_signal(signal);
                    face.refresh(pool, &mut self.run);
                }
            }
        }
    }

    /// Closes the room in order: everybody is told, and sent what is queued.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if !self.run.is_ending() {
            let members: Vec<Member> = self.ids.keys().copied().collect();
            self.tell(pool, &members, &Line::Notice("the host has closed the room".to_owned()));
            pool.arm(TimerKey::global(alarms::GRACE), GRACE);
        }
        self.wind_up(pool);
        self.clients.keys().for_each(|id| pool.close(*id, reason));
    }

    pub(super) fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.run.hurried = true;
        self.wind_up(pool);
        self.clients.keys().for_each(|id| pool.abort(*id, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.run.begin_ending(pool);
        self.run.feed.close(pool);
        pool.disarm(TimerKey::global(alarms::TALK));
        for listener in self.listeners.drain(..) {
            pool.abort(listener, CloseReason::HOST);
        }
        if self.clients.is_empty() {
            self.run.finish(pool);
        }
    }
}
