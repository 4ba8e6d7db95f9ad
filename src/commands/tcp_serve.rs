//! `tcp-serve`: listeners, and what is done with each client.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;

use super::args::{ReplayArgs, ReportArgs, as_usize, parse_addresses};
use super::claims::{check_stdin_takers, texts_of_stdin};
use super::launch::Launch;
use super::listening::{AccessArgs, ListenArgs};
use super::names::{Side, of_access, to_listen_on};
use super::reading::read_text;
use super::replay;
use super::rules::refuse;
use super::stream::{self, CONNECT_TIMEOUT, InputUse, StreamArgs, program};
#[cfg(feature = "tls")]
use super::tls::{IdentityArgs, ServerTlsArgs, TrustArgs};
use super::via::ViaArgs;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::protocol::slow::{Policy, SlowRules};
use crate::recording::Role;
use crate::report::{Attention, Settings};
use crate::sessions::config::{AdmissionRules, Backlog, Handling, Route, RouteOptions, Serve};
use crate::sessions::{DataTo, StreamSession};
#[cfg(feature = "tls")]
use crate::sockets::dialogue::StarttlsProtocol;
use crate::sockets::dialogue::proxy_header::HeaderVersion;
use crate::sockets::{Address, AddressError, OpenListener};
use crate::sys;
use crate::threads;
use crate::values::{parse_count, parse_duration, parse_nonzero_size, parse_threads};

const QUEUE: u64 = 1 << 20;
const RELAY_QUEUE: u64 = 256 << 10;
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// `tcp-serve`
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where to listen (see Addresses)
    #[arg(value_name = "ADDR", required = true)]
    pub addresses: Vec<OsString>,

    /// Answer TEXT: on accept, or to each message with --frame
    // clap makes the group from its members, and a group admits one of them unless `multiple`
    // is set.
    #[arg(long, value_name = "TEXT", group = "handler", help_heading = "Handlers (at most one)")]
    pub reply: Option<OsString>,
    /// Pass each client's messages to all others and to stdout
    #[arg(long, group = "handler", help_heading = "Handlers (at most one)")]
    pub hub: bool,
    /// Throw away what clients send
    #[arg(long, group = "handler", help_heading = "Handlers (at most one)")]
    pub discard: bool,
    /// Save what clients send, one file a connection
    #[arg(long, value_name = "DIR", group = "handler", help_heading = "Handlers (at most one)")]
    pub save: Option<PathBuf>,
    /// Relay each connection to ADDR; to tls:HOST:PORT by TLS
    #[arg(long, value_name = "ADDR", group = "handler", help_heading = "Handlers (at most one)")]
    pub forward: Option<OsString>,
    /// Run CMD for each connection, which is its stdin and stdout (WIRECAT_PEER, _LOCAL, _CONN)
    #[arg(long, value_name = "CMD", group = "handler", help_heading = "Handlers (at most one)")]
    pub exec: Option<String>,
    /// Run CMD by /bin/sh -c (with --exec)
    #[arg(long, requires = "exec", help_heading = "Handlers (at most one)")]
    pub sh: bool,
    /// Give up an attempt to connect after D (with --forward or commands) [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub connect_timeout: Option<Duration>,

    /// Serve one connection, then end
    #[arg(short = '1', long, conflicts_with = "conns", help_heading = "Clients")]
    pub once: bool,
    /// Serve N connections in all, then end
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Clients")]
    pub conns: Option<u64>,
    /// Serve at most N clients at once; the rest wait (--frame tinyproto refuses them)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Clients")]
    pub max_clients: Option<u64>,
    /// Serve at most N clients from one IP address at once; more are closed
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Clients")]
    pub max_per_address: Option<u64>,
    /// Serve the clients in N threads, 1 to 64 [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Clients")]
    pub threads: Option<u64>,
    /// Send each client TEXT first
    #[arg(long, value_name = "TEXT", help_heading = "Clients")]
    pub greet: Option<OsString>,
    /// Who is let in.
    #[command(flatten, next_help_heading = "Clients")]
    pub access: AccessArgs,

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

    /// The most that the unfinished messages of all clients hold: past it those that hold most wait
    /// [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Messages")]
    pub max_frame_total: Option<u64>,

    /// Take clients of proxies only, which begin with a header of the PROXY protocol (v1 or v2) within
    /// 3 s: the client that it names is the peer
    #[arg(long, help_heading = "Sockets")]
    pub accept_proxy: bool,
    /// Begin each connection of --forward with a header of the PROXY protocol, v1 or v2, which names
    /// the client
    #[arg(long, value_name = "VERSION", help_heading = "Sockets")]
    pub proxy_protocol: Option<HeaderVersion>,
    /// What the connections of --forward and commands lead through.
    #[command(flatten, next_help_heading = "Sockets")]
    pub via: ViaArgs,
    /// What a listener takes.
    #[command(flatten, next_help_heading = "Sockets")]
    pub listen: ListenArgs,
    /// What both stream commands take.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Who it is as a server.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub server_tls: ServerTlsArgs,
    /// Have the server of --forward tls:HOST:PORT switch to TLS first as its protocol does: smtp, imap,
    /// pop3, ftp, ldap or postgres. Clients speak in plain text from the start; one that waits for a
    /// greeting gets that of --greet [default: a short one of the protocol]
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "PROTOCOL", help_heading = "TLS")]
    pub starttls: Option<StarttlsProtocol>,
    /// Whom it trusts where it connects.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Who it is.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Playing a recording.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `tcp-serve`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
#[cold]
pub(super) fn config(args: &ServeArgs, mut report: Settings) -> Result<Serve, Failure> {
    report.attention = Attention::Clients;
    let addresses = parse_addresses(&args.addresses)?;
    check_texts(args)?;
    let mut handling = handling(args)?;
    let mut net = args.stream.run.net(args.stream.family.family())?;
    args.listen.apply(&mut net);
    net.accept_proxy = args.accept_proxy;
    let input = match handling.reads_stdin() && args.replay.replay.is_none() {
        true => InputUse::Sent,
        false => InputUse::Unused,
    };
    let mut common = stream::common(&args.stream, report, Side::Server, input)?;
    let via = args.via.chain(&mut common)?;
    if let Handling::Forward(route) = &mut handling {
        route.options.via.clone_from(&via);
        route.options.check(&route.address).map_err(|(option, why)| refuse(option, why))?;
    }
    #[cfg(feature = "tls")]
    {
        args.server_tls.apply(&args.identity, &addresses, (&mut net, &mut common))?;
        if let (Handling::Forward(route), Some(_)) = (&mut handling, upstream_by_tls(args)) {
            let Route { address, options } = &mut **route;
            if args.trust.checks_name() && !matches!(address, Address::Inet { .. }) {
                let cause = "this kind of address has no host name, which a certificate could be \
                             for: add --tls-pin";
                return Err(refuse("--forward", cause));
            }
            let identity = IdentityArgs { tls_cert: None, tls_key: None, ..args.identity.clone() };
            args.trust.apply(
                "",
                &identity,
                std::slice::from_ref(address),
                (options, &mut common),
            )?;
            options.starttls = args.starttls;
        }
    }
    let patience = if handling == Handling::Hub { Duration::ZERO } else { SLOW_AFTER };
    let queue = if handling.relays() { RELAY_QUEUE } else { QUEUE };
    let routes = RouteOptions {
        bind: None,
        net,
        timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        negotiated: common.wire.negotiated(),
        via,
        ..RouteOptions::default()
    };
    let frames = stream::frame_total(args.max_frame_total, &common.wire)?;
    Ok(Serve {
        common,
        addresses,
        admission: AdmissionRules {
            access: args.access.access(),
            ip_only: args.accept_proxy,
            conns: if args.once { Some(1) } else { args.conns },
            max_clients: args.max_clients.map(as_usize),
            max_per_address: args.max_per_address.map(as_usize),
        },
        replay: replay::streams(&args.replay, Role::Accepted)?,
        greet: greeting(args)?,
        backlog: Backlog {
            queue: as_usize(args.queue.unwrap_or(queue)),
            slow: SlowRules { policy: args.slow, after: args.slow_after.unwrap_or(patience) },
            frames,
        },
        routes,
        threads: as_usize(args.threads.unwrap_or(1)),
        handling,
    })
}

/// Two readers of stdin would each get a part of it.
fn check_texts(args: &ServeArgs) -> Result<(), Failure> {
    let source = &args.stream.input.source;
    let others = [args.discard, args.save.is_some(), args.forward.is_some(), args.exec.is_some()];
    let relays = args.reply.is_none() && !others.contains(&true);
    let texts = source.send.iter().chain(&args.greet).chain(&args.reply);
    check_stdin_takers(texts_of_stdin(texts) + usize::from(relays && source.reads_stdin()))
}

fn handling(args: &ServeArgs) -> Result<Handling, Failure> {
    Ok(if let Some(reply) = &args.reply {
        Handling::Reply(read_text(reply)?)
    } else if args.hub {
        Handling::Hub
    } else if args.discard {
        Handling::Discard
    } else if let Some(directory) = &args.save {
        Handling::Save(directory.clone())
    } else if let Some(address) = &args.forward {
        Handling::Forward(Box::new(forward(args, address)?))
    } else if let Some(command) = &args.exec {
        Handling::Exec(program(command, args.sh)?)
    } else {
        Handling::Relay
    })
}

/// What each client is sent first. The dialogue ahead of TLS takes the greeting of the server, which
/// anybody in between could have written: clients get one of this side.
fn greeting(args: &ServeArgs) -> Result<Option<Bytes>, Failure> {
    if let Some(text) = &args.greet {
        return read_text(text).map(Some);
    }
    #[cfg(feature = "tls")]
    if let Some(text) = args.starttls.and_then(StarttlsProtocol::greeting) {
        return Ok(Some(Bytes::from_static(text.as_bytes())));
    }
    Ok(None)
}

/// The route that `--forward` gives. The family and the socket options are those of both sides.
fn forward(args: &ServeArgs, address: &OsStr) -> Result<Route, Failure> {
    #[cfg(feature = "tls")]
    let address = upstream_by_tls(args).unwrap_or(address);
    // ADDR is an address as well: the option says which of them is wrong.
    let bad = |error: AddressError| refuse("--forward", error.to_string()).kind(Kind::BadAddress);
    let address = Address::try_from(address).map_err(bad)?;
    address.check_connect().map_err(bad)?;
    if matches!(address, Address::Fd(_)) {
        return Err(refuse("--forward", "an inherited connection serves one client only"));
    }
    let options = RouteOptions {
        net: args.stream.run.net(args.stream.family.family())?,
        timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        announced: args.proxy_protocol,
        ..RouteOptions::default()
    };
    Ok(Route { address, options })
}

/// The address behind `tls:` of `--forward`.
#[cfg(feature = "tls")]
fn upstream_by_tls(args: &ServeArgs) -> Option<&OsStr> {
    args.forward.as_ref()?.to_str()?.strip_prefix("tls:").map(OsStr::new)
}

#[cold]
pub(super) fn run(mut config: Serve) -> anyhow::Result<Status> {
    let limit = sys::process::raise_descriptor_limit();
    // Before it listens: no client comes whose data could not be saved.
    if let Handling::Save(directory) = &config.handling {
        let name = || directory.display().to_string();
        sys::fd::check_links(directory)
            .map_err(|error| Failure::io(Status::Local, "save to", name(), &error))?;
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::io(Status::Local, "create", name(), &error))?;
    }
    let mut launch = Launch::new(&config.common)?;
    let net = config.routes.net.clone();
    let names = to_listen_on(&config.addresses, net.family);
    launch.look_up(
        &config.common,
        Side::Server,
        names.chain(of_access(&config.admission.access)),
    )?;
    launch.find_access(&mut config.admission.access)?;
    let mut shares: Vec<Vec<OpenListener>> = (0..config.threads).map(|_| Vec::new()).collect();
    let listeners = match config.threads > 1 && threads::may_accept(&config) {
        true => launch.listen_in_loops(&config.addresses, &net, &mut shares)?,
        false => launch.listen(&config.addresses, &net)?,
    };
    let is_view = config.handling.relays() && config.common.output.form == Output::DUMP;
    let data = DataTo::stdout_if(config.handling.writes_stdout() || is_view);
    let (mut console, input) = launch.streams(&config.common, data)?;
    console.is_view = config.handling.relays();
    let loops = if config.threads > 1 { threads::of_serve(&config, shares) } else { Vec::new() };
    let mut session = StreamSession::serve(config, console, input, listeners)?;
    session.limit_descriptors(limit, loops.len());
    if !loops.is_empty() {
        threads::start(&mut session, launch.pool(), loops)?;
    }
    launch.serve(session, StreamSession::start)
}
