//! How the connections come to be: the first with all the patience of a client, and then the
//! others to the address that it found, all at once.

use std::net::SocketAddr;

use super::{PingSession, ProbeTarget};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::ping::{Pinger, ProbeStream, Schedule, Tally};
use crate::report::{Name, Notice};
use crate::sessions::config::Dialing;
use crate::sessions::connector::{Connector, Note, Progress};
use crate::sessions::datagrams::Outbox;
use crate::sessions::lookup;
use crate::sessions::timers;
use crate::sockets::{Address, Target, connect, datagram};

impl PingSession {
    /// Begins to connect.
    pub fn start(&mut self, pool: &mut Pool) {
        self.core.report_starting(pool);
        self.core.start(pool);
        pool.keep_exact_time();
        if self.config.datagrams {
            return self.find(pool);
        }
        let mut connector = Connector::of_client(
            self.config.route.clone(),
            self.config.common.limits.wait,
            Dialing::default(),
            pool.now(),
        );
        let progress = connector.begin(pool);
        self.connector = Some(connector);
        self.progress(pool, progress);
    }

    /// Follows the connections in the making.
    pub(super) fn open(&mut self, pool: &mut Pool, event: &Event<'_>) {
        if let Some(connector) = &mut self.connector {
            let progress = connector.on(pool, event);
            return self.progress(pool, progress);
        }
        if let Some(answer) = self.lookup.on(event) {
            return self.found(pool, answer.map(lookup::targets));
        }
        match event {
            Event::Connected { id, peer, local } if self.connecting.remove(id).is_some() => {
                self.up.push((*id, peer.to_string(), local.to_string()));
                self.up_if_all(pool);
            }
            Event::ConnectFailed { id, error } => {
                if let Some(target) = self.connecting.remove(id) {
                    self.fail(pool, &connect::failure(&target, error));
                }
            }
            Event::Timer { key } if key.purpose == timers::CONNECT => self.too_late(pool),
            _ => {}
        }
    }

    fn too_late(&mut self, pool: &mut Pool) {
        let limit = humantime::format_duration(self.config.route.timeout);
        let (all, left) = (self.config.conns, self.connecting.len());
        let cause = format!("{left} of {all} connections had no answer within {limit}");
        let target = self.config.route.address.to_string();
        let failure = Failure::new(Status::Timeout, Kind::Timeout, "connect to", target, cause);
        self.fail(pool, &failure);
    }

    fn progress(&mut self, pool: &mut Pool, progress: Progress) {
        if let Some(connector) = &mut self.connector {
            connector.report_notes(pool, &mut self.core.console);
        }
        match progress {
            Progress::Pending => {}
            Progress::Retrying { failure, pause } => self.core.report_retry(pool, &failure, pause),
            Progress::Failed(failure) => self.fail(pool, &failure),
            Progress::Connected(new) => {
                self.connector = None;
                let (peer, local) = (new.peer.to_string(), new.local.to_string());
                let target = match (peer.parse::<SocketAddr>(), &self.config.route.address) {
                    (Ok(address), _) => Some(Target::Tcp(address)),
                    (Err(_), Address::Unix(name)) => Some(Target::Unix(name.clone())),
                    (Err(_), _) => None,
                };
                self.up.push((new.id, peer, local));
                if let Err(failure) = self.connect_others(pool, target.as_ref()) {
                    return self.fail(pool, &failure);
                }
                pool.arm(TimerKey::global(timers::CONNECT), self.config.route.timeout);
                self.up_if_all(pool);
            }
        }
    }

    fn connect_others(&mut self, pool: &mut Pool, target: Option<&Target>) -> Result<(), Failure> {
        let Some(target) = target else { return Ok(()) };
        for _ in 1..self.config.conns {
            let (stream, _) = connect::start(target, None, &self.config.route.net.options)?;
            self.connecting.insert(pool.add_connecting(stream, target)?, target.to_string());
        }
        Ok(())
    }

    fn up_if_all(&mut self, pool: &mut Pool) {
        if self.connecting.is_empty() {
            pool.disarm(TimerKey::global(timers::CONNECT));
            self.all_up(pool);
        }
    }

    /// Everybody is there: the probes begin.
    pub(super) fn all_up(&mut self, pool: &mut Pool) {
        let up = std::mem::take(&mut self.up);
        let address = up.first().map(|(_, peer, _)| peer.clone()).unwrap_or_default();
        let locals: Vec<String> = up.iter().map(|(.., local)| local.clone()).collect();
        let count = up.len();
        for (at, (id, peer, local)) in up.into_iter().enumerate() {
            let number = self.core.count_connection();
            let proto = match (self.config.datagrams, peer.starts_with("unix")) {
                (_, true) => "unix",
                (true, _) => "udp",
                (false, _) => "tcp",
            };
            let event = Notice::new(Name::Connected).proto(proto).peer(&peer).local(&local);
            self.core.console.report(pool, &event.conn(number));
            self.add(pool, id, (number, peer, local), (at, count));
        }
        self.core.ready(pool, &locals, &address);
        self.core.console.begin_line(pool);
        let ids: Vec<Id> = self.targets.keys().copied().collect();
        for id in ids {
            self.advance(pool, id);
        }
        if self.targets.is_empty() {
            self.end(pool, CloseReason::HOST);
        }
    }

    /// Takes in a connection, the `at`th of `count`: they are spread over the interval.
    fn add(
        &mut self,
        pool: &mut Pool,
        id: Id,
        (number, peer, local): (u64, String, String),
        (at, count): (usize, usize),
    ) {
        // A probe must not wait until the one before is acknowledged.
        pool.set_nodelay(id);
        let (interval, size) = (self.config.interval, self.config.size);
        let begun = pool.now() + interval.mul_f64(at as f64 / count.max(1) as f64);
        let target = ProbeTarget {
            number,
            peer,
            local,
            pinger: Pinger::new(
                ProbeStream::new(fastrand::u64(..), size),
                Schedule::new(interval, self.config.count, begun),
            ),
            outbox: Outbox::default(),
        };
        self.targets.insert(id, target);
    }

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

    /// An address has no listener: the next one follows as soon as its sockets are closed.
    pub(super) fn leave_address(&mut self, pool: &mut Pool, failure: Failure) {
        if self.refused.is_some() {
            return;
        }
        for (id, target) in &mut self.targets {
            (target.pinger.is_full, target.pinger.is_done) = (true, true);
            pool.abort(*id, CloseReason::REFUSED);
        }
        let peer = self.targets.values().next().map(|target| target.peer.clone());
        let note = Note::Failed { peer: peer.unwrap_or_default(), failure: failure.clone() };
        note.report(pool, &mut self.core.console);
        self.refused = Some(failure);
    }
}
