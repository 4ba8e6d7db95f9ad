//! What a datagram source of the pool stands on: a socket, or whatever a simulation puts in its
//! place.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use mio::{Interest, Registry, event::Source};

use super::transport::Registration;
use crate::recording::{Proto, RecordedFlow, Role};
use crate::sockets::Endpoint;
use crate::sockets::datagram::DatagramSocket;
use crate::sys;
use crate::sys::mmsg::{self, FastPaths, Outgoing, ReceiveBatch, ReturnPath};

/// Receive buffers of less are too small to wait for a batch of datagrams: this holds some hundred of them
/// as the kernel counts.
const ROOM: usize = 256 * 1024;
/// This holds some thousand of them.
const MUCH_ROOM: usize = 2 * 1024 * 1024;

/// Errors of the network that are kept until somebody asks for them: as many hosts may be gone at
/// once, and later ones are as the first.
const MOST_LATE: usize = 256;
/// How many times a datagram is sent again when errors of earlier ones come in its place.
const ATTEMPTS: usize = 4;

/// Sends and receives datagrams without blocking, and keeps none. `WouldBlock` means: try again
/// after the next sign of readiness.
pub trait DatagramTransport: Send {
    /// Registers for datagrams that come, and for nothing else as long as all that is sent is taken.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// Some datagram was not taken: registers for room to send as well. It is called once.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn watch_for_room(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// Undoes `register`.
    fn deregister(&mut self, registry: &Registry);

    /// Receives what is there, as far as the batch holds it; returns how many datagrams that is.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there; an error of an earlier datagram (ICMP).
    fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<usize>;

    /// Sends as many as are taken now, at least one.
    ///
    /// # Errors
    /// `WouldBlock` where none is; what is wrong with the first one, or with an earlier one.
    fn send(&mut self, datagrams: &[Outgoing<'_>]) -> io::Result<usize>;

    /// Sends one to the sender of another, from the address that this one asked.
    ///
    /// # Errors
    /// `WouldBlock` where it is not taken; what is wrong with it, or with an earlier one.
    fn answer(&mut self, payload: &[u8], path: &ReturnPath) -> io::Result<()>;

    /// An error of an earlier datagram that no call has returned.
    fn take_error(&mut self) -> Option<io::Error>;

    /// The errors that the network has reported of earlier datagrams, each with the destination
    /// that it is about, where the transport knows that.
    fn take_late_errors(&mut self) -> Vec<(SocketAddr, io::Error)> {
        Vec::new()
    }

    /// How many datagrams were lost before they were received, a counter that wraps; `None` where
    /// nobody counts them.
    fn dropped(&self) -> Option<u32>;

    /// Whether datagrams may wait for a moment before they are received, without harm.
    fn has_room(&self) -> bool;

    /// The same for a moment that is several times as long.
    fn has_much_room(&self) -> bool {
        false
    }

    /// What a recording knows of it, under this number; `None` where it is not recorded.
    fn recorded_flow(&self, number: u64) -> Option<RecordedFlow>;

    /// The address that it is bound to; `None` where there is no socket.
    fn local(&self) -> Option<Endpoint> {
        None
    }

    /// The descriptor of the socket; `None` where there is none.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A socket of the kernel.
pub(super) struct SocketTransport {
    socket: DatagramSocket,
    paths: FastPaths,
    /// What the network has reported of earlier datagrams.
    late: Vec<(SocketAddr, io::Error)>,
}

impl SocketTransport {
    pub(super) fn new(socket: DatagramSocket) -> Self {
        Self { paths: FastPaths::new(fd_of(&socket)), socket, late: Vec::new() }
    }

    /// An error that the network reports may have left a copy in the socket.
    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.note_errors();
        }
        outcome
    }

    /// Takes what waits beside the socket; whether that was anything.
    fn note_errors(&mut self) -> bool {
        let errors = mmsg::take_errors(fd_of(&self.socket));
        let has_any = !errors.is_empty();
        // What has no room is dropped, and not left in the kernel, where it counts for the receive buffer.
        let room = MOST_LATE.saturating_sub(self.late.len());
        self.late.extend(errors.into_iter().take(room));
        debug_assert!(self.late.len() <= MOST_LATE, "{} errors are kept", self.late.len());
        has_any
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        let size = socket2::SockRef::from(&self.socket).recv_buffer_size();
        matches!(self.socket, DatagramSocket::Udp(_)) && size.is_ok_and(|size| size >= bytes)
    }

    fn source(&mut self) -> &mut dyn Source {
        match &mut self.socket {
            DatagramSocket::Udp(socket) => socket,
            DatagramSocket::Unix(socket) => socket,
        }
    }
}

impl DatagramTransport for SocketTransport {
    /// epoll finds any idle socket writable, and would wake the loop for that with each datagram
    /// that is received while it comes, and once more for each that is sent.
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.source().register(registration.registry, registration.token(), Interest::READABLE)
    }

    /// The poll reports at once what room there is already.
    fn watch_for_room(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.source().reregister(registration.registry, registration.token(), both)
    }

    fn deregister(&mut self, registry: &Registry) {
        // Closing the descriptor deregisters it as well.
        let _ = self.source().deregister(registry);
    }

    fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let outcome = batch.receive(fd_of(&self.socket));
        self.noted(outcome)
    }

    fn send(&mut self, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        let outcome = mmsg::send(fd_of(&self.socket), datagrams, &mut self.paths);
        self.noted(outcome)
    }

    /// An error of an earlier datagram comes in place of sending this one (udp(7)), which is then
    /// sent again.
    fn answer(&mut self, payload: &[u8], path: &ReturnPath) -> io::Result<()> {
        for _ in 1..ATTEMPTS {
            match mmsg::answer(fd_of(&self.socket), payload, path) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && self.note_errors() => {}
                outcome => return outcome,
            }
        }
        mmsg::answer(fd_of(&self.socket), payload, path)
    }

    /// Such as an ICMP "port unreachable" (udp(7)).
    fn take_error(&mut self) -> Option<io::Error> {
        let error = match &self.socket {
            DatagramSocket::Udp(socket) => socket.take_error().ok().flatten(),
            DatagramSocket::Unix(socket) => socket.take_error().ok().flatten(),
        };
        error.and_then(|error| self.noted::<()>(Err(error)).err())
    }

    fn take_late_errors(&mut self) -> Vec<(SocketAddr, io::Error)> {
        std::mem::take(&mut self.late)
    }

    fn dropped(&self) -> Option<u32> {
        sys::socket::dropped(fd_of(&self.socket))
    }

    /// A unix socket holds ten datagrams, and makes their senders wait (unix(7), max_dgram_qlen).
    fn has_room(&self) -> bool {
        self.has_room_for(ROOM)
    }

    fn has_much_room(&self) -> bool {
        self.has_room_for(MUCH_ROOM)
    }

    fn recorded_flow(&self, number: u64) -> Option<RecordedFlow> {
        let peer = self.socket.peer();
        let role = if peer.is_some() { Role::Connected } else { Role::Bound };
        let proto = match self.socket {
            DatagramSocket::Udp(_) => Proto::Udp,
            DatagramSocket::Unix(_) => Proto::Unixgram,
        };
        let (local, peer) = (self.socket.local().to_string(), peer.map(|it| it.to_string()));
        Some(RecordedFlow { number, proto, role, local, peer })
    }

    fn local(&self) -> Option<Endpoint> {
        Some(self.socket.local())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(fd_of(&self.socket))
    }
}

fn fd_of(socket: &DatagramSocket) -> BorrowedFd<'_> {
    match socket {
        DatagramSocket::Udp(socket) => socket.as_fd(),
        DatagramSocket::Unix(socket) => socket.as_fd(),
    }
}
