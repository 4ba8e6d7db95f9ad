//! Rounds in which all programs that do the same work take turns, so that whatever else the machine
//! does hits all of them alike.

use crate::Fallible;
use crate::ends::Cut;
use crate::plan::Plan;
use crate::statistics::{Ratio, median};

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The wirecat that cargo has just built.
    Own,
    /// The one that `--against` names.
    Before,
    /// A wirecat that does the same in another way.
    OtherWay,
    Peer,
    Limit,
}

/// One that takes part.
pub(crate) struct Entrant<T> {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) what: T,
}

impl<T> Entrant<T> {
    pub(crate) fn new(name: impl Into<String>, kind: Kind, what: T) -> Self {
        Self { name: name.into(), kind, what }
    }
}

/// What one run gives, one number for each column.
pub(crate) struct Sample {
    pub(crate) values: Vec<f64>,
    /// The number of the first column is a lower bound: what it was measured with could do no more.
    pub(crate) at_limit: bool,
}

impl From<Vec<f64>> for Sample {
    fn from(values: Vec<f64>) -> Self {
        Self { values, at_limit: false }
    }
}

/// A number that a table shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) decimals: usize,
    pub(crate) better: Better,
}

/// What is better, if the ratios to others are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
    /// It is shown, and not compared.
    Neither,
}

impl Column {
    pub(crate) const fn more(head: &'static str, decimals: usize) -> Self {
        Self { head, decimals, better: Better::More }
    }

    pub(crate) const fn less(head: &'static str, decimals: usize) -> Self {
        Self { head, decimals, better: Better::Less }
    }

    pub(crate) const fn only(head: &'static str, decimals: usize) -> Self {
        Self { head, decimals, better: Better::Neither }
    }
}

/// What one of them has done in all rounds.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The samples of each column.
    pub(crate) samples: Vec<Vec<f64>>,
    pub(crate) at_limit: bool,
    /// Why it is out, in a word or two.
    pub(crate) failure: Option<&'static str>,
}

impl Row {
    pub(crate) fn median(&self, column: usize) -> Option<f64> {
        let samples = self.samples.get(column).filter(|samples| !samples.is_empty())?;
        Some(median(samples.iter().copied())).filter(|value| !value.is_nan())
    }
}

/// One work, and what each has made of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

impl Case {
    /// The one of a kind that is best in a column.
    pub(crate) fn best(&self, kind: Kind, column: usize, better: Better) -> Option<&Row> {
        let known = self.rows.iter().filter(|row| row.kind == kind);
        let known = known.filter_map(|row| Some((row, row.median(column)?)));
        let best = known.reduce(|one, other| {
            let is_better = if better == Better::Less { other.1 < one.1 } else { other.1 > one.1 };
            if is_better { other } else { one }
        });
        best.map(|(row, _)| row)
    }

    /// A row against the best of a kind; itself is none of its peers.
    pub(crate) fn ratio(
        &self,
        row: &Row,
        kind: Kind,
        column: usize,
        better: Better,
    ) -> Option<Ratio> {
        let best = self.best(kind, column, better)?;
        if std::ptr::eq(best, row) {
            return None;
        }
        Ratio::new(row.samples.get(column)?, best.samples.get(column)?)
    }
}

/// Lets all take part in a work for as many rounds as were asked for.
///
/// Before that, each proves once that it does the work right, as far as `prove` looks at it. A peer
/// that fails is out, and said so. What wirecat or a limit program fails at is an error of the bench
/// as well, which it reports once all is measured.
pub(crate) fn measure<T>(
    plan: &Plan,
    name: &str,
    entrants: &[Entrant<T>],
    prove: impl FnMut(&T) -> Fallible<()>,
    run: impl FnMut(&T) -> Fallible<Sample>,
) -> Case {
    measure_for(plan, plan.rounds, name, entrants, prove, run)
}

/// The same for another number of rounds.
pub(crate) fn measure_for<T>(
    plan: &Plan,
    rounds: usize,
    name: &str,
    entrants: &[Entrant<T>],
    mut prove: impl FnMut(&T) -> Fallible<()>,
    mut run: impl FnMut(&T) -> Fallible<Sample>,
) -> Case {
    let mut rows: Vec<Row> = entrants
        .iter()
        .map(|entrant| Row {
            name: entrant.name.clone(),
            kind: entrant.kind,
            samples: Vec::new(),
            at_limit: false,
            failure: None,
        })
        .collect();
    for round in 1..=rounds {
        eprintln!("{name}: round {round} of {rounds}");
        let mut turns: Vec<_> = entrants.iter().zip(&mut rows).collect();
        // Nobody always comes after the same one, whose traces the machine still shows.
        let first = round % turns.len().max(1);
        turns.rotate_left(first);
        for (entrant, row) in turns {
            if row.failure.is_some() {
                continue;
            }
            let proved = if round == 1 { prove(&entrant.what) } else { Ok(()) };
            match proved.and_then(|()| run(&entrant.what)) {
                Ok(sample) => {
                    row.samples.resize(sample.values.len(), Vec::new());
                    row.samples.iter_mut().zip(sample.values).for_each(|(all, one)| all.push(one));
                    row.at_limit |= sample.at_limit;
                }
                Err(error) => {
                    println!("FAILED {name}, {}: {error}", row.name);
                    row.failure =
                        Some(if error.is::<Cut>() { "cuts the transfer" } else { "fails" });
                    row.samples.clear();
                    plan.count_failure(row.kind);
                }
            }
        }
    }
    Case { name: name.to_owned(), rows }
}

/// Where each run looks at all that comes.
pub(crate) fn no_proof<T>(_: &T) -> Fallible<()> {
    Ok(())
}
