//! The options of `chat`, with the words of `--help`.

use std::time::Duration;

use clap::Args;

use super::common::{FamilyArgs, ReportArgs, RunArgs, take_hyphens};
use crate::framing::Framing;
use crate::protocol::chat::Nick;
use crate::protocol::values::{parse_count, parse_duration, parse_nonzero_size};

/// `chat`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
pub struct ChatArgs {
    /// The host to join, the address to host on, or a multicast group
    #[arg(value_name = "ADDR")]
    pub address: String,

    /// Take part as NAME [default: $USER]
    #[arg(long, value_name = "NAME", help_heading = "Chat")]
    pub nick: Option<Nick>,
    /// Show the time of each line
    #[arg(long, help_heading = "Chat")]
    pub time: bool,
    /// What is spoken with a host: line, or tinyproto as the Python library has it [default: line]
    #[arg(long, value_name = "FRAMING", help_heading = "Chat")]
    pub frame: Option<Framing>,
    /// Say TEXT in place of stdin; repeatable, one line each
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Chat")]
    pub send: Vec<String>,
    /// Only listen: do not read stdin
    #[arg(short, long, help_heading = "Chat")]
    pub no_stdin: bool,

    /// Host the room, and take part in it
    #[arg(long, help_heading = "Hosting")]
    pub host: bool,
    /// Only host the room (with --host)
    #[arg(long, help_heading = "Hosting")]
    pub headless: bool,
    /// Have at most N members at once; the rest wait (with --host)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Hosting")]
    pub max_clients: Option<u64>,
    /// How much may wait to be sent to one member (with --host) [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Hosting")]
    pub queue: Option<u64>,

    /// Connect again when the connection to the host is lost
    #[arg(long, help_heading = "Joining")]
    pub reconnect: bool,
    /// Give up an attempt to connect, over all addresses, after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Joining")]
    pub connect_timeout: Option<Duration>,
    /// Connect from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Joining")]
    pub bind: Option<String>,

    /// How far it may go: past N-1 routers (with a group) [default: 1]
    #[arg(long, value_name = "N", help_heading = "Meeting in a group")]
    pub ttl: Option<u8>,

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
