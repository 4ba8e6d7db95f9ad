//! A relay in front of a server that answers each request with a body and closes, as HTTP does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use super::{size_name, steps};
use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::{Look, accept, connect, drain, feed_connection, join, wait_for_listener};
use crate::forward::socat;
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::tools::BLOCK;

const SIZES: [u64; 5] = [1 << 10, 16 << 10, 256 << 10, 4 << 20, 200_000_000];
const BODIES: usize = 1_000;
const REQUEST: &[u8] = b"GET /body HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n\r\n";
const COLUMNS: [Column; 3] =
    [Column::more("bodies/s", 1), Column::only("GB/s", 2), Column::less("µs CPU each", 1)];

enum Relay {
    Wirecat(Binary),
    Socat,
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut cases = Vec::new();
    for size in SIZES {
        let budget = usize::try_from(plan.part(4) / size)?;
        let count = plan.count(BODIES).min(budget).max(if plan.quick { 1 } else { 3 });
        let others = vec![
            ("socat", Entrant::new("socat,fork -b262144", Kind::Peer, Relay::Socat)),
            ("limit", Entrant::new("bare splice relay", Kind::Limit, Relay::Limit)),
        ];
        let entrants = plan.entrants(Relay::Wirecat, others);
        let name = format!("bodies of {}", size_name(size));
        let prove = |relay: &Relay| run(relay, size.min(PROOF), 2, Look::Whole).map(drop);
        let once = |relay: &Relay| run(relay, size, count, Look::Edges);
        cases.push(contest::measure(plan, &name, &entrants, prove, once));
    }
    let sizes = SIZES.map(|size| size as f64);
    let intro = format!(
        "Requests through a relay, one after the other, each of them a connection; CPU of the \
         relay.\n\n{}",
        steps(&cases, 2, &sizes, "CPU of a body")
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

/// The largest body of which each byte is looked at.
const PROOF: u64 = 4 << 20;

fn run(relay: &Relay, size: u64, count: usize, look: Look) -> Fallible<Sample> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = Reserved::new()?;
    let process = start(relay, port.port, upstream.local_addr()?.port(), count)?;
    let seconds = thread::scope(|scope| {
        let served = scope.spawn(|| (0..count).try_for_each(|_| serve(&upstream, size)));
        let started = Instant::now();
        for _ in 0..count {
            let client = connect(port.port)?;
            (&client).write_all(REQUEST)?;
            drain(&client, size, look)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        join(served)?;
        Fallible::Ok(seconds)
    })?;
    let cpu = match relay {
        Relay::Socat => {
            process.wait_for_children()?;
            process.stop()?.cpu
        }
        Relay::Wirecat(_) | Relay::Limit => process.wait()?.cpu,
    };
    let rate = count as f64 / seconds;
    let cpu = cpu.as_secs_f64() * 1e6 / count as f64;
    Ok(vec![rate, rate * size as f64 / 1e9, cpu].into())
}

fn start(relay: &Relay, port: u16, to: u16, count: usize) -> Fallible<Process> {
    let (at, target, count) =
        (format!("127.0.0.1:{port}"), format!("127.0.0.1:{to}"), count.to_string());
    let mut command: Command = match relay {
        Relay::Wirecat(binary) => {
            let serve = ["-q", "tcp-serve", "-n", "--conns", &count, "--forward", &target, &at];
            binary.command(&serve)
        }
        Relay::Socat => socat(BLOCK, port, ",fork", &format!("TCP:{target}")),
        Relay::Limit => limit::command("relay", &[&port.to_string(), &to.to_string(), &count])?,
    };
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port, &mut process)?;
    Ok(process)
}

/// Answers one request.
fn serve(listener: &TcpListener, size: u64) -> Fallible<()> {
    let client = accept(listener)?;
    let mut request = vec![0; REQUEST.len()];
    (&client).read_exact(&mut request)?;
    if request != REQUEST {
        return Err("another request than the one sent came".into());
    }
    feed_connection(&client, size)?;
    // The end of the client is the end of all.
    drain(&client, 0, Look::Whole)
}
