//! Every command and option, with the words of `--help`, the man pages and the completions.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::datagram_args::{McastJoinArgs, McastSendArgs, UdpListenArgs, UdpSendArgs};
use crate::framing::{Framing, Input};
use crate::protocol::output::Output;
use crate::protocol::slow::Policy;
use crate::protocol::values::{parse_count, parse_duration, parse_nonzero_size};

const EXIT_STATUS: &str = "\
Exit status:
  0    done, and nothing was lost
  1    an expectation failed (--count, --reply, --max-loss)
  2    usage, a bad address, an option that cannot apply
  3    name resolution
  4    cannot connect
  5    cannot listen or join
  6    connection lost, input left unsent, bad frame
  7    local I/O: stdin, stdout, a file, a descriptor
  124  a timeout
  130, 143, 129  ended by SIGINT, SIGTERM, SIGHUP (SIGTERM of a server: 0)";

const EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                            a server on loopback
  echo hello | wirecat tcp-connect localhost:9000   a client of it
  wirecat tcp-serve --help                          all that a server can do";

const ADDRESSES: &str = "\
Addresses:
  HOST:PORT  [::1]:80   a name or address and a port or service name
  :8080                 all interfaces, or localhost to connect
  8080                  loopback only
  :0                    a free port, which is printed (servers)
  unix:/path  unix:@x   a unix socket, in the file system or abstract
  fd:3                  a socket that the parent process opened";

const VALUES: &str = "\
Values:
  D     500ms, 2s, 1m30s; a bare number is seconds
  SIZE  64k = 64KiB, 1M = 1MiB, 10MB = 10000000
  TEXT  with \\n \\r \\t \\0 \\xNN \\\\; @FILE reads a file as it is, @- reads stdin";

/// A netcat for people who script: stdin to the wire, the wire to stdout, events to stderr, and
/// an exit status that tells whether anything was lost
#[derive(Debug, Parser)]
#[command(name = "wirecat", version, disable_help_subcommand = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Options that may stand before the command as well.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect to a stream server: stdin to it, its answer to stdout
    #[command(name = "tcp-connect")]
    #[command(after_help = format!("{CONNECT_EXAMPLES}\n\n{ENDS}\n\n{ADDRESSES}\n\n{VALUES}"))]
    TcpConnect(Box<ConnectArgs>),
    /// Serve stream clients: stdin to all of them, all of them to stdout
    #[command(name = "tcp-serve")]
    #[command(mut_arg("wait", |wait| wait.help("Give up if no client has come after D")))]
    #[command(mut_arg("socket_option", |arg| arg.help(format!("{SOCKET_OPTIONS} backlog"))))]
    #[command(after_help = format!("{SERVE_EXAMPLES}\n\n{ENDS}\n\n{ADDRESSES}\n\n{VALUES}"))]
    TcpServe(Box<ServeArgs>),
    /// Send datagrams: each line of stdin is one
    #[command(name = "udp-send", after_help = format!("{UDP_SEND_EXAMPLES}\n\n{ADDRESSES}\n\n{VALUES}"))]
    UdpSend(Box<UdpSendArgs>),
    /// Hear datagrams of all peers: theirs to stdout, stdin back to them
    #[command(name = "udp-listen", after_help = format!("{UDP_LISTEN_EXAMPLES}\n\n{ADDRESSES}\n\n{VALUES}"))]
    UdpListen(Box<UdpListenArgs>),
    /// Join multicast groups: what is sent to them to stdout
    #[command(name = "mcast-join", after_help = format!("{MCAST_JOIN_EXAMPLES}\n\n{GROUPS}\n\n{VALUES}"))]
    McastJoin(Box<McastJoinArgs>),
    /// Send datagrams to multicast groups: each line of stdin is one
    #[command(name = "mcast-send", after_help = format!("{MCAST_SEND_EXAMPLES}\n\n{GROUPS}\n\n{VALUES}"))]
    McastSend(Box<McastSendArgs>),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a man page (try `wirecat man tcp-serve | man -l -`)
    Man {
        /// The command that the page is about [default: wirecat itself]
        command: Option<Page>,
    },
}

const CONNECT_EXAMPLES: &str = "\
Examples:
  echo ruok | wirecat tcp-connect localhost:2181   ask, and read to the end
  wirecat tcp-connect --wait 30s db:5432 < query   wait for the server first
  wirecat tcp-connect --frame line -c 1 :7000      one line as the answer
  wirecat tcp-connect unix:/run/app.sock           a unix socket";
const SERVE_EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                       talk to whoever connects
  wirecat tcp-serve -1 :9000 > file            receive one file from anywhere
  wirecat tcp-serve --hub --frame line :9000   a chat room for nc and telnet
  wirecat tcp-serve --reply @page.http 8080    a fixed answer to every client
  tail -f log | wirecat tcp-serve :9000        one log, many viewers";
const UDP_SEND_EXAMPLES: &str = "\
Examples:
  printf 'a\\nb\\n' | wirecat udp-send host:5000         two datagrams
  echo status | wirecat udp-send --reply=2s host:5000  ask, print the answers
  echo hello | wirecat udp-send --wait 30s host:5000   until somebody answers";
const UDP_LISTEN_EXAMPLES: &str = "\
Examples:
  wirecat udp-listen :5000                     print what anybody sends
  wirecat udp-listen -c 3 --output dump 5000   look at three datagrams
  wirecat udp-listen --stats --seq rtp :5004   loss and jitter of an RTP stream";
const MCAST_JOIN_EXAMPLES: &str = "\
Examples:
  wirecat mcast-join 239.1.2.3:5000%eth0          print what the group gets
  wirecat mcast-join --stats 239.1.2.3:5000       how much is lost?
  wirecat mcast-join --wait 5s 239.1.2.3:5000     does it arrive? if not, why?";
const MCAST_SEND_EXAMPLES: &str = "\
Examples:
  echo hello | wirecat mcast-send 239.1.2.3:5000%eth0
  wirecat mcast-send --test --rate 1000/s --duration 10s 239.1.2.3:5000";
const GROUPS: &str = "\
Groups:
  239.1.2.3:5000  [ff05::1]:5000   any source, on the interface of the route
  10.0.0.5@232.1.2.3:5000          from one source only
  GROUP:PORT%eth0                  an interface by name, index or address
  GROUP:PORT%all                   every multicast interface that is up
  239.1.2.3+8:5000                 eight groups, counting up";
const SOCKET_OPTIONS: &str = "\
Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout";
const ENDS: &str = "\
How it ends:
  The end of stdin is told to the peer (FIN), and what it still sends is read
  to its end. A server whose stdin is empty from the start tells nothing.
  The end of the peer is the end of the connection, once a stdin that is a pipe
  or a file has been sent to its end.";

/// How events are told
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Events")]
pub struct ReportArgs {
    /// Show connections and the summary too; -vv: every message too
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show only errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// The form of the events on stderr: text or json [default: text]
    #[arg(long, value_name = "FORM", hide_possible_values = true)]
    pub log: Option<LogForm>,
    /// When to colour the events: auto, always or never [default: auto]
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<When>,
    /// Put TEXT into every event
    #[arg(long, value_name = "TEXT")]
    pub tag: Option<String>,
}

/// What both stream commands take
#[derive(Args, Clone, Debug)]
pub struct StreamArgs {
    /// End the whole run after D, with exit status 124
    #[arg(short = 'w', long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub timeout: Option<Duration>,
    /// End a connection that has no traffic for D
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Option<Duration>,
    /// End a connection unless a whole message comes within D of the last one (with --frame)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub read_timeout: Option<Duration>,
    /// Keep trying to connect for D [default: 0, one attempt]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub wait: Option<Duration>,
    /// Stop after N messages received; fewer is exit status 1 (with --frame)
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Limits")]
    pub count: Option<u64>,

    /// Do as if there were no stdin: nothing is sent, and nothing half-closed
    #[arg(short, long, help_heading = "Input and output")]
    pub no_stdin: bool,
    /// How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]
    #[arg(long, value_name = "FORM", help_heading = "Input and output")]
    pub input: Option<Input>,
    /// Send lines without their LF (with --input line)
    #[arg(long, help_heading = "Input and output")]
    pub chomp: bool,
    /// How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    #[arg(long, value_name = "FORM", help_heading = "Input and output")]
    pub output: Option<Output>,
    /// Send CR LF for each LF
    #[arg(short = 'C', long, help_heading = "Input and output")]
    pub crlf: bool,

    /// How messages are marked on the stream: none, line, nul, netstring, u8, u16, u32, u16le,
    /// u32le, varint or fixed:N
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

    /// Set a socket option.
    #[arg(short = 'O', value_name = "KEY=VALUE", help = SOCKET_OPTIONS, help_heading = "Sockets")]
    pub socket_option: Vec<String>,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "v6", help_heading = "Sockets")]
    pub v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', help_heading = "Sockets")]
    pub v6: bool,
}

/// `tcp-connect`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
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
    /// Connect again when the connection is lost, and say what may be lost with it
    #[arg(long, help_heading = "Ends")]
    pub reconnect: bool,
    /// Connect from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<String>,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// `tcp-serve`
#[derive(Args, Clone, Debug)]
#[command(mut_args(take_hyphens))]
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

    /// How much may wait to be sent to one client [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Slow clients")]
    pub queue: Option<u64>,
    /// What to do with a client that drains nothing: kick, drop (messages) or block
    /// [default: block for one client, else kick]
    #[arg(long, value_name = "POLICY", help_heading = "Slow clients")]
    pub slow: Option<Policy>,
    /// How long a client with a full queue may drain nothing [default: 1s; 0 with --hub]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Slow clients")]
    pub slow_after: Option<Duration>,

    /// When ready, write the ports to FILE, one a line
    #[arg(long, value_name = "FILE", help_heading = "Scripting")]
    pub port_file: Option<PathBuf>,
    /// What both stream commands take.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Where a number belongs, `-5s` is a bad number and not an option `-5` in disguise.
fn take_hyphens(arg: Arg) -> Arg {
    let names = arg.get_value_names().unwrap_or_default();
    let is_number = names.iter().any(|name| ["D", "N", "SIZE"].contains(&name.as_str()));
    if is_number { arg.allow_hyphen_values(true) } else { arg }
}

/// The shells with completions
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// Elvish
    Elvish,
    /// Nushell
    Nushell,
}

/// The commands with a man page of their own
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// `wirecat-tcp-connect(1)`
    TcpConnect,
    /// `wirecat-tcp-serve(1)`
    TcpServe,
    /// `wirecat-udp-send(1)`
    UdpSend,
    /// `wirecat-udp-listen(1)`
    UdpListen,
    /// `wirecat-mcast-join(1)`
    McastJoin,
    /// `wirecat-mcast-send(1)`
    McastSend,
}

/// The form of the events
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Lines of words
    Text,
    /// One JSON object a line
    Json,
}

/// When something is done
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do when the peer has closed first
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnPeerClose {
    /// Go on sending to the end of stdin
    Continue,
    /// End at once
    Exit,
}
