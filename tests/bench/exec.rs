//! One stream to cat(1) behind a server, and back.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::Fallible;
use crate::contest::{self, Entrant, Kind, Sample};
use crate::ends::{Look, connect, drain, feed_connection, join, wait_for_listener};
use crate::forward::socat;
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::transfer::{COLUMNS, PROOF, sample};

/// A server that gives its client to cat.
#[derive(Clone, Debug)]
enum Server {
    Wirecat(Binary),
    /// With blocks of a size. Its EXEC is a socketpair, which is ready to be written to where it has
    /// room for 128 KiB; one of `pipes`, and ncat, write more than there is room for while cat waits
    /// for them to read, and wait for ever.
    Socat(u32),
    Limit,
}

impl Server {
    fn command(&self, port: u16) -> Fallible<Command> {
        let number = port.to_string();
        Ok(match self {
            Self::Wirecat(binary) => {
                let serve = ["-q", "tcp-serve", "-1n", "--exec", "cat"];
                let mut command = binary.command(&serve);
                command.arg(format!("127.0.0.1:{port}"));
                command
            }
            Self::Socat(block) => socat(*block, port, "", "EXEC:cat"),
            Self::Limit => limit::command("exec", &[&number])?,
        })
    }
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let socat = |name: &str, block| ("socat", Entrant::new(name, Kind::Peer, Server::Socat(block)));
    let others = vec![
        socat("socat EXEC", 8192),
        socat("socat EXEC -b65536", 65_536),
        ("limit", Entrant::new("bare splice", Kind::Limit, Server::Limit)),
    ];
    let half = plan.part(2);
    let case = contest::measure(
        plan,
        "net → cat → net",
        &plan.entrants(Server::Wirecat, others),
        |server| run(server, PROOF, Look::Whole).map(drop),
        |server| run(server, half, Look::Edges),
    );
    let size = bytesize::ByteSize(half);
    let intro = format!("{size} to cat and back over loopback, CPU of the server and of cat.");
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: vec![case] }])
}

fn run(server: &Server, size: u64, look: Look) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let mut command = server.command(port.port)?;
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let client = connect(port.port)?;
    thread::scope(|scope| {
        let started = Instant::now();
        let drained = scope.spawn(|| drain(&client, size, look));
        feed_connection(&client, size)?;
        join(drained)?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(sample(size, seconds, process.wait()?.cpu.as_secs_f64()))
    })
}
