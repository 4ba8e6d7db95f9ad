//! `tcp-serve --forward` in virtual time: what either side says reaches the other side, with its
//! end, and a transfer that was cut never looks whole.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::close::{Cause, Detail};
use wirecat::error::Status;
use wirecat::event_loop::{Directions, Event, EventLoop, Handler, Id, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::protocol::slow::SlowRules;
use wirecat::sessions::config::{AdmissionRules, Backlog, Handling, RouteOptions, Serve};
use wirecat::sessions::{Session, StreamSession};
use wirecat::sockets::Endpoint;

use super::actor::{Actor, Ending, Temper};
use super::guest::Left;
use super::network::{self, Fate, Upstreams};
use super::outside::Outside;
use super::plan::{Basics, content, ending, millis, once_in, pipe, size, socket, temper};
use super::stage::{self, BATCH, Stage, check_prefix};
use super::verdict::check_told;
use super::wire::{Far, Near, wire};
use super::world::{self, Scenario, World};

/// One end of a relay, as the model sees it.
struct Side {
    id: Id,
    /// Its place among the actors.
    actor: usize,
    left: Option<Left>,
}

impl Side {
    fn new(id: Id, actor: usize) -> Self {
        Self { id, actor, left: None }
    }
}

struct Pair {
    client: Side,
    upstream: Side,
    fate: Fate,
}

impl Pair {
    fn is_up(&self) -> bool {
        self.fate.comes_about()
    }
}

struct Forwarder {
    basics: Basics,
    queue: usize,
    session: StreamSession,
    stage: Stage,
    listener: Id,
    listens: bool,
    network: Upstreams,
    arrivals: VecDeque<(Instant, Near, Actor, Actor)>,
    pairs: Vec<Pair>,
    outside: Outside,
    events: u64,
    /// The far end of the stand-in for a listener.
    _listening: Far,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut basics = Basics::random(&mut rng, &Framing::None);
    (basics.source, basics.stdin) = (Source::Absent, Vec::new());
    (basics.keep_open, basics.quit_after) = (false, None);
    (basics.stdout_temper, basics.stdout) = (Temper::Good, pipe(&mut rng));
    let (world, forwarder) = world::play(&mut rng, |event_loop, world, rng| {
        Forwarder::open(event_loop, world, basics, rng)
    });
    let status = forwarder.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&forwarder)));
    forwarder.judge(&world, status);
}

impl Forwarder {
    fn open(event_loop: &mut EventLoop, world: &mut World, basics: Basics, rng: &mut Rng) -> Self {
        let common = basics.common(true);
        let (console, input, stage) = stage::open(event_loop, world, &basics, &common);
        let (near, listening) = wire(rng.fork(), pipe(rng), world.now);
        let pool = event_loop.pool();
        let listener = pool.add_channel(Box::new(near), Directions::Read).expect("a stand-in");
        let network = Upstreams::new(rng, world.now);
        pool.simulate_network(Box::new(network.clone()));
        let (queue, clients) = (size(rng, 8..17), rng.usize(1..5));
        let config = Serve {
            common,
            addresses: Vec::new(),
            admission: AdmissionRules { conns: Some(clients as u64), ..AdmissionRules::default() },
            threads: 1,
            handling: Handling::Forward(Box::new(network::route())),
            greet: None,
            replay: None,
            backlog: Backlog {
                queue,
                slow: SlowRules { policy: None, after: Duration::from_secs(1) },
                frames: usize::MAX,
            },
            routes: RouteOptions::default(),
        };
        let mut session =
            StreamSession::serve(config, console, input, vec![listener]).expect("a session");
        session.start(pool);
        let mut at = world.now;
        let arrivals = (0..clients).map(|number| {
            at += if once_in(rng, 3) { Duration::ZERO } else { millis(rng, 0..600) };
            let (near, client, upstream) = both_ends(rng, &basics, number + 1, at);
            (at, near, client, upstream)
        });
        Self {
            arrivals: arrivals.collect(),
            session,
            stage,
            listener,
            listens: true,
            network,
            pairs: Vec::new(),
            outside: Outside::of(&basics, world.now),
            events: 0,
            queue,
            basics,
            _listening: listening,
        }
    }

    /// Takes in the next client, for which the session dials at once.
    fn accept(
        &mut self,
        pool: &mut Pool,
        world: &mut World,
        (near, client, mut upstream): (Near, Actor, Actor),
    ) {
        self.network.set_now(world.now);
        client.wire.set_now(world.now);
        let id = pool.add_channel(Box::new(near), Directions::Both).expect("a client");
        let (peer, local) = (Endpoint::default(), Endpoint::default());
        self.session.on(pool, Event::Accepted { id, listener: self.listener, peer, local });
        // A session that is stopping takes nobody in any more.
        let Some((far, fate)) = self.network.take_made() else { return };
        let dialed = far.id().expect("it is in the pool");
        upstream.wire = far;
        let place = world.actors.len();
        world.actors.extend([client, upstream]);
        self.pairs.push(Pair {
            client: Side::new(id, place),
            upstream: Side::new(dialed, place + 1),
            fate,
        });
    }

    /// The pair that a connection belongs to, and whether it is the client of it.
    fn pair(&mut self, id: Id) -> Option<(&mut Pair, bool)> {
        let is_its = |pair: &&mut Pair| pair.client.id == id || pair.upstream.id == id;
        let pair = self.pairs.iter_mut().find(is_its)?;
        let is_client = pair.client.id == id;
        Some((pair, is_client))
    }

    /// What an event means for what everybody is to get.
    fn foresee(&mut self, pool: &Pool, event: &Event<'_>) {
        let now = pool.now();
        match event {
            Event::Data { id, .. } => {
                assert!(self.pair(*id).is_none(), "a relayed connection is linked as a whole");
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, .. } if *id == self.listener => self.listens = false,
            Event::Closed { id, end } => {
                let Some((pair, is_client)) = self.pair(*id) else { return };
                let side = if is_client { &mut pair.client } else { &mut pair.upstream };
                assert!(side.left.is_none(), "closed twice: {id:?}");
                side.left = Some(Left::new(end, now));
            }
            _ => {}
        }
    }

    fn judge(&self, world: &World, status: Status) {
        let events = self.stage.events(status);
        for (pair, number) in self.pairs.iter().zip(1..) {
            let left = pair.client.left.expect("the client was never closed");
            check_told(&events, Some(number), &left);
            let (client, upstream) =
                (&world.actors[pair.client.actor], &world.actors[pair.upstream.actor]);
            Self::check_side(client, upstream);
            if !pair.is_up() {
                assert!(upstream.received.is_empty(), "a connection that never was has moved data");
                assert!(!client.saw_fin, "{} does not see that nobody is there", client.name);
                continue;
            }
            Self::check_side(upstream, client);
            self.check_end(&left, client, upstream);
        }
        self.check_status(status);
    }

    /// What one end gets is what the other end sends. Where it looks whole, it
    /// is whole: a relay that was cut ends with a reset.
    fn check_side(to: &Actor, from: &Actor) {
        check_prefix(&to.name, &to.received, &from.to_send, false);
        let is_whole = from.said_fin && to.received.len() == from.to_send.len();
        let looks_whole = to.saw_fin && !to.was_reset;
        assert!(is_whole || !looks_whole, "{} sees a FIN behind a part", to.name);
    }

    /// Whether the run, or a limit, may have cut the two off.
    fn is_cut_short(&self) -> bool {
        self.outside.signalled.is_some() || self.outside.timed_out || self.basics.idle.is_some()
    }

    /// Two ends that behave come to their end, unless something that was asked for came first.
    fn check_end(&self, left: &Left, client: &Actor, upstream: &Actor) {
        match (left.reason.cause, left.reason.detail) {
            (Cause::Peer | Cause::Host, Detail::Fin) => {}
            (Cause::Timeout, Detail::Idle) => return assert!(self.basics.idle.is_some()),
            (Cause::Host, Detail::Signal) => return assert!(self.outside.signalled.is_some()),
            (Cause::Timeout, Detail::Timeout) => return assert!(self.outside.timed_out),
            _ => {
                let reliable = client.is_reliable() && upstream.is_reliable();
                return assert!(
                    !reliable,
                    "nobody asked for this end: {left:?} of {}",
                    client.name
                );
            }
        }
        if client.is_reliable() && upstream.is_reliable() && !self.is_cut_short() {
            for (to, from) in [(client, upstream), (upstream, client)] {
                assert!(to.saw_fin && !to.was_reset, "{} sees no end", to.name);
                assert_eq!(to.received.len(), from.to_send.len(), "what {} said", from.name);
            }
        }
    }

    /// SPEC 1.3 and 9: 0 if and only if nothing was lost, else what was.
    fn check_status(&self, status: Status) {
        let missing = self.pairs.iter().any(|pair| !pair.is_up());
        let sides = self.pairs.iter().flat_map(|pair| [&pair.client, &pair.upstream]);
        let mut ends = sides.filter_map(|side| side.left);
        let lost = ends.clone().any(|left| left.is_loss());
        let idle = ends.any(|left| left.reason.detail == Detail::Idle);
        let refused = missing.then_some([Status::Connect, Status::Timeout]);
        let possible: Vec<Status> = match self.outside.signalled {
            Some(Signal::Interrupt) => vec![Status::Interrupt],
            _ => {
                let stopped = self.outside.signalled.map(|_| Status::Done);
                let time = (self.outside.timed_out || idle).then_some(Status::Timeout);
                let loss = lost.then_some(Status::Lost);
                let refused = refused.into_iter().flatten();
                refused.chain(stopped).chain(time).chain(loss).collect()
            }
        };
        let right = possible.contains(&status) || (possible.is_empty() && status == Status::Done);
        assert!(right, "ended with {status:?}, for which there was {possible:?}");
    }
}

/// A client, and whoever is behind the upstream that is dialed for it. Not both of them wait for
/// the end of the other.
fn both_ends(rng: &mut Rng, basics: &Basics, number: usize, now: Instant) -> (Near, Actor, Actor) {
    let mut actor = |role: &str, waits: bool| {
        let (near, far) = wire(rng.fork(), socket(rng), now);
        let temper = temper(rng, Duration::from_millis(100));
        let name = format!("{role} {number}");
        let mut actor = Actor::new(&name, far, temper, ending(rng, basics, waits), now);
        actor.to_send = content(rng, &Framing::None, &name);
        (near, actor)
    };
    let (near, client) = actor("client", true);
    let (_, upstream) = actor("upstream", client.ending != Ending::AfterTheirs);
    (near, client, upstream)
}

impl Handler for Forwarder {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(pool, &event);
        self.session.on(pool, event);
    }
}

impl Scenario for Forwarder {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        while self.listens && self.arrivals.front().is_some_and(|(at, ..)| *at <= world.now) {
            let Some((_, near, client, upstream)) = self.arrivals.pop_front() else { break };
            self.events += 1;
            self.accept(event_loop.pool(), world, (near, client, upstream));
        }
        let next = self.arrivals.front().filter(|_| self.listens).map(|(at, ..)| *at);
        next.into_iter().chain(self.outside.next()).min()
    }

    /// No queue holds more than it may, and one batch that was read before it said so.
    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.stage.check(pool);
        for side in self.pairs.iter().flat_map(|pair| [&pair.client, &pair.upstream]) {
            let queued = pool.queued(side.id);
            assert!(queued <= self.queue + 2 * BATCH, "{queued} bytes wait for {:?}", side.id);
        }
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        let short = |side: &Side| format!("{:?} {:?}", side.id, side.left);
        let pairs: Vec<String> = self
            .pairs
            .iter()
            .map(|pair| {
                let (client, upstream) = (short(&pair.client), short(&pair.upstream));
                format!("{client} | {upstream} | {:?}", pair.fate)
            })
            .collect();
        format!("{:?}\n{pairs:#?}", self.basics)
    }
}
