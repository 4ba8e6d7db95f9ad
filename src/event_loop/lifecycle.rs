//! The life of a channel: an overall [`ChannelPhase`], one [`Half`] per direction, and the [`CloseMode`]
//! of an orderly close. `channel.rs` draws who moves which.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::channel::Channel;
use super::id::Id;
use super::marks::Marks;
use super::pool::Pool;
use crate::close::CloseReason;

/// How far a channel has come as a whole. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelPhase {
    /// The connection is being made; what is sent waits.
    Connecting,
    /// In use.
    Open,
    /// Closed by the handler: it flushes, sends FIN, and discards what it reads.
    Closing(CloseReason),
    /// Closed and flushed; it waits up to `LINGER` for the peer's FIN.
    Lingering(CloseReason),
}

impl ChannelPhase {
    /// Why the handler closed this channel, if it did.
    pub(super) fn close_reason(self) -> Option<CloseReason> {
        match self {
            Self::Closing(reason) | Self::Lingering(reason) => Some(reason),
            Self::Connecting | Self::Open => None,
        }
    }
}

/// One direction of a channel. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Open,
    /// Of the writing half only: FIN follows once the queue is empty.
    Finishing,
    /// Ended in order, or never was.
    Ended,
    /// The channel keeps the error.
    Failed,
}

impl Half {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed)
    }
}

/// Which directions a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// A connection.
    Both,
    /// Like stdin.
    Read,
    /// Like stdout.
    Write,
}

/// How an orderly close ends: with FIN or RST, and what is awaited first. Every mode writes what
/// is queued before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseMode {
    /// FIN; waits up to 500 ms for the acknowledgement of every byte, and not for the peer's FIN.
    NoWait,
    /// FIN; waits up to 500 ms for the peer's FIN, and then cuts the connection.
    Linger,
    /// FIN; waits like `Linger`, but never cuts while bytes are unacknowledged. A peer that goes on
    /// sending is answered with RST as soon as the socket is gone, which would destroy what the
    /// kernel still holds for it.
    UntilAcked,
    /// RST in place of FIN, so that the peer knows that what came is not all; not before every byte
    /// is acknowledged. A channel without RST just ends.
    ResetWhenAcked,
}

impl CloseMode {
    /// Whether the close waits for the peer's FIN.
    pub(super) fn awaits_fin(self) -> bool {
        matches!(self, Self::Linger | Self::UntilAcked)
    }

    /// Whether the close waits for acknowledgements without a limit.
    pub(super) fn awaits_all_acks(self) -> bool {
        matches!(self, Self::UntilAcked | Self::ResetWhenAcked)
    }
}

/// What a paused channel looks for at the end of what comes in.
///
/// ```text
/// pause ──> Resets     pause_end ──> Off     pause_until_end ──> Unchecked
///
///           an edge                ended, and nothing is unread
/// Quiet ──────────────> Unchecked ──────────────────────────────> Due: the end is read
///   ^                       │
///   └─────── otherwise ─────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) enum EndWatch {
    /// A reset that nothing unread precedes ends it.
    #[default]
    Resets,
    /// Nothing, because its owner has not used all that was read before.
    Off,
    /// A reset as well as an orderly end; there was neither when it last looked.
    Quiet,
    /// The same, and it has to look.
    Unchecked,
    /// The end has come, with nothing before it.
    Due,
}

/// What is known of a channel that has begun to end.
#[derive(Default)]
pub(super) struct ChannelEnd {
    /// Since when everything is sent and only acknowledgements are missing.
    pub(super) all_sent_at: Option<Instant>,
    pub(super) fin_sent_at: Option<Instant>,
    /// Bytes that were not acknowledged at the last look.
    left: u64,
    /// Nothing more is written, and the peer has acknowledged every byte.
    all_acknowledged: bool,
    /// The peer was gone before it had acknowledged everything.
    lost: bool,
    /// A reset that came before the first read; it is reported after all that came ahead of it.
    early_reset: Option<io::Error>,
    /// Why what the peer sent is no message.
    pub(super) bad_frame: Option<io::Error>,
    read_error: Option<io::Error>,
    write_error: Option<io::Error>,
}

impl Channel {
    /// How long the peer has had to answer our FIN.
    pub(super) fn since_fin(&self, now: Instant) -> Duration {
        self.since(now, |ending| ending.fin_sent_at)
    }

    /// The reason to remove this channel, once there is one: both halves are over, or reading has
    /// failed, which means that the peer is gone.
    pub(super) fn end_reason(&self) -> Option<CloseReason> {
        let failed = self.failed();
        let over =
            self.writing.is_over() && (self.reading.is_over() || !self.close_mode.awaits_fin());
        if !over && self.reading != Half::Failed {
            return None;
        }
        match self.phase.close_reason() {
            Some(reason) if self.queue.is_empty() && !self.is_lost() => Some(reason),
            None if !failed => Some(CloseReason::PEER),
            _ => Some(self.failure()),
        }
    }

    /// How it failed: the connection itself, or the framing of what the peer sent.
    fn failure(&self) -> CloseReason {
        let ending = self.end();
        let error = ending.and_then(|it| it.read_error.as_ref().or(it.write_error.as_ref()));
        match error.map(io::Error::kind) {
            Some(ErrorKind::InvalidData) => CloseReason::FRAME,
            Some(ErrorKind::ConnectionRefused) => CloseReason::REFUSED,
            Some(ErrorKind::TimedOut) => CloseReason::UNANSWERED,
            // What only TLS makes of what comes; a server's late refusal is a handshake that has failed.
            Some(ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof | ErrorKind::Other) => {
                CloseReason::TLS
            }
            _ => CloseReason::RESET,
        }
    }

    fn is_lost(&self) -> bool {
        self.end().is_some_and(|ending| ending.lost)
    }

    fn failed(&self) -> bool {
        self.reading == Half::Failed || self.writing == Half::Failed
    }

    /// Whether a channel whose two halves are over in order had better be kept until the peer has
    /// acknowledged what was written: an RST that comes in their place means a loss, and a
    /// closed socket would not learn of it. A FIN alone (which counts as one) is not awaited.
    pub(super) fn awaits_acknowledgement(&mut self, now: Instant, limit: Duration) -> bool {
        if self.failed() {
            return false;
        }
        if !self.is_unacknowledged(now) {
            self.ending().all_acknowledged = true;
            return false;
        }
        let since = *self.ending().all_sent_at.get_or_insert(now);
        self.close_mode.awaits_all_acks() || now.saturating_duration_since(since) < limit
    }

    /// How long everything has been sent while acknowledgements are missing.
    pub(super) fn since_all_sent(&self, now: Instant) -> Duration {
        self.since(now, |ending| ending.all_sent_at)
    }

    /// Whether the connection must not be cut yet, however long the peer sends no FIN.
    pub(super) fn must_be_acknowledged(&mut self, now: Instant) -> bool {
        self.close_mode.awaits_all_acks() && !self.failed() && self.is_unacknowledged(now)
    }

    /// Bytes written that the peer has not acknowledged; the kernel is not asked twice.
    pub(super) fn unacknowledged(&self) -> u64 {
        match self.end() {
            Some(ending) if ending.all_acknowledged => 0,
            _ => self.transport.unacknowledged(),
        }
    }

    /// What the peer has acknowledged since the last look is traffic: it is not idle while it takes
    /// what the kernel holds for it.
    fn is_unacknowledged(&mut self, now: Instant) -> bool {
        // The kernel counts our FIN as one unacknowledged byte.
        let fin = u64::from(self.close_mode != CloseMode::ResetWhenAcked);
        let left = self.transport.unacknowledged();
        if left < std::mem::replace(&mut self.ending().left, left) {
            self.traffic.last_active = now;
        }
        left > fin
    }

    /// Looks for the RST that means such a loss.
    pub(super) fn check_acknowledgement(&mut self) {
        // An RST leaves ECONNRESET in SO_ERROR, or EPIPE after the peer's FIN; asking clears it.
        if let Some(error) = self.transport.take_error() {
            self.ending().lost = true;
            self.fail_writing(error);
        }
    }

    /// The error of the operating system, if this channel failed.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        let ending = std::mem::take(&mut self.extras.as_mut()?.ending);
        // Once a read has returned ETIMEDOUT or ECONNRESET, a write gets EPIPE, which is less exact.
        let is_vague = |error: &io::Error| {
            error.kind() == ErrorKind::BrokenPipe && ending.read_error.is_some()
        };
        let error = ending.write_error.filter(|error| !is_vague(error)).or(ending.read_error);
        ending.bad_frame.or(error)
    }

    /// Keeps a reset that came before the first read: what came ahead of it can still be read.
    pub(super) fn note_early_reset(&mut self, error: io::Error) {
        self.ending().early_reset = Some(error);
    }

    /// A reset, or the end of the kernel's patience with the peer, that something else than a read
    /// has met. The kernel reports it once, and then a read finds an end that is none. A peer that
    /// ends in order and resets what comes later makes it EPIPE (tcp_reset() in Linux): then the end
    /// is one.
    pub(super) fn take_reset(&mut self) -> Option<io::Error> {
        let ending = &mut self.extras.as_mut()?.ending;
        let met = ending.write_error.as_ref().map(io::Error::kind);
        let is_lost = |kind: &ErrorKind| {
            use ErrorKind::{ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
            matches!(kind, ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut)
        };
        let met = met.filter(is_lost).map(io::Error::from);
        ending.early_reset.take().or(met)
    }

    pub(super) fn fail_reading(&mut self, error: io::Error) {
        self.reading = Half::Failed;
        self.ending().read_error = Some(error);
    }

    pub(super) fn fail_writing(&mut self, error: io::Error) {
        self.writing = Half::Failed;
        self.ending().write_error = Some(error);
    }

    pub(super) fn ending(&mut self) -> &mut ChannelEnd {
        &mut self.extras().ending
    }

    fn end(&self) -> Option<&ChannelEnd> {
        self.extras.as_ref().map(|extras| &extras.ending)
    }

    /// The time since a step of the end; none where that has not come.
    fn since(&self, now: Instant, step: impl FnOnce(&ChannelEnd) -> Option<Instant>) -> Duration {
        let since = self.end().and_then(step);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether it is not read: paused, or waiting for the other channel of its link.
    pub(super) fn is_unread(&self) -> bool {
        let waits = self.marks.has(Marks::WAITS) && self.phase == ChannelPhase::Open;
        self.paused || waits
    }

    /// Looks for the end of a connection that is not read and not written: its peer has sent FIN, or
    /// it is paused and nothing is unread. Neither a read nor a write would meet the reset. True where
    /// the peer has closed it in order and reads no more.
    pub(super) fn has_hung_up(&mut self) -> bool {
        // Messages that wait come before the reset.
        let is_used = self.end_watch != EndWatch::Off && !self.marks.has(Marks::HELD);
        let may_be_reset = self.marks.has(Marks::HUNG_UP) && is_used;
        let looks = may_be_reset || self.end_watch == EndWatch::Unchecked;
        if looks && self.is_unread() && self.reading.is_open() {
            let watches = self.end_watch != EndWatch::Resets;
            let (reset, ended) = match self.transport.has_ended() {
                Ok(true) => (self.take_reset(), watches),
                Ok(false) => (None, false),
                Err(error) => (Some(error), false),
            };
            if watches {
                self.end_watch = if ended { EndWatch::Due } else { EndWatch::Quiet };
                if ended {
                    self.readable = true;
                    self.marks.set(Marks::NOTICE, true);
                }
            }
            if let Some(error) = reset {
                self.fail_reading(error);
            }
        }
        // With FIN to be sent the end is near, and what is queued meets the error by itself.
        if !self.marks.has(Marks::HUNG_UP) || self.reading != Half::Ended || !self.writing.is_open()
        {
            return false;
        }
        self.marks.set(Marks::HUNG_UP, false);
        match self.transport.take_error() {
            Some(error) => {
                // What Linux calls EPIPE in SO_ERROR is an RST behind the peer's FIN (tcp_reset()).
                let is_reset = error.kind() == ErrorKind::BrokenPipe;
                self.fail_writing(if is_reset { Errno::CONNRESET.into() } else { error });
                false
            }
            None => self.transport.is_deserted(),
        }
    }

    /// What the tables above promise; the pool asks after each step in debug builds.
    pub(super) fn check_invariants(&self) {
        let ending = self.end();
        let (read_error, write_error) =
            ending.map_or((false, false), |it| (it.read_error.is_some(), it.write_error.is_some()));
        debug_assert!(self.reading != Half::Finishing, "only the writing half has a FIN to send");
        debug_assert_eq!(self.reading == Half::Failed, read_error);
        debug_assert_eq!(self.writing == Half::Failed, write_error);
        debug_assert!(
            self.phase.close_reason().is_none() || !self.writing.is_open(),
            "a closed channel takes nothing more to send"
        );
        debug_assert!(
            !matches!(self.phase, ChannelPhase::Lingering(_)) || self.writing.is_over(),
            "lingering begins when all is written"
        );
    }
}

impl Pool {
    /// Stops reading a connection until `resume`, also where its end has come: for a handler that has
    /// yet to use what it was given.
    pub(crate) fn pause_end(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            (channel.paused, channel.end_watch) = (true, EndWatch::Off);
        }
    }

    /// Stops reading a connection until `resume`, but for an end that nothing unread precedes: `Eof`
    /// and `Closed` come all the same.
    pub(crate) fn pause_until_end(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id)
            && !(channel.paused && channel.end_watch >= EndWatch::Quiet)
        {
            (channel.paused, channel.end_watch) = (true, EndWatch::Unchecked);
            self.mark_dirty(id);
        }
    }
}
