//! How members come in: a connection, and the hello where the protocol has one.

use std::time::Duration;

use super::{Client, HostSession, name};
use crate::event_loop::{Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::inlet::Inlet;
use crate::sessions::timers;

/// How long a newcomer may take to say hello, where the protocol has one.
pub(super) const HELLO: Duration = Duration::from_secs(10);

impl HostSession {
    pub(super) fn on_accepted(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        let member = self.core.count_connection();
        self.core.first_came(pool);
        let event = Notice::new(Name::Accepted).conn(member).peer(&peer).local(&local);
        self.core.console.report(pool, &event);
        pool.set_high_mark(id, self.queue);
        if let Some(max_frame) = self.core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), HELLO);
        }
        let inlet = Inlet::new(&self.core.common, pool.now());
        let client = Client {
            member,
            peer,
            local,
            inlet,
            is_member: false,
            peer_ended: false,
            full: false,
            why: None,
        };
        self.clients.insert(id, client);
        self.ids.insert(member, id);
        // Where there is a hello, who does not say it is no member.
        if pool.is_open(id) {
            self.let_in(pool, id);
        } else {
            pool.await_flush(id);
        }
        if self.max_clients.is_some_and(|most| self.clients.len() >= most) {
            self.listeners.iter().for_each(|listener| pool.pause(*listener));
        }
        self.advance(pool);
    }

    /// The room hears of whoever is at this connection, once.
    pub(super) fn let_in(&mut self, pool: &Pool, id: Id) {
        if let Some(client) = self.clients.get_mut(&id).filter(|client| !client.is_member) {
            client.is_member = true;
            self.room.add_member(client.member, &name(self.dialect, client.member), pool.now());
        }
    }

    pub(super) fn accept_failed(&mut self, pool: &mut Pool, error: &std::io::Error) {
        if !std::mem::replace(&mut self.starved, true) {
            let (count, cause) = (self.clients.len(), crate::error::plain(error));
            let text = format!(
                "cannot accept more than {count} members: {cause} (`ulimit -n` sets the limit); the rest wait"
            );
            self.core.console.warn(pool, Kind::Starved, &text);
        }
    }
}
