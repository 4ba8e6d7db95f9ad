//! Virtual time: the loop and the actors take turns, and the clock moves to the next thing to do
//! when everybody is at rest.

use std::time::{Duration, Instant};

use fastrand::Rng;
use wirecat::event_loop::{EventLoop, Handler, Pool};

use super::actor::Actor;

/// Longer than anything that a scenario may take.
const AGES: Duration = Duration::from_secs(10 * 24 * 3600);
/// More turns than any scenario needs: a loop that never rests is a hang as well.
const TURNS: u32 = 3_000_000;

/// The turns of what has to come to rest by itself.
pub(super) fn turns() -> impl Iterator<Item = ()> {
    (0..).map(|turn| assert!(turn < TURNS, "no rest"))
}

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) actors: Vec<Actor>,
}

/// What the scenario adds to the course of time.
pub(super) trait Scenario: Handler {
    /// Lets happen what is due now, such as a new client; returns when the next such thing is.
    fn happen(&mut self, event_loop: &mut EventLoop, world: &mut World) -> Option<Instant>;

    /// Judges the state between two turns.
    fn check(&mut self, pool: &mut Pool, world: &World);

    /// How many events came from the loop.
    fn events(&self) -> u64;

    /// The state of things, for a failure.
    fn describe(&self) -> String;
}

/// Plays one scenario to its end, and returns what has become of it and its world.
pub(super) fn play<S: Scenario>(
    rng: &mut Rng,
    open: impl FnOnce(&mut EventLoop, &mut World, &mut Rng) -> S,
) -> (World, S) {
    crate::support::watch_anew();
    let mut event_loop = EventLoop::new().expect("a loop");
    let start = event_loop.pool().now();
    let mut world = World::new(rng.fork(), start);
    let mut scenario = open(&mut event_loop, &mut world, rng);
    super::tell(|| scenario.describe());
    world.run(event_loop, &mut scenario);
    (world, scenario)
}

impl World {
    fn new(mut rng: Rng, now: Instant) -> Self {
        Self { rng: rng.fork(), start: now, now, actors: Vec::new() }
    }

    /// Runs until the session stops the pool. Whoever is left then reads what the kernel still
    /// holds for him.
    fn run(&mut self, mut event_loop: EventLoop, scenario: &mut impl Scenario) {
        for turn in 0.. {
            assert!(turn < TURNS, "no rest:\n{}", self.describe(scenario));
            let hiccup = self.set_now();
            let before = (self.calls(), scenario.events());
            event_loop.turn(self.now, scenario);
            scenario.check(event_loop.pool(), self);
            if event_loop.pool().is_stopped() {
                break;
            }
            let appointment = scenario.happen(&mut event_loop, self);
            let acted = self.act();
            if acted || (self.calls(), scenario.events()) != before {
                continue;
            }
            let next = [hiccup, appointment, self.next(), event_loop.pool().next_timer()];
            match next.into_iter().flatten().min() {
                Some(at) if at < self.start + AGES => self.now = self.now.max(at),
                _ => panic!("it hangs, and nobody can act:\n{}", self.describe(scenario)),
            }
        }
        drop(event_loop);
        for () in turns() {
            let Some(at) = self.next() else { break };
            self.now = self.now.max(at);
            self.act();
        }
    }

    fn set_now(&self) -> Option<Instant> {
        self.actors.iter().filter_map(|actor| actor.wire.set_now(self.now)).min()
    }

    fn calls(&self) -> u64 {
        self.actors.iter().map(|actor| actor.wire.calls()).sum()
    }

    fn next(&self) -> Option<Instant> {
        self.actors.iter().filter_map(Actor::next).min()
    }

    fn act(&mut self) -> bool {
        let mut acted = false;
        for actor in &mut self.actors {
            if actor.next().is_some_and(|at| at <= self.now) {
                actor.act(&mut self.rng, self.now);
                acted = true;
            }
        }
        acted
    }

    pub(super) fn describe(&self, scenario: &impl Scenario) -> String {
        let mut text = format!("at {:?}\n{}\n", self.now - self.start, scenario.describe());
        for actor in &self.actors {
            text += &format!(
                "{}: {:?} {:?} sent {}/{} received {} said fin {} saw fin {} reset {} next {:?} | {:?}\n",
                actor.name,
                actor.temper,
                actor.ending,
                actor.sent,
                actor.to_send.len(),
                actor.received.len(),
                actor.said_fin,
                actor.saw_fin,
                actor.was_reset,
                actor.next().map(|at| at.saturating_duration_since(self.now)),
                actor.wire,
            );
        }
        text
    }
}
