//! Commands to a listener while it runs, from a program or a user at a terminal. Peers have no
//! numbers here: an answer goes to the address that the `data` event of a datagram carries.

use std::net::SocketAddr;

use bytes::Bytes;

use super::groups::Groups;
use super::listen::ListenService;
use super::statistics::of_group;
use super::{DatagramContext, Sockets};
use crate::error::Failure;
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{
    self, Controllable, answer_send, bad_command, not_connected, unsendable,
};
use crate::sessions::core::Core;
use crate::sessions::session::ShutdownMode;
use crate::sys::mmsg::ReturnPath;

const NO_CONNECTIONS: &str = "datagrams have no connections: name the peer, as IP:PORT";

/// A listener and what it acts on, as commands control it.
pub(super) struct Controlled<'a> {
    service: &'a mut ListenService,
    core: &'a mut Core,
    sockets: &'a mut Sockets,
    end: &'a mut Option<ShutdownMode>,
}

impl<'a> Controlled<'a> {
    /// Executes the commands of a piece of stdin.
    pub(super) fn execute_lines(
        service: &'a mut ListenService,
        context: &'a mut DatagramContext<'_>,
        piece: &[u8],
        eof: bool,
    ) {
        let DatagramContext { core, sockets, pool, end } = context;
        control::execute_lines(&mut Controlled { service, core, sockets, end }, pool, piece, eof);
    }
}

impl Controllable for Controlled<'_> {
    fn core(&mut self) -> &mut Core {
        self.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        let Self { service, core, sockets, end } = self;
        service.execute(&mut DatagramContext { core, sockets, pool, end }, line, command)
    }

    fn is_held(&self) -> bool {
        self.service.has_unsent(self.sockets) || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        self.core.input.close(pool);
        if self.service.has_unsent(self.sockets) {
            self.service.quitting = true;
        } else {
            self.end.get_or_insert(ShutdownMode::Enough);
        }
    }
}

impl ListenService {
    fn execute(
        &mut self,
        context: &mut DatagramContext<'_>,
        line: u64,
        command: Command,
    ) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => {
                return self.execute_send(context, line, payload.into(), &to);
            }
            Command::Close(_)
            | Command::Finish(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Read { .. } => {
                return Err(bad_command(line, "datagrams have no connections"));
            }
            Command::Connect { .. } | Command::Listen(_) => {
                let cause = "it makes no connections: tcp-serve and tcp-connect do";
                return Err(bad_command(line, cause));
            }
            Command::List => self.list(context, line),
            Command::Stats => {
                context.report_sums();
                self.statistics.report(context, None);
            }
            Command::Join(group) => self.groups(line)?.join(context, &group.parse()?)?,
            Command::Leave(group) => self.groups(line)?.leave(context, &group.parse()?)?,
            // The lines see to that one.
            Command::Quit => {}
        }
        Ok(())
    }

    fn groups(&mut self, line: u64) -> Result<&mut Groups, Failure> {
        let none = || bad_command(line, "udp-listen has no groups: mcast-join has");
        self.groups.as_mut().ok_or_else(none)
    }

    fn execute_send(
        &mut self,
        context: &mut DatagramContext<'_>,
        line: u64,
        message: Bytes,
        to: &Recipient,
    ) -> Result<(), Failure> {
        if let Recipient::Conn(_) = to {
            return Err(bad_command(line, NO_CONNECTIONS));
        }
        let encoded = context.core.input.encode(message.into());
        let message = encoded.map_err(|error| bad_command(line, error.to_string()))?.into();
        let sent = self.send_to_peers(context, line, &message, to);
        answer_send(&mut context.core.console, context.pool, line, to, sent);
        Ok(())
    }

    /// Sends to all receivers of a command, and returns the one event about it. Of several
    /// receivers, each that fails has an event of its own.
    fn send_to_peers<'t>(
        &mut self,
        context: &mut DatagramContext<'_>,
        line: u64,
        message: &Bytes,
        to: &'t Recipient,
    ) -> Result<Notice<'t>, Failure> {
        let max = context.core.common.wire.max;
        if message.len() > max {
            let cause = format!("a datagram holds {max} bytes at most");
            return Err(unsendable(to, Kind::TooLarge, cause));
        }
        let receivers = self.receivers(context.sockets, to);
        self.replies.note_sent();
        let (several, mut count, mut last) = (receivers.len() > 1, 0, None);
        for (id, peer) in receivers {
            let title = peer.to.to_string();
            match context.send(id, message, &peer) {
                Ok(_) => count += 1,
                Err(error) => {
                    let failure = crate::sockets::datagram::failure(&title, &error);
                    if several {
                        let recipient = Recipient::Peer(title);
                        let failure = Err(failure.clone());
                        let console = &mut context.core.console;
                        answer_send(console, context.pool, line, &recipient, failure);
                    }
                    last = Some(failure);
                }
            }
        }
        let event = Notice::new(Name::Sent).len(message.len()).queued(context.sockets.queued());
        match (count, last, to) {
            (0, Some(failure), _) => Err(failure),
            (0, None, _) => Err(not_connected("send to", to)),
            (_, _, Recipient::Peer(peer)) => Ok(event.peer(peer)),
            (_, _, Recipient::All | Recipient::Conn(_)) => Ok(event.count(count)),
        }
    }

    /// Every group that is joined, or where there are none every peer that has sent something; or the
    /// group or peer of that name. Another peer can be sent to all the same, where a socket is not
    /// bound to a group.
    fn receivers(&self, sockets: &Sockets, to: &Recipient) -> Vec<(Id, ReturnPath)> {
        let in_groups = |only| {
            let groups = self.groups.as_ref()?.destinations(only).into_iter();
            Some(groups.map(|(id, address)| (id, address.into())).collect::<Vec<_>>())
        };
        let Recipient::Peer(peer) = to else {
            return in_groups(None).unwrap_or_else(|| self.statistics.peers.all());
        };
        if let Some(groups) = peer.parse().ok().and_then(|one| in_groups(Some(one)))
            && !groups.is_empty()
        {
            return groups;
        }
        let known = self.statistics.peers.find(peer, sockets.ids());
        let unknown = || {
            let address: SocketAddr = peer.parse().ok()?;
            Some((self.replies.socket_for(&address)?, address.into()))
        };
        known.or_else(unknown).into_iter().collect()
    }

    /// One `list` event a group and one a peer, and one that counts them.
    fn list(&mut self, context: &mut DatagramContext<'_>, line: u64) {
        let (mut number, list) = (0, || Notice::new(Name::List));
        let mut report = |notice: &Notice<'_>| {
            context.core.console.report_batched(context.pool, notice);
        };
        for (group, iface) in self.groups.iter().flat_map(Groups::joined) {
            report(&list().group(&group).iface(&iface));
            number += 1;
        }
        for (id, peer) in self.statistics.peers.titles() {
            report(&of_group(list().peer(peer), context.sockets.group(id)));
            number += 1;
        }
        report(&list().line(line).count(number));
    }
}
