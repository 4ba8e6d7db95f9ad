//! Who gets in: listening, accepting, refusing, and the first words to a client.

use std::io;
use std::net::SocketAddr;

use super::client::{Client, Lag, create_file};
use super::service::Service;
use super::{ServeSession, timers};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::report::{Name, Notice};
use crate::sessions::inlet::Inlet;

/// Descriptors that the clients do not get: ours, and those that it takes to start a child.
const RESERVED: usize = 20;
/// The end of a client that is not let in.
const REFUSED: CloseReason = CloseReason::new(Cause::Host, Detail::Refused);
/// The end of a client that cannot be served, because of this machine.
pub(super) const UNSERVED: CloseReason = CloseReason::new(Cause::Error, Detail::Local);

impl ServeSession {
    /// Takes a new connection into the session.
    pub fn accept(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        if !self.admits(&peer) {
            let event = Notice::new(Name::Closed).peer(&peer).local(&local).closed(REFUSED);
            self.core.console.report(pool, &event);
            return pool.abort(id, REFUSED);
        }
        let number = self.core.count_connection();
        self.core.first_came(pool);
        let event = Notice::new(Name::Accepted).conn(number).peer(&peer).local(&local);
        self.core.console.report(pool, &event);
        let file = match self.open_file(number, &peer) {
            Ok(file) => file,
            Err(failure) => {
                self.core.console.complain(pool, &failure);
                self.worst.get_or_insert(Status::Local);
                pool.abort(id, UNSERVED);
                None
            }
        };
        if self.core.feed.commands() {
            self.directory.add(number, &peer, id);
        }
        let inlet = Inlet::new(&self.core.common, pool.now());
        let lag = Lag::default();
        self.clients
            .insert(id, Client { number, peer, local, inlet, peer_ended: false, file, lag });
        self.guard_limits(pool);
        self.begin(pool, id);
        self.balance(pool);
    }

    /// `--allow` and `--deny`. A client without an address is on no list.
    fn admits(&self, peer: &str) -> bool {
        match peer.parse::<SocketAddr>() {
            Ok(address) => self.access.admits(address.ip()),
            Err(_) => true,
        }
    }

    fn open_file(&self, number: u64, peer: &str) -> Result<Option<std::fs::File>, Failure> {
        let Service::Save(directory) = &self.service else { return Ok(None) };
        match create_file(directory, number, peer) {
            Ok(file) => Ok(Some(file)),
            Err(error) => {
                let target = format!("a file in {}", directory.display());
                Err(Failure::io(Status::Local, "create", target, &error))
            }
        }
    }

    /// `--conns` ends accepting.
    fn guard_limits(&mut self, pool: &mut Pool) {
        if self.conns.is_some_and(|conns| self.core.connections() >= conns) {
            self.stop_listening(pool);
        }
    }

    /// New clients wait in the backlog while there are as many as can be served, and while nobody
    /// reads the events: each would add some. Hooks that do not keep up are such readers.
    pub(super) fn mind_the_door(&mut self, pool: &mut Pool) {
        let is_crowded = self.is_crowded();
        let is_unread = self.core.common.output.form == Output::Json && self.core.console.is_full();
        let shut = is_crowded || is_unread || self.core.console.hooks.are_full();
        if std::mem::replace(&mut self.shut, shut) != shut {
            for listener in &self.listeners {
                if shut { pool.pause(*listener) } else { pool.resume(*listener) }
            }
            if is_crowded && self.max_clients.is_none() {
                self.accept_failed(pool, &io::Error::from_raw_os_error(libc::EMFILE));
            }
        }
    }

    /// Says how many descriptors this process may have. Where a client takes more than its own,
    /// only so many are let in as can be served, and not as many as can be accepted.
    pub fn limit_descriptors(&mut self, limit: Option<u64>) {
        let (Some(limit), each @ 2..) = (limit, self.service.descriptors()) else { return };
        let left = usize::try_from(limit).unwrap_or(usize::MAX);
        let left = left.saturating_sub(RESERVED + self.listeners.len());
        self.places = Some((left / each).max(1));
    }

    fn is_crowded(&self) -> bool {
        let present = || self.clients.len() + self.service.left_behind();
        self.places().is_some_and(|most| present() >= most)
    }

    /// How many clients may be there at once.
    fn places(&self) -> Option<usize> {
        self.max_clients.into_iter().chain(self.places).min()
    }

    pub(super) fn stop_listening(&mut self, pool: &mut Pool) {
        for listener in self.listeners.drain(..) {
            pool.abort(listener, CloseReason::HOST);
        }
    }

    /// The first words and the timers of a new client.
    fn begin(&mut self, pool: &mut Pool, id: Id) {
        pool.set_high_mark(id, self.queue);
        if let Some(max_frame) = self.core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), super::limits::HELLO);
        }
        if self.clients_paused {
            pool.pause(id);
        }
        let last_words = self.service.last_words();
        let is_told_all = last_words.is_some();
        for text in self.greet.clone().into_iter().chain(last_words) {
            let outcome = pool.send(id, &text);
            self.sent_to(pool, id, outcome);
        }
        if let Some((words, messages)) = self.words.clone() {
            let outcome = pool.send_shared(id, words);
            self.sent_to(pool, id, outcome);
            self.core.count_sent(messages);
        }
        if is_told_all {
            pool.finish(id);
        } else if self.input().ended {
            self.input_ended(pool, id);
        }
        if let Some(limit) = self.core.common.limits.idle {
            pool.arm(TimerKey::of(id, timers::IDLE), limit);
        }
        if let Some(limit) = self.core.common.limits.read {
            pool.arm(TimerKey::of(id, timers::READ), limit);
        }
        self.find_partner(pool, id);
    }

    pub(super) fn accept_failed(&mut self, pool: &mut Pool, error: &io::Error) {
        if !std::mem::replace(&mut self.starved, true) {
            let text = format!(
                "cannot accept more than {} connections: {} (`ulimit -n` sets the limit); the rest wait",
                self.clients.len(),
                crate::error::plain(error)
            );
            self.core.console.warn(pool, Kind::Starved, &text);
        }
    }
}
