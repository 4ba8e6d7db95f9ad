//! How the connections come to be: the first with all the patience of a client, and then the
//! others to the address that it found, all at once.

use std::net::SocketAddr;

use super::PingSession;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::config::Dialing;
use crate::sessions::connector::{Connector, Progress};
use crate::sessions::lookup;
use crate::sessions::timers;
use crate::sockets::{Address, Target, connect};

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
                let target = match (new.peer.parse::<SocketAddr>(), &self.config.route.address) {
                    (Ok(address), _) => Some(Target::Tcp(address)),
                    (Err(_), Address::Unix(name)) => Some(Target::Unix(name.clone())),
                    (Err(_), _) => None,
                };
                self.up.push((new.id, new.peer, new.local));
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
            self.connecting.insert(pool.add_connecting(stream)?, target.to_string());
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
}
