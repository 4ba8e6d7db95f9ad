//! The three ways to chat: sockets, and a terminal that shows a screen or lines.

use std::io::{self, IsTerminal};

use crate::commands::launch::{Launch, Listeners};
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::framing::Framing;
use crate::kind::Kind;
use crate::multicast::{
    JoinSocket, Membership, SenderOptions, interfaces, memberships, open_sender,
};
use crate::protocol::chat::MAX_LINE;
use crate::report::{Color, Reporter, Settings};
use crate::sessions::chat::config::{ChatConfig, GroupConfig, HostConfig, Identity, JoinConfig};
use crate::sessions::chat::group::GroupSockets;
use crate::sessions::chat::{
    GroupSession, HeldNotices, HostSession, JoinSession, RawTerminal, Screen,
};
use crate::sessions::config::{Common, Wire};
use crate::sessions::{Console, InputReader, Session};
use crate::sockets::datagram::DatagramSocket;
use crate::sys;

pub(in crate::commands) fn run(config: ChatConfig) -> anyhow::Result<Status> {
    match config {
        ChatConfig::Join(config) => join(*config),
        ChatConfig::Host(config) => host(*config),
        ChatConfig::Group(config) => group(*config),
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
        let wire = Wire { framing: Framing::Line, max: MAX_LINE, ..common.wire };
        let common = &Common { wire, ..common.clone() };
        let (settings, takes_part) = (common.output.report.clone(), identity.is_some());
        if !(identity.is_some_and(|identity| identity.screen) && RawTerminal::is_there()) {
            let (console, input) = launch.streams(common, takes_part)?;
            return Ok(Self { console, input, screen: None, _raw: None });
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "use", "the terminal", &error);
        launch.event_loop().watch_terminal().map_err(fail)?;
        let pool = launch.pool();
        let (notices, coloured) = (HeldNotices::default(), settings.color.is_wanted(&io::stdout()));
        let reporter = reporter(settings, &notices);
        let console = Console::open(pool, reporter, common.output.form, true)?;
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

fn join(config: JoinConfig) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.common)?;
    let place = config.route.address.to_string();
    let terminal = Terminal::open(&mut launch, &config.common, Some(&config.identity), &place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let mut session = JoinSession::new(pool, config, console, input, terminal.screen);
    session.start(pool);
    launch.run(&mut session)
}

fn group(config: GroupConfig) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.common)?;
    let interfaces = interfaces::list()?;
    let mut found = memberships(&config.group, &interfaces)?;
    let (Some(membership), true) = (found.pop(), found.is_empty()) else {
        let cause = "a room is one group on one interface";
        let target = config.group.to_string();
        return Err(Failure::new(Status::Usage, Kind::Usage, "meet in", target, cause).into());
    };
    let (sockets, warnings) = open(launch.pool(), &config, membership)?;
    let place = config.group.to_string();
    let terminal = Terminal::open(&mut launch, &config.common, Some(&config.identity), &place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let mut session =
        GroupSession::on_sockets(pool, config, console, input, sockets, terminal.screen);
    for warning in &warnings {
        session.warn(pool, Kind::SocketOption, warning);
    }
    session.report_listening(pool, &[]);
    session.start(pool);
    launch.run(&mut session)
}

/// The sockets of a room without a host.
fn open(
    pool: &mut Pool,
    config: &GroupConfig,
    membership: Membership,
) -> Result<(GroupSockets, Vec<String>), Failure> {
    let (port, options) = (config.group.port, &config.net.options);
    let group = membership.socket_address(port);
    let fail =
        |error: io::Error| Failure::io(Status::Listen, "meet in", config.group.to_string(), &error);
    let sending =
        SenderOptions { ttl: config.ttl, options: options.clone(), ..SenderOptions::default() };
    let (sender, mut warnings) = open_sender(membership.group, &membership.interface, &sending)?;
    let iface = membership.interface.name.clone();
    let (receiver, more) = JoinSocket::open(membership, port, options)?;
    receiver.join()?;
    warnings.extend(more);
    warnings.dedup();
    let own = sender.local_addr().map_err(fail)?.as_socket().map_or(0, |local| local.port());
    let receiver = receiver.socket().try_clone().map_err(fail)?;
    let sockets = GroupSockets {
        receiver: pool.add_datagrams(DatagramSocket::from(receiver)).map_err(fail)?,
        sender: pool.add_datagrams(DatagramSocket::from(sender)).map_err(fail)?,
        own,
        group,
        iface,
    };
    Ok((sockets, warnings))
}

fn host(config: HostConfig) -> anyhow::Result<Status> {
    sys::process::raise_descriptor_limit();
    let mut launch = Launch::new(&config.common)?;
    let addresses = std::slice::from_ref(&config.address);
    let Listeners { ids, locals, warnings } = launch.listen(addresses, &config.net)?;
    let place = locals.first().map_or("", |(_, local)| local.as_str());
    let identity = config.identity.as_ref();
    let terminal = Terminal::open(&mut launch, &config.common, identity, place)?;
    let (pool, console, input) = (launch.pool(), terminal.console, terminal.input);
    let session = HostSession::new(pool, config, console, input, ids, terminal.screen);
    launch.serve(session, &locals, &warnings, HostSession::start)
}
