//! The sockets of an echo server: streams and datagrams on the same ports, and groups.

use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{GroupAddress, JoinSocket, interfaces, memberships};
use crate::sessions::GroupInterface;
use crate::sessions::config::{Echo, EchoPlace, Net};
use crate::sockets::datagram::{self, DatagramSocket, Opened};
use crate::sockets::{self, Address, OpenListener, UnixGuard};

/// Ports that are tried until one is free for streams and for datagrams.
const ATTEMPTS: usize = 32;

/// What is open so far.
#[derive(Default)]
pub(super) struct Open {
    pub(super) listeners: Vec<Id>,
    pub(super) sockets: Vec<(Id, GroupInterface)>,
    /// What is listened on: protocol, address, and the interface of a group.
    pub(super) locals: Vec<(&'static str, String, Option<String>)>,
    /// Warnings, each with its kind.
    pub(super) warnings: Vec<(Kind, String)>,
    /// These remove socket files when they are dropped.
    pub(super) guards: Vec<UnixGuard>,
    /// These leave when they are dropped.
    pub(super) groups: Vec<JoinSocket>,
}

impl Open {
    /// Opens everything that an echo server listens on.
    pub(super) fn all(pool: &mut Pool, config: &Echo) -> Result<Self, Failure> {
        let mut open = Self::default();
        for place in &config.places {
            match place {
                EchoPlace::Address(address) => open.address(pool, address, config)?,
                EchoPlace::Group(group) => open.group(pool, group, config)?,
            }
        }
        open.warnings.dedup();
        Ok(open)
    }

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
    ) -> Result<(Vec<OpenListener>, Vec<Opened>), Failure> {
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

    fn listen(&mut self, address: &Address, net: &Net) -> Result<Vec<OpenListener>, Failure> {
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
        self.sockets.push((add(pool, one)?, GroupInterface::default()));
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
            let id = pool.add_datagrams(DatagramSocket::from(receiver)).map_err(fail)?;
            let place = GroupInterface { group: Some(title.clone()), iface: Some(iface.clone()) };
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
