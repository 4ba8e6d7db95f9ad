//! Making one connection: resolving, racing the addresses, and trying again while patience lasts.
//!
//! It owns the attempts and their timers. The session passes every event through
//! [`Connector::on`] and learns how it ends. Many can be at work at once: each has its own owner,
//! and knows its events from those of the others.

mod failures;
mod patience;
mod progress;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::config::{Dialing, Route};
use super::console::Console;
use super::lookup::{Addresses, LocalAddress, Lookup};
use super::timers;
use crate::buffers::Budget;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, Query, TimerKey};
use crate::kind::Kind;
use crate::sockets::attempts::{Race, RaceStep};
use crate::sockets::{Address, FdName, Purpose, Target};

use patience::Patience;
pub(crate) use progress::{Established, Note, Progress};

/// How soon a connection that has to stand for a while is looked at: nothing is read of it, and so
/// nothing shows that its peer has closed it.
const LOOK: Duration = Duration::from_millis(50);

/// One connection in the making.
///
/// ```text
///            begin           addresses           the first one answers        --settle
/// (waiting) ───────> Lookup ───────────> Race ─────────────────────> Settling ────────> Connected
///     ^   RETRY        │                  │                              │
///     │                └──────────────────┴──── CONNECT, all refused ────┴ it was closed again
///     │                                                │
///     └──── a pause, while patience lasts ─────────────┴──── no patience is left ────> Failed
/// ```
///
/// The lookup is that of `--bind`, and then that of the address. Where neither is a name, an attempt
/// begins at `Race`; a unix socket or an inherited one is a race of one. `cancel` leads from each of
/// them to none: whatever is under way is aborted, and all timers are disarmed.
pub(crate) struct Connector {
    route: Route,
    /// The connection on whose behalf this one is made; without one it is the session's own.
    owner: Option<Id>,
    patience: Patience,
    local: LocalAddress,
    lookup: Lookup,
    race: Option<Race>,
    /// The other side of the one attempt that is left has answered, and a handshake with it goes on.
    is_answered: bool,
    /// The attempts under way, and what each is dialed to.
    attempts: Vec<(Id, Target)>,
    /// How long a connection must stand to count as one.
    settle: Duration,
    /// The connection that has to stand until then; nothing is read from it meanwhile.
    settling: Option<(Established, Instant)>,
    last_failure: Option<Failure>,
    /// Notes that are not reported yet.
    notes: Vec<Note>,
    /// An inherited socket can be taken over once.
    pub(crate) spent: bool,
    /// What a transport that reads ahead may hold.
    budget: Budget,
}

impl Connector {
    /// The one connection of a client, which tries for `wait`; for ever with `--reconnect` and no
    /// `wait`.
    pub(crate) fn of_client(
        route: Route,
        wait: Option<Duration>,
        dialing: Dialing,
        now: Instant,
    ) -> Self {
        let timeout = route.options.timeout;
        let patience = match dialing.reconnect {
            true => Patience::of_reconnect(wait, timeout, now),
            false => Patience::of_wait(wait, timeout, now),
        };
        Self { settle: dialing.settle, ..Self::new(route, None, patience) }
    }

    /// A connection on behalf of another one: one attempt.
    pub(crate) fn on_behalf(route: Route, owner: Id, now: Instant) -> Self {
        let patience = Patience::once(route.options.timeout, now);
        Self::new(route, Some(owner), patience)
    }

    /// The same with a time to settle, and with what a transport that reads ahead may hold.
    pub(crate) fn with(self, settle: Duration, budget: Budget) -> Self {
        Self { settle, budget, ..self }
    }

    fn new(route: Route, owner: Option<Id>, patience: Patience) -> Self {
        Self {
            local: LocalAddress::new(route.options.bind.clone()),
            route,
            owner,
            patience,
            lookup: Lookup::default(),
            race: None,
            is_answered: false,
            attempts: Vec::new(),
            settle: Duration::ZERO,
            settling: None,
            last_failure: None,
            notes: Vec::new(),
            spent: false,
            budget: Budget::unlimited(),
        }
    }

    /// Begins a first attempt.
    pub(crate) fn begin(&mut self, pool: &mut Pool) -> Progress {
        self.patience.begin(pool.now());
        self.attempt(pool)
    }

    /// Begins again after a connection was lost; the first attempt follows after a pause.
    pub(crate) fn begin_again(&mut self, pool: &mut Pool, was_useful: bool) -> Duration {
        // At random, so that the clients of a server that was lost do not all come back at once.
        let pause = self.patience.begin_again(pool.now(), was_useful, fastrand::f64());
        pool.arm(self.timer(timers::RETRY), pause);
        pause
    }

    fn timer(&self, purpose: u8) -> TimerKey {
        TimerKey { id: self.owner, purpose }
    }

    /// The connections under way; none while names are looked up.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = Id> + '_ {
        self.attempts.iter().map(|(id, _)| *id)
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Reports what happened since the last call.
    pub(crate) fn report_notes(&mut self, pool: &mut Pool, console: &mut Console) {
        self.take_notes().iter().for_each(|note| note.report(pool, console, None));
    }

    /// Looks at an event; those of other sources leave it `Pending`.
    pub(crate) fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Progress {
        if let Some(answer) = self.lookup.on(event) {
            return self.answered(pool, answer);
        }
        if let Some(answer) = self.local.on(event) {
            return self.local_found(pool, answer);
        }
        match event {
            Event::Connected { id, peer, local } => match self.take_attempt(*id) {
                Some(target) => {
                    self.cancel(pool);
                    self.established(pool, Established::new(*id, peer, local, target))
                }
                None => Progress::Pending,
            },
            Event::Answered { id } => self.answered_by(pool, *id),
            Event::ConnectFailed { id, error } => match self.take_attempt(*id) {
                Some(target) => self.address_failed(pool, &target, error),
                None => Progress::Pending,
            },
            Event::Timer { key } if key.id == self.owner => self.on_timer(pool, key.purpose),
            _ => Progress::Pending,
        }
    }

    fn on_timer(&mut self, pool: &mut Pool, purpose: u8) -> Progress {
        match purpose {
            timers::NEXT_ADDRESS => self.advance(pool),
            timers::CONNECT => {
                let failure = self.timed_out();
                let failed =
                    self.attempts.iter().map(|(_, to)| Note::failed(&to.to_string(), &failure));
                self.notes.extend(failed);
                self.attempt_failed(pool, failure)
            }
            timers::RETRY => self.attempt(pool),
            timers::SETTLE => self.settled(pool),
            _ => Progress::Pending,
        }
    }

    /// A connection is up. It counts when it has stood for `--settle`: a proxy accepts whoever
    /// comes, and closes again where nothing stands behind it.
    fn established(&mut self, pool: &mut Pool, new: Established) -> Progress {
        if self.settle.is_zero() {
            return Progress::Connected(new);
        }
        pool.pause(new.id);
        let until = pool.now() + self.settle;
        self.settle_until(pool, until, new)
    }

    fn settle_until(&mut self, pool: &mut Pool, until: Instant, new: Established) -> Progress {
        let left = until.saturating_duration_since(pool.now());
        pool.arm(self.timer(timers::SETTLE), left.min(LOOK));
        self.settling = Some((new, until));
        Progress::Pending
    }

    fn settled(&mut self, pool: &mut Pool) -> Progress {
        match self.settling.take() {
            Some((new, _)) if pool.has_ended(new.id) => {
                pool.abort(new.id, CloseReason::PEER);
                let cause = "it was accepted and closed again";
                let target = self.route.address.to_string();
                let failure =
                    Failure::new(Status::Connect, Kind::Closed, "connect to", target, cause);
                self.attempt_failed(pool, failure)
            }
            Some((new, until)) if until > pool.now() => self.settle_until(pool, until, new),
            Some((new, _)) => {
                pool.resume(new.id);
                Progress::Connected(new)
            }
            None => Progress::Pending,
        }
    }

    /// Removes an attempt and returns its address.
    fn take_attempt(&mut self, id: Id) -> Option<Target> {
        let at = self.attempts.iter().position(|(attempt, _)| *attempt == id)?;
        Some(self.attempts.swap_remove(at).1)
    }

    /// The other side of an attempt has answered, and a handshake with it goes on: the race is over.
    fn answered_by(&mut self, pool: &mut Pool, id: Id) -> Progress {
        if self.attempts.iter().any(|(attempt, _)| *attempt == id) {
            (self.race, self.is_answered) = (None, true);
            pool.disarm(self.timer(timers::NEXT_ADDRESS));
            for (other, _) in self.attempts.extract_if(.., |(attempt, _)| *attempt != id) {
                pool.abort(other, CloseReason::HOST);
            }
        }
        Progress::Pending
    }

    /// One attempt over all addresses.
    fn attempt(&mut self, pool: &mut Pool) -> Progress {
        let limit = self.patience.attempt(pool.now());
        pool.arm(self.timer(timers::CONNECT), limit);
        match self.local.begin(pool, self.route.options.net.family) {
            Some(answer) => self.local_found(pool, answer),
            None => Progress::Pending,
        }
    }

    /// The address to connect from is known: the one to connect to follows.
    fn local_found(&mut self, pool: &mut Pool, answer: Result<(), Failure>) -> Progress {
        if let Err(failure) = answer {
            return self.attempt_failed(pool, failure);
        }
        match self.route.dialed().clone() {
            Address::Inet { host, port } => {
                let (family, purpose) = (self.route.options.net.family, Purpose::Connect);
                self.find(pool, Query { host, port, family, purpose })
            }
            Address::Unix(name) => self.start_only(pool, &Target::Unix(name)),
            Address::Fd(FdName::Number(fd)) if !std::mem::replace(&mut self.spent, true) => {
                self.start_only(pool, &Target::Fd(fd))
            }
            Address::Fd(_) => {
                let text = self.route.address.to_string();
                let cause = "an inherited socket can be used once";
                self.attempt_failed(pool, Failure::new(Status::Local, Kind::Fd, "use", text, cause))
            }
        }
    }

    /// Finds the addresses: a name takes its time.
    fn find(&mut self, pool: &mut Pool, query: Query) -> Progress {
        match self.lookup.begin(pool, query) {
            Some(answer) => self.answered(pool, answer),
            None => Progress::Pending,
        }
    }

    fn answered(&mut self, pool: &mut Pool, answer: Addresses) -> Progress {
        match answer {
            Ok(addresses) => self.start_race(pool, addresses),
            Err(failure) => self.attempt_failed(pool, failure),
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
                RaceStep::Start(address) => {
                    if let Err(failure) = self.start(pool, &Target::Tcp(address)) {
                        self.last_failure = Some(self.of_destination(failure));
                        if let Some(race) = &mut self.race {
                            race.failed(pool.now());
                        }
                    }
                }
                RaceStep::Wait(pause) => {
                    pool.arm(self.timer(timers::NEXT_ADDRESS), pause);
                    return Progress::Pending;
                }
                RaceStep::Watch => return Progress::Pending,
                RaceStep::Lost => return self.give_up_attempt(pool),
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
        let bind = self.local.for_target(target, "connect to")?;
        let (id, warnings) = pool.dial(target, bind, &self.route.options.net.options)?;
        self.notes.extend(warnings.into_iter().map(Note::Warning));
        self.route.begin(pool, id, &self.budget);
        self.attempts.push((id, target.clone()));
        Ok(())
    }
}
