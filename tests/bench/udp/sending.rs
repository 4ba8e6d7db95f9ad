//! One load of datagrams from a tool to a socket that nobody reads.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::pipe::{PipeFlags, pipe_with};

use super::kernel::Sink;
use super::sample;
use super::tools::Tool;
use crate::Fallible;
use crate::contest::Sample;
use crate::ends::wait_for_listener;
use crate::peers::Reserved;
use crate::process::Process;

/// Lets a tool send, and checks that all of it came, each datagram of the right size.
pub(super) fn run(tool: &Tool, size: usize, count: u64) -> Fallible<Sample> {
    match tool {
        Tool::Iperf3 => run_iperf3(size, count),
        Tool::Sockperf => run_sockperf(size, count),
        _ => run_from_stdin(tool, size, count),
    }
}

fn run_from_stdin(tool: &Tool, size: usize, count: u64) -> Fallible<Sample> {
    let sink = Sink::new()?;
    let mut command = tool.sender(sink.port, size, count)?;
    command.stdout(Stdio::null());
    let fed = feed(tool, &mut command, size, count)?;
    let started = Instant::now();
    let sender = Process::start(command)?;
    let used = sender.wait()?;
    let wall = started.elapsed().as_secs_f64();
    if let Some(fed) = fed {
        fed.join().map_err(|_| "the feeding thread failed")??;
    }
    let halves = *tool == Tool::Nc;
    let arrived = sink.arrived(if halves { size / 2 } else { size }..=size)?;
    if arrived != count && !halves {
        return Err(format!("{arrived} datagrams of {count} arrived").into());
    }
    Ok(sample(arrived as f64 / wall, arrived, used.cpu.as_secs_f64()))
}

type Feeder = JoinHandle<std::io::Result<()>>;

/// Gives a command its stdin: a file, or for nc a pipe that keeps boundaries (`O_DIRECT`,
/// pipe(7)). nc makes a datagram of what two reads give, the second one while it waits to be
/// allowed to write, so it gets halves; where the second comes late, a half goes alone, and
/// counts as a datagram.
fn feed(tool: &Tool, command: &mut Command, size: usize, count: u64) -> Fallible<Option<Feeder>> {
    if *tool != Tool::Nc {
        let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?;
        let chunk = vec![b'x'; size * 1000];
        for _ in 0..count / 1000 {
            file.write_all(&chunk)?;
        }
        std::io::Seek::rewind(&mut file)?;
        command.stdin(file);
        return Ok(None);
    }
    let (reader, writer) = pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC)?;
    command.stdin(reader);
    let half = vec![b'x'; size / 2];
    Ok(Some(thread::spawn(move || {
        let mut writer = File::from(writer);
        (0..2 * count).try_for_each(|_| writer.write_all(&half))
    })))
}

/// sockperf makes its datagrams up and tells its rate; it cannot be given a count.
fn run_sockperf(size: usize, count: u64) -> Fallible<Sample> {
    let sink = Sink::new()?;
    let mut command = Tool::Sockperf.sender(sink.port, size, count)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let (said, cpu) = listen_to(command)?;
    let (_, behind) = said.split_once("Message Rate is ").ok_or("sockperf told no rate")?;
    let rate = behind.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(sample(rate, sink.arrived(size..=size)?, cpu))
}

/// iperf3 speaks to nobody but its own server, which reads.
fn run_iperf3(size: usize, count: u64) -> Fallible<Sample> {
    let reserved = Reserved::new()?;
    let port = reserved.port;
    let mut server = Tool::Iperf3.receiver(port)?;
    server.stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Process::start(server)?;
    wait_for_listener(port, &mut server)?;
    let mut command = Tool::Iperf3.sender(port, size, count)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let (said, cpu) = listen_to(command)?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let sum = &said["end"]["sum"];
    let packets = sum["packets"].as_u64().ok_or("iperf3 told no number of packets")?;
    let seconds = sum["seconds"].as_f64().ok_or("iperf3 told no time")?;
    Ok(sample(packets as f64 / seconds, packets, cpu))
}

/// Runs a command to its end; what it says, and its CPU time in seconds.
pub(super) fn listen_to(command: Command) -> Fallible<(String, f64)> {
    let mut process = Process::start(command)?;
    let mut said = String::new();
    process.stdout().ok_or("no stdout")?.read_to_string(&mut said)?;
    Ok((said, process.wait()?.cpu.as_secs_f64()))
}
