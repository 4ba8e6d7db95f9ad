//! What stdout is for, and its end: after the last data, by its reader, or by a failure.

use std::io::ErrorKind;
use std::time::SystemTime;

use super::Console;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::stdio::StdioKind;
use crate::event_loop::{End, Pool};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::protocol::text::bytes_not;
use crate::report::Name;

/// Where a command has its data go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataTo {
    Stdout,
    /// To a child, a file or a peer, or there is none.
    Elsewhere,
}

impl DataTo {
    pub(crate) fn stdout_if(is_used: bool) -> Self {
        if is_used { Self::Stdout } else { Self::Elsewhere }
    }
}

/// What the end of stdout means for the run.
pub enum StdoutEnd {
    /// Everything was written.
    Flushed,
    /// Its reader left, which is its right.
    Unread,
    /// Data could not be written.
    Failed(Failure),
    /// Its reader did not take all of it before it was given up.
    Undelivered(Failure),
}

impl Console {
    /// No more data comes: a reader behind a pipe or socket is to see the end once all is written,
    /// however long the run goes on. A terminal or file has no reader that waits for an end, and
    /// JSON has a summary to come.
    pub(crate) fn end_output(&mut self, pool: &mut Pool) {
        let has_reader = matches!(self.kind, StdioKind::Pipe | StdioKind::Socket);
        if let Some(stdout) = self.stdout
            && has_reader
            && self.form != Output::Json
        {
            self.commit(pool);
            pool.finish(stdout);
        }
    }

    /// Whether stdout shows what passes to people, which goes on without it.
    pub(crate) fn shows_as_text(&self) -> bool {
        self.is_view && self.form != Output::Json
    }

    /// Whether what passes a relay is for anybody.
    pub(crate) fn shows_passing(&self) -> bool {
        let is_written = matches!(self.form, Output::Written(_));
        self.shows_data || is_written && (self.stdout.is_some() || self.uplink.is_some())
    }

    /// Reports the summary and drains stdout; returns whether that is done already. JSON ends with it;
    /// elsewhere it waits for stdout, whose end may still change the code.
    pub(crate) fn finish(&mut self, pool: &mut Pool, status: Status) -> bool {
        self.finish_long(pool);
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
        match self.stdout {
            Some(stdout) => pool.finish(stdout),
            None => self.finished(pool, status),
        }
        self.stdout.is_none()
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

    /// Forgets stdout, and returns what its end means.
    pub(crate) fn stdout_closed(&mut self, end: &End) -> StdoutEnd {
        (self.stdout, self.full) = (None, false);
        let unwritten = std::mem::take(&mut self.long).bytes();
        match &end.error {
            // EPIPE: a reader such as `head` has left. The loop survives the SIGPIPE that comes
            // with it, and so the run ends in order.
            Some(error) if error.kind() == ErrorKind::BrokenPipe => StdoutEnd::Unread,
            Some(error) => {
                StdoutEnd::Failed(Failure::io(Status::Local, "write to", "stdout", error))
            }
            None => self.undelivered(end, unwritten),
        }
    }

    fn undelivered(&mut self, end: &End, unwritten: usize) -> StdoutEnd {
        let count = (end.unsent.len() + unwritten) as u64 + end.unacknowledged;
        self.totals.undelivered += count;
        if count == 0 {
            return StdoutEnd::Flushed;
        }
        let cause = bytes_not(count, "", "taken in time");
        let failure = Failure::new(Status::Local, Kind::Undelivered, "write to", "stdout", cause);
        StdoutEnd::Undelivered(failure)
    }

    /// Gives up descriptor 1 as well, after the last data.
    pub(crate) fn release_stdout(&self) {
        (self.release)(self.kind);
    }

    /// Writes what fits without waiting, and gives the rest up.
    pub(crate) fn abandon(&mut self, pool: &mut Pool, reason: CloseReason) {
        if let Some(stdout) = self.stdout {
            pool.abort(stdout, reason);
        }
    }
}
