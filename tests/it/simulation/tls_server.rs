//! A server that speaks TLS in virtual time, and clients that are good, slow, cut off, strangers, or no
//! clients of TLS at all: the good ones get everything, a cut is never taken for an end, and whoever does
//! not come to the end of the handshake is gone at its deadline.
//!
//! The server is a real session behind a real listener, which no client of the kernel ever finds; those of
//! the simulation go through its handshake. Each of them is rustls by itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::event_loop::{Event, EventLoop, Handler, Id, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;

use super::guest::Left;
use super::outside::Outside;
use super::plan::socket;
use super::server::Plan;
use super::service::{AnySession, Service};
use super::stage::{self, BATCH, Stage};
use super::tls::{HANDSHAKE, SLACK};
use super::tls_parties::parties;
use super::tls_peer::TlsPeer;
use super::tls_visitor::{Visitor, plan, visitor};
use super::wire::{Near, wire};
use super::world::{self, Scenario, World};

/// A client from its arrival on.
pub(super) struct TlsGuest {
    pub(super) id: Id,
    pub(super) trusts: bool,
    pub(super) peer: TlsPeer,
    arrived: Instant,
    /// When its handshake was over, and went well.
    pub(super) up: Option<Instant>,
    /// Which one of those it was, from 1.
    pub(super) number: Option<u64>,
    /// How long its handshake took that has failed.
    pub(super) failed: Option<Duration>,
    /// It went with its listener.
    pub(super) is_dropped: bool,
    pub(super) left: Option<Left>,
    /// Bytes of it that the session was given, and what it is to get.
    pub(super) delivered: usize,
    pub(super) expected: Vec<u8>,
    listens: bool,
    /// When its wire wakes the loop by itself.
    wakes: Option<Instant>,
}

pub(super) struct TlsServer {
    pub(super) plan: Plan,
    session: Box<dyn AnySession>,
    pub(super) stage: Stage,
    listener: Id,
    listens: bool,
    arrivals: VecDeque<(Instant, Near, TlsPeer, bool)>,
    pub(super) guests: Vec<TlsGuest>,
    accepted: u64,
    pub(super) outside: Outside,
    is_told_to_stop: bool,
    events: u64,
}

/// Plays one scenario to its end and judges it. Returns its course, which depends on the seed alone.
pub(super) fn play(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let plan = plan(&mut rng);
    let visitors = (0..plan.clients).map(|_| visitor(&mut rng, &plan)).collect();
    play_with(&mut rng, plan, visitors).0
}

/// Returns the server as it has become as well.
pub(super) fn play_with(rng: &mut Rng, plan: Plan, visitors: Vec<Visitor>) -> (String, TlsServer) {
    let (mut world, mut server) = world::play(rng, |event_loop, world, rng| {
        TlsServer::open(event_loop, world, plan, visitors, rng)
    });
    for guest in &mut server.guests {
        for () in super::world::turns() {
            let Some(at) = guest.peer.next() else { break };
            world.now = world.now.max(at);
            guest.peer.act(&mut world.rng, world.now);
        }
    }
    let status = server.session.status();
    let course = format!("{status:?} at {}", world.describe(&server));
    super::tell(|| course.clone());
    super::tls_verdict::judge(&server, &world, status);
    (course, server)
}

/// A listener of the kernel whose clients speak TLS.
fn listener(pool: &mut Pool) -> Id {
    let listener = pool.listen("127.0.0.1:0").expect("a listener")[0];
    pool.accept_encrypted(listener, parties().server.clone());
    listener
}

impl TlsServer {
    fn open(
        event_loop: &mut EventLoop,
        world: &mut World,
        plan: Plan,
        visitors: Vec<Visitor>,
        rng: &mut Rng,
    ) -> Self {
        let common = plan.basics.common(true);
        let (console, input, stage) = stage::open(event_loop, world, &plan.basics, &common);
        let pool = event_loop.pool();
        let listener = listener(pool);
        let session = plan.service.open(pool, &plan, (console, input), listener);
        let mut at = world.now;
        let arrivals = visitors.into_iter().map(|visitor| {
            at += visitor.after;
            let (near, far) = wire(rng.fork(), socket(rng), at);
            let tls = parties().client_of(visitor.version, visitor.trusts);
            let mut peer = TlsPeer::new(visitor.habits, far, tls, at);
            peer.to_send = visitor.to_send;
            (at, near, peer, visitor.trusts)
        });
        Self {
            arrivals: arrivals.collect(),
            session,
            stage,
            listener,
            listens: true,
            guests: Vec::new(),
            accepted: 0,
            outside: Outside::of(&plan.basics, world.now),
            is_told_to_stop: false,
            events: 0,
            plan,
        }
    }

    fn accept(&mut self, pool: &mut Pool, now: Instant) {
        let Some((_, near, peer, trusts)) = self.arrivals.pop_front() else { return };
        let id = pool.simulate_accepted(Box::new(near), self.listener, self).expect("a client");
        peer.wire.set_now(now);
        self.guests.push(TlsGuest {
            id,
            trusts,
            peer,
            arrived: now,
            up: None,
            number: None,
            failed: None,
            is_dropped: false,
            left: None,
            delivered: 0,
            expected: Vec::new(),
            listens: self.plan.service.immediate(&Framing::None).is_none(),
            wakes: None,
        });
    }

    fn foresee(&mut self, pool: &Pool, event: &Event<'_>) {
        let now = pool.now();
        self.foresee_bytes(pool);
        match event {
            Event::Accepted { id, .. } => self.note_up(*id, now),
            Event::HandshakeFailed { id, .. } => {
                let guest = self.guest(*id).expect("it has arrived");
                assert!(guest.up.is_none() && guest.failed.is_none(), "its handshake was over");
                guest.failed = Some(now - guest.arrived);
            }
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Eof { id } => {
                let is_owed = self.plan.basics.source == Source::Stream && !self.stage.input_ended;
                let is_owed = is_owed && self.plan.service.relays();
                if let Some(guest) = self.guest(*id) {
                    guest.listens &= is_owed;
                }
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, .. } if *id == self.listener => {
                self.listens = false;
                let shaking = self.guests.iter_mut().filter(|guest| guest.is_shaking());
                shaking.for_each(|guest| guest.is_dropped = true);
            }
            Event::Closed { id, end } => {
                self.foresee_received(*id, end.traffic.received);
                if let Some(guest) = self.guest(*id) {
                    assert!(guest.left.is_none(), "closed twice");
                    (guest.left, guest.listens) = (Some(Left::new(end, now)), false);
                }
            }
            _ => {}
        }
    }

    fn note_up(&mut self, id: Id, now: Instant) {
        let immediate = self.plan.service.immediate(&Framing::None).cloned();
        self.accepted += 1;
        let number = Some(self.accepted);
        let guest = self.guest(id).expect("it has arrived");
        assert!(guest.is_shaking(), "its handshake was over");
        (guest.up, guest.number) = (Some(now), number);
        guest.expected.extend(immediate.unwrap_or_default());
    }

    /// What was read since this was last asked.
    fn foresee_bytes(&mut self, pool: &Pool) {
        let bytes = self.stage.read_since(pool, &self.plan.basics.stdin);
        let told = |guest: &&mut TlsGuest| guest.up.is_some() && guest.listens;
        self.guests.iter_mut().filter(told).for_each(|guest| guest.expected.extend(&bytes));
        let ids: Vec<Id> = self.guests.iter().map(|guest| guest.id).collect();
        for id in ids {
            if let Some(traffic) = pool.traffic(id) {
                self.foresee_received(id, traffic.received);
            }
        }
    }

    fn foresee_received(&mut self, id: Id, received: u64) {
        let echoes = matches!(self.plan.service, Service::Echo { .. });
        let Some(guest) = self.guest(id) else { return };
        let received = usize::try_from(received).expect("a size");
        assert!(received <= guest.peer.said, "{received} bytes of {}", guest.peer.said);
        let bytes = guest.peer.to_send[guest.delivered..received].to_vec();
        guest.delivered = received;
        if echoes {
            guest.expected.extend(&bytes);
        }
        self.stage.expected.extend(bytes);
    }

    fn guest(&mut self, id: Id) -> Option<&mut TlsGuest> {
        self.guests.iter_mut().find(|guest| guest.id == id)
    }

    fn is_to_be_stopped(&self) -> bool {
        let over = self.is_told_to_stop || self.outside.signalled.is_some();
        let over = over || self.outside.timed_out || !self.listens;
        !over && self.arrivals.is_empty() && self.guests.iter().all(TlsGuest::is_gone)
    }
}

impl TlsGuest {
    fn is_shaking(&self) -> bool {
        self.up.is_none() && self.failed.is_none() && !self.is_dropped
    }

    fn is_gone(&self) -> bool {
        self.failed.is_some() || self.is_dropped || self.left.is_some()
    }
}

impl Handler for TlsServer {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(pool, &event);
        self.session.on(pool, event);
    }
}

impl Scenario for TlsServer {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        if self.is_to_be_stopped() {
            event_loop.simulate_signal(Signal::Terminate);
            (self.is_told_to_stop, self.events) = (true, self.events + 1);
        }
        while self.listens && self.arrivals.front().is_some_and(|(at, ..)| *at <= world.now) {
            self.events += 1;
            self.accept(event_loop.pool(), world.now);
        }
        let mut next = self.outside.next();
        for guest in &mut self.guests {
            // What wakes the loop here does so in one more turn.
            self.events += u64::from(guest.wakes.is_some_and(|at| at <= world.now));
            guest.wakes = guest.peer.wire.set_now(world.now);
            if guest.peer.next().is_some_and(|at| at <= world.now) {
                guest.peer.act(&mut world.rng, world.now);
                self.events += 1;
            }
            next = [next, guest.wakes, guest.peer.next()].into_iter().flatten().min();
        }
        // One more turn where a needless `WouldBlock` was made good.
        self.events += u64::from(event_loop.pool().has_ready());
        let arrival = self.arrivals.front().filter(|_| self.listens).map(|(at, ..)| *at);
        next.into_iter().chain(arrival).min()
    }

    fn check(&mut self, pool: &mut Pool, world: &World) {
        self.foresee_bytes(pool);
        self.stage.check(pool);
        let shaking: Vec<&TlsGuest> = self.guests.iter().filter(|it| it.is_shaking()).collect();
        for guest in &shaking {
            let took = world.now - guest.arrived;
            assert!(took <= HANDSHAKE + SLACK, "a handshake of {took:?}");
        }
        assert!(pool.is_stopped() || pool.handshakes() == shaking.len(), "handshakes are lost");
        let most = self.plan.queue + 2 * BATCH;
        for guest in self.guests.iter().filter(|_| !self.plan.service.exceeds_queue()) {
            assert!(pool.queued(guest.id) <= most, "too much waits for one client");
        }
    }

    fn events(&self) -> u64 {
        self.events + self.guests.iter().map(|guest| guest.peer.wire.calls()).sum::<u64>()
    }

    fn describe(&self) -> String {
        let basics = self.plan.basics.described();
        let mut text = format!("{:?} {basics:?}", std::mem::discriminant(&self.plan.service));
        for guest in &self.guests {
            let peer = &guest.peer;
            text += &format!(
                "\n{:?} trusts {} up {:?} failed {:?} said {} of {} delivered {} received {} of {} \
                 orderly {} notify {} cut {} dead {} {:?} {:?}",
                peer.habits,
                guest.trusts,
                guest.up.map(|up| up - guest.arrived),
                guest.failed,
                peer.said,
                peer.to_send.len(),
                guest.delivered,
                peer.received.len(),
                guest.expected.len(),
                peer.is_orderly,
                peer.saw_notify,
                peer.is_cut,
                peer.is_dead,
                guest.left.map(|left| (left.reason, left.unsent)),
                peer.wire,
            );
        }
        text
    }
}
