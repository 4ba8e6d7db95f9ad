//! Hours of use in minutes: six servers and all that clients do to them at once, for a time.
//!
//! Clients connect, talk, half-close, reset, stall, send datagrams and chat. Each line that a server
//! acknowledges is accounted for; memory and descriptors do not grow; at the end every server has its
//! descriptors of the beginning and ends with 0.

mod clients;
mod judge;
mod servers;

use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::plan::{Outcome, Plan};
use clients::{Count, Place};
use servers::{Server, Usage};

/// How often the servers are looked at.
const PERIOD: Duration = Duration::from_millis(500);
/// How long anything may take, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prints the outcome; whatever is lost or grows is an error.
pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let time = plan.time;
    judge::prove_that_checks_can_fail()?;
    let directory = tempfile::tempdir()?;
    let mut servers = servers::start(directory.path())?;
    prove_that_descriptors_are_seen(&servers)?;
    let place = Place { ports: servers.iter().map(|server| server.port).collect() };
    let outcome = load(&servers, &place, time).and_then(|(counts, usages)| {
        report(&servers, &counts, &usages, time);
        let names = servers.iter().map(|server| server.name);
        names.zip(&usages).try_for_each(|(name, usages)| judge::check_flat(name, usages))?;
        counts.iter().try_for_each(Count::check)?;
        servers.iter().try_for_each(at_rest)?;
        servers.iter_mut().try_for_each(Server::stop)
    });
    outcome.map_err(|error| format!("soak: {error}{}", servers::quote(&servers)))?;
    Ok(vec![])
}

/// Runs the clients for this long, and looks at the servers meanwhile.
fn load(
    servers: &[Server],
    place: &Place,
    time: Duration,
) -> Fallible<(Vec<Count>, Vec<Vec<Usage>>)> {
    let until = Instant::now() + time;
    let mut usages = vec![Vec::new(); servers.len()];
    let counts = thread::scope(|scope| -> Fallible<Vec<Count>> {
        let clients: Vec<_> = clients::ALL
            .iter()
            .map(|(name, client)| (name, scope.spawn(move || client(place, until))))
            .collect();
        while Instant::now() < until && clients.iter().all(|(_, one)| !one.is_finished()) {
            thread::sleep(PERIOD);
            for (server, usages) in servers.iter().zip(&mut usages) {
                usages.push(server.usage()?);
            }
        }
        let mut counts = Vec::new();
        for (name, client) in clients {
            let outcome = client.join().map_err(|_| format!("{name} panicked"))?;
            counts.push(outcome.map_err(|error| format!("{name}: {error}"))?);
        }
        Ok(counts)
    })?;
    Ok((counts, usages))
}

/// Once all clients are gone a server has the descriptors that it began with.
fn at_rest(server: &Server) -> Fallible<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let open = server.usage()?.descriptors;
        if open == server.at_first.descriptors {
            return Ok(());
        }
        if Instant::now() > deadline {
            let first = server.at_first.descriptors;
            return Err(format!("{} has {open} descriptors open, not {first}", server.name).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A connection that is held shows in the count that [`at_rest`] judges by.
fn prove_that_descriptors_are_seen(servers: &[Server]) -> Fallible<()> {
    for server in servers.iter().filter(|server| server.is_stream) {
        let held = std::net::TcpStream::connect(("127.0.0.1", server.port))?;
        let deadline = Instant::now() + PATIENCE;
        while server.usage()?.descriptors == server.at_first.descriptors {
            if Instant::now() > deadline {
                return Err(format!("a connection to {} shows nowhere", server.name).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        drop(held);
        at_rest(server)?;
    }
    Ok(())
}

fn report(servers: &[Server], counts: &[Count], usages: &[Vec<Usage>], time: Duration) {
    println!("\nsoak of {} s:\n", time.as_secs());
    println!("| server | KiB at first | KiB at most | KiB at last | descriptors at most |");
    println!("|---|---:|---:|---:|---:|");
    for (server, usages) in servers.iter().zip(usages) {
        let most = |of: fn(&Usage) -> u64| usages.iter().map(of).max().unwrap_or_default();
        let last = usages.last().map_or(0, |usage| usage.resident);
        println!(
            "| {} | {} | {} | {last} | {} |",
            server.name,
            server.at_first.resident,
            most(|usage| usage.resident),
            most(|usage| usage.descriptors),
        );
    }
    println!("\n| client | connections | asked | acknowledged |");
    println!("|---|---:|---:|---:|");
    for Count { name, connections, asked, acknowledged } in counts {
        println!("| {name} | {connections} | {asked} | {acknowledged} |");
    }
}
