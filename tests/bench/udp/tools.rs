//! wirecat and its peers as senders and receivers of datagrams.
//!
//! All receivers get the buffer that wirecat asks for by itself, so that what differs is how they
//! read.

use std::process::Command;

use crate::peers::installed;
use crate::tools::wirecat;

/// Bytes of receive buffer.
const BUFFER: &str = "4194304";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Wirecat,
    /// `--output none`: it counts, as iperf3 and sockperf do. The others write to /dev/null.
    WirecatCounts,
    Nc,
    Socat,
    Iperf3,
    Sockperf,
}

impl Tool {
    pub(crate) const ALL: [Self; 6] =
        [Self::Wirecat, Self::WirecatCounts, Self::Nc, Self::Socat, Self::Iperf3, Self::Sockperf];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WirecatCounts => "wirecat --output none",
            Self::Wirecat => "wirecat",
            other => other.program(),
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Wirecat | Self::WirecatCounts => "wirecat",
            Self::Nc => "nc.openbsd",
            Self::Socat => "socat",
            Self::Iperf3 => "iperf3",
            Self::Sockperf => "sockperf",
        }
    }

    pub(crate) fn is_wirecat(self) -> bool {
        matches!(self, Self::Wirecat | Self::WirecatCounts)
    }

    pub(crate) fn is_installed(self) -> bool {
        self.is_wirecat() || installed(self.program())
    }

    /// Sends to a port what is on its stdin, in datagrams of this size; sockperf and iperf3 make
    /// up their own, `count` of them or for two seconds.
    pub(crate) fn sender(self, port: u16, size: usize, count: u64) -> Command {
        let (port, host) = (port.to_string(), "127.0.0.1");
        let to = format!("{host}:{port}");
        let mut command = match self {
            Self::Wirecat | Self::WirecatCounts => {
                return wirecat(&["-q", "udp-send", &to, "--input", &format!("fixed:{size}")]);
            }
            other => Command::new(other.program()),
        };
        match self {
            Self::Wirecat | Self::WirecatCounts => {}
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
        command
    }

    /// iperf3 as a sender with a rate, in datagrams a second.
    pub(crate) fn pacer(self, port: u16, size: usize, count: u64, rate: f64) -> Command {
        let mut command = self.sender(port, size, count);
        let bits = rate * size as f64 * 8.0;
        command.args(["-b", &format!("{bits:.0}"), "-w", BUFFER]);
        command
    }

    /// Receives on a port.
    pub(crate) fn receiver(self, port: u16) -> Command {
        let (port, host) = (port.to_string(), "127.0.0.1");
        let at = format!("{host}:{port}");
        match self {
            Self::Wirecat => wirecat(&["-q", "udp-listen", "-n", &at]),
            Self::WirecatCounts => wirecat(&["-q", "udp-listen", "-n", "--output", "none", &at]),
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
        }
    }
}
