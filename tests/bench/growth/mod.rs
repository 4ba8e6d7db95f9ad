//! How cost grows with what there is to do. Growth that is worse than linear is a defect.

mod bodies;
mod chunks;
mod frames;

use crate::Fallible;
use crate::contest::{self, Case, Entrant, Kind};
use crate::echo::{self, Server, Work};
use crate::plan::{Outcome, Plan};
use crate::statistics::Ratio;
use crate::table::{markdown, noted, thousands};

pub(crate) use bodies::measure as bodies;
pub(crate) use chunks::measure as chunks;
pub(crate) use frames::measure as frames;

/// A step that costs more than this beyond what it has more to do, and by more than the rounds
/// differ. One round shows no step to be worse.
const WORSE: f64 = 1.1;

/// Clients that all have a message on its way.
pub(crate) fn clients(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut cases = Vec::new();
    let mut numbers =
        [10, 100, 1_000, 10_000, 18_000].map(|number| plan.clients.min(number)).to_vec();
    numbers.dedup();
    for clients in &numbers {
        let count = plan.count(100_000).max(clients * 2);
        let cores = [Some(0), Some(1)];
        let work = Work { load: "ping-pong", clients: *clients, size: 64, count, cores };
        let others = vec![("limit", Entrant::new("bare epoll", Kind::Limit, Server::Limit))];
        let entrants = plan.entrants(|binary| Server::Wirecat(binary, vec![]), others);
        let once = |server: &Server| echo::run(server, &work);
        let name = format!("{} clients", thousands(*clients as f64, 0));
        cases.push(contest::measure(plan, &name, &entrants, contest::no_proof, once));
    }
    let intro = format!(
        "Echo of 64 B to clients that all wait for an answer at once.\n\n{}",
        // A round trip costs the same, however many clients there are.
        steps(&cases, 3, &vec![1.0; cases.len()], "CPU of a round trip")
    );
    Ok(vec![Outcome { intro, columns: echo::COLUMNS.to_vec(), cases }])
}

/// How the cost in a column grows from each case to the next, beside what there is to do in it.
fn steps(cases: &[Case], column: usize, work: &[f64], what: &str) -> String {
    let mut heads = vec![format!("{what}, growth ÷ linear")];
    heads.extend(cases.iter().skip(1).map(|case| format!("to {}", case.name)));
    let names = cases.first().map(|case| case.rows.iter().map(|row| &row.name));
    let lines = names.into_iter().flatten().enumerate().map(|(row, name)| {
        let cells = cases
            .windows(2)
            .zip(work.windows(2))
            .map(|(pair, work)| step(pair, row, column, work).map_or("-".to_owned(), verdict));
        std::iter::once(name.clone()).chain(cells).collect()
    });
    markdown(&heads, 1, &lines.collect::<Vec<_>>())
}

/// How a column changes from the first case to each other one.
pub(crate) fn changes(cases: &[Case], column: usize, what: &str) -> String {
    let Some((first, rest)) = cases.split_first() else { return String::new() };
    let mut heads = vec![format!("{what}, beside {}", first.name)];
    heads.extend(rest.iter().map(|case| case.name.clone()));
    let lines = first.rows.iter().enumerate().map(|(number, row)| {
        let cells = rest.iter().map(|case| {
            let samples = case.rows.get(number).and_then(|row| row.samples.get(column));
            let ratio = samples.zip(row.samples.get(column));
            let ratio = ratio.and_then(|(ours, theirs)| Ratio::new(ours, theirs));
            ratio.map_or("-".to_owned(), noted)
        });
        std::iter::once(row.name.clone()).chain(cells).collect()
    });
    markdown(&heads, 1, &lines.collect::<Vec<_>>())
}

/// What a row costs in the second of two cases, divided by what it would if cost were linear.
fn step(pair: &[Case], row: usize, column: usize, work: &[f64]) -> Option<Ratio> {
    let ([one, other], [less, more]) = (pair, work) else { return None };
    let cost = |case: &Case| case.rows.get(row)?.samples.get(column).cloned();
    let linear: Vec<f64> = cost(one)?.iter().map(|cost| cost * more / less).collect();
    Ratio::new(&cost(other)?, &linear)
}

fn verdict(step: Ratio) -> String {
    let worse = if step.is_above(WORSE) { " worse" } else { "" };
    format!("{step}{worse}")
}

/// A size in words.
fn size_name(size: u64) -> String {
    match size {
        size if size % (1 << 20) == 0 => format!("{} MiB", size >> 20),
        size if size % 1_000_000 == 0 => format!("{} MB", size / 1_000_000),
        size if size % (1 << 10) == 0 => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}
