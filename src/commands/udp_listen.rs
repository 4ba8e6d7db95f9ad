//! `udp-listen`: datagrams to stdout, and stdin back to who sent them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::args::{FamilyArgs, InputArgs, ReplayArgs, ReportArgs, as_usize, parse_addresses};
use super::claims::{check_stdin_takers, texts_of_stdin};
use super::datagram::{ListenerArgs, UdpListenExtras, datagram_input, listen};
use super::launch::Launch;
use super::listening::ListenArgs;
use super::names::{Names, Side, of_access, query, to_listen_on};
use super::replay;
use super::rules::refuse;
use super::stream::program;
use crate::error::{Failure, Status};
use crate::framing::InputFraming;
use crate::kind::Kind;
use crate::report::Settings;
use crate::sessions::DataTo;
use crate::sessions::config::{InputSource, PeerCommand, To, UdpListen};
use crate::sessions::datagrams::{
    DatagramSession, InputTo, ListenService, ListenSocket, ListenSockets,
};
use crate::sockets::datagram::Opened;
use crate::sockets::{Address, Host, Purpose};
use crate::values::parse_count;

/// Commands that `--exec` runs at once: a datagram with a forged sender starts one.
const MOST_FLOWS: u64 = 64;
/// How long a peer and its command may be silent.
const IDLE_FLOW: Duration = Duration::from_secs(30);

/// `udp-listen`
#[derive(Args, Clone, Debug)]
pub struct UdpListenArgs {
    /// Where to listen
    #[arg(value_name = "ADDR", required = true)]
    pub addresses: Vec<OsString>,
    /// What both listeners take.
    #[command(flatten)]
    pub listener: ListenerArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where stdin goes: last, all, or an address [default: last]
    #[arg(long, value_name = "WHOM", help_heading = "Peers")]
    pub to: Option<String>,
    /// Listen only to the first peer
    #[arg(long, help_heading = "Peers")]
    pub first_peer: bool,
    /// Allow sending to broadcast addresses
    #[arg(long, help_heading = "Sockets")]
    pub broadcast: bool,
    /// Run CMD for each peer: it reads what the peer sends, and its lines go back as datagrams
    /// (--input says otherwise; WIRECAT_PEER, _LOCAL, _CONN)
    #[arg(long, value_name = "CMD", help_heading = "Peers")]
    pub exec: Option<String>,
    /// Run CMD by /bin/sh -c (with --exec)
    #[arg(long, requires = "exec", help_heading = "Peers")]
    pub sh: bool,
    /// Run at most N commands at once (with --exec) [default: 64]
    #[arg(long, value_name = "N", value_parser = parse_count, requires = "exec", help_heading = "Peers")]
    pub max_flows: Option<u64>,
    /// What a listener takes.
    #[command(flatten, next_help_heading = "Sockets")]
    pub listen: ListenArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Playing a recording.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `udp-listen`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
#[cold]
pub(super) fn config(args: &UdpListenArgs, report: Settings) -> Result<UdpListen, Failure> {
    let addresses = parse_addresses(&args.addresses)?;
    let to = match args.to.as_deref() {
        Some("last") | None => To::Last,
        Some("all") => To::All,
        Some(address) => To::Address(peer_address(address)?),
    };
    let typed = &args.input.source;
    let texts = typed.send.iter().chain(&args.listener.reply);
    check_stdin_takers(texts_of_stdin(texts) + usize::from(typed.reads_stdin()))?;
    let mut net = args.listener.run.net(args.family.family())?;
    args.listen.apply(&mut net);
    let source = datagram_input(&args.input)?;
    let replay = replay::datagrams(&args.replay)?;
    let exec =
        args.exec.as_deref().map(|command| peer_command(args, command, &source)).transpose()?;
    let is_read = replay.is_none() && exec.is_none();
    let source = if is_read { source } else { InputSource::Nothing };
    let more = UdpListenExtras { first_peer: args.first_peer, crlf: args.input.crlf, exec };
    let listen = listen(&args.listener, report, source, more)?;
    Ok(UdpListen { listen, to, net, addresses, broadcast: args.broadcast, replay })
}

/// What `--exec` asks for, and what goes with it.
fn peer_command(
    args: &UdpListenArgs,
    command: &str,
    source: &InputSource,
) -> Result<PeerCommand, Failure> {
    let (cut, chomp) = match source {
        InputSource::Messages { form, chomp } => (*form, *chomp),
        _ => (InputFraming::Line, false),
    };
    Ok(PeerCommand {
        program: program(command, args.sh)?,
        cut,
        chomp,
        most: as_usize(args.max_flows.unwrap_or(MOST_FLOWS)),
        idle: args.listener.silence.idle_timeout.unwrap_or(IDLE_FLOW),
    })
}

/// One address of a peer, given as `HOST:PORT`.
fn peer_address(text: &str) -> Result<Address, Failure> {
    match text.parse() {
        Ok(Address::Inet { port: 0, .. }) => {
            Err(refuse("--to", "port 0 cannot be sent to: name the port of the peer"))
        }
        Ok(Address::Inet { host, port }) if !matches!(host, Host::Any) => {
            Ok(Address::Inet { host, port })
        }
        // What has a port is meant as an address, and what is wrong with it is the answer.
        Err(error) if text.contains(':') => Err(refuse("--to", error.to_string())),
        _ => Err(refuse("--to", "use last, all, or an address such as 10.0.0.5:5000")),
    }
}

/// Looks up the names of `udp-listen`.
pub(super) fn look_up(launch: &mut Launch, config: &UdpListen) -> anyhow::Result<()> {
    let family = config.net.family;
    let to = match &config.to {
        To::Address(address) => query(address, family, Purpose::Connect),
        To::Last | To::All => None,
    };
    let access = of_access(&config.listen.access);
    let names = to_listen_on(&config.addresses, family).chain(to).chain(access);
    launch.look_up(&config.listen.common, Side::Server, names)
}

/// Opens the sockets of `udp-listen`.
pub(super) fn open(launch: &mut Launch, config: &UdpListen) -> Result<Vec<ListenSocket>, Failure> {
    let mut opened = Vec::new();
    for address in &config.addresses {
        opened.extend(launch.open_datagrams(address, &config.net)?);
    }
    let times = config.listen.stats || config.listen.max_loss.is_some();
    let add = |one: Opened| {
        if times {
            one.ask_for_times();
        }
        if config.broadcast {
            one.allow_broadcast()?;
        }
        let is_v6 = one.local.parse::<SocketAddr>().ok().map(|local| local.is_ipv6());
        Ok(ListenSocket { id: launch.add_datagrams(one)?, is_v6 })
    };
    opened.into_iter().map(add).collect()
}

#[cold]
pub(super) fn run(mut config: UdpListen) -> anyhow::Result<Status> {
    if let Some(replay) = config.replay.take() {
        return replay::listen(&config, &replay);
    }
    let mut launch = Launch::new(&config.listen.common)?;
    look_up(&mut launch, &config)?;
    launch.find_access(&mut config.listen.access)?;
    let sockets = open(&mut launch, &config)?;
    let to = input_to(&config, &launch.names, &sockets)?;
    let data = DataTo::stdout_if(config.listen.exec.is_none());
    let (console, input) = launch.streams(&config.listen.common, data)?;
    let sockets = ListenSockets { open: sockets, to, groups: None };
    let session = ListenService::session(config.listen, console, input, sockets);
    launch.serve(session, DatagramSession::start)
}

/// Who is sent what stdin holds. Of the addresses of a name that is the first one that a socket can send to.
fn input_to(
    config: &UdpListen,
    names: &Names,
    sockets: &[ListenSocket],
) -> Result<InputTo, Failure> {
    let address = match &config.to {
        To::Last => return Ok(InputTo::Last),
        To::All => return Ok(InputTo::All),
        To::Address(address) => address,
    };
    let all = names.addresses(address, config.net.family, Purpose::Connect)?;
    let by = |to: &SocketAddr| {
        let socket = sockets.iter().find(|socket| socket.is_v6 == Some(to.is_ipv6()))?;
        Some(InputTo::Address(socket.id, *to))
    };
    all.iter().find_map(by).ok_or_else(|| {
        let cause = "none of the sockets listened on is of its family";
        Failure::new(Status::Usage, Kind::Usage, "use", format!("--to {address}"), cause)
    })
}
