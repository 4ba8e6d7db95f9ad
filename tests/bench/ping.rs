//! Round trips as `echo --ping` and as sockperf see them, each to a server of its own kind, and how
//! far from an injected delay the former are.
//!
//! Where both ends run matters more than who they are: on one core every system call counts, on
//! two mostly how long the kernel takes to wake the other one. Hence both, each pinned. Where they
//! wait for a delay, they run where the kernel puts them.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::peers::installed;
use crate::process::Process;
use crate::statistics::median;
use crate::table::{machine, ratio};
use crate::transfer::wait_for_listener;
use crate::udp::{Counters, free_port};

const PROBES: usize = 30_000;
/// Bytes of one, which is what `echo --ping` sends by itself.
const SIZE: &str = "56";
const SECONDS: &str = "2";
const DELAY: Duration = Duration::from_millis(10);
/// The cores of the server and of the client.
const PLACES: [(&str, [Core; 2]); 2] =
    [("one core", [Some("0"), Some("0")]), ("two cores", [Some("0"), Some("1")])];

/// Where a program runs: on this core, or on any.
type Core = Option<&'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Wirecat,
    /// It waits in recvfrom(2), which can watch one socket.
    Sockperf,
    /// It waits in epoll_wait(2), as wirecat does.
    SockperfEpoll,
}

impl Tool {
    const ALL: [Self; 3] = [Self::Wirecat, Self::Sockperf, Self::SockperfEpoll];

    fn name(self) -> &'static str {
        match self {
            Self::Wirecat => "wirecat",
            Self::Sockperf => "sockperf",
            Self::SockperfEpoll => "sockperf -F epoll",
        }
    }
}

/// Prints the outcome.
pub(crate) fn measure(rounds: usize) -> Fallible<()> {
    let tools: Vec<Tool> = if installed("sockperf") && installed("taskset") {
        Tool::ALL.to_vec()
    } else {
        println!("SKIPPED bench of sockperf ping-pong: sockperf or taskset is not installed");
        vec![Tool::Wirecat]
    };
    println!(
        "\nRound trips of {SIZE} B back to back over loopback, p50; medians of {rounds} interleaved \
         rounds; {}.\n\n\
         | protocol | both ends on | tool              | p50 µs | ratio |\n\
         |----------|--------------|-------------------|-------:|------:|",
        machine()
    );
    for protocol in ["udp", "tcp"] {
        for (place, cores) in PLACES {
            let mut samples = vec![Vec::new(); tools.len()];
            for _ in 0..rounds {
                for (tool, samples) in tools.iter().zip(&mut samples) {
                    samples.push(run(*tool, protocol, cores)?);
                }
            }
            let p50: Vec<f64> = samples.into_iter().map(|all| median(all.into_iter())).collect();
            let ours = p50.first().copied().unwrap_or_default();
            for (tool, p50) in tools.iter().zip(&p50) {
                println!(
                    "| {protocol:<8} | {place:<12} | {:<17} | {:>6.1} | {:>5} |",
                    tool.name(),
                    p50 * 1e6,
                    ratio(ours, Some(*p50)),
                );
            }
        }
    }
    measure_delay(rounds)
}

/// What p50 is more than the delay of a server that holds each answer back.
fn measure_delay(rounds: usize) -> Fallible<()> {
    for protocol in ["udp", "tcp"] {
        let server = Server::start(Tool::Wirecat, protocol, None, &["--delay", "10ms"])?;
        let p50 = (0..rounds).map(|_| {
            let probe = format!("echo --ping --{protocol} --interval 20ms -c 100 --output json");
            ping(&probe, &server.address, None)
        });
        let p50 = median(p50.collect::<Fallible<Vec<_>>>()?.into_iter());
        let more = p50 - DELAY.as_secs_f64();
        println!("{protocol} to echo --delay 10ms: p50 is {:.3} ms more", more * 1e3);
    }
    Ok(())
}

/// The median of one run, in seconds.
fn run(tool: Tool, protocol: &str, [server, client]: [Core; 2]) -> Fallible<f64> {
    let server = Server::start(tool, protocol, server, &[])?;
    match tool {
        Tool::Wirecat => {
            let probe = format!("echo --ping --{protocol} --interval 0 -c {PROBES} --output json");
            ping(&probe, &server.address, client)
        }
        Tool::Sockperf | Tool::SockperfEpoll => {
            let mut command = pinned("sockperf", client);
            command.args(["ping-pong", "--full-rtt", "-m", SIZE, "-t", SECONDS]);
            let text = output(command.args(&server.place))?;
            let line = text.lines().find_map(|line| line.split_once("percentile 50.000 ="));
            let (_, micros) = line.ok_or("sockperf tells no median")?;
            Ok(micros.trim().parse::<f64>()? / 1e6)
        }
    }
}

/// The median that `echo --ping` tells.
fn ping(args: &str, address: &str, core: Core) -> Fallible<f64> {
    let mut command = pinned(env!("CARGO_BIN_EXE_wirecat"), core);
    let text = output(command.args(args.split_whitespace()).arg(address))?;
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        if let ("stats", Some(p50)) =
            (event["event"].as_str().unwrap_or(""), event["rtt_p50"].as_f64())
        {
            return Ok(p50);
        }
    }
    Err("wirecat tells no median".into())
}

/// An echo server on a free port. Dropping it ends it.
struct Server {
    _process: Process,
    address: String,
    /// Where sockperf finds it.
    place: Vec<String>,
    _feed: tempfile::TempDir,
}

impl Server {
    fn start(tool: Tool, protocol: &str, core: Core, more: &[&str]) -> Fallible<Self> {
        let (port, feed) = (free_port()?, tempfile::tempdir()?);
        let address = format!("127.0.0.1:{port}");
        let mut place = vec!["-i".into(), "127.0.0.1".into(), "-p".into(), port.to_string()];
        match (tool, protocol) {
            (Tool::SockperfEpoll, _) => {
                // A list of one is served by recvfrom(2) again.
                let list = feed.path().join("feed");
                let kind = protocol.get(..1).unwrap_or_default().to_uppercase();
                let lines = [port, free_port()?].map(|port| format!("{kind}:127.0.0.1:{port}\n"));
                fs::write(&list, lines.concat())?;
                place = ["-f", &list.to_string_lossy(), "-F", "epoll"].map(Into::into).into();
            }
            (Tool::Sockperf, "tcp") => place.push("--tcp".into()),
            _ => {}
        }
        let mut command = match tool {
            Tool::Wirecat => pinned(env!("CARGO_BIN_EXE_wirecat"), core),
            Tool::Sockperf | Tool::SockperfEpoll => pinned("sockperf", core),
        };
        match tool {
            Tool::Wirecat => command.args(["-q", "echo", &address]).args(more),
            Tool::Sockperf | Tool::SockperfEpoll => command.arg("server").args(&place),
        };
        let mut process = Process::start(silent(command))?;
        match protocol {
            "udp" => Counters::wait_for_socket(port, &mut process)?,
            _ => wait_for_listener(port, &mut process)?,
        }
        Ok(Self { _process: process, address, place, _feed: feed })
    }
}

/// A program where it is to run.
fn pinned(program: &str, core: Core) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match core.filter(|_| cores > 1 && installed("taskset")) {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core, program]);
            command
        }
        None => Command::new(program),
    }
}

fn silent(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn output(command: &mut Command) -> Fallible<String> {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} after {:?}: {errors}", started.elapsed()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
