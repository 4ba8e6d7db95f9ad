//! Numbers from samples.

use std::cmp::Ordering;

/// The middle one; zero where there is none.
pub(crate) fn median<T: Copy + Default + PartialOrd>(values: impl Iterator<Item = T>) -> T {
    let values = sorted(values);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn sorted<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values
}

/// How one row compares with another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// The ratio of the medians.
    pub(crate) value: f64,
    /// Half of what lies between the quartiles of the ratios of each round; one round has none.
    pub(crate) spread: Option<f64>,
}

impl Ratio {
    /// Of samples that were taken in the same rounds.
    pub(crate) fn new(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        let base = median(theirs.iter().copied());
        if ours.is_empty() || base <= 0.0 {
            return None;
        }
        let value = median(ours.iter().copied()) / base;
        let rounds = ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0);
        let rounds = sorted(rounds.map(|(ours, theirs)| ours / theirs));
        let last = rounds.len().saturating_sub(1);
        let at = |index: usize| rounds.get(index).copied().unwrap_or(value);
        let spread = (at(last - last / 4) - at(last / 4)) / 2.0;
        Some(Self { value, spread: (last > 0).then_some(spread) })
    }

    /// Whether the rounds differ more among each other than the two rows do.
    pub(crate) fn is_noise(self) -> bool {
        self.spread.is_some_and(|spread| (self.value - 1.0).abs() < spread)
    }

    /// Whether it is above a bound by more than the rounds differ.
    pub(crate) fn is_above(self, bound: f64) -> bool {
        self.spread.is_some_and(|spread| self.value - spread > bound)
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.2}", self.value)?;
        self.spread.map_or(Ok(()), |spread| write!(out, " ±{spread:.2}"))
    }
}
