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
    /// Half of what lies between the quartiles of the ratios of each round.
    pub(crate) spread: f64,
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
        Some(Self { value, spread: (at(last - last / 4) - at(last / 4)) / 2.0 })
    }

    /// Whether the rounds differ more among each other than the two rows do.
    pub(crate) fn is_noise(self) -> bool {
        (self.value - 1.0).abs() < self.spread
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let noise = if self.is_noise() { " noise" } else { "" };
        write!(out, "{:.2} ±{:.2}{noise}", self.value, self.spread)
    }
}
