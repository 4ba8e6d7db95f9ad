//! The options of the datagram commands, with the words of `--help`.

use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use super::common::{FamilyArgs, InputArgs, ReplayArgs, ReportArgs, RunArgs, take_hyphens};
use crate::cli::rules::beside_replay;
use crate::protocol::access::parse_network;
use crate::protocol::command::Form;
use crate::protocol::pacer::Rate;
use crate::protocol::sequence_field::SequenceField;
use crate::protocol::values::{parse_duration, parse_nonzero_size, parse_percent};

/// What both senders take
#[derive(Args, Clone, Debug)]
pub struct SenderArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Send each message N times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Sending")]
    pub repeat: Option<u64>,
    /// Limit sending: 100/s is messages, 10MiB/s is bytes
    #[arg(long, value_name = "R", help_heading = "Sending")]
    pub rate: Option<Rate>,
    /// Show bytes, rate and time left on stderr, where it is a terminal
    #[arg(long, help_heading = "Events")]
    pub progress: bool,
    /// Print answers until D passes without one [default: 1s]; none is exit status 1
    #[arg(long, value_name = "D", value_parser = parse_duration, num_args = 0..=1, require_equals = true, default_missing_value = "1s", help_heading = "Answers")]
    pub reply: Option<Duration>,
    /// Send from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<String>,
}

/// What both listeners take
#[derive(Args, Clone, Debug)]
pub struct ListenerArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// End when nothing has come for D: 0 if a message came before, else 1
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Option<Duration>,
    /// Answer each message with TEXT
    #[arg(long, value_name = "TEXT", help_heading = "Peers")]
    pub reply: Option<String>,
    /// Listen only to these networks; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Peers")]
    pub allow: Vec<IpNet>,
    /// Do not listen to these networks, whatever is allowed; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Peers")]
    pub deny: Vec<IpNet>,
    /// Tell per source: messages, rate, loss, duplicates, reordering, jitter, latency
    #[arg(long, help_heading = "Statistics")]
    pub stats: bool,
    /// Tell the statistics of each D as well (with --stats)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Statistics")]
    pub interval: Option<Duration>,
    /// Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]
    #[arg(long, value_name = "FIELD", help_heading = "Statistics")]
    pub seq: Option<SequenceField>,
    /// More loss than PCT at the end is exit status 1
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Statistics")]
    pub max_loss: Option<f64>,
}

/// `udp-send`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
pub struct UdpSendArgs {
    /// Where to send to
    #[arg(value_name = "ADDR", required = true)]
    pub addresses: Vec<String>,
    /// What both senders take.
    #[command(flatten)]
    pub sender: SenderArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Allow broadcast addresses
    #[arg(long, help_heading = "Sockets")]
    pub broadcast: bool,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `udp-listen`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens), mut_args(beside_replay))]
pub struct UdpListenArgs {
    /// Where to listen
    #[arg(value_name = "ADDR", required = true)]
    pub addresses: Vec<String>,
    /// What both listeners take.
    #[command(flatten)]
    pub listener: ListenerArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Whom stdin goes to: last, all, or an address [default: last]
    #[arg(long, value_name = "WHOM", help_heading = "Peers")]
    pub to: Option<String>,
    /// Listen only to the first peer
    #[arg(long, help_heading = "Peers")]
    pub first_peer: bool,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Playing a recording.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `mcast-join`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
pub struct McastJoinArgs {
    /// Which groups to join
    #[arg(value_name = "GROUP", required = true)]
    pub groups: Vec<String>,
    /// What both listeners take.
    #[command(flatten)]
    pub listener: ListenerArgs,
    /// Leave and join all groups again, every D (reports, no leave)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Groups")]
    pub rejoin: Option<Duration>,
    /// Read from stdin what to do: commands or json [default: stdin is not read]
    #[arg(long, value_name = "FORM", help_heading = "Input and output")]
    pub input: Option<Form>,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `mcast-send`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
pub struct McastSendArgs {
    /// Which groups to send to
    #[arg(value_name = "GROUP", required = true)]
    pub groups: Vec<String>,
    /// What both senders take.
    #[command(flatten)]
    pub sender: SenderArgs,
    /// How many routers may pass it on [default: 1, none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..), help_heading = "Groups")]
    pub ttl: Option<u8>,
    /// Do not let this machine hear it
    #[arg(long, help_heading = "Groups")]
    pub no_loop: bool,
    /// Send probes with a sequence number and a time stamp, not stdin
    #[arg(long, help_heading = "Probes")]
    pub test: bool,
    /// Bytes of a probe [default: 100]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, requires = "test", help_heading = "Probes")]
    pub size: Option<u64>,
    /// How long to send probes
    #[arg(long, value_name = "D", value_parser = parse_duration, requires = "test", help_heading = "Probes")]
    pub duration: Option<Duration>,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}
