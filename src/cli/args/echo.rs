//! The options of `echo`, with the words of `--help`.

use std::time::Duration;

use clap::Args;

use super::common::{FamilyArgs, ReportArgs, RunArgs, take_hyphens};
use crate::framing::Framing;
use crate::protocol::values::{parse_count, parse_duration, parse_nonzero_size, parse_percent};

/// `echo`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
pub struct EchoArgs {
    /// Where to listen [default: 0, a free port on loopback]; with --ping, whom to probe
    #[arg(value_name = "ADDR")]
    pub addresses: Vec<String>,
    /// Streams only
    #[arg(long, conflicts_with = "udp", help_heading = "Sockets")]
    pub tcp: bool,
    /// Datagrams only; with --ping, probes are datagrams
    #[arg(long, help_heading = "Sockets")]
    pub udp: bool,

    /// Hold each answer back for D
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Server")]
    pub delay: Option<Duration>,
    /// Do not answer PCT of the messages, chosen at random
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Server")]
    pub drop: Option<f64>,
    /// How messages are marked on the stream, as for tcp-serve [default: none; line where an
    /// option speaks of messages]
    #[arg(long, value_name = "FRAMING", help_heading = "Server")]
    pub frame: Option<Framing>,
    /// The largest message to take from a stream [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Server")]
    pub max_frame: Option<u64>,
    /// Put TEXT before each message
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Server")]
    pub prefix: Option<String>,
    /// The message W closes its connection, and is not answered
    #[arg(long, value_name = "W", help_heading = "Server")]
    pub quit_word: Option<String>,
    /// The message W ends the run with 0, and is not answered
    #[arg(long, value_name = "W", help_heading = "Server")]
    pub stop_word: Option<String>,
    /// End a connection that has no traffic for D
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Server")]
    pub idle_timeout: Option<Duration>,

    /// Probe an echo server: round trips, loss, duplicates, reordering, corruption
    #[arg(long, help_heading = "Probe")]
    pub ping: bool,
    /// From one probe to the next; 0 sends each when the last is answered [default: 1s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Probe")]
    pub interval: Option<Duration>,
    /// Bytes of a probe [default: 56]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Probe")]
    pub size: Option<u64>,
    /// Probe on N connections at once [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Probe")]
    pub conns: Option<u64>,
    /// More loss than PCT is exit status 1 [default: 0]
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Probe")]
    pub max_loss: Option<f64>,
    /// Give up an attempt to connect after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Probe")]
    pub connect_timeout: Option<Duration>,

    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}
