//! A tap: somebody who sees all that goes over the network, and may touch nothing of it.
//!
//! A stream is tapped by a transport around its own, which sees what was really read and really
//! written; a datagram socket tells by itself. Whatever is opened while the pool has no tap is
//! left as it is, and costs nothing. stdin, stdout and pipes are no network and are never tapped.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Registry;

use super::event::{Event, Handler};
use super::pool::Pool;
use super::transport::{Place, Readiness, Transport};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::protocol::output::Direction;
use crate::protocol::recording::{Line, Proto, Role, Sight};
use crate::sockets::{Endpoint, Stream};

/// Sees what goes through the sockets of a pool, in its order.
pub trait Tap: Send {
    /// Something happened on a line.
    fn see(&mut self, line: &Line, sight: Sight<'_>);

    /// The turn is over: what was seen may be written.
    ///
    /// # Errors
    /// It was not written. This is told once; nothing more will be seen to.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Nothing more will be seen.
    ///
    /// # Errors
    /// As those of [`Tap::flush`].
    fn end(&mut self) -> Result<(), Failure>;
}

/// A tap and the number of its lines; clones share both.
#[derive(Clone)]
pub struct Tapping {
    tap: Arc<Mutex<dyn Tap>>,
    count: Arc<AtomicU64>,
}

impl Tapping {
    /// Makes a tap fit to be shared.
    pub fn new(tap: impl Tap + 'static) -> Self {
        Self { tap: Arc::new(Mutex::new(tap)), count: Arc::default() }
    }

    /// The number of the next line.
    pub(super) fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn see(&self, line: &Line, sight: Sight<'_>) {
        self.lock().see(line, sight);
    }

    fn lock(&self) -> MutexGuard<'_, dyn Tap + 'static> {
        // A tap that has panicked has ended the program's thread; what it has seen is still true.
        self.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tap of a pool, as long as it has one.
#[derive(Default)]
pub(super) struct Taps {
    pub(super) tap: Option<Tapping>,
    /// Why it has ended, until somebody asks.
    failure: Option<Failure>,
}

/// A datagram socket's share of a tap.
pub(super) struct TappedSocket {
    pub(super) tapping: Tapping,
    pub(super) line: Line,
}

impl TappedSocket {
    pub(super) fn new(tapping: Tapping, line: Line) -> Self {
        tapping.see(&line, Sight::Opened);
        Self { tapping, line }
    }

    /// A datagram went through; without a name of its own, the other side is the only one.
    pub(super) fn datagram(&self, way: Direction, peer: Option<String>, payload: &[u8]) {
        let peer = peer.as_deref().or(self.line.peer.as_deref()).unwrap_or_default();
        self.tapping.see(&self.line, Sight::Datagram(way, peer, payload));
    }
}

/// A stream's transport with a tap around it.
pub(super) struct TappedStream {
    inner: Box<dyn Transport>,
    tapping: Tapping,
    proto: Proto,
    role: Role,
    /// Known from when the connection is up.
    line: Option<Line>,
    /// It is cut off, rather than closed.
    reset: bool,
}

impl TappedStream {
    pub(super) fn new(
        inner: Box<dyn Transport>,
        tapping: Tapping,
        proto: Proto,
        role: Role,
    ) -> Self {
        let mut tapped = Self { inner, tapping, proto, role, line: None, reset: false };
        if role == Role::Accepted {
            tapped.line();
        }
        tapped
    }

    /// The line, which is opened by the first need of it.
    fn line(&mut self) -> &Line {
        let Self { inner, tapping, proto, role, line, .. } = self;
        line.get_or_insert_with(|| {
            let (peer, local) = inner.addresses();
            let line = Line {
                number: tapping.number(),
                proto: *proto,
                role: *role,
                local: local.to_string(),
                peer: Some(peer.to_string()),
            };
            tapping.see(&line, Sight::Opened);
            line
        })
    }

    fn see(&mut self, sight: Sight<'_>) {
        let tapping = self.tapping.clone();
        tapping.see(self.line(), sight);
    }
}

impl Transport for TappedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        match into.get(..count) {
            Some(bytes) if count > 0 => self.see(Sight::Bytes(Direction::In, bytes)),
            _ => self.see(Sight::Ended(Direction::In)),
        }
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.inner.write(pieces)?;
        match pieces {
            [piece] if count > 0 => {
                self.see(Sight::Bytes(Direction::Out, piece.get(..count).unwrap_or_default()))
            }
            pieces if count > 0 => {
                let written = pieces.iter().flat_map(|piece| piece.iter()).copied().take(count);
                self.see(Sight::Bytes(Direction::Out, &written.collect::<Vec<u8>>()));
            }
            _ => {}
        }
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()?;
        self.see(Sight::Ended(Direction::Out));
        Ok(())
    }

    fn connected(&mut self) -> io::Result<bool> {
        let connected = self.inner.connected()?;
        if connected {
            self.line();
        }
        Ok(connected)
    }

    fn addresses(&self) -> (Endpoint, Endpoint) {
        self.inner.addresses()
    }

    fn register(&mut self, place: &Place<'_>) -> io::Result<Readiness> {
        self.inner.register(place)
    }

    fn deregister(&mut self, registry: &Registry) {
        self.inner.deregister(registry);
    }

    fn reset(&mut self) {
        self.reset = true;
        self.inner.reset();
    }

    fn closed(&mut self, reason: CloseReason) {
        // An attempt that came to nothing was never a line.
        if self.line.is_some() {
            self.see(Sight::Closed { reason, reset: self.reset });
        }
        self.inner.closed(reason);
    }

    fn take_error(&mut self) -> Option<io::Error> {
        self.inner.take_error()
    }

    fn has_ended(&self) -> bool {
        self.inner.has_ended()
    }

    fn hurry(&mut self) {
        self.inner.hurry();
    }

    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn must_flush(&self) -> bool {
        self.inner.must_flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn must_listen(&self) -> bool {
        self.inner.must_listen()
    }

    fn listen(&mut self) -> io::Result<()> {
        self.inner.listen()
    }

    fn holds_input(&self) -> bool {
        self.inner.holds_input()
    }

    fn unacknowledged(&self) -> u64 {
        self.inner.unacknowledged()
    }
}

impl Pool {
    /// Lets a tap see whatever is opened from now on.
    pub fn set_tap(&mut self, tapping: Tapping) {
        self.taps.tap = Some(tapping);
    }

    /// Lets the tap see no more.
    pub fn end_tap(&mut self) {
        if let Some(tapping) = self.taps.tap.take() {
            self.taps.failure = self.taps.failure.take().or(tapping.lock().end().err());
        }
    }

    /// Why not all that was seen is written, where that is so; told once.
    pub fn take_tap_failure(&mut self) -> Option<Failure> {
        self.taps.failure.take()
    }

    /// The end of a turn.
    pub(super) fn flush_tap(&mut self, handler: &mut dyn Handler) {
        let Some(tapping) = &self.taps.tap else { return };
        let outcome = tapping.lock().flush();
        if let Err(failure) = outcome {
            self.taps.tap = None;
            self.taps.failure = Some(failure);
            handler.on(self, Event::TapFailed);
        }
    }

    /// A stream as a transport, with the pool's tap around it, where there is one.
    pub(super) fn tapped(&self, stream: Stream, role: Role) -> Box<dyn Transport> {
        let proto = match &stream {
            Stream::Tcp(_) => Proto::Tcp,
            Stream::Unix(_) => Proto::Unix,
        };
        let transport = Box::new(stream);
        match &self.taps.tap {
            None => transport,
            Some(tapping) => Box::new(TappedStream::new(transport, tapping.clone(), proto, role)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::event_loop::EventLoop;

    /// Writes down what it sees, where the test can read it.
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Tap for Notes {
        fn see(&mut self, line: &Line, sight: Sight<'_>) {
            let words = match sight {
                Sight::Opened => format!("{:?} {}", line.role, line.proto),
                Sight::Bytes(way, bytes) => format!("{way:?} {}", bytes.escape_ascii()),
                Sight::Datagram(way, _, bytes) => format!("{way:?} {}", bytes.escape_ascii()),
                Sight::Ended(way) => format!("end {way:?}"),
                Sight::Closed { reason, .. } => reason.to_string(),
            };
            self.0.lock().unwrap().push(format!("{} {words}", line.number));
        }

        fn flush(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn end(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }

    struct Echo;

    impl Handler for Echo {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            match event {
                Event::Data { id, bytes } => {
                    assert_ne!(pool.send(id, bytes), crate::event_loop::SendOutcome::Gone)
                }
                Event::Eof { id } => pool.finish(id),
                Event::Closed { .. } => pool.stop(),
                _ => {}
            }
        }
    }

    #[test]
    fn both_sides_of_a_connection_are_seen_in_their_order() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        pool.set_tap(Tapping::new(Notes(notes.clone())));
        let listeners = pool.listen("127.0.0.1:0").unwrap();
        let address = pool.local_address(listeners[0]).unwrap().to_owned();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        event_loop.run(&mut Echo).unwrap();
        client.join().unwrap();
        let seen =
            ["1 Accepted tcp", "1 In ping", "1 Out ping", "1 end In", "1 end Out", "1 peer closed"];
        assert_eq!(*notes.lock().unwrap(), seen);
    }

    /// What a transport does by default would be lost behind the tap, without a word of the compiler.
    #[test]
    fn every_method_of_a_transport_is_passed_on() {
        let names = |text: &'static str, start: &str| -> Vec<&str> {
            let block = text.split(start).nth(1).unwrap().split("\n}\n").next().unwrap();
            let heads = block.lines().filter_map(|line| line.strip_prefix("    fn "));
            heads.map(|head| head.split('(').next().unwrap()).collect()
        };
        let wanted = names(include_str!("transport.rs"), "pub trait Transport: Send {");
        let passed = names(include_str!("tap.rs"), "impl Transport for TappedStream {");
        assert!(wanted.len() > 10);
        let missing: Vec<_> = wanted.iter().filter(|name| !passed.contains(name)).collect();
        assert!(missing.is_empty(), "not passed on: {missing:?}");
    }

    #[test]
    fn a_connection_that_never_was_is_no_line() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.pool().set_tap(Tapping::new(Notes(notes.clone())));
        event_loop.pool().connect(&free.to_string()).unwrap();
        struct Until;
        impl Handler for Until {
            fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
                assert!(matches!(event, Event::ConnectFailed { .. }));
                pool.stop();
            }
        }
        event_loop.run(&mut Until).unwrap();
        assert!(notes.lock().unwrap().is_empty());
    }
}
