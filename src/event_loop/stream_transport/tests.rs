//! A short read ends what is read in a turn, and no edge is lost.

use std::io::Write;
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::*;
use crate::event_loop::{Directions, Event, EventLoop, Handler, Id, Pool};
use crate::framing::Framing;

/// What came on the one connection, with `.` for the end and `x` for a failure.
#[derive(Default)]
struct Log(String);

impl Handler for Log {
    fn on(&mut self, _: &mut Pool, event: Event<'_>) {
        match event {
            Event::Data { bytes, .. } => self.0 += &String::from_utf8_lossy(bytes),
            Event::Message { payload, .. } => self.0 += &format!("<{}>", payload.escape_ascii()),
            Event::Eof { .. } => self.0.push('.'),
            Event::Closed { .. } => self.0.push('x'),
            _ => {}
        }
    }
}

/// Counts the reads of a socket, and the acknowledgements that are asked for.
struct Counted(StreamSocket, Arc<Counts>);

#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    acknowledgements: AtomicUsize,
}

impl Transport for Counted {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&self.0)
    }
    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut self.0)
    }
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1.reads.fetch_add(1, Ordering::Relaxed);
        self.0.read(into)
    }
    fn acknowledge(&mut self) {
        self.1.acknowledgements.fetch_add(1, Ordering::Relaxed);
        self.0.acknowledge();
    }
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(pieces)
    }
}

struct Rig {
    event_loop: EventLoop,
    id: Id,
    counts: Arc<Counts>,
    log: Log,
}

impl Rig {
    fn over(socket: StreamSocket) -> Self {
        let mut event_loop = EventLoop::new().unwrap();
        let counts = Arc::<Counts>::default();
        let transport = Box::new(Counted(socket, Arc::clone(&counts)));
        let id = event_loop.pool().add_channel(transport, Directions::Both).unwrap();
        // It can be written, which is an edge of its own.
        event_loop.wait(None).unwrap();
        event_loop.turn(Instant::now(), &mut Log::default());
        counts.reads.store(0, Ordering::Relaxed);
        Self { event_loop, id, counts, log: Log::default() }
    }

    fn tcp() -> (Self, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_nodelay(true).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        crate::sockets::keep_urgent_byte(&socket);
        (Self::over(StreamSocket::Tcp(mio::net::TcpStream::from_std(socket))), peer)
    }

    /// Waits for an event, has something happen before it is acted on, and turns until so much has
    /// come.
    fn expect(&mut self, meanwhile: impl FnOnce(&mut Pool), expected: &str) {
        self.event_loop.wait(Some(Duration::from_secs(20))).unwrap();
        meanwhile(self.event_loop.pool());
        let until = Instant::now() + Duration::from_secs(20);
        self.event_loop.turn(Instant::now(), &mut self.log);
        while self.log.0 != expected && Instant::now() < until {
            self.event_loop.run_once(Duration::from_secs(1), &mut self.log).unwrap();
        }
        assert_eq!(self.log.0, expected);
    }
}

fn arrived(pool: &Pool, id: Id, bytes: u64) {
    let channel = pool.channel(id).unwrap();
    while channel.transport.unread() < bytes {
        std::thread::yield_now();
    }
}

#[test]
fn one_read_a_message_is_enough() {
    let (mut rig, mut peer) = Rig::tcp();
    for number in 1..=5 {
        peer.write_all(b"m").unwrap();
        rig.expect(|_| {}, &"m".repeat(number));
        assert_eq!(rig.counts.reads.load(Ordering::Relaxed), number);
    }
}

/// A peer that writes the length and then the message waits for the acknowledgement of the first.
#[test]
fn the_first_part_of_a_message_is_acknowledged_at_once() {
    let (mut rig, mut peer) = Rig::tcp();
    let id = rig.id;
    rig.event_loop.pool().frame(id, Framing::U8).unwrap();
    let asked = |rig: &Rig| rig.counts.acknowledgements.load(Ordering::Relaxed);
    peer.write_all(b"\x02ab").unwrap();
    rig.expect(|_| {}, "<ab>");
    assert_eq!(asked(&rig), 0);
    peer.write_all(b"\x02").unwrap();
    while asked(&rig) == 0 {
        rig.event_loop.run_once(Duration::from_secs(1), &mut rig.log).unwrap();
    }
    peer.write_all(b"cd").unwrap();
    rig.expect(|_| {}, "<ab><cd>");
    assert_eq!(asked(&rig), 1);
}

#[test]
fn what_comes_between_the_event_and_the_read_is_read() {
    let (mut rig, mut peer) = Rig::tcp();
    let id = rig.id;
    peer.write_all(b"a").unwrap();
    rig.expect(
        |pool| {
            peer.write_all(b"b").unwrap();
            arrived(pool, id, 2);
        },
        "ab",
    );
    peer.write_all(b"c").unwrap();
    rig.expect(|_| {}, "abc");
}

#[test]
fn an_end_is_found_wherever_it_comes() {
    // With the data, between the event and the read, and behind the read.
    for place in 0..3 {
        let (mut rig, mut peer) = Rig::tcp();
        peer.write_all(b"a").unwrap();
        if place == 0 {
            peer.shutdown(Shutdown::Write).unwrap();
        }
        rig.expect(
            |_| {
                if place == 1 {
                    peer.shutdown(Shutdown::Write).unwrap();
                }
            },
            if place < 2 { "a." } else { "a" },
        );
        if place == 2 {
            peer.shutdown(Shutdown::Write).unwrap();
            rig.expect(|_| {}, "a.");
        }
    }
}

#[test]
fn an_end_that_came_while_it_was_paused_is_found_later() {
    let (mut rig, mut peer) = Rig::tcp();
    let id = rig.id;
    rig.event_loop.pool().pause(id);
    peer.write_all(b"a").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        rig.event_loop.run_once(Duration::from_millis(10), &mut rig.log).unwrap();
    }
    assert_eq!(rig.log.0, "");
    rig.event_loop.pool().resume(id);
    let until = Instant::now() + Duration::from_secs(20);
    while rig.log.0 != "a." && Instant::now() < until {
        rig.event_loop.run_once(Duration::from_secs(1), &mut rig.log).unwrap();
    }
    assert_eq!(rig.log.0, "a.");
}

#[test]
fn a_reset_behind_the_data_is_found() {
    let (mut rig, mut peer) = Rig::tcp();
    peer.write_all(b"a").unwrap();
    rig.expect(
        |_| {
            socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
            drop(peer);
        },
        "ax",
    );
}

/// A read stops before an urgent byte, and what is behind it is no edge of its own.
#[test]
fn a_read_goes_on_across_an_urgent_byte() {
    for is_early in [true, false] {
        let (mut rig, peer) = Rig::tcp();
        let id = rig.id;
        let send_rest = |pool: &Pool| {
            assert_eq!(rustix::net::send(&peer, b"!", SendFlags::OOB).unwrap(), 1);
            (&peer).write_all(b"cd").unwrap();
            arrived(pool, id, 5);
        };
        (&peer).write_all(b"ab").unwrap();
        if is_early {
            send_rest(rig.event_loop.pool());
        }
        let meanwhile = |pool: &mut Pool| {
            if !is_early {
                send_rest(pool);
            }
        };
        rig.expect(meanwhile, "ab!cd");
    }
}

/// A read of a unix socket stops behind bytes that carry descriptors.
#[test]
fn a_read_goes_on_behind_descriptors() {
    let (socket, peer) = UnixStream::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut rig = Rig::over(StreamSocket::Unix(mio::net::UnixStream::from_std(socket), None));
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [peer.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&peer, &[IoSlice::new(b"a")], &mut control, SendFlags::empty()).unwrap();
    (&peer).write_all(b"b").unwrap();
    rig.expect(|_| {}, "ab");
}
