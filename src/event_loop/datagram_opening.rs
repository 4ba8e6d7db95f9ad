//! Datagram sockets by their addresses: what is bound, taken over and sent to.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::pool::{Pool, PoolSource};
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;
use crate::multicast::Membership;
use crate::recording::Role;
use crate::sockets::datagram;
use crate::sockets::{
    self, Address, AddressError, AdoptedSocket, Family, SocketOptions, UnixGuard,
};
use crate::sys::mmsg::{Arrival, ReturnPath};

/// What goes with a datagram socket.
pub(super) enum SocketExtra {
    /// The file of a unix socket.
    File { _guard: UnixGuard },
    /// The group that it has joined, and the port.
    Group(Membership, u16),
}

impl Pool {
    /// Receives datagrams at everything that an address such as `:5000`, `127.0.0.1:0` or
    /// `unix:/run/app` means; they come as [`Event::Datagrams`](super::Event::Datagrams). A name is
    /// looked up in place.
    ///
    /// ```
    /// use wirecat::event_loop::{Event, EventLoop, Pool};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// let pool = event_loop.pool();
    /// let server = pool.datagrams("127.0.0.1:0")?[0];
    /// let client = pool.datagrams("127.0.0.1:0")?[0];
    /// let address = pool.local(server).unwrap_or_default().to_string();
    /// pool.send_to(client, b"to and fro", &address)?;
    /// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
    ///     let Event::Datagrams { id, batch } = event else { return };
    ///     for datagram in batch {
    ///         println!("{}: {:?}", datagram.from, datagram.payload);
    ///         if id == server {
    ///             let _ = pool.answer(id, datagram, datagram.payload);
    ///         } else {
    ///             pool.stop();
    ///         }
    ///     }
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A bad address, or why it cannot be bound.
    pub fn datagrams(&mut self, address: &str) -> Result<Vec<Id>, Failure> {
        let address = match address.parse::<Address>() {
            Err(AddressError::Group(_)) => return Err(is_group("receive at", address)),
            parsed => parsed?,
        };
        let found = sockets::resolve::local_addresses(&address, Family::Any)?;
        let (opened, _) = datagram::listen(&address, &found, &SocketOptions::default())?;
        opened.into_iter().map(|one| self.add_opened(one)).collect()
    }

    /// Takes over a socket that the program has opened, by `std::net` or `std::os::unix::net`: a
    /// connected stream, a listener, or a datagram socket. It becomes non-blocking.
    ///
    /// # Errors
    /// It is no such socket, or cannot be registered with the poll.
    pub fn adopt(&mut self, socket: impl Into<OwnedFd>) -> Result<Id, Failure> {
        match sockets::adopt(socket.into())? {
            AdoptedSocket::Listener(listener) => self.add_listener(listener),
            AdoptedSocket::Datagrams(opened) => self.add_opened(opened),
            AdoptedSocket::Stream(stream) => {
                let name = stream.local().to_string();
                let transport = self.recorded(stream, Role::Connected);
                self.add_connection(transport, ChannelPhase::Open)
                    .map_err(|error| Failure::io(Status::Local, "take over", name, &error))
            }
        }
    }

    fn add_opened(&mut self, opened: datagram::Opened) -> Result<Id, Failure> {
        let extra = opened.cleanup.map(|guard| SocketExtra::File { _guard: guard });
        let fail = |error| Failure::io(Status::Listen, "listen on", opened.local, &error);
        let id = self.add_datagrams(opened.socket).map_err(fail)?;
        self.set_extra(id, extra);
        Ok(id)
    }

    pub(super) fn set_extra(&mut self, id: Id, extra: Option<SocketExtra>) {
        if let Some(PoolSource::Datagrams(datagrams)) = self.sources.get_mut(id) {
            datagrams.extra = extra.map(Box::new);
        }
    }

    /// Allows a datagram socket to send to broadcast addresses (SO_BROADCAST).
    ///
    /// # Errors
    /// There is no such socket, or those of setsockopt(2).
    pub fn allow_broadcast(&mut self, id: Id) -> Result<(), Failure> {
        let fail = |error| Failure::io(Status::Local, "broadcast from", "the socket", &error);
        let Some(PoolSource::Datagrams(datagrams)) = self.sources.get(id) else {
            return Err(fail(io::ErrorKind::NotConnected.into()));
        };
        let allow = |fd| socket2::SockRef::from(&fd).set_broadcast(true);
        datagrams.socket.descriptor().map_or(Ok(()), allow).map_err(fail)
    }

    /// Sends one datagram to an address such as `10.0.0.7:5000`, `239.1.2.3:5000` or `unix:/run/app`.
    /// A name is looked up in place. Returns whether it went out: where the kernel takes no more
    /// now, it is dropped, and [`Drained`](super::Event::Drained) follows when there is room.
    ///
    /// # Errors
    /// A bad address, what the network reported of an earlier datagram, or why this one is refused.
    pub fn send_to(&mut self, id: Id, payload: &[u8], address: &str) -> Result<bool, Failure> {
        let family = match self.sources.get(id) {
            Some(PoolSource::Datagrams(datagrams)) => match datagrams.socket.local() {
                Some(local) if local.ip().is_some_and(|ip| ip.is_ipv6()) => Family::V6,
                Some(local) if local.ip().is_some() => Family::V4,
                _ => Family::Any,
            },
            _ => Family::Any,
        };
        let path = datagram::destination(address, family)?;
        self.send_by(id, payload, &path)
    }

    /// Sends one datagram to the sender of another, from the address that this one was sent to.
    /// Returns whether it went out, as [`Pool::send_to`] does.
    ///
    /// # Errors
    /// The sender has no name, what the network reported of an earlier datagram, or why this one is
    /// refused.
    pub fn answer(&mut self, id: Id, to: &Arrival<'_>, payload: &[u8]) -> Result<bool, Failure> {
        self.send_by(id, payload, &to.return_path())
    }

    fn send_by(&mut self, id: Id, payload: &[u8], path: &ReturnPath) -> Result<bool, Failure> {
        let error = match self.send_datagram(id, payload, Some(path)) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => error,
        };
        let failure = datagram::failure(&path.to.to_string(), &error);
        Err(match Errno::from_io_error(&error) {
            Some(Errno::MSGSIZE) => failure.kind(Kind::TooLarge),
            _ => failure,
        })
    }
}

fn is_group(operation: &'static str, address: &str) -> Failure {
    let cause = "it is a multicast group";
    Failure::new(Status::Usage, Kind::BadAddress, operation, address, cause)
        .fix(Remedy::Groups.words())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;
    use crate::event_loop::{Event, EventLoop, SendOutcome};

    /// Runs until a datagram comes; returns which source it came to, and what it holds.
    pub(in crate::event_loop) fn next_datagram(event_loop: &mut EventLoop) -> (Id, String) {
        let mut taken = None;
        while taken.is_none() {
            let mut take = |_: &mut Pool, event: Event<'_>| {
                if let Event::Datagrams { id, batch } = event {
                    assert_eq!(batch.len(), 1);
                    taken = Some((id, String::from_utf8(batch[0].payload.to_vec()).unwrap()));
                }
            };
            event_loop.run_once(std::time::Duration::from_secs(60), &mut take).unwrap();
        }
        taken.unwrap()
    }

    fn address_of(pool: &Pool, id: Id) -> String {
        pool.local(id).unwrap().to_string()
    }

    #[test]
    fn datagrams_go_to_an_address_and_back() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let (one, other) =
            (pool.datagrams("127.0.0.1:0").unwrap()[0], pool.datagrams("127.0.0.1:0").unwrap()[0]);
        let port = address_of(pool, other).split_once(':').unwrap().1.to_owned();
        assert!(pool.send_to(one, b"to a name", &format!("localhost:{port}")).unwrap());
        assert_eq!(next_datagram(&mut event_loop), (other, "to a name".to_owned()));
        let failure = event_loop.pool().send_to(one, &[0; 70_000], "127.0.0.1:9").unwrap_err();
        assert_eq!(failure.kind, Kind::TooLarge);
    }

    #[test]
    fn unix_datagrams_go_to_a_path_whose_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let address = format!("unix:{}", directory.path().join("s").display());
        let mut event_loop = EventLoop::new().unwrap();
        let receiver = event_loop.pool().datagrams(&address).unwrap()[0];
        assert!(event_loop.pool().send_to(receiver, b"to itself", &address).unwrap());
        assert_eq!(next_datagram(&mut event_loop), (receiver, "to itself".to_owned()));
        assert!(directory.path().join("s").exists());
        drop(event_loop);
        assert!(!directory.path().join("s").exists());
    }

    /// The kernel reports room after each attempt, whether or not the peer has read.
    #[test]
    fn a_unix_peer_that_is_full_is_tried_from_time_to_time() {
        let directory = tempfile::tempdir().unwrap();
        let address = format!("unix:{}", directory.path().join("s").display());
        let peer = UnixDatagram::bind(directory.path().join("s")).unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let ours = format!("unix:{}", directory.path().join("ours").display());
        let sender = event_loop.pool().datagrams(&ours).unwrap()[0];
        let mut sent = 0;
        while event_loop.pool().send_to(sender, b"x", &address).unwrap() {
            sent += 1;
        }
        let (began, mut attempts) = (std::time::Instant::now(), 0);
        while attempts < 20 {
            let mut attempt = |pool: &mut Pool, event: Event<'_>| {
                if matches!(event, Event::Drained { .. }) {
                    attempts += 1;
                    assert!(!pool.send_to(sender, b"x", &address).unwrap());
                }
            };
            event_loop.run_once(std::time::Duration::from_secs(60), &mut attempt).unwrap();
        }
        assert!(began.elapsed() >= std::time::Duration::from_millis(20), "{:?}", began.elapsed());
        peer.set_nonblocking(true).unwrap();
        while peer.recv(&mut [0]).is_ok() {
            sent -= 1;
        }
        assert_eq!(sent, 0);
        let mut has_room = false;
        while !has_room {
            let mut attempt = |pool: &mut Pool, event: Event<'_>| {
                if matches!(event, Event::Drained { .. }) {
                    has_room = pool.send_to(sender, b"y", &address).unwrap();
                }
            };
            event_loop.run_once(std::time::Duration::from_secs(60), &mut attempt).unwrap();
        }
        assert_eq!(peer.recv(&mut [0]).unwrap(), 1);
    }

    #[test]
    fn a_broadcast_is_allowed_by_one_call() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let receiver = pool.datagrams("0.0.0.0:0").unwrap()[0];
        let everybody = address_of(pool, receiver).replace("0.0.0.0", "127.255.255.255");
        let sender = pool.datagrams("127.0.0.1:0").unwrap()[0];
        let failure = pool.send_to(sender, b"all", &everybody).unwrap_err();
        assert!(failure.to_string().ends_with("(a broadcast address needs Pool::allow_broadcast)"));
        pool.allow_broadcast(sender).unwrap();
        assert!(pool.send_to(sender, b"all", &everybody).unwrap());
        assert_eq!(next_datagram(&mut event_loop), (receiver, "all".to_owned()));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        for (address, cause) in [
            ("239.1.2.3:5", "(Pool::join receives groups)"),
            ("192.0.2.254:0", "no interface has this address"),
        ] {
            let said = pool.datagrams(address).unwrap_err().to_string();
            assert!(said.contains(cause), "{said}");
        }
        let listener = pool.listen("127.0.0.1:0").unwrap()[0];
        assert!(pool.allow_broadcast(listener).is_err());
        assert!(pool.send_to(listener, b"x", "127.0.0.1:9").is_err());
    }

    /// Sends back what comes until the first connection is closed; returns how much that was.
    fn echo(event_loop: &mut EventLoop) -> usize {
        let mut bytes_in = 0;
        let mut echo = |pool: &mut Pool, event: Event<'_>| match event {
            Event::Data { id, bytes } => {
                bytes_in += bytes.len();
                assert_eq!(pool.send(id, bytes), SendOutcome::Queued);
            }
            Event::Eof { id } => pool.finish(id),
            Event::Closed { .. } => pool.stop(),
            _ => {}
        };
        event_loop.run(&mut echo).unwrap();
        bytes_in
    }

    fn ask(mut stream: impl Read + Write) -> String {
        let mut answer = [0; 4];
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8(answer.to_vec()).unwrap()
    }

    #[test]
    fn sockets_of_the_program_are_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listeners: [OwnedFd; 2] = [
            TcpListener::bind("127.0.0.1:0").unwrap().into(),
            UnixListener::bind(&path).unwrap().into(),
        ];
        for listener in listeners {
            let mut event_loop = EventLoop::new().unwrap();
            let id = event_loop.pool().adopt(listener).unwrap();
            let address = event_loop.pool().local(id).unwrap().to_string();
            let client = std::thread::spawn(move || match address.strip_prefix("unix:") {
                Some(path) => ask(UnixStream::connect(path).unwrap()),
                None => ask(TcpStream::connect(address).unwrap()),
            });
            assert_eq!(echo(&mut event_loop), 4);
            assert_eq!(client.join().unwrap(), "ping");
        }
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.pool().adopt(ours).unwrap();
        let client = std::thread::spawn(move || ask(theirs));
        assert_eq!(echo(&mut event_loop), 4);
        assert_eq!(client.join().unwrap(), "ping");
    }

    #[test]
    fn datagram_sockets_of_the_program_are_taken_over() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let udp = event_loop.pool().adopt(udp).unwrap();
        let unix = event_loop.pool().adopt(ours).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"udp", address).unwrap();
        assert_eq!(next_datagram(&mut event_loop), (udp, "udp".to_owned()));
        theirs.send(b"unix").unwrap();
        assert_eq!(next_datagram(&mut event_loop), (unix, "unix".to_owned()));
    }

    #[test]
    fn what_is_no_socket_of_use_is_refused() {
        let mut event_loop = EventLoop::new().unwrap();
        let mut refusal = |fd: OwnedFd| event_loop.pool().adopt(fd).unwrap_err().to_string();
        assert!(refusal(tempfile::tempfile().unwrap().into()).ends_with("not a socket"));
        let unconnected = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        assert!(refusal(unconnected.unwrap().into()).ends_with("is not connected"));
    }
}
