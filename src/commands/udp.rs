//! `udp-send` and `udp-listen`: sockets, a console and stdin on a loop.

use std::net::SocketAddr;

use super::{broken_loop, datagrams, event_loop, replay};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::sessions::Session;
use crate::sessions::config::{To, UdpListen, UdpSend};
use crate::sessions::datagrams::{ListenSession, ListenSocket, Opener, SendSession};
use crate::sockets::UnixGuard;
use crate::sockets::datagram::{self, Opened};

pub(super) fn send(config: UdpSend) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.send.common)?;
    let pool = event_loop.pool();
    let send = config.send.clone();
    let (console, feed) = datagrams::streams(pool, &send.common, send.reply.is_some())?;
    let opener = Some(Opener::new(config));
    let mut session = SendSession::to_destinations(pool, send, console, feed, Vec::new(), opener);
    session.report_listening(pool, &[]);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

fn add(pool: &mut Pool, opened: Opened) -> Result<Id, Failure> {
    let local = opened.local.clone();
    pool.add_datagrams(opened.socket)
        .map_err(|error| Failure::io(Status::Local, "open", local, &error))
}

/// Open sockets, and what is to be known of them.
pub(super) struct Listening {
    /// What is listened on, by protocol and address.
    pub(super) locals: Vec<(&'static str, String)>,
    pub(super) sockets: Vec<ListenSocket>,
    pub(super) warnings: Vec<String>,
    /// These remove socket files when they are dropped.
    pub(super) guards: Vec<UnixGuard>,
}

/// Opens the sockets of `udp-listen`.
pub(super) fn open(pool: &mut Pool, config: &UdpListen) -> Result<Listening, Failure> {
    let net = &config.net;
    let (mut opened, mut warnings) = (Vec::new(), Vec::new());
    for address in &config.addresses {
        let (all, more) = datagram::listen(address, net.family, &net.options)?;
        opened.extend(all);
        warnings.extend(more);
    }
    warnings.dedup();
    let locals = opened.iter().map(|one| (one.proto, one.local.clone())).collect();
    let (mut sockets, mut guards) = (Vec::new(), Vec::new());
    let times = config.listen.stats || config.listen.max_loss.is_some();
    for mut one in opened {
        if times {
            one.ask_for_times();
        }
        guards.extend(one.cleanup.take());
        let is_v6 = one.local.parse::<SocketAddr>().ok().map(|local| local.is_ipv6());
        sockets.push(ListenSocket { id: add(pool, one)?, is_v6 });
    }
    Ok(Listening { locals, sockets, warnings, guards })
}

pub(super) fn listen(mut config: UdpListen) -> Result<Status, Failure> {
    if let Some(replay) = config.replay.take() {
        return replay::listen(&config, &replay);
    }
    let mut event_loop = event_loop(&config.listen.common)?;
    let pool = event_loop.pool();
    let common = config.listen.common.clone();
    let Listening { locals, sockets, warnings, guards: _guards } = open(pool, &config)?;
    let reply_socket = reply_socket(&config.listen.to, &locals, &sockets)?;
    let (console, feed) = datagrams::streams(pool, &common, true)?;
    let mut session = ListenSession::on_sockets(config.listen, console, feed, &sockets, None);
    session.set_reply_socket(reply_socket);
    session.report_listening(pool, &locals);
    warnings.iter().for_each(|text| session.warn(pool, Kind::SocketOption, text));
    session.start(pool);
    let locals: Vec<String> = locals.into_iter().map(|(_, local)| local).collect();
    session.ready(pool, &locals);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// The socket that `--to ADDR` is sent from: the first one of the address's family.
fn reply_socket(
    to: &To,
    locals: &[(&str, String)],
    sockets: &[ListenSocket],
) -> Result<Option<Id>, Failure> {
    let To::Address(address) = to else { return Ok(None) };
    let fits = |local: &str| local.starts_with('[') == address.is_ipv6();
    let at = locals.iter().position(|(proto, local)| *proto == "udp" && fits(local));
    match at.and_then(|at| sockets.get(at)) {
        Some(socket) => Ok(Some(socket.id)),
        None => {
            let cause = "none of the sockets listened on is of its family";
            Err(Failure::new(Status::Usage, Kind::Usage, "use", format!("--to {address}"), cause))
        }
    }
}
