//! How channels come to an end by the handler's will, and what their peers notice of it.

use super::id::Id;
use super::manner::Manner;
use super::phase::{Phase, Way};
use super::pool::{Pool, Source};
use crate::close::CloseReason;

impl Pool {
    /// Half-closes: FIN once everything queued is written. Reading goes on.
    pub fn finish(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id)
            && channel.writing.is_open()
        {
            channel.writing = Way::Finishing;
            self.mark_dirty(id);
        }
    }

    /// Closes in order: writes what is queued, says FIN, waits a little for the peer's, and ends
    /// with `Closed`. No data is delivered any more.
    pub fn close(&mut self, id: Id, reason: CloseReason) {
        self.close_in(id, reason, Manner::Brief);
    }

    /// Like `close`, and does not wait for the peer's FIN.
    pub fn leave(&mut self, id: Id, reason: CloseReason) {
        self.close_in(id, reason, Manner::Hasty);
    }

    /// Like `close`, and waits for as long as the peer has not acknowledged every byte: a peer that
    /// goes on sending is answered with RST as soon as the socket is gone, and what the kernel still
    /// holds for it would be gone, too.
    pub fn close_delivered(&mut self, id: Id, reason: CloseReason) {
        self.close_in(id, reason, Manner::Patient);
    }

    /// Like `close_delivered`, but with RST in place of FIN, so that the peer knows that what came
    /// is not all. Channels without RST just end.
    pub fn reset(&mut self, id: Id, reason: CloseReason) {
        self.close_in(id, reason, Manner::Reset);
    }

    fn close_in(&mut self, id: Id, reason: CloseReason, manner: Manner) {
        match self.sources.get_mut(id) {
            Some(Source::Channel(channel)) if channel.doomed.is_some() => {}
            Some(Source::Channel(channel)) if channel.phase == Phase::Open => {
                channel.phase = Phase::Closing(reason);
                channel.manner = manner;
                channel.paused = false;
                if channel.writing.is_open() {
                    channel.writing = Way::Finishing;
                }
                self.mark_dirty(id);
                self.list(id);
            }
            Some(Source::Channel(channel)) if channel.phase != Phase::Connecting => {}
            Some(_) => self.abort(id, reason),
            None => {}
        }
    }

    /// Closes at the end of this turn, whatever is queued or unread.
    pub fn abort(&mut self, id: Id, reason: CloseReason) {
        match self.sources.get_mut(id) {
            Some(Source::Channel(channel)) if channel.doomed.is_none() => {
                channel.doomed = Some(reason);
                channel.paused = true;
            }
            Some(Source::Acceptor(acceptor)) if acceptor.doomed.is_none() => {
                acceptor.doomed = Some(reason);
                acceptor.paused = true;
            }
            Some(Source::Datagrams(datagrams)) if datagrams.doomed.is_none() => {
                datagrams.doomed = Some(reason);
            }
            _ => return,
        }
        self.doomed.push(id);
    }
}
