//! How fast wirecat is, beside the tools that do the same and beside bare loops of system calls;
//! and whether it bears all that clients do for minutes.
//!
//! ```text
//! cargo bench --bench bench -- --help                        # all tables, tools and options
//! cargo bench --bench bench                                  # all tables: half an hour
//! cargo bench --bench bench -- --quick                       # all of them in small: 3 minutes
//! cargo bench --bench bench -- pipe-file wirecat socat       # one table, some tools
//! cargo bench --bench bench -- hub --against ../old/wirecat  # beside another wirecat
//! cargo bench --bench bench -- readme --write                # the tables of README.md
//! cargo bench --bench bench -- soak --time 60s               # fails where anything is lost or grows
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`options`], [`catalog`], [`plan`] | what can be measured, what was asked for, and how much of it |
//! | [`contest`], [`statistics`], [`table`] | the rounds, the medians and ratios, and how they are shown |
//! | [`process`], [`ends`], [`machine`] | processes and their CPU time, the ends of a stream, the head of a table |
//! | [`limit`], [`load`] | the bare loops, and the clients; both run as this program started again |
//! | [`transfer`], [`tls`], [`forward`], [`exec`], [`line`], [`udp`] | streams and datagrams |
//! | [`echo`], [`threads`], [`idle`], [`half_done`], [`hub`], [`ping`], [`json`] | clients, messages and events |
//! | [`growth`], [`start_up`], [`soak`] | how cost grows, the start, and endurance |
//! | [`readme`] | the tables of README.md |

mod catalog;
mod contest;
mod echo;
mod ends;
mod exec;
mod forward;
mod growth;
mod half_done;
mod hub;
mod idle;
mod json;
mod limit;
mod line;
mod load;
mod machine;
mod options;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../it/support/peers.rs"]
mod peers;
mod ping;
mod plan;
mod process;
mod readme;
mod soak;
mod start_up;
mod statistics;
mod table;
mod threads;
mod tls;
mod tools;
mod transfer;
mod udp;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::catalog::Table;
use crate::machine::machine;
use crate::options::Options;
use crate::plan::Plan;

/// An error can leave a thread.
type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((first, rest)) if first == limit::ARGUMENT => limit::run(rest),
        Some((first, rest)) if first == load::ARGUMENT => load::run(rest),
        _ => Plan::new(Options::parse()).and_then(|plan| run(&plan)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures all that was asked for, also after something has failed.
fn run(plan: &Plan) -> Fallible<()> {
    let mut failed = Vec::new();
    if plan.readme {
        failed.extend(readme::make(plan).err().map(|error| format!("readme: {error}")));
    }
    for table in &plan.tables {
        let started = Instant::now();
        let outcome = measure(plan, table);
        failed.extend(outcome.err().map(|error| format!("{}: {error}", table.name)));
        eprintln!("{} took {:.0} s", table.name, started.elapsed().as_secs_f64());
    }
    if plan.failures() > 0 {
        failed.push(format!("{} runs failed; each was reported", plan.failures()));
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\nbench: ").into()) }
}

fn measure(plan: &Plan, table: &Table) -> Fallible<()> {
    for outcome in (table.measure)(plan)? {
        let mut shown = table::Table::new(&outcome.columns, &outcome.cases);
        outcome.cases.iter().for_each(|case| shown.add(case));
        println!("\n## {}\n\n{}\n", table.name, outcome.intro);
        println!(
            "Medians of {} interleaved rounds; {}; load {:.1}.\n\n{shown}",
            plan.rounds,
            machine(),
            machine::load(),
        );
    }
    Ok(())
}
