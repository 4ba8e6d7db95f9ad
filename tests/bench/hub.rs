//! Lines of one client to all others.

use std::process::{Command, Stdio};

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::wait_for_listener;
use crate::growth::changes;
use crate::limit;
use crate::load;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::table::thousands;

const CLIENTS: usize = 1_000;
const LINES: usize = 4_000;
const SIZE: usize = 200;
const COLUMNS: [Column; 3] =
    [Column::more("M deliveries/s", 2), Column::less("ns CPU each", 0), Column::less("MB peak", 1)];

#[derive(Clone, Debug)]
enum Server {
    Wirecat(Binary),
    /// It passes on what it reads, lines or not.
    Ncat,
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let clients = CLIENTS.min(plan.clients);
    let works = [("all listen", 0), ("one is stuck", 1)];
    let cases = works.map(|(name, stuck)| {
        let others = vec![
            ("ncat", Entrant::new("ncat --broker", Kind::Peer, Server::Ncat)),
            ("limit", Entrant::new("bare epoll, no framing", Kind::Limit, Server::Limit)),
        ];
        let entrants = plan.entrants(Server::Wirecat, others);
        let once = |server: &Server| run(plan, server, clients, stuck);
        contest::measure(
            plan,
            &format!("hub of {} clients, {name}", thousands(clients as f64, 0)),
            &entrants,
            contest::no_proof,
            once,
        )
    });
    let intro = format!(
        "Lines of {SIZE} B of one client to all others over loopback; the sender is 64 KiB before \
         the slowest at most; CPU and resident memory of the server.\n\n{}",
        changes(&cases, 0, "deliveries a second")
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: cases.into() }])
}

fn run(plan: &Plan, server: &Server, clients: usize, stuck: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let number = port.port.to_string();
    let mut command = match server {
        Server::Wirecat(binary) => {
            let serve = ["-q", "tcp-serve", "-n", "--hub", "--frame", "line", "--output", "none"];
            let mut command = binary.command(&serve);
            command.arg(format!("127.0.0.1:{number}"));
            command
        }
        Server::Ncat => {
            let mut command = Command::new("ncat");
            let most = (clients + 10).to_string();
            command.args(["-l", "--broker", "--max-conns", &most, "127.0.0.1", &number]);
            command
        }
        Server::Limit => limit::command("hub", &[&number])?,
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let lines = plan.count(LINES);
    // Its backlog is 10.
    let pause = if matches!(server, Server::Ncat) { 1_000 } else { 0 };
    let args = [
        format!("port={number}"),
        format!("pause={pause}"),
        format!("clients={clients}"),
        format!("size={SIZE}"),
        format!("count={lines}"),
        format!("stuck={stuck}"),
    ];
    let before = process.cpu()?;
    let found = load::apply("fan-out", &args, None)?;
    let cpu = process.cpu()?.saturating_sub(before).as_secs_f64();
    let peak = process.status("VmHWM")? as f64 * 1024.0 / 1e6;
    let count = found.number("count")?;
    process.stop()?;
    Ok(vec![found.number("rate")? / 1e6, cpu * 1e9 / count, peak].into())
}
