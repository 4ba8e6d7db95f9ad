//! The sockets of an echo server, and how its loops share them.

use crate::commands::launch::{Launch, on_port};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::{GroupAddress, JoinSocket, interfaces, memberships};
use crate::sessions::config::{Echo, EchoSockets, Net};
use crate::sessions::{GroupInterface, Local};
use crate::sockets::datagram::{self, DatagramSocket, Opened};
use crate::sockets::{Address, OpenListener, Purpose};
use crate::threads::SHARES_PORTS;

/// Ports that are tried until one is free for streams and for datagrams.
const ATTEMPTS: usize = 32;

/// A datagram socket that no loop watches yet.
pub(super) struct UnwatchedSocket {
    socket: DatagramSocket,
    local: String,
    place: GroupInterface,
}

/// Has a loop watch datagram sockets.
pub(super) fn add_all(
    pool: &mut Pool,
    sockets: impl IntoIterator<Item = UnwatchedSocket>,
) -> Result<Vec<(Id, GroupInterface)>, Failure> {
    let add = |UnwatchedSocket { socket, local, place }| {
        let fail = |error| Failure::io(Status::Local, "open", local, &error);
        Ok((pool.add_datagrams(socket).map_err(fail)?, place))
    };
    sockets.into_iter().map(add).collect()
}

/// The sockets of an echo server: streams and datagrams on the same ports, and groups.
pub(super) struct Open {
    /// Those that the main loop has.
    pub(super) listeners: Vec<Id>,
    /// Those of each loop beside it.
    pub(super) waiting: Vec<Vec<OpenListener>>,
    /// The datagram sockets of each loop.
    pub(super) shares: Vec<Vec<UnwatchedSocket>>,
    /// These leave when they are dropped.
    pub(super) groups: Vec<JoinSocket>,
}

impl Open {
    pub(super) fn new(threads: usize) -> Self {
        let shares = (0..threads).map(|_| Vec::new()).collect();
        let waiting = (0..threads).map(|_| Vec::new()).collect();
        Self { listeners: Vec::new(), waiting, shares, groups: Vec::new() }
    }

    pub(super) fn address(
        &mut self,
        launch: &mut Launch,
        address: &Address,
        config: &Echo,
    ) -> Result<(), Failure> {
        let is_inet = matches!(address, Address::Inet { .. });
        // One name is one socket file, and an inherited socket is of one kind.
        let both = is_inet && config.sockets == EchoSockets::Both;
        let (listeners, opened) = match both {
            true => open_both(launch, address, &config.net)?,
            false if config.sockets.has_streams() => {
                (launch.open_listeners(address, &config.net)?, Vec::new())
            }
            false => (Vec::new(), launch.open_datagrams(address, &config.net)?),
        };
        let shares_ports = config.threads > 1 && SHARES_PORTS;
        let shared = on_port(address, opened.first().and_then(|one| one.port));
        if shares_ports {
            let waiting = &mut self.waiting;
            self.listeners.extend(launch.share_listeners(
                address,
                &config.net,
                listeners,
                waiting,
            )?);
        } else {
            for one in listeners {
                self.listeners.push(launch.add_listener(one, &config.net)?);
            }
        }
        if let Some(shared) = shared.filter(|_| shares_ports) {
            for one in &opened {
                one.share_port()?;
                launch.note_local(one);
            }
            self.share(launch, &shared, &config.net)?;
            let opened = opened.into_iter().map(|one| (one.socket, one.local));
            self.add_to_first(opened.map(UnwatchedSocket::plain));
            return Ok(());
        }
        let opened = opened.into_iter().map(|one| launch.take_datagrams(one));
        self.add_to_first(opened.map(UnwatchedSocket::plain));
        Ok(())
    }

    /// Opens a datagram socket on the same port for each loop beside the first one.
    fn share(&mut self, launch: &mut Launch, address: &Address, net: &Net) -> Result<(), Failure> {
        let options = net.options.sharing()?;
        let found = launch.names.addresses(address, net.family, Purpose::Listen)?;
        for share in self.shares.iter_mut().skip(1) {
            // What the kernel has changed was reported for the first ones.
            let (opened, _) = datagram::listen(address, &found, &options)?;
            let opened = opened.into_iter().map(|one| (one.socket, one.local));
            share.extend(opened.map(UnwatchedSocket::plain));
        }
        Ok(())
    }

    fn add_to_first(&mut self, sockets: impl IntoIterator<Item = UnwatchedSocket>) {
        if let Some(first) = self.shares.first_mut() {
            first.extend(sockets);
        }
    }

    pub(super) fn group(
        &mut self,
        launch: &mut Launch,
        group: &GroupAddress,
        config: &Echo,
    ) -> Result<(), Failure> {
        launch.warnings.extend(group.range_warning().map(|text| (Kind::SsmRange, text)));
        for membership in memberships(group, &interfaces::list()?)? {
            let iface = membership.interface.name.clone();
            let address = membership.socket_address(group.port).to_string();
            let options = &config.net.options;
            let (socket, warnings) = JoinSocket::open(membership, group.port, options)?;
            socket.join()?;
            launch.warn_of_options(warnings);
            let fail = |error| Failure::io(Status::Listen, "join", address.clone(), &error);
            // dup(2) gives a second descriptor of one socket: its membership lasts until both are
            // closed.
            let receiver = socket.socket().try_clone().map_err(fail)?;
            let (socket_of_loop, local) = (DatagramSocket::from(receiver), address.clone());
            let place = GroupInterface { group: Some(address.clone()), iface: Some(iface.clone()) };
            // A group sends each of its datagrams to all sockets: one loop answers.
            self.add_to_first([UnwatchedSocket { socket: socket_of_loop, local, place }]);
            self.groups.push(socket);
            launch.locals.push(Local { proto: "udp", address, iface: Some(iface), pin: None });
        }
        Ok(())
    }
}

impl UnwatchedSocket {
    /// A socket of no group.
    fn plain((socket, local): (DatagramSocket, String)) -> Self {
        Self { socket, local, place: GroupInterface::default() }
    }
}

/// Streams and datagrams on the same port, which the kernel chooses for the streams.
fn open_both(
    launch: &mut Launch,
    address: &Address,
    net: &Net,
) -> Result<(Vec<OpenListener>, Vec<Opened>), Failure> {
    let mut attempt = 1;
    loop {
        // The ports of TCP and UDP are apart: one that is free for TCP may be taken for UDP. TCP
        // chooses, and with another round it chooses anew.
        let listeners = launch.open_listeners(address, net)?;
        let chosen = listeners.first().and_then(|one| one.port);
        let (is_free, same) = match (address, chosen) {
            (Address::Inet { host, port: 0 }, Some(port)) => {
                (true, Address::Inet { host: host.clone(), port })
            }
            _ => (false, address.clone()),
        };
        match launch.open_datagrams(&same, net) {
            Err(failure) if is_free && attempt < ATTEMPTS && failure.kind == Kind::AddressInUse => {
                attempt += 1;
            }
            opened => return Ok((listeners, opened?)),
        }
    }
}
