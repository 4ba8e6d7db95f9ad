//! How datagram sockets come to be: connected to the first address of a name where nothing refuses
//! what is sent to it.

use std::net::SocketAddr;

use super::PingSession;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Pool, Query};
use crate::kind::Kind;
use crate::protocol::ping::Tally;
use crate::sessions::connector::Note;
use crate::sockets::{Address, Target, datagram, first_target};

impl PingSession {
    /// Finds the addresses: a name takes its time.
    pub(super) fn find(&mut self, pool: &mut Pool) {
        let Address::Inet { host, port } = &self.config.route.address else {
            return match first_target(&self.config.route.address) {
                Ok(target) => self.open_one_of(pool, vec![target]),
                Err(failure) => self.fail(pool, &failure),
            };
        };
        let family = self.config.route.net.family;
        let query = Query { host: host.clone(), port: *port, family };
        if !query.takes_time() {
            return self.found(pool, query.ask());
        }
        match pool.look_up(&query) {
            Ok(()) => self.question = Some(query),
            Err(error) => {
                let target = self.config.route.address.to_string();
                self.fail(pool, &Failure::io(Status::Resolve, "resolve", target, &error));
            }
        }
    }

    pub(super) fn found(&mut self, pool: &mut Pool, answer: Result<Vec<SocketAddr>, Failure>) {
        match answer {
            Ok(addresses) => {
                self.open_one_of(pool, addresses.into_iter().map(Target::Tcp).collect());
            }
            Err(failure) => self.fail(pool, &failure),
        }
    }

    fn open_one_of(&mut self, pool: &mut Pool, targets: Vec<Target>) {
        self.addresses = targets.into();
        self.open_next(pool);
    }

    /// Opens the sockets to the next address that has a route.
    pub(super) fn open_next(&mut self, pool: &mut Pool) {
        self.tally = Tally::new(self.config.interval.is_zero());
        while let Some(target) = self.addresses.pop_front() {
            match self.open_all(pool, &target) {
                Ok(()) => {
                    self.refused = None;
                    return self.all_up(pool);
                }
                Err(failure) => {
                    self.up.drain(..).for_each(|(id, ..)| pool.abort(id, CloseReason::HOST));
                    self.refused = Some(failure);
                }
            }
        }
        if let Some(failure) = self.refused.take() {
            self.fail(pool, &failure);
        }
    }

    fn open_all(&mut self, pool: &mut Pool, target: &Target) -> Result<(), Failure> {
        let mut warnings = Vec::new();
        for _ in 0..self.config.conns {
            let options = &self.config.route.net.options;
            let (opened, said) = datagram::connect(target, None, options, false)?;
            self.guards.extend(opened.cleanup);
            warnings.extend(said);
            let id = pool.add_datagrams(opened.socket).map_err(|error| {
                Failure::io(Status::Local, "open", opened.local.as_str(), &error)
            })?;
            self.up.push((id, target.to_string(), opened.local));
        }
        warnings.dedup();
        for warning in &warnings {
            self.core.console.warn(pool, Kind::SocketOption, warning);
        }
        Ok(())
    }

    /// Nobody is at an address: the next one follows as soon as its sockets are closed.
    pub(super) fn leave_address(&mut self, pool: &mut Pool, failure: Failure) {
        if self.refused.is_some() {
            return;
        }
        for (id, probing) in &mut self.lines {
            (probing.full, probing.done) = (true, true);
            pool.abort(*id, CloseReason::REFUSED);
        }
        let peer = self.lines.values().next().map(|probing| probing.peer.clone());
        let note = Note::Failed { peer: peer.unwrap_or_default(), failure: failure.clone() };
        note.tell(pool, &mut self.core.console);
        self.refused = Some(failure);
    }
}
