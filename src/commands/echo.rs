//! `echo`: listeners and datagram sockets, or the connections of a probe, on a loop.

use super::{broken_loop, event_loop};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{GroupAddress, JoinSocket, interfaces, memberships};
use crate::report::Reporter;
use crate::sessions::config::{Common, Echo, EchoPlace, Net, Ping};
use crate::sessions::{Console, EchoSession, Feed, PingSession, Place, Session};
use crate::sockets::datagram::{self, Opened, Socket};
use crate::sockets::{self, Address, Listening, UnixGuard};

/// Ports that are tried until one is free for streams and for datagrams.
const ATTEMPTS: usize = 32;

pub(super) fn serve(config: Echo) -> Result<Status, Failure> {
    crate::sys::process::raise_descriptor_limit();
    let mut event_loop = event_loop(&config.common)?;
    let pool = event_loop.pool();
    let mut open = Open::default();
    for place in &config.places {
        match place {
            EchoPlace::Address(address) => open.address(pool, address, &config)?,
            EchoPlace::Group(group) => open.group(pool, group, &config)?,
        }
    }
    let Open { listeners, sockets, locals, mut warnings, guards: _guards, groups: _groups } = open;
    warnings.dedup();
    let (console, feed) = streams(pool, &config.common)?;
    let mut session = EchoSession::new(config, console, feed, listeners, sockets);
    session.report_listening(pool, &locals);
    for (kind, text) in &warnings {
        session.warn(pool, *kind, text);
    }
    session.start(pool);
    let locals: Vec<String> = locals.into_iter().map(|(_, local, _)| local).collect();
    session.ready(pool, &locals);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// stdout, and no stdin.
fn streams(pool: &mut Pool, common: &Common) -> Result<(Console, Feed), Failure> {
    let reporter = Reporter::new(common.output.report.clone());
    let console = Console::open(pool, reporter, common.output.form, false)?;
    Ok((console, Feed::open(pool, common)?))
}

/// What is open so far.
#[derive(Default)]
struct Open {
    listeners: Vec<Id>,
    sockets: Vec<(Id, Place)>,
    /// What is listened on: protocol, address, and the interface of a group.
    locals: Vec<(&'static str, String, Option<String>)>,
    /// Warnings, each with its kind.
    warnings: Vec<(Kind, String)>,
    /// These remove socket files when they are dropped.
    guards: Vec<UnixGuard>,
    /// These leave when they are dropped.
    groups: Vec<JoinSocket>,
}

impl Open {
    fn address(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        config: &Echo,
    ) -> Result<(), Failure> {
        let is_inet = matches!(address, Address::Inet { .. });
        // One name is one socket file, and an inherited socket is of one kind.
        let both = is_inet && config.streams && config.datagrams;
        let (listening, opened) = match both {
            true => self.both(address, &config.net)?,
            false if config.streams => (self.listen(address, &config.net)?, Vec::new()),
            false => (Vec::new(), self.open_datagrams(address, &config.net)?),
        };
        for one in listening {
            self.locals.push((one.proto, one.local.clone(), None));
            self.listeners.push(pool.add_listener(one)?);
        }
        for one in opened {
            self.add(pool, one)?;
        }
        Ok(())
    }

    /// Streams and datagrams on the same port, which the kernel chooses for the streams.
    fn both(
        &mut self,
        address: &Address,
        net: &Net,
    ) -> Result<(Vec<Listening>, Vec<Opened>), Failure> {
        let mut attempt = 1;
        loop {
            let listening = self.listen(address, net)?;
            let chosen = listening.first().and_then(|one| one.port);
            let (is_free, same) = match (address, chosen) {
                (Address::Inet { host, port: 0 }, Some(port)) => {
                    (true, Address::Inet { host: host.clone(), port })
                }
                _ => (false, address.clone()),
            };
            match self.open_datagrams(&same, net) {
                Err(failure)
                    if is_free && attempt < ATTEMPTS && failure.kind == Kind::AddressInUse =>
                {
                    attempt += 1;
                }
                opened => return Ok((listening, opened?)),
            }
        }
    }

    fn listen(&mut self, address: &Address, net: &Net) -> Result<Vec<Listening>, Failure> {
        let (all, more) = sockets::listen::listen(address, net.family, &net.options)?;
        self.warn(more);
        Ok(all)
    }

    fn open_datagrams(&mut self, address: &Address, net: &Net) -> Result<Vec<Opened>, Failure> {
        let (all, more) = datagram::listen(address, net.family, &net.options)?;
        self.warn(more);
        Ok(all)
    }

    fn warn(&mut self, texts: Vec<String>) {
        self.warnings.extend(texts.into_iter().map(|text| (Kind::SocketOption, text)));
    }

    fn add(&mut self, pool: &mut Pool, mut one: Opened) -> Result<(), Failure> {
        self.guards.extend(one.cleanup.take());
        self.locals.push((one.proto, one.local.clone(), None));
        self.sockets.push((add(pool, one)?, Place::default()));
        Ok(())
    }

    fn group(
        &mut self,
        pool: &mut Pool,
        group: &GroupAddress,
        config: &Echo,
    ) -> Result<(), Failure> {
        self.warnings.extend(group.range_warning().map(|text| (Kind::SsmRange, text)));
        for membership in memberships(group, &interfaces::list()?)? {
            let iface = membership.interface.name.clone();
            let title = membership.socket_address(group.port).to_string();
            let options = &config.net.options;
            let (socket, more) = JoinSocket::open(membership, group.port, options)?;
            socket.join()?;
            self.warn(more);
            let fail = |error| Failure::io(Status::Listen, "join", title.clone(), &error);
            let receiver = socket.socket().try_clone().map_err(fail)?;
            let id = pool.add_datagrams(Socket::from(receiver)).map_err(fail)?;
            let place = Place { group: Some(title.clone()), iface: Some(iface.clone()) };
            self.sockets.push((id, place));
            self.groups.push(socket);
            self.locals.push(("udp", title, Some(iface)));
        }
        Ok(())
    }
}

fn add(pool: &mut Pool, opened: Opened) -> Result<Id, Failure> {
    let local = opened.local.clone();
    pool.add_datagrams(opened.socket)
        .map_err(|error| Failure::io(Status::Local, "open", local, &error))
}

pub(super) fn ping(config: Ping) -> Result<Status, Failure> {
    crate::sys::process::raise_descriptor_limit();
    let mut event_loop = event_loop(&config.common)?;
    let pool = event_loop.pool();
    let (console, feed) = streams(pool, &config.common)?;
    let mut session = PingSession::new(config, console, feed);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}
