//! What follows when an address, or an attempt over all of them, has failed.

use std::io;

use super::{Connector, Note, Progress};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::sessions::timers;
use crate::sockets::{Target, connect};

impl Connector {
    /// One address of the attempt has failed.
    pub(super) fn address_failed(
        &mut self,
        pool: &mut Pool,
        target: &Target,
        error: &io::Error,
    ) -> Progress {
        let peer = target.to_string();
        let failure = connect::failure(&peer, error);
        // The failure of a handshake is the answer, whichever address it is of.
        let is_final = failure.status == Status::Handshake;
        self.notes.push(Note::Failed { peer, failure });
        self.last_failure = Some(self.failure(error));
        match &mut self.race {
            Some(race) if !is_final => race.failed(pool.now()),
            _ => return self.give_up_attempt(pool),
        }
        self.advance(pool)
    }

    /// The failure of the attempt. A failed handshake concerns the destination; before it, the attempt has
    /// only to do with the first proxy, where there is one.
    fn failure(&self, error: &io::Error) -> Failure {
        let failure = connect::failure(&self.route.dialed().to_string(), error);
        self.of_destination(failure)
    }

    pub(super) fn of_destination(&self, mut failure: Failure) -> Failure {
        if let (Some(via), "connect to") = (&self.route.options.via, failure.operation) {
            let destination = self.route.address.to_string();
            failure.target = match failure.status {
                Status::Handshake => destination,
                _ => format!("{destination} via {via}"),
            };
        }
        failure
    }

    pub(super) fn timed_out(&self) -> Failure {
        let limit = humantime::format_duration(self.patience.limit());
        let target = self.route.address.to_string();
        let new = |cause| Failure::new(Status::Timeout, Kind::Timeout, "connect to", target, cause);
        let up = match self.route.options.via {
            Some(_) => "the connection to the proxy is up",
            None => "the connection itself is up",
        };
        let failure = match self.is_answered {
            true => new(format!("no answer to the handshake within {limit}")).fix(up),
            false => new(format!("no answer within {limit}")),
        };
        self.of_destination(failure)
    }

    pub(super) fn give_up_attempt(&mut self, pool: &mut Pool) -> Progress {
        let failure = self.last_failure.take().unwrap_or_else(|| self.timed_out());
        self.attempt_failed(pool, failure)
    }

    /// Ends whatever is under way.
    pub(crate) fn cancel(&mut self, pool: &mut Pool) {
        let settling = self.settling.take().map(|(new, _)| new.id);
        for id in self.attempts.drain(..).map(|(id, _)| id).chain(settling) {
            pool.abort(id, CloseReason::HOST);
        }
        self.race = None;
        self.is_answered = false;
        self.local.cancel(pool);
        self.lookup.cancel(pool);
        for purpose in [timers::NEXT_ADDRESS, timers::CONNECT, timers::RETRY, timers::SETTLE] {
            pool.disarm(self.timer(purpose));
        }
    }

    /// The attempt is over; another one follows where patience allows it.
    pub(super) fn attempt_failed(&mut self, pool: &mut Pool, failure: Failure) -> Progress {
        self.cancel(pool);
        // A listener that has too much to do for now is there; others wait in its backlog, and those of
        // unix sockets wait here.
        let is_busy = self.owner.is_some() && failure.kind == Kind::Busy;
        let is_hopeless = matches!(failure.status, Status::Usage | Status::Local);
        let (now, chance) = (pool.now(), fastrand::f64());
        let next = if is_hopeless { None } else { self.patience.next_pause(now, is_busy, chance) };
        let Some(pause) = next else {
            return Progress::Failed(self.patience.tried(failure, now));
        };
        pool.arm(self.timer(timers::RETRY), pause);
        Progress::Retrying { failure, pause }
    }
}
