//! What a peer can make grow, or wait for, and where that ends: the table LIMITS of wirecat(1).
//!
//! A row names the constants that it is about; a test holds them against the source, and wants a
//! `debug_assert!` that names each one which nothing may exceed. It names its own test as well.

use std::time::Duration;

use Amount::{Bytes, Count, Mark, Time, Turn};

mod table;

pub use table::LIMITS;

/// One row.
pub struct Limit {
    /// What this row and those behind it are about, where a part of the table begins.
    pub part: &'static str,
    /// What grows, or is waited for.
    pub what: &'static str,
    /// Where that ends; `{}` stands for each amount.
    pub bound: &'static str,
    /// The amounts, and the constants that they are, by file and name.
    pub amounts: &'static [(Amount, &'static str)],
    /// What happens there.
    pub then: &'static str,
    /// Its test, by file and name.
    pub test: &'static str,
}

/// An amount that is a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Bytes that are never exceeded.
    Bytes(u64),
    /// Bytes after which nothing more is taken in; the last piece may exceed them.
    Mark(u64),
    /// A number that is never exceeded.
    Count(u64),
    /// A number at which something else begins.
    Turn(u64),
    /// A time that is waited for.
    Time(Duration),
}

impl std::fmt::Display for Amount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNITS: [(u32, &str); 3] = [(20, "MiB"), (10, "KiB"), (0, "bytes")];
        match *self {
            Bytes(bytes) | Mark(bytes) => {
                let fits = |(shift, _): &&(u32, &str)| bytes >> *shift << *shift == bytes;
                let (shift, unit) = UNITS.iter().find(fits).unwrap_or(&UNITS[2]);
                write!(out, "{} {unit}", bytes >> shift)
            }
            Count(count) | Turn(count) if count >= 10_000 => {
                write!(out, "{},{:03}", count / 1000, count % 1000)
            }
            Count(count) | Turn(count) => write!(out, "{count}"),
            Time(time) if time.subsec_millis() == 0 => write!(out, "{} s", time.as_secs()),
            Time(time) => write!(out, "{} ms", time.as_millis()),
        }
    }
}

impl Limit {
    const fn begin(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    /// Where it ends, with the amounts.
    pub fn bound(&self) -> String {
        let mut parts = self.bound.split("{}");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (part, (amount, _)) in parts.zip(self.amounts) {
            text += &format!("{amount}{part}");
        }
        text
    }
}
