//! One connection as the model sees it: what the other side is to get, and how it ended.

use std::time::{Duration, Instant};

use wirecat::close::{Cause, CloseReason, Detail};
use wirecat::event_loop::{End, Id};
use wirecat::framing::Framing;
use wirecat::protocol::slow::{Policy, SlowRules};

use super::actor::{Actor, Temper};
use super::stage::Cut;
use super::wire::Far;

/// How long a connection may take to close in order: the linger, and as long for the last
/// acknowledgement.
const CLOSING: Duration = Duration::from_millis(1010);

pub(super) struct Guest {
    pub(super) id: Id,
    /// Its place among the actors.
    pub(super) actor: usize,
    pub(super) temper: Temper,
    wire: Far,
    /// What it is to get, message by message.
    pub(super) expected: Vec<Vec<u8>>,
    /// It is sent what comes.
    pub(super) listens: bool,
    pub(super) cut: Cut,
    /// The session has met its end.
    pub(super) ended: bool,
    /// What it says, from first to last.
    says: Vec<u8>,
    /// Bytes of it that were read.
    pub(super) delivered: usize,
    pub(super) last_data: Instant,
    /// When its queue became full, if it is.
    full_since: Option<Instant>,
    /// When the session last looked whether it is idle, and since when it was.
    pub(super) idle: Option<(Instant, Instant)>,
    pub(super) left: Option<Left>,
    /// When it last got company after having been alone.
    pub(super) joined: Instant,
}

/// The end of a connection, as the loop told it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) reason: CloseReason,
    pub(super) unsent: usize,
    pub(super) at: Instant,
}

impl Left {
    pub(super) fn new(end: &End, at: Instant) -> Self {
        Self { reason: end.reason, unsent: end.unsent.len(), at }
    }

    /// SPEC 1.3: a reset, an error, or bytes that were not sent.
    pub(super) fn is_loss(&self) -> bool {
        self.reason.cause == Cause::Error || self.unsent > 0
    }
}

impl Guest {
    pub(super) fn new(
        id: Id,
        place: usize,
        actor: &Actor,
        framing: &Framing,
        now: Instant,
    ) -> Self {
        Self {
            id,
            actor: place,
            temper: actor.temper,
            wire: actor.wire.clone(),
            expected: Vec::new(),
            listens: true,
            cut: Cut::new(framing),
            ended: false,
            says: actor.to_send.clone(),
            delivered: 0,
            last_data: now,
            full_since: None,
            idle: None,
            left: None,
            joined: now,
        }
    }

    /// What was read of it since this was last asked; of a link there is no other sign.
    pub(super) fn read_since(&mut self, received: u64) -> Vec<u8> {
        let received = usize::try_from(received).expect("a size");
        let since = self.says[self.delivered..received].to_vec();
        self.delivered = received;
        since
    }

    pub(super) fn note_queue(&mut self, queued: usize, high: usize, now: Instant) {
        if queued >= high {
            self.full_since.get_or_insert(now);
        } else if queued <= high / 4 {
            self.full_since = None;
        }
    }

    pub(super) fn note_idle(&mut self, now: Instant) {
        if self.left.is_none() {
            self.idle = Some((now, self.last_data.max(self.wire.last_write())));
        }
    }

    /// It was closed, under these limits.
    pub(super) fn leave(&mut self, left: Left, idle: Option<Duration>, slow: SlowRules) {
        assert!(self.left.is_none(), "closed twice: {self:?} {left:?}");
        self.left = Some(left);
        self.listens = false;
        match left.reason {
            CloseReason::SLOW => self.check_slow(left.at, slow),
            CloseReason { cause: Cause::Timeout, detail: Detail::Idle } => {
                self.check_idle(&left, idle.expect("an idle limit"));
            }
            _ => {}
        }
    }

    /// SPEC 7, slow clients: kicked once it has drained nothing for --slow-after, and not much
    /// later.
    fn check_slow(&self, now: Instant, SlowRules { policy, after }: SlowRules) {
        assert!(matches!(policy, None | Some(Policy::Kick)), "kicked by {policy:?}");
        if after.is_zero() {
            return;
        }
        let still = matches!(self.temper, Temper::Stuck(..) | Temper::Wedged(_));
        assert!(still, "not slow and kicked: {self:?}");
        let full_since = self.full_since.expect("it was full before");
        let stalled = now - full_since.max(self.wire.last_write());
        // One client alone is waited for, and looked at every so often. What the far side has
        // taken since the last look puts it off by as much again.
        let on_time = policy.is_none() || stalled <= 2 * after;
        assert!(stalled >= after && on_time, "kicked after {stalled:?} of {after:?}: {self:?}");
        let late = now - full_since.max(self.wire.last_write()).max(self.joined);
        assert!(late <= 2 * after, "kicked {late:?} after there was company: {self:?}");
    }

    /// SPEC 5, --idle-timeout: closed when nothing has gone through for so long, and then.
    /// While clients are not read because of somebody else, it is put off by as much again.
    fn check_idle(&self, left: &Left, limit: Duration) {
        let (at, since) = self.idle.expect("somebody looked");
        let idle = at - since;
        let over = idle.as_nanos().checked_rem(limit.as_nanos());
        assert!(idle >= limit && over == Some(0), "idle for {idle:?}: {self:?}");
        let closing = left.at - at;
        assert!(closing <= CLOSING, "closed {closing:?} later: {self:?}");
        // Who drains nothing is not read either.
        let talks = self.wire.unread() > 0 && self.wire.last_offer() < at && left.unsent == 0;
        assert!(!talks, "closed as idle while nobody read what it said: {self:?}");
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expected: usize = self.expected.iter().map(Vec::len).sum();
        write!(
            out,
            "{:?} {:?} expects {expected} in {} delivered {} listens {} idle {:?} {:?}",
            self.id,
            self.temper,
            self.expected.len(),
            self.delivered,
            self.listens,
            self.idle.map(|(at, since)| at - since),
            self.left
        )
    }
}
