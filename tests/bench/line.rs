//! Lines of one client to a pipe, each of which the server looks for.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::{accept, aligned, arrived, connect, join, wait_for_listener};
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

/// Bytes of a line, its LF included.
const SIZES: [usize; 3] = [16, 64, 1024];
/// One write of the client.
const BURST: usize = 256 * 1024;
const COLUMNS: [Column; 3] =
    [Column::more("GB/s", 2), Column::less("s CPU/GB", 3), Column::only("M lines/s", 2)];

/// What brings the lines to its stdout.
#[derive(Clone, Debug)]
enum Tool {
    Wirecat(Binary),
    /// On the connection itself, and looks for no lines.
    Cat,
    /// The same with splice(2).
    Splice,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let size = plan.part(2);
    let sizes = SIZES.into_iter().filter(|size| !plan.brief || *size == 64);
    let cases = sizes.map(|line| {
        let others = vec![
            ("cat", Entrant::new("cat, no framing", Kind::Peer, Tool::Cat)),
            ("limit", Entrant::new("bare splice, no framing", Kind::Limit, Tool::Splice)),
        ];
        let name = format!("lines of {line} B");
        let entrants = plan.entrants(Tool::Wirecat, others);
        let once = |tool: &Tool| run(tool, line, size);
        contest::measure(plan, &name, &entrants, contest::no_proof, once)
    });
    let size = bytesize::ByteSize(size);
    let intro =
        format!("{size} of lines from one client over loopback to a pipe, CPU of the reader.");
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: cases.collect() }])
}

fn run(tool: &Tool, line: usize, size: u64) -> Fallible<Sample> {
    let mut text: Vec<u8> = (b'a'..=b'z').cycle().take(line).collect();
    if let Some(last) = text.last_mut() {
        *last = b'\n';
    }
    let burst = text.repeat(BURST / line);
    let rounds = size.div_ceil(burst.len() as u64);
    let whole = rounds * burst.len() as u64;
    let (mut process, client) = start(tool)?;
    let stdout = process.stdout().ok_or("no stdout")?;
    thread::scope(|scope| {
        let burst = &burst;
        let started = Instant::now();
        let drained = scope.spawn(move || drain(stdout, burst, whole));
        for _ in 0..rounds {
            (&client).write_all(burst)?;
        }
        client.shutdown(Shutdown::Write)?;
        join(drained)?;
        let seconds = started.elapsed().as_secs_f64();
        let cpu = process.wait()?.cpu.as_secs_f64();
        let (gigabytes, lines) = (whole as f64 / 1e9, whole as f64 / line as f64);
        Ok(vec![gigabytes / seconds, cpu / gigabytes, lines / seconds / 1e6].into())
    })
}

/// The tool, and the connection that it reads.
fn start(tool: &Tool) -> Fallible<(Process, TcpStream)> {
    if let Tool::Wirecat(binary) = tool {
        let port = Reserved::new()?;
        let mut command = binary.command(&["-q", "tcp-serve", "-1n", "--frame", "line"]);
        command.arg(format!("127.0.0.1:{}", port.port));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(command)?;
        wait_for_listener(port.port, &mut process)?;
        return Ok((process, connect(port.port)?));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = connect(listener.local_addr()?.port())?;
    let mut command = match tool {
        Tool::Splice => limit::command("cat", &[])?,
        _ => Command::new("cat"),
    };
    let end = accept(&listener)?;
    command.stdin(OwnedFd::from(end)).stdout(Stdio::piped());
    Ok((Process::start(command)?, client))
}

/// Reads to the end; each byte must be that of the lines.
fn drain(mut from: impl std::io::Read, burst: &[u8], whole: u64) -> Fallible<()> {
    let doubled = burst.repeat(2);
    let mut memory = vec![0; burst.len().min(128 * 1024)];
    let chunk = aligned(&mut memory);
    let mut came = 0_u64;
    loop {
        let count = from.read(chunk)?;
        if count == 0 {
            break;
        }
        let at = usize::try_from(came % burst.len() as u64)?;
        if chunk.get(..count) != doubled.get(at..at + count) {
            return Err(format!("wrong bytes after {came}").into());
        }
        came += count as u64;
    }
    arrived(came, whole)
}
