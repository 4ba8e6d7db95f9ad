//! The outcome as a Markdown table that is also readable as it is.

use std::time::Duration;

use crate::options::Options;
use crate::statistics::median;
use crate::tools::Tool;
use crate::transfer::{Sample, Shape};

pub(crate) fn head(options: &Options) -> String {
    let size = bytesize::ByteSize(options.size);
    format!(
        "{size} over loopback, sender and receiver of one kind; medians of {} interleaved rounds; \
         {}.\n\
         Ratios are to the best of the others: below 1 is better.\n\n\
         | stream    | tool           | wall s |  GB/s | CPU s | wall ratio | CPU ratio |\n\
         |-----------|----------------|-------:|------:|------:|-----------:|----------:|",
        options.rounds,
        machine(),
    )
}

/// Where it was measured.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, Linux {}", kernel.trim())
}

/// The rows of one shape.
pub(crate) fn rows(shape: Shape, options: &Options, samples: &[Vec<Sample>]) -> String {
    let wall = |samples: &Vec<Sample>| median(samples.iter().map(|sample| sample.wall));
    let cpu = |samples: &Vec<Sample>| median(samples.iter().map(|sample| sample.cpu));
    let rows: Vec<(Tool, Duration, Duration)> = options
        .tools
        .iter()
        .zip(samples)
        .map(|(tool, samples)| (*tool, wall(samples), cpu(samples)))
        .collect();
    let peers = || rows.iter().filter(|(tool, ..)| *tool != Tool::Wirecat);
    let best_wall = peers().map(|(_, wall, _)| *wall).min();
    let best_cpu = peers().map(|(_, _, cpu)| *cpu).min();
    let lines = rows.iter().map(|(tool, wall, cpu)| {
        format!(
            "| {:<9} | {:<14} | {:>6.2} | {:>5.2} | {:>5.2} | {:>10} | {:>9} |",
            shape.name(),
            tool.name(),
            wall.as_secs_f64(),
            options.size as f64 / 1e9 / wall.as_secs_f64(),
            cpu.as_secs_f64(),
            ratio(wall.as_secs_f64(), best_wall.as_ref().map(Duration::as_secs_f64)),
            ratio(cpu.as_secs_f64(), best_cpu.as_ref().map(Duration::as_secs_f64)),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn ratio(value: f64, best: Option<f64>) -> String {
    match best {
        Some(best) if best > 0.0 => format!("{:.2}", value / best),
        _ => "-".into(),
    }
}
