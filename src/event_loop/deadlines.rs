//! Time limits within which something has to come on a connection.

use std::time::Duration;

use super::id::Id;
use super::lifecycle::{ChannelPhase, CloseMode};
use super::marks::Marks;
use super::pool::Pool;
use super::timers::{AnyTimer, OwnPurpose};
use crate::close::{Cause, CloseReason, Detail};

/// The end of a connection on which nothing came in time.
const TOO_LATE: CloseReason = CloseReason::new(Cause::Timeout, Detail::ReadTimeout);

impl Pool {
    /// Closes a connection unless something comes in time: a whole message, or one byte where it has no
    /// framing. The reason is then `timeout`. The limit holds for the next message alone; a handler that
    /// wants each of them in time calls this again at each. A connection that is paused, or still being
    /// made, when the time is up gets as much time again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wirecat::event_loop::{Event, Pool};
    /// # use wirecat::framing::Framing;
    /// fn on(pool: &mut Pool, event: Event<'_>) {
    ///     match event {
    ///         Event::Accepted { id, .. } | Event::Message { id, .. } => {
    ///             pool.expect_within(id, Duration::from_secs(5));
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// ```
    pub fn expect_within(&mut self, id: Id, time: Duration) {
        let Some(channel) = self.channel_mut(id) else { return };
        if channel.reading.is_open() && channel.closed.is_none() {
            channel.marks.set(Marks::EXPECTS, true);
            self.deadlines.insert(id, time);
            self.arm_own(Some(id), OwnPurpose::Expected, time);
        }
    }

    /// What was expected has come, or cannot come any more.
    pub(super) fn stop_expecting(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id)
            && channel.marks.has(Marks::EXPECTS)
        {
            channel.marks.set(Marks::EXPECTS, false);
            self.deadlines.remove(id);
            self.timers.disarm(AnyTimer::own(Some(id), OwnPurpose::Expected));
        }
    }

    /// What was expected has not come.
    pub(super) fn expectation_failed(&mut self, id: Id) {
        let (Some(channel), Some(time)) = (self.channel(id), self.deadlines.get(id).copied())
        else {
            return;
        };
        if channel.paused || channel.phase == ChannelPhase::Connecting {
            self.arm_own(Some(id), OwnPurpose::Expected, time);
        } else {
            self.stop_expecting(id);
            self.close(id, TOO_LATE, CloseMode::Linger);
        }
    }
}
