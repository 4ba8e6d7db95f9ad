//! `udp-listen` and `udp-send` in virtual time: what comes reaches stdout, each line of stdin is
//! sent once and in order, and what is lost is reported.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use wirecat::error::Status;
use wirecat::event_loop::{Event, EventLoop, Handler, Id, Pool, Signal};
use wirecat::framing::Framing;
use wirecat::protocol::access::Access;
use wirecat::protocol::relay::Source;
use wirecat::sessions::Session;
use wirecat::sessions::config::{Common, Listen, SendConfig, Wire};
use wirecat::sessions::datagrams::{
    DatagramSession, Destination, InputTo, ListenService, ListenSocket, ListenSockets, SendService,
};

use super::outside::Outside;
use super::packets::{FarPackets, packets};
use super::plan::{Basics, millis, once_in, rarely};
use super::stage::{self, Stage, shown};
use super::world::{self, Scenario, World};

/// When a listener is told to end, if nothing else ends it: behind all that comes.
const END: Duration = Duration::from_secs(30);
const IDLE: &str = "idle";

struct Datagrams {
    basics: Basics,
    session: DatagramSession,
    stage: Stage,
    sockets: Vec<(Id, FarPackets)>,
    /// What comes, on which socket, and of whom.
    arrivals: VecDeque<(Instant, usize, SocketAddr)>,
    /// Datagrams that found room, and those that the session was given.
    delivered: usize,
    received: usize,
    listens: bool,
    /// Answers are taken, and go to stdout.
    takes_answers: bool,
    outside: Outside,
    /// The session has met a refusal.
    refused: bool,
    events: u64,
}

/// Plays one scenario to its end and judges it.
pub(super) fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut basics = Basics::random(&mut rng, &Framing::Line);
    (basics.keep_open, basics.quit_after) = (false, None);
    basics.source = Source::Stream;
    let (world, datagrams) = world::play(&mut rng, |event_loop, world, rng| {
        let listens = rng.bool();
        Datagrams::open(event_loop, world, (basics, listens), rng)
    });
    let status = datagrams.session.status();
    super::tell(|| format!("{status:?} at {}", world.describe(&datagrams)));
    datagrams.judge(&world, status);
}

fn common(basics: &Basics) -> Common {
    let mut common = basics.common(true);
    common.wire = Wire::of_datagrams(1 << 20);
    common
}

fn peer(number: usize) -> SocketAddr {
    ([192, 0, 2, 1], 1000 + u16::try_from(number).expect("a few peers")).into()
}

impl Datagrams {
    fn open(
        event_loop: &mut EventLoop,
        world: &mut World,
        (mut basics, listens): (Basics, bool),
        rng: &mut Rng,
    ) -> Self {
        // Only a listener has a limit on silence.
        basics.idle = basics.idle.filter(|_| listens);
        let common = common(&basics);
        let (console, input, stage) = stage::open(event_loop, world, &basics, &common);
        let pool = event_loop.pool();
        let sockets: Vec<(Id, FarPackets)> = (0..rng.usize(1..4))
            .map(|_| {
                let (near, far) = packets(rng, world.now);
                (pool.add_datagram_transport(Box::new(near)).expect("a socket"), far)
            })
            .collect();
        let reply = rarely(rng, 2, |rng| millis(rng, 100..2000));
        let session = if listens {
            let to = if rng.bool() { InputTo::Last } else { InputTo::All };
            let config = Listen {
                common,
                reply: reply.map(|_| Bytes::from_static(b"pong")),
                exec: None,
                first_peer: false,
                access: Access::default(),
                stats: false,
                interval: None,
                sequence: None,
                max_loss: None,
            };
            let open = sockets.iter().map(|(id, _)| ListenSocket { id: *id, is_v6: Some(false) });
            let open = ListenSockets { open: open.collect(), to, groups: None };
            ListenService::session(config, console, input, open)
        } else {
            for (_, socket) in &sockets {
                if once_in(rng, 4) {
                    socket.refuse_after(rng.usize(..20));
                }
            }
            let config = SendConfig { common, repeat: 1, reply, test: None };
            let open = sockets.iter().enumerate().map(|(number, (id, _))| {
                Destination::new(vec![(*id, None)], peer(number).to_string())
            });
            SendService::session(pool, config, console, input, open.collect(), None)
        };
        let mut at = world.now;
        let arrivals = (0..rng.usize(..150)).map(|_| {
            at += if rng.bool() { Duration::ZERO } else { millis(rng, 0..50) };
            (at, rng.usize(..sockets.len()), peer(rng.usize(..3)))
        });
        let end = listens.then_some((END, Signal::Terminate));
        let asked = basics.signal.filter(|(_, signal)| *signal != Signal::Report);
        let mut this = Self {
            session,
            stage,
            arrivals: arrivals.collect(),
            sockets,
            delivered: 0,
            received: 0,
            listens,
            takes_answers: listens || reply.is_some(),
            outside: Outside::new(asked.or(end).map(|(after, signal)| (world.now + after, signal))),
            refused: false,
            events: 0,
            basics,
        };
        this.session.start(pool);
        this
    }

    /// What an event means for what everybody is to get.
    fn foresee(&mut self, event: &Event<'_>) {
        match event {
            Event::Data { id, bytes } if Some(*id) == self.stage.stdin => {
                self.stage.consumed.extend(*bytes);
            }
            Event::Eof { id } if Some(*id) == self.stage.stdin => self.stage.input_ended = true,
            Event::Datagrams { batch, .. } => {
                self.received += batch.len();
                let text = batch.iter().flat_map(|arrival| shown(&Framing::Line, arrival.payload));
                self.stage.expected.extend(text.filter(|_| self.takes_answers));
            }
            Event::DatagramError { .. } => self.refused = true,
            Event::Closed { id, end } if *id == self.stage.stdout => self.stage.note_end(end),
            _ => {}
        }
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.basics
            .stdin
            .strip_suffix(b"\n")
            .map_or_else(Vec::new, |text| text.split(|byte| *byte == b'\n').collect())
    }

    fn judge(&self, world: &World, status: Status) {
        let events = self.stage.events(status);
        let is_idle = events.iter().any(|event| event["kind"] == IDLE);
        let whole = self.stage.is_whole() && world.actors[0].is_reliable();
        self.stage.check_output(world, whole);
        // What has arrived by SIGTERM is still taken.
        if self.listens
            && self.outside.signalled == Some(Signal::Terminate)
            && whole
            && !self.outside.timed_out
        {
            assert_eq!(self.received, self.delivered, "datagrams of {}", self.arrivals.len());
        }
        if self.listens {
            self.check_replies()
        } else {
            self.check_sent(status)
        }
        if self.listens {
            self.check_drops(&events);
        }
        self.check_status(status, is_idle);
    }

    /// Each line goes out in order, to whom it was for: once to each, or to the last peer.
    fn check_replies(&self) {
        let lines = self.lines();
        let sent: Vec<_> = self.sockets.iter().flat_map(|(_, socket)| socket.sent()).collect();
        let pongs = sent.iter().filter(|(payload, _)| payload == b"pong").count();
        assert!(pongs <= self.received, "{pongs} answers to {} datagrams", self.received);
        for (_, socket) in &self.sockets {
            for number in 0..3 {
                let sent = socket.sent();
                let mine = sent.iter().filter(|(_, to)| *to == Some(peer(number)));
                let mine = mine.filter(|(payload, _)| payload != b"pong");
                let mut rest = lines.iter();
                for (payload, _) in mine {
                    let is_next = rest.any(|line| line == payload);
                    assert!(is_next, "peer {number} got a line twice, or out of its place");
                }
            }
        }
    }

    /// Each destination gets every line, in order; one that refuses gets no more after that.
    fn check_sent(&self, status: Status) {
        let lines = self.lines();
        let stopped = self.outside.signalled.is_some()
            || self.outside.timed_out
            || self.stage.trouble().is_some();
        for (_, socket) in &self.sockets {
            let sent = socket.sent();
            let same = sent.iter().zip(&lines).take_while(|((sent, _), line)| sent == *line);
            assert_eq!(same.count(), sent.len(), "what was sent is not the beginning of stdin");
            if !socket.refuses() && !stopped {
                assert_eq!(sent.len(), lines.len(), "ended with {status:?}, and not all is sent");
            }
        }
    }

    /// SPEC 7: what the kernel drops is reported.
    fn check_drops(&self, events: &[Value]) {
        let dropped: u32 = self.sockets.iter().map(|(_, socket)| socket.dropped()).sum();
        let told = events.iter().filter(|event| event["kind"] == "kernel-drops");
        let told: Vec<&str> = told.filter_map(|event| event["message"].as_str()).collect();
        let is_told = told.iter().any(|text| text.contains(&dropped.to_string()));
        let is_cut =
            self.outside.signalled == Some(Signal::Interrupt) || self.stage.trouble().is_some();
        assert!(dropped == 0 || is_told || is_cut, "{dropped} datagrams were dropped: {told:?}");
    }

    /// SPEC 1.3 and 9: 0 if and only if nothing was lost, else what was.
    fn check_status(&self, status: Status, is_idle: bool) {
        let refuses = self.sockets.iter().any(|(_, socket)| socket.refuses());
        let possible: Vec<Status> = match self.outside.signalled {
            Some(Signal::Interrupt) => vec![Status::Interrupt],
            signalled => {
                let stopped = signalled.map(|_| match self.listens {
                    true => Status::Done,
                    false => Status::Terminate,
                });
                let time = self.outside.timed_out.then_some(Status::Timeout);
                let unmet = (is_idle || !self.listens).then_some(Status::Unmet);
                let refused = refuses.then_some(Status::Connect);
                let stdout = self.stage.trouble().map(|trouble| match trouble {
                    ErrorKind::BrokenPipe => Status::Done,
                    _ => Status::Local,
                });
                // What stdout does not take within 2 s of the end is lost.
                let cut = self.stage.is_cut().then_some(Status::Local);
                stopped
                    .into_iter()
                    .chain(cut)
                    .chain(time)
                    .chain(unmet)
                    .chain(refused)
                    .chain(stdout)
                    .collect()
            }
        };
        let unmet_by_need = !self.listens && self.takes_answers && self.received == 0;
        let is_done = status == Status::Done && !self.refused && !unmet_by_need;
        assert!(possible.contains(&status) || is_done, "{status:?}, for which was {possible:?}");
    }
}

impl Handler for Datagrams {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.events += 1;
        self.outside.note(&event);
        self.foresee(&event);
        self.session.on(pool, event);
    }
}

impl Scenario for Datagrams {
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant> {
        self.events += self.outside.happen(event_loop, world.now);
        while self.outside.signalled.is_none()
            && self.arrivals.front().is_some_and(|(at, ..)| *at <= world.now)
            && let Some((_, socket, from)) = self.arrivals.pop_front()
        {
            let text = format!("{from} says {}", self.arrivals.len());
            self.delivered += usize::from(self.sockets[socket].1.deliver(text.as_bytes(), from));
        }
        let hiccup = self.sockets.iter().filter_map(|(_, socket)| socket.set_now(world.now)).min();
        let next = self.arrivals.front().filter(|_| self.outside.signalled.is_none());
        let due = next.map(|(at, ..)| *at).into_iter().chain(self.outside.next());
        due.chain(hiccup).min()
    }

    fn check(&mut self, pool: &mut Pool, _: &World) {
        self.stage.check(pool);
    }

    fn events(&self) -> u64 {
        self.events + self.sockets.iter().map(|(_, socket)| socket.calls()).sum::<u64>()
    }

    fn describe(&self) -> String {
        let basics = self.basics.described();
        let sent: Vec<usize> = self.sockets.iter().map(|(_, socket)| socket.sent().len()).collect();
        format!(
            "{basics:?}\nlistens {} lines {} delivered {} received {} of {} more, sent {sent:?}",
            self.listens,
            self.lines().len(),
            self.delivered,
            self.received,
            self.arrivals.len()
        )
    }
}
