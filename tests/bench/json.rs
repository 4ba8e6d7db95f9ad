//! How many messages a second become `data` events (`--output json`): one client floods a server
//! with messages of 64 bytes on the wire, and the events go to a pipe or to the null device.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::peers::Reserved;
use crate::process::Process;
use crate::statistics::median;
use crate::table::machine;
use crate::tools::wirecat;
use crate::transfer::wait_for_listener;

const MESSAGES: usize = 2_000_000;
/// A message with what marks it.
const SIZE: usize = 64;
/// Messages in one write of the client.
const BURST: usize = 1024;
/// What one core must do.
const LEAST: f64 = 300_000.0;

/// How messages are marked.
const FRAMINGS: [&str; 2] = ["line", "u32"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Pipe,
    Null,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    wall: Duration,
    cpu: Duration,
}

/// Prints the outcome; too slow is an error.
pub(crate) fn measure(rounds: usize) -> Fallible<()> {
    println!(
        "\n{MESSAGES} messages of {SIZE} B from one client as JSON events; medians of {rounds} \
         rounds; {}.\n\n\
         | framing | events to | messages/s | messages/s of CPU | ns of CPU each |\n\
         |---------|-----------|-----------:|------------------:|---------------:|",
        machine()
    );
    let mut slowest = f64::MAX;
    for framing in FRAMINGS {
        for to in [To::Pipe, To::Null] {
            let samples = (0..rounds).map(|_| run(framing, to)).collect::<Fallible<Vec<_>>>()?;
            let wall = median(samples.iter().map(|sample| sample.wall)).as_secs_f64();
            let cpu = median(samples.iter().map(|sample| sample.cpu)).as_secs_f64();
            let rate = |seconds: f64| MESSAGES as f64 / seconds;
            println!(
                "| {framing:<7} | {:<9} | {:>10.0} | {:>17.0} | {:>14.0} |",
                if to == To::Pipe { "a pipe" } else { "/dev/null" },
                rate(wall),
                rate(cpu),
                cpu * 1e9 / MESSAGES as f64,
            );
            slowest = slowest.min(rate(cpu));
        }
    }
    if slowest < LEAST {
        return Err(format!("{slowest:.0} messages a second are less than {LEAST:.0}").into());
    }
    Ok(())
}

fn run(framing: &str, to: To) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let address = format!("127.0.0.1:{}", port.port);
    let mut server =
        wirecat(&["-q", "tcp-serve", "-1n", "--frame", framing, "--output", "json", &address]);
    server.stdin(Stdio::null()).stdout(match to {
        To::Pipe => Stdio::piped(),
        To::Null => Stdio::null(),
    });
    let mut server = Process::start(server)?;
    wait_for_listener(port.port, &mut server)?;
    let counted = server.stdout().map(|stdout| thread::spawn(move || count_lines(stdout)));
    let burst = message(framing)?.repeat(BURST);
    let mut client = TcpStream::connect(&address)?;
    let started = Instant::now();
    for sent in (0..MESSAGES).step_by(BURST) {
        let bytes = SIZE * BURST.min(MESSAGES - sent);
        client.write_all(burst.get(..bytes).unwrap_or_default())?;
    }
    drop(client);
    let used = server.wait()?;
    let wall = started.elapsed();
    if let Some(counted) = counted {
        let lines = counted.join().map_err(|_| "the counting thread failed")?;
        // Beside them there are the events of the run and of the connection.
        if !(MESSAGES..MESSAGES + 20).contains(&lines) {
            return Err(format!("{lines} events of {MESSAGES} messages").into());
        }
    }
    Ok(Sample { wall, cpu: used.cpu })
}

/// One message as it is on the wire.
fn message(framing: &str) -> Fallible<Vec<u8>> {
    let text = |len| "abcdefgh".bytes().cycle().take(len);
    match framing {
        "line" => Ok(text(SIZE - 1).chain([b'\n']).collect()),
        "u32" => {
            Ok(u32::try_from(SIZE - 4)?.to_be_bytes().into_iter().chain(text(SIZE - 4)).collect())
        }
        other => Err(format!("no message is known for {other}").into()),
    }
}

fn count_lines(mut from: impl Read) -> usize {
    let mut chunk = vec![0; 128 * 1024];
    let mut lines = 0;
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        lines += memchr::memchr_iter(b'\n', chunk.get(..count).unwrap_or_default()).count();
    }
    lines
}
