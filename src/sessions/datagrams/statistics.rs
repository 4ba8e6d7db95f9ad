//! What a listener reports of its sources: figures, doubts, and too much loss.

use std::time::Duration;

use super::DatagramBase;
use super::peers::Peers;
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::protocol::sequence_field::SequenceField;
use crate::report::{Figures, Name, Notice};

/// The sources, and what is reported of them.
pub(super) struct Statistics {
    pub(super) peers: Peers,
    /// `--stats`.
    reported: bool,
    /// `--max-loss`, in percent.
    max_loss: Option<f64>,
}

impl Statistics {
    pub(super) fn new(reported: bool, max_loss: Option<f64>, field: Option<SequenceField>) -> Self {
        Self { peers: Peers::new(reported || max_loss.is_some(), field), reported, max_loss }
    }

    /// Whether figures are reported at the end.
    pub(super) fn are_reported(&self) -> bool {
        self.reported
    }

    /// One `stats` event a source: over the interval, or over the whole run. Then one a socket
    /// that has lost datagrams.
    pub(super) fn report(
        &mut self,
        base: &mut DatagramBase,
        pool: &mut Pool,
        interval: Option<Duration>,
    ) {
        let DatagramBase { core, sockets, .. } = base;
        for (id, peer, figures) in self.peers.figures(interval) {
            // Of a group that was left there is nothing new to report.
            if interval.is_none() || sockets.is_open(id) {
                let notice = Notice::new(Name::Stats).peer(&peer).figures(&figures);
                core.console.report(pool, &of_group(notice, sockets.group(id)));
            }
        }
        for (place, kernel_drops) in sockets.take_drops(interval.is_some()) {
            let figures = Figures::of_drops(kernel_drops);
            let notice = Notice::new(Name::Stats).figures(&figures);
            core.console.report(pool, &of_group(notice, place.group.as_deref()));
        }
    }

    /// More loss than `--max-loss` allows.
    pub(super) fn too_much_loss(&self) -> Option<Failure> {
        let (most, loss) = (self.max_loss?, self.peers.loss_percent());
        (loss > most).then(|| {
            let cause = format!("{loss:.2} % were lost");
            let target = format!("--max-loss {most} %");
            Failure::new(Status::Unmet, Kind::Loss, "keep to", target, cause)
        })
    }

    /// Warns of sources whose numbers cannot be sequence numbers: their loss means nothing.
    pub(super) fn report_doubts(&self, base: &mut DatagramBase, pool: &mut Pool) {
        for peer in self.peers.doubtful() {
            let text = format!(
                "the numbers of {peer} do not look like sequence numbers, so its loss means \
                 nothing (does --seq name the right place?)"
            );
            base.core.console.warn(pool, Kind::DoubtfulSequence, &text);
        }
    }

    /// Forgets the sources of a socket, unless what they sent is counted.
    pub(super) fn socket_closed(&mut self, id: Id) {
        if !self.peers.counts() {
            self.peers.forget(id);
        }
    }
}

/// An event about a source, with its group where it has one.
pub(super) fn of_group<'a>(notice: Notice<'a>, group: Option<&'a str>) -> Notice<'a> {
    match group {
        Some(group) => notice.group(group),
        None => notice,
    }
}
