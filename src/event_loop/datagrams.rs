//! A datagram socket in the pool.
//!
//! Nothing is queued here: a datagram that the kernel does not take now stays with the handler,
//! who decides between waiting for `Drained` and dropping. Receiving goes in batches.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use mio::{Interest, Registry, Token};

use super::BATCH_WAIT;
use super::event::{End, Traffic};
use super::id::Id;
use super::pool::{Pool, Source};
use super::recorder::{SharedRecorder, SocketRecorder};
use crate::buffers::Unsent;
use crate::close::CloseReason;
use crate::protocol::output::Direction;
use crate::protocol::recording::{Proto, RecordedFlow, Role};
use crate::sockets::datagram::DatagramSocket;
use crate::sys;
use crate::sys::mmsg::{self, FastPaths, Outgoing, ReceiveBatch, Sender};

/// Receive buffers of less are too small to wait for a batch of datagrams: this holds some hundred of them
/// as the kernel counts.
const ROOM: usize = 256 * 1024;
/// A batch of so many costs no more for each when it grows.
const LARGE: usize = 32;

pub(super) struct Datagrams {
    socket: DatagramSocket,
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
    /// Datagrams may wait in the kernel for a moment without filling it. A unix socket holds ten,
    /// and makes their senders wait (unix(7), max_dgram_qlen).
    has_room: bool,
    /// The last batch came so soon after the one before, or is so small for a batch, that it
    /// would have been worth a moment to receive more at once.
    arrives_fast: bool,
    paths: FastPaths,
    pub(super) traffic: Traffic,
    recorded: Option<Box<SocketRecorder>>,
}

/// How far a batch of datagrams got.
#[derive(Debug)]
pub enum BatchSent {
    /// All of them went out.
    All,
    /// So many went out; the kernel takes no more before `Drained`.
    Some(usize),
    /// So many went out; the next one failed, and is not tried again by itself.
    Failed(usize, io::Error),
    /// There is no such socket any more.
    Gone,
}

impl Datagrams {
    pub(super) fn new(
        socket: DatagramSocket,
        recorder: Option<SharedRecorder>,
        now: Instant,
    ) -> Self {
        let recorded = recorder.map(|recorder| {
            let flow = recorded_flow(&socket, recorder.number());
            Box::new(SocketRecorder::new(recorder, flow))
        });
        Self {
            recorded,
            paths: FastPaths::new(fd_of(&socket)),
            has_room: has_room(&socket),
            arrives_fast: false,
            socket,
            readable: false,
            writable: true,
            paused: false,
            queued_for_read: false,
            dirty: false,
            closed: None,
            awaited: false,
            watched: false,
            traffic: Traffic { received: 0, sent: 0, opened: now, last_active: now },
        }
    }

    /// Has the poll watch for datagrams, and for nothing else as long as the kernel takes what is
    /// sent: epoll finds any idle socket writable, and would wake the loop for that with each
    /// datagram that is received while it comes, and once more for each that is sent.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            DatagramSocket::Udp(socket) => registry.register(socket, token, Interest::READABLE),
            DatagramSocket::Unix(socket) => registry.register(socket, token, Interest::READABLE),
        }
    }

    /// The kernel took no more: from now on the poll watches for room, and reports at once what
    /// there is already.
    fn watch_for_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if self.writable || self.watched {
            return Ok(());
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        match &mut self.socket {
            DatagramSocket::Udp(socket) => registry.reregister(socket, token, both)?,
            DatagramSocket::Unix(socket) => registry.reregister(socket, token, both)?,
        }
        self.watched = true;
        Ok(())
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
            match batch.receive(fd_of(&self.socket)) {
                Ok(count) => {
                    let since = now.saturating_duration_since(self.traffic.last_active);
                    self.arrives_fast = count < LARGE && (count > 1 || since < BATCH_WAIT / 2);
                    self.traffic.received += batch.bytes();
                    self.traffic.last_active = now;
                    if let Some(recorded) = &self.recorded {
                        batch.arrivals().for_each(|arrival| {
                            let peer = Some(arrival.from.to_string());
                            recorded.datagram(Direction::In, peer, arrival.payload);
                        });
                    }
                    // Saves a call that would only return `WouldBlock`.
                    self.readable = !batch.emptied();
                    return Some(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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
            match mmsg::send(fd_of(&self.socket), rest, &mut self.paths) {
                Ok(count) => {
                    let sent = rest.iter().take(count).map(|one| one.payload.len() as u64);
                    self.traffic.sent += sent.sum::<u64>();
                    self.traffic.last_active = now;
                    if let Some(recorded) = &self.recorded {
                        rest.iter().take(count).for_each(|one| {
                            let peer = one.to.map(|to| to.to_string());
                            recorded.datagram(Direction::Out, peer, one.payload);
                        });
                    }
                    done += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return BatchSent::Failed(done, error),
            }
        }
        BatchSent::All
    }

    /// Sends one datagram; `to` is `None` on a connected socket.
    fn send_one(&mut self, payload: &[u8], to: Option<&Sender>, now: Instant) -> io::Result<()> {
        let Some(to) = to else {
            return match self.send(&[Outgoing { payload, to: None }], now) {
                BatchSent::All => Ok(()),
                BatchSent::Some(_) => Err(io::ErrorKind::WouldBlock.into()),
                BatchSent::Failed(_, error) => Err(error),
                BatchSent::Gone => Err(io::ErrorKind::NotConnected.into()),
            };
        };
        let outcome = mmsg::answer(fd_of(&self.socket), payload, to);
        match &outcome {
            Ok(()) => {
                self.traffic.sent += payload.len() as u64;
                self.traffic.last_active = now;
                if let Some(recorded) = &self.recorded {
                    recorded.datagram(Direction::Out, Some(to.to_string()), payload);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                self.awaited = true;
            }
            Err(_) => {}
        }
        outcome
    }

    /// Whether the handler waits for `Drained`, and it is time; true once.
    pub(super) fn take_drained(&mut self) -> bool {
        self.writable && std::mem::take(&mut self.awaited)
    }

    /// An error that waits in the socket, such as an ICMP "port unreachable" (udp(7)).
    pub(super) fn take_error(&self) -> Option<io::Error> {
        match &self.socket {
            DatagramSocket::Udp(socket) => socket.take_error().ok().flatten(),
            DatagramSocket::Unix(socket) => socket.take_error().ok().flatten(),
        }
    }

    pub(super) fn end(mut self, registry: &Registry) -> End {
        let _ = match &mut self.socket {
            DatagramSocket::Udp(socket) => registry.deregister(socket),
            DatagramSocket::Unix(socket) => registry.deregister(socket),
        };
        End {
            reason: self.closed.unwrap_or(CloseReason::HOST),
            error: None,
            traffic: self.traffic,
            unsent: Unsent::default(),
            unacknowledged: 0,
        }
    }
}

impl Pool {
    /// Sends one datagram, unix peers included; `to` is `None` on a connected socket.
    ///
    /// # Errors
    /// `WouldBlock`, after which `Drained` comes; those of sendmsg(2).
    pub fn send_datagram(&mut self, id: Id, payload: &[u8], to: Option<&Sender>) -> io::Result<()> {
        let now = self.now;
        match self.sources.get_mut(id) {
            Some(Source::Datagrams(socket)) => {
                let outcome = socket.send_one(payload, to, now);
                socket.watch_for_room(&self.registry, id.token()).and(outcome)
            }
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Adds an open datagram socket.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub fn add_datagrams(&mut self, socket: DatagramSocket) -> io::Result<Id> {
        let recorder = self.recording.recorder.clone();
        let id = self.sources.insert(Source::Datagrams(Datagrams::new(socket, recorder, self.now)));
        let registered = match self.sources.get_mut(id) {
            Some(Source::Datagrams(datagrams)) => datagrams.register(&self.registry, id.token()),
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
        match self.sources.get_mut(id) {
            Some(Source::Datagrams(socket)) => {
                let outcome = socket.send(datagrams, now);
                match (socket.watch_for_room(&self.registry, id.token()), outcome) {
                    (Err(error), BatchSent::Some(done)) => BatchSent::Failed(done, error),
                    (_, outcome) => outcome,
                }
            }
            _ => BatchSent::Gone,
        }
    }

    /// Where datagrams come in quick succession, has the loop rest for some 0.1 ms before it polls
    /// again, so that more are received together: to wake up for each of them costs more than
    /// all else that is done with it. Not for a handler whose answers a peer waits for.
    pub fn allow_batching(&mut self, id: Id) {
        if let Some(Source::Datagrams(socket)) = self.sources.get(id) {
            self.batching |= socket.has_room && socket.arrives_fast && !socket.readable;
        }
    }

    /// How many datagrams a socket has lost to a full receive buffer, a counter that wraps;
    /// `None` where the kernel does not count them.
    pub fn dropped(&self, id: Id) -> Option<u32> {
        match self.sources.get(id)? {
            Source::Datagrams(socket) => sys::socket::dropped(fd_of(&socket.socket)),
            Source::Channel(_) | Source::Acceptor(_) => None,
        }
    }

    /// An error that waits in a datagram socket, such as an ICMP "port unreachable".
    pub fn take_error(&mut self, id: Id) -> Option<io::Error> {
        match self.sources.get(id)? {
            Source::Datagrams(socket) => socket.take_error(),
            Source::Channel(_) | Source::Acceptor(_) => None,
        }
    }
}

fn fd_of(socket: &DatagramSocket) -> BorrowedFd<'_> {
    match socket {
        DatagramSocket::Udp(socket) => socket.as_fd(),
        DatagramSocket::Unix(socket) => socket.as_fd(),
    }
}

fn has_room(socket: &DatagramSocket) -> bool {
    let size = socket2::SockRef::from(socket).recv_buffer_size();
    matches!(socket, DatagramSocket::Udp(_)) && size.is_ok_and(|size| size >= ROOM)
}

/// A socket as a recorder knows it.
fn recorded_flow(socket: &DatagramSocket, number: u64) -> RecordedFlow {
    let peer = socket.peer();
    let role = if peer.is_some() { Role::Connected } else { Role::Bound };
    let proto = match socket {
        DatagramSocket::Udp(_) => Proto::Udp,
        DatagramSocket::Unix(_) => Proto::Unixgram,
    };
    RecordedFlow {
        number,
        proto,
        role,
        local: socket.local().to_string(),
        peer: peer.map(|it| it.to_string()),
    }
}
