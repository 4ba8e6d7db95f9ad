//! The highest rate at which a tool loses nothing.

use std::process::Stdio;

use super::blaster::Blaster;
use super::kernel::{Counters, free_port};
use super::{COUNT, Sample, Tool};
use crate::Fallible;
use crate::process::Process;
use crate::transfer::wait_for_listener;

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
    sample: Sample,
}

/// Searches the rates by halves; the sample is that of the highest without loss.
pub(super) fn run(tool: Tool, size: usize, runs: bool) -> Fallible<Sample> {
    let (mut low, mut high) = (0, STEPS);
    let mut best: Option<Sample> = None;
    while low < high {
        let middle = u32::midpoint(low, high);
        let rate = LOWEST * STEP.powf(f64::from(middle));
        let outcome = match tool {
            Tool::Iperf3 => try_iperf3(size, rate)?,
            _ => try_rate(tool, size, rate, runs)?,
        };
        if outcome.lost > 0 {
            high = middle;
            continue;
        }
        low = middle + 1;
        let at_limit = outcome.sample.rate < rate * MET;
        if best.is_none_or(|best| best.rate < outcome.sample.rate) {
            best = Some(Sample { at_limit, ..outcome.sample });
        }
        if at_limit {
            break;
        }
    }
    best.ok_or_else(|| format!("it loses datagrams at {LOWEST}/s already").into())
}

fn try_rate(tool: Tool, size: usize, rate: f64, runs: bool) -> Fallible<Try> {
    let port = free_port()?;
    let mut receiver = tool.receiver(port);
    receiver.stdin(Stdio::null()).stdout(Stdio::null());
    let mut receiver = Process::start(receiver)?;
    Counters::wait_for_socket(port, &mut receiver)?;
    let before = receiver.cpu()?;
    let mut blaster = Blaster::new(port, size, runs)?;
    let count = count(rate);
    let rate = blaster.send(count, rate)?;
    let lost = Counters::wait_for_drops(port)?;
    let cpu = receiver.cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / count as f64;
    Ok(Try { lost, sample: Sample { rate, cpu, at_limit: false } })
}

/// iperf3 is its own sender, which asks the receiver what it lost.
fn try_iperf3(size: usize, rate: f64) -> Fallible<Try> {
    let port = free_port()?;
    let mut server = Tool::Iperf3.receiver(port);
    server.stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Process::start(server)?;
    wait_for_listener(port, &mut server)?;
    let mut client = Tool::Iperf3.pacer(port, size, count(rate), rate);
    client.stdin(Stdio::null()).stdout(Stdio::piped());
    let (said, _) = super::sending::listen_to(client)?;
    let cpu = server.wait()?.cpu.as_secs_f64();
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let sum = &said["end"]["sum"];
    let number = |name: &str| sum[name].as_f64().ok_or(format!("iperf3 told no {name}"));
    let (packets, lost) = (number("packets")?, number("lost_packets")?);
    let rate = packets / number("seconds")?;
    let sample = Sample { rate, cpu: cpu * 1e6 / packets.max(1.0), at_limit: false };
    Ok(Try { lost: lost.max(0.0) as u64, sample })
}

fn count(rate: f64) -> u64 {
    COUNT.min((rate * SECONDS) as u64)
}
