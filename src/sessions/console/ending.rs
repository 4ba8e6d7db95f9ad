//! The end of the output: what waits is written, stdout drains, and the summary comes last.

use std::time::SystemTime;

use super::{Console, StdoutEnd};
use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{End, Pool};
use crate::protocol::output::Output;
use crate::report::{Name, Notice};

impl Console {
    /// No more data comes: whoever reads stdout is to see the end once all is written, however long the
    /// run goes on. JSON has a summary to come.
    pub(crate) fn end_output(&mut self, pool: &mut Pool) {
        if self.stdout.is_used() && self.stdout.has_reader() && self.form != Output::Json {
            self.commit(pool);
            self.stdout.finish(pool);
        }
    }

    /// Reports the summary and drains stdout; returns whether that is done already. JSON ends with it;
    /// elsewhere it waits for stdout, whose end may still change the code.
    pub(crate) fn finish(&mut self, pool: &mut Pool, status: Status) -> bool {
        while !self.long.is_empty() {
            self.write_long(pool);
        }
        self.commit(pool);
        if self.reporter.shows(Name::Summary) {
            // The channel is finished by the time that it is written.
            self.begin_line_for_event(pool);
        }
        self.reporter.end_progress();
        if self.form == Output::Json && self.uplink.is_none() {
            let summary = self.summary(pool, status);
            self.reporter.json_line(&summary, SystemTime::now(), &mut self.pending);
            self.fire(pool, &summary);
            self.commit(pool);
        }
        let is_done = !self.stdout.is_used();
        match is_done {
            true => self.finished(pool, status),
            false => self.stdout.finish(pool),
        }
        is_done
    }

    /// stdout has drained, or is not used.
    pub(crate) fn finished(&mut self, pool: &mut Pool, status: Status) {
        self.reporter.report_all_sums();
        let summary = self.summary(pool, status);
        match self.form {
            Output::Json => self.reporter.report(&summary),
            _ => self.report(pool, &summary),
        }
    }

    fn summary(&self, pool: &Pool, status: Status) -> Notice<'static> {
        self.totals.summary(status, self.age(pool))
    }

    /// Forgets stdout, and returns what its end means.
    pub(crate) fn stdout_closed(&mut self, end: &End) -> StdoutEnd {
        let unwritten = std::mem::take(&mut self.long).bytes();
        let end = self.stdout.closed(end, unwritten);
        if let StdoutEnd::Undelivered(count) = end {
            self.totals.undelivered += count;
        }
        end
    }

    /// Gives up descriptor 1 as well, after the last data.
    pub(crate) fn release_stdout(&self) {
        self.stdout.release();
    }

    /// Writes what fits without waiting, and gives the rest up.
    pub(crate) fn abandon(&self, pool: &mut Pool, reason: CloseReason) {
        self.stdout.abandon(pool, reason);
    }
}
