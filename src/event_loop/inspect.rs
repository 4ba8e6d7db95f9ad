//! What a handler may ask about the sources of a pool.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use super::channel::Channel;
use super::event::Traffic;
use super::id::Id;
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use crate::sockets::Endpoint;

impl Pool {
    /// Whether a source is there: a connection, also one that is being made or closed, a listener,
    /// or a datagram socket. It is until [`Closed`](super::Event::Closed).
    pub fn is_alive(&self, id: Id) -> bool {
        self.sources.get(id).is_some()
    }

    /// The connections, also those that are being made or closed. One whose handshake goes on is none yet
    /// ([`Pool::accept_through`]).
    ///
    /// ```
    /// # use wirecat::event_loop::{Pool, SendOutcome};
    /// fn greet_all(pool: &mut Pool) {
    ///     let everybody: Vec<_> = pool.connections().collect();
    ///     for id in everybody {
    ///         if pool.send(id, b"the server stops at noon\n") == SendOutcome::Full {
    ///             eprintln!("{} reads slowly", pool.peer(id).unwrap_or_default());
    ///         }
    ///     }
    /// }
    /// ```
    pub fn connections(&self) -> impl Iterator<Item = Id> + '_ {
        let is_connection = |one: &Channel| one.marks.has(Marks::CONNECTION);
        let is_one = move |id: &Id| self.channel(*id).is_some_and(is_connection);
        self.sources.ids().filter(is_one).filter(|id| !self.handshakes.contains(*id))
    }

    /// The address of the other side of a connection.
    pub fn peer(&self, id: Id) -> Option<Endpoint> {
        Some(self.channel(id)?.transport.addresses().0)
    }

    /// The address of this side of a connection, or that of a listener or a datagram socket. It
    /// displays as `127.0.0.1:43211` or `unix:/path`.
    pub fn local(&self, id: Id) -> Option<Endpoint> {
        match self.sources.get(id)? {
            PoolSource::Channel(channel) => Some(channel.transport.addresses().1),
            PoolSource::Acceptor(acceptor) => Some(acceptor.endpoint()),
            PoolSource::Datagrams(datagrams) => datagrams.socket.local(),
            PoolSource::Reserved => None,
        }
    }

    /// The descriptor of a connection, a listener or a datagram socket, for what the pool has no call
    /// for. Whoever reads, writes or closes by it takes that from the pool.
    pub fn descriptor(&self, id: Id) -> Option<BorrowedFd<'_>> {
        match self.sources.get(id)? {
            PoolSource::Channel(channel) => channel.transport.descriptor(),
            PoolSource::Acceptor(acceptor) => Some(acceptor.descriptor()),
            PoolSource::Datagrams(datagrams) => datagrams.socket.descriptor(),
            PoolSource::Reserved => None,
        }
    }

    /// What the handshake of TLS on a connection came to, where there was one.
    #[cfg(feature = "tls")]
    pub(crate) fn agreed(&self, id: Id) -> Option<&crate::sockets::tls::Agreed> {
        self.channel(id)?.transport.agreed()
    }

    /// Whether a connection takes what is sent, rather than being closed or gone.
    pub fn takes(&self, id: Id) -> bool {
        self.channel(id).is_some_and(Channel::takes)
    }

    /// Whether a connection is being closed, or gone.
    pub(crate) fn is_closing(&self, id: Id) -> bool {
        self.channel(id).is_none_or(|channel| {
            channel.closed.is_some() || channel.phase.close_reason().is_some()
        })
    }

    /// Bytes that wait to be written.
    pub fn queued(&self, id: Id) -> usize {
        self.channel(id).map_or(0, |channel| channel.queue.len())
    }

    /// Bytes that wait to be read from a channel, as far as is known.
    pub fn unread(&self, id: Id) -> u64 {
        self.channel(id).map_or(0, |channel| channel.transport.unread())
    }

    /// Bytes that a queue takes before it is full; some less where they come in many pieces.
    pub fn room(&self, id: Id) -> usize {
        self.channel(id).map_or(0, Channel::room)
    }

    /// Whether the other side of a paused connection has ended it without a byte that is unread. A reset
    /// that this meets is taken off the socket and reported by no event: for one that is aborted then.
    pub(crate) fn has_ended(&self, id: Id) -> bool {
        self.channel(id).is_none_or(|channel| channel.transport.has_ended().unwrap_or(true))
    }

    /// Whether a connection is ready for use, rather than busy with a handshake.
    pub fn is_open(&self, id: Id) -> bool {
        self.channel(id).is_some_and(|channel| channel.transport.is_open())
    }

    /// Whether a connection has more to read, as far as is known.
    pub(crate) fn has_input(&self, id: Id) -> bool {
        self.channel(id).is_some_and(|channel| {
            channel.reading.is_open()
                && (channel.readable || channel.transport.has_buffered_input())
        })
    }

    /// Whether a connection is not read, as `pause` asked for.
    pub fn is_paused(&self, id: Id) -> bool {
        self.channel(id).is_some_and(|channel| channel.paused)
    }

    /// Bytes that the transport of a connection has read ahead, and not delivered.
    pub(crate) fn buffered(&self, id: Id) -> usize {
        self.channel(id).map_or(0, |channel| channel.transport.buffered())
    }

    /// When a queue last got shorter, or began.
    pub fn last_progress(&self, id: Id) -> Option<Instant> {
        self.channel(id).map(|channel| channel.progress)
    }

    /// Of the bytes that were written, how many the peer has acknowledged, and how many it has not.
    pub fn acknowledged(&self, id: Id) -> (u64, u64) {
        let Some(channel) = self.channel(id) else { return (0, 0) };
        let left = channel.transport.unacknowledged();
        (channel.traffic.sent.saturating_sub(left), left)
    }

    /// What went through a connection so far.
    pub fn traffic(&self, id: Id) -> Option<Traffic> {
        match self.sources.get(id)? {
            PoolSource::Channel(channel) => Some(channel.traffic),
            PoolSource::Datagrams(datagrams) => Some(datagrams.traffic),
            PoolSource::Acceptor(_) | PoolSource::Reserved => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use crate::event_loop::{Event, EventLoop, Pool, TimerKey};

    #[test]
    fn a_pool_names_its_connections_and_their_ends() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let listener = pool.listen("127.0.0.1:0").unwrap()[0];
        let address = pool.local(listener).unwrap().to_string();
        let dialed = pool.connect(&address).unwrap();
        let (mut accepted, mut is_connected) = (None, false);
        event_loop.turn_until(&mut |_, event| {
            match event {
                Event::Accepted { id, .. } => accepted = Some(id),
                Event::Connected { .. } => is_connected = true,
                _ => {}
            }
            accepted.is_some() && is_connected
        });
        let (pool, accepted) = (event_loop.pool(), accepted.unwrap());
        let connections: Vec<_> = pool.connections().collect();
        assert_eq!(connections.len(), 2);
        assert!(connections.contains(&dialed) && connections.contains(&accepted));
        assert_eq!(pool.peer(dialed).unwrap().to_string(), address);
        assert_eq!(
            pool.local(dialed).unwrap().to_string(),
            pool.peer(accepted).unwrap().to_string()
        );
        assert!(pool.peer(listener).is_none());
        for id in [listener, dialed, accepted] {
            assert!(pool.is_alive(id));
            assert!(pool.descriptor(id).unwrap().as_raw_fd() > 2);
        }
        let name = rustix::net::getpeername(pool.descriptor(dialed).unwrap()).unwrap().unwrap();
        assert_eq!(std::net::SocketAddr::try_from(name).unwrap().to_string(), address);
        pool.abort(dialed, crate::close::CloseReason::HOST);
        event_loop
            .turn_until(&mut |_, event| matches!(event, Event::Closed { id, .. } if id == dialed));
        let pool = event_loop.pool();
        assert!(!pool.is_alive(dialed) && pool.peer(dialed).is_none());
        assert!(pool.descriptor(dialed).is_none());
    }

    /// Whether the loop's own descriptor can be read within so many seconds.
    fn is_readable(event_loop: &EventLoop, seconds: i64) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(event_loop.as_fd(), PollFlags::IN)];
        let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
        poll(&mut fds, Some(&limit)).unwrap() == 1
    }

    #[test]
    fn a_program_may_wait_in_a_poll_of_its_own() {
        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        let address = event_loop.pool().local(listener).unwrap().to_string();
        let mut nobody = |_: &mut Pool, _: Event<'_>| {};
        assert_eq!(event_loop.timeout(), None);
        assert!(!event_loop.run_once(Duration::ZERO, &mut nobody).unwrap());
        assert!(!is_readable(&event_loop, 0));
        let _client = std::net::TcpStream::connect(address).unwrap();
        assert!(is_readable(&event_loop, 60));
        let mut count = 0;
        let mut handler = |_: &mut Pool, event: Event<'_>| {
            count += usize::from(matches!(event, Event::Accepted { .. }));
        };
        assert!(event_loop.run_once(Duration::ZERO, &mut handler).unwrap());
        assert_eq!(count, 1);
        event_loop.pool().arm(TimerKey::global(255), Duration::ZERO);
        assert_eq!(event_loop.timeout(), Some(Duration::ZERO));
        assert!(event_loop.run_once(Duration::from_secs(60), &mut nobody).unwrap());
    }

    #[test]
    fn a_loop_that_is_stopped_says_goodbye_and_ends() {
        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        let address = event_loop.pool().local(listener).unwrap().to_string();
        let client = std::thread::spawn(move || {
            let stream = std::net::TcpStream::connect(address).unwrap();
            std::io::read_to_string(stream).unwrap()
        });
        let mut log = Vec::new();
        event_loop
            .run(&mut |pool: &mut Pool, event: Event<'_>| match event {
                Event::Started => log.push("started"),
                Event::Accepted { .. } => {
                    pool.stop();
                    log.push("accepted");
                }
                Event::Stopping => {
                    let everybody: Vec<_> = pool.connections().collect();
                    for id in everybody {
                        let _ = pool.send(id, b"goodbye");
                    }
                    log.push("stopping");
                }
                Event::Stopped => {
                    assert_eq!(pool.connections().count(), 0);
                    log.push("stopped");
                }
                other => panic!("{other:?}"),
            })
            .unwrap();
        assert_eq!(log, ["started", "accepted", "stopping", "stopped"]);
        assert_eq!(client.join().unwrap(), "goodbye");
        let mut nobody = |_: &mut Pool, _: Event<'_>| panic!("a stopped loop has no events");
        assert!(!event_loop.run_once(Duration::ZERO, &mut nobody).unwrap());
    }
}
