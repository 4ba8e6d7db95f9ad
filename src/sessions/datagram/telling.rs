//! What a listener tells of its sources: figures and doubts.

use std::time::Duration;

use super::drops::Hearing;
use super::listen::ListenSession;
use crate::event_loop::{Id, Pool, Traffic};
use crate::kind::Kind;
use crate::report::{Figures, Name, Notice};

impl ListenSession {
    /// What is known of a socket, also of one whose group was left.
    fn hearing(&self, id: Id) -> Option<&Hearing> {
        self.ears.get(&id).or_else(|| self.left.get(&id))
    }

    /// Keeps what was counted by a socket that is closed: what was lost while it was heard stays
    /// lost.
    pub(super) fn leave_behind(&mut self, id: Id, hearing: Hearing) {
        if !self.peers.counts() {
            self.peers.forget(id);
        }
        self.left.insert(id, hearing);
    }

    /// The sums of the run, and the figures of each source: when a person or a signal asks.
    pub(super) fn report_all(&mut self, pool: &mut Pool) {
        let open: Vec<Traffic> = self.ears.keys().filter_map(|id| pool.traffic(*id)).collect();
        let sums = self.core.console.sums(Name::Stats, pool, &open);
        self.core.console.report(pool, &sums);
        self.report_stats(pool, None);
    }

    /// One `stats` event a source: over the interval, or over the whole run.
    pub(super) fn report_stats(&mut self, pool: &mut Pool, interval: Option<Duration>) {
        for (id, peer, figures) in self.peers.figures(interval) {
            // Of a group that was left there is nothing new to tell.
            if interval.is_some() && !self.ears.contains_key(&id) {
                continue;
            }
            let event = Notice::new(Name::Stats).peer(&peer).figures(figures);
            let group = self.hearing(id).and_then(|hearing| hearing.place.group.clone());
            let event = match &group {
                Some(group) => event.group(group),
                None => event,
            };
            self.core.console.report(pool, &event);
        }
        self.report_drop_figures(pool, interval.is_some());
    }

    /// What the kernel dropped of each socket, where it did.
    fn report_drop_figures(&mut self, pool: &mut Pool, since_the_last: bool) {
        for hearing in self.ears.values_mut().chain(self.left.values_mut()) {
            let before = if since_the_last { hearing.dropped_before } else { 0 };
            let kernel_drops = hearing.dropped - before;
            hearing.dropped_before = hearing.dropped;
            if kernel_drops > 0 {
                let figures = Figures { kernel_drops, ..Figures::default() };
                let event = Notice::new(Name::Stats).figures(figures);
                let event = match &hearing.place.group {
                    Some(group) => event.group(group),
                    None => event,
                };
                self.core.console.report(pool, &event);
            }
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
