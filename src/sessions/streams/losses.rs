//! What the ends of connections mean for the status of the run.

use crate::error::Status;

/// The statuses of losses, of which the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossStatus {
    first: Option<Status>,
    /// The first that came of this side, rather than of a peer or the network.
    own: Option<Status>,
}

impl LossStatus {
    /// Notes a loss. It decides the status of the run, where nothing else has.
    pub(super) fn note(&mut self, status: Status) {
        use Status::{Connect, Handshake, Lost, Resolve, Timeout};
        self.first.get_or_insert(status);
        if !matches!(status, Lost | Timeout | Connect | Resolve | Handshake) {
            self.own.get_or_insert(status);
        }
    }

    /// Leaves what failed on this side alone.
    pub(super) fn forgive_peers(&mut self) {
        self.first = self.own;
    }

    /// The status that follows.
    pub(crate) fn status(self) -> Option<Status> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_loss_counts_and_one_of_this_side_is_not_forgiven() {
        let mut losses = LossStatus::default();
        assert_eq!(losses.status(), None);
        for status in [Status::Lost, Status::Timeout, Status::Local, Status::Unmet] {
            losses.note(status);
        }
        assert_eq!(losses.status(), Some(Status::Lost));
        losses.forgive_peers();
        assert_eq!(losses.status(), Some(Status::Local));
        losses.note(Status::Lost);
        assert_eq!(losses.status(), Some(Status::Local));
    }

    #[test]
    fn what_peers_and_the_network_cost_is_forgiven() {
        let mut losses = LossStatus::default();
        losses.note(Status::Connect);
        losses.forgive_peers();
        assert_eq!(losses.status(), None);
    }
}
