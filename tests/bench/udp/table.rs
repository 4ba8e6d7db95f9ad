//! The outcome for datagrams, as a Markdown table.

use super::{COUNT, Load, Sample, Tool};
use crate::statistics::median;
use crate::table::{machine, ratio};

pub(super) fn head(rounds: usize) -> String {
    format!(
        "{COUNT} datagrams or 1 s over loopback; medians of {rounds} interleaved rounds; {}.\n\
         Sent to a bound socket that nobody reads (iperf3: to its server, which does).\n\
         Received: the highest rate of a paced sender at which the socket dropped nothing; `+` \
         where that sender can do no more.\n\
         Ratios are to the best of the others: rates above 1, CPU below 1 are better.\n\n\
         | datagrams             | tool                  |       /s | µs CPU each | rate ratio | CPU ratio |\n\
         |-----------------------|-----------------------|---------:|------------:|-----------:|----------:|",
        machine(),
    )
}

/// The rows of one load.
pub(super) fn rows(load: Load, tools: &[Tool], samples: &[Vec<Sample>]) -> String {
    let rows: Vec<(Tool, f64, f64, bool)> = tools
        .iter()
        .zip(samples)
        .filter(|(_, samples)| !samples.is_empty())
        .map(|(tool, samples)| {
            let rate = median(samples.iter().map(|sample| sample.rate));
            let cpu = median(samples.iter().map(|sample| sample.cpu));
            (*tool, rate, cpu, samples.iter().any(|sample| sample.at_limit))
        })
        .collect();
    let peers = || rows.iter().filter(|(tool, ..)| !tool.is_wirecat());
    let best_rate = peers().map(|(_, rate, ..)| *rate).reduce(f64::max);
    let best_cpu = peers().map(|(_, _, cpu, _)| *cpu).reduce(f64::min);
    let lines = rows.iter().map(|(tool, rate, cpu, at_limit)| {
        format!(
            "| {:<21} | {:<21} | {:>8} | {:>11.2} | {:>10} | {:>9} |",
            load.name(),
            tool.name(),
            format!("{rate:.0}{}", if *at_limit { "+" } else { "" }),
            cpu,
            ratio(*rate, best_rate),
            ratio(*cpu, best_cpu),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
