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
use crate::report::{Color, Reporter, Settings};
use crate::sessions::chat::config::{Chat, Group, Host, Join, Persona};
use crate::sessions::chat::group::Sockets;
use crate::sessions::chat::{GroupSession, HostSession, JoinSession, Notes, Screen, Tty};
use crate::sessions::config::Common;
use crate::sessions::{Console, Feed};
use crate::sockets::datagram::Socket;
use crate::{sockets, sys};

pub(super) fn run(config: Chat) -> Result<Status, Failure> {
    match config {
        Chat::Join(config) => join(*config),
        Chat::Host(config) => host(*config),
        Chat::Group(config) => group(*config),
    }
}

/// Where the person here is.
struct Seat {
    console: Console,
    feed: Feed,
    screen: Option<Screen>,
    /// Holds the terminal for as long as the screen is shown.
    _tty: Option<Tty>,
}

impl Seat {
    fn take(
        event_loop: &mut EventLoop,
        common: &Common,
        persona: Option<&Persona>,
        place: &str,
    ) -> Result<Self, Failure> {
        // Lines are typed, whatever becomes of them on the wire.
        let common = &Common { framing: Framing::Line, ..common.clone() };
        let (settings, takes_part) = (common.report.clone(), persona.is_some());
        if !(persona.is_some_and(|persona| persona.screen) && Tty::is_there()) {
            let pool = event_loop.pool();
            let reporter = Reporter::new(settings);
            let console = Console::open(pool, reporter, common.output, takes_part)?;
            let feed = Feed::open(pool, common, takes_part)?;
            return Ok(Self { console, feed, screen: None, _tty: None });
        }
        let fail = |error: io::Error| Failure::io(Status::Local, "use", "the terminal", &error);
        event_loop.watch_terminal().map_err(fail)?;
        let pool = event_loop.pool();
        let (notes, coloured) = (Notes::default(), settings.color.is_wanted(&io::stdout()));
        let reporter = reporter(settings, &notes);
        let console = Console::open(pool, reporter, common.output, true)?;
        let feed = Feed::open(pool, common, true)?;
        let tty = Tty::enter(notes.clone()).map_err(fail)?;
        let screen = Screen::new(place.to_owned(), notes, coloured);
        Ok(Self { console, feed, screen: Some(screen), _tty: Some(tty) })
    }
}

/// Events go to the screen, unless stderr is elsewhere.
fn reporter(settings: Settings, notes: &Notes) -> Reporter {
    if !io::stderr().is_terminal() {
        return Reporter::new(settings);
    }
    let notes = notes.clone();
    let settings = Settings { color: Color::Never, ..settings };
    Reporter::to(settings, move |line| notes.add(line))
}

fn join(config: Join) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.connect.common)?;
    let place = config.connect.address.to_string();
    let common = &config.connect.common;
    let seat = Seat::take(&mut event_loop, common, Some(&config.persona), &place)?;
    let pool = event_loop.pool();
    let mut session = JoinSession::new(pool, config, seat.console, seat.feed, seat.screen);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

fn group(config: Group) -> Result<Status, Failure> {
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
    let seat = Seat::take(&mut event_loop, &config.common, Some(&config.persona), &place)?;
    let pool = event_loop.pool();
    let (console, feed) = (seat.console, seat.feed);
    let mut session = GroupSession::new(pool, config, console, feed, sockets, seat.screen);
    for warning in &warnings {
        session.warn(pool, warning);
    }
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// The sockets of a room without a host.
fn open(
    pool: &mut Pool,
    config: &Group,
    membership: Membership,
) -> Result<(Sockets, Vec<String>), Failure> {
    let (port, options) = (config.group.port, &config.common.options);
    let group = membership.socket_address(port);
    let fail =
        |error: io::Error| Failure::io(Status::Listen, "meet in", config.group.to_string(), &error);
    let sending =
        SenderOptions { ttl: config.ttl, options: options.clone(), ..SenderOptions::default() };
    let (mouth, mut warnings) = open_sender(membership.group, &membership.interface, &sending)?;
    let iface = membership.interface.name.clone();
    let (ear, said) = JoinSocket::open(membership, port, options)?;
    ear.join()?;
    warnings.extend(said);
    warnings.dedup();
    let own = mouth.local_addr().map_err(fail)?.as_socket().map_or(0, |local| local.port());
    let ear = ear.socket().try_clone().map_err(fail)?;
    let sockets = Sockets {
        ear: pool.add_datagrams(Socket::from(ear)).map_err(fail)?,
        mouth: pool.add_datagrams(Socket::from(mouth)).map_err(fail)?,
        own,
        group,
        iface,
    };
    Ok((sockets, warnings))
}

fn host(config: Host) -> Result<Status, Failure> {
    sys::process::raise_descriptor_limit();
    let mut event_loop = event_loop(&config.common)?;
    let common = &config.common;
    let (listening, warnings) =
        sockets::listen::listen(&config.address, common.family, &common.options)?;
    let locals: Vec<(&str, String)> =
        listening.iter().map(|one| (one.proto, one.local.clone())).collect();
    let pool = event_loop.pool();
    let listeners =
        listening.into_iter().map(|one| pool.add_listener(one)).collect::<Result<_, _>>()?;
    let place = locals.first().map_or("", |(_, local)| local.as_str());
    let seat = Seat::take(&mut event_loop, common, config.persona.as_ref(), place)?;
    let pool = event_loop.pool();
    let (console, feed) = (seat.console, seat.feed);
    let mut session = HostSession::new(pool, config, console, feed, listeners, seat.screen);
    session.report_listening(pool, &locals);
    for warning in &warnings {
        session.warn(pool, warning);
    }
    session.start(pool, locals.into_iter().map(|(_, local)| local).collect());
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}
