//! Properties of sequence accounting, against a model that remembers every number for ever and
//! never wraps around.

use std::collections::HashSet;

use proptest::prelude::*;

use super::counts::Counts;
use super::sequence::{NEXT_TO_ZERO, Seen, Sequence, Width};

/// What the network does to one message.
#[derive(Clone, Debug)]
struct Fate {
    /// How many before it are not delivered.
    lost_before: u64,
    /// How many steps later than its turn each copy arrives; duplicates have several.
    delays: Vec<u64>,
}

fn fates(width: Width) -> impl Strategy<Value = Vec<Fate>> {
    // Every number stays plausible: a delay is within the window (1024, 65,536), and an outage
    // with a delay on top of it is no longer than the longest step that is believed (3000, 2²⁴).
    let (outage_max, delay_max): (u64, u64) = match width {
        Width::U16 => (2000, 400),
        Width::U32 | Width::U64 => (200_000, 30_000),
    };
    let lost = prop_oneof![8 => Just(0), 3 => 1..20_u64, 1 => 20..outage_max];
    let delay = prop_oneof![8 => Just(0), 2 => 1..20_u64, 1 => 20..delay_max];
    let delays = prop_oneof![
        6 => prop::collection::vec(delay.clone(), 1),
        1 => prop::collection::vec(delay, 2..4),
    ];
    let fate = (lost, delays).prop_map(|(lost_before, delays)| Fate { lost_before, delays });
    prop::collection::vec(fate, 1..300)
}

/// The positions (numbers that never wrap) in the order of their arrival.
fn arrivals(fates: &[Fate]) -> Vec<u64> {
    let mut position = 0;
    let mut timed = Vec::new();
    for fate in fates {
        position += fate.lost_before + 1;
        timed.extend(fate.delays.iter().map(|delay| (position + delay, position)));
    }
    timed.sort();
    timed.into_iter().map(|(_, position)| position).collect()
}

struct Model {
    width: Width,
    /// The number of position 0.
    base: u64,
    seen: HashSet<u64>,
    first: u64,
    highest: u64,
    /// How many came of those before the first.
    before: u64,
    counts: Counts,
}

impl Model {
    fn new(width: Width, base: u64) -> Self {
        let (seen, counts) = (HashSet::new(), Counts::default());
        Self { width, base, seen, first: 0, highest: 0, before: 0, counts }
    }

    /// Whether a position is from before zero, where the first one was next to it.
    fn is_before_zero(&self, position: u64) -> bool {
        let number = |position| self.base.wrapping_add(position) & self.width.mask();
        let first = number(self.first);
        position < self.first && first < NEXT_TO_ZERO && number(position) > first
    }

    fn record(&mut self, position: u64) -> Seen {
        let is_first = self.seen.is_empty();
        if !is_first && self.is_before_zero(position) {
            self.counts.strays += 1;
            return Seen::Stray;
        }
        if !self.seen.insert(position) {
            self.counts.duplicates += 1;
            return Seen::Duplicate;
        }
        self.counts.received += 1;
        let highest = self.highest;
        self.highest = highest.max(position);
        if is_first {
            self.first = position;
            return Seen::First;
        }
        self.counts.reordered += u64::from(position < highest);
        self.before += u64::from(position < self.first);
        match position.checked_sub(highest) {
            None => Seen::Late,
            Some(1) => Seen::Next,
            Some(ahead) => Seen::Gap(ahead - 1),
        }
    }

    fn counts(&self) -> Counts {
        Counts { expected: self.highest - self.first + 1 + self.before, ..self.counts }
    }
}

fn widths() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::U16), Just(Width::U32), Just(Width::U64)]
}

/// A stream's fate, and a first number that is often just before the wrap-around.
fn streams() -> impl Strategy<Value = (Width, u64, Vec<Fate>)> {
    let base = prop_oneof![any::<u64>(), (0..50_000_u64).prop_map(|back| 0_u64.wrapping_sub(back))];
    widths().prop_flat_map(move |width| (Just(width), base.clone(), fates(width)))
}

proptest! {
    #[test]
    fn it_counts_as_one_that_forgets_nothing((width, base, fates) in streams()) {
        let mut sequence = Sequence::new(width);
        let mut model = Model::new(width, base);
        for position in arrivals(&fates) {
            let seen = sequence.record(base.wrapping_add(position));
            prop_assert_eq!(seen, model.record(position), "{:?} {}", width, position);
            prop_assert_eq!(*sequence.counts(), model.counts());
        }
    }

    #[test]
    fn a_restart_keeps_the_counts_of_both_runs(
        (width, base, fates) in streams(),
        second in 2..500_u64,
    ) {
        let mut sequence = Sequence::new(width);
        for position in arrivals(&fates) {
            sequence.record(base.wrapping_add(position));
        }
        let before = *sequence.counts();
        // Behind by more than any window, and still implausible for 16 bits as a step ahead.
        let restart = base.wrapping_add(arrivals(&fates).into_iter().max().unwrap_or(0))
            .wrapping_sub(if width == Width::U16 { 20_000 } else { 1_000_000 });
        (0..second).for_each(|step| _ = sequence.record(restart.wrapping_add(step)));
        let added = *sequence.counts() - before;
        let expected =
            Counts { expected: second, received: second, restarts: 1, ..Counts::default() };
        prop_assert_eq!(added, expected);
    }

    #[test]
    fn no_numbers_make_loss_jump_or_turn_negative(
        width in widths(),
        numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..9_u64, 65_500..65_600_u64], 1..300),
    ) {
        let mut sequence = Sequence::new(width);
        for (index, number) in numbers.into_iter().enumerate() {
            let lost = sequence.counts().lost();
            let seen = sequence.record(number);
            let counts = *sequence.counts();
            let opened = if let Seen::Gap(missing) = seen { missing } else { 0 };
            let is_filled = seen == Seen::Late && counts.lost() + 1 == lost;
            let limit = if width == Width::U16 { 3000 } else { 1 << 24 };
            prop_assert!(counts.lost() == lost + opened || is_filled);
            prop_assert!(opened < limit && counts.expected >= counts.received);
            prop_assert_eq!(counts.numbers(), index as u64 + 1);
        }
    }
}
