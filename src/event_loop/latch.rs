//! Notes what the poll or a thread has reported, and keeps the list of sources that the turn is to read.

use super::id::Id;
use super::lifecycle::{ChannelPhase, EndWatch};
use super::marks::Marks;
use super::pool::{Pool, PoolSource};

impl Pool {
    /// Notes that a source is worth a try in both directions; one try too many does no harm.
    pub(super) fn latch_both(&mut self, id: Id) {
        self.latch(id, true, true);
    }

    /// Notes that a source has something to read.
    pub(super) fn latch_readable(&mut self, id: Id) {
        self.latch(id, true, false);
    }

    /// Notes that a source takes something.
    pub(super) fn latch_writable(&mut self, id: Id) {
        self.latch(id, false, true);
    }

    /// Notes that a source may be ready, as the poll reports.
    pub(super) fn latch(&mut self, id: Id, readable: bool, writable: bool) {
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => {
                // mio polls edge-triggered (EPOLLET): a readiness is reported once and holds until
                // a call returns `WouldBlock`. Forgotten here, it would never come again
                // (epoll(7)).
                channel.readable |= readable;
                channel.writable |= writable;
                let looks = channel.paused && channel.end_watch == EndWatch::Quiet;
                if looks {
                    channel.end_watch = EndWatch::Unchecked;
                }
                let is_new = channel.phase == ChannelPhase::Connecting;
                let is_awaited = writable && channel.marks.has(Marks::AWAITED);
                if looks || is_new || is_awaited || channel.wants_flushing() {
                    self.mark_dirty(id);
                }
            }
            Some(PoolSource::Acceptor(acceptor)) => acceptor.ready |= readable,
            Some(PoolSource::Datagrams(datagrams)) => {
                datagrams.readable |= readable;
                if datagrams.latch_room(writable) {
                    self.mark_dirty(id);
                }
            }
            Some(PoolSource::Reserved) | None => return,
        }
        self.queue_for_read(id);
    }

    /// Notes that the poll has reported an end, a failure or an urgent byte: reading goes on up to it and
    /// beyond it.
    pub(super) fn latch_notice(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            channel.marks.set(Marks::NOTICE, true);
        }
    }

    /// Notes that a connection may be gone where neither a read nor a write is due that would show it.
    pub(super) fn latch_hang_up(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            channel.marks.set(Marks::HUNG_UP, true);
            self.mark_dirty(id);
        }
    }

    /// Puts a source on the list of what to read, if a read may give something.
    pub(super) fn queue_for_read(&mut self, id: Id) {
        let queued = match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) if channel.wants_reading() => {
                &mut channel.queued_for_read
            }
            Some(PoolSource::Acceptor(acceptor)) if acceptor.wants_accepting() => {
                if !std::mem::replace(&mut acceptor.queued_for_read, true) {
                    self.accepting.push(id);
                }
                return;
            }
            Some(PoolSource::Datagrams(socket)) if socket.wants_reading() => {
                &mut socket.queued_for_read
            }
            _ => return,
        };
        if !std::mem::replace(queued, true) {
            self.ready.push_back(id);
        }
    }

    /// Notes that a source is not on that list any more.
    pub(super) fn unqueue(&mut self, id: Id) {
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => channel.queued_for_read = false,
            Some(PoolSource::Acceptor(acceptor)) => acceptor.queued_for_read = false,
            Some(PoolSource::Datagrams(datagrams)) => datagrams.queued_for_read = false,
            Some(PoolSource::Reserved) | None => {}
        }
    }
}
