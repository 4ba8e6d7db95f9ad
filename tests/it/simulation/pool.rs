//! A pool in virtual time: commands dial while clients come, and whatever becomes of the attempts and
//! of both kinds of connections, each command has its answer and each connection one end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use wirecat::error::Status;
use wirecat::event_loop::{Directions, Event, EventLoop, Handler, Id, Pool};
use wirecat::framing::Framing;
use wirecat::protocol::command::CommandForm;
use wirecat::protocol::relay::Source;
use wirecat::protocol::slow::SlowRules;
use wirecat::report::Verbosity;
use wirecat::sessions::config::{
    AdmissionRules, Backlog, Handling, InputSource, RouteOptions, Serve,
};
use wirecat::sessions::{Session, StreamSession};
use wirecat::sockets::Endpoint;

use super::actor::{Actor, Ending, Temper};
use super::network::{CONNECT, Upstreams};
use super::plan::{Basics, content, framed, millis, once_in, pipe, size, socket, temper};
use super::stage::{self, Cut, Stage};
use super::wire::{Far, Near, wire};
use super::world::{self, Scenario, World};

struct Pooled {
    commands: Vec<Value>,
    session: StreamSession,
    stage: Stage,
    network: Upstreams,
    listener: Id,
    listens: bool,
    arrivals: VecDeque<(Instant, Near, Actor)>,
    /// The actors behind connections, and whether they were ever connected.
    peers: Vec<usize>,
    possible: usize,
    rng: Rng,
    events: u64,
    _listening: Far,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut basics = Basics::random(&mut rng, &Framing::Line);
    let commands = commands(&mut rng);
    let lines: Vec<String> = commands.iter().map(|command| format!("{command}\n")).collect();
    (basics.source, basics.stdin) = (Source::Stream, lines.concat().into_bytes());
    (basics.keep_open, basics.quit_after, basics.signal) = (false, None, None);
    (basics.stdout_temper, basics.stdout) = (Temper::Good, pipe(&mut rng));
    let (world, pooled) = world::play(&mut rng, |event_loop, world, rng| {
        Pooled::open(event_loop, world, &basics, commands, rng.clone())
    });
    let status = pooled.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&pooled)));
    pooled.judge(&world, status);
}

/// What a program may say; the numbers of connections are guessed.
fn commands(rng: &mut Rng) -> Vec<Value> {
    let count = rng.u64(1..40);
    let command = |number: u64| {
        let address = format!("192.0.2.{}:9", rng.u8(1..6));
        match rng.u8(..8) {
            0 => json!({ "close": rng.u64(1..12) }),
            1 => json!({ "list": true }),
            2 | 3 => json!({ "connect": address }),
            4 => json!({ "connect": address, "another": true }),
            _ => json!({ "send": format!("message {number} {}", "x".repeat(size(rng, 0..12))) }),
        }
    };
    let mut commands: Vec<Value> = (0..count).map(command).collect();
    // Behind the others, or as the end of stdin means it.
    commands.extend(once_in(rng, 3).then(|| json!({ "quit": true })));
    commands
}

impl Pooled {
    fn open(
        event_loop: &mut EventLoop,
        world: &mut World,
        basics: &Basics,
        commands: Vec<Value>,
        mut rng: Rng,
    ) -> Self {
        let mut common = basics.common(true);
        common.input.source = InputSource::Commands { form: CommandForm::Json, chomp: false };
        common.output.report.verbosity = Verbosity::Debug;
        let (console, input, stage) = stage::open(event_loop, world, basics, &common);
        let (near, listening) = wire(rng.fork(), pipe(&mut rng), world.now);
        let pool = event_loop.pool();
        let listener = pool.add_channel(Box::new(near), Directions::Read).expect("a stand-in");
        let network = Upstreams::new(&mut rng, world.now);
        pool.simulate_network(Box::new(network.clone()));
        let config = Serve {
            common,
            addresses: Vec::new(),
            admission: AdmissionRules::default(),
            threads: 1,
            handling: Handling::Relay,
            greet: None,
            replay: None,
            backlog: Backlog {
                queue: size(&mut rng, 10..17),
                slow: SlowRules { policy: None, after: Duration::from_secs(1) },
                frames: usize::MAX,
            },
            routes: RouteOptions { timeout: CONNECT, ..RouteOptions::default() },
        };
        let session = StreamSession::serve(config, console, input, vec![listener]);
        let mut session = session.expect("a session");
        session.start(pool);
        let mut at = world.now;
        let arrivals = (1..=rng.usize(..4)).map(|number| {
            at += millis(&mut rng, 0..300);
            let (near, far) = wire(rng.fork(), socket(&mut rng), at);
            (at, near, actor(&mut rng, &format!("client{number}"), far, at))
        });
        let (arrivals, peers) = (arrivals.collect(), Vec::new());
        let (listens, possible, events) = (true, 0, 0);
        Self {
            commands,
            session,
            stage,
            network,
            listener,
            listens,
            arrivals,
            peers,
            possible,
            rng,
            events,
            _listening: listening,
        }
    }

    /// Puts a peer behind each connection that was begun.
    fn take_made(&mut self, world: &mut World) {
        while let Some((far, fate)) = self.network.take_made() {
            self.possible += usize::from(fate.comes_about());
            let name = format!("server{}", self.peers.len());
            self.peers.push(world.actors.len());
            world.actors.push(actor(&mut self.rng, &name, far, world.now));
        }
    }

    fn judge(&self, world: &World, status: Status) {
        assert!(matches!(status, Status::Done | Status::Lost | Status::Timeout), "{status:?}");
        let events = self.stage.events(status);
        self.check_answers(&events);
        let of = |name: &str| events.iter().filter(move |event| event["event"] == name).count();
        assert!(of("connected") <= self.possible, "{} connections are too many", of("connected"));
        for place in &self.peers {
            let peer = &world.actors[*place];
            check_order(&peer.name, Cut::new(&Framing::Line).feed(&peer.received, false));
        }
    }

    /// Each command has its answers, in whose order no address is dialed twice unless that is asked
    /// for; each connection has one end.
    fn check_answers(&self, events: &[Value]) {
        // What is being made, or connected, by its number: the address, where it was dialed.
        let mut live: BTreeMap<u64, Option<&str>> = BTreeMap::new();
        let mut open: BTreeMap<u64, u64> = BTreeMap::new();
        for event in events {
            let (conn, line) = (event["conn"].as_u64(), event["line"].as_u64());
            let command = line.and_then(|line| self.commands.get(line as usize - 1));
            let address = command.and_then(|command| command["connect"].as_str());
            let is_live = live.values().any(|other| address.is_some() && *other == address);
            match (event["event"].as_str().expect("a name"), conn) {
                ("connecting", Some(conn)) => {
                    let another = command.is_some_and(|command| command["another"] == true);
                    assert!(another || !is_live, "dialed twice: {event}");
                    assert_eq!(live.insert(conn, address), None, "a number comes twice: {event}");
                    open.insert(line.expect("a line"), conn);
                }
                ("error", None) if event["kind"] == "already-connected" => {
                    assert!(is_live, "it is not connected: {event}");
                }
                ("connected", Some(conn)) => {
                    assert_eq!(open.remove(&line.expect("a line")), Some(conn), "{event}");
                }
                ("connect-failed", Some(conn)) if line.is_some() => {
                    assert_eq!(open.remove(&line.expect("a line")), Some(conn), "{event}");
                    assert!(live.remove(&conn).is_some(), "{event}");
                }
                ("accepted", Some(conn)) => {
                    assert_eq!(live.insert(conn, None), None, "a number comes twice: {event}");
                }
                ("closed", Some(conn)) => assert!(live.remove(&conn).is_some(), "{event}"),
                _ => {}
            }
        }
        assert!(live.is_empty() && open.is_empty(), "without an end: {live:?} {open:?}");
    }
}

/// Who stands behind a connection: it says something, and reads as its temper has it.
fn actor(rng: &mut Rng, name: &str, far: Far, now: Instant) -> Actor {
    let patience = Duration::from_millis(100);
    let ending = if rng.bool() { Ending::AfterSending } else { Ending::Never };
    let mut actor = Actor::new(name, far, temper(rng, patience), ending, now);
    if !once_in(rng, 3) {
        actor.to_send = framed(&Framing::Line, &content(rng, &Framing::Line, name));
    }
    actor
}

/// Whoever is connected gets each message from then on, once and in order.
fn check_order(name: &str, messages: Vec<Vec<u8>>) {
    let number = |message: Vec<u8>| {
        let text = String::from_utf8(message).expect("text");
        text.split(' ').nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let numbers: Vec<u64> = messages.into_iter().map(number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{name} got {numbers:?}");
}

impl Handler for Pooled {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.network.set_now(pool.now());
        match &event {
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, .. } if *id == self.listener => self.listens = false,
            _ => {}
        }
        self.session.on(pool, event);
    }
}

impl Scenario for Pooled {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.take_made(world);
        let pool = event_loop.pool();
        while self.listens
            && !pool.is_paused(self.listener)
            && self.arrivals.front().is_some_and(|(at, ..)| *at <= world.now)
            && let Some((_, near, actor)) = self.arrivals.pop_front()
        {
            let id = pool.add_channel(Box::new(near), Directions::Both).expect("a client");
            actor.wire.set_now(world.now);
            let (peer, local) = (Endpoint::default(), Endpoint::default());
            self.session.on(pool, Event::Accepted { id, listener: self.listener, peer, local });
            self.peers.push(world.actors.len());
            world.actors.push(actor);
        }
        self.arrivals.front().filter(|_| self.listens).map(|(at, ..)| *at)
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.stage.check(pool);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        format!("{:?}\n{} peers", self.commands, self.peers.len())
    }
}
