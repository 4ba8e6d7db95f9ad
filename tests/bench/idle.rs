//! Clients that are there and say nothing: what each costs, and what they cost the one that speaks.

use std::thread;
use std::time::Duration;

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::echo::Server;
use crate::growth::changes;
use crate::load::{self, Held};
use crate::peers::Reserved;
use crate::plan::{Outcome, Plan};
use crate::table::thousands;

const CLIENTS: [usize; 4] = [10, 1_000, 10_000, 18_000];
/// Fewer clients than this do not fill the pages that they are counted in.
const COUNTABLE: usize = 500;
/// How long nothing is done, to see whether the server sleeps.
const REST: Duration = Duration::from_secs(1);
const COLUMNS: [Column; 5] = [
    Column::less("B each", 0),
    Column::less("wake-ups/s", 0),
    Column::only("µs p50", 1),
    Column::less("µs p99", 1),
    Column::less("µs CPU each", 2),
];

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut cases = Vec::new();
    let mut numbers: Vec<usize> =
        CLIENTS.into_iter().map(|number| number.min(plan.clients)).collect();
    numbers.dedup();
    if plan.brief {
        numbers.drain(..numbers.len() - 1);
    }
    for clients in numbers {
        let others = vec![("limit", Entrant::new("bare epoll", Kind::Limit, Server::Limit))];
        let entrants = plan.entrants(|binary| Server::Wirecat(binary, vec![]), others);
        let name = format!("{} idle clients", thousands(clients as f64, 0));
        let once = |server: &Server| run(plan, server, clients);
        cases.push(contest::measure(plan, &name, &entrants, contest::no_proof, once));
    }
    let intro = format!(
        "Clients of an echo server that say nothing, and one beside them that does; resident memory, \
         and round trips of 64 B with both ends on one core.\n\n{}",
        changes(&cases, 3, "p99 of the one")
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

fn run(plan: &Plan, server: &Server, clients: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let process = server.start(port.port)?;
    process.pin(Some(0))?;
    // Whatever it gets once, it has after its first client.
    let count = plan.count(10_000);
    let args = |count: usize| {
        [
            format!("port={}", port.port),
            "clients=1".to_owned(),
            "size=64".to_owned(),
            format!("count={count}"),
        ]
    };
    load::apply("ping-pong", &args(100), Some(0))?;
    let empty = process.status("VmRSS")?;
    let held = Held::new(port.port, clients)?;
    // The last ones may wait for accept(2) still: who is answered has come after them.
    load::apply("ping-pong", &args(100), Some(0))?;
    let full = process.status("VmRSS")?;
    let before = process.status("voluntary_ctxt_switches")?;
    thread::sleep(REST);
    let awake = process.status("voluntary_ctxt_switches")? - before;
    let cpu = process.cpu()?;
    let found = load::apply("ping-pong", &args(count), Some(0))?;
    let cpu = process.cpu()?.saturating_sub(cpu).as_secs_f64() * 1e6 / count as f64;
    let each = full.saturating_sub(empty) as f64 * 1024.0 / clients as f64;
    let each = if clients < COUNTABLE { f64::NAN } else { each };
    // The server ends first, so that none of its clients is gone before.
    process.stop()?;
    drop(held);
    Ok(vec![each, awake as f64, found.number("p50")?, found.number("p99")?, cpu].into())
}
