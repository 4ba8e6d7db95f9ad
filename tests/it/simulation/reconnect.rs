//! `tcp-connect --reconnect` in virtual time: however often the connection is lost, each message
//! arrives whole, once and in its order; one that does not arrive shows in the exit status.

use std::time::Instant;

use fastrand::Rng;
use wirecat::error::Status;
use wirecat::event_loop::{Event, EventLoop, Handler, Pool};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::sessions::config::Dialing;
use wirecat::sessions::{Session, StreamSession};

use super::actor::{Actor, Ending, Temper};
use super::network::{self, Upstreams};
use super::plan::{Basics, content, framed, millis, once_in, temper};
use super::stage::{self, Cut, Stage};
use super::world::{self, Scenario, World};

/// So many connections may be of any kind; whoever comes behind them reads to the end.
const BAD: usize = 8;

struct Reconnecting {
    basics: Basics,
    session: StreamSession,
    stage: Stage,
    network: Upstreams,
    rng: Rng,
    /// The places of the servers among the actors, in the order of their connections.
    servers: Vec<usize>,
    events: u64,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let framing = if rng.bool() { Framing::Line } else { Framing::U32 };
    let mut basics = Basics::random(&mut rng, &framing);
    (basics.source, basics.stdin) = (Source::Stream, content(&mut rng, &framing, "stdin"));
    (basics.keep_open, basics.quit_after, basics.idle) = (false, None, None);
    (basics.timeout, basics.signal, basics.stdout_temper) = (None, None, Temper::Good);
    basics.stdout.disk = None;
    let (world, client) = world::play(&mut rng, |event_loop, world, rng| {
        Reconnecting::open(event_loop, world, basics, rng.clone())
    });
    let status = client.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&client)));
    client.judge(&world, status);
}

impl Reconnecting {
    fn open(event_loop: &mut EventLoop, world: &mut World, basics: Basics, mut rng: Rng) -> Self {
        let common = basics.common(false);
        let (console, input, stage) = stage::open(event_loop, world, &basics, &common);
        let config = network::client(common, Dialing { reconnect: true, ..Dialing::default() });
        let network = Upstreams::new(&mut rng, world.now);
        let pool = event_loop.pool();
        pool.simulate_network(Box::new(network.clone()));
        let mut session = StreamSession::connect(pool, config, console, input);
        session.start(pool);
        let servers = Vec::new();
        Self { basics, session, stage, network, rng, servers, events: 0 }
    }

    /// Puts a server behind each connection that was begun.
    fn take_made(&mut self, world: &mut World) {
        while let Some((far, _)) = self.network.take_made() {
            let rng = &mut self.rng;
            let is_bad = self.servers.len() < BAD;
            let patience = millis(rng, 1..100);
            let temper = if is_bad { temper(rng, patience) } else { Temper::Good };
            // One that says FIN first is left for the next one, with what it was not sent.
            let ending = match is_bad && rng.bool() {
                true => Ending::AfterSending,
                false => Ending::AfterTheirs,
            };
            let name = format!("server {}", self.servers.len() + 1);
            let mut server = Actor::new(&name, far, temper, ending, world.now);
            if !once_in(rng, 3) {
                let said = content(rng, &self.basics.framing, &name);
                server.to_send = framed(&self.basics.framing, &said);
            }
            self.servers.push(world.actors.len());
            world.actors.push(server);
        }
    }

    fn judge(&self, world: &World, status: Status) {
        let framing = self.basics.framing.clone();
        let mut wanted = Cut::of_stdin(&framing).feed(&self.basics.stdin, true).into_iter();
        let mut is_whole = true;
        for server in self.servers.iter().map(|place| &world.actors[*place]) {
            for message in Cut::new(&framing).feed(&server.received, false) {
                let skipped = wanted.position(|one| one == message);
                let skipped = skipped.unwrap_or_else(|| {
                    let text = String::from_utf8_lossy(&message);
                    panic!("{} got {text:.40} twice, late or cut", server.name)
                });
                is_whole &= skipped == 0;
            }
        }
        is_whole &= wanted.next().is_none();
        // What the kernel of a server has acknowledged, and the server never reads, nobody knows of.
        let are_reliable = self.servers.iter().all(|place| world.actors[*place].is_reliable());
        match status {
            Status::Done => assert!(is_whole || !are_reliable, "messages were lost in silence"),
            Status::Lost => {}
            _ => panic!("ended with {status:?}"),
        }
        // Whatever a connection did not take, another one has taken.
        let events = self.stage.events(status);
        let closed = events.iter().filter(|event| event["event"] == "closed");
        let sent: u64 = closed.filter_map(|event| event["out"].as_u64()).sum();
        let wanted = framed(&framing, &self.basics.stdin).len() as u64;
        assert!(sent >= wanted, "{sent} of {wanted} bytes were sent");
        assert!(self.stage.is_whole(), "stdout is not whole: {:?}", self.stage.end);
    }
}

impl Handler for Reconnecting {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.network.set_now(pool.now());
        if let Event::Closed { id, end } = &event
            && *id == self.stage.stdout
        {
            self.stage.note_end(end);
        }
        self.session.on(pool, event);
    }
}

impl Scenario for Reconnecting {
    fn happen(&mut self, _: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.take_made(world);
        None
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.stage.check(pool);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        let basics = self.basics.described();
        format!("{basics:?}\n{} connections", self.servers.len())
    }
}
