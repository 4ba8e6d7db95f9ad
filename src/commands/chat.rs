//! `chat`: sockets, a console and stdin on a loop.

use std::io::{self, IsTerminal};

use super::{broken_loop, event_loop};
use crate::error::{Failure, Status};
use crate::event_loop::{EventLoop, Pool};
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
use crate::sessions::{Console, Feed, Session};
use crate::sockets::datagram::Socket;
use crate::{sockets, sys};

pub(super) fn run(config: ChatConfig) -> Result<Status, Failure> {
    match config {
        ChatConfig::Join(config) => join(*config),
        ChatConfig::Host(config) => host(*config),
        ChatConfig::Group(config) => group(*config),
    }
}

/// Where the user reads and writes.
struct Terminal {
    console: Console,
    feed: Feed,
    screen: Option<Screen>,
    /// Holds the terminal for as long as the screen is shown.
    _raw: Option<RawTerminal>,
}

impl Terminal {
    fn open(
        event_loop: &mut EventLoop,
        common: &Common,
        identity: Option<&Identity>,
        place: &str,
    ) -> Result<Self, Failure> {
        // Lines are typed, whatever becomes of them on the wire.
        let wire = Wire { framing: Framing::Line, max: MAX_LINE, ..common.wire };
        let common = &Common { wire, ..common.clone() };
        let (settings, takes_part) = (common.output.report.clone(), identity.is_some());
        if !(identity.is_some_and(|identity| identity.screen) && RawTerminal::is_there()) {
            let pool = event_loop.pool();
            let reporter = Reporter::new(settings);
            let console = Console::open(pool, reporter, common.output.form, takes_part)?;
            let feed = Feed::open(pool, common)?;
            return Ok(Self { console, feed, screen: None, _raw: None });
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "use", "the terminal", &error);
        event_loop.watch_terminal().map_err(fail)?;
        let pool = event_loop.pool();
        let (notices, coloured) = (HeldNotices::default(), settings.color.is_wanted(&io::stdout()));
        let reporter = reporter(settings, &notices);
        let console = Console::open(pool, reporter, common.output.form, true)?;
        let feed = Feed::open(pool, common)?;
        let raw = RawTerminal::enter(notices.clone()).map_err(fail)?;
        let screen = Screen::new(place.to_owned(), notices, coloured);
        Ok(Self { console, feed, screen: Some(screen), _raw: Some(raw) })
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

fn join(config: JoinConfig) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.common)?;
    let place = config.route.address.to_string();
    let common = &config.common;
    let terminal = Terminal::open(&mut event_loop, common, Some(&config.identity), &place)?;
    let pool = event_loop.pool();
    let mut session =
        JoinSession::new(pool, config, terminal.console, terminal.feed, terminal.screen);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

fn group(config: GroupConfig) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.common)?;
    let interfaces = interfaces::list()?;
    let mut found = memberships(&config.group, &interfaces)?;
    let (Some(membership), true) = (found.pop(), found.is_empty()) else {
        let cause = "a room is one group on one interface";
        let target = config.group.to_string();
        return Err(Failure::new(Status::Usage, Kind::Usage, "meet in", target, cause));
    };
    let pool = event_loop.pool();
    let (sockets, warnings) = open(pool, &config, membership)?;
    let place = config.group.to_string();
    let terminal = Terminal::open(&mut event_loop, &config.common, Some(&config.identity), &place)?;
    let pool = event_loop.pool();
    let (console, feed) = (terminal.console, terminal.feed);
    let mut session =
        GroupSession::on_sockets(pool, config, console, feed, sockets, terminal.screen);
    for warning in &warnings {
        session.warn(pool, Kind::SocketOption, warning);
    }
    session.report_listening(pool, &[]);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
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
    let (receiver, said) = JoinSocket::open(membership, port, options)?;
    receiver.join()?;
    warnings.extend(said);
    warnings.dedup();
    let own = sender.local_addr().map_err(fail)?.as_socket().map_or(0, |local| local.port());
    let receiver = receiver.socket().try_clone().map_err(fail)?;
    let sockets = GroupSockets {
        receiver: pool.add_datagrams(Socket::from(receiver)).map_err(fail)?,
        sender: pool.add_datagrams(Socket::from(sender)).map_err(fail)?,
        own,
        group,
        iface,
    };
    Ok((sockets, warnings))
}

fn host(config: HostConfig) -> Result<Status, Failure> {
    sys::process::raise_descriptor_limit();
    let mut event_loop = event_loop(&config.common)?;
    let common = &config.common;
    let (listening, warnings) =
        sockets::listen::listen(&config.address, config.net.family, &config.net.options)?;
    let locals: Vec<(&str, String)> =
        listening.iter().map(|one| (one.proto, one.local.clone())).collect();
    let pool = event_loop.pool();
    let listeners =
        listening.into_iter().map(|one| pool.add_listener(one)).collect::<Result<_, _>>()?;
    let place = locals.first().map_or("", |(_, local)| local.as_str());
    let terminal = Terminal::open(&mut event_loop, common, config.identity.as_ref(), place)?;
    let pool = event_loop.pool();
    let (console, feed) = (terminal.console, terminal.feed);
    let mut session = HostSession::new(pool, config, console, feed, listeners, terminal.screen);
    session.report_listening(pool, &locals);
    for warning in &warnings {
        session.warn(pool, Kind::SocketOption, warning);
    }
    session.start(pool, locals.into_iter().map(|(_, local)| local).collect());
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}
