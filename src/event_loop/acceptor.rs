//! A listening socket in the pool.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use super::event::{End, Event, Handler, Traffic};
use super::handshake::AcceptHandshake;
use super::id::Id;
use super::pool::{Pool, PoolSource, STARVED};
use super::timers::OwnPurpose;
use crate::buffers::Unsent;
use crate::close::CloseReason;
use crate::framing::FrameSettings;
use crate::sockets::{Endpoint, Listener, OpenListener, StreamSocket, keep_urgent_byte};
use crate::sys::unix;

/// Connections that one listener may deliver before the others have their turn.
const ACCEPT_BUDGET: usize = 64;

pub(super) struct Acceptor {
    listening: OpenListener,
    /// A connection may be waiting.
    pub(super) ready: bool,
    /// How many connections are taken before the poll is asked whether there are more.
    portion: usize,
    /// The last turn in which all of that many connections were there.
    filled: Option<u64>,
    /// The address of what is accepted, where the listener has a whole one.
    local: Option<Endpoint>,
    /// The handler wants no more for now.
    pub(super) paused: bool,
    /// Accepting fails, most often for want of descriptors; a timer, or a descriptor that comes free, ends
    /// this.
    pub(super) starved: bool,
    pub(super) queued_for_read: bool,
    pub(super) closed: Option<CloseReason>,
    /// The framing of the connections that it accepts.
    pub(super) framing: Option<Box<FrameSettings>>,
    /// The handshakes that they go through first.
    pub(super) handshakes: Vec<AcceptHandshake>,
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
    /// No descriptor, or no memory, is left for one more; or another process that holds the listener has
    /// shut it down (EINVAL).
    Starved(io::Error),
}

impl Acceptor {
    pub(super) fn new(listening: OpenListener) -> Self {
        let local = listening.local.parse::<SocketAddr>().ok();
        let is_whole = |local: &SocketAddr| !local.ip().is_unspecified();
        let local = local.filter(|it| is_whole(it) && !is_transparent(&listening.socket));
        Self {
            listening,
            ready: false,
            portion: 1,
            filled: None,
            local: local.map(Endpoint::from),
            paused: false,
            starved: false,
            queued_for_read: false,
            closed: None,
            framing: None,
            handshakes: Vec::new(),
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        match self.listening.local.parse::<SocketAddr>() {
            Ok(address) => address.into(),
            Err(_) => Endpoint::named(&*self.listening.local),
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.listening.socket.as_fd()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.listening.socket {
            // mio polls edge-triggered (EPOLLET): one edge may stand for many connections, so that
            // `ready` holds until accept(2) returns EAGAIN.
            Listener::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Listener::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub(super) fn wants_accepting(&self) -> bool {
        self.ready && !self.paused && !self.starved
    }

    /// How many connections to take in this turn: one more than there are costs an accept(2) that fails,
    /// which takes Linux 3 µs, as it makes the new socket first. To ask the poll takes a tenth of that.
    /// Where there were more in the turn before, it is twice as many; where others are to be read in
    /// this turn, all that are there, since a hub passes on what it reads to those that it knows.
    pub(super) fn begin_portion(&mut self, turn: u64, others_are_read: bool) -> usize {
        if others_are_read {
            return ACCEPT_BUDGET;
        }
        let goes_on = self.filled.take().is_some_and(|filled| filled + 1 == turn);
        self.portion = if goes_on { (2 * self.portion).min(ACCEPT_BUDGET) } else { 1 };
        self.portion
    }

    /// As many connections as were asked for were there: has the poll report the listener again if there are
    /// more. Registering anew reports what is there already, also edge-triggered (epoll_ctl(2)).
    pub(super) fn end_portion(&mut self, registry: &Registry, token: Token, turn: u64) {
        self.filled = Some(turn);
        let outcome = match &mut self.listening.socket {
            Listener::Tcp(listener) => registry.reregister(listener, token, Interest::READABLE),
            Listener::Unix(listener) => registry.reregister(listener, token, Interest::READABLE),
        };
        // Where that fails, the next turn finds out by accept(2).
        self.ready = outcome.is_err();
    }

    /// Disables Nagle's algorithm on what it accepts: Linux hands TCP_NODELAY on.
    pub(super) fn set_nodelay(&self) {
        if let Listener::Tcp(listener) = &self.listening.socket {
            // Without it the streams are slow, and work.
            let _ = socket2::SockRef::from(listener).set_tcp_nodelay(true);
        }
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
                    let local = self.local.clone().unwrap_or_else(|| stream.local());
                    return Accepted::Connection { peer, local, stream };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return Accepted::Nothing;
                }
                // It stays in the backlog, and an edge-triggered poll does not report it again: the
                // pool tries once more by itself.
                Err(error) if !has_used_one_up(&error) => {
                    // accept(2) gives EMFILE before it takes a connection off the backlog: the peer
                    // sees itself connected, and waits.
                    self.starved = true;
                    return Accepted::Starved(error);
                }
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

impl Pool {
    /// Takes what waits at a listener.
    pub(super) fn accept_ready(&mut self, listener: Id, handler: &mut dyn Handler) {
        let turn = self.timers.turn();
        let Some(PoolSource::Acceptor(acceptor)) = self.sources.get_mut(listener) else { return };
        for _ in 0..acceptor.begin_portion(turn, !self.ready.is_empty()) {
            let Some(PoolSource::Acceptor(acceptor)) = self.sources.get_mut(listener) else {
                return;
            };
            if !acceptor.wants_accepting() {
                return;
            }
            match acceptor.accept() {
                Accepted::Connection { stream, peer, local } => {
                    // epoll has a limit of its own (ENOSPC, fs.epoll.max_user_watches). The stream
                    // is dropped, which closes it.
                    if let Err(error) = self.admit(stream, listener, (peer, local), handler) {
                        handler.on(self, Event::AcceptFailed { listener, error });
                    }
                }
                Accepted::Nothing => return,
                Accepted::Starved(error) => {
                    self.starved.push(listener);
                    self.pipes.ask_others();
                    self.give_pipes_back();
                    // A descriptor may come free outside the pool as well, or in another process
                    // (ENFILE).
                    self.arm_own(Some(listener), OwnPurpose::Starved, STARVED);
                    handler.on(self, Event::AcceptFailed { listener, error });
                }
            }
        }
        if let Some(PoolSource::Acceptor(acceptor)) = self.sources.get_mut(listener)
            && acceptor.wants_accepting()
        {
            acceptor.end_portion(&self.registry, listener.token(), turn);
        }
    }

    /// A descriptor came free, or time passed: a listener that ran out may try again.
    pub(super) fn retry_starved(&mut self) {
        for id in std::mem::take(&mut self.starved) {
            if let Some(PoolSource::Acceptor(acceptor)) = self.sources.get_mut(id) {
                acceptor.starved = false;
                self.queue_for_read(id);
            }
        }
    }
}

/// Whether a listener accepts connections to other addresses than its own, as one that was inherited
/// may (IP_TRANSPARENT, which sockets of IPv6 know as well).
fn is_transparent(listener: &Listener) -> bool {
    #[cfg(target_os = "linux")]
    if let Listener::Tcp(listener) = listener {
        return socket2::SockRef::from(listener).ip_transparent_v4().unwrap_or(true);
    }
    let _ = listener;
    false
}

/// Whether accept(2) may be called again at once: a signal has ended it, or it has taken a connection off
/// the backlog that had failed there. Any other error may come at every call: of a listener that was shut
/// down, of a filter of system calls.
fn has_used_one_up(error: &io::Error) -> bool {
    let network = [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::INTR,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::NOPROTOOPT,
        Errno::PROTO,
        Errno::TIMEDOUT,
    ];
    Errno::from_io_error(error).is_some_and(|code| network.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::event_loop::EventLoop;

    /// A hub passes on what it reads to those that it knows: whoever connects first is known first.
    #[test]
    fn all_that_have_connected_are_accepted_before_others_are_read() {
        use std::io::Write;

        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        let address = event_loop.pool().local(listener).unwrap().to_string();
        let mut clients = Vec::new();
        for round in 0..10 {
            clients.extend((0..3).map(|_| TcpStream::connect(&address).unwrap()));
            let talker = clients.first_mut().unwrap();
            talker.write_all(b"x").unwrap();
            let mut log = String::new();
            while !log.ends_with('d') {
                let mut handler = |_: &mut Pool, event: Event<'_>| match event {
                    Event::Accepted { .. } => log.push('a'),
                    Event::Data { .. } => log.push('d'),
                    _ => {}
                };
                event_loop.run_once(Duration::from_secs(20), &mut handler).unwrap();
            }
            assert_eq!(log, "aaad", "round {round}");
        }
    }

    /// accept(2) answers EINVAL from then on, without a connection that it would use up.
    #[test]
    fn a_listener_that_another_process_has_shut_down_does_not_hold_the_loop() {
        use rustix::net::Shutdown;

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let held_by_another = listener.try_clone().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let id = event_loop.pool().adopt(listener).unwrap();
        rustix::net::shutdown(&held_by_another, Shutdown::Read).unwrap();
        event_loop.turn_until(&mut |_, event| match event {
            Event::AcceptFailed { listener, error } => {
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                listener == id
            }
            _ => false,
        });
    }

    /// One edge stands for all of them, of which each turn takes a portion.
    #[test]
    fn connections_that_wait_together_are_all_accepted() {
        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        let address = event_loop.pool().local(listener).unwrap().to_string();
        event_loop.pool().set_nodelay(listener);
        let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
        let (mut count, mut has_paused) = (0, false);
        let until = Instant::now() + Duration::from_secs(20);
        while count < clients.len() && Instant::now() < until {
            let mut handler = |pool: &mut Pool, event: Event<'_>| {
                if let Event::Accepted { id, local, .. } = event {
                    assert_eq!(local.to_string(), address);
                    let descriptor = pool.descriptor(id).unwrap();
                    assert!(socket2::SockRef::from(&descriptor).tcp_nodelay().unwrap());
                    count += 1;
                    if count == 5 {
                        pool.pause(listener);
                        has_paused = true;
                    }
                }
            };
            event_loop.run_once(Duration::from_millis(20), &mut handler).unwrap();
            if std::mem::take(&mut has_paused) {
                assert_eq!(count, 5);
                event_loop.pool().resume(listener);
            }
        }
        assert_eq!(count, clients.len());
        // The next one is an edge again.
        let _client = TcpStream::connect(&address).unwrap();
        while count == clients.len() && Instant::now() < until {
            let mut handler = |_: &mut Pool, event: Event<'_>| {
                count += usize::from(matches!(event, Event::Accepted { .. }));
            };
            event_loop.run_once(Duration::from_secs(1), &mut handler).unwrap();
        }
        assert_eq!(count, clients.len() + 1);
    }
}
