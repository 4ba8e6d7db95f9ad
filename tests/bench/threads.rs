//! One loop and two.

use std::process::{Command, Stdio};

use crate::Fallible;
use crate::contest::{self, Case, Column, Entrant, Kind, Sample};
use crate::echo::{self, Server, Work};
use crate::ends::wait_for_listener;
use crate::limit;
use crate::load;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

const COLUMNS: [Column; 2] = [Column::more("/s", 0), Column::less("µs CPU each", 2)];

enum By {
    /// So many threads, as the option takes it.
    Threads(&'static str),
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    if knows_threads("echo") {
        outcomes.push(Outcome {
            intro: "Echo by one loop and by two, where the kernel puts them and the clients. The \
                    clients take a core of their own, so that a machine of two has no room for a \
                    second loop."
                .into(),
            columns: echo::COLUMNS.to_vec(),
            cases: [("64 B", 64, 200_000), ("16 KiB", 16_384, 50_000)]
                .map(|(name, size, count)| answer(plan, name, size, plan.count(count)))
                .into(),
        });
    } else {
        plan.skip("threads of echo: this wirecat has no echo --threads");
    }
    if knows_threads("tcp-serve") {
        let name = "discard, 50 senders, 1 KiB";
        let once = |by: &By| discard(plan, by);
        let case = contest::measure(plan, name, &entrants(), contest::no_proof, once);
        outcomes.push(Outcome {
            intro: "tcp-serve --discard of messages that 50 clients send at once.".into(),
            columns: COLUMNS.to_vec(),
            cases: vec![case],
        });
    } else {
        plan.skip("threads of tcp-serve: this wirecat has no tcp-serve --threads");
    }
    Ok(outcomes)
}

/// One thread is what two are compared with.
fn entrants() -> Vec<Entrant<By>> {
    vec![
        Entrant::new("wirecat --threads 2", Kind::Own, By::Threads("2")),
        Entrant::new("wirecat --threads 1", Kind::OtherWay, By::Threads("1")),
        Entrant::new("bare epoll", Kind::Limit, By::Limit),
    ]
}

fn answer(plan: &Plan, name: &str, size: usize, count: usize) -> Case {
    let work = Work { load: "ping-pong", clients: 50, size, count, cores: [None; 2] };
    let once = |by: &By| {
        let server = match by {
            By::Threads(number) => Server::Wirecat(Binary::own(), vec!["--threads", number]),
            By::Limit => Server::Limit,
        };
        echo::run(&server, &work)
    };
    let name = format!("echo to 50 clients, {name}");
    contest::measure(plan, &name, &entrants(), contest::no_proof, once)
}

fn knows_threads(command: &str) -> bool {
    let mut help: Command = Binary::own().command(&[command, "--help"]);
    let output = help.stdin(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--threads"))
}

fn discard(plan: &Plan, by: &By) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let (number, address) = (port.port.to_string(), format!("127.0.0.1:{}", port.port));
    let mut command = match by {
        By::Threads(threads) => {
            let serve = ["-q", "tcp-serve", "-n", "--discard", "--threads", threads, &address];
            Binary::own().command(&serve)
        }
        By::Limit => limit::command("discard", &[&number])?,
    };
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let count = plan.count(20_000);
    let args = [
        format!("port={number}"),
        "clients=50".to_owned(),
        "size=1024".to_owned(),
        format!("count={count}"),
    ];
    let found = load::apply("fan-in", &args, None)?;
    let cpu = process.stop()?.cpu.as_secs_f64();
    Ok(vec![found.number("rate")?, cpu * 1e6 / found.number("count")?].into())
}
