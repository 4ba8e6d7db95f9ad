//! Taps: what passes through a connection is shown to the handler as well.
//!
//! A transport around that of the connection sees what was really read and really written, so that a
//! link goes on as it is, but by a copy. The pool reads nothing while too much of it is not taken.
//!
//! ```text
//!                 bytes pass                       Pool::take_tapped
//! nothing waits ─────────────> Event::Tapped ────────────────────────> nothing waits
//!                                  └── FULL bytes wait: the pool reads nothing ──┘
//! ```

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::{Event, Handler};
use super::id::Id;
use super::pool::Pool;
use super::recorder::FULL;
use super::transport::Transport;
use crate::recording::Direction;

/// Bytes that have passed through a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// The connection.
    pub id: Id,
    /// Whether they were read or written.
    pub direction: Direction,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Seen {
    pieces: VecDeque<Tapped>,
    /// Their bytes.
    waiting: usize,
    /// The handler has not been notified of all.
    is_news: bool,
    /// Nobody takes them any more.
    is_over: bool,
}

/// What the taps of a pool have seen; clones share it.
#[derive(Clone, Debug, Default)]
struct Tap(Arc<Mutex<Seen>>);

impl Tap {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, id: Id, direction: Direction, bytes: Vec<u8>) {
        let mut seen = self.lock();
        if !seen.is_over {
            seen.waiting += bytes.len();
            seen.is_news = true;
            seen.pieces.push_back(Tapped { id, direction, bytes });
        }
    }
}

/// The taps of a pool.
#[derive(Debug, Default)]
pub(super) struct PoolTap {
    tap: Option<Tap>,
    /// What was seen is not taken, and so nothing is read.
    pub(super) is_full: bool,
}

/// A stream's transport, tapped.
struct TappedStream {
    inner: Box<dyn Transport>,
    tap: Tap,
    id: Id,
}

impl Transport for TappedStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        if let Some(bytes @ [_, ..]) = into.get(..count) {
            self.tap.see(self.id, Direction::In, bytes.to_vec());
        }
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.inner.write(pieces)?;
        if count > 0 {
            let written = pieces.iter().flat_map(|piece| piece.iter()).copied().take(count);
            self.tap.see(self.id, Direction::Out, written.collect());
        }
        Ok(count)
    }
}

impl Pool {
    /// Has the handler see what passes through a connection, on which nothing has moved yet.
    pub fn tap(&mut self, id: Id) {
        let tap = self.recording.taps.tap.get_or_insert_default().clone();
        self.wrap_transport(id, |inner| Box::new(TappedStream { inner, tap, id }));
    }

    /// The next bytes that have passed, in their order.
    pub fn take_tapped(&mut self) -> Option<Tapped> {
        let mut seen = self.recording.taps.tap.as_ref()?.lock();
        let tapped = seen.pieces.pop_front()?;
        seen.waiting -= tapped.bytes.len();
        Some(tapped)
    }

    /// Nobody takes what passes any more.
    pub fn end_taps(&mut self) {
        if let Some(tap) = self.recording.taps.tap.take() {
            // The transports keep their clones, and go on without.
            *tap.lock() = Seen { is_over: true, ..Seen::default() };
        }
        self.recording.taps.is_full = false;
    }

    /// Notifies the handler that bytes have passed, and looks whether it takes them.
    pub(super) fn report_tapped(&mut self, handler: &mut dyn Handler) {
        let Some(tap) = self.recording.taps.tap.clone() else { return };
        if std::mem::take(&mut tap.lock().is_news) {
            handler.on(self, Event::Tapped);
        }
        // The handler has taken some of it by now, which is why the lock is not held above.
        let waiting = tap.lock().waiting;
        self.recording.taps.is_full =
            waiting >= if self.recording.taps.is_full { FULL / 4 } else { FULL };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::event_loop::EventLoop;

    /// Answers, and writes down what passes.
    #[derive(Default)]
    struct Echo {
        seen: Vec<(Direction, Vec<u8>)>,
    }

    impl Handler for Echo {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            match event {
                Event::Accepted { id, .. } => pool.tap(id),
                Event::Data { id, bytes } => {
                    assert_ne!(pool.send(id, bytes), crate::event_loop::SendOutcome::Gone);
                }
                Event::Eof { id } => pool.finish(id),
                Event::Closed { .. } => pool.stop(),
                _ => {}
            }
            let passed = std::iter::from_fn(|| pool.take_tapped());
            self.seen.extend(passed.map(|it| (it.direction, it.bytes)));
        }
    }

    #[test]
    fn both_directions_are_seen_in_their_order() {
        let mut event_loop = EventLoop::new().unwrap();
        let listeners = event_loop.pool().listen("127.0.0.1:0").unwrap();
        let address = event_loop.pool().local(listeners[0]).unwrap().to_string();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        let mut echo = Echo::default();
        event_loop.run(&mut echo).unwrap();
        client.join().unwrap();
        let expected = [(Direction::In, b"ping".to_vec()), (Direction::Out, b"ping".to_vec())];
        assert_eq!(echo.seen, expected);
    }

    #[test]
    fn taps_that_have_ended_keep_nothing() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let id = pool.reserve();
        pool.tap(id);
        let tap = pool.recording.taps.tap.clone().unwrap();
        tap.see(id, Direction::In, vec![b'x'; FULL]);
        assert!(tap.lock().is_news);
        pool.report_tapped(&mut |_: &mut Pool, _: Event<'_>| {});
        assert!(pool.is_held_by_recording());
        pool.end_taps();
        tap.see(id, Direction::In, vec![b'x']);
        assert!(!pool.is_held_by_recording() && tap.lock().pieces.is_empty());
        assert_eq!(pool.take_tapped(), None);
    }
}
