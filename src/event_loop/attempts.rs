//! Connections with a time limit, and with more than one attempt.
//!
//! ```text
//!             at once, or after a pause            an address answers
//! Waiting ──────────────────────────────> Racing ────────────────────> Open, without a plan
//!    ^                                      │
//!    └── all failed, or it took too long, ──┤
//!        and there are retries left         └── and there are none ──> ConnectFailed
//! ```

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use super::event::{Event, Handler};
use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use super::racing::{Attempts, EarlySettings, Racing};
use super::timers::{AnyTimer, OwnPurpose};
use super::transport::{Readiness, Registration, Transport};
use crate::error::Failure;
use crate::recording::Role;
use crate::sockets::attempts::{Backoff, Race, RaceStep};
use crate::sockets::{self, Endpoint, SocketOptions, Target};
use crate::values;

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a connection is tried, and how often.
///
/// ```
/// use std::time::Duration;
/// use wirecat::event_loop::{ConnectPolicy, Event, EventLoop, Pool};
///
/// # let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
/// # taken.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
/// # let free = taken.local_addr()?.as_socket().unwrap().to_string();
/// let mut event_loop = EventLoop::new()?;
/// let policy = ConnectPolicy::within(Duration::from_secs(1)).retry(3, Duration::from_millis(10));
/// event_loop.pool().connect_with(&free, policy)?;
/// let mut log = Vec::new();
/// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
///     Event::Connected { id, .. } => println!("{id:?} is up"),
///     Event::Retrying { error, after, .. } => log.push(format!("{error}: once more in {after:?}")),
///     Event::ConnectFailed { .. } => pool.stop(),
///     _ => {}
/// })?;
/// assert_eq!(log.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectPolicy {
    /// How long one attempt may take; the kernel gives up after some 2 minutes by itself.
    pub timeout: Option<Duration>,
    /// How many more attempts there are after the first; `u32::MAX` has no end.
    pub retries: u32,
    /// The pause before the second attempt. It doubles with each, up to 10 s; each is between half of
    /// that and all of it, at random.
    pub pause: Duration,
}

impl ConnectPolicy {
    /// One attempt, which may take this long.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..Self::default() }
    }

    /// Adds `retries` more attempts, the first of them after `pause`.
    #[must_use]
    pub fn retry(self, retries: u32, pause: Duration) -> Self {
        Self { retries, pause, ..self }
    }
}

/// What is left of a policy.
pub(super) struct ConnectPlan {
    retries: u32,
    timeout: Option<Duration>,
    pauses: Backoff,
    targets: Vec<Target>,
    attempt: Attempt,
    pub(super) settings: EarlySettings,
}

/// How far the current attempt is.
enum Attempt {
    /// It has not begun.
    Waiting,
    Racing {
        race: Race<Target>,
        running: Attempts,
        /// When it has taken too long.
        deadline: Option<Instant>,
    },
}

/// The transport of a connection whose first attempt is still to come.
struct Pending;

impl Transport for Pending {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        Ok(None)
    }

    fn register(&mut self, _: &Registration<'_>) -> io::Result<Readiness> {
        Ok(Readiness::Evented)
    }
}

impl Pool {
    /// Begins a connection as [`Pool::connect`] does, with a limit of time and more than one attempt,
    /// all under one id; the first begins with the next turn. [`Event::Retrying`] comes after each that
    /// fails but the last, which is [`Event::ConnectFailed`]. What is sent meanwhile waits.
    ///
    /// An attempt tries all addresses of a name, the next one once an earlier one has failed or not
    /// answered for 250 ms (happy eyeballs, RFC 8305), and the first one to answer is it.
    ///
    /// # Errors
    /// A bad address. A name is looked up once, in place.
    pub fn connect_with(&mut self, address: &str, policy: ConnectPolicy) -> Result<Id, Failure> {
        self.try_targets(sockets::targets(&address.parse()?)?, policy)
    }

    /// The same for addresses that are known.
    pub(super) fn try_targets(
        &mut self,
        targets: Vec<Target>,
        policy: ConnectPolicy,
    ) -> Result<Id, Failure> {
        let name = targets.first().map(Target::to_string).unwrap_or_default();
        let begun = self.add_connection(Box::new(Pending), ChannelPhase::Connecting);
        let id = begun.map_err(|error| sockets::connect::failure(&name, &error))?;
        let ConnectPolicy { timeout, retries, pause } = policy;
        let pause = pause.min(values::LONGEST);
        let pauses = Backoff::new(pause, LONGEST.max(pause));
        let (attempt, settings) = (Attempt::Waiting, EarlySettings::default());
        let plan = ConnectPlan { retries, timeout, pauses, targets, attempt, settings };
        self.plans.insert(id, plan);
        self.arm_own(Some(id), OwnPurpose::Connect, Duration::ZERO);
        Ok(id)
    }

    /// An attempt is to begin, or the next address of one, or has not come up in time.
    pub(super) fn on_connect_timer(&mut self, id: Id, handler: &mut dyn Handler) {
        let now = self.now;
        if self.handshakes.contains(id) {
            return self.end_handshake_time(id, handler);
        }
        if self.sources.get(id).is_some_and(PoolSource::is_closed) {
            return;
        }
        let Some(plan) = self.plans.get_mut(id) else { return };
        match &mut plan.attempt {
            Attempt::Waiting => {
                let (race, running) = (Race::new(plan.targets.clone(), now), Attempts::default());
                let deadline = plan.timeout.map(|timeout| now + timeout.min(values::LONGEST));
                plan.attempt = Attempt::Racing { race, running: running.clone(), deadline };
                self.begin_race(id, running);
            }
            Attempt::Racing { deadline: Some(deadline), .. } if *deadline <= now => {
                return self.attempt_failed(id, ErrorKind::TimedOut.into(), handler);
            }
            Attempt::Racing { .. } => {}
        }
        self.advance_race(id, ErrorKind::AddrNotAvailable.into(), handler);
    }

    fn begin_race(&mut self, id: Id, running: Attempts) {
        let Some(channel) = self.channel_mut(id) else { return };
        channel.transport = Box::new(Racing::new(running));
        let is_negotiated = channel.marks.has(Marks::NEGOTIATED);
        if is_negotiated && let Some(max) = self.framing(id).map(|settings| settings.max) {
            self.negotiate_framed(id, max);
        }
    }

    /// Begins what a race may begin now. `last` is the failure of its last address.
    fn advance_race(&mut self, id: Id, mut last: io::Error, handler: &mut dyn Handler) {
        let now = self.now;
        loop {
            let Some(plan) = self.plans.get_mut(id) else { return };
            let Attempt::Racing { race, running, deadline } = &mut plan.attempt else { return };
            let next = match race.step(now) {
                RaceStep::Start(target) => {
                    let running = running.clone();
                    if let Err(error) = self.try_to_connect(id, &target, &running) {
                        self.address_failed(id);
                        last = error;
                    }
                    continue;
                }
                RaceStep::Lost => return self.attempt_failed(id, last, handler),
                RaceStep::Wait(pause) => Some(now + pause),
                RaceStep::Watch => None,
            };
            if let Some(at) = next.into_iter().chain(*deadline).min() {
                self.arm_own(Some(id), OwnPurpose::Connect, at.saturating_duration_since(now));
            }
            // The others may have come up meanwhile, and no event follows on it.
            return self.mark_dirty(id);
        }
    }

    /// An address has failed: the next one need not wait.
    fn address_failed(&mut self, id: Id) {
        let now = self.now;
        let attempt = self.plans.get_mut(id).map(|plan| &mut plan.attempt);
        if let Some(Attempt::Racing { race, .. }) = attempt {
            race.failed(now);
        }
    }

    fn try_to_connect(&mut self, id: Id, target: &Target, running: &Attempts) -> io::Result<()> {
        let transport = match &mut self.network {
            Some(network) => network.dial(target)?,
            None => {
                let begun = sockets::connect::start(target, None, &SocketOptions::default());
                let (stream, _) =
                    begun.map_err(|failure| io::Error::new(kind_of(&failure), failure))?;
                self.recorded(stream, Role::Connected)
            }
        };
        let registration = Registration { registry: &self.registry, mailbox: &self.mailbox, id };
        if running.add(transport, &registration)? == Readiness::Always {
            self.latch_both(id);
        }
        Ok(())
    }

    /// A connection that was begun has failed, or one of its addresses.
    pub(super) fn connect_failed(&mut self, id: Id, error: io::Error, handler: &mut dyn Handler) {
        let Err(error) = self.fail_handshake(id, error, handler) else { return };
        match self.plans.get_mut(id).map(|plan| &plan.attempt) {
            Some(Attempt::Racing { running, .. }) if !running.is_won() => {
                self.address_failed(id);
                self.advance_race(id, error, handler);
            }
            _ => self.attempt_failed(id, error, handler),
        }
    }

    /// None of its addresses is left, or no time.
    fn attempt_failed(&mut self, id: Id, error: io::Error, handler: &mut dyn Handler) {
        let left = self.plans.get_mut(id).filter(|plan| plan.retries > 0);
        let (Some(plan), Some(PoolSource::Channel(channel))) = (left, self.sources.get_mut(id))
        else {
            self.remove(id);
            return handler.on(self, Event::ConnectFailed { id, error });
        };
        if plan.retries < u32::MAX {
            plan.retries -= 1;
        }
        // At random, so that the clients of a server that was lost do not all come back at once.
        let after = plan.pauses.pause(chance());
        plan.attempt = Attempt::Waiting;
        channel.transport.deregister(&self.registry);
        // With a new socket each time: the state of one whose connect(2) has failed is unspecified.
        channel.transport = Box::new(Pending);
        (channel.readable, channel.writable) = (false, false);
        channel.marks.set(Marks::HUNG_UP, false);
        self.arm_own(Some(id), OwnPurpose::Connect, after);
        handler.on(self, Event::Retrying { id, error, after });
    }

    /// A connection is up, or gone: no more attempts.
    pub(super) fn forget_plan(&mut self, id: Id) -> Option<ConnectPlan> {
        let plan = self.plans.remove(id)?;
        self.timers.disarm(AnyTimer::own(Some(id), OwnPurpose::Connect));
        Some(plan)
    }
}

/// A random number from 0 to 1. The keys of a hasher are random, and need no crate.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// The kind of error that a failure stands for, as far as programs distinguish them.
fn kind_of(failure: &Failure) -> ErrorKind {
    use crate::kind::Kind;
    match failure.kind {
        Kind::Refused => ErrorKind::ConnectionRefused,
        Kind::NotFound => ErrorKind::NotFound,
        Kind::PermissionDenied => ErrorKind::PermissionDenied,
        Kind::Unreachable => ErrorKind::HostUnreachable,
        Kind::AddressNotAvailable => ErrorKind::AddrNotAvailable,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::event_loop::{EventLoop, SendOutcome};
    use crate::framing::Framing;
    use crate::sockets::refusing::RefusingPort;

    /// Runs until the connection is up or has failed; returns what happened.
    fn log_of(event_loop: &mut EventLoop, mut on_retry: impl FnMut(usize)) -> Vec<String> {
        let mut log = Vec::new();
        while log.last().is_none_or(|last: &String| last == "retrying") {
            let mut on = |_: &mut Pool, event: Event<'_>| match event {
                Event::Retrying { error, .. } => {
                    assert!(!error.to_string().is_empty());
                    log.push("retrying".to_owned());
                    on_retry(log.len());
                }
                Event::Connected { .. } => log.push("connected".to_owned()),
                Event::ConnectFailed { error, .. } => log.push(format!("{:?}", error.kind())),
                _ => {}
            };
            event_loop.run_once(Duration::from_secs(60), &mut on).unwrap();
        }
        log
    }

    #[test]
    fn a_connection_is_tried_so_often_and_what_was_sent_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mut event_loop = EventLoop::new().unwrap();
        let policy = ConnectPolicy::default().retry(u32::MAX, Duration::from_millis(1));
        let address = format!("unix:{}", path.display());
        let id = event_loop.pool().connect_with(&address, policy).unwrap();
        event_loop.pool().frame(id, Framing::Line).unwrap();
        assert_eq!(event_loop.pool().send_message(id, b"hello"), Ok(SendOutcome::Queued));
        let mut server = None;
        let log = log_of(&mut event_loop, |count| {
            if count == 3 {
                server = Some(std::os::unix::net::UnixListener::bind(&path).unwrap());
            }
        });
        assert_eq!(log, ["retrying", "retrying", "retrying", "connected"]);
        assert!(event_loop.pool().plans.is_empty());
        event_loop.pool().stop();
        event_loop.run(&mut |_: &mut Pool, _: Event<'_>| {}).unwrap();
        let (stream, _) = server.unwrap().accept().unwrap();
        assert_eq!(std::io::read_to_string(stream).unwrap(), "hello\n");
    }

    #[test]
    fn the_last_attempt_fails_for_good() {
        let nobody = RefusingPort::new();
        let free = nobody.address().to_string();
        let mut event_loop = EventLoop::new().unwrap();
        let policy = ConnectPolicy::default().retry(2, Duration::ZERO);
        let id = event_loop.pool().connect_with(&free, policy).unwrap();
        let log = log_of(&mut event_loop, |_| {});
        assert_eq!(log, ["retrying", "retrying", "ConnectionRefused"]);
        assert!(!event_loop.pool().is_alive(id) && event_loop.pool().plans.is_empty());
    }

    /// A tinyproto server that sends no hello is as good as absent.
    #[test]
    fn an_attempt_that_takes_too_long_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let policy = ConnectPolicy::within(Duration::from_millis(20)).retry(1, Duration::ZERO);
        let address = silent.local_addr().unwrap().to_string();
        let id = event_loop.pool().connect_with(&address, policy).unwrap();
        event_loop.pool().frame(id, Framing::Tinyproto).unwrap();
        assert_eq!(log_of(&mut event_loop, |_| {}), ["retrying", "TimedOut"]);
    }

    #[test]
    fn a_plan_ends_with_its_connection() {
        let nobody = RefusingPort::new();
        let free = nobody.address().to_string();
        let mut event_loop = EventLoop::new().unwrap();
        let policy = ConnectPolicy::default().retry(5, Duration::ZERO);
        let id = event_loop.pool().connect_with(&free, policy).unwrap();
        let mut closed = false;
        while !closed {
            let mut on = |pool: &mut Pool, event: Event<'_>| match event {
                Event::Retrying { id, .. } => pool.abort(id, crate::close::CloseReason::HOST),
                Event::Closed { .. } => closed = true,
                event => panic!("{event:?}"),
            };
            event_loop.run_once(Duration::from_secs(60), &mut on).unwrap();
        }
        assert!(!event_loop.pool().is_alive(id) && event_loop.pool().plans.is_empty());
        assert_eq!(event_loop.timeout(), None);
    }
}
