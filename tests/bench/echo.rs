//! Round trips of clients that each wait for their answer, and clients that come and go.

use std::process::{Command, Stdio};

use crate::Fallible;
use crate::contest::{self, Case, Column, Entrant, Kind, Sample};
use crate::ends::wait_for_listener;
use crate::forward::socat;
use crate::limit;
use crate::load;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

pub(crate) const COLUMNS: [Column; 4] = [
    Column::more("/s", 0),
    Column::only("µs p50", 1),
    Column::less("µs p99", 1),
    Column::less("µs CPU each", 2),
];

/// An echo server.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    Wirecat(Binary, Vec<&'static str>),
    /// A process for each client.
    Socat,
    Ncat,
    Limit,
}

/// What the clients do, and where they and the server run.
pub(crate) struct Work {
    pub(crate) load: &'static str,
    pub(crate) clients: usize,
    pub(crate) size: usize,
    pub(crate) count: usize,
    /// The cores of the server and of the clients.
    pub(crate) cores: [Option<usize>; 2],
}

impl Server {
    pub(crate) fn start(&self, port: u16) -> Fallible<Process> {
        let number = port.to_string();
        let mut command = match self {
            Self::Wirecat(binary, more) => {
                let mut command = binary.command(&["-q", "echo", "--tcp"]);
                command.args(more).arg(format!("127.0.0.1:{port}"));
                command
            }
            Self::Socat => socat(8192, port, ",fork,backlog=128", "PIPE"),
            Self::Ncat => {
                let mut command = Command::new("ncat");
                command.args(["-lk", "--exec", "/bin/cat", "127.0.0.1", &number]);
                command
            }
            Self::Limit => limit::command("echo", &[&number])?,
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(command)?;
        wait_for_listener(port, &mut process)?;
        Ok(process)
    }
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let works = [
        ("echo to 50 clients, 64 B", "ping-pong", 50, 200_000, [Some(0), Some(1)]),
        // On two cores it is the kernel's wake-ups that count.
        ("echo to 1 client, both on one core", "ping-pong", 1, 50_000, [Some(0), Some(0)]),
        ("connect, echo, close", "churn", 16, 20_000, [Some(0), Some(1)]),
    ];
    let cases = works.map(|(name, load, clients, count, cores)| {
        let work = Work { load, clients, size: 64, count: plan.count(count), cores };
        contend(plan, name, &work)
    });
    let intro =
        "Echo of 64 B over loopback, server and clients on a core each unless the row says \
                 otherwise, CPU of the server."
            .to_owned();
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: cases.into() }])
}

fn contend(plan: &Plan, name: &str, work: &Work) -> Case {
    let others = vec![
        ("socat", Entrant::new("socat,fork PIPE", Kind::Peer, Server::Socat)),
        ("ncat", Entrant::new("ncat -k --exec cat", Kind::Peer, Server::Ncat)),
        ("limit", Entrant::new("bare epoll", Kind::Limit, Server::Limit)),
    ];
    let mut entrants = plan.entrants(|binary| Server::Wirecat(binary, vec![]), others);
    // It takes clients a dozen a second.
    entrants.retain(|entrant| work.load != "churn" || !matches!(entrant.what, Server::Ncat));
    contest::measure(plan, name, &entrants, contest::no_proof, |server| run(server, work))
}

/// Applies the load to a server of its own.
pub(crate) fn run(server: &Server, work: &Work) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let process = server.start(port.port)?;
    process.pin(work.cores[0])?;
    // What forks for each client is slow to serve many; a tenth shows as much.
    let is_forking = matches!(server, Server::Socat | Server::Ncat) && work.clients > 1;
    let count = if is_forking { work.count.div_ceil(10) } else { work.count };
    let args = [
        format!("port={}", port.port),
        format!("clients={}", work.clients),
        format!("size={}", work.size),
        format!("count={count}"),
    ];
    let before = process.cpu()?;
    let found = load::apply(work.load, &args, work.cores[1])?;
    if found.number("count")? != count as f64 {
        return Err(format!("not all of {count} were answered").into());
    }
    process.wait_for_children()?;
    // The children that it had count once they are reaped, which is at its end.
    let used = process.stop()?;
    let cpu = used.cpu.saturating_sub(before).as_secs_f64();
    let number = |key| found.number(key);
    Ok(vec![number("rate")?, number("p50")?, number("p99")?, cpu * 1e6 / count as f64].into())
}
