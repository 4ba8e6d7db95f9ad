//! What a listener reports of its sources: figures, doubts, and too much loss.

use std::time::Duration;

use super::listen::ListenSession;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::report::{Figures, Name, Notice};

impl ListenSession {
    /// The sums of the run, and the figures of each source: when a person or a signal asks.
    pub(super) fn report_all(&mut self, pool: &mut Pool) {
        let sums = self.core.console.sums(Name::Stats, pool, &self.sockets.traffic(pool));
        self.core.console.report(pool, &sums);
        self.report_stats(pool, None);
    }

    /// One `stats` event a source: over the interval, or over the whole run. Then one a socket
    /// that has lost datagrams.
    pub(super) fn report_stats(&mut self, pool: &mut Pool, interval: Option<Duration>) {
        for (id, peer, figures) in self.peers.figures(interval) {
            // Of a group that was left there is nothing new to report.
            if interval.is_none() || self.sockets.is_open(id) {
                let notice = Notice::new(Name::Stats).peer(&peer).figures(&figures);
                let notice = of_group(notice, self.sockets.group(id));
                self.core.console.report(pool, &notice);
            }
        }
        for (place, kernel_drops) in self.sockets.take_drops(interval.is_some()) {
            let figures = Figures::of_drops(kernel_drops);
            let notice = Notice::new(Name::Stats).figures(&figures);
            self.core.console.report(pool, &of_group(notice, place.group.as_deref()));
        }
    }

    /// More loss than `--max-loss` allows decides the status.
    pub(super) fn check_loss(&mut self, pool: &mut Pool) {
        let Some(most) = self.max_loss else { return };
        let loss = self.peers.loss_percent();
        if loss > most {
            let cause = format!("{loss:.2} % were lost");
            let target = format!("--max-loss {most} %");
            let failure = Failure::new(Status::Unmet, Kind::Loss, "keep to", target, cause);
            self.core.fail(pool, &failure);
        }
    }

    /// Warns of sources whose numbers cannot be sequence numbers: their loss means nothing.
    pub(super) fn report_doubts(&mut self, pool: &mut Pool) {
        for peer in self.peers.doubtful() {
            let text = format!(
                "the numbers of {peer} do not look like sequence numbers, so its loss means \
                 nothing (does --seq name the right place?)"
            );
            self.core.console.warn(pool, Kind::DoubtfulSequence, &text);
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
