//! How fast wirecat moves a stream, beside nc.openbsd, ncat and socat; how fast it sends and
//! receives datagrams, beside those, iperf3 and sockperf; how many messages it makes events of;
//! what it takes for a round trip, beside sockperf; how fast it starts; and whether it bears all of
//! that clients do for minutes.
//!
//! ```text
//! cargo bench --bench bench                                  # 2 GiB, 5 rounds: minutes
//! cargo bench --bench bench -- --size 256MiB --rounds 3      # a quick look
//! cargo bench --bench bench -- pipe-file wirecat socat       # one shape, some tools
//! cargo bench --bench bench -- udp --rounds 3                # all of datagrams
//! cargo bench --bench bench -- udp-send sockperf wirecat     # sending them, two tools
//! cargo bench --bench bench -- json                          # fails below 300,000 a second
//! cargo bench --bench bench -- ping                          # round trips, and their error
//! cargo bench --bench bench -- start-up                      # fails above 3 ms
//! cargo bench --bench bench -- soak --time 60s               # fails where anything is lost or grows
//! ```

mod json;
mod options;
#[path = "../it/support/peers.rs"]
mod peers;
mod ping;
mod process;
mod soak;
mod start_up;
mod statistics;
mod table;
mod tools;
mod transfer;
mod udp;

use std::error::Error;
use std::process::ExitCode;

use options::{Options, Probe};
use transfer::{Place, Sample, Shape};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut options: Options) -> Fallible<()> {
    options.tools.retain(|tool| {
        let here = tool.is_installed();
        if !here {
            println!("SKIPPED bench of {}: it is not installed", tool.name());
        }
        here
    });
    options.udp_tools.retain(|tool| {
        let here = tool.is_installed();
        if !here {
            println!("SKIPPED bench of {}: it is not installed", tool.name());
        }
        here
    });
    if !options.shapes.is_empty() {
        let place = Place::new(&options)?;
        println!("{}", table::head(&options));
        for shape in &options.shapes {
            println!("{}", table::rows(*shape, &options, &measure(*shape, &options, &place)?));
        }
    }
    udp::measure(&options.loads, &options.udp_tools, options.rounds)?;
    for probe in &options.probes {
        match probe {
            Probe::Json => json::measure(options.rounds)?,
            Probe::Ping => ping::measure(options.rounds)?,
            Probe::StartUp => start_up::measure()?,
            Probe::Soak => soak::measure(options.time)?,
        }
    }
    Ok(())
}

/// The samples of each tool. The tools take turns, so that whatever else the machine does hits
/// all of them alike.
fn measure(shape: Shape, options: &Options, place: &Place) -> Fallible<Vec<Vec<Sample>>> {
    let mut samples = vec![Vec::new(); options.tools.len()];
    for round in 1..=options.rounds {
        eprintln!("{}: round {round} of {}", shape.name(), options.rounds);
        let mut turns: Vec<_> = options.tools.iter().zip(&mut samples).collect();
        // Nobody always comes after the same one, whose traces the machine still shows.
        let first = round % turns.len().max(1);
        turns.rotate_left(first);
        for (tool, samples) in turns {
            let outcome = transfer::run(*tool, shape, place);
            let outcome = outcome.map_err(|error| format!("{}: {error}", tool.name()));
            samples.push(outcome?);
        }
    }
    Ok(samples)
}
