//! `mcast-join` and `mcast-send`: groups, a console and stdin on a loop.

use std::net::SocketAddr;

use super::{broken_loop, datagrams, event_loop};

use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::multicast::{GroupAddress, Interface, SenderOptions, interfaces, open_sender};
use crate::sessions::Session;
use crate::sessions::config::{McastJoin, McastSend};
use crate::sessions::datagrams::by_interface;
use crate::sessions::datagrams::{Groups, ListenSession, SendTo};
use crate::sockets::datagram::Socket;
use crate::sockets::{Address, Purpose, resolve};

pub(super) fn join(config: McastJoin) -> Result<Status, Failure> {
    crate::sys::process::raise_descriptor_limit();
    let mut event_loop = event_loop(&config.listen.common)?;
    let pool = event_loop.pool();
    let common = config.listen.common.clone();
    let groups = Groups::new(config.net.options.clone(), config.rejoin);
    let (console, feed) = datagrams::streams(pool, &common, true)?;
    let mut session = ListenSession::on_sockets(config.listen, console, feed, &[], Some(groups));
    session.report_listening(pool, &[]);
    for group in &config.groups {
        session.join(pool, group)?;
    }
    session.start(pool);
    let locals: Vec<String> = config.groups.iter().map(address).collect();
    session.ready(pool, &locals);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// The first group and its port.
fn address(group: &GroupAddress) -> String {
    SocketAddr::new(group.first, group.port).to_string()
}

pub(super) fn send(config: McastSend) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.send.common)?;
    let pool = event_loop.pool();
    let (mut senders, mut to, mut warnings) = (Senders::default(), Vec::new(), Vec::new());
    let interfaces = interfaces::list()?;
    let to_whom = config.groups.first().map(address).unwrap_or_default();
    for group in &config.groups {
        senders.open(pool, &config, group, &interfaces, &mut to, &mut warnings)?;
    }
    let mut session = datagrams::sender(pool, config.send, to, &warnings)?;
    session.start(pool);
    session.ready_for(pool, &senders.locals, &to_whom);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// One socket an interface and family, however many groups are sent to by it.
#[derive(Default)]
struct Senders {
    open: Vec<(u32, bool, Id)>,
    /// Their own addresses.
    locals: Vec<String>,
}

impl Senders {
    fn open(
        &mut self,
        pool: &mut Pool,
        config: &McastSend,
        group: &GroupAddress,
        interfaces: &[Interface],
        to: &mut Vec<SendTo>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        for (membership, title) in by_interface(group, interfaces)? {
            if config.no_loop && membership.interface.loopback {
                let name = &membership.interface.name;
                warnings.push(format!("--no-loop does nothing on {name}, which is this machine"));
            }
            let (index, is_v6) = (membership.interface.index, membership.group.is_ipv6());
            let known = self.open.iter().find(|(i, v6, _)| (*i, *v6) == (index, is_v6));
            let id = match known {
                Some((_, _, id)) => *id,
                None => {
                    let options = sender_options(config, is_v6)?;
                    let (socket, more) =
                        open_sender(membership.group, &membership.interface, &options)?;
                    warnings.extend(more);
                    let local = socket.local_addr().ok().and_then(|local| local.as_socket());
                    self.locals.extend(local.map(|local| local.to_string()));
                    let id = pool.add_datagrams(Socket::from(socket)).map_err(|error| {
                        Failure::io(Status::Local, "send to", title.clone(), &error)
                    })?;
                    self.open.push((index, is_v6, id));
                    id
                }
            };
            let address = membership.socket_address(group.port);
            to.push(SendTo { ids: vec![id], to: Some(address), title });
        }
        Ok(())
    }
}

fn sender_options(config: &McastSend, is_v6: bool) -> Result<SenderOptions, Failure> {
    let bind = match &config.bind {
        Some(Address::Inet { host, port }) => {
            let all = resolve::resolve(host, *port, config.net.family, Purpose::Listen)?;
            all.iter().find(|address| address.is_ipv6() == is_v6).or(all.first()).copied()
        }
        _ => None,
    };
    Ok(SenderOptions {
        ttl: config.ttl.unwrap_or(1),
        loopback: !config.no_loop,
        bind,
        options: config.net.options.clone(),
    })
}
