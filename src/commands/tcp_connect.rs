//! `tcp-connect`: one connection, to stdin and stdout or to a program.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::Args;

use super::args::{InputForm, ReplayArgs, ReportArgs, parse_addresses};
use super::launch::Launch;
use super::listening::ListenArgs;
use super::names::Side;
use super::replay;
use super::rules::refuse;
use super::stream::{self, InputUse, StreamArgs, program};
#[cfg(feature = "tls")]
use super::tls::{IdentityArgs, TlsArgs, TrustArgs};
use super::via::ViaArgs;
use crate::error::{Failure, Status};
use crate::recording::Role;
use crate::report::{Attention, Settings};
use crate::sessions::config::{Connect, Dialing};
use crate::sessions::{DataTo, StreamSession};
use crate::sockets::Address;
#[cfg(feature = "tls")]
use crate::sockets::dialogue::StarttlsProtocol;
use crate::sockets::dialogue::proxy_header::HeaderVersion;
use crate::sys;
use crate::values::parse_duration;

/// What a proxy needs to find out that nothing stands behind it.
const SETTLE: Duration = Duration::from_millis(100);

/// `tcp-connect`
#[derive(Args, Clone, Debug)]
pub struct ConnectArgs {
    /// Where to connect to (see Addresses), with -z one after the other; not needed with --input commands
    /// or json, where {"connect":ADDR} names one
    #[arg(value_name = "ADDR", required_unless_present = "input")]
    pub addresses: Vec<OsString>,
    /// What both stream commands take.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Give up an attempt to connect, over all addresses, after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub connect_timeout: Option<Duration>,
    /// Only see whether a connection can be made: nothing is sent or received
    #[arg(short = 'z', long, help_heading = "Ends")]
    pub probe: bool,
    /// Count a connection as made once it has stood for D [default: 0; 100ms with -z and --wait]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub settle: Option<Duration>,
    /// Connect again when the connection is lost, and report what may be lost with it
    #[arg(long, help_heading = "Ends")]
    pub reconnect: bool,
    /// Connect from this local address and port, or from unix:PATH
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<OsString>,
    /// Begin the connection with a header of the PROXY protocol, v1 or v2, which names its two ends
    #[arg(long, value_name = "VERSION", help_heading = "Sockets")]
    pub proxy_protocol: Option<HeaderVersion>,
    /// What the connection leads through.
    #[command(flatten, next_help_heading = "Sockets")]
    pub via: ViaArgs,
    /// Run CMD with the connection as its stdin and stdout; its status is the exit status
    #[arg(long, value_name = "CMD", help_heading = "Input and output")]
    pub exec: Option<String>,
    /// Run CMD by /bin/sh -c (with --exec)
    #[arg(long, requires = "exec", help_heading = "Input and output")]
    pub sh: bool,
    /// TLS.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Have the server switch to TLS first as its protocol does: smtp, imap, pop3, ftp, ldap or
    /// postgres; it implies --tls
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "PROTOCOL", help_heading = "TLS")]
    pub starttls: Option<StarttlsProtocol>,
    /// Whom it trusts.
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
    /// What a listener takes: a command may have it listen.
    #[command(flatten, next_help_heading = "Sockets")]
    pub listen: ListenArgs,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl ConnectArgs {
    /// An ADDR too many: `-z` alone takes several, and not a host and its port.
    pub(super) fn extra_address(&self) -> Option<&OsStr> {
        let [first, extra, ..] = self.addresses.as_slice() else { return None };
        let address = Address::try_from(first.as_os_str());
        let is_whole = address.is_ok_and(|address| address.check_connect().is_ok());
        (!(self.probe && is_whole)).then_some(extra.as_os_str())
    }
}

/// The configuration of `tcp-connect`.
///
/// # Errors
/// A bad address, or options that cannot apply.
#[cold]
pub(super) fn config(args: &ConnectArgs, mut report: Settings) -> Result<Connect, Failure> {
    if args.probe {
        report.attention = Attention::Probe;
    }
    let addresses: Vec<Address> = parse_addresses(&args.addresses)?;
    addresses.iter().try_for_each(Address::check_connect)?;
    let mut inherited = addresses.iter().filter(|address| matches!(address, Address::Fd(_)));
    if inherited.next().is_some() && inherited.next().is_some() {
        // The second may be the number of the first, and by then that of a socket of this process.
        return Err(refuse("-z", "of several ADDRs one may be an inherited socket"));
    }
    let stream = &args.stream;
    if addresses.is_empty() {
        check_without_address(stream)?;
    }
    // A proxy accepts before it knows that nobody stands behind it. To a plain -z it is open;
    // --wait wants to know when the service is there.
    let settle = if args.probe && stream.run.wait.is_some() { SETTLE } else { Duration::ZERO };
    let mut net = stream.run.net(stream.family.family())?;
    args.listen.apply(&mut net);
    let input = match args.probe || args.exec.is_some() || args.replay.replay.is_some() {
        true => InputUse::Unused,
        false => InputUse::Sent,
    };
    let mut common = stream::common(stream, report, Side::Client, input)?;
    let bind = args.bind.as_deref();
    let mut routes = stream::routes(bind, net, args.connect_timeout, &common.wire)?;
    routes.announced = args.proxy_protocol;
    routes.via = args.via.chain(&mut common)?;
    #[cfg(feature = "tls")]
    if let Some(name) = args.tls.name().or(args.starttls.map(|_| "")) {
        routes.starttls = args.starttls;
        let to = (&mut routes, &mut common);
        args.trust.apply(name, &args.identity, &addresses, to)?;
    }
    let all: Result<Vec<_>, _> =
        addresses.into_iter().map(|address| stream::route(address, &routes)).collect();
    let mut all = all?.into_iter();
    Ok(Connect {
        common,
        route: all.next(),
        others: all.collect(),
        routes,
        dialing: Dialing { reconnect: args.reconnect, settle: args.settle.unwrap_or(settle) },
        probe: args.probe,
        exec: args.exec.as_deref().map(|command| program(command, args.sh)).transpose()?,
        replay: replay::streams(&args.replay, Role::Connected)?,
    })
}

/// What takes the place of ADDR, and what has to do without it.
fn check_without_address(stream: &StreamArgs) -> Result<(), Failure> {
    if !matches!(stream.input.input, Some(InputForm::Commands(_))) {
        let why = "it is needed, unless --input commands or json say where to";
        return Err(refuse("tcp-connect without ADDR", why));
    }
    match stream.run.command.is_empty() {
        true => Ok(()),
        false => Err(refuse("-- CMD", "it needs the ADDR to connect to")),
    }
}

#[cold]
pub(super) fn run(mut config: Connect) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.common)?;
    // A probe hands over to its command; elsewhere the two run side by side.
    let helpers = &mut config.common.helpers;
    let successor = if config.probe { helpers.command.take() } else { None };
    let talks = !config.probe && config.exec.is_none();
    let (console, input) = launch.streams(&config.common, DataTo::stdout_if(talks))?;
    if input.has_commands() {
        // It may become a pool of any size.
        sys::process::raise_descriptor_limit();
    }
    let mut session = StreamSession::connect(launch.pool(), config, console, input);
    session.start(launch.pool());
    let status = launch.run(&mut session)?;
    match successor {
        Some(program) if status == Status::Done => Err(session.hand_over(&program).into()),
        _ => Ok(status),
    }
}
