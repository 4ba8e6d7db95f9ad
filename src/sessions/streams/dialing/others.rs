//! The connections that are dialed beside the first one.

use super::Dialed;
use crate::buffers::Budget;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::config::Route;
use crate::sessions::connector::Established;
use crate::sessions::streams::lost;
use crate::sessions::timers;
use crate::sockets::{Target, connect};

/// The connections that are made beside the first one, at once and to the address that it found.
/// None counts until all are up, and none is read.
#[derive(Default)]
pub(super) struct Others {
    pub(super) count: usize,
    /// Those under way, and what each is dialed to.
    connecting: Vec<(Id, Target)>,
    /// Those that wait for the rest, the first of all among them.
    up: Vec<Established>,
}

impl Others {
    pub(super) fn are_dialed(&self) -> bool {
        !self.up.is_empty()
    }

    /// The first connection is up: makes the others.
    pub(super) fn dial(&mut self, pool: &mut Pool, route: &Route, first: Established) -> Dialed {
        let target = first.dialed.clone();
        self.wait_for_all(pool, first);
        // A socket that was inherited is one connection, whatever was asked for.
        let count = if let Target::Fd(_) = target { 0 } else { self.count };
        for _ in 0..count {
            match pool.dial(&target, None, &route.options.net.options) {
                Ok((id, _)) => {
                    route.begin(pool, id, &Budget::unlimited());
                    self.connecting.push((id, target.clone()));
                }
                Err(failure) => return Dialed::Failed(failure),
            }
        }
        // The connector has disarmed its timer with the first connection: this one is for the rest.
        if !self.connecting.is_empty() {
            pool.arm(TimerKey::global(timers::CONNECT), route.options.timeout);
        }
        self.take_all(pool)
    }

    fn wait_for_all(&mut self, pool: &mut Pool, new: Established) {
        // Data received now would find no connection in the table of the session, nor would its end.
        pool.pause(new.id);
        self.up.push(new);
    }

    fn take_all(&mut self, pool: &mut Pool) -> Dialed {
        if !self.connecting.is_empty() {
            return Dialed::Pending;
        }
        pool.disarm(TimerKey::global(timers::CONNECT));
        self.up.iter().for_each(|new| pool.resume(new.id));
        Dialed::Up(std::mem::take(&mut self.up))
    }

    pub(super) fn on(&mut self, pool: &mut Pool, route: &Route, event: &Event<'_>) -> Dialed {
        match event {
            Event::Connected { id, peer, local } => match self.take_attempt(*id) {
                Some(target) => {
                    self.wait_for_all(pool, Established::new(*id, peer, local, target));
                    self.take_all(pool)
                }
                None => Dialed::Pending,
            },
            Event::ConnectFailed { id, error } => match self.take_attempt(*id) {
                Some(target) => Dialed::Failed(connect::failure(&target.to_string(), error)),
                None => Dialed::Pending,
            },
            Event::Closed { id, end } => match self.up.iter().position(|new| new.id == *id) {
                Some(at) => {
                    let peer = self.up.swap_remove(at).peer.to_string();
                    Dialed::Failed(lost(peer, Kind::Reset, end, 0))
                }
                None => Dialed::Pending,
            },
            Event::Timer { key } if *key == TimerKey::global(timers::CONNECT) => {
                Dialed::Failed(self.too_late(route))
            }
            _ => Dialed::Pending,
        }
    }

    fn take_attempt(&mut self, id: Id) -> Option<Target> {
        let at = self.connecting.iter().position(|(attempt, _)| *attempt == id)?;
        Some(self.connecting.swap_remove(at).1)
    }

    fn too_late(&self, route: &Route) -> Failure {
        let limit = humantime::format_duration(route.options.timeout);
        let (left, all) = (self.connecting.len(), self.count + 1);
        let cause = format!("{left} of {all} connections had no answer within {limit}");
        let target = route.address.to_string();
        Failure::new(Status::Timeout, Kind::Timeout, "connect to", target, cause)
    }

    pub(super) fn cancel(&mut self, pool: &mut Pool) {
        let connecting = self.connecting.drain(..).map(|(id, _)| id);
        for id in connecting.chain(self.up.drain(..).map(|new| new.id)) {
            pool.abort(id, CloseReason::HOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::{EventLoop, Handler};
    use crate::sessions::config::{Dialing, RouteOptions};
    use crate::sessions::streams::Dialer;
    use crate::sockets::refusing::RefusingPort;
    use std::time::Duration;

    struct Attempt {
        dialer: Dialer,
        outcome: Option<Result<usize, Failure>>,
    }

    impl Attempt {
        fn note(&mut self, pool: &mut Pool, dialed: Dialed) {
            self.outcome = match dialed {
                Dialed::Up(all) => Some(Ok(all.len())),
                Dialed::Failed(failure) => Some(Err(failure)),
                Dialed::Pending | Dialed::Retrying { .. } => return,
            };
            pool.stop();
        }
    }

    impl Handler for Attempt {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            let dialed = self.dialer.on(pool, &event);
            self.note(pool, dialed);
        }
    }

    fn dial(address: &str, count: usize) -> Result<usize, Failure> {
        let timeout = Duration::from_secs(5);
        let options = RouteOptions { timeout, ..RouteOptions::default() };
        let route = Route { address: address.parse().unwrap(), options };
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let dialer = Dialer::new(route, None, Dialing::default(), pool.now()).with_count(count);
        let mut attempt = Attempt { dialer, outcome: None };
        let dialed = attempt.dialer.begin(pool);
        attempt.note(pool, dialed);
        event_loop.run(&mut attempt).unwrap();
        attempt.outcome.unwrap()
    }

    #[test]
    fn connections_count_when_all_of_them_are_up() {
        let port = RefusingPort::new();
        let (server, address) = (port.listen(), port.address().to_string());
        for count in [1, 2, 5] {
            assert_eq!(dial(&address, count).unwrap(), count);
        }
        drop(server);
        assert_eq!(dial(&address, 2).unwrap_err().status, Status::Connect);
    }
}
