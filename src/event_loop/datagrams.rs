//! A datagram socket in the pool.
//!
//! Nothing is queued here: a datagram that the kernel does not take now stays with the handler,
//! who decides between waiting for `Drained` and dropping. Receiving goes in batches.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Registry;

use super::batch_wait::BatchWait;
use super::datagram_opening::SocketExtra;
use super::datagram_transport::{DatagramTransport, SocketTransport};
use super::event::{End, Traffic};
use super::id::Id;
use super::pool::{Pool, PoolSource};
use super::recorder::{SharedRecorder, SocketRecorder};
use super::timers::OwnPurpose;
use super::transport::Registration;
use crate::buffers::Unsent;
use crate::close::CloseReason;
use crate::recording::Direction;
use crate::sockets::datagram::DatagramSocket;
use crate::sys::mmsg::{Outgoing, ReceiveBatch, ReturnPath, SenderAddress};

/// How long a unix peer whose queue is full is left alone.
const CROWD: Duration = Duration::from_millis(2);
pub(super) struct Datagrams {
    pub(super) socket: Box<dyn DatagramTransport>,
    /// What goes with the socket.
    pub(super) extra: Option<Box<SocketExtra>>,
    /// Readable, as far as is known: set by events, cleared by `WouldBlock`.
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) paused: bool,
    pub(super) queued_for_read: bool,
    pub(super) dirty: bool,
    pub(super) closed: Option<CloseReason>,
    /// A send did not get through, and the handler waits for `Drained`.
    awaited: bool,
    /// The poll watches for room to send.
    watched: bool,
    /// The queue of a unix peer that is sent to by its name is full; a timer ends the wait.
    crowded: bool,
    /// Whether it is worth a moment to receive more at once.
    batch_wait: BatchWait,
    pub(super) traffic: Traffic,
    recorded: Option<Box<SocketRecorder>>,
}

/// How far a batch of datagrams got.
#[derive(Debug)]
pub enum BatchSent {
    /// All of them went out.
    All,
    /// This many went out; the kernel takes no more before `Drained`.
    Some(usize),
    /// This many went out; the next one failed, and is not tried again.
    Failed(usize, io::Error),
    /// There is no such socket any more.
    Gone,
}

impl Datagrams {
    pub(super) fn new(
        socket: Box<dyn DatagramTransport>,
        recorder: Option<SharedRecorder>,
        now: Instant,
    ) -> Self {
        let recorded = recorder.and_then(|recorder| {
            let flow = socket.recorded_flow(recorder.number())?;
            Some(Box::new(SocketRecorder::new(recorder, flow)))
        });
        Self {
            recorded,
            batch_wait: BatchWait::new(&*socket),
            socket,
            extra: None,
            readable: false,
            // The poll is not asked for room before a send has failed, so the first ones just try.
            writable: true,
            paused: false,
            queued_for_read: false,
            dirty: false,
            closed: None,
            awaited: false,
            watched: false,
            crowded: false,
            traffic: Traffic { received: 0, sent: 0, opened: now, last_active: now },
        }
    }

    /// The kernel took no more: from now on the poll watches for room.
    fn watch_for_room(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if self.writable || self.watched || self.crowded {
            return Ok(());
        }
        // EPOLL_CTL_MOD reports a readiness that is there already, so no edge is lost in between.
        self.socket.watch_for_room(registration)?;
        self.watched = true;
        Ok(())
    }

    /// The poll has found room to send. That means nothing for the queue of a unix peer: the kernel
    /// looks at it for the peer of a connected socket alone, and frees memory, which it reports as
    /// room, at each attempt that fails (unix_dgram_poll, sock_wfree). Whether `Drained` is due.
    pub(super) fn latch_room(&mut self, is_there: bool) -> bool {
        self.writable |= is_there && !self.crowded;
        self.writable && self.awaited
    }

    pub(super) fn wants_reading(&self) -> bool {
        self.readable && !self.paused && self.closed.is_none()
    }

    /// Receives a batch; `None` when nothing is there.
    pub(super) fn receive(
        &mut self,
        batch: &mut ReceiveBatch,
        now: Instant,
    ) -> Option<io::Result<()>> {
        while self.wants_reading() {
            match self.socket.receive(batch) {
                Ok(count) => {
                    let since = now.saturating_duration_since(self.traffic.last_active);
                    self.batch_wait.note(count, since);
                    self.traffic.received += batch.bytes();
                    self.traffic.last_active = now;
                    if let Some(recorded) = &self.recorded {
                        batch.arrivals().for_each(|arrival| {
                            let peer = Some(arrival.from.to_string());
                            recorded.datagram(Direction::In, peer, arrival.local, arrival.payload);
                        });
                    }
                    // Saves a call that would only return `WouldBlock`.
                    self.readable = !batch.emptied();
                    return Some(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An ICMP error of something sent before; datagrams may wait behind it.
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    pub(super) fn send(&mut self, datagrams: &[Outgoing<'_>], now: Instant) -> BatchSent {
        let mut done = 0;
        while let Some(rest) = datagrams.get(done..).filter(|rest| !rest.is_empty()) {
            if !self.writable {
                self.awaited = true;
                return BatchSent::Some(done);
            }
            match self.socket.send(rest) {
                Ok(count) => {
                    let sent = rest.iter().take(count).map(|one| one.payload.len() as u64);
                    self.traffic.sent += sent.sum::<u64>();
                    self.traffic.last_active = now;
                    if let Some(recorded) = &self.recorded {
                        rest.iter().take(count).for_each(|one| {
                            let peer = one.to.map(|to| to.to_string());
                            recorded.datagram(Direction::Out, peer, None, one.payload);
                        });
                    }
                    done += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // ECONNREFUSED is about an earlier datagram, and this one was not sent (udp(7)).
                Err(error) => return BatchSent::Failed(done, error),
            }
        }
        BatchSent::All
    }

    /// Sends one datagram; `path` is `None` on a connected socket.
    fn send_one(
        &mut self,
        payload: &[u8],
        path: Option<&ReturnPath>,
        now: Instant,
    ) -> io::Result<()> {
        let Some(path) = path else {
            return match self.send(&[Outgoing { payload, to: None }], now) {
                BatchSent::All => Ok(()),
                BatchSent::Some(_) => Err(io::ErrorKind::WouldBlock.into()),
                BatchSent::Failed(_, error) => Err(error),
                BatchSent::Gone => Err(io::ErrorKind::NotConnected.into()),
            };
        };
        let outcome = self.socket.answer(payload, path);
        match &outcome {
            Ok(()) => {
                self.traffic.sent += payload.len() as u64;
                self.traffic.last_active = now;
                if let Some(recorded) = &self.recorded {
                    let peer = Some(path.to.to_string());
                    recorded.datagram(Direction::Out, peer, path.from, payload);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                self.awaited = true;
                // The kernel has no event for the queue of a peer that is not connected.
                self.crowded = matches!(path.to, SenderAddress::Unix(_));
            }
            Err(_) => {}
        }
        outcome
    }

    /// Whether the handler waits for `Drained`, and it is time; true once.
    pub(super) fn take_drained(&mut self) -> bool {
        self.writable && std::mem::take(&mut self.awaited)
    }

    pub(super) fn end(mut self, registry: &Registry) -> End {
        self.socket.deregister(registry);
        End {
            reason: self.closed.unwrap_or(CloseReason::HOST),
            error: None,
            traffic: self.traffic,
            unsent: Unsent::default(),
            unacknowledged: 0,
            undelivered: 0,
        }
    }
}

impl Pool {
    /// Sends one datagram, unix peers included; `path` is `None` on a connected
    /// socket.
    ///
    /// # Errors
    /// `WouldBlock`, after which `Drained` comes; those of sendmsg(2).
    pub fn send_datagram(
        &mut self,
        id: Id,
        payload: &[u8],
        path: Option<&ReturnPath>,
    ) -> io::Result<()> {
        let now = self.now;
        let registration = Registration { registry: &self.registry, mailbox: &self.mailbox, id };
        match self.sources.get_mut(id) {
            Some(PoolSource::Datagrams(socket)) => {
                let outcome = socket.send_one(payload, path, now);
                let watched = socket.watch_for_room(&registration);
                if socket.crowded {
                    self.arm_own_once(Some(id), OwnPurpose::Crowd, CROWD);
                }
                watched.and(outcome)
            }
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// It is time to see whether a unix peer has read.
    pub(super) fn end_crowd(&mut self, id: Id) {
        if let Some(PoolSource::Datagrams(datagrams)) = self.sources.get_mut(id) {
            (datagrams.crowded, datagrams.writable) = (false, true);
            self.mark_dirty(id);
        }
    }

    /// Adds an open datagram socket.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub fn add_datagrams(&mut self, socket: DatagramSocket) -> io::Result<Id> {
        self.add_datagram_transport(Box::new(SocketTransport::new(socket)))
    }

    /// Adds something in the place of a datagram socket.
    ///
    /// # Errors
    /// It cannot be registered.
    pub fn add_datagram_transport(&mut self, socket: Box<dyn DatagramTransport>) -> io::Result<Id> {
        let recorder = self.recording.recorder.clone();
        let id =
            self.sources.insert(PoolSource::Datagrams(Datagrams::new(socket, recorder, self.now)));
        let registration = Registration { registry: &self.registry, mailbox: &self.mailbox, id };
        let registered = match self.sources.get_mut(id) {
            Some(PoolSource::Datagrams(datagrams)) => datagrams.socket.register(&registration),
            _ => Ok(()),
        };
        if registered.is_err() {
            self.sources.remove(id);
        }
        registered.map(|()| id)
    }

    /// Sends datagrams in order, as many as the kernel takes now.
    pub fn send_datagrams(&mut self, id: Id, datagrams: &[Outgoing<'_>]) -> BatchSent {
        let now = self.now;
        let registration = Registration { registry: &self.registry, mailbox: &self.mailbox, id };
        match self.sources.get_mut(id) {
            Some(PoolSource::Datagrams(socket)) => {
                let outcome = socket.send(datagrams, now);
                match (socket.watch_for_room(&registration), outcome) {
                    (Err(error), BatchSent::Some(done)) => BatchSent::Failed(done, error),
                    (_, outcome) => outcome,
                }
            }
            _ => BatchSent::Gone,
        }
    }

    /// Where datagrams come in quick succession, has the loop rest for 0.1 or 0.2 ms before it polls
    /// again, so that more are received together: to wake up for each of them costs more than
    /// all else that is done with it. Not for a handler whose answers a peer waits for.
    pub fn allow_batching(&mut self, id: Id) {
        if let Some(PoolSource::Datagrams(socket)) = self.sources.get(id)
            && let Some(rest) = socket.batch_wait.rest()
        {
            // The socket with the least room decides.
            self.batching = Some(self.batching.map_or(rest, |other| other.min(rest)));
        }
    }

    /// How many datagrams a socket has lost to a full receive buffer, a counter that wraps;
    /// `None` where the kernel does not count them.
    pub fn dropped(&self, id: Id) -> Option<u32> {
        match self.sources.get(id)? {
            PoolSource::Datagrams(socket) => socket.socket.dropped(),
            _ => None,
        }
    }

    /// What the network has reported of earlier datagrams of an unconnected socket that asks for it,
    /// each with the destination that it is about.
    pub fn take_late_errors(&mut self, id: Id) -> Vec<(SocketAddr, io::Error)> {
        match self.sources.get_mut(id) {
            Some(PoolSource::Datagrams(socket)) => socket.socket.take_late_errors(),
            _ => Vec::new(),
        }
    }

    /// An error that waits in a datagram socket, such as an ICMP "port unreachable".
    pub fn take_error(&mut self, id: Id) -> Option<io::Error> {
        match self.sources.get_mut(id)? {
            PoolSource::Datagrams(socket) => socket.socket.take_error(),
            _ => None,
        }
    }
}
