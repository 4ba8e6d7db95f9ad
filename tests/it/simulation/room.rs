//! `chat --host` in virtual time: members that talk, quit, flood, break the framing, read slowly or not
//! at all. Whatever each of them does, all others get the lines of everybody, whole and in order.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::event_loop::{Directions, Event, EventLoop, Handler, Id, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::chat::{ChatLine, MAX_LINE};
use wirecat::protocol::relay::Source;
use wirecat::sessions::chat::{HostConfig, Identity, RoomService};
use wirecat::sessions::config::{AdmissionRules, Net};
use wirecat::sessions::{Session, StreamSession};
use wirecat::sockets::Endpoint;

use super::actor::{Actor, Ending, Temper};
use super::guest::Left;
use super::outside::Outside;
use super::plan::{Basics, millis, once_in, pipe, rarely, size, socket, temper};
use super::stage::{self, Stage};
use super::wire::{Far, Near, wire};
use super::world::{self, Scenario, World};

/// What the last line of a member is, when the room is closed in order.
const CLOSED: &str = "the host has closed the room";

/// How a member ends what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finale {
    /// It sends FIN.
    Fin,
    /// `/quit`.
    Quit,
    /// A line that is too long.
    TooLong,
    /// It stays.
    None,
}

/// Somebody who says numbered lines.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) name: String,
    /// What the others call it.
    pub(super) nick: String,
    pub(super) lines: usize,
    finale: Finale,
}

impl Speaker {
    fn random(rng: &mut Rng, name: String, nick: String) -> Self {
        // Some say more than a bucket holds, a few more than a room keeps.
        let lines = if once_in(rng, 12) { rng.usize(900..2500) } else { size(rng, 0..7) };
        let finales = [Finale::Fin, Finale::Fin, Finale::Quit, Finale::TooLong, Finale::None];
        Self { name, nick, lines, finale: finales[rng.usize(..finales.len())] }
    }

    /// What a line of this number says, which shows who says it, and whether any of it is missing.
    pub(super) fn text(&self, number: usize) -> String {
        let len = match number % 7 {
            6 if self.lines < 100 => 3000,
            rest => rest * self.name.len() + 1,
        };
        format!("{} {number} {}", self.name, "x".repeat(len))
    }

    /// Whether a line of this number is an action.
    pub(super) fn acts(number: usize) -> bool {
        number % 5 == 4
    }

    fn script(&self) -> Vec<u8> {
        let mut script = String::new();
        for number in 0..self.lines {
            script += if Self::acts(number) { "/me " } else { "" };
            script += &self.text(number);
            script.push('\n');
            script += if number % 11 == 10 { "/who\n" } else { "" };
        }
        match self.finale {
            Finale::Quit => script += "/quit bye\n",
            Finale::TooLong => script += &"x".repeat(MAX_LINE + 1000),
            Finale::Fin | Finale::None => {}
        }
        script.into_bytes()
    }

    /// It said all it had to say, and left of its own accord.
    pub(super) fn quits(&self) -> bool {
        self.finale == Finale::Quit
    }

    pub(super) fn breaks(&self) -> bool {
        self.finale == Finale::TooLong
    }
}

/// The connection of a member.
#[derive(Debug)]
pub(super) struct Seat {
    id: Id,
    /// Its place among the actors.
    pub(super) actor: usize,
    /// What it was like when it came.
    pub(super) temper: Temper,
    pub(super) speaker: Speaker,
    /// The most that has waited for it.
    pub(super) peak: usize,
    /// When the session met its FIN.
    pub(super) ended: Option<Instant>,
    pub(super) left: Option<Left>,
}

pub(super) struct Host {
    basics: Basics,
    pub(super) queue: usize,
    max_clients: Option<usize>,
    session: StreamSession,
    pub(super) stage: Stage,
    /// The user, who may be none.
    pub(super) user: Option<Speaker>,
    listener: Id,
    listens: bool,
    arrivals: VecDeque<(Instant, Near, Actor, Speaker)>,
    pub(super) seats: Vec<Seat>,
    pub(super) outside: Outside,
    events: u64,
    /// The far end of the stand-in for a listener.
    _door: Far,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let (world, host) = world::play(&mut rng, Host::open);
    let status = host.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&host)));
    super::room_verdict::judge(&host, &world, status);
}

impl Host {
    fn open(event_loop: &mut EventLoop, world: &mut World, rng: &mut Rng) -> Self {
        let mut basics = Basics::random(rng, &Framing::Line);
        (basics.keep_open, basics.quit_after, basics.idle) = (false, None, None);
        let mut user = Speaker::random(rng, "host".to_owned(), "host".to_owned());
        user.finale = Finale::None;
        let user = (basics.source != Source::Absent).then_some(user);
        basics.stdin = user.as_ref().map(Speaker::script).unwrap_or_default();
        // A room goes on until somebody ends it.
        let signals = [Signal::Terminate, Signal::Terminate, Signal::Interrupt];
        let signal = (world.now + millis(rng, 0..20_000), signals[rng.usize(..signals.len())]);
        let mut common = basics.common(true);
        common.wire.frame.max = MAX_LINE;
        let (console, input, stage) = stage::open(event_loop, world, &basics, &common);
        let (near, door) = wire(rng.fork(), pipe(rng), world.now);
        let pool = event_loop.pool();
        let listener = pool.add_channel(Box::new(near), Directions::Read).expect("a stand-in");
        let (queue, max_clients) = (size(rng, 10..18), rarely(rng, 8, |rng| rng.usize(1..3)));
        let nick = || Some("host".parse().expect("a nick"));
        let identity = Identity { nick: nick(), time: false, screen: false };
        let config = HostConfig {
            pace: Default::default(),
            common,
            net: Net::default(),
            address: "127.0.0.1:0".parse().expect("an address"),
            identity: user.is_some().then_some(identity),
            admission: AdmissionRules { max_clients, ..AdmissionRules::default() },
            queue,
            frame_total: usize::MAX,
        };
        let mut session = RoomService::session(pool, config, console, input, vec![listener], None);
        session.start(pool);
        let mut at = world.now;
        let count = rng.usize(1..7);
        let arrivals = (1..=count).map(|number| {
            at += if once_in(rng, 3) { Duration::ZERO } else { millis(rng, 0..1500) };
            let (near, actor, speaker) = member(rng, number, at);
            (at, near, actor, speaker)
        });
        Self {
            arrivals: arrivals.collect(),
            basics,
            queue,
            max_clients,
            session,
            stage,
            user,
            listener,
            listens: true,
            seats: Vec::new(),
            outside: Outside::new(Some(signal)),
            events: 0,
            _door: door,
        }
    }

    /// Takes in the next member.
    fn accept(&mut self, pool: &mut Pool, world: &mut World, arrival: (Near, Actor, Speaker)) {
        let (near, mut actor, speaker) = arrival;
        let id = pool.add_channel(Box::new(near), Directions::Both).expect("a member");
        actor.wire.set_now(world.now);
        let (temper, place) = (actor.temper, world.actors.len());
        self.seats.push(Seat {
            id,
            actor: place,
            temper,
            speaker,
            peak: 0,
            ended: None,
            left: None,
        });
        let (peer, local) = (Endpoint::default(), Endpoint::default());
        self.session.on(pool, Event::Accepted { id, listener: self.listener, peer, local });
        actor.name = format!("#{} {}", self.seats.len(), actor.name);
        world.actors.push(actor);
    }

    fn note(&mut self, pool: &Pool, event: &Event<'_>) {
        match event {
            Event::Data { id, bytes } if Some(*id) == self.stage.stdin => {
                self.stage.consumed.extend(*bytes);
            }
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Eof { id } => {
                if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == *id) {
                    seat.ended = Some(pool.now());
                }
            }
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            Event::Closed { id, .. } if *id == self.listener => self.listens = false,
            Event::Closed { id, end } => {
                if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == *id) {
                    assert!(seat.left.is_none(), "closed twice: {seat:?}");
                    seat.left = Some(Left::new(end, pool.now()));
                }
            }
            _ => {}
        }
    }

    /// No queue holds more than it may, and the line that made it full.
    fn check_queues(&mut self, pool: &Pool) {
        for seat in self.seats.iter_mut().filter(|seat| seat.left.is_none()) {
            let queued = pool.queued(seat.id);
            seat.peak = seat.peak.max(self.queue - pool.room(seat.id));
            assert!(queued <= self.queue + MAX_LINE + 64, "{queued} bytes wait for {seat:?}");
        }
    }

    fn is_crowded(&self) -> bool {
        let present = self.seats.iter().filter(|seat| seat.left.is_none()).count();
        self.max_clients.is_some_and(|most| present >= most)
    }
}

/// A member that is to come: most send their nick first.
fn member(rng: &mut Rng, number: usize, now: Instant) -> (Near, Actor, Speaker) {
    let (near, far) = wire(rng.fork(), socket(rng), now);
    let name = format!("m{number}");
    let is_named = !once_in(rng, 5);
    let nick = if is_named { name.clone() } else { format!("guest-{number}") };
    let speaker = Speaker::random(rng, name.clone(), nick);
    // Some are stuck for longer than the room waits for one that it closes.
    let patience = millis(rng, 100..600);
    let ending = match speaker.finale {
        Finale::Fin => Ending::AfterSending,
        Finale::Quit | Finale::TooLong => Ending::AfterTheirs,
        Finale::None => Ending::Never,
    };
    let mut actor = Actor::new(&name, far, temper(rng, patience), ending, now);
    let script = speaker.script();
    let nick = if is_named { format!("/nick {name}\n") } else { String::new() };
    actor.to_send = [nick.into_bytes(), script].concat();
    (near, actor, speaker)
}

/// The names that the lines say are present.
#[derive(Default)]
pub(super) struct Present {
    names: BTreeSet<String>,
    /// A line has told all of them.
    is_told: bool,
}

impl Present {
    /// Takes a notice about members, as `you` sees it.
    pub(super) fn note(&mut self, line: &ChatLine, you: &mut String) {
        match line {
            ChatLine::You(nick) => {
                self.names.remove(you);
                *you = nick.to_string();
                self.names.insert(you.clone());
            }
            // The first one tells who is there, and the others have to agree.
            ChatLine::Here(nicks) => {
                let names: BTreeSet<String> = nicks.iter().map(ToString::to_string).collect();
                let is_right = !self.is_told || self.names == names;
                assert!(is_right, "{you}: {names:?} are not {:?}", self.names);
                assert!(names.contains(you.as_str()), "{you} is not here: {names:?}");
                (self.names, self.is_told) = (names, true);
            }
            ChatLine::Joined(nick) => {
                assert!(self.names.insert(nick.to_string()), "{you}: {nick} joins twice");
            }
            ChatLine::Left(nick, _) => {
                assert!(self.names.remove(nick.as_str()), "{you}: {nick} was not here");
            }
            ChatLine::Renamed(old, new) => {
                assert!(self.names.remove(old.as_str()), "{you}: {old} was not here");
                assert!(self.names.insert(new.to_string()), "{you}: {new} was here");
            }
            line => {
                let author = line.author().map_or("", |nick| nick.as_str());
                assert!(
                    author.is_empty() || self.names.contains(author),
                    "{you}: who is {author}?"
                );
            }
        }
    }
}

impl Handler for Host {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.note(pool, &event);
        self.session.on(pool, event);
        self.check_queues(pool);
    }
}

impl Scenario for Host {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        while self.listens && !self.is_crowded() {
            if self.arrivals.front().is_none_or(|(at, ..)| *at > world.now) {
                break;
            }
            let Some((_, near, actor, speaker)) = self.arrivals.pop_front() else { break };
            self.events += 1;
            self.accept(event_loop.pool(), world, (near, actor, speaker));
        }
        let next = self.arrivals.front().filter(|_| self.listens && !self.is_crowded());
        let signal = self.outside.next();
        next.map(|(at, ..)| *at).into_iter().chain(signal).min()
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.stage.check(pool);
        self.check_queues(pool);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn describe(&self) -> String {
        let basics = self.basics.described();
        let Self { queue, max_clients, user, seats, .. } = self;
        format!("queue {queue} {max_clients:?} {basics:?}\n{user:?}\n{seats:#?}")
    }
}

/// Whether a line is the last one of a room that was closed in order.
pub(super) fn is_closing(line: &ChatLine) -> bool {
    *line == ChatLine::Notice(CLOSED.to_owned())
}
