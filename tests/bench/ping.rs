//! Round trips as `echo --ping` and as sockperf see them, each to a server of its own kind, and how
//! far from an injected delay the former are.
//!
//! Where both ends run matters more than who they are: on one core every system call counts, on
//! two mostly how long the kernel takes to wake the other one. Hence both, each pinned. Where they
//! wait for a delay, they run where the kernel puts them.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind};
use crate::ends::wait_for_listener;
use crate::limit;
use crate::peers::installed;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::statistics::median;
use crate::udp::{Counters, free_port};

const PROBES: usize = 30_000;
/// How often a server is started on another port.
const TRIES: usize = 3;
/// Bytes of one, which is what `echo --ping` sends by itself.
const SIZE: &str = "56";
const DELAY: Duration = Duration::from_millis(10);
/// The cores of the server and of the client.
const PLACES: [(&str, [Core; 2]); 2] =
    [("one core", [Some("0"), Some("0")]), ("two cores", [Some("0"), Some("1")])];
const COLUMNS: [Column; 1] = [Column::less("µs p50", 1)];

/// Where a program runs: on this core, or on any.
type Core = Option<&'static str>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tool {
    Wirecat(Binary),
    /// It waits in recvfrom(2), which can watch one socket.
    Sockperf,
    /// It waits in epoll_wait(2), as wirecat does.
    SockperfEpoll,
    /// A server in epoll, and a client that waits in recv(2).
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut cases = Vec::new();
    for protocol in ["UDP", "TCP"] {
        // Between two cores it is the kernel that takes the time.
        for (place, cores) in
            PLACES.into_iter().take(if plan.brief || plan.quick { 1 } else { PLACES.len() })
        {
            let peer = |name, tool| ("sockperf", Entrant::new(name, Kind::Peer, tool));
            let others = vec![
                peer("sockperf", Tool::Sockperf),
                peer("sockperf -F epoll", Tool::SockperfEpoll),
                ("limit", Entrant::new("bare epoll", Kind::Limit, Tool::Limit)),
            ];
            let entrants = plan.entrants(Tool::Wirecat, others);
            let protocol_word = protocol.to_lowercase();
            let probes = plan.count(PROBES);
            let once = |tool: &Tool| {
                run(tool, &protocol_word, cores, probes).map(|p50| vec![p50 * 1e6].into())
            };
            let name = format!("{protocol}, both ends on {place}");
            cases.push(contest::measure(plan, &name, &entrants, contest::no_proof, once));
        }
    }
    if !plan.brief {
        measure_delay(plan)?;
    }
    let intro = format!(
        "Round trips of {SIZE} B back to back over loopback: echo --ping to echo, sockperf ping-pong \
         to its server."
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

/// What p50 is more than the delay of a server that holds each answer back.
fn measure_delay(plan: &Plan) -> Fallible<()> {
    let probes = plan.count(100).max(20);
    let own = Binary::own();
    for protocol in ["udp", "tcp"] {
        let server =
            Server::start(&Tool::Wirecat(own.clone()), protocol, None, &["--delay", "10ms"])?;
        let p50 = (0..plan.rounds).map(|_| {
            let probe =
                format!("echo --ping --{protocol} --interval 20ms -c {probes} --output json");
            ping(&own, &probe, &server.address, None)
        });
        let p50 = median(p50.collect::<Fallible<Vec<_>>>()?.into_iter());
        let more = p50 - DELAY.as_secs_f64();
        println!("{protocol} to echo --delay 10ms: p50 is {:.3} ms more", more * 1e3);
    }
    Ok(())
}

/// The median of one run, in seconds.
fn run(tool: &Tool, protocol: &str, [server, client]: [Core; 2], probes: usize) -> Fallible<f64> {
    let server = Server::start(tool, protocol, server, &[])?;
    match tool {
        Tool::Wirecat(binary) => {
            let probe = format!("echo --ping --{protocol} --interval 0 -c {probes} --output json");
            ping(binary, &probe, &server.address, client)
        }
        Tool::Limit => {
            let (port, count) = (server.port.to_string(), probes.to_string());
            let mut command = on_core(limit::command("ping", &[protocol, &port, &count])?, client);
            Ok(output(&mut command)?.trim().parse::<f64>()? / 1e6)
        }
        Tool::Sockperf | Tool::SockperfEpoll => {
            let mut command = pinned("sockperf", client);
            command.args(["ping-pong", "--full-rtt", "-m", SIZE, "-t"]);
            command.arg(if probes < PROBES { "1" } else { "2" });
            let text = output(command.args(&server.place))?;
            let line = text.lines().find_map(|line| line.split_once("percentile 50.000 ="));
            let (_, micros) = line.ok_or("sockperf tells no median")?;
            Ok(micros.trim().parse::<f64>()? / 1e6)
        }
    }
}

/// The median that `echo --ping` tells.
fn ping(binary: &Binary, args: &str, address: &str, core: Core) -> Fallible<f64> {
    let mut command = pinned(binary.path(), core);
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
    port: u16,
    /// Where sockperf finds it.
    place: Vec<String>,
    _feed: tempfile::TempDir,
}

impl Server {
    /// No port is free for both protocols until the server has it: somebody else may be first.
    fn start(tool: &Tool, protocol: &str, core: Core, more: &[&str]) -> Fallible<Self> {
        let mut outcome = Self::try_start(tool, protocol, core, more);
        for _ in 1..TRIES {
            if outcome.is_err() {
                outcome = Self::try_start(tool, protocol, core, more);
            }
        }
        outcome
    }

    fn try_start(tool: &Tool, protocol: &str, core: Core, more: &[&str]) -> Fallible<Self> {
        // sockperf does not share a port with who has reserved it.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let feed = tempfile::tempdir()?;
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
            Tool::Wirecat(binary) => pinned(binary.path(), core),
            Tool::Sockperf | Tool::SockperfEpoll => pinned("sockperf", core),
            Tool::Limit => {
                let name = if protocol == "udp" { "echo-datagrams" } else { "echo" };
                on_core(limit::command(name, &[&port.to_string()])?, core)
            }
        };
        match tool {
            Tool::Limit => &mut command,
            Tool::Wirecat(_) => command.args(["-q", "echo", &address]).args(more),
            Tool::Sockperf | Tool::SockperfEpoll => command.arg("server").args(&place),
        };
        let mut process = Process::start(silent(command))?;
        match protocol {
            "udp" => Counters::wait_for_socket(port, &mut process)?,
            _ => wait_for_listener(port, &mut process)?,
        }
        Ok(Self { _process: process, address, port, place, _feed: feed })
    }
}

/// A program where it is to run.
fn pinned(program: impl AsRef<OsStr>, core: Core) -> Command {
    on_core(Command::new(program), core)
}

/// The same for a command with arguments.
fn on_core(program: Command, core: Core) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match core.filter(|_| cores > 1 && installed("taskset")) {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(program.get_program()).args(program.get_args());
            command
        }
        None => program,
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
