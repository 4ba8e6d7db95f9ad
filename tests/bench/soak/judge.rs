//! What counts as flat and as complete. Each run begins with a proof that these checks can fail.

use super::clients::Count;
use super::servers::Usage;
use crate::Fallible;

/// Memory that the second half of a run may have beyond the first, in KiB: some clients that stall at
/// once hold a queue of 1 MiB each.
const SLACK: u64 = 6 * 1024;
/// Descriptors that it may have more: clients that happen to be there at once.
const SPARE: u64 = 40;

/// Whether memory and descriptors stay what they are once the run is under way: the middle one of the
/// last third against that of the second.
pub(super) fn check_flat(name: &str, usages: &[Usage]) -> Fallible<()> {
    let third = usages.len() / 3;
    if third < 5 {
        return Err(format!("{name} was looked at {} times, too few to judge", usages.len()).into());
    }
    let (_, rest) = usages.split_at(usages.len() - 2 * third);
    let (before, after) = rest.split_at(third);
    for (what, of, slack) in [
        ("KiB", (|usage| usage.resident) as fn(&Usage) -> u64, SLACK),
        ("descriptors", |usage| usage.descriptors, SPARE),
    ] {
        let (before, after) = (middle(before, of), middle(after, of));
        if after > before + slack {
            return Err(format!("{name} grows from {before} to {after} {what}").into());
        }
    }
    Ok(())
}

fn middle(usages: &[Usage], of: fn(&Usage) -> u64) -> u64 {
    let mut values: Vec<u64> = usages.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Count {
    /// Whether all that was asked was acknowledged, and anything was.
    pub(super) fn check(&self) -> Fallible<()> {
        match self.asked == self.acknowledged && self.connections > 0 {
            true => Ok(()),
            false => Err(format!("not all is accounted for: {self:?}").into()),
        }
    }
}

/// What leaks is found, and so is what is lost.
pub(super) fn prove_that_checks_can_fail() -> Fallible<()> {
    let run = |grow: fn(u64) -> Usage| (0..60).map(grow).collect::<Vec<Usage>>();
    let steady = run(|at| Usage { resident: 9000 + at % 7 * 1000, descriptors: 10 + at % 9 });
    let leaking = run(|at| Usage { resident: 9000 + at * 400, descriptors: 10 });
    let hoarding = run(|at| Usage { resident: 9000, descriptors: 10 + 3 * at });
    let count = |asked, acknowledged| Count { name: "proof", connections: 1, asked, acknowledged };
    check_flat("steady", &steady)?;
    count(5, 5).check()?;
    let found = [
        check_flat("leaking", &leaking).is_err(),
        check_flat("hoarding", &hoarding).is_err(),
        check_flat("short", steady.get(..9).unwrap_or_default()).is_err(),
        count(5, 4).check().is_err(),
        count(4, 5).check().is_err(),
        super::clients::account("a 1", "a 2").is_err(),
    ];
    match found.contains(&false) {
        true => Err(format!("a check of the soak cannot fail: {found:?}").into()),
        false => Ok(()),
    }
}
