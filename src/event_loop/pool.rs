//! The pool: every source of one loop, and what a handler may do to them. It does not wait and does not
//! call the handler; the turn does both.

use std::collections::VecDeque;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::Registry;

use super::acceptor::Acceptor;
use super::attempts::ConnectPlan;
use super::channel::{Awaited, Channel};
use super::datagrams::Datagrams;
use super::event::{End, SendOutcome};
use super::handshake::Handshaking;
use super::id::{Id, IdMap, Slots};
use super::intake::Intake;
use super::kernel_pipe::KernelPipes;
use super::lifecycle::{ChannelPhase, CloseMode, EndWatch};
use super::lookups::Lookups;
use super::mailbox::Mailbox;
use super::marks::Marks;
use super::messages::Messages;
use super::opening::Network;
use super::recorder::PoolRecorder;
use super::staging::SenderInbox;
use super::timers::{OwnPurpose, Timers};
use crate::close::CloseReason;

/// How long a closed connection may go on sending before it is cut. Closing a socket with unread
/// input makes the kernel answer with RST (RFC 2525, 2.17), which may destroy our own tail.
pub(super) const LINGER: Duration = Duration::from_millis(500);
/// How long a listener rests after the process ran out of descriptors.
pub(super) const STARVED: Duration = Duration::from_millis(100);
/// How often the kernel is asked whether the peer has acknowledged everything; it has no event
/// for that.
const ACKNOWLEDGED: Duration = Duration::from_millis(2);

/// Everything that a loop can wait for.
pub(super) enum PoolSource {
    Channel(Channel),
    Acceptor(Box<Acceptor>),
    Datagrams(Datagrams),
    /// A name for timers, and nothing behind it.
    Reserved,
}

impl PoolSource {
    /// Whether it is removed at the end of this turn.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Channel(channel) => channel.closed.is_some(),
            Self::Acceptor(acceptor) => acceptor.closed.is_some(),
            Self::Datagrams(datagrams) => datagrams.closed.is_some(),
            Self::Reserved => false,
        }
    }
}

/// The sources of one event loop.
pub struct Pool {
    pub(super) registry: Registry,
    pub(super) mailbox: Mailbox,
    /// What other threads send, from the first sender on.
    pub(super) inbox: Option<SenderInbox>,
    /// Where the loop runs, or ran last.
    pub(super) thread: Option<ThreadId>,
    pub(super) sources: Slots<PoolSource>,
    /// What can be read, oldest first.
    pub(super) ready: VecDeque<Id>,
    /// Listeners that can accept, which comes before all reading.
    pub(super) accepting: Vec<Id>,
    /// What has something to flush.
    pub(super) dirty: Vec<Id>,
    /// What is removed at the end of the turn.
    pub(super) closed: Vec<Id>,
    /// Listeners that ran out of descriptors.
    pub(super) starved: Vec<Id>,
    pub(super) timers: Timers,
    /// The plans of connections that are tried more than once.
    pub(super) plans: IdMap<ConnectPlan>,
    pub(super) messages: Messages,
    /// The incoming side of connections that have messages.
    pub(super) intakes: IdMap<Intake>,
    /// The time limits of what is expected on connections.
    pub(super) deadlines: IdMap<Duration>,
    /// Of links.
    pub(super) pipes: KernelPipes,
    /// Accepted connections in their handshake, and the listener of each.
    pub(super) handshakes: IdMap<Handshaking>,
    /// Names that are being looked up, and that are to be.
    pub(super) lookups: Lookups,
    /// How long the loop rests before it polls.
    pub(super) batching: Option<Duration>,
    pub(super) recording: PoolRecorder,
    /// What makes connections in a simulation.
    pub(super) network: Option<Box<dyn Network>>,
    pub(super) now: Instant,
    pub(super) stopped: bool,
    /// What is queued is written before the loop ends.
    pub(super) drains: bool,
    /// The signal that is being handled came from the terminal.
    pub(super) signal_from_tty: bool,
    /// Timers fire to the microsecond.
    pub(super) exact: bool,
}

impl Pool {
    pub(super) fn new(registry: Registry, mailbox: Mailbox, now: Instant) -> Self {
        Self {
            registry,
            pipes: KernelPipes::new(mailbox.clone()),
            mailbox,
            inbox: None,
            thread: None,
            sources: Slots::default(),
            ready: VecDeque::new(),
            accepting: Vec::new(),
            dirty: Vec::new(),
            closed: Vec::new(),
            starved: Vec::new(),
            timers: Timers::default(),
            plans: IdMap::default(),
            messages: Messages::default(),
            intakes: IdMap::default(),
            deadlines: IdMap::default(),
            handshakes: IdMap::default(),
            lookups: Lookups::default(),
            batching: None,
            network: None,
            recording: PoolRecorder::default(),
            now,
            stopped: false,
            drains: false,
            signal_from_tty: false,
            exact: false,
        }
    }

    /// The time of this turn; it does not move while a handler runs.
    pub fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn channel(&self, id: Id) -> Option<&Channel> {
        match self.sources.get(id)? {
            PoolSource::Channel(channel) => Some(channel),
            _ => None,
        }
    }

    pub(super) fn channel_mut(&mut self, id: Id) -> Option<&mut Channel> {
        match self.sources.get_mut(id)? {
            PoolSource::Channel(channel) => Some(channel),
            _ => None,
        }
    }

    /// Sends a copy of `bytes`. They are taken, unless the outcome is `Gone`.
    pub fn send(&mut self, id: Id, bytes: &[u8]) -> SendOutcome {
        self.send_pieces(id, [bytes])
    }

    /// Sends a copy of several pieces, which one system call writes.
    pub(crate) fn send_pieces<const N: usize>(
        &mut self,
        id: Id,
        pieces: [&[u8]; N],
    ) -> SendOutcome {
        let now = self.now;
        let Some(channel) = self.channel_mut(id) else { return SendOutcome::Gone };
        let outcome = channel.send_pieces(pieces, now);
        if outcome == SendOutcome::Full {
            // Where writing has failed, the next flush delivers `Drained`.
            self.mark_dirty(id);
        }
        self.settle(id);
        outcome
    }

    /// Sends a piece that is shared with other queues; it is written at the end of the turn.
    pub fn send_shared(&mut self, id: Id, piece: Bytes) -> SendOutcome {
        let now = self.now;
        let Some(channel) = self.channel_mut(id) else { return SendOutcome::Gone };
        let outcome = channel.send_shared(piece, now);
        self.mark_dirty(id);
        outcome
    }

    /// Writes now what a queue holds and the kernel takes, rather than at the end of the turn.
    pub fn flush(&mut self, id: Id) {
        let now = self.now;
        if let Some(channel) = self.channel_mut(id) {
            channel.flush(now);
            self.mark_dirty(id);
        }
    }

    /// Sets how many bytes make a queue full (256 KiB at first). It drains at a quarter of that. Each
    /// piece of [`Pool::send_shared`] counts as 96 bytes more than it has.
    pub fn set_high_mark(&mut self, id: Id, bytes: usize) {
        if let Some(channel) = self.channel_mut(id) {
            channel.set_high_mark(bytes);
        }
    }

    /// Asks for one `Drained` when everything queued is written; at once if it is already, and the
    /// handshake, where there is one, is done.
    pub fn await_flush(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            channel.awaited = Awaited::Empty;
            self.mark_dirty(id);
        }
    }

    /// Stops reading a connection, or accepting from a listener, until `resume`.
    pub fn pause(&mut self, id: Id) {
        match self.sources.get_mut(id) {
            // The poll does not learn of it, which saves a system call: an edge that comes meanwhile is
            // latched.
            Some(PoolSource::Channel(channel)) => {
                (channel.paused, channel.end_watch) = (true, EndWatch::Resets);
            }
            Some(PoolSource::Acceptor(acceptor)) => acceptor.paused = true,
            Some(PoolSource::Datagrams(datagrams)) => datagrams.paused = true,
            Some(PoolSource::Reserved) | None => {}
        }
    }

    /// Undoes `pause`. What became readable meanwhile has not been forgotten.
    pub fn resume(&mut self, id: Id) {
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => {
                channel.paused = false;
                // An edge-triggered poll is silent about bytes that have left the kernel.
                let has_rest = channel.marks.has(Marks::HELD);
                channel.readable |= has_rest || channel.transport.has_buffered_input();
            }
            Some(PoolSource::Acceptor(acceptor)) => acceptor.paused = false,
            Some(PoolSource::Datagrams(datagrams)) => datagrams.paused = false,
            Some(PoolSource::Reserved) | None => return,
        }
        self.queue_for_read(id);
    }

    pub(super) fn mark_dirty(&mut self, id: Id) {
        let was_dirty = match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => channel.marks.replace(Marks::DIRTY, true),
            Some(PoolSource::Datagrams(datagrams)) => std::mem::replace(&mut datagrams.dirty, true),
            _ => return,
        };
        if !was_dirty {
            self.dirty.push(id);
        }
    }

    /// Handles what follows from a change of a channel: events, flushes, removal.
    pub(super) fn settle(&mut self, id: Id) {
        let now = self.now;
        let Some(channel) = self.channel_mut(id) else { return };
        channel.check_invariants();
        if channel.closed.is_some() {
            return;
        }
        if let Some(reason) = channel.end_reason() {
            if channel.awaits_acknowledgement(now, LINGER) {
                self.await_acknowledgement(id);
            } else {
                self.abort(id, reason);
            }
            return;
        }
        if let (ChannelPhase::Closing(reason), true) = (channel.phase, channel.writing.is_over()) {
            channel.phase = ChannelPhase::Lingering(reason);
            let left = LINGER.saturating_sub(channel.since_fin(now));
            self.arm_own(Some(id), OwnPurpose::Linger, left);
        }
        self.queue_for_read(id);
    }

    /// Looks again for the acknowledgement, the less often the longer it takes.
    fn await_acknowledgement(&mut self, id: Id) {
        let now = self.now;
        let since_all_sent =
            self.channel(id).map_or(Duration::ZERO, |channel| channel.since_all_sent(now));
        // Less and less often: a peer that has been silent for long answers no sooner when asked.
        let pause = (since_all_sent / 8).clamp(ACKNOWLEDGED, LINGER);
        self.arm_own(Some(id), OwnPurpose::Acknowledged, pause);
    }

    /// Takes a source out; `None` where it was a reserved name, or is gone already.
    pub(super) fn remove(&mut self, id: Id) -> Option<End> {
        self.close_staging(id);
        self.forget_plan(id);
        self.forget_links(id);
        self.handshakes.remove(id);
        let source = self.sources.remove(id)?;
        self.timers.forget(id);
        let undelivered = self.forget_intake(id);
        match source {
            PoolSource::Reserved => None,
            PoolSource::Acceptor(acceptor) => {
                self.drop_handshakes(id);
                Some(acceptor.end(&self.registry, self.now))
            }
            PoolSource::Datagrams(datagrams) => Some(datagrams.end(&self.registry)),
            PoolSource::Channel(mut channel) => {
                let reason = channel.closed.unwrap_or(CloseReason::HOST);
                channel.transport.deregister(&self.registry);
                // Before the drop below closes the descriptor: SO_LINGER counts at close(2). A FIN
                // would show the peer a whole stream.
                if channel.close_mode == CloseMode::ResetWhenAcked || !channel.queue.is_empty() {
                    channel.transport.reset();
                }
                channel.transport.closed(reason);
                Some(End {
                    reason,
                    unacknowledged: channel.unacknowledged(),
                    undelivered,
                    error: channel.take_error(),
                    traffic: channel.traffic,
                    unsent: channel.queue.take(),
                })
            }
        }
    }
}
