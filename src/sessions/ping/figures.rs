//! The figures: during the run, on request, and at the end.

use super::PingSession;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::protocol::ping::bars;
use crate::report::{Figures, Name, SequenceFigures};
use crate::sessions::console::OpenTraffic;

impl PingSession {
    /// What is known so far. A probe that may still be answered is not lost yet.
    fn figures(&self, pool: &Pool) -> Figures {
        let since = pool.now().checked_sub(self.patience());
        let open = |target: &super::ProbeTarget| match since {
            Some(since) if !target.pinger.is_done => target.pinger.stream.waiting_since(since),
            _ => 0,
        };
        let open: u64 = self.targets.values().map(open).sum();
        Figures::of_probes(&self.tally, self.tally.sent.saturating_sub(open))
    }

    /// At a request for statistics.
    pub(super) fn report_figures(&mut self, pool: &mut Pool) {
        let open = OpenTraffic::of(pool, self.targets.keys().copied());
        let event = self.core.console.sums(Name::Stats, pool, open);
        let peer = self.config.route.address.to_string();
        let figures = self.figures(pool);
        self.core.console.report(pool, &event.peer(&peer).figures(&figures));
    }

    /// The line of a run under way.
    pub(super) fn show_figures(&mut self, pool: &mut Pool) {
        let words = format!("{} {:#}", self.config.route.address, self.figures(pool));
        self.core.console.show_line(pool, words);
    }

    /// The last figures, the histogram, and the judgement on the loss.
    pub(super) fn report_result(&mut self, pool: &mut Pool) {
        // Without a peer, nothing is measured.
        let is_nobody = self.tally.answered() == 0 && self.core.status() == Status::Connect;
        if self.tally.sent == 0 || is_nobody {
            return;
        }
        self.report_figures(pool);
        let picture = self.tally.histogram().as_deref().map(bars).unwrap_or_default();
        self.core.console.show_picture(&picture);
        let Some(sequence) = self.figures(pool).sequence else { return };
        if sequence.loss <= self.config.max_loss || self.core.is_decided() {
            return;
        }
        let (target, limit) = (self.config.route.address.to_string(), self.config.max_loss);
        let SequenceFigures { lost, expected, loss, .. } = sequence;
        let cause = format!(
            "{lost} of {expected} probes were lost, {loss:.2} %, and --max-loss is {limit} %"
        );
        let failure = Failure::new(Status::Unmet, Kind::Loss, "accept the loss to", target, cause);
        self.core.fail(pool, &failure);
    }
}
