//! A server in virtual time, with any of its services: what the clients get is compared with what
//! a plain model of the session says they are to get.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use wirecat::event_loop::{Directions, Event, EventLoop, Handler, Id, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::protocol::slow::{Policy, SlowRules};
use wirecat::sockets::Endpoint;

use super::actor::Actor;
use super::guest::{Guest, Left};
use super::outside::Outside;
use super::plan::{
    Basics, content, ending, framed, millis, once_in, pipe, rarely, size, socket, temper,
};
use super::service::{AnySession, Service};
use super::stage::{self, BATCH, Cut, IDLE, Stage, encode, shown};
use super::wire::{Far, Near, wire};
use super::world::{self, Scenario, World};

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) basics: Basics,
    pub(super) service: Service,
    pub(super) greet: Option<Bytes>,
    pub(super) slow: SlowRules,
    pub(super) queue: usize,
    pub(super) max_clients: Option<usize>,
    pub(super) clients: usize,
}

impl Plan {
    fn random(rng: &mut Rng, service: Service) -> Self {
        let framings =
            [Framing::None, Framing::Line, Framing::U16, Framing::Netstring].into_iter().chain(
                [r"delim:\x02,\r\r\n", "octet", "content-length"]
                    .map(|text| text.parse().expect("a framing")),
            );
        let framings: Vec<Framing> = framings.collect();
        let framing = framings[rng.usize(..framings.len())].clone();
        let mut basics = Basics::random(rng, &framing);
        if !service.reads_stdin() {
            (basics.source, basics.stdin) = (Source::Absent, Vec::new());
        }
        if service.is_hub() || !service.is_served() {
            (basics.keep_open, basics.quit_after) = (false, None);
        }
        let policies = [Policy::Kick, Policy::Drop, Policy::Block];
        let zero = service.is_hub() && rng.bool();
        let after = if zero { Duration::ZERO } else { millis(rng, 100..2000) };
        let mut plan = Self {
            slow: SlowRules { policy: rarely(rng, 2, |rng| policies[rng.usize(..3)]), after },
            queue: size(rng, 8..17),
            max_clients: rarely(rng, 8, |rng| rng.usize(1..3)),
            clients: rng.usize(1..6),
            greet: rarely(rng, 4, |_| Bytes::from_static(b"welcome")),
            service,
            basics,
        };
        if plan.service.script().is_some() {
            plan.basics.framing = Framing::None;
        }
        if !plan.service.is_served() {
            plan.slow.policy = Some(Policy::Block);
            (plan.max_clients, plan.greet) = (None, None);
        }
        plan
    }

    /// The one answer that goes out at once, with FIN behind it.
    fn immediate(&self) -> Option<&Bytes> {
        self.service.immediate(&self.basics.framing)
    }

    fn client(&self, rng: &mut Rng, number: usize, now: Instant) -> (Near, Actor) {
        let (near, far) = wire(rng.fork(), socket(rng), now);
        let patience = self.slow.after.max(Duration::from_millis(20));
        let relays = self.service.relays();
        let they_end = self.immediate().is_some() || (relays && self.basics.ends_by_itself(true));
        let name = format!("client{number}");
        let (temper, ending) = (temper(rng, patience), ending(rng, &self.basics, they_end));
        let mut actor = Actor::new(&name, far, temper, ending, now);
        let framing = self.basics.framing.clone();
        actor.to_send = match self.service.script() {
            Some(script) => script.to_vec(),
            None => framed(&framing, &content(rng, &framing, &name)),
        };
        (near, actor)
    }
}

pub(super) struct Server {
    pub(super) plan: Plan,
    session: Box<dyn AnySession>,
    pub(super) stage: Stage,
    listener: Id,
    listens: bool,
    arrivals: VecDeque<(Instant, Near, Actor)>,
    pub(super) guests: Vec<Guest>,
    cut: Cut,
    pub(super) outside: Outside,
    /// It was stopped because it was over.
    stopped: bool,
    events: u64,
    /// The far end of the stand-in for a listener.
    _door: Far,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64, service: fn(&mut Rng) -> Service) {
    let mut rng = Rng::with_seed(seed);
    let service = service(&mut rng);
    let plan = Plan::random(&mut rng, service);
    let (world, server) =
        world::play(&mut rng, |event_loop, world, rng| Server::open(event_loop, world, plan, rng));
    let status = server.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&server)));
    super::verdict::judge(&server, &world, status);
}

impl Server {
    fn open(event_loop: &mut EventLoop, world: &mut World, plan: Plan, rng: &mut Rng) -> Self {
        let common = plan.basics.common(true);
        let (console, input, stage) = stage::open(event_loop, world, &plan.basics, &common);
        let (near, door) = wire(rng.fork(), pipe(rng), world.now);
        let pool = event_loop.pool();
        let listener = pool.add_channel(Box::new(near), Directions::Read).expect("a stand-in");
        let session = plan.service.open(pool, &plan, (console, input), listener);
        let mut at = world.now;
        let arrivals = (0..plan.clients).map(|number| {
            let together = once_in(rng, 3);
            at += if together { Duration::ZERO } else { millis(rng, 0..600) };
            let (near, actor) = plan.client(rng, number + 1, at);
            (at, near, actor)
        });
        Self {
            arrivals: arrivals.collect(),
            session,
            stage,
            listener,
            listens: true,
            guests: Vec::new(),
            cut: Cut::of_stdin(&plan.basics.framing),
            outside: Outside::of(&plan.basics, world.now),
            stopped: false,
            events: 0,
            _door: door,
            plan,
        }
    }

    /// Takes in the next client.
    fn accept(&mut self, pool: &mut Pool, world: &mut World, near: Near, mut actor: Actor) {
        let id = pool.add_channel(Box::new(near), Directions::Both).expect("a client");
        actor.wire.set_now(world.now);
        let mut guest =
            Guest::new(id, world.actors.len(), &actor, &self.plan.basics.framing, world.now);
        let framing = self.plan.basics.framing.clone();
        let immediate = self.plan.immediate();
        for text in self.plan.greet.iter().chain(immediate) {
            guest.expected.push(encode(&framing, text));
        }
        guest.expected.extend(self.plan.service.turns(0, 0));
        guest.listens = immediate.is_none();
        if self.present() == 1 {
            self.guests.iter_mut().for_each(|guest| guest.joined = world.now);
        }
        self.guests.push(guest);
        let (peer, local) = (Endpoint::default(), Endpoint::default());
        self.session.on(pool, Event::Accepted { id, listener: self.listener, peer, local });
        actor.name = format!("#{} {}", self.guests.len(), actor.name);
        world.actors.push(actor);
    }

    /// What an event means for what everybody is to get.
    fn foresee(&mut self, pool: &Pool, event: &Event<'_>) {
        let now = pool.now();
        self.foresee_bytes(pool);
        match event {
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Eof { id } => {
                // A line that was cut by a reset comes to its end in this way, too.
                self.foresee_data(*id, &[], true, now);
                let relays = self.plan.service.relays();
                let owes =
                    relays && self.plan.basics.source == Source::Stream && !self.stage.input_ended;
                if let Some(guest) = self.guest(*id) {
                    guest.ended = true;
                    guest.listens &= owes;
                }
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, .. } if *id == self.listener => self.listens = false,
            Event::Closed { id, end } => {
                self.foresee_received(*id, end.traffic.received, now);
                if let Some(guest) = self.guests.iter_mut().find(|guest| guest.id == *id) {
                    guest.leave(Left::new(end, now), self.plan.basics.idle, self.plan.slow);
                }
            }
            Event::Timer { key } if key.id.is_some() && key.purpose == IDLE => {
                if let Some(guest) = key.id.and_then(|id| self.guest(id)) {
                    guest.note_idle(now);
                }
            }
            _ => {}
        }
    }

    /// What was read since this was last asked, over a link or not.
    fn foresee_bytes(&mut self, pool: &Pool) {
        let bytes = self.stage.read_since(pool, &self.plan.basics.stdin);
        if !bytes.is_empty() {
            let messages = self.cut.feed(&bytes, false);
            self.report_all(None, &messages);
        }
        let ids: Vec<Id> = self.guests.iter().map(|guest| guest.id).collect();
        for id in ids {
            if let Some(traffic) = pool.traffic(id) {
                self.foresee_received(id, traffic.received, pool.now());
            }
        }
    }

    fn foresee_received(&mut self, id: Id, received: u64, now: Instant) {
        let bytes = self.guest(id).map(|guest| guest.read_since(received)).unwrap_or_default();
        if !bytes.is_empty() {
            self.foresee_data(id, &bytes, false, now);
        }
    }

    fn foresee_data(&mut self, id: Id, bytes: &[u8], eof: bool, now: Instant) {
        let framing = self.plan.basics.framing.clone();
        let Some(guest) = self.guest(id) else { return };
        if !eof {
            guest.last_data = now;
        }
        let (delivered, known) = (guest.delivered, guest.expected.len());
        let messages = guest.cut.feed(bytes, eof);
        let turns = self.plan.service.turns(delivered, known);
        if self.plan.service.is_hub() {
            self.report_all(Some(id), &messages);
        }
        let answer = |message: &Vec<u8>| self.plan.service.answer(&framing, message);
        let answers: Vec<_> = messages.iter().filter_map(answer).collect();
        let guest = self.guest(id).expect("the same guest");
        guest.expected.extend(answers.iter().map(|answer| encode(&framing, answer)));
        guest.expected.extend(turns);
        if self.plan.service.shows_messages() {
            let text = messages.iter().flat_map(|message| shown(&framing, message));
            self.stage.expected.extend(text);
        }
    }

    fn report_all(&mut self, from: Option<Id>, messages: &[Vec<u8>]) {
        let framing = self.plan.basics.framing.clone();
        let told = |guest: &&mut Guest| guest.listens && Some(guest.id) != from;
        for guest in self.guests.iter_mut().filter(told) {
            guest.expected.extend(messages.iter().map(|message| encode(&framing, message)));
        }
    }

    fn guest(&mut self, id: Id) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.id == id)
    }

    /// No queue holds more than it may, and one batch that was read before it said so.
    fn check_queues(&mut self, pool: &Pool) {
        let unbounded = self.plan.service.exceeds_queue();
        for guest in self.guests.iter_mut().filter(|guest| guest.left.is_none()) {
            let queued = pool.queued(guest.id);
            // A piece of the queue has a cost beside its bytes, and so the room counts.
            let used = self.plan.queue.saturating_sub(pool.room(guest.id));
            guest.note_queue(used, self.plan.queue, pool.now());
            let most = self.plan.queue + 2 * BATCH;
            assert!(unbounded || queued <= most, "{queued} bytes wait for one client");
        }
    }

    /// Whether it was told to stop by something that makes it close its clients.
    pub(super) fn is_stopping(&self) -> bool {
        !self.plan.service.is_served()
            && (self.outside.signalled.is_some() || self.stage.trouble().is_some())
    }

    /// Whether everything is over but the service, which would go on.
    fn is_to_be_stopped(&self) -> bool {
        let ends = self.plan.service.ends_with_clients() || self.stopped;
        let over = self.outside.signalled.is_some() || self.outside.timed_out || !self.listens;
        !ends && !over && self.arrivals.is_empty() && self.present() == 0
    }

    /// How many clients there are now.
    fn present(&self) -> usize {
        self.guests.iter().filter(|guest| guest.left.is_none()).count()
    }
}

impl Handler for Server {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(pool, &event);
        self.session.on(pool, event);
        self.check_queues(pool);
    }
}

impl Scenario for Server {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        if self.is_to_be_stopped() {
            event_loop.simulate_signal(Signal::Terminate);
            (self.stopped, self.events) = (true, self.events + 1);
        }
        let crowded =
            |server: &Self| server.plan.max_clients.is_some_and(|most| server.present() >= most);
        while self.listens && !crowded(self) {
            if self.arrivals.front().is_none_or(|(at, ..)| *at > world.now) {
                break;
            }
            let Some((_, near, actor)) = self.arrivals.pop_front() else { break };
            self.events += 1;
            self.accept(event_loop.pool(), world, near, actor);
        }
        let next = self.arrivals.front().filter(|_| self.listens && !crowded(self));
        let signal = self.outside.next();
        next.map(|(at, ..)| *at).into_iter().chain(signal).min()
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.foresee_bytes(pool);
        self.stage.check(pool);
        self.check_queues(pool);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        let Plan { service, slow, queue, .. } = &self.plan;
        let basics = self.plan.basics.described();
        let service = std::mem::discriminant(service);
        format!("{service:?} {slow:?} queue {queue} {basics:?}\n{:#?}", self.guests)
    }
}
