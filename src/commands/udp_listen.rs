//! `udp-listen`: datagrams to stdout, and stdin back to who sent them.

use std::net::SocketAddr;

use clap::Args;

use super::args::{
    FamilyArgs, InputArgs, ReplayArgs, ReportArgs, check_stdin_takers, family_of, net,
    take_hyphens, takes_stdin,
};
use super::datagram::{ListenerArgs, PeerSelection, datagram_input, listen, parse_all};
use super::launch::Launch;
use super::replay;
use super::rules::{ONE_PURPOSE, beside_replay, refuse};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::report::Settings;
use crate::sessions::config::{InputSource, To, UdpListen};
use crate::sessions::datagrams::{ListenSession, ListenSocket};
use crate::sockets::datagram::{self, Opened};
use crate::sockets::{Address, Family, Host, Purpose, UnixGuard, resolve};

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

/// The configuration of `udp-listen`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub(super) fn config(args: &UdpListenArgs, report: Settings) -> Result<UdpListen, Failure> {
    let addresses = parse_all(&args.addresses)?;
    let to = match args.to.as_deref() {
        Some("last") | None => To::Last,
        Some("all") => To::All,
        Some(address) => To::Address(peer_address(address, family_of(&args.family))?),
    };
    let typed = &args.input;
    check_stdin_takers(typed.send.iter().chain(&args.listener.reply))?;
    let reads_stdin = !typed.no_stdin && typed.send.is_empty();
    if takes_stdin(args.listener.reply.as_deref()) && reads_stdin {
        return Err(refuse("@-", ONE_PURPOSE));
    }
    let net = net(&args.listener.run, &args.family)?;
    let source = datagram_input(&args.input)?;
    let replay = replay::datagrams(&args.replay, &args.listener.run)?;
    let source = if replay.is_some() { InputSource::Nothing } else { source };
    let peers = PeerSelection { to, first_peer: args.first_peer };
    Ok(UdpListen { listen: listen(&args.listener, report, source, peers)?, net, addresses, replay })
}

/// One address of a peer, given as `HOST:PORT`.
fn peer_address(text: &str, family: Family) -> Result<SocketAddr, Failure> {
    let wrong = || refuse("--to", "use last, all, or an address such as 10.0.0.5:5000");
    match text.parse().map_err(|_| wrong())? {
        Address::Inet { host, port } if !matches!(host, Host::Any) => {
            let all = resolve::resolve(&host, port, family, Purpose::Connect)?;
            all.first().copied().ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn add(pool: &mut Pool, opened: Opened) -> Result<Id, Failure> {
    let local = opened.local.clone();
    pool.add_datagrams(opened.socket)
        .map_err(|error| Failure::io(Status::Local, "open", local, &error))
}

/// Open sockets, and what is to be known of them.
pub(super) struct Listening {
    /// What is listened on, by protocol and address.
    pub(super) locals: Vec<(&'static str, String)>,
    pub(super) sockets: Vec<ListenSocket>,
    pub(super) warnings: Vec<String>,
    /// These remove socket files when they are dropped.
    pub(super) guards: Vec<UnixGuard>,
}

/// Opens the sockets of `udp-listen`.
pub(super) fn open(pool: &mut Pool, config: &UdpListen) -> Result<Listening, Failure> {
    let net = &config.net;
    let (mut opened, mut warnings) = (Vec::new(), Vec::new());
    for address in &config.addresses {
        let (all, more) = datagram::listen(address, net.family, &net.options)?;
        opened.extend(all);
        warnings.extend(more);
    }
    warnings.dedup();
    let locals = opened.iter().map(|one| (one.proto, one.local.clone())).collect();
    let (mut sockets, mut guards) = (Vec::new(), Vec::new());
    let times = config.listen.stats || config.listen.max_loss.is_some();
    for mut one in opened {
        if times {
            one.ask_for_times();
        }
        guards.extend(one.cleanup.take());
        let is_v6 = one.local.parse::<SocketAddr>().ok().map(|local| local.is_ipv6());
        sockets.push(ListenSocket { id: add(pool, one)?, is_v6 });
    }
    Ok(Listening { locals, sockets, warnings, guards })
}

pub(super) fn run(mut config: UdpListen) -> anyhow::Result<Status> {
    if let Some(replay) = config.replay.take() {
        return replay::listen(&config, &replay);
    }
    let mut launch = Launch::new(&config.listen.common)?;
    let Listening { locals, sockets, warnings, guards: _guards } = open(launch.pool(), &config)?;
    let reply_socket = reply_socket(&config.listen.to, &locals, &sockets)?;
    let (console, input) = launch.streams(&config.listen.common, true)?;
    let mut session = ListenSession::on_sockets(config.listen, console, input, &sockets, None);
    session.set_reply_socket(reply_socket);
    launch.serve(session, &locals, &warnings, ListenSession::start)
}

/// The socket that `--to ADDR` is sent from: the first one of the address's family.
fn reply_socket(
    to: &To,
    locals: &[(&str, String)],
    sockets: &[ListenSocket],
) -> Result<Option<Id>, Failure> {
    let To::Address(address) = to else { return Ok(None) };
    let fits = |local: &str| local.starts_with('[') == address.is_ipv6();
    let at = locals.iter().position(|(proto, local)| *proto == "udp" && fits(local));
    match at.and_then(|at| sockets.get(at)) {
        Some(socket) => Ok(Some(socket.id)),
        None => {
            let cause = "none of the sockets listened on is of its family";
            Err(Failure::new(Status::Usage, Kind::Usage, "use", format!("--to {address}"), cause))
        }
    }
}
