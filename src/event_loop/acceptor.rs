//! A listening socket in the pool.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use super::event::{End, Traffic};
use crate::buffers::Unsent;
use crate::close::CloseReason;
use crate::framing::FrameSettings;
use crate::sockets::{Endpoint, Listener, OpenListener, StreamSocket, keep_urgent_byte};
use crate::sys::unix;

pub(super) struct Acceptor {
    listening: OpenListener,
    /// A connection may be waiting.
    pub(super) ready: bool,
    /// The handler wants no more for now.
    pub(super) paused: bool,
    /// The process is out of descriptors; a timer, or a descriptor that comes free, ends this.
    pub(super) starved: bool,
    pub(super) queued_for_read: bool,
    pub(super) closed: Option<CloseReason>,
    /// That of the connections that it accepts.
    pub(super) framing: Option<Box<FrameSettings>>,
}

/// What an attempt to accept gave.
pub(super) enum Accepted {
    Connection {
        stream: StreamSocket,
        peer: Endpoint,
        local: Endpoint,
    },
    /// No more for now.
    Nothing,
    /// No descriptor, or no memory, is left for one more.
    Starved(io::Error),
}

impl Acceptor {
    pub(super) fn new(listening: OpenListener) -> Self {
        Self {
            listening,
            ready: false,
            paused: false,
            starved: false,
            queued_for_read: false,
            closed: None,
            framing: None,
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        match self.listening.local.parse::<SocketAddr>() {
            Ok(address) => address.into(),
            Err(_) => Endpoint::named(&*self.listening.local),
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.listening.socket {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.listening.socket {
            // mio polls edge-triggered (EPOLLET): one edge may stand for many connections, so that
            // `ready` holds until accept(2) says EAGAIN.
            Listener::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Listener::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub(super) fn wants_accepting(&self) -> bool {
        self.ready && !self.paused && !self.starved
    }

    /// Takes the next connection. One that died in the backlog is passed over (accept(2):
    /// network errors of the new socket come out of accept, and are no fault of the listener).
    pub(super) fn accept(&mut self) -> Accepted {
        loop {
            let outcome = match &self.listening.socket {
                Listener::Tcp(listener) => {
                    listener.accept().map(|(stream, peer)| (StreamSocket::Tcp(stream), Some(peer)))
                }
                // Its peer may have a name that mio panics at.
                Listener::Unix(listener) => unix::accept(listener).map(|fd| {
                    keep_urgent_byte(&fd);
                    (StreamSocket::Unix(UnixStream::from_std(fd.into()), None), None)
                }),
            };
            match outcome {
                Ok((stream, peer)) => {
                    let peer = peer.map_or_else(|| stream.peer(), Endpoint::from);
                    return Accepted::Connection { peer, local: stream.local(), stream };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return Accepted::Nothing;
                }
                // It stays in the backlog, and an edge-triggered poll does not report it again: the
                // pool tries once more by itself.
                Err(error) if out_of_resources(&error) => {
                    // accept(2) gives EMFILE before it takes a connection off the backlog: the peer
                    // sees itself connected, and waits.
                    self.starved = true;
                    return Accepted::Starved(error);
                }
                // ECONNABORTED, EPROTO and the like: each has used one connection up.
                Err(_) => {}
            }
        }
    }

    pub(super) fn end(mut self, registry: &Registry, now: Instant) -> End {
        let _ = match &mut self.listening.socket {
            Listener::Tcp(listener) => registry.deregister(listener),
            Listener::Unix(listener) => registry.deregister(listener),
        };
        End {
            reason: self.closed.unwrap_or(CloseReason::HOST),
            error: None,
            traffic: Traffic { received: 0, sent: 0, opened: now, last_active: now },
            unsent: Unsent::default(),
            unacknowledged: 0,
            undelivered: 0,
        }
    }
}

/// Whether accept failed because this machine has no room for one more connection.
fn out_of_resources(error: &io::Error) -> bool {
    let codes = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|code| codes.contains(&code))
}
