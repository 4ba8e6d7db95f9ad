//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};
use wirecat::values::{parse_duration, parse_nonzero_size};

use crate::catalog;

/// Measure wirecat beside its peers, and beside the least that a program can do
///
/// Each table has wirecat, the tools that do the same work, and a bare loop of system calls as the
/// practical limit. All take turns for --rounds rounds. A ratio is that of the medians, with half of
/// what lies between the quartiles of the ratios of each round, of which one round has none; `noise`
/// stands where that is more than the difference. CPU is user and system time. `+` marks a rate at which the sender was the limit.
#[derive(Parser)]
#[command(name = "cargo bench --bench bench --", bin_name = "cargo bench --bench bench --")]
pub(crate) struct Options {
    /// Tables and tools; all tables, or all tools, where none is named
    #[arg(value_name = "NAME", value_parser = names(), hide_default_value = true)]
    pub(crate) names: Vec<String>,

    /// Bytes of a stream [default: 2GiB, 64MiB with --quick]
    #[arg(long, value_parser = parse_nonzero_size)]
    pub(crate) size: Option<u64>,

    /// Rounds of each table [default: 5, 2 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,

    /// The most clients of `idle` and `growth` [default: 18000, 500 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=50_000))]
    pub(crate) clients: Option<u32>,

    /// How long the soak takes
    #[arg(long, value_name = "D", value_parser = parse_duration, default_value = "4m")]
    pub(crate) time: Duration,

    /// Another wirecat, which stands in every table as the one before
    #[arg(long, value_name = "BINARY")]
    pub(crate) against: Option<PathBuf>,

    /// All of it in small, to see that it works; the numbers mean little
    #[arg(long)]
    pub(crate) quick: bool,

    /// Put the tables of `readme` into README.md
    #[arg(long)]
    pub(crate) write: bool,

    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn names() -> PossibleValuesParser {
    let tables = catalog::TABLES.iter().map(|table| (table.name, table.about));
    let words = tables.chain(catalog::GROUPS).chain(catalog::TOOLS);
    words.map(|(name, about)| PossibleValue::new(name).help(about)).collect::<Vec<_>>().into()
}
