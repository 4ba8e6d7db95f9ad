//! Which peers a listener takes datagrams of.

use crate::event_loop::Id;
use crate::protocol::access::Access;
use crate::sys::mmsg::Sender;

/// `--allow`, `--deny` and `--first-peer`.
pub(super) struct PeerAdmission {
    access: Access,
    first_peer: bool,
    /// The first peer, and the socket that it sent to.
    chosen: Option<(Id, Sender)>,
}

impl PeerAdmission {
    pub(super) fn new(access: Access, first_peer: bool) -> Self {
        Self { access, first_peer, chosen: None }
    }

    pub(super) fn admits(&mut self, id: Id, from: &Sender) -> bool {
        if let Sender::Inet(address) = from
            && !self.access.admits(address.ip())
        {
            return false;
        }
        if !self.first_peer {
            return true;
        }
        let chosen = self.chosen.get_or_insert_with(|| (id, from.clone()));
        chosen.0 == id && chosen.1 == *from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_peer_on_its_socket_is_admitted() {
        let (first, other) = (Id::for_tests(1), Id::for_tests(2));
        let peer = |port| Sender::Inet(([127, 0, 0, 1], port).into());
        let mut admission = PeerAdmission::new(Access::default(), true);
        for (id, port, expected) in
            [(first, 1, true), (first, 2, false), (other, 1, false), (first, 1, true)]
        {
            assert_eq!(admission.admits(id, &peer(port)), expected, "{id:?} {port}");
        }
    }
}
