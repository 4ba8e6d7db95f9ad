//! `tcp-connect --tls`, and `--via` a proxy, in virtual time: what arrives is the beginning of what was
//! sent, and all of it where both sides say so; a stream that is cut is never called done.
//!
//! The client is the real session; the server is rustls by itself. Certificates are verified against
//! the clock of the system: those here are valid from 1975 to 4096, and so the date has no say.

use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::close::Detail;
use wirecat::error::Status;
use wirecat::event_loop::{Event, EventLoop, Handler, Id, Pool};
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::sessions::config::{Connect, Dialing, RouteOptions};
use wirecat::sessions::{Console, InputReader, Session, StreamSession};

use super::guest::Left;
use super::network::{self, Fate, Upstreams};
use super::outside::Outside;
use super::plan::{Basics, content, millis, once_in, rarely, size};
use super::stage::{self, Stage, check_prefix};
use super::tls_parties::parties;
use super::tls_peer::{Habits, How, Proxy, Role, TlsPeer, Where};
use super::verdict::check_told;
use super::world::{self, Scenario, World};

/// The time for the handshake of TLS (src/event_loop/tls_stream.rs).
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Needless `WouldBlock`s put off what the loop sees.
pub(super) const SLACK: Duration = Duration::from_millis(100);

/// How a server behaves that a client of these basics meets.
fn habits(rng: &mut Rng, basics: &Basics) -> Habits {
    let they_end = basics.ends_by_itself(false);
    let proxies = [Proxy::Socks, Proxy::Http];
    // Few bytes at a time with long pauses make a handshake that takes too long.
    let is_slow = once_in(rng, 6);
    let place = match rng.u8(..6) {
        // In the handshake, for the most part.
        0 | 1 => Where::Byte(rng.usize(..1200)),
        2 => Where::Byte(size(rng, 9..18)),
        3 | 4 => Where::Record(rng.usize(..12)),
        _ => Where::Notify,
    };
    let has_limit = basics.idle.is_some() || basics.timeout.is_some();
    let how = match rng.u8(..5) {
        0 | 1 => How::Reset,
        // Behind the handshake it would be waited for without end.
        2 if has_limit || matches!(place, Where::Byte(..400)) => How::Stall,
        _ => How::Fin,
    };
    Habits {
        role: if they_end && rng.bool() { Role::Echo } else { Role::Own },
        proxy: rarely(rng, 3, |rng| proxies[rng.usize(..2)](!once_in(rng, 6))),
        most: if is_slow { rng.usize(1..200) } else { size(rng, 8..17) },
        pause: if is_slow { millis(rng, 1..500) } else { millis(rng, 1..20) },
        stuck: rarely(rng, 4, |rng| (size(rng, 1..17) - 1, millis(rng, 1..8000))),
        cut: rng.bool().then_some((place, how)),
        after_theirs: they_end && rng.bool(),
        fin_after: if rng.bool() { Duration::ZERO } else { millis(rng, 1..3000) },
    }
}

pub(super) struct TlsClient {
    basics: Basics,
    session: StreamSession,
    stage: Stage,
    id: Id,
    fate: Fate,
    pub(super) peer: TlsPeer,
    /// When the connection below TLS was there.
    up: Option<Instant>,
    /// When the handshakes were over, and whether they went well.
    shaken: Option<(Instant, bool)>,
    left: Option<Left>,
    outside: Outside,
    /// Bytes of stdin that were read by the time of the server's end.
    read_by_end: Option<usize>,
    /// When the connection wakes the loop by itself.
    wakes: Option<Instant>,
    events: u64,
}

/// Plays one scenario to its end and judges it. Returns its course, which depends on the seed alone.
pub(super) fn play(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let mut basics = Basics::random(&mut rng, &Framing::None);
    (basics.quit_after, basics.timeout) =
        (None, rarely(&mut rng, 12, |rng| millis(rng, 1..30_000)));
    basics.keep_open &= basics.source != Source::Stream;
    play_with(&mut rng, basics, Far::random).0
}

/// The same of one server, to which the network leads at once.
pub(super) fn play_cut(
    rng: &mut Rng,
    basics: Basics,
    habits: Habits,
    version: usize,
    to_send: &[u8],
) -> (String, TlsClient) {
    play_with(rng, basics, |rng, _, now| {
        let network = Upstreams::steady(rng, now);
        Far { habits, network, version, to_send: to_send.to_vec() }
    })
}

/// Returns the client as it has become as well.
fn play_with(
    rng: &mut Rng,
    basics: Basics,
    far: impl FnOnce(&mut Rng, &Basics, Instant) -> Far,
) -> (String, TlsClient) {
    let (mut world, mut client) = world::play(rng, |event_loop, world, rng| {
        let common = basics.common(false);
        let opened = stage::open(event_loop, world, &basics, &common);
        let far = far(rng, &basics, world.now);
        TlsClient::open(event_loop.pool(), world.now, basics, opened, far)
    });
    for () in super::world::turns() {
        let Some(at) = client.peer.next() else { break };
        world.now = world.now.max(at);
        client.peer.act(&mut world.rng, world.now);
    }
    let status = client.session.status();
    let course = format!("{status:?} at {}", world.describe(&client));
    super::tell(|| course.clone());
    client.judge(&world, status);
    (course, client)
}

/// A server, and the way there.
struct Far {
    habits: Habits,
    network: Upstreams,
    /// 1.2 or 1.3.
    version: usize,
    to_send: Vec<u8>,
}

impl Far {
    fn random(rng: &mut Rng, basics: &Basics, now: Instant) -> Self {
        let habits = habits(rng, basics);
        let network = Upstreams::new(rng, now);
        let version = rng.usize(..2);
        let to_send = match habits.role {
            Role::Own => content(rng, &Framing::None, "server"),
            Role::Echo => Vec::new(),
        };
        Self { habits, network, version, to_send }
    }
}

impl TlsClient {
    fn open(
        pool: &mut Pool,
        now: Instant,
        basics: Basics,
        (console, input, stage): (Console, InputReader, Stage),
        Far { habits, network, version, to_send }: Far,
    ) -> Self {
        let common = basics.common(false);
        let mut route = network::route();
        route.options.tls = Some(parties().client.clone());
        route.options.via = habits.proxy.map(|proxy| {
            let scheme = if let Proxy::Socks(_) = proxy { "socks5" } else { "http" };
            format!("{scheme}://192.0.2.2:1080").parse().expect("a proxy")
        });
        let config = Connect {
            common,
            others: Vec::new(),
            route: Some(route),
            routes: RouteOptions::default(),
            dialing: Dialing::default(),
            probe: false,
            exec: None,
            replay: None,
        };
        pool.simulate_network(Box::new(network.clone()));
        let mut session = StreamSession::connect(pool, config, console, input);
        session.start(pool);
        let (far, fate) = network.take_made().expect("it dials");
        let id = far.id().expect("it is in the pool");
        let mut peer = TlsPeer::new(habits, far, parties().server_of(version), now);
        peer.to_send = to_send;
        Self {
            session,
            stage,
            id,
            fate,
            peer,
            up: None,
            shaken: None,
            left: None,
            outside: Outside::of(&basics, now),
            read_by_end: None,
            wakes: None,
            events: 0,
            basics,
        }
    }

    fn foresee(&mut self, pool: &Pool, event: &Event<'_>) {
        let now = pool.now();
        let _ = self.stage.read_since(pool, &self.basics.stdin);
        match event {
            Event::Connected { .. } => self.shaken = Some((now, true)),
            Event::ConnectFailed { .. } => self.shaken = Some((now, false)),
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Eof { id } if *id == self.id => {
                self.read_by_end = Some(self.stage.consumed.len());
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, end } if *id == self.id => self.left = Some(Left::new(end, now)),
            _ => {}
        }
    }

    /// No handshake outlives its deadline: that of TLS begins where a proxy has said its last.
    fn check_deadline(&self, now: Instant) {
        let begin = if self.peer.habits.proxy.is_some() { self.peer.answered } else { self.up };
        if let Some(begin) = begin {
            let until = self.shaken.map_or(now, |(at, _)| at);
            let ended = self.left.is_some() || self.outside.signalled.is_some();
            let took = until.saturating_duration_since(begin);
            assert!(ended || took <= HANDSHAKE + SLACK, "a handshake of {took:?}");
        }
    }

    /// Whether something that was asked for, or stdout, may have ended it before its time.
    fn is_cut_short(&self) -> bool {
        let is_idle = self.left.is_some_and(|left| left.reason.detail == Detail::Idle);
        let trouble = self.stage.trouble().is_some() || self.stage.is_cut();
        self.outside.signalled.is_some() || self.outside.timed_out || is_idle || trouble
    }

    fn judge(&self, world: &World, status: Status) {
        let (peer, stdout) = (&self.peer, &world.actors[0]);
        self.check_deadline(world.now);
        let said = match peer.habits.role {
            Role::Echo => &peer.received[..peer.said],
            Role::Own => &peer.to_send[..peer.said],
        };
        let is_done = status == Status::Done && self.stage.trouble().is_none();
        check_prefix("stdout", &stdout.received, said, is_done && stdout.is_reliable());
        // A reset destroys what the server has not read, though the client has no word of it.
        let reads_all = is_done && self.basics.source == Source::Stream && !peer.is_dead;
        check_prefix("server", &peer.received, &self.basics.stdin, reads_all);
        check_prefix("stdin", &self.stage.consumed, &self.basics.stdin, reads_all);
        if peer.saw_notify {
            let (got, read) = (peer.received.len(), self.stage.consumed.len());
            // What a person types after the other side's end goes nowhere.
            let is_person = self.basics.source != Source::Stream;
            let least = self.read_by_end.filter(|_| is_person).unwrap_or(read);
            assert!((least..=read).contains(&got), "a close_notify behind {got} of {read} bytes");
        }
        if is_done {
            assert!(peer.is_orderly, "a cut is called done");
            assert!(peer.is_dead || peer.saw_notify, "the client ends without a close_notify");
        }
        let events = self.stage.events(status);
        match (self.shaken, &self.left) {
            (Some((_, true)), Some(left)) => check_told(&events, None, left),
            (Some((_, true)), None) => panic!("it was never closed"),
            _ => assert!(self.stage.consumed.is_empty(), "stdin was read for nobody"),
        }
        if !self.is_cut_short() {
            self.check_status(status);
        }
    }

    /// SPEC 1.3 and 9, where nothing but the server ends the run.
    fn check_status(&self, status: Status) {
        let is_right = match self.shaken {
            Some((_, true)) if self.peer.is_orderly && !self.peer.is_dead => status == Status::Done,
            // The end may have come before the reset.
            Some((_, true)) if self.peer.is_orderly => {
                matches!(status, Status::Done | Status::Lost)
            }
            Some((_, true)) => status == Status::Lost,
            _ if !self.fate.comes_about() => matches!(status, Status::Connect | Status::Timeout),
            _ => matches!(status, Status::Handshake | Status::Timeout),
        };
        assert!(is_right, "ended with {status:?}: {:?} {:?}", self.shaken, self.left);
    }
}

impl Handler for TlsClient {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(pool, &event);
        self.session.on(pool, event);
    }
}

impl Scenario for TlsClient {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        // What wakes the loop here does so in one more turn.
        self.events += u64::from(self.wakes.is_some_and(|at| at <= world.now));
        self.wakes = self.peer.wire.set_now(world.now);
        if self.up.is_none() && self.peer.wire.is_connected() {
            self.up = Some(world.now);
        }
        if self.peer.next().is_some_and(|at| at <= world.now) {
            self.peer.act(&mut world.rng, world.now);
            self.events += 1;
        }
        // One more turn where a needless `WouldBlock` was made good.
        self.events += u64::from(event_loop.pool().has_ready());
        let signal = self.outside.next();
        [self.wakes, self.peer.next(), signal].into_iter().flatten().min()
    }

    fn check(&mut self, pool: &mut Pool, world: &World) {
        let _ = self.stage.read_since(pool, &self.basics.stdin);
        self.stage.check(pool);
        self.check_deadline(world.now);
        stage::check_queue(pool, self.id);
        if pool.is_stopped() {
            assert_eq!(pool.connections().count(), 0, "connections are left in the pool");
            assert_eq!(pool.handshakes(), 0, "handshakes are left in the pool");
        }
    }

    fn events(&self) -> u64 {
        self.events + self.peer.wire.calls()
    }

    fn describe(&self) -> String {
        let basics = self.basics.described();
        let (peer, took) = (&self.peer, |at: Instant| self.up.map(|up| at - up));
        format!(
            "{basics:?}\n{:?}\n{:?} shaken {:?} said {} received {} orderly {} notify {} dead {} {:?} {:?}",
            peer.habits,
            self.fate,
            self.shaken.map(|(at, is_up)| (took(at), is_up)),
            peer.said,
            peer.received.len(),
            peer.is_orderly,
            peer.saw_notify,
            peer.is_dead,
            self.left.map(|left| (left.reason, left.unsent)),
            peer.wire,
        )
    }
}
