//! `tcp-connect` in virtual time: stdin has to reach the other side whole, what the other side
//! says has to reach stdout whole, and where that cannot be, the exit status says so.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::close::{Cause, CloseReason, Detail};
use wirecat::error::Status;
use wirecat::event_loop::{Event, EventLoop, Handler, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::protocol::slow::SlowRules;
use wirecat::sessions::config::Dialing;
use wirecat::sessions::{Session, StreamSession};

use super::actor::Actor;
use super::guest::{Guest, Left};
use super::network::{self, Fate, Upstreams};
use super::outside::Outside;
use super::plan::{Basics, content, ending, framed, once_in, temper};
use super::stage::{self, Cut, IDLE, Stage, check_prefix, encode, shown};
use super::verdict::check_told;
use super::world::{self, Scenario, World};

/// A client has no policy for slow servers.
const NO_SLOW: SlowRules = SlowRules { policy: None, after: Duration::ZERO };

struct Client {
    basics: Basics,
    session: StreamSession,
    stage: Stage,
    link: Guest,
    /// What becomes of the attempt to connect.
    fate: Fate,
    cut: Cut,
    is_connected: bool,
    /// The other side's FIN has come.
    peer_ended: bool,
    outside: Outside,
    events: u64,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let framings = [Framing::None, Framing::None, Framing::Line, Framing::U32];
    let framing = framings[rng.usize(..framings.len())].clone();
    let mut basics = Basics::random(&mut rng, &framing);
    basics.leave = once_in(&mut rng, 6);
    let (world, client) = world::play(&mut rng, |event_loop, world, rng| {
        Client::open(event_loop, world, basics, rng)
    });
    let status = client.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&client)));
    client.judge(&world, status);
}

impl Client {
    fn open(event_loop: &mut EventLoop, world: &mut World, basics: Basics, rng: &mut Rng) -> Self {
        let common = basics.common(false);
        let (console, input, stage) = stage::open(event_loop, world, &basics, &common);
        let config = network::client(common, Dialing::default());
        let network = Upstreams::new(rng, world.now);
        let pool = event_loop.pool();
        pool.simulate_network(Box::new(network.clone()));
        let mut session = StreamSession::connect(pool, config, console, input);
        session.start(pool);
        let (far, fate) = network.take_made().expect("it dials");
        let id = far.id().expect("it is in the pool");
        let temper = temper(rng, Duration::from_millis(100));
        let ending = ending(rng, &basics, basics.ends_by_itself(false));
        let mut actor = Actor::new("server", far, temper, ending, world.now);
        actor.to_send = framed(&basics.framing, &content(rng, &basics.framing, "server"));
        let link = Guest::new(id, world.actors.len(), &actor, &basics.framing, world.now);
        world.actors.push(actor);
        Self {
            session,
            stage,
            link,
            fate,
            cut: Cut::of_stdin(&basics.framing),
            is_connected: false,
            peer_ended: false,
            outside: Outside::of(&basics, world.now),
            events: 0,
            basics,
        }
    }

    /// What an event means for what everybody is to get.
    fn foresee(&mut self, pool: &Pool, event: &Event<'_>) {
        let now = pool.now();
        self.foresee_bytes(pool);
        match event {
            Event::Connected { .. } => {
                self.is_connected = true;
                self.link.last_data = now;
            }
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Eof { .. } => {
                self.peer_ended = true;
                self.link.listens = self.basics.source == Source::Stream;
                self.foresee_output(&[], true);
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, end } if *id == self.link.id => {
                self.foresee_received(end.traffic.received, now);
                self.link.leave(Left::new(end, now), self.basics.idle, NO_SLOW);
            }
            Event::Timer { key } if key.id.is_some() && key.purpose == IDLE => {
                self.link.note_idle(now)
            }
            _ => {}
        }
    }

    /// What was read since this was last asked, over a link or not.
    fn foresee_bytes(&mut self, pool: &Pool) {
        let bytes = self.stage.read_since(pool, &self.basics.stdin);
        let messages = if bytes.is_empty() { Vec::new() } else { self.cut.feed(&bytes, false) };
        let framing = self.basics.framing.clone();
        let encoded = messages.iter().map(|message| encode(&framing, message));
        // What a person types after the other side's FIN goes nowhere.
        if self.link.listens {
            self.link.expected.extend(encoded);
        }
        if let Some(traffic) = pool.traffic(self.link.id) {
            self.foresee_received(traffic.received, pool.now());
        }
    }

    fn foresee_received(&mut self, received: u64, now: Instant) {
        let bytes = self.link.read_since(received);
        if !bytes.is_empty() {
            self.link.last_data = now;
            self.foresee_output(&bytes, false);
        }
    }

    fn foresee_output(&mut self, bytes: &[u8], eof: bool) {
        let framing = self.basics.framing.clone();
        let messages = self.link.cut.feed(bytes, eof);
        self.stage.expected.extend(messages.iter().flat_map(|message| shown(&framing, message)));
    }

    fn judge(&self, world: &World, status: Status) {
        if !self.fate.comes_about() {
            return self.judge_unconnected(world, status);
        }
        // It may have been told to stop before the connection was there.
        let Some(left) = self.link.left.filter(|_| self.is_connected) else {
            assert!(
                self.outside.signalled.is_some() || self.outside.timed_out,
                "it was never closed"
            );
            return self.judge_unconnected(world, status);
        };
        check_told(&self.stage.events(status), None, &left);
        let actor = &world.actors[self.link.actor];
        // `--on-peer-close exit` leaves with stdin unsent.
        let more = !self.stage.input_ended || left.unsent > 0;
        let left_early = self.basics.leave && self.peer_ended && more;
        let in_order = left.reason == CloseReason::PEER && actor.is_reliable() && !left_early;
        check_prefix("server", &actor.received, &self.link.expected.concat(), in_order);
        if self.basics.source == Source::Stream {
            self.stage.check_cut(world, actor, &self.link.expected.concat(), &left);
        }
        check_prefix("stdin", &self.stage.consumed, &self.basics.stdin, false);
        if in_order {
            assert_eq!(self.link.delivered, actor.to_send.len(), "what the server said");
            assert_eq!(left.unsent, 0, "what was not sent");
        }
        if in_order && self.basics.source == Source::Stream {
            assert_eq!(self.stage.consumed.len(), self.basics.stdin.len(), "stdin was read");
        }
        let reader_stays = world.actors[0].is_reliable();
        self.stage.check_output(world, self.stage.is_whole() && reader_stays);
        self.check_reason(actor, &left);
        self.check_status(&left, left_early, status);
    }

    /// Without a connection nothing moves, and the status says why.
    fn judge_unconnected(&self, world: &World, status: Status) {
        assert!(self.stage.consumed.is_empty(), "stdin was read for nobody");
        let server = &world.actors[self.link.actor];
        assert!(server.received.is_empty(), "a connection that never was has moved data");
        let right = match (self.outside.signalled, self.outside.timed_out) {
            (Some(Signal::Interrupt), _) => status == Status::Interrupt,
            (Some(_), _) => status == Status::Terminate,
            (None, true) => status == Status::Timeout,
            (None, false) => matches!(status, Status::Connect | Status::Timeout),
        };
        assert!(right, "ended with {status:?}: {:?}, {:?}", self.fate, self.outside.signalled);
    }

    /// A server that behaves ends it in order, unless something that was asked for came first.
    fn check_reason(&self, actor: &Actor, left: &Left) {
        let explained = match (left.reason.cause, left.reason.detail) {
            (Cause::Peer, Detail::Fin) => true,
            // `Guest` has checked the time of this.
            (Cause::Timeout, Detail::Idle) => true,
            (Cause::Host, Detail::Limit) => self.basics.quit_after.is_some(),
            (Cause::Host, Detail::Signal) => self.outside.signalled.is_some(),
            (Cause::Host, Detail::Local) => self.stage.trouble().is_some(),
            (Cause::Timeout, Detail::Timeout) => self.outside.timed_out,
            _ => !actor.is_reliable(),
        };
        assert!(explained, "nobody asked for this end: {:?}", self.link);
    }

    /// SPEC 1.3 and 9: 0 if and only if nothing was lost, else what was.
    fn check_status(&self, left: &Left, left_early: bool, status: Status) {
        let mut possible = Vec::new();
        match self.outside.signalled {
            Some(Signal::Interrupt) => possible.push(Status::Interrupt),
            Some(_) => possible.push(Status::Terminate),
            None => {
                let idle = left.reason.detail == Detail::Idle;
                possible.extend((self.outside.timed_out || idle).then_some(Status::Timeout));
                possible.extend((left.is_loss() || left_early).then_some(Status::Lost));
                possible.extend(match self.stage.trouble() {
                    Some(ErrorKind::BrokenPipe) => Some(Status::Done),
                    trouble => trouble.map(|_| Status::Local),
                });
                // Whatever is behind the end of the other side may be nothing.
                possible.extend((left_early && left.unsent == 0).then_some(Status::Done));
            }
        }
        let right = possible.contains(&status) || (possible.is_empty() && status == Status::Done);
        assert!(right, "ended with {status:?}, for which there was {possible:?}: {left:?}");
        if possible.is_empty() {
            assert!(self.stage.is_whole(), "stdout is not whole: {:?}", self.stage.end);
        }
    }
}

impl Handler for Client {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(pool, &event);
        self.session.on(pool, event);
    }
}

impl Scenario for Client {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        self.outside.next()
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.foresee_bytes(pool);
        self.stage.check(pool);
        stage::check_queue(pool, self.link.id);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        let basics = self.basics.described();
        format!("{basics:?}\n{:#?}", self.link)
    }
}
