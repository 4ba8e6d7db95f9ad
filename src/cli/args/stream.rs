//! The options of the stream commands, with the words of `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::common::{FamilyArgs, InputArgs, ReplayArgs, ReportArgs, RunArgs, take_hyphens};
use crate::cli::rules::beside_replay;
use crate::framing::Framing;
use crate::protocol::access::parse_network;
use crate::protocol::pacer::Rate;
use crate::protocol::slow::Policy;
use crate::protocol::values::{parse_count, parse_duration, parse_nonzero_size};

/// What both stream commands take
#[derive(Args, Clone, Debug)]
pub struct StreamArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// End a connection that has no traffic for D
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Option<Duration>,
    /// End a connection unless a whole message comes within D of the last one (with --frame)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub read_timeout: Option<Duration>,

    /// Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)
    #[arg(long, value_name = "R", help_heading = "Input and output")]
    pub rate: Option<Rate>,
    /// Show bytes, rate and time left on stderr, where it is a terminal
    #[arg(long, help_heading = "Events")]
    pub progress: bool,
    /// Send CR LF for each LF
    #[arg(short = 'C', long, help_heading = "Input and output")]
    pub crlf: bool,

    /// How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le,
    /// u32le, varint, fixed:N, obj (Python objects as JSON) or tinyproto
    #[arg(long, value_name = "FRAMING", default_value_t = Framing::None, help_heading = "Messages")]
    pub frame: Framing,
    /// The largest message to send or take [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Messages")]
    pub max_frame: Option<u64>,
    /// Keep the CR before the LF of a line (with --frame line)
    #[arg(long, help_heading = "Messages")]
    pub keep_cr: bool,

    /// End a connection D after stdin has ended and is sent, whatever the peer does
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Ends")]
    pub quit_after: Option<Duration>,
    /// Do not tell the peer that stdin has ended
    #[arg(long, help_heading = "Ends")]
    pub keep_open: bool,
    /// When the peer has closed before the end of stdin: continue to send it, or exit
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "continue",
        hide_possible_values = true,
        help_heading = "Ends"
    )]
    pub on_peer_close: OnPeerClose,

    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
}

/// `tcp-connect`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens), mut_args(beside_replay))]
pub struct ConnectArgs {
    /// Where to connect to (see Addresses)
    #[arg(value_name = "ADDR")]
    pub address: String,
    /// What both stream commands take.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Give up an attempt to connect, over all addresses, after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub connect_timeout: Option<Duration>,
    /// Only see whether a connection can be made: nothing is sent or received
    #[arg(short = 'z', long, help_heading = "Ends")]
    pub probe: bool,
    /// Take a connection for one when it has stood for D [default: 0; 100ms with -z and --wait]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub settle: Option<Duration>,
    /// Connect again when the connection is lost, and say what may be lost with it
    #[arg(long, help_heading = "Ends")]
    pub reconnect: bool,
    /// Connect from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<String>,
    /// Run CMD with the connection as its stdin and stdout; its status is ours
    #[arg(long, value_name = "CMD", help_heading = "Input and output")]
    pub exec: Option<String>,
    /// Run CMD by /bin/sh -c (with --exec)
    #[arg(long, requires = "exec", help_heading = "Input and output")]
    pub sh: bool,
    /// Playing a recording.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `tcp-serve`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens), mut_args(beside_replay))]
pub struct ServeArgs {
    /// Where to listen (see Addresses)
    #[arg(value_name = "ADDR", required = true)]
    pub addresses: Vec<String>,

    /// Answer TEXT: on accept, or to each message with --frame
    #[arg(long, value_name = "TEXT", group = "handler", help_heading = "Handlers (at most one)")]
    pub reply: Option<String>,
    /// Pass each client's messages to all others and to stdout
    #[arg(long, group = "handler", help_heading = "Handlers (at most one)")]
    pub hub: bool,
    /// Throw away what clients send
    #[arg(long, group = "handler", help_heading = "Handlers (at most one)")]
    pub discard: bool,
    /// Save what clients send, one file a connection
    #[arg(long, value_name = "DIR", group = "handler", help_heading = "Handlers (at most one)")]
    pub save: Option<PathBuf>,
    /// Relay each connection to ADDR
    #[arg(long, value_name = "ADDR", group = "handler", help_heading = "Handlers (at most one)")]
    pub forward: Option<String>,
    /// Run CMD for each connection, which is its stdin and stdout (WIRECAT_PEER, _LOCAL, _CONN)
    #[arg(long, value_name = "CMD", group = "handler", help_heading = "Handlers (at most one)")]
    pub exec: Option<String>,
    /// Run CMD by /bin/sh -c (with --exec)
    #[arg(long, requires = "exec", help_heading = "Handlers (at most one)")]
    pub sh: bool,
    /// Give up an attempt to connect to ADDR after D (with --forward) [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub connect_timeout: Option<Duration>,

    /// Serve one connection, then end
    #[arg(short = '1', long, conflicts_with = "conns", help_heading = "Clients")]
    pub once: bool,
    /// Serve N connections in all, then end
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Clients")]
    pub conns: Option<u64>,
    /// Serve at most N clients at once; the rest wait
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Clients")]
    pub max_clients: Option<u64>,
    /// Send each client TEXT first
    #[arg(long, value_name = "TEXT", help_heading = "Clients")]
    pub greet: Option<String>,
    /// Let in only clients of these networks; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Clients")]
    pub allow: Vec<IpNet>,
    /// Do not let in clients of these networks, whatever is allowed; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Clients")]
    pub deny: Vec<IpNet>,

    /// How much may wait to be sent to one client [default: 1MiB; 256KiB with --forward and --exec]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Slow clients")]
    pub queue: Option<u64>,
    /// What to do with a client that drains nothing: kick, drop (messages) or block
    /// [default: block for one client, else kick]
    #[arg(long, value_name = "POLICY", help_heading = "Slow clients")]
    pub slow: Option<Policy>,
    /// How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Slow clients")]
    pub slow_after: Option<Duration>,

    /// What both stream commands take.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Playing a recording.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// What to do when the peer has closed first
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnPeerClose {
    /// Go on sending to the end of stdin
    Continue,
    /// End at once
    Exit,
}
