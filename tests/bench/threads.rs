//! One loop and two.

use std::process::Command;
use std::process::Stdio;

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::echo::{self, Server, Work};
use crate::ends::wait_for_listener;
use crate::load;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

const NUMBERS: [&str; 2] = ["1", "2"];

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    if !knows_threads("echo") {
        plan.skip("threads: this wirecat has no echo --threads");
        return Ok(vec![]);
    }
    let works =
        [("echo, 50 clients, 64 B", 64, 200_000), ("echo, 50 clients, 16 KiB", 16_384, 50_000)];
    let mut cases = Vec::new();
    for (name, size, count) in works {
        let count = plan.count(count);
        let work = Work { load: "ping-pong", clients: 50, size, count, cores: [None; 2] };
        let server = |number| Server::Wirecat(Binary::own(), vec!["--threads", number]);
        let once = |number: &&'static str| echo::run(&server(number), &work);
        cases.push(contest::measure(plan, name, &entrants(), contest::no_proof, once));
    }
    let mut outcomes = vec![Outcome {
        intro: "echo with one loop and with two, where the kernel puts them and the clients; the \
                clients take a core of their own, so that a machine of two has no room for a second \
                loop. The one thread is the one to compare with."
            .into(),
        columns: echo::COLUMNS.to_vec(),
        cases,
    }];
    if knows_threads("tcp-serve") {
        let name = "discard, 50 senders, 1 KiB";
        let case = contest::measure(plan, name, &entrants(), contest::no_proof, |number| {
            discard(plan, number)
        });
        outcomes.push(Outcome {
            intro: "tcp-serve --discard of messages that 50 clients send at once.".into(),
            columns: vec![Column::more("/s", 0), Column::less("µs CPU each", 2)],
            cases: vec![case],
        });
    } else {
        plan.skip("threads of tcp-serve: this wirecat has no tcp-serve --threads");
    }
    Ok(outcomes)
}

/// One thread is what two are compared with.
fn entrants() -> Vec<Entrant<&'static str>> {
    let [one, two] = NUMBERS;
    vec![
        Entrant::new("wirecat --threads 2", Kind::Own, two),
        Entrant::new("wirecat --threads 1", Kind::Peer, one),
    ]
}

fn knows_threads(command: &str) -> bool {
    let mut help: Command = Binary::own().command(&[command, "--help"]);
    let output = help.stdin(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--threads"))
}

fn discard(plan: &Plan, number: &str) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let mut command = Binary::own().command(&["-q", "tcp-serve", "-n", "--discard"]);
    command.args(["--conns", "50", "--threads", number, &format!("127.0.0.1:{}", port.port)]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let count = plan.count(20_000);
    let args = [
        format!("port={}", port.port),
        "clients=50".to_owned(),
        "size=1024".to_owned(),
        format!("count={count}"),
    ];
    let found = load::apply("fan-in", &args, None)?;
    let cpu = process.wait()?.cpu.as_secs_f64();
    Ok(vec![found.number("rate")?, cpu * 1e6 / found.number("count")?].into())
}
