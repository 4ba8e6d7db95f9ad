//! `--forward` and `--exec`: each connection gets a partner, and the two are relayed into each other.
//!
//! The partner is another connection, which `forward` dials, or a child. What moves between a
//! connection and its partner is up to [`Pairs`].

mod forward;

use std::time::Instant;

use super::StreamService;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status, plain};
use crate::event_loop::{CloseMode, End, Event, Id, Pool};
use crate::kind::Kind;
use crate::report::Notice;
use crate::sessions::children::Program;
use crate::sessions::config::Route;
use crate::sessions::console::Message;
use crate::sessions::pairs::Pairs;
use crate::sessions::runners::{Runners, Tie};
use crate::sessions::streams::{Context, Flow};

use forward::Dialer;

/// The end of a connection that cannot be served, because of this machine.
const UNSERVED: CloseReason = CloseReason::new(Cause::Error, Detail::Local);

/// How a partner is made.
enum Partners {
    /// A connection to another address.
    Forward(Dialer),
    /// A child.
    Exec(Runners),
}

/// The partners of all connections.
pub(super) struct Proxy {
    partners: Partners,
    pairs: Pairs,
    /// Bytes that may wait for one side of a pair.
    queue: usize,
}

impl Proxy {
    pub(super) fn forward(route: Route, queue: usize) -> Self {
        Self::new(Partners::Forward(Dialer::new(route)), queue)
    }

    pub(super) fn exec(program: Program, queue: usize) -> Self {
        Self::new(Partners::Exec(Runners::new(program)), queue)
    }

    fn new(partners: Partners, queue: usize) -> Self {
        Self { partners, queue, pairs: Pairs::default() }
    }

    /// Starts the command for a connection, and tells it whom it serves.
    fn start_command(&mut self, context: &mut Context<'_>, id: Id) {
        let (Partners::Exec(children), Some(connection)) =
            (&mut self.partners, context.streams.table.get(id))
        else {
            return;
        };
        let env = vec![
            ("WIRECAT_PEER", connection.peer.to_string().into()),
            ("WIRECAT_LOCAL", connection.local.to_string().into()),
            ("WIRECAT_CONN", connection.number.to_string().into()),
        ];
        match children.start(context.pool, (id, connection.title()), env) {
            Ok(partner) => self.pairs.join(context.pool, id, partner, self.queue),
            Err(failure) => report_missing(context, id, &failure, UNSERVED),
        }
    }

    /// Notes the ends of children. Signals and timers may be for others too.
    fn on_children(&mut self, context: &mut Context<'_>, event: &Event<'_>) {
        let Partners::Exec(children) = &mut self.partners else { return };
        for (served, exit) in children.on(context.pool, event) {
            self.pairs.partner_ended(context.pool, served.near);
            let is_expected = served.tie == Tie::Lost || context.core.is_ending();
            if exit.status() != Status::Done && !is_expected {
                let text = format!("the command of {} ended: {exit}", served.title);
                context.core.console.warn(context.pool, Kind::Command, &text);
            }
            context.parted = true;
        }
    }

    fn partner_closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        let title = match &mut self.partners {
            Partners::Forward(dialer) => dialer.take_title(id),
            Partners::Exec(_) => None,
        };
        let is_lost = self.pairs.far_closed(context.pool, id, end);
        if let (Some(title), true) = (title, is_lost) {
            let cause = match (&end.error, end.unsent.len()) {
                (Some(error), 0) => plain(error),
                (Some(error), unsent) => format!("{}, {unsent} bytes unsent", plain(error)),
                (None, unsent) => format!("{unsent} bytes were not sent"),
            };
            let text = format!("the connection to {title} was lost: {cause}");
            context.core.console.warn(context.pool, Kind::Lost, &text);
            context.streams.note_loss(Status::Lost);
        }
        context.parted = true;
    }
}

/// A connection remains without a partner. A reset tells it so, as if nobody were here.
fn report_missing(context: &mut Context<'_>, id: Id, failure: &Failure, reason: CloseReason) {
    if let Some(connection) = context.streams.table.get(id) {
        let target = format!("{} for {}", failure.target, connection.title());
        let failure = Failure { target, ..failure.clone() };
        let notice = Notice::error(&failure).conn(connection.number);
        context.core.console.report(context.pool, &notice);
        context.streams.note_loss(failure.status);
    }
    context.pool.close(id, reason, CloseMode::ResetWhenAcked);
}

impl StreamService for Proxy {
    fn flow(&self) -> Flow {
        Flow::Relayed
    }

    fn descriptors(&self) -> usize {
        match &self.partners {
            Partners::Forward(_) => 2,
            Partners::Exec(_) => 3,
        }
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        if !context.pool.takes(id) {
            return;
        }
        match &mut self.partners {
            Partners::Forward(_) => self.dial(context, id),
            Partners::Exec(_) => self.start_command(context, id),
        }
    }

    /// What has a partner goes there, before it gets here.
    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        if self.pairs.on(context.pool, event) {
            if let Event::Eof { id } = event {
                context.note_end(*id);
            }
            return true;
        }
        if let Event::Closed { id, end } = event
            && self.pairs.near(*id).is_some()
        {
            self.partner_closed(context, *id, end);
            return true;
        }
        match self.partners {
            Partners::Forward(_) => self.on_dialing(context, event),
            Partners::Exec(_) => {
                self.on_children(context, event);
                false
            }
        }
    }

    /// The connection is gone, and its partner serves nobody any more.
    fn closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        match &mut self.partners {
            Partners::Forward(dialer) => dialer.drop_one(context.pool, id),
            Partners::Exec(children) => children.near_closed(id, end),
        }
        self.pairs.near_closed(context.pool, id, end);
    }

    /// Makes no more partners, and asks all children to end.
    fn end(&mut self, context: &mut Context<'_>) {
        match &mut self.partners {
            Partners::Forward(dialer) => dialer.call_off(context.pool),
            Partners::Exec(children) => children.dismiss(context.pool),
        }
    }

    fn abort(&mut self, context: &mut Context<'_>, reason: CloseReason) {
        self.end(context);
        self.pairs.abort(context.pool, reason);
    }

    /// Asks those children to end whose connection did not end in order.
    fn wind_down(&mut self, context: &mut Context<'_>) -> bool {
        if let Partners::Exec(children) = &mut self.partners {
            children.dismiss_lost(context.pool);
        }
        true
    }

    fn is_idle(&self) -> bool {
        let no_child = match &self.partners {
            Partners::Forward(_) => true,
            Partners::Exec(children) => children.is_empty(),
        };
        no_child && self.pairs.left_behind() == 0
    }

    fn left_behind(&self) -> usize {
        match &self.partners {
            Partners::Forward(_) => self.pairs.left_behind(),
            Partners::Exec(children) => children.left_behind(),
        }
    }

    fn waiting(&self) -> Option<String> {
        match &self.partners {
            Partners::Forward(_) => None,
            Partners::Exec(children) => children.awaited(),
        }
    }

    fn last_active(&self, pool: &Pool, id: Id) -> Option<Instant> {
        self.pairs.last_active(pool, id)
    }

    /// A connection that has no partner yet is not read.
    fn is_awaited(&self, id: Id) -> bool {
        matches!(&self.partners, Partners::Forward(dialer) if dialer.is_for(id))
    }
}
