//! How a handler ends what is in the pool: in order, or at once.

use super::id::Id;
use super::lifecycle::{ChannelPhase, CloseMode, Half};
use super::pool::{Pool, PoolSource};
use crate::close::CloseReason;

impl Pool {
    /// Half-closes: FIN once everything queued is written. Reading goes on. Where to receive takes
    /// answers ([`Pool::negotiate`]), nothing more is sent either, and FIN follows the peer's.
    pub fn finish(&mut self, id: Id) {
        self.close_staging(id);
        if let Some(channel) = self.channel_mut(id)
            && channel.writing.is_open()
        {
            channel.writing = Half::Finishing;
            self.mark_dirty(id);
        }
    }

    /// Closes in order and ends with `Closed`: writes what is queued, and then ends as the mode
    /// says. The handler gets no more data. A listener, a datagram socket, and a connection that is
    /// still being made have no order to keep: they close as with `abort`.
    pub fn close(&mut self, id: Id, reason: CloseReason, mode: CloseMode) {
        self.close_staging(id);
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) if channel.closed.is_some() => {}
            Some(PoolSource::Channel(channel)) if channel.phase == ChannelPhase::Open => {
                channel.phase = ChannelPhase::Closing(reason);
                channel.close_mode = mode;
                if mode == CloseMode::ResetWhenAcked {
                    // Now, so that the death of the process in the meantime is no FIN either.
                    channel.transport.reset();
                }
                // What the peer still sends is read and dropped: a full receive window would keep
                // its FIN out, and a socket closed over unread bytes sends RST.
                channel.paused = false;
                // Here it shows more of a loss than nothing: the peer of a unix socket, which knows
                // no RST, gets ECONNRESET where unread bytes are closed over (unix_release_sock()).
                if mode == CloseMode::ResetWhenAcked && channel.queue.is_empty() {
                    channel.paused = channel.transport.unacknowledged() == 0;
                }
                if channel.writing.is_open() {
                    channel.writing = Half::Finishing;
                }
                self.mark_dirty(id);
                self.queue_for_read(id);
            }
            Some(PoolSource::Channel(channel)) if channel.phase != ChannelPhase::Connecting => {}
            Some(_) => self.abort(id, reason),
            None => {}
        }
    }

    /// Gives up a connection to which more was to be sent: like [`Pool::give_up`], but RST shows the
    /// peer that it was cut, unless FIN is sent already.
    pub(crate) fn cut(&mut self, id: Id, reason: CloseReason) {
        match self.channel(id) {
            Some(channel) if channel.takes() => self.close(id, reason, CloseMode::ResetWhenAcked),
            _ => self.give_up(id, reason),
        }
    }

    /// Gives up a connection: what is queued is still written, without a time limit; `abort` ends
    /// that. A connection with nothing to write closes at the end of this turn.
    pub(crate) fn give_up(&mut self, id: Id, reason: CloseReason) {
        self.close_staging(id);
        match self.channel(id) {
            Some(channel) if !channel.queue.is_empty() => {
                self.close(id, reason, CloseMode::NoWait);
            }
            _ => self.abort(id, reason),
        }
    }

    /// Closes at the end of this turn, and with RST where FIN is not sent yet.
    pub fn reset(&mut self, id: Id, reason: CloseReason) {
        if let Some(channel) = self.channel_mut(id)
            && channel.takes()
        {
            channel.close_mode = CloseMode::ResetWhenAcked;
        }
        self.abort(id, reason);
    }

    /// Closes at the end of this turn, whatever is queued or unread. Where something is queued, the
    /// peer gets RST in place of FIN.
    pub fn abort(&mut self, id: Id, reason: CloseReason) {
        self.close_staging(id);
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) if channel.closed.is_none() => {
                channel.closed = Some(reason);
                channel.paused = true;
            }
            Some(PoolSource::Acceptor(acceptor)) if acceptor.closed.is_none() => {
                acceptor.closed = Some(reason);
                acceptor.paused = true;
            }
            Some(PoolSource::Datagrams(datagrams)) if datagrams.closed.is_none() => {
                datagrams.closed = Some(reason);
            }
            Some(PoolSource::Reserved) => return self.release(id),
            _ => return,
        }
        self.closed.push(id);
    }
}
