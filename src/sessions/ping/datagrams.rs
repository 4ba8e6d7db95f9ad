//! How datagram sockets come to be: connected to the first address of a name where nothing refuses
//! what is sent to it.

use super::PingSession;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::protocol::ping::Tally;
use crate::sessions::connector::Note;
use crate::sockets::{Target, datagram};

impl PingSession {
    /// Finds the addresses: a name takes its time.
    pub(super) fn find(&mut self, pool: &mut Pool) {
        let family = self.config.route.net.family;
        if let Some(found) = self.lookup.begin_address(pool, &self.config.route.address, family) {
            self.found(pool, found);
        }
    }

    pub(super) fn found(&mut self, pool: &mut Pool, answer: Result<Vec<Target>, Failure>) {
        match answer {
            Ok(targets) => {
                self.addresses = targets.into();
                self.open_next(pool);
            }
            Err(failure) => self.fail(pool, &failure),
        }
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
            let (opened, more) = datagram::connect(target, None, options, false)?;
            self.guards.extend(opened.cleanup);
            warnings.extend(more);
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
        for (id, target) in &mut self.targets {
            (target.full, target.done) = (true, true);
            pool.abort(*id, CloseReason::REFUSED);
        }
        let peer = self.targets.values().next().map(|target| target.peer.clone());
        let note = Note::Failed { peer: peer.unwrap_or_default(), failure: failure.clone() };
        note.tell(pool, &mut self.core.console);
        self.refused = Some(failure);
    }
}
