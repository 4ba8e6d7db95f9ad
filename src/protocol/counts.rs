//! The sums that sequence numbers give, and what follows from them.
//!
//! Pure arithmetic; how a number is judged is the business of [`super::sequence`].

use std::iter::Sum;
use std::ops::{Add, Sub};

/// How many garbled numbers make a stream doubtful, at least.
const ENOUGH_TO_DOUBT: u64 = 32;

/// What the numbers of one stream, or of several, add up to.
///
/// Every number is exactly one of received, duplicate and stray.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many different numbers should have come, from the first of each run to its highest.
    pub expected: u64,
    /// How many different numbers did come.
    pub received: u64,
    /// How many came once more.
    pub duplicates: u64,
    /// How many of those received came behind a higher number (RFC 4737; duplicates apart).
    pub reordered: u64,
    /// How many were too far from all others to mean anything.
    pub strays: u64,
    /// How often a new run began.
    pub restarts: u64,
}

impl Counts {
    /// How many numbers are missing. It falls when a late one comes after all, so that of an
    /// interval in which more came late than were lost it is 0.
    pub const fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Missing numbers as a share of those expected, 0 to 100; 0 where none was expected.
    pub fn loss_percent(&self) -> f64 {
        percent(self.lost(), self.expected)
    }

    /// How many numbers were judged.
    pub const fn numbers(&self) -> u64 {
        self.received + self.duplicates + self.strays
    }

    /// Whether these do not look like sequence numbers at all: enough were judged, and more were
    /// strays than were received. A field that never changes gives duplicates only.
    pub const fn are_doubtful(&self) -> bool {
        // Either is rare enough in a stream of numbers, however bad the network is.
        let is_constant = self.received == 1 && self.duplicates >= ENOUGH_TO_DOUBT;
        is_constant || (self.strays >= ENOUGH_TO_DOUBT && self.strays > self.received)
    }
}

/// A part as a share of the whole, 0 to 100; 0 of nothing.
pub fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        _ => 100.0 * part as f64 / whole as f64,
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.merge(other, u64::saturating_add)
    }
}

impl Sub for Counts {
    type Output = Self;

    /// What came on top of an earlier state of the same counts. A stray that a restart has made
    /// good since then does not become a negative number.
    fn sub(self, earlier: Self) -> Self {
        self.merge(earlier, u64::saturating_sub)
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}

impl Counts {
    fn merge(self, other: Self, merge: fn(u64, u64) -> u64) -> Self {
        Self {
            expected: merge(self.expected, other.expected),
            received: merge(self.received, other.received),
            duplicates: merge(self.duplicates, other.duplicates),
            reordered: merge(self.reordered, other.reordered),
            strays: merge(self.strays, other.strays),
            restarts: merge(self.restarts, other.restarts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(expected: u64, received: u64) -> Counts {
        Counts { expected, received, ..Counts::default() }
    }

    #[test]
    fn loss_is_a_share_of_what_was_expected() {
        for (expected, received, lost, percent) in
            [(0, 0, 0, 0.0), (8, 6, 2, 25.0), (5, 5, 0, 0.0), (1000, 1, 999, 99.9)]
        {
            let counts = counts(expected, received);
            assert_eq!((counts.lost(), counts.loss_percent()), (lost, percent), "{counts:?}");
        }
    }

    #[test]
    fn loss_over_several_streams_weighs_each_by_its_numbers() {
        let sum: Counts = [counts(90, 90), counts(10, 0)].into_iter().sum();
        assert_eq!(sum.loss_percent(), 10.0);
    }

    #[test]
    fn an_interval_that_fills_older_holes_has_no_negative_loss() {
        let interval = counts(12, 12) - counts(10, 7);
        assert_eq!((interval.lost(), interval.loss_percent()), (0, 0.0));
    }

    #[test]
    fn garbage_and_constants_are_doubtful_and_bad_networks_are_not() {
        let judge = |received, duplicates, strays| {
            Counts { received, duplicates, strays, ..Counts::default() }.are_doubtful()
        };
        assert!(judge(3, 0, 32) && judge(1, 32, 0));
        assert!(!judge(1, 31, 0) && !judge(1, 0, 31));
        assert!(!judge(100, 300, 0) && !judge(100, 0, 40));
    }
}
