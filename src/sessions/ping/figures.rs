//! The figures: during the run, on request, and at the end.

use super::{PingService, ProbeTarget};
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::protocol::ping::bars;
use crate::report::{Figures, Name, SequenceFigures};
use crate::sessions::console::OpenTraffic;
use crate::sessions::streams::Context;

impl PingService {
    /// What is known so far. A probe that may still be answered is not lost yet.
    pub(super) fn figures(&self, pool: &Pool) -> Figures {
        let since = pool.now().checked_sub(self.patience());
        let open = |target: &ProbeTarget| match since {
            Some(since) if !target.pinger.is_done => target.pinger.stream.waiting_since(since),
            _ => 0,
        };
        let open: u64 = self.targets.iter().map(|(_, target)| open(target)).sum();
        Figures::of_probes(&self.tally, self.tally.sent.saturating_sub(open))
    }

    /// At a request for statistics.
    pub(super) fn report_figures(&mut self, context: &mut Context<'_>) {
        let Context { core, pool, .. } = context;
        let open = OpenTraffic::of(pool, self.targets.ids());
        let event = core.console.sums(Name::Stats, pool, open);
        let peer = self.config.route.address.to_string();
        let figures = self.figures(pool);
        core.console.report(pool, &event.peer(&peer).figures(&figures));
    }

    /// The last figures, the histogram, and the judgement on the loss, once.
    pub(super) fn report_result(&mut self, context: &mut Context<'_>) {
        // Without a peer, nothing is measured.
        let is_nobody = self.tally.answered() == 0 && context.core.status() == Status::Connect;
        if std::mem::replace(&mut self.is_judged, true) || self.tally.sent == 0 || is_nobody {
            return;
        }
        self.report_figures(context);
        let picture = self.tally.histogram().as_deref().map(bars).unwrap_or_default();
        context.core.console.show_picture(&picture);
        let Some(sequence) = self.figures(context.pool).sequence else { return };
        if sequence.loss <= self.config.max_loss || context.core.is_decided() {
            return;
        }
        let (target, limit) = (self.config.route.address.to_string(), self.config.max_loss);
        let SequenceFigures { lost, expected, loss, .. } = sequence;
        let cause = format!(
            "{lost} of {expected} probes were lost, {loss:.2} %, and --max-loss is {limit} %"
        );
        let failure = Failure::new(Status::Unmet, Kind::Loss, "accept the loss to", target, cause);
        context.core.fail(context.pool, &failure);
    }
}
