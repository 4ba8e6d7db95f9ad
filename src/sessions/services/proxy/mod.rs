//! `--forward` and `--exec`: each connection gets an upstream, and the two are relayed into each other.
//!
//! The upstream is another connection, which `forward` dials, or a child. What moves between a
//! connection and its upstream is up to [`Relays`].

mod exec;
mod forward;
mod relay;
mod upstream;

use super::{Activity, Profile, Remains, StreamService, UNSERVED};
use crate::close::CloseReason;
use crate::error::{Failure, Status, plain};
use crate::event_loop::{CloseMode, End, Event, Id, IdMap, Observed, Pool, Signal};
use crate::kind::Kind;
use crate::protocol::text::{bytes_not, number};
use crate::report::Notice;
use crate::sessions::children::{ChildPurpose, Program};
use crate::sessions::config::Route;
use crate::sessions::console::{Console, Message};
use crate::sessions::streams::{Context, EndMode, Flow, Scope};

use exec::ExecChildren;
use forward::UpstreamDialer;
use relay::Relays;

/// How an upstream is made.
enum Upstreams {
    /// A connection to another address.
    Forward(Box<UpstreamDialer>),
    /// A child.
    Exec(Box<ExecChildren>),
}

/// The upstreams of all connections.
pub(super) struct Proxy {
    upstreams: Upstreams,
    relays: Relays,
    /// The connections whose bytes are shown as they pass: the number of each, and its peer.
    watched: IdMap<(u64, String)>,
}

impl Proxy {
    pub(super) fn forward(route: Route) -> Self {
        Self::new(Upstreams::Forward(Box::new(UpstreamDialer::new(route))))
    }

    pub(super) fn exec(program: Program) -> Self {
        Self::new(Upstreams::Exec(Box::new(ExecChildren::new(program))))
    }

    fn new(upstreams: Upstreams) -> Self {
        Self { upstreams, relays: Relays::default(), watched: IdMap::default() }
    }

    fn stop(&mut self, context: &mut Context<'_>) {
        match &mut self.upstreams {
            Upstreams::Forward(dialer) => dialer.cancel(context.pool),
            Upstreams::Exec(_) => {
                context.core.children.terminate_all(context.pool, ChildPurpose::Connection);
            }
        }
    }

    /// Has what passes through a connection shown, where anybody looks at it.
    fn watch(&mut self, context: &mut Context<'_>, id: Id) {
        if let Some(connection) = context.streams.table.get(id)
            && context.core.console.shows_passing()
        {
            self.watched.insert(id, (connection.number, connection.peer.to_string()));
            context.pool.observe(id);
        }
    }

    /// Shows what has passed, as much of it as there is room for.
    fn show_passing(&mut self, context: &mut Context<'_>) {
        self.show_while(context, |console| !console.is_full());
    }

    /// Shows all that has passed before the end of a connection is reported. Where the console has no room
    /// for it, nothing more passes until it has: what is shown so is bounded by what the pool lets wait.
    fn show_before_end(&mut self, context: &mut Context<'_>, id: Id) {
        if self.watched.contains(id) {
            self.show_while(context, |_| true);
            context.pool.hold_observed(context.core.console.is_full());
        }
    }

    /// Shows what has passed while the console is to have it.
    fn show_while(&mut self, context: &mut Context<'_>, goes_on: impl Fn(&Console) -> bool) {
        let Context { core, pool, .. } = context;
        if !core.console.shows_passing() {
            // Nobody looks any more, and the relays go on.
            return pool.end_observing();
        }
        while goes_on(&core.console) {
            let Some(Observed { id, direction, bytes }) = pool.take_observed() else { break };
            if let Some((number, peer)) = self.watched.get(id) {
                let (conn, direction) = (Some(*number), Some(direction));
                let message = Message { conn, direction, ..Message::new(&bytes, peer) };
                core.console.deliver(pool, &message);
            }
        }
        core.console.commit(pool);
    }

    fn upstream_closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        let title = match &mut self.upstreams {
            Upstreams::Forward(dialer) => dialer.take_title(id),
            Upstreams::Exec(_) => None,
        };
        let client = self.relays.client_of(id);
        let is_lost = self.relays.upstream_closed(context.pool, id, end);
        // One that was ended because its client was lost is no other loss: that one is reported.
        let is_lost = is_lost && (end.error.is_some() || !end.unsent.is_empty());
        if let (Some(title), true) = (title, is_lost) {
            let cause = match (&end.error, end.unsent.len()) {
                (Some(error), 0) => plain(error),
                (Some(error), unsent) => {
                    format!("{}, {} unsent", plain(error), number(unsent as u64, "byte"))
                }
                (None, unsent) => bytes_not(unsent as u64, "", "sent"),
            };
            let text = format!("the connection to {title} was lost: {cause}");
            context.core.console.warn(context.pool, Kind::Lost, &text);
            context.streams.note_loss(Status::Lost);
            if let Some(client) = client {
                context.report_unseen(client);
            }
        }
        context.parted = true;
    }
}

/// A connection remains without an upstream. Resets it, as a closed port would.
fn report_missing(context: &mut Context<'_>, id: Id, failure: &Failure, reason: CloseReason) {
    if let Some(connection) = context.streams.table.get(id) {
        let mut failure = failure.clone();
        failure.target = format!("{} for {}", failure.target, connection.title());
        let notice = Notice::error(&failure).conn(connection.number);
        context.core.console.report(context.pool, &notice);
        context.streams.note_loss(failure.status);
    }
    context.pool.close(id, reason, CloseMode::ResetWhenAcked);
}

impl StreamService for Proxy {
    fn profile(&self) -> Profile {
        let descriptors = match &self.upstreams {
            // The connection, and the socket of its upstream.
            Upstreams::Forward(_) => 2,
            // The connection, and our end of the socket twice: the child's is closed once it runs.
            Upstreams::Exec(_) => 3,
        };
        Profile { descriptors, ..Profile::of(Flow::Relayed) }
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        if !context.pool.takes(id) {
            return;
        }
        self.watch(context, id);
        match &mut self.upstreams {
            Upstreams::Forward(_) => self.dial(context, id),
            Upstreams::Exec(_) => self.start_command(context, id),
        }
    }

    /// What has an upstream goes there, before it gets here.
    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        if let Event::Eof { id } | Event::Closed { id, .. } = event {
            self.show_before_end(context, *id);
            self.await_exit(context, *id);
        }
        match event {
            Event::Data { .. } | Event::Eof { .. } | Event::Drained { .. } => {
                let is_relayed = self.relays.on(context.pool, event);
                if let (Event::Eof { id }, true) = (event, is_relayed) {
                    context.note_end(*id);
                }
                is_relayed
            }
            Event::Closed { id, end } => {
                let is_upstream = self.relays.client_of(*id).is_some();
                if is_upstream {
                    self.upstream_closed(context, *id, end);
                }
                is_upstream
            }
            Event::Observed => {
                self.show_passing(context);
                true
            }
            Event::Signal(Signal::Child) => {
                self.on_exits(context);
                false
            }
            _ => self.on_dialing(context, event),
        }
    }

    fn resume(&mut self, context: &mut Context<'_>) {
        // Also where all that were watched are gone: what was shown of them holds all others back.
        if !context.core.console.is_full() {
            context.pool.hold_observed(false);
        }
        if !self.watched.is_empty() {
            self.show_passing(context);
        }
    }

    /// The connection is gone, and its upstream is orphaned.
    fn closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) {
        self.watched.remove(id);
        match &mut self.upstreams {
            Upstreams::Forward(dialer) => dialer.drop_one(context.pool, id),
            Upstreams::Exec(children) => children.client_closed(id, end),
        }
        self.relays.client_closed(context.pool, id, end);
    }

    /// Makes no more upstreams, and asks all children of a server to end. The child of a client gets
    /// what has come first: its end follows that of the connection.
    fn end(&mut self, context: &mut Context<'_>) {
        if context.streams.scope() == Scope::Connection {
            self.stop(context);
            self.relays.close(context.pool, EndMode::GiveUp, CloseReason::HOST);
        }
    }

    fn abort(&mut self, context: &mut Context<'_>, how: EndMode, reason: CloseReason) {
        self.stop(context);
        self.relays.close(context.pool, how, reason);
    }

    /// A connection whose upstream has not ended is still owed data.
    fn is_owed(&self, id: Id) -> bool {
        !self.relays.has_ended(id)
    }

    /// Asks those children to end whose connection did not end in order.
    fn wind_down(&mut self, context: &mut Context<'_>) -> bool {
        if let Upstreams::Exec(children) = &mut self.upstreams {
            children.terminate_orphans(context.pool, &mut context.core.children);
        }
        true
    }

    fn remains(&self) -> Remains {
        let left_behind = self.relays.left_behind();
        let (orphans, has_children) = match &self.upstreams {
            Upstreams::Forward(_) => (left_behind, false),
            Upstreams::Exec(children) => (children.orphans(), !children.is_empty()),
        };
        Remains { orphans, are_needed: has_children || left_behind > 0 }
    }

    fn waiting(&self) -> Option<String> {
        match &self.upstreams {
            Upstreams::Forward(_) => None,
            Upstreams::Exec(children) => children.awaited(),
        }
    }

    /// A connection that has no upstream yet is not read.
    fn activity(&self, pool: &Pool, id: Id) -> Activity {
        let is_awaited = matches!(&self.upstreams, Upstreams::Forward(dialer) if dialer.is_for(id));
        Activity { last: self.relays.last_active(pool, id), is_awaited }
    }
}
