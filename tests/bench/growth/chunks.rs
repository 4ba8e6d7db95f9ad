//! Streams that come in small writes and in large ones, spliced and copied.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use super::{size_name, steps};
use crate::Fallible;
use crate::contest::{self, Entrant, Kind, Sample};
use crate::ends::{Look, accept, connect, drain, feed_in, join, wait_for_listener};
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::transfer::{COLUMNS, sample};

const SIZES: [usize; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// What small chunks move less of: a system call for each of them takes its time.
const CHUNKS: u64 = 400_000;

#[derive(Clone, Debug)]
enum Tool {
    Wirecat(Binary),
    /// Its stdout is O_APPEND, into which splice(2) does not write.
    Appending,
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let appending = Entrant::new("wirecat, O_APPEND", Kind::OtherWay, Tool::Appending);
    let bare = || ("limit", Entrant::new("bare splice", Kind::Limit, Tool::Limit));
    let entrants = plan.entrants(Tool::Wirecat, vec![("wirecat", appending), bare()]);
    let received = cases(plan, "net → null device", &entrants, receive);
    let entrants = plan.entrants(Tool::Wirecat, vec![bare()]);
    let sent = cases(plan, "pipe → net", &entrants, send);
    let outcomes = [
        (received, "Writes of the client to a server that writes to the null device"),
        (sent, "Writes into the pipe that is the stdin of a client"),
    ];
    let outcomes = outcomes.map(|(cases, what)| {
        // A byte costs the same, however large the writes are.
        let steps = steps(&cases, 1, &vec![1.0; cases.len()], "CPU of a byte");
        let intro = format!("{what}, from small to large; CPU of one side.\n\n{steps}");
        Outcome { intro, columns: COLUMNS.to_vec(), cases }
    });
    Ok(outcomes.into())
}

fn cases(
    plan: &Plan,
    work: &str,
    entrants: &[Entrant<Tool>],
    run: fn(&Tool, u64, usize) -> Fallible<Sample>,
) -> Vec<contest::Case> {
    let sizes = SIZES.into_iter();
    sizes
        .map(|chunk| {
            let size = plan.part(2).min(CHUNKS * chunk as u64);
            let name = format!("{work}, {}", size_name(chunk as u64));
            let once = |tool: &Tool| run(tool, size, chunk);
            contest::measure(plan, &name, entrants, contest::no_proof, once)
        })
        .collect()
}

fn receive(tool: &Tool, size: u64, chunk: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let number = port.port.to_string();
    let own = Binary::own();
    let mut command = match tool {
        Tool::Wirecat(binary) => binary.command(&["-q", "tcp-serve", "-1n"]),
        Tool::Appending => own.command(&["-q", "tcp-serve", "-1n"]),
        Tool::Limit => limit::command("receive-splice", &[])?,
    };
    command.arg(if matches!(tool, Tool::Limit) { number } else { format!("127.0.0.1:{number}") });
    let is_appending = matches!(tool, Tool::Appending);
    let null = OpenOptions::new().write(true).append(is_appending).open("/dev/null")?;
    command.stdin(Stdio::null()).stdout(null);
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let client = connect(port.port)?;
    client.set_nodelay(true)?;
    let started = Instant::now();
    feed_in(&client, size, chunk)?;
    client.shutdown(Shutdown::Write)?;
    let used = process.wait()?;
    Ok(sample(size, started.elapsed().as_secs_f64(), used.cpu.as_secs_f64()))
}

fn send(tool: &Tool, size: u64, chunk: usize) -> Fallible<Sample> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port().to_string();
    let own = Binary::own();
    let mut command = match tool {
        Tool::Limit => limit::command("send-splice", &[&port])?,
        Tool::Wirecat(binary) => {
            binary.command(&["-q", "tcp-connect", &format!("127.0.0.1:{port}")])
        }
        Tool::Appending => own.command(&["-q", "tcp-connect", &format!("127.0.0.1:{port}")]),
    };
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    let stdin = process.stdin().ok_or("no stdin")?;
    thread::scope(|scope| {
        let end = accept(&listener)?;
        let started = Instant::now();
        let fed = scope.spawn(move || feed_in(stdin, size, chunk));
        drain(&end, size, Look::Edges)?;
        let seconds = started.elapsed().as_secs_f64();
        join(fed)?;
        drop(end);
        Ok(sample(size, seconds, process.wait()?.cpu.as_secs_f64()))
    })
}
