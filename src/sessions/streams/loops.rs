//! The connections of a run that several loops serve: what a session knows of the other loops, and
//! what its own loop is asked to do. `threads` has the mailboxes between them.

use bytes::Bytes;

use super::StreamSession;
use super::connections::Origin;
use crate::error::{Failure, Status};
use crate::event_loop::{Detached, Id, Pool};
use crate::sessions::console::{OpenTraffic, Totals};
use crate::sessions::core::Disposition;
use crate::sessions::services::{Profile, StreamService};
use crate::sessions::session::Session;
use crate::sockets::Endpoint;

/// A connection that was let in, and that no table has yet.
pub(crate) struct NewConnection {
    pub(crate) id: Id,
    pub(crate) number: u64,
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
}

/// Who has sent what every connection gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A connection, which does not get it itself.
    Connection(Id),
    /// A connection of another loop.
    OtherLoop,
    /// The run, with its input.
    Run,
}

impl Author {
    /// The same for the other loops.
    pub(crate) fn elsewhere(self) -> Self {
        match self {
            Self::Connection(_) | Self::OtherLoop => Self::OtherLoop,
            Self::Run => Self::Run,
        }
    }
}

/// The other loops of a run.
pub(crate) trait OtherLoops {
    /// Sends a piece of `messages` messages to all of their connections.
    fn broadcast(&mut self, author: Author, piece: &Bytes, messages: u64);

    /// Whether one of them has not taken much of what was sent to it.
    fn are_full(&self) -> bool;

    /// Whether one of them brings connections to this one.
    fn bring(&self) -> bool;

    /// Notes that one of them has taken `bytes` of what was sent to it.
    fn note_taken(&mut self, by: usize, bytes: usize);

    /// One of them has ended.
    fn note_gone(&mut self, which: usize);

    /// No more connections are brought.
    fn note_last(&mut self);
}

/// What a session knows of the other loops of its run, where it has any.
#[derive(Default)]
pub(crate) struct Loops {
    others: Option<Box<dyn OtherLoops>>,
    /// How many connections they and this one serve, as far as this one was told.
    pub(crate) crowd: usize,
}

impl Loops {
    /// The other loops, where they were set.
    pub(crate) fn others(&mut self) -> Option<&mut (dyn OtherLoops + 'static)> {
        self.others.as_deref_mut()
    }

    /// Whether one of them brings connections to this one.
    pub(super) fn bring(&self) -> bool {
        self.others.as_ref().is_some_and(|others| others.bring())
    }

    /// Whether one of them has not taken much of what was sent to it.
    pub(super) fn are_full(&self) -> bool {
        self.others.as_ref().is_some_and(|others| others.are_full())
    }
}

/// What one loop has moved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoopFigures {
    /// Of what is over.
    pub(crate) totals: Totals,
    /// Of the connections that still live.
    pub(crate) open: OpenTraffic,
    /// How many these are.
    pub(crate) clients: usize,
}

/// A session that shares its run with others.
pub(crate) struct ServingLoop<'a>(pub(crate) &'a mut StreamSession);

impl ServingLoop<'_> {
    /// Puts another service in the place of the one that the session was made with, whose profile
    /// stays but for what the new one makes of it.
    pub(crate) fn replace_service(
        self,
        make: impl FnOnce(Profile) -> (Profile, Box<dyn StreamService>),
    ) {
        (self.0.streams.profile, self.0.service) = make(self.0.streams.profile);
    }

    /// Sets the other loops.
    pub(crate) fn set_others(self, others: Box<dyn OtherLoops>) {
        self.0.streams.loops.others = Some(others);
    }

    /// The other loops, where they were set.
    pub(crate) fn others(&mut self) -> Option<&mut (dyn OtherLoops + 'static)> {
        self.0.streams.loops.others()
    }

    /// Sets how many connections the run has.
    pub(crate) fn set_crowd(self, crowd: usize) {
        self.0.streams.loops.crowd = crowd;
    }

    /// Serves a connection that another loop has let in.
    ///
    /// # Errors
    /// The poll has no room for it.
    pub(crate) fn serve(
        self,
        pool: &mut Pool,
        connection: Detached,
        (number, peer, local): (u64, Endpoint, Endpoint),
    ) -> Result<Id, Failure> {
        let session = self.0;
        let id = pool.attach_open(connection)?;
        session.insert(pool, id, number, (peer, local));
        session.begin(pool, id, Origin::Accepted);
        session.event_done(pool);
        Ok(id)
    }

    /// Sends what another loop passes on to all connections of this one.
    pub(crate) fn broadcast(self, pool: &mut Pool, author: Author, piece: &Bytes, messages: u64) {
        let StreamSession { core, streams, .. } = &mut *self.0;
        streams.broadcast_here(core, pool, author, (piece, messages));
        self.0.event_done(pool);
    }

    /// Whether a connection of this loop makes those who send to it wait.
    pub(crate) fn is_blocking(&self) -> bool {
        self.0.streams.slow.is_blocking()
    }

    /// Takes up what had to wait for another loop.
    pub(crate) fn resume(self, pool: &mut Pool) {
        let session = self.0;
        match session.core.resume(pool) {
            Disposition::Resume => Session::resume(session, pool),
            _ if session.core.is_over() => {}
            _ => session.event_done(pool),
        }
    }

    /// No more connections come: where none is left, the session ends.
    pub(crate) fn expect_no_more(mut self, pool: &mut Pool) {
        if let Some(others) = self.others() {
            others.note_last();
        }
        self.0.on_parted(pool);
    }

    /// What the loop has moved.
    pub(crate) fn figures(&self, pool: &Pool) -> LoopFigures {
        let open = OpenTraffic::of(pool, self.0.open_ids());
        LoopFigures { totals: self.0.core.console.totals, open, clients: self.len() }
    }

    /// What the ends of connections mean for the status, where they mean anything.
    pub(crate) fn loss(&self) -> Option<Status> {
        self.0.streams.losses.status()
    }

    /// How many connections it has.
    pub(crate) fn len(&self) -> usize {
        self.0.streams.table.len()
    }

    /// Whether it has listeners of its own.
    pub(crate) fn listens(&self) -> bool {
        !self.0.streams.listeners.is_empty()
    }

    /// Why accepting has failed for want of descriptors, if it has.
    pub(crate) fn starvation(&self) -> Option<&str> {
        self.0.streams.admission.starvation()
    }
}
