//! One stream through a relay: a client sends, an upstream reads, and the relay is between them.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::Fallible;
use crate::contest::{self, Entrant, Kind, Sample};
use crate::ends::{Look, accept, connect, drain, feed_connection, join, wait_for_listener};
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::tools::BLOCK;
use crate::transfer::{COLUMNS, PROOF, sample};

/// A relay of one connection.
#[derive(Clone, Debug)]
pub(crate) enum Relay {
    Wirecat(Binary),
    Socat { block: u32 },
    Limit,
}

impl Relay {
    fn command(&self, port: u16, to: u16) -> Fallible<Command> {
        let to_address = format!("127.0.0.1:{to}");
        Ok(match self {
            Self::Wirecat(binary) => {
                let mut command = binary.command(&["-q", "tcp-serve", "-1n", "--forward"]);
                command.args([to_address, format!("127.0.0.1:{port}")]);
                command
            }
            Self::Socat { block } => socat(*block, port, "", &format!("TCP:{to_address}")),
            Self::Limit => limit::command("relay", &[&port.to_string(), &to.to_string(), "1"])?,
        })
    }
}

/// socat between the clients of a port and something else. One direction may end long before the
/// other, which it would cut off after half a second (-t).
pub(crate) fn socat(block: u32, port: u16, more: &str, to: &str) -> Command {
    let mut command = Command::new("socat");
    command.args([format!("-b{block}"), "-t60".to_owned()]);
    command.args([&format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr{more}"), to]);
    command
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let others = vec![
        ("socat", Entrant::new("socat", Kind::Peer, Relay::Socat { block: 8192 })),
        ("socat", Entrant::new("socat -b262144", Kind::Peer, Relay::Socat { block: BLOCK })),
        ("limit", Entrant::new("bare splice relay", Kind::Limit, Relay::Limit)),
    ];
    let case = contest::measure(
        plan,
        "net → relay → net",
        &plan.entrants(Relay::Wirecat, others),
        |relay| run(relay, PROOF, Look::Whole).map(drop),
        |relay| run(relay, plan.size, Look::Edges),
    );
    let size = bytesize::ByteSize(plan.size);
    let intro = format!("{size} from one client to one upstream over loopback, CPU of the relay.");
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: vec![case] }])
}

fn run(relay: &Relay, size: u64, look: Look) -> Fallible<Sample> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = Reserved::new()?;
    let mut command = relay.command(port.port, upstream.local_addr()?.port())?;
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let client = connect(port.port)?;
    thread::scope(|scope| {
        let started = Instant::now();
        let drained = scope.spawn(|| accept(&upstream).and_then(|end| drain(end, size, look)));
        feed_connection(&client, size)?;
        join(drained)?;
        let seconds = started.elapsed().as_secs_f64();
        // The upstream has ended, so that the relay closes the client, and then ends.
        drain(&client, 0, look)?;
        Ok(sample(size, seconds, process.wait()?.cpu.as_secs_f64()))
    })
}
