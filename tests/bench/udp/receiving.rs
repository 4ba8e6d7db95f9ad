//! The highest rate at which a tool loses nothing.

use std::process::Stdio;

use super::blaster::Blaster;
use super::kernel::{Counters, free_port};
use super::sample;
use super::tools::Tool;
use crate::Fallible;
use crate::contest::Sample;
use crate::ends::wait_for_listener;
use crate::peers::Reserved;
use crate::process::Process;

/// The rates that are tried: from this one on, each by so much more.
const LOWEST: f64 = 20_000.0;
const STEP: f64 = 1.2;
const STEPS: u32 = 26;
/// One try lasts so long at most.
const SECONDS: f64 = 1.0;
/// A sender that goes slower than it was asked to has reached its limit.
const MET: f64 = 0.95;

/// One rate.
struct Try {
    lost: u64,
    rate: f64,
    /// Seconds of CPU for each datagram.
    cpu: f64,
}

/// Searches the rates by halves; the sample is that of the highest without loss.
pub(super) fn run(tool: &Tool, size: usize, runs: bool, most: u64) -> Fallible<Sample> {
    let (mut low, mut high) = (0, STEPS);
    let mut best: Option<(Try, bool)> = None;
    while low < high {
        let middle = u32::midpoint(low, high);
        let rate = LOWEST * STEP.powf(f64::from(middle));
        let outcome = match tool {
            Tool::Iperf3 => try_iperf3(size, rate, count(rate, most))?,
            _ => try_rate(tool, size, rate, runs, count(rate, most))?,
        };
        if outcome.lost > 0 {
            high = middle;
            continue;
        }
        low = middle + 1;
        let at_limit = outcome.rate < rate * MET;
        if best.as_ref().is_none_or(|(best, _)| best.rate < outcome.rate) {
            best = Some((outcome, at_limit));
        }
        if at_limit {
            break;
        }
    }
    let (best, at_limit) =
        best.ok_or_else(|| format!("it loses datagrams at {LOWEST}/s already"))?;
    Ok(Sample { at_limit, ..sample(best.rate, 1, best.cpu) })
}

fn try_rate(tool: &Tool, size: usize, rate: f64, runs: bool, count: u64) -> Fallible<Try> {
    let port = free_port()?;
    let mut receiver = tool.receiver(port)?;
    receiver.stdin(Stdio::null()).stdout(Stdio::null());
    let mut receiver = Process::start(receiver)?;
    Counters::wait_for_socket(port, &mut receiver)?;
    let before = receiver.cpu()?;
    let mut blaster = Blaster::new(port, size, runs)?;
    let rate = blaster.send(count, rate)?;
    let lost = Counters::wait_for_drops(port)?;
    let cpu = receiver.cpu()?.saturating_sub(before).as_secs_f64() / count as f64;
    Ok(Try { lost, rate, cpu })
}

/// iperf3 is its own sender, which asks the receiver what it lost.
fn try_iperf3(size: usize, rate: f64, count: u64) -> Fallible<Try> {
    let reserved = Reserved::new()?;
    let port = reserved.port;
    let mut server = Tool::Iperf3.receiver(port)?;
    server.stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Process::start(server)?;
    wait_for_listener(port, &mut server)?;
    let mut client = Tool::Iperf3.pacer(port, size, count, rate)?;
    client.stdin(Stdio::null()).stdout(Stdio::piped());
    let (said, _) = super::sending::listen_to(client)?;
    let cpu = server.wait()?.cpu.as_secs_f64();
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let sum = &said["end"]["sum"];
    let number = |name: &str| sum[name].as_f64().ok_or(format!("iperf3 told no {name}"));
    let (packets, lost) = (number("packets")?, number("lost_packets")?);
    let rate = packets / number("seconds")?;
    Ok(Try { lost: lost.max(0.0) as u64, rate, cpu: cpu / packets.max(1.0) })
}

fn count(rate: f64, most: u64) -> u64 {
    most.min((rate * SECONDS) as u64)
}
