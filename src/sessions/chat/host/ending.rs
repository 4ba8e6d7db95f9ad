//! How a room ends: by a limit, a signal, or the wish of its host.

use super::door::HELLO;
use super::{Client, GRACE, HostSession};
use crate::close::{Cause, CloseReason, Detail};
use crate::event_loop::{CloseMode, End, Id, Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::chat::ChatLine;
use crate::protocol::chat::room::MemberId;
use crate::sessions::timers;

impl HostSession {
    pub(super) fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, key.id) {
            (timers::CHAT, _) => self.advance(pool),
            (timers::HELLO, Some(id)) if !pool.is_open(id) => self.no_hello(pool, id),
            (timers::GRACE, Some(id)) => {
                pool.abort(id, CloseReason::new(Cause::Timeout, Detail::Slow));
            }
            _ => {}
        }
    }

    fn no_hello(&mut self, pool: &mut Pool, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let cause = format!("no hello within {}", humantime::format_duration(HELLO));
        let text = format!("#{} {} is closed: {cause}", client.member, client.peer);
        client.why = Some(cause);
        self.core.console.warn(pool, Kind::Timeout, &text);
        pool.abort(id, CloseReason::new(Cause::Timeout, Detail::ReadTimeout));
    }

    /// Says what a member did that breaks the rules of the exchange, which the connection itself sees.
    pub(super) fn report_frame_error(&mut self, pool: &mut Pool, client: &Client, end: &End) {
        if let (CloseReason::FRAME, None, Some(error)) = (end.reason, &client.why, &end.error) {
            let cause = crate::error::plain(error);
            let text = format!("#{} {} is closed: {cause}", client.member, client.peer);
            self.core.console.warn(pool, Kind::Frame, &text);
        }
    }

    pub(super) fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        if let Some(frontend) = &mut self.frontend {
            frontend.on_signal(signal);
            frontend.refresh(pool, &mut self.core);
        }
    }

    /// Closes the room in order: everybody is told, and sent what is queued.
    pub(super) fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        if !self.core.is_ending() {
            let members: Vec<MemberId> = self.ids.keys().copied().collect();
            self.send_line(
                pool,
                &members,
                &ChatLine::Notice("the host has closed the room".to_owned()),
            );
            self.core.limit_flushing(pool, reason, GRACE);
        }
        self.wind_up(pool);
        self.clients.keys().for_each(|id| pool.close(*id, reason, CloseMode::Linger));
    }

    pub(super) fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.core.hurried = true;
        self.wind_up(pool);
        self.clients.keys().for_each(|id| pool.abort(*id, reason));
    }

    fn wind_up(&mut self, pool: &mut Pool) {
        self.core.begin_ending(pool);
        self.core.feed.close(pool);
        pool.disarm(TimerKey::global(timers::CHAT));
        for listener in self.listeners.drain(..) {
            pool.abort(listener, CloseReason::HOST);
        }
        if self.clients.is_empty() {
            self.core.finish(pool);
        }
    }
}
