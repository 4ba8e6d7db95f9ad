//! The network behind a session that dials: it makes connections, refuses some, and lets others
//! wait for ever.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::event_loop::{Network, Transport};
use wirecat::sessions::config::{Common, Connect, Dialing, Route, RouteOptions};
use wirecat::sockets::Target;

use super::plan::{millis, socket};
use super::wire::{Far, wire};

/// How long an attempt to connect may take.
pub(super) const CONNECT: Duration = Duration::from_secs(1);

/// What becomes of a connection, and after how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    after: Duration,
    outcome: Result<(), ErrorKind>,
}

impl Fate {
    fn random(rng: &mut Rng) -> Self {
        let (after, outcome) = match rng.u8(..12) {
            0 => (millis(rng, 0..900), Err(ErrorKind::ConnectionRefused)),
            1 => (CONNECT * 9, Ok(())),
            2..5 => (millis(rng, 0..900), Ok(())),
            _ => (Duration::ZERO, Ok(())),
        };
        Self { after, outcome }
    }

    /// Whether the connection comes about while anybody waits for it.
    pub(super) fn comes_about(&self) -> bool {
        self.outcome.is_ok() && self.after < CONNECT
    }
}

/// Makes the upstreams, and hands their far ends on.
#[derive(Clone)]
pub(super) struct Upstreams(Arc<Mutex<Made>>);

struct Made {
    rng: Rng,
    now: Instant,
    made: VecDeque<(Far, Fate)>,
    /// Every connection comes about, at once.
    is_steady: bool,
}

impl Upstreams {
    pub(super) fn new(rng: &mut Rng, now: Instant) -> Self {
        Self::made_by(rng, now, false)
    }

    /// Those that all come about at once.
    #[cfg(feature = "tls")]
    pub(super) fn steady(rng: &mut Rng, now: Instant) -> Self {
        Self::made_by(rng, now, true)
    }

    fn made_by(rng: &mut Rng, now: Instant, is_steady: bool) -> Self {
        let (rng, made) = (rng.fork(), VecDeque::new());
        Self(Arc::new(Mutex::new(Made { rng, now, made, is_steady })))
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.0.lock().expect("nobody panics in here")
    }

    pub(super) fn set_now(&self, now: Instant) {
        self.lock().now = now;
    }

    /// The oldest connection that nobody has taken yet.
    pub(super) fn take_made(&self) -> Option<(Far, Fate)> {
        self.lock().made.pop_front()
    }
}

impl Network for Upstreams {
    fn dial(&mut self, _: &Target) -> io::Result<Box<dyn Transport>> {
        let mut state = self.lock();
        let mut rng = state.rng.fork();
        let (near, far) = wire(rng.fork(), socket(&mut rng), state.now);
        let at_once = Fate { after: Duration::ZERO, outcome: Ok(()) };
        let fate = if state.is_steady { at_once } else { Fate::random(&mut rng) };
        if !fate.after.is_zero() || fate.outcome.is_err() {
            far.connect_at(state.now + fate.after, fate.outcome);
        }
        state.made.push_back((far, fate));
        Ok(Box::new(near))
    }
}

/// The route to everybody, which the network decides about.
pub(super) fn route() -> Route {
    let options = RouteOptions { timeout: CONNECT, ..RouteOptions::default() };
    Route { address: "192.0.2.1:9".parse().expect("an address"), options }
}

/// A client that dials by the network.
pub(super) fn client(common: Common, dialing: Dialing) -> Connect {
    let (route, routes) = (Some(route()), RouteOptions::default());
    let others = Vec::new();
    Connect { common, route, others, routes, dialing, probe: false, exec: None, replay: None }
}
