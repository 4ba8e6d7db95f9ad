//! What commands do to a listener: whom they reach, and what there is.

use std::net::SocketAddr;

use super::commands::{CommandedService, DatagramReceiver};
use super::groups::Groups;
use super::statistics::of_group;
use super::{DatagramContext, ListenService, Sockets};
use crate::error::Failure;
use crate::event_loop::Id;
use crate::protocol::command::Recipient;
use crate::report::{Name, Notice};
use crate::sessions::session::ShutdownMode;
use crate::sys::mmsg::ReturnPath;

impl CommandedService for ListenService {
    /// Every group that is joined, or where there are none every peer that has sent something; or the
    /// group or peer of that name. Another peer can be sent to all the same, where a socket is not
    /// bound to a group.
    fn receivers(
        &mut self,
        context: &mut DatagramContext<'_>,
        to: &Recipient,
    ) -> Result<Vec<DatagramReceiver>, Failure> {
        self.replies.note_sent();
        let found = self.find_receivers(context.sockets, to).into_iter();
        let receiver = |(socket, path): (Id, ReturnPath)| {
            let title = path.to.to_string();
            DatagramReceiver { socket, path: Some(path), title }
        };
        Ok(found.map(receiver).collect())
    }

    fn list(&self, sockets: &Sockets, report: &mut dyn FnMut(&Notice<'_>)) {
        let list = || Notice::new(Name::List);
        for (group, iface) in self.groups.iter().flat_map(Groups::joined) {
            report(&list().group(&group).iface(&iface));
        }
        for (id, peer) in self.statistics.peers.titles() {
            report(&of_group(list().peer(peer), sockets.group(id)));
        }
    }

    fn groups(&mut self) -> Option<&mut Groups> {
        self.groups.as_mut()
    }

    fn has_unsent(&self, sockets: &Sockets) -> bool {
        !sockets.is_flushed() || self.replies.is_loaded()
    }

    fn quit(&mut self, context: &mut DatagramContext<'_>) {
        if self.has_unsent(context.sockets) {
            self.quitting = true;
        } else {
            context.end(ShutdownMode::Enough);
        }
    }
}

impl ListenService {
    fn find_receivers(&self, sockets: &Sockets, to: &Recipient) -> Vec<(Id, ReturnPath)> {
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
}
