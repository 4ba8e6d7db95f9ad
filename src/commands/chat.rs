//! `chat`: on the host, as a member, or in a group. Each has its sockets, and a terminal that shows
//! a screen or lines.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;

use super::args::{FamilyArgs, ReportArgs, RunArgs, SourceArgs, as_usize};
use super::claims::claim_stdout;
use super::launch::Launch;
use super::listening::{AccessArgs, ListenArgs};
use super::names::{Side, of_access, to_listen_on};
use super::rules::refuse;
use super::stream::{frame_total, route, routes};
#[cfg(feature = "tls")]
use super::tls::EitherTlsArgs;
use super::via::ViaArgs;
use crate::error::{Failure, Status};
use crate::framing::{self, Framing};
use crate::kind::Kind;
use crate::multicast::{
    GroupAddress, GroupOptions, JoinSocket, Membership, interfaces, memberships, open_sender,
};
use crate::protocol::chat::pace::Pace;
use crate::protocol::chat::{MAX_LINE, MAX_RELAYED, Nick};
use crate::protocol::output::Written;
use crate::report::{Color, Reporter, Settings};
use crate::sessions::chat::group::GroupService;
use crate::sessions::chat::group::GroupSockets;
use crate::sessions::chat::{ChatConfig, GroupConfig, HostConfig, Identity, JoinConfig};
use crate::sessions::chat::{HeldNotices, MemberService, RawTerminal, RoomService, Screen};
use crate::sessions::config::{
    AdmissionRules, AnyAddress, Common, Dialing, InputSource, Net, Wire,
};
use crate::sessions::datagrams::DatagramSession;
use crate::sessions::{Console, DataTo, InputReader, StreamSession};
use crate::sockets::Address;
use crate::sockets::datagram::DatagramSocket;
use crate::sys;
use crate::values::{parse_count, parse_duration, parse_nonzero_size};

/// `chat`
#[derive(Args, Clone, Debug)]
pub struct ChatArgs {
    /// The host to join, the address to host on, or a multicast group
    #[arg(value_name = "ADDR")]
    pub address: OsString,

    /// Take part as NAME [default: $USER]
    #[arg(long, value_name = "NAME", help_heading = "Chat")]
    pub nick: Option<Nick>,
    /// Show the time of each line
    #[arg(long, help_heading = "Chat")]
    pub time: bool,
    /// The protocol of the host: line, or tinyproto, that of the Python library [default: line]
    #[arg(long, value_name = "FRAMING", help_heading = "Chat")]
    pub frame: Option<Framing>,
    /// What is sent.
    #[command(flatten, next_help_heading = "Chat")]
    pub source: SourceArgs,

    /// Host the room, and take part in it
    #[arg(long, help_heading = "Hosting")]
    pub host: bool,
    /// Only host the room (with --host)
    #[arg(long, help_heading = "Hosting")]
    pub headless: bool,
    /// Have at most N members at once; the rest wait, or with tinyproto are refused (with --host)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Hosting")]
    pub max_clients: Option<u64>,
    /// Have at most N members from one IP address at once; more are closed (with --host)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Hosting")]
    pub max_per_address: Option<u64>,
    /// How much may wait to be sent to one member (with --host) [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Hosting")]
    pub queue: Option<u64>,
    /// Take N lines a second from each member, and four times as many at once; what comes faster
    /// waits, and 1000 lines that wait are a flood (with --host) [default: 5]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Hosting")]
    pub flood_limit: Option<u64>,
    /// The most that the unfinished lines of all members hold: past it those that hold most wait
    /// (with --host) [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Hosting")]
    pub max_frame_total: Option<u64>,

    /// What a listener takes.
    #[command(flatten, next_help_heading = "Hosting")]
    pub listen: ListenArgs,
    /// Who is let in.
    #[command(flatten, next_help_heading = "Hosting")]
    pub access: AccessArgs,

    /// Connect again when the connection to the host is lost
    #[arg(long, help_heading = "Joining")]
    pub reconnect: bool,
    /// Give up an attempt to connect, over all addresses, after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Joining")]
    pub connect_timeout: Option<Duration>,
    /// Connect from this local address and port, or from unix:PATH
    #[arg(long, value_name = "ADDR", help_heading = "Joining")]
    pub bind: Option<OsString>,

    /// What the connection leads through.
    #[command(flatten, next_help_heading = "Joining")]
    pub via: ViaArgs,
    /// TLS.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub tls: EitherTlsArgs,

    /// How far it may go: past N-1 routers (with a group) [default: 1]
    #[arg(long, value_name = "N", help_heading = "Meeting in a group")]
    pub ttl: Option<u8>,

    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

const QUEUE: u64 = 1 << 20;

/// The configuration of `chat`.
///
/// # Errors
/// A bad address, or options that cannot apply.
#[cold]
pub(super) fn config(args: &ChatArgs, report: Settings) -> Result<ChatConfig, Failure> {
    let room = args.address.as_os_str().try_into()?;
    if let Some(framing) = &args.frame
        && !matches!(framing, Framing::Line | Framing::Tinyproto)
    {
        return Err(refuse(&format!("--frame {framing}"), "a chat is of lines, or of tinyproto"));
    }
    let place = Place { net: args.run.net(args.family.family())?, report };
    match room {
        AnyAddress::Group(group) => self::group(args, group, place),
        AnyAddress::One(address) if args.host => host(args, address, place),
        AnyAddress::One(address) => join(args, address, place),
    }
}

/// What is known before the address is.
struct Place {
    net: Net,
    report: Settings,
}

/// What all three sessions do, on such a wire.
fn common(args: &ChatArgs, place: Place, wire: Wire) -> Result<(Common, Net), Failure> {
    let mut common = args.run.common(place.report, Written::Line, wire)?;
    let lines = InputSource::Messages { form: framing::InputFraming::Line, chomp: true };
    common.input.source =
        args.source.source(if args.headless { InputSource::Nothing } else { lines })?;
    common.rules.serving = args.host;
    common.rules.undivided = common.wire.frame.framing == Framing::Tinyproto;
    Ok((common, place.net))
}

/// A stream between a host and its members, with lines of up to `max` bytes.
fn stream(args: &ChatArgs, max: usize) -> Wire {
    Wire::of_stream(args.frame.clone().unwrap_or(Framing::Line), max)
}

fn group(args: &ChatArgs, group: GroupAddress, place: Place) -> Result<ChatConfig, Failure> {
    group.check_send()?;
    let (common, net) = common(args, place, Wire::of_datagrams(MAX_LINE))?;
    let ttl = args.ttl.unwrap_or(1);
    Ok(ChatConfig::Group(Box::new(GroupConfig {
        common,
        net,
        group,
        identity: identity(args),
        ttl,
    })))
}

fn host(args: &ChatArgs, address: Address, place: Place) -> Result<ChatConfig, Failure> {
    #[cfg_attr(not(feature = "tls"), expect(unused_mut))]
    let (mut common, mut net) = common(args, place, stream(args, MAX_LINE))?;
    args.listen.apply(&mut net);
    #[cfg(feature = "tls")]
    args.tls.server.apply(&args.tls.identity, [&address], (&mut net, &mut common))?;
    let frame_total = frame_total(args.max_frame_total, &common.wire)?;
    Ok(ChatConfig::Host(Box::new(HostConfig {
        common,
        net,
        address,
        identity: (!args.headless).then(|| identity(args)),
        admission: AdmissionRules {
            access: args.access.access(),
            max_clients: args.max_clients.map(as_usize),
            max_per_address: args.max_per_address.map(as_usize),
            ..AdmissionRules::default()
        },
        queue: as_usize(args.queue.unwrap_or(QUEUE)),
        pace: pace(args.flood_limit)?,
        frame_total,
    })))
}

fn pace(limit: Option<u64>) -> Result<Pace, Failure> {
    let Some(limit) = limit else { return Ok(Pace::default()) };
    match u32::try_from(limit) {
        Ok(rate @ 1..=Pace::MOST) => Ok(Pace { rate }),
        _ => {
            let most = Pace::MOST;
            Err(refuse("--flood-limit", format!("it is 1 to {most} lines a second")))
        }
    }
}

fn join(args: &ChatArgs, address: Address, place: Place) -> Result<ChatConfig, Failure> {
    address.check_connect()?;
    // A host puts names before lines, and escapes what is in them.
    let (mut common, net) = common(args, place, stream(args, MAX_RELAYED))?;
    let bind = args.bind.as_deref();
    let mut routes = routes(bind, net, args.connect_timeout, &common.wire)?;
    routes.via = args.via.chain(&mut common)?;
    #[cfg(feature = "tls")]
    if let Some(name) = args.tls.client.name() {
        let to = (&mut routes, &mut common);
        args.tls.trust.apply(name, &args.tls.identity, std::slice::from_ref(&address), to)?;
    }
    let route = route(address, &routes)?;
    Ok(ChatConfig::Join(Box::new(JoinConfig {
        common,
        route,
        dialing: Dialing { reconnect: args.reconnect, settle: Duration::ZERO },
        identity: identity(args),
    })))
}

fn identity(args: &ChatArgs) -> Identity {
    // What other programs write would end up in the middle of a screen.
    let is_alone = args.run.command.is_empty() && args.run.on.is_empty();
    let user = || Nick::tamed(&std::env::var("USER").ok()?);
    Identity {
        nick: args.nick.clone().or_else(user),
        time: args.time,
        screen: args.run.output.is_none() && args.source.reads_stdin() && is_alone,
    }
}

#[cold]
pub(super) fn run(config: ChatConfig) -> anyhow::Result<Status> {
    match config {
        ChatConfig::Join(config) => run_join(*config),
        ChatConfig::Host(config) => run_host(*config),
        ChatConfig::Group(config) => run_group(*config),
    }
}

/// Where the user reads and writes.
struct Terminal {
    console: Console,
    input: InputReader,
    screen: Option<Screen>,
    /// Holds the terminal for as long as the screen is shown.
    _raw: Option<RawTerminal>,
}

impl Terminal {
    fn open(
        launch: &mut Launch,
        common: &Common,
        identity: Option<&Identity>,
        place: &str,
    ) -> Result<Self, Failure> {
        // Lines are typed, whatever becomes of them on the wire.
        let wire = Wire { frame: Framing::Line.max_frame(MAX_LINE), ..common.wire };
        let common = &Common { wire, ..common.clone() };
        let (settings, takes_part) = (common.output.report.clone(), identity.is_some());
        if !(identity.is_some_and(|identity| identity.screen) && RawTerminal::is_there()) {
            let (console, input) = launch.streams(common, DataTo::stdout_if(takes_part))?;
            return Ok(Self { console, input, screen: None, _raw: None });
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "use", "the terminal", &error);
        // Before the terminal is raw: a second signal would end the process, and leave it so.
        launch.event_loop().watch_terminal().map_err(fail)?;
        let pool = launch.pool();
        let (notices, coloured) = (HeldNotices::default(), settings.color.is_wanted(&io::stdout()));
        let reporter = reporter(settings, &notices);
        let mut console = Console::open(pool, reporter, common.output.form, DataTo::Stdout)?;
        claim_stdout(common, &mut console)?;
        let input = InputReader::open(pool, common)?;
        let raw = RawTerminal::enter(notices.clone()).map_err(fail)?;
        let screen = Screen::new(place.to_owned(), notices, coloured);
        Ok(Self { console, input, screen: Some(screen), _raw: Some(raw) })
    }
}

/// Events go to the screen, unless stderr is elsewhere.
fn reporter(settings: Settings, notices: &HeldNotices) -> Reporter {
    if !io::stderr().is_terminal() {
        return Reporter::new(settings);
    }
    let notices = notices.clone();
    let settings = Settings { color: Color::Never, ..settings };
    Reporter::to(settings, move |line| notices.add(line))
}

fn run_join(config: JoinConfig) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.common)?;
    let place = config.route.address.to_string();
    let terminal = Terminal::open(&mut launch, &config.common, Some(&config.identity), &place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let mut session = MemberService::session(pool, config, console, input, terminal.screen);
    session.start(pool);
    launch.run(&mut session)
}

fn run_group(config: GroupConfig) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.common)?;
    let interfaces = interfaces::list()?;
    let mut found = memberships(&config.group, &interfaces)?;
    let (Some(membership), true) = (found.pop(), found.is_empty()) else {
        let cause = "a room is one group on one interface";
        let target = config.group.to_string();
        return Err(Failure::new(Status::Usage, Kind::Usage, "meet in", target, cause).into());
    };
    let sockets = open_group(&mut launch, &config, membership)?;
    let place = config.group.to_string();
    let terminal = Terminal::open(&mut launch, &config.common, Some(&config.identity), &place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let mut session = GroupService::session(pool, config, console, input, sockets, terminal.screen);
    launch.begin(&mut session, DatagramSession::start);
    launch.run(&mut session)
}

/// The sockets of a room without a host.
fn open_group(
    launch: &mut Launch,
    config: &GroupConfig,
    membership: Membership,
) -> Result<GroupSockets, Failure> {
    let (port, options) = (config.group.port, &config.net.options);
    let group = membership.socket_address(port);
    let fail =
        |error: io::Error| Failure::io(Status::Listen, "meet in", config.group.to_string(), &error);
    let sending =
        GroupOptions { ttl: config.ttl, options: options.clone(), ..GroupOptions::default() };
    let (sender, mut warnings) = open_sender(membership.group, &membership.interface, &sending)?;
    let iface = membership.interface.name.clone();
    let (receiver, more) = JoinSocket::open(membership, port, options)?;
    receiver.join()?;
    warnings.extend(more);
    launch.warn_of_options(warnings);
    let pool = launch.pool();
    // IP_MULTICAST_LOOP stays on for other members on this machine, so our own lines come back as
    // well: they are known by this port.
    let own = sender.local_addr().map_err(fail)?.as_socket().map_or(0, |local| local.port());
    // The membership is of the socket, not of the descriptor: the clone keeps it.
    let receiver = receiver.socket().try_clone().map_err(fail)?;
    Ok(GroupSockets {
        receiver: pool.add_datagrams(DatagramSocket::from(receiver)).map_err(fail)?,
        sender: pool.add_datagrams(DatagramSocket::from(sender)).map_err(fail)?,
        own,
        group,
        iface,
    })
}

fn run_host(mut config: HostConfig) -> anyhow::Result<Status> {
    sys::process::raise_descriptor_limit();
    let mut launch = Launch::new(&config.common)?;
    let addresses = std::slice::from_ref(&config.address);
    let names = to_listen_on(addresses, config.net.family);
    launch.look_up(
        &config.common,
        Side::Server,
        names.chain(of_access(&config.admission.access)),
    )?;
    launch.find_access(&mut config.admission.access)?;
    let listeners = launch.listen(addresses, &config.net)?;
    let place = launch.locals.first().map_or(String::new(), |local| local.address.clone());
    let identity = config.identity.as_ref();
    let terminal = Terminal::open(&mut launch, &config.common, identity, &place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let session = RoomService::session(pool, config, console, input, listeners, terminal.screen);
    launch.serve(session, StreamSession::start)
}
