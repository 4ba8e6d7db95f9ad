//! Making one connection: resolving, racing the addresses, and trying again while patience lasts.
//!
//! It owns the attempts and their timers. The session passes every event through
//! [`Connector::on`] and learns how it ends.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::alarms;
use super::config::Connect;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Mail, Pool, TimerKey};
use crate::protocol::backoff::Backoff;
use crate::protocol::eyeballs::{Race, Step};
use crate::sockets::{
    Address, FORGOTTEN, Family, FdName, Host, Purpose, SocketOptions, Target, connect, resolve,
};

/// The first and the longest pause between attempts of `--reconnect`.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// The same for `--wait`, where somebody waits for the answer.
const WAIT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// What has become of the connection.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing new.
    Pending,
    /// It is there.
    Connected { id: Id, peer: String, local: String },
    /// An attempt failed; the next one follows after the pause.
    Retrying { failure: Failure, pause: Duration },
    /// It will never be.
    Failed(Failure),
}

/// Something that happened on the way.
#[derive(Debug)]
pub(crate) enum Note {
    /// The kernel changed what was asked of a socket.
    Warning(String),
    /// One address did not answer, or refused.
    Failed { peer: String, failure: Failure },
}

/// One connection in the making.
pub(crate) struct Connector {
    address: Address,
    bind: Option<Address>,
    family: Family,
    options: SocketOptions,
    timeout: Duration,
    /// How long to go on trying: `None` is for ever.
    patience: Option<Duration>,
    backoff: Backoff,
    since: Instant,
    race: Option<Race>,
    /// The attempts under way, and whom each is to.
    attempts: Vec<(Id, String)>,
    last_failure: Option<Failure>,
    /// What happened on the way, to be told.
    notes: Vec<Note>,
    /// An inherited socket can be taken over once.
    spent: bool,
}

impl Connector {
    pub(crate) fn new(config: &Connect, now: Instant) -> Self {
        let common = &config.common;
        Self {
            address: config.address.clone(),
            bind: config.bind.clone(),
            family: common.family,
            options: common.options.clone(),
            timeout: config.connect_timeout,
            patience: if config.reconnect {
                common.wait
            } else {
                common.wait.or(Some(Duration::ZERO))
            },
            backoff: if config.reconnect { RECONNECT } else { WAIT },
            since: now,
            race: None,
            attempts: Vec::new(),
            last_failure: None,
            notes: Vec::new(),
            spent: false,
        }
    }

    /// Begins a first attempt.
    pub(crate) fn begin(&mut self, pool: &mut Pool) -> Progress {
        self.since = pool.now();
        self.attempt(pool)
    }

    /// Begins again after a connection was lost; the first attempt follows after a pause.
    pub(crate) fn begin_again(&mut self, pool: &mut Pool, was_useful: bool) -> Duration {
        if was_useful {
            self.backoff.reset();
        }
        self.since = pool.now();
        let pause = self.backoff.pause(fastrand::f64());
        pool.arm(TimerKey::global(alarms::RETRY), pause);
        pause
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Looks at an event; those of other sources leave it `Pending`.
    pub(crate) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Progress {
        match event {
            Event::Mail(Mail::Resolved(Ok(addresses))) => self.start_race(pool, addresses.clone()),
            Event::Mail(Mail::Resolved(Err(failure))) => self.attempt_failed(pool, failure.clone()),
            Event::Connected { id, peer, local } => match self.take_attempt(*id) {
                Some(target) => {
                    self.call_off(pool);
                    // A peer that has reset already is forgotten by the kernel.
                    let peer = if peer == FORGOTTEN { target } else { peer.clone() };
                    Progress::Connected { id: *id, peer, local: local.clone() }
                }
                None => Progress::Pending,
            },
            Event::ConnectFailed { id, error } => match self.take_attempt(*id) {
                Some(peer) => self.address_failed(pool, peer, error),
                None => Progress::Pending,
            },
            Event::Timer { key } if *key == TimerKey::global(alarms::NEXT_ADDRESS) => {
                self.advance(pool)
            }
            Event::Timer { key } if *key == TimerKey::global(alarms::CONNECT) => {
                let failure = self.timed_out();
                self.attempt_failed(pool, failure)
            }
            Event::Timer { key } if *key == TimerKey::global(alarms::RETRY) => self.attempt(pool),
            _ => Progress::Pending,
        }
    }

    /// Forgets an attempt, and tells whom it was to.
    fn take_attempt(&mut self, id: Id) -> Option<String> {
        let at = self.attempts.iter().position(|(attempt, _)| *attempt == id)?;
        Some(self.attempts.swap_remove(at).1)
    }

    /// One address of the attempt has failed.
    fn address_failed(&mut self, pool: &mut Pool, peer: String, error: &io::Error) -> Progress {
        let failure = connect::failure(&peer, error);
        self.notes.push(Note::Failed { peer, failure });
        self.last_failure = Some(connect::failure(&self.address.to_string(), error));
        match &mut self.race {
            Some(race) => race.failed(pool.now()),
            None => return self.give_up_attempt(pool),
        }
        self.advance(pool)
    }

    fn timed_out(&self) -> Failure {
        let limit = humantime::format_duration(self.timeout);
        let cause = format!("no answer within {limit}");
        Failure::new(Status::Timeout, "timeout", "connect to", self.address.to_string(), cause)
    }

    /// One attempt over all addresses.
    fn attempt(&mut self, pool: &mut Pool) -> Progress {
        pool.arm(TimerKey::global(alarms::CONNECT), self.timeout);
        match self.address.clone() {
            Address::Inet { host, port } if resolve::needs_lookup(&host) => {
                self.look_up(pool, host, port)
            }
            Address::Inet { host, port } => {
                match resolve::resolve(&host, port, self.family, Purpose::Connect) {
                    Ok(addresses) => self.start_race(pool, addresses),
                    Err(failure) => self.attempt_failed(pool, failure),
                }
            }
            Address::Unix(name) => self.start_only(pool, &Target::Unix(name)),
            Address::Fd(FdName::Number(fd)) if !std::mem::replace(&mut self.spent, true) => {
                self.start_only(pool, &Target::Fd(fd))
            }
            Address::Fd(_) => {
                let text = self.address.to_string();
                let cause = "an inherited socket can be used once";
                self.attempt_failed(pool, Failure::new(Status::Local, "fd", "use", text, cause))
            }
        }
    }

    /// Looks the name up in a thread, because getaddrinfo(3) blocks.
    fn look_up(&self, pool: &mut Pool, host: Host, port: u16) -> Progress {
        let (mailbox, family) = (pool.mailbox(), self.family);
        let work = move || {
            let result = resolve::resolve(&host, port, family, Purpose::Connect);
            mailbox.send(Mail::Resolved(result));
        };
        match thread::Builder::new().name("resolver".into()).spawn(work) {
            Ok(_) => Progress::Pending,
            Err(error) => {
                let target = self.address.to_string();
                Progress::Failed(Failure::io(Status::Resolve, "resolve", target, &error))
            }
        }
    }

    fn start_race(&mut self, pool: &mut Pool, addresses: Vec<SocketAddr>) -> Progress {
        self.race = Some(Race::new(addresses, pool.now()));
        self.advance(pool)
    }

    fn advance(&mut self, pool: &mut Pool) -> Progress {
        loop {
            let Some(race) = &mut self.race else { return Progress::Pending };
            match race.step(pool.now()) {
                Step::Start(address) => {
                    if let Err(failure) = self.start(pool, &Target::Tcp(address)) {
                        self.last_failure = Some(failure);
                        if let Some(race) = &mut self.race {
                            race.failed(pool.now());
                        }
                    }
                }
                Step::Wait(pause) => {
                    pool.arm(TimerKey::global(alarms::NEXT_ADDRESS), pause);
                    return Progress::Pending;
                }
                Step::Watch => return Progress::Pending,
                Step::Lost => return self.give_up_attempt(pool),
            }
        }
    }

    fn start_only(&mut self, pool: &mut Pool, target: &Target) -> Progress {
        match self.start(pool, target) {
            Ok(()) => Progress::Pending,
            Err(failure) => self.attempt_failed(pool, failure),
        }
    }

    fn start(&mut self, pool: &mut Pool, target: &Target) -> Result<(), Failure> {
        let bind = self.local_for(target)?;
        let (stream, warnings) = connect::start(target, bind.as_ref(), &self.options)?;
        self.notes.extend(warnings.into_iter().map(Note::Warning));
        self.attempts.push((pool.add_connecting(stream)?, target.to_string()));
        Ok(())
    }

    /// The address of `--bind` that fits the family of the target.
    fn local_for(&self, target: &Target) -> Result<Option<SocketAddr>, Failure> {
        let (Some(Address::Inet { host, port }), Target::Tcp(target)) = (&self.bind, target) else {
            return Ok(None);
        };
        let local = resolve::resolve(host, *port, self.family, Purpose::Listen)?;
        match local.iter().find(|address| address.is_ipv6() == target.is_ipv6()) {
            Some(address) => Ok(Some(*address)),
            None => Err(Failure::new(
                Status::Connect,
                "address-not-available",
                "connect to",
                target.to_string(),
                "--bind gives no address of this family",
            )),
        }
    }

    fn give_up_attempt(&mut self, pool: &mut Pool) -> Progress {
        let failure = self.last_failure.take().unwrap_or_else(|| self.timed_out());
        self.attempt_failed(pool, failure)
    }

    /// The attempt is over; another one follows where patience allows it.
    fn attempt_failed(&mut self, pool: &mut Pool, failure: Failure) -> Progress {
        self.call_off(pool);
        let spent = pool.now().saturating_duration_since(self.since);
        let left = self.patience.map(|patience| patience.saturating_sub(spent));
        let hopeless = matches!(failure.status, Status::Usage | Status::Local);
        if hopeless || left.is_some_and(|left| left.is_zero()) {
            return Progress::Failed(failure);
        }
        // The last attempt is made when patience ends, and not before.
        let pause = self.backoff.pause(fastrand::f64()).min(left.unwrap_or(Duration::MAX));
        pool.arm(TimerKey::global(alarms::RETRY), pause);
        Progress::Retrying { failure, pause }
    }

    /// Ends whatever is under way.
    pub(crate) fn call_off(&mut self, pool: &mut Pool) {
        for (id, _) in self.attempts.drain(..) {
            pool.abort(id, CloseReason::HOST);
        }
        self.race = None;
        for purpose in [alarms::NEXT_ADDRESS, alarms::CONNECT, alarms::RETRY] {
            pool.disarm(TimerKey::global(purpose));
        }
    }
}
