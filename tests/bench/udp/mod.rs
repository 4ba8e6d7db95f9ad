//! How fast datagrams are sent and received, beside nc.openbsd, socat, iperf3 and sockperf.

mod blaster;
mod kernel;
mod receiving;
mod sending;
mod table;
mod tools;

use crate::Fallible;

pub(crate) use kernel::{Counters, free_port};
pub(crate) use tools::Tool;

/// Datagrams of one load.
pub(super) const COUNT: u64 = 300_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// The tool sends datagrams of this size.
    Send(usize),
    /// The tool receives datagrams of this size, each sent by a call of its own.
    Receive(usize),
    /// The same, as a sender with segmentation sends them.
    ReceiveRuns(usize),
}

impl Load {
    pub(crate) const ALL: [Self; 5] = [
        Self::Send(1200),
        Self::Send(64),
        Self::Receive(1200),
        Self::Receive(64),
        Self::ReceiveRuns(1200),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Send(size) => format!("udp-send-{size}"),
            Self::Receive(size) => format!("udp-receive-{size}"),
            Self::ReceiveRuns(size) => format!("udp-receive-runs-{size}"),
        }
    }

    /// Whether a tool can do it, in a way that differs from another row.
    fn suits(self, tool: Tool) -> bool {
        match self {
            Self::Send(_) => tool != Tool::WirecatCounts,
            // iperf3 hears no sender but itself.
            Self::ReceiveRuns(_) => tool != Tool::Iperf3,
            Self::Receive(_) => true,
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Datagrams a second.
    pub(crate) rate: f64,
    /// User and system time of the tool, in microseconds a datagram.
    pub(crate) cpu: f64,
    /// The sender could do no more: the receiver might.
    pub(crate) at_limit: bool,
}

/// Measures and prints; the tools take turns, as with streams. A run that fails is left out, so
/// that it does not cost what the others were measured at.
///
/// # Errors
/// How many runs failed; each was told.
pub(crate) fn measure(loads: &[Load], tools: &[Tool], rounds: usize) -> Fallible<()> {
    if loads.is_empty() || tools.is_empty() {
        return Ok(());
    }
    println!("\n{}", table::head(rounds));
    let mut failed = 0;
    for load in loads {
        let tools: Vec<Tool> = tools.iter().copied().filter(|tool| load.suits(*tool)).collect();
        let mut samples = vec![Vec::new(); tools.len()];
        for round in 1..=rounds {
            eprintln!("{}: round {round} of {rounds}", load.name());
            for (tool, samples) in tools.iter().zip(&mut samples) {
                match run(*tool, *load) {
                    Ok(sample) => samples.push(sample),
                    Err(error) => {
                        eprintln!("{}: {}: {error}", load.name(), tool.name());
                        failed += 1;
                    }
                }
            }
        }
        println!("{}", table::rows(*load, &tools, &samples));
    }
    if failed > 0 { Err(format!("{failed} runs failed").into()) } else { Ok(()) }
}

fn run(tool: Tool, load: Load) -> Fallible<Sample> {
    match load {
        Load::Send(size) => sending::run(tool, size),
        Load::Receive(size) => receiving::run(tool, size, false),
        Load::ReceiveRuns(size) => receiving::run(tool, size, true),
    }
}
