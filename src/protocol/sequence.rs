//! What the sequence numbers of one stream show: loss, duplicates, reordering, restarts.
//!
//! Owns the verdict on each number and the counts. Pure, and the memory is bounded: one bit for
//! each of the last 1024 (`u16`) or 65,536 numbers, as far back as the run goes. Arithmetic is modulo
//! the width of the number (RFC 1982), plausibility is judged as in RFC 3550 appendix A.1:
//!
//! * A number within the window behind the highest is a duplicate where it was seen, else late.
//!   A sender that starts again within the window looks like a network that repeats
//!   itself: its numbers are duplicates until they pass the highest.
//! * A number up to 3000 (`u16`) or 2²⁴ ahead is taken at its word: those between are lost.
//! * Any other number is a stray. Its successor right behind it makes both the start of a new
//!   run, a restart: of the sender, or after a gap too long to look different. Nothing is
//!   counted as lost between two runs, and holes of the old run stay lost.
//!
//! A number from before the first one of its run counts as expected and received, and those
//! between as nothing: nobody listened when they should have come. Where the run began next to
//! zero, one from before zero is a stray instead: iperf 2 counts from 1 and ends with -N.

use super::counts::Counts;
pub use super::sequence_field::Width;

/// A run that begins below this began at its sender's zero, and nothing came before that.
pub(super) const NEXT_TO_ZERO: u64 = 1000;

/// What a number turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The first of the stream.
    First,
    /// The one behind the highest.
    Next,
    /// Ahead of that; this many are missing between them.
    Gap(u64),
    /// One that had come before.
    Duplicate,
    /// One that was missing: it comes behind a higher number (reordered, RFC 4737).
    Late,
    /// Implausibly far from the others: garbage, or the start of a new run.
    Stray,
    /// The second of a new run, which confirms the stray before it.
    Restart,
}

/// The account of one stream of numbers.
#[derive(Clone, Debug)]
pub struct Sequence {
    width: Width,
    /// The highest number of the run; none before the first.
    highest: Option<u64>,
    /// Steps from the first number of the run to the highest.
    span: u64,
    /// Steps from the earliest number that was seen to the highest. It is more than the span where
    /// numbers from before the first one have come.
    reach: u64,
    /// The last number, where it was a stray.
    stray: Option<u64>,
    window: Window,
    counts: Counts,
}

impl Sequence {
    /// The account of a stream that has not begun.
    pub fn new(width: Width) -> Self {
        Self {
            width,
            highest: None,
            span: 0,
            reach: 0,
            stray: None,
            window: Window::default(),
            counts: Counts::default(),
        }
    }

    /// Takes the number of the next arrival; bits beyond the width are ignored.
    pub fn record(&mut self, number: u64) -> Seen {
        let number = number & self.width.mask();
        let Some(highest) = self.highest else {
            self.begin(number);
            return Seen::First;
        };
        let ahead = self.width.steps(highest, number);
        let behind = self.width.steps(number, highest);
        // Only the number right behind a stray can confirm it.
        let stray = self.stray.take();
        // Asked before the window, which covers such a number and would take it for a late one.
        if self.is_before_zero(number, behind) {
            // Two of these in a row are no new run either.
            self.counts.strays += 1;
            Seen::Stray
        } else if behind < self.width.window() as u64 {
            self.look_back(number, behind)
        } else if ahead <= self.width.max_dropout() {
            self.advance(number, ahead)
        } else {
            self.doubt(number, stray)
        }
    }

    /// What has been counted so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Bytes of memory beside the account itself.
    pub fn heap(&self) -> usize {
        self.window.words.capacity() * size_of::<u64>()
    }

    /// Starts a run with its first number.
    fn begin(&mut self, first: u64) {
        self.window.words_mut().fill(0);
        self.window.see(first);
        self.highest = Some(first);
        (self.span, self.reach) = (0, 0);
        self.counts.expected += 1;
        self.counts.received += 1;
    }

    fn advance(&mut self, number: u64, ahead: u64) -> Seen {
        debug_assert!(self.span <= self.reach, "the first number has been seen");
        self.reach = self.reach.saturating_add(ahead);
        self.cover(self.reach);
        self.window.forget(number, ahead);
        self.window.see(number);
        self.highest = Some(number);
        self.span = self.span.saturating_add(ahead);
        self.counts.expected += ahead;
        self.counts.received += 1;
        if ahead == 1 { Seen::Next } else { Seen::Gap(ahead - 1) }
    }

    /// Has the window cover the number so many steps behind the highest, as far as its width goes.
    fn cover(&mut self, behind: u64) {
        let most = self.width.window();
        let wanted =
            usize::try_from(behind).map_or(most, |behind| behind.saturating_add(1).min(most));
        while self.window.size() < wanted {
            self.window.double(self.highest.unwrap_or(0));
        }
    }

    /// Whether a number `behind` steps behind the highest wraps around backwards, in a run that
    /// began next to zero.
    fn is_before_zero(&self, number: u64, behind: u64) -> bool {
        let window = self.width.window() as u64;
        let first = self.highest.map(|highest| highest.wrapping_sub(self.span) & self.width.mask());
        let is_before = |first| first < NEXT_TO_ZERO && number > first;
        behind < window && behind > self.span && first.is_some_and(is_before)
    }

    /// Judges a number `behind` steps behind the highest, which the window still covers.
    fn look_back(&mut self, number: u64, behind: u64) -> Seen {
        self.reach = self.reach.max(behind);
        self.cover(behind);
        if self.window.see(number) {
            self.counts.duplicates += 1;
            return Seen::Duplicate;
        }
        let is_before_the_run = behind > self.span;
        self.counts.expected += u64::from(is_before_the_run);
        self.counts.received += 1;
        self.counts.reordered += 1;
        Seen::Late
    }

    /// Judges an implausible number by the one before it, where that was a stray too.
    fn doubt(&mut self, number: u64, stray: Option<u64>) -> Seen {
        match stray {
            Some(stray) if self.width.steps(stray, number) == 1 => {
                debug_assert!(self.counts.strays > 0, "a stray that was not counted");
                // The stray is the first number of the new run and counts as received there; each
                // number counts once.
                self.counts.strays -= 1;
                self.counts.restarts += 1;
                self.begin(stray);
                self.advance(number, 1);
                Seen::Restart
            }
            _ => {
                // `bad_seq` of RFC 3550 A.1: two in a row are a restart, one alone is garbage.
                self.stray = Some(number);
                self.counts.strays += 1;
                Seen::Stray
            }
        }
    }
}

/// Bits of a word of the [`Window`].
const BITS: usize = u64::BITS as usize;

/// Which of the last numbers were seen, a bit each. A number's place is its value modulo the size,
/// which divides the moduli of all widths: places wrap around as the numbers do.
///
/// The size is a power of two. Most streams of many are short, and the first 64 numbers take no
/// memory beside this.
#[derive(Clone, Debug, Default)]
struct Window {
    /// The only word, as long as there are no `words`.
    first: u64,
    words: Vec<u64>,
}

impl Window {
    fn words_mut(&mut self) -> &mut [u64] {
        match self.words.is_empty() {
            true => std::slice::from_mut(&mut self.first),
            false => &mut self.words,
        }
    }

    /// How many of the last numbers it covers.
    fn size(&self) -> usize {
        self.words.len().max(1) * BITS
    }

    /// Notes a number; returns whether it had been seen.
    fn see(&mut self, number: u64) -> bool {
        let place = self.place(number);
        let Some(word) = self.words_mut().get_mut(place / BITS) else { return false };
        let before = *word;
        *word |= 1 << (place % BITS);
        *word == before
    }

    /// Clears the places of the last `steps` numbers up to this one: they held older numbers.
    fn forget(&mut self, number: u64, steps: u64) {
        let size = self.size();
        let mut left = usize::try_from(steps).map_or(size, |steps| steps.min(size));
        let mut place = self.place(number.wrapping_add(1).wrapping_sub(left as u64));
        while left > 0 {
            // As many places as are left of this word.
            let count = left.min(BITS - place % BITS);
            if let Some(word) = self.words_mut().get_mut(place / BITS) {
                // `count` is at least 1, so the shift stays below 64 bits.
                *word &= !(u64::MAX >> (BITS - count) << (place % BITS));
            }
            place = (place + count) % size;
            left -= count;
        }
    }

    /// Covers twice as many numbers, up to the highest. Those up to its place are of the same lap
    /// around the old window as the highest is, those behind of the lap before.
    fn double(&mut self, highest: u64) {
        let (size, place) = (self.size(), self.place(highest));
        let is_second = highest / size as u64 % 2 == 1;
        let old = self.words_mut().to_vec();
        let mut words = vec![0; old.len() * 2];
        let (first, second) = words.split_at_mut(old.len());
        let (lap, lap_before) = if is_second { (second, first) } else { (first, second) };
        let places = old.iter().zip(lap.iter_mut().zip(lap_before)).enumerate();
        for (index, (word, (here, before))) in places {
            let covered = (place + 1).saturating_sub(index * BITS).min(BITS);
            let mask = u64::MAX.checked_shr((BITS - covered) as u32).unwrap_or(0);
            (*here, *before) = (word & mask, word & !mask);
        }
        self.words = words;
    }

    fn place(&self, number: u64) -> usize {
        (number % self.size() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Seen::{Duplicate, First, Gap, Late, Next, Restart, Stray};
    use super::*;

    fn check(width: Width, arrivals: &[(u64, Seen)]) -> Counts {
        let mut sequence = Sequence::new(width);
        for (index, &(number, seen)) in arrivals.iter().enumerate() {
            assert_eq!(
                sequence.record(number),
                seen,
                "{width:?}: arrival {index}, number {number}"
            );
        }
        *sequence.counts()
    }

    #[test]
    fn every_verdict_is_counted_once() {
        let counts = check(
            Width::U32,
            &[(7, First), (8, Next), (8, Duplicate), (11, Gap(2)), (9, Late), (9, Duplicate)],
        );
        let expected =
            Counts { expected: 5, received: 4, duplicates: 2, reordered: 1, ..Counts::default() };
        assert_eq!((counts, counts.lost()), (expected, 1));
    }

    /// One from before the first is remembered as long as the others are.
    #[test]
    fn a_duplicate_from_before_the_first_number_is_known() {
        for width in [Width::U16, Width::U32, Width::U64] {
            let arrivals = [(1004, First), (1001, Late), (1067, Gap(62)), (1001, Duplicate)];
            check(width, &arrivals);
        }
    }

    #[test]
    fn numbers_wrap_around_at_every_width() {
        for (width, max) in
            [(Width::U16, u16::MAX.into()), (Width::U32, u32::MAX.into()), (Width::U64, u64::MAX)]
        {
            let counts = check(
                width,
                &[(max - 1, First), (1, Gap(2)), (max, Late), (max, Duplicate), (0, Late)],
            );
            assert_eq!((counts.expected, counts.lost()), (4, 0), "{width:?}");
        }
    }

    #[test]
    fn bits_beyond_the_width_are_ignored() {
        check(Width::U16, &[(0x1_ffff, First), (0x5_0000, Next)]);
    }

    #[test]
    fn what_was_sent_before_the_first_arrival_is_not_lost() {
        let counts = check(Width::U16, &[(500, First), (400, Late), (501, Next), (400, Duplicate)]);
        assert_eq!((counts.expected, counts.received, counts.lost()), (3, 3, 0));
    }

    #[test]
    fn what_comes_from_before_zero_is_no_number() {
        for width in [Width::U16, Width::U32, Width::U64] {
            let minus = |n: u64| 0_u64.wrapping_sub(n) & width.mask();
            let arrivals = [(1, First), (2, Next), (minus(3), Stray), (minus(2), Stray), (3, Next)];
            let counts = check(width, &arrivals);
            let expected = Counts { expected: 3, received: 3, strays: 2, ..Counts::default() };
            assert_eq!(counts, expected, "{width:?}");
            // One that began well above zero, or before it, takes them as late.
            check(width, &[(NEXT_TO_ZERO, First), (minus(3), Late), (1, Late)]);
            check(width, &[(minus(5), First), (1, Gap(5)), (minus(3), Late), (minus(6), Late)]);
        }
    }

    #[test]
    fn one_stray_number_costs_nothing() {
        for (width, far) in [(Width::U16, 30_000), (Width::U32, 1 << 31), (Width::U64, 1 << 40)] {
            let counts =
                check(width, &[(5, First), (far, Stray), (6, Next), (far + 1, Stray), (7, Next)]);
            let expected = Counts { expected: 3, received: 3, strays: 2, ..Counts::default() };
            assert_eq!(counts, expected, "{width:?}");
        }
    }

    #[test]
    fn two_in_a_row_far_away_are_a_restart() {
        let arrivals =
            [(90_000, First), (90_002, Gap(1)), (0, Stray), (1, Restart), (3, Gap(1)), (2, Late)];
        let counts = check(Width::U32, &arrivals);
        assert_eq!((counts.expected, counts.lost()), (7, 1));
        assert_eq!((counts.restarts, counts.strays), (1, 0));
    }

    #[test]
    fn a_jump_is_believed_up_to_the_limits_of_its_width() {
        for width in [Width::U16, Width::U32, Width::U64] {
            let limit = width.max_dropout();
            check(width, &[(0, First), (limit, Gap(limit - 1))]);
            check(width, &[(0, First), (limit + 1, Stray)]);
            let window = width.window() as u64;
            let wide = [(0, First), (window, Gap(window - 1)), (1, Late), (0, Stray)];
            check(width, &wide);
        }
    }

    #[test]
    fn a_window_that_moved_on_has_forgotten_what_its_places_held() {
        for step in [1, 2, 400, 700, 1023, 1024, 1025, 2999] {
            let mut sequence = Sequence::new(Width::U16);
            let highest = 1523;
            (500..=highest).for_each(|number| _ = sequence.record(number));
            sequence.record(highest + step);
            let oldest = highest + step - 1023;
            for number in oldest.max(highest + 1)..highest + step {
                assert_eq!(sequence.record(number), Late, "step {step}, number {number}");
            }
            if oldest <= highest {
                assert_eq!(sequence.record(oldest), Duplicate, "step {step} forgot too much");
            }
        }
    }
}
