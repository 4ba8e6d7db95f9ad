//! All that the bench can do, by name.

use crate::Fallible;
use crate::plan::{Outcome, Plan};
use crate::{
    echo, exec, forward, growth, half_done, hub, idle, json, line, ping, soak, start_up, threads,
    tls, transfer, udp,
};

/// Something to measure.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// It is measured where no table is named.
    pub(crate) usual: bool,
    pub(crate) measure: fn(&Plan) -> Fallible<Vec<Outcome>>,
}

const fn table(
    name: &'static str,
    about: &'static str,
    measure: fn(&Plan) -> Fallible<Vec<Outcome>>,
) -> Table {
    Table { name, about, usual: true, measure }
}

pub(crate) const TABLES: [Table; 26] = [
    table("pipe-pipe", "a stream from a pipe over the network to a pipe", transfer::pipe_to_pipe),
    table("file-null", "a stream from a file to the null device", transfer::file_to_null),
    table("pipe-file", "a stream from a pipe to a file", transfer::pipe_to_file),
    table("tls", "a stream by TLS from a pipe to a pipe", tls::stream),
    table("tls-handshakes", "clients that connect, shake hands and close", tls::handshakes),
    table("forward", "a stream through a relay (--forward)", forward::measure),
    table("exec", "a stream through a command and back (--exec cat)", exec::measure),
    table("line", "lines to a pipe (--frame line), beside cat", line::measure),
    table("echo", "round trips of 50 clients and of one; connect, echo and close", echo::measure),
    table("threads", "echo and discard with --threads 1 and 2", threads::measure),
    table(
        "idle",
        "10 to 18,000 idle clients: memory, wake-ups, p99 of an active one",
        idle::measure,
    ),
    table(
        "half-done",
        "2,000 handshakes that are not done: memory, and good clients meanwhile",
        half_done::measure,
    ),
    table("hub", "lines of one client to 1,000 others; with one that is stuck", hub::measure),
    table("udp-send-1200", "sending datagrams of 1,200 bytes", udp::send_1200),
    table("udp-send-64", "sending datagrams of 64 bytes", udp::send_64),
    table("udp-receive-1200", "receiving them without loss", udp::receive_1200),
    table("udp-receive-64", "receiving them without loss", udp::receive_64),
    table("udp-receive-runs-1200", "the same of a sender with segmentation", udp::receive_runs),
    table("json", "messages as JSON events; fails below 300,000 a second", json::measure),
    table("ping", "round trips of echo --ping; the error of a known delay", ping::measure),
    table("growth-clients", "echo, as clients grow from 10 to 18,000", growth::clients),
    table("growth-frames", "--frame u32, as frames grow from 16 B to 1 MiB", growth::frames),
    table("growth-bodies", "--forward, as bodies grow from 1 KiB to 200 MB", growth::bodies),
    table("growth-chunks", "chunks of 1 KiB to 1 MiB, spliced and copied", growth::chunks),
    table("start-up", "the start, beside true; fails above 3 ms", start_up::measure),
    Table {
        usual: false,
        ..table(
            "soak",
            "all that clients do, for minutes; fails where anything is lost or grows",
            soak::measure,
        )
    },
];

/// Tables that begin alike, or belong together.
pub(crate) const GROUPS: [(&str, &str); 6] = [
    ("streams", "pipe-pipe, file-null and pipe-file"),
    ("udp", "all tables of datagrams"),
    ("udp-send", "both tables of sending them"),
    ("udp-receive", "all tables of receiving them"),
    ("growth", "all tables of how cost grows, and threads"),
    ("readme", "the tables of README.md as they stand there; --write puts them there"),
];

/// What takes part in tables.
pub(crate) const TOOLS: [(&str, &str); 9] = [
    ("wirecat", "the wirecat that cargo has just built"),
    ("nc.openbsd", "the netcat of OpenBSD"),
    ("ncat", "the netcat of Nmap"),
    ("socat", "socat, with its own block size and with 256 KiB"),
    ("iperf3", "iperf3, for datagrams"),
    ("sockperf", "sockperf, for datagrams and round trips"),
    ("cat", "cat, for lines"),
    ("openssl", "openssl s_server, for TLS handshakes"),
    ("limit", "the bare loops of system calls"),
];

impl Table {
    /// Whether a name of the command line means it.
    pub(crate) fn goes_by(&self, word: &str) -> bool {
        match word {
            "streams" => ["pipe-pipe", "file-null", "pipe-file"].contains(&self.name),
            "growth" => self.name.starts_with("growth-") || self.name == "threads",
            "udp" | "udp-send" | "udp-receive" => self.name.starts_with(word),
            _ => self.name == word,
        }
    }
}
