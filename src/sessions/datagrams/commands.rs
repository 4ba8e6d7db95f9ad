//! Commands to a listener while it runs, from a program or a user at a terminal. Peers have no
//! numbers here: an answer goes to the address that the `data` event of a datagram carries.

use bytes::Bytes;

use super::groups::Groups;
use super::listen::ListenService;
use super::statistics::of_group;
use super::{DatagramBase, report_sums};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{Controllable, bad_command, not_connected, send_failed};
use crate::sessions::core::Core;
use crate::sessions::session::ShutdownMode;
use crate::sys::mmsg::Sender;

const NO_CONNECTIONS: &str = "datagrams have no connections: name the peer, as IP:PORT";

/// A listener and its sockets, as commands control them.
pub(super) struct Controlled<'a> {
    pub(super) service: &'a mut ListenService,
    pub(super) base: &'a mut DatagramBase,
}

impl Controllable for Controlled<'_> {
    fn core(&mut self) -> &mut Core {
        &mut self.base.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.execute_send(pool, line, payload.into(), &to)?,
            Command::Close(_) => {
                return Err(bad_command(line, "datagrams have no connections to close"));
            }
            Command::List => self.list(pool, line),
            Command::Stats => {
                report_sums(self.base, pool);
                self.service.statistics.report(self.base, pool, None);
            }
            Command::Join(group) => {
                let group = || group.parse::<GroupAddress>();
                groups(self.service, line)?.join(self.base, pool, &group()?)?;
            }
            Command::Leave(group) => {
                let group = || group.parse::<GroupAddress>();
                groups(self.service, line)?.leave(self.base, pool, &group()?)?;
            }
            Command::Quit => self.quit(pool),
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        self.service.has_unsent(self.base) || self.base.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        self.base.core.input.close(pool);
        if self.service.has_unsent(self.base) {
            self.service.quitting = true;
        } else {
            self.base.end(ShutdownMode::Enough);
        }
    }
}

fn groups(service: &mut ListenService, line: u64) -> Result<&mut Groups, Failure> {
    service
        .groups
        .as_mut()
        .ok_or_else(|| bad_command(line, "udp-listen has no groups: mcast-join has"))
}

impl Controlled<'_> {
    fn execute_send(
        &mut self,
        pool: &mut Pool,
        line: u64,
        message: Bytes,
        to: &Recipient,
    ) -> Result<(), Failure> {
        match to {
            Recipient::Conn(_) => return Err(bad_command(line, NO_CONNECTIONS)),
            Recipient::All if self.service.groups.is_some() => {
                let cause = "nothing is sent to the groups (mcast-send does that): name a peer";
                return Err(bad_command(line, cause));
            }
            Recipient::All | Recipient::Peer(_) => {}
        }
        match self.send_to_peers(pool, line, &message, to) {
            Ok(event) => self.base.core.console.report_batched(pool, &event.line(line)),
            Err(failure) => {
                self.base.core.console.report_batched(pool, &send_failed(line, to, &failure))
            }
        }
        Ok(())
    }

    /// Sends to all receivers of a command, and returns the one event about it. Of several
    /// receivers, each that fails has an event of its own.
    fn send_to_peers<'a>(
        &mut self,
        pool: &mut Pool,
        line: u64,
        message: &Bytes,
        to: &'a Recipient,
    ) -> Result<Notice<'a>, Failure> {
        if message.len() > self.base.core.common.wire.max {
            let cause =
                format!("a datagram holds {} bytes at most", self.base.core.common.wire.max);
            return Err(Failure::new(
                Status::Lost,
                Kind::TooLarge,
                "send to",
                to.to_string(),
                cause,
            ));
        }
        let receivers = self.receivers(to);
        self.service.replies.note_sent();
        let (several, mut count, mut last) = (receivers.len() > 1, 0, None);
        for (id, peer) in receivers {
            let title = peer.to_string();
            match self.base.send(pool, id, message, &peer) {
                Ok(_) => count += 1,
                Err(error) => {
                    let failure = crate::sockets::datagram::failure(&title, &error);
                    if several {
                        let recipient = Recipient::Peer(title);
                        self.base
                            .core
                            .console
                            .report_batched(pool, &send_failed(line, &recipient, &failure));
                    }
                    last = Some(failure);
                }
            }
        }
        let event = Notice::new(Name::Sent).len(message.len()).queued(self.base.sockets.queued());
        match (count, last, to) {
            (0, Some(failure), _) => Err(failure),
            (0, None, _) => Err(not_connected("send to", to)),
            (_, _, Recipient::Peer(peer)) => Ok(event.peer(peer)),
            (_, _, Recipient::All | Recipient::Conn(_)) => Ok(event.count(count)),
        }
    }

    /// Every peer that has sent something, or the one of that name. Another peer can be sent to all
    /// the same, where a socket is not bound to a group.
    fn receivers(&self, to: &Recipient) -> Vec<(Id, Sender)> {
        let Recipient::Peer(peer) = to else { return self.service.statistics.peers.all() };
        let known = self.service.statistics.peers.find(peer, self.base.sockets.ids());
        let unknown = || {
            let address = peer.parse().ok()?;
            Some((self.service.replies.socket_for(&address)?, Sender::Inet(address)))
        };
        known.or_else(unknown).into_iter().collect()
    }

    /// One `list` event a group and one a peer, and one that counts them.
    fn list(&mut self, pool: &mut Pool, line: u64) {
        let mut number = 0;
        for (group, iface) in self.service.groups.iter().flat_map(Groups::joined) {
            self.base
                .core
                .console
                .report_batched(pool, &Notice::new(Name::List).group(&group).iface(&iface));
            number += 1;
        }
        for (id, peer) in self.service.statistics.peers.titles() {
            let group = self.base.sockets.group(id).filter(|_| self.base.sockets.is_open(id));
            let notice = of_group(Notice::new(Name::List).peer(peer), group);
            self.base.core.console.report_batched(pool, &notice);
            number += 1;
        }
        self.base
            .core
            .console
            .report_batched(pool, &Notice::new(Name::List).line(line).count(number));
    }
}
