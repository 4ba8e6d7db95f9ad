//! The other end of a server: clients that hold, ask, come and go, or listen, on an event loop of
//! their own.
//!
//! It runs as the bench itself, started again with a hidden first argument, so that its CPU time and
//! its descriptors are not those of the bench. Each load has a count and a time that it may take;
//! each checks what comes, and fails where a byte is wrong or missing.

mod churn;
mod fan_in;
mod fan_out;
mod hold;
mod ping_pong;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::Fallible;
use crate::process::Process;

/// The hidden first argument.
pub(crate) const ARGUMENT: &str = "load";
/// How long a load takes at most.
const PATIENCE: Duration = Duration::from_secs(180);
/// Round trips are counted in nanoseconds, up to a minute.
const LONGEST: u64 = 60_000_000_000;

/// What a load is to do: `port=9000`, `clients=50`.
struct Task {
    values: HashMap<String, String>,
    until: Instant,
}

impl Task {
    fn parse(args: &[String]) -> Self {
        let pairs = args.iter().filter_map(|arg| arg.split_once('='));
        let values = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { values, until: Instant::now() + PATIENCE }
    }

    fn get<T: FromStr>(&self, key: &str) -> Fallible<T> {
        let value = self.values.get(key).ok_or(format!("the load needs {key}="))?;
        value.parse().map_err(|_| format!("{key}={value} is none").into())
    }

    /// How long it may still wait; none is left once its time is over.
    fn left(&self) -> Fallible<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err("the load took more than 3 minutes".into()) } else { Ok(left) }
    }

    /// A connection to the server, on its loop. One whose backlog is short gets them with a pause
    /// between, where `pause=` says how many microseconds: what it has no room for would be tried
    /// again a second later.
    fn connect(&self) -> Fallible<mio::net::TcpStream> {
        if let Ok(micros) = self.get("pause") {
            thread::sleep(Duration::from_micros(micros));
        }
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.get("port")?))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(mio::net::TcpStream::from_std(stream))
    }
}

/// How long round trips took.
struct Times(Histogram<u32>);

impl Times {
    fn new() -> Fallible<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST, 3)?))
    }

    fn add(&mut self, since: Instant) -> Fallible<()> {
        let nanos = u64::try_from(since.elapsed().as_nanos())?;
        self.0.saturating_record(nanos);
        Ok(())
    }

    /// With the rate of so many since then.
    fn found(&self, count: usize, begin: Instant) -> Value {
        let micros = |share| self.0.value_at_quantile(share) as f64 / 1e3;
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        json!({ "count": count, "rate": rate, "p50": micros(0.5), "p99": micros(0.99) })
    }
}

/// Runs one of the loads to its end, and prints what it has found as one line of JSON.
pub(crate) fn run(args: &[String]) -> Fallible<()> {
    let (name, rest) = args.split_first().ok_or("the load needs a name")?;
    let task = Task::parse(rest);
    let found = match name.as_str() {
        "hold" => hold::run(&task),
        "ping-pong" => ping_pong::run(&task),
        "churn" => churn::run(&task),
        "fan-in" => fan_in::run(&task),
        "fan-out" => fan_out::run(&task),
        other => Err(format!("there is no load {other}").into()),
    }?;
    // Whoever held the clients may not want to know.
    let _ = writeln!(std::io::stdout(), "{found}");
    Ok(())
}

/// What a load has found.
pub(crate) struct Found(Value);

impl Found {
    pub(crate) fn number(&self, key: &str) -> Fallible<f64> {
        self.0[key].as_f64().ok_or_else(|| format!("the load found no {key}").into())
    }
}

fn command(name: &str, args: &[String]) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT).arg(name).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

/// Applies a load to a port, on a core where one is named.
pub(crate) fn apply(name: &str, args: &[String], core: Option<usize>) -> Fallible<Found> {
    let mut process = Process::start(command(name, args)?)?;
    process.pin(core)?;
    let mut text = String::new();
    process.stdout().ok_or("no stdout of the load")?.read_to_string(&mut text)?;
    process.wait().map_err(|error| format!("load {name}: {error}"))?;
    Ok(Found(serde_json::from_str(&text)?))
}

/// Clients that are connected, and say nothing more, until this is dropped.
pub(crate) struct Held {
    _stdin: ChildStdin,
    _process: Process,
}

impl Held {
    pub(crate) fn new(port: u16, clients: usize) -> Fallible<Self> {
        Self::saying(port, clients, b"")
    }

    /// The same where each of them says something first, and no more.
    pub(crate) fn saying(port: u16, clients: usize, words: &[u8]) -> Fallible<Self> {
        let words: String = words.iter().map(|byte| format!("{byte:02x}")).collect();
        let args = [format!("port={port}"), format!("clients={clients}"), format!("say={words}")];
        let mut process = Process::start(command("hold", &args)?)?;
        let stdin = process.stdin().ok_or("no stdin of the load")?;
        let mut line = String::new();
        BufReader::new(process.stdout().ok_or("no stdout of the load")?).read_line(&mut line)?;
        if line.trim() != "held" {
            return Err(format!("{clients} clients do not get their connection").into());
        }
        Ok(Self { _stdin: stdin, _process: process })
    }
}
