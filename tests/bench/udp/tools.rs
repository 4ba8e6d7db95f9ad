//! wirecat and its peers as senders and receivers of datagrams.
//!
//! All receivers get the buffer that wirecat asks for by itself, so that what differs is how they
//! read.

use std::process::Command;

use crate::Fallible;
use crate::contest::{Entrant, Kind};
use crate::limit;
use crate::plan::{Binary, Plan};

/// Bytes of receive buffer.
const BUFFER: &str = "4194304";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Wirecat(Binary),
    /// `--output none`: it counts, as iperf3 and sockperf do. The others write to /dev/null.
    WirecatCounts(Binary),
    Nc,
    Socat,
    Iperf3,
    Sockperf,
    Limit,
}

/// All that take part.
pub(super) fn entrants(plan: &Plan) -> Vec<Entrant<Tool>> {
    let counts = plan.entrants(Tool::WirecatCounts, vec![]).into_iter();
    let counts = counts.filter(|entrant| entrant.kind == Kind::Own);
    let counts = counts.map(|entrant| Entrant { name: "wirecat --output none".into(), ..entrant });
    let peer = |tool: Tool| (tool.program(), Entrant::new(tool.program(), Kind::Peer, tool));
    let others = vec![
        peer(Tool::Nc),
        peer(Tool::Socat),
        peer(Tool::Iperf3),
        peer(Tool::Sockperf),
        ("limit", Entrant::new("bare GSO, GRO", Kind::Limit, Tool::Limit)),
    ];
    plan.entrants(Tool::Wirecat, others).into_iter().chain(counts).collect()
}

impl Tool {
    fn program(&self) -> &'static str {
        match self {
            Self::Wirecat(_) | Self::WirecatCounts(_) => "wirecat",
            Self::Nc => "nc.openbsd",
            Self::Socat => "socat",
            Self::Iperf3 => "iperf3",
            Self::Sockperf => "sockperf",
            Self::Limit => "limit",
        }
    }

    /// Sends to a port what is on its stdin, in datagrams of this size; sockperf and iperf3 make
    /// up their own, `count` of them or for two seconds.
    pub(super) fn sender(&self, port: u16, size: usize, count: u64) -> Fallible<Command> {
        let (port, host) = (port.to_string(), "127.0.0.1");
        let to = format!("{host}:{port}");
        let mut command = match self {
            Self::Wirecat(binary) | Self::WirecatCounts(binary) => {
                let cut = format!("fixed:{size}");
                return Ok(binary.command(&["-q", "udp-send", &to, "--input", &cut]));
            }
            Self::Limit => {
                let (size, count) = (size.to_string(), count.to_string());
                return limit::command("send-datagrams", &[&port, &size, &count]);
            }
            other => Command::new(other.program()),
        };
        match self {
            Self::Wirecat(_) | Self::WirecatCounts(_) | Self::Limit => {}
            // What its reads give is a datagram: its stdin must keep boundaries.
            Self::Nc => drop(command.args(["-u", "-N", "-q0", host, &port])),
            Self::Socat => {
                command.args(["-u", &format!("-b{size}"), "STDIN", &format!("UDP:{to}")]);
            }
            Self::Iperf3 => {
                command.args(["-u", "-b0", "-J", "-c", host, "-p", &port]);
                command.args(["-l", &size.to_string(), "-k", &count.to_string()]);
            }
            Self::Sockperf => {
                command.args(["throughput", "-t1", "--dontwarmup", "-i", host, "-p", &port]);
                command.args(["-m", &size.to_string()]);
            }
        }
        Ok(command)
    }

    /// iperf3 as a sender with a rate, in datagrams a second.
    pub(super) fn pacer(&self, port: u16, size: usize, count: u64, rate: f64) -> Fallible<Command> {
        let mut command = self.sender(port, size, count)?;
        let bits = rate * size as f64 * 8.0;
        command.args(["-b", &format!("{bits:.0}"), "-w", BUFFER]);
        Ok(command)
    }

    /// Receives on a port.
    pub(super) fn receiver(&self, port: u16) -> Fallible<Command> {
        let (port, host) = (port.to_string(), "127.0.0.1");
        let at = format!("{host}:{port}");
        Ok(match self {
            Self::Wirecat(binary) => binary.command(&["-q", "udp-listen", "-n", &at]),
            Self::WirecatCounts(binary) => {
                binary.command(&["-q", "udp-listen", "-n", "--output", "none", &at])
            }
            Self::Limit => limit::command("receive-datagrams", &[&port])?,
            other => {
                let mut command = Command::new(other.program());
                match other {
                    Self::Socat => {
                        let from = format!("UDP-RECV:{port},bind={host},rcvbuf={BUFFER}");
                        command.args(["-u", "-b65536", &from, "STDOUT"])
                    }
                    Self::Iperf3 => command.args(["-s", "-1", "-B", host, "-p", &port]),
                    Self::Sockperf => command
                        .args(["server", "--dont-reply", "--buffer-size", BUFFER, "-i", host])
                        .args(["-p", &port]),
                    _ => command.args(["-u", "-l", "-d", "-I", BUFFER, host, &port]),
                };
                command
            }
        })
    }
}
