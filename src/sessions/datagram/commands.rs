//! What a program, or a person at a terminal, asks of a listener while it runs. Peers have no
//! numbers here: a datagram is answered to the address that its `data` event carries.

use bytes::Bytes;

use super::listen::ListenSession;
use super::reports::of_group;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::protocol::command::{Command, Whom};
use crate::report::{Name, Notice};
use crate::sessions::core::Core;
use crate::sessions::datagrams::SendOutcome;
use crate::sessions::orders::{Commanded, not_connected, send_failed, unfit};
use crate::sys::mmsg::Sender;

const NO_CONNECTIONS: &str = "datagrams have no connections: name the peer, as IP:PORT";

impl Commanded for ListenSession {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn obey(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.send_as_told(pool, line, payload.into(), &to)?,
            Command::Close(_) => return Err(unfit(line, "datagrams have no connections to close")),
            Command::List => self.list(pool, line),
            Command::Stats => self.report_all(pool),
            Command::Join(group) => {
                self.check_groups(line)?;
                self.join(pool, &group.parse::<GroupAddress>()?)?;
            }
            Command::Leave(group) => {
                self.check_groups(line)?;
                self.leave(pool, &group.parse::<GroupAddress>()?)?;
            }
            Command::Quit => self.quit(pool),
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        self.has_unsent() || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        if self.has_unsent() {
            self.quitting = true;
            self.core.feed.close(pool);
        } else {
            self.end(pool, CloseReason::HOST);
        }
    }
}

impl ListenSession {
    fn check_groups(&self, line: u64) -> Result<(), Failure> {
        match self.has_groups() {
            true => Ok(()),
            false => Err(unfit(line, "udp-listen has no groups: mcast-join has")),
        }
    }

    fn send_as_told(
        &mut self,
        pool: &mut Pool,
        line: u64,
        message: Bytes,
        to: &Whom,
    ) -> Result<(), Failure> {
        match to {
            Whom::Conn(_) => return Err(unfit(line, NO_CONNECTIONS)),
            Whom::All if self.has_groups() => {
                let cause = "nothing is sent to the groups (mcast-send does that): name a peer";
                return Err(unfit(line, cause));
            }
            Whom::All | Whom::Peer(_) => {}
        }
        match self.send_to_peers(pool, line, &message, to) {
            Ok(event) => self.core.console.report_batched(pool, &event.line(line)),
            Err(failure) => {
                self.core.console.report_batched(pool, &send_failed(line, to, &failure))
            }
        }
        Ok(())
    }

    /// Sends to all whom a command means, and gives the one event that says so. Of several, those
    /// that cannot be sent to are told by themselves.
    fn send_to_peers<'a>(
        &mut self,
        pool: &mut Pool,
        line: u64,
        message: &Bytes,
        to: &'a Whom,
    ) -> Result<Notice<'a>, Failure> {
        if message.len() > self.core.common.wire.max {
            let cause = format!("a datagram holds {} bytes at most", self.core.common.wire.max);
            return Err(Failure::new(
                Status::Lost,
                Kind::TooLarge,
                "send to",
                to.to_string(),
                cause,
            ));
        }
        let receivers = self.receivers(to);
        self.replies.note_sent();
        let (several, mut count, mut last) = (receivers.len() > 1, 0, None);
        for (id, peer) in receivers {
            let title = peer.to_string();
            match self.sockets.send(pool, id, message, &peer) {
                Ok(outcome) => {
                    count += 1;
                    self.core.count_sent(usize::from(outcome == SendOutcome::Sent));
                }
                Err(error) => {
                    let failure = crate::sockets::datagram::failure(&title, &error);
                    if several {
                        let whom = Whom::Peer(title);
                        self.core.console.report_batched(pool, &send_failed(line, &whom, &failure));
                    }
                    last = Some(failure);
                }
            }
        }
        let event = Notice::new(Name::Sent).len(message.len()).queued(self.sockets.queued());
        match (count, last, to) {
            (0, Some(failure), _) => Err(failure),
            (0, None, _) => Err(not_connected("send to", to)),
            (_, _, Whom::Peer(peer)) => Ok(event.peer(peer)),
            (_, _, Whom::All | Whom::Conn(_)) => Ok(event.count(count)),
        }
    }

    /// Every peer that has sent something, or the one of that name. Another peer can be sent to all
    /// the same, where a socket is not bound to a group.
    fn receivers(&self, to: &Whom) -> Vec<(Id, Sender)> {
        let Whom::Peer(peer) = to else { return self.peers.all() };
        let known = self.peers.find(peer, self.sockets.ids());
        let unknown = || {
            let address = peer.parse().ok()?;
            Some((self.replies.socket_for(&address)?, Sender::Inet(address)))
        };
        known.or_else(unknown).into_iter().collect()
    }

    /// Everything that waited is sent.
    pub(super) fn all_sent(&mut self, pool: &mut Pool) {
        if self.core.feed.commands() {
            self.core.console.report(pool, &Notice::new(Name::Drained));
        }
        if std::mem::take(&mut self.quitting) {
            self.end(pool, CloseReason::HOST);
        }
    }

    /// One `list` event a group and one a peer, and one that counts them.
    fn list(&mut self, pool: &mut Pool, line: u64) {
        let mut number = 0;
        for (group, iface) in self.joined() {
            self.core
                .console
                .report_batched(pool, &Notice::new(Name::List).group(&group).iface(&iface));
            number += 1;
        }
        for (id, peer) in self.peers.titles() {
            let group = self.sockets.group(id).filter(|_| self.sockets.is_open(id));
            let notice = of_group(Notice::new(Name::List).peer(peer), group);
            self.core.console.report_batched(pool, &notice);
            number += 1;
        }
        self.core.console.report_batched(pool, &Notice::new(Name::List).line(line).count(number));
    }
}
