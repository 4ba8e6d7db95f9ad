//! Observers: what passes through a connection is shown to the handler as well.
//!
//! A transport around that of the connection sees what was really read and really written. A link of that
//! connection goes on, but copies. The pool reads nothing while too much of what passed is not taken.
//!
//! ```text
//!                 bytes pass                       Pool::take_observed
//! nothing waits ─────────────> Event::Observed ────────────────────────> nothing waits
//!                                  └── FULL bytes wait: the pool reads nothing ──┘
//! ```
//!
//! A handler that takes more than it has room for holds the pool ([`Pool::hold_observed`]), which reads
//! nothing meanwhile either.

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
pub struct Observed {
    /// The connection.
    pub id: Id,
    /// Whether they were read or written.
    pub direction: Direction,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Seen {
    pieces: VecDeque<Observed>,
    /// Their bytes.
    waiting: usize,
    /// The handler has not been notified of all.
    is_news: bool,
    /// Nobody takes them any more.
    is_over: bool,
}

/// What the observer of a pool has seen; clones share it.
#[derive(Clone, Debug, Default)]
struct Observer(Arc<Mutex<Seen>>);

impl Observer {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, id: Id, direction: Direction, bytes: Vec<u8>) {
        let mut seen = self.lock();
        if !seen.is_over {
            seen.waiting += bytes.len();
            seen.is_news = true;
            seen.pieces.push_back(Observed { id, direction, bytes });
        }
    }
}

/// The observer of a pool.
#[derive(Debug, Default)]
pub(super) struct PoolObserver {
    observer: Option<Observer>,
    /// What was seen is not taken, and so nothing is read.
    pub(super) is_full: bool,
    /// What was taken has no room yet.
    is_held: bool,
}

/// A stream's transport, observed.
struct ObservedStream {
    inner: Box<dyn Transport>,
    observer: Observer,
    id: Id,
}

impl Transport for ObservedStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        if let Some(bytes @ [_, ..]) = into.get(..count) {
            self.observer.see(self.id, Direction::In, bytes.to_vec());
        }
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.inner.write(pieces)?;
        if count > 0 {
            let written = pieces.iter().flat_map(|piece| piece.iter()).copied().take(count);
            self.observer.see(self.id, Direction::Out, written.collect());
        }
        Ok(count)
    }
}

impl Pool {
    /// Has the handler see what passes through a connection, on which nothing has moved yet.
    pub fn observe(&mut self, id: Id) {
        let observer = self.recording.observed.observer.get_or_insert_default().clone();
        self.wrap_transport(id, |inner| Box::new(ObservedStream { inner, observer, id }));
    }

    /// The next bytes that have passed, in their order.
    pub fn take_observed(&mut self) -> Option<Observed> {
        let mut seen = self.recording.observed.observer.as_ref()?.lock();
        let observed = seen.pieces.pop_front()?;
        seen.waiting -= observed.bytes.len();
        Some(observed)
    }

    /// Whether what was taken has no room where it goes: nothing is read until it has.
    pub fn hold_observed(&mut self, is_held: bool) {
        self.recording.observed.is_held = is_held;
    }

    /// Nobody takes what passes any more.
    pub fn end_observing(&mut self) {
        if let Some(observer) = self.recording.observed.observer.take() {
            // The transports keep their clones, and go on without.
            *observer.lock() = Seen { is_over: true, ..Seen::default() };
        }
        (self.recording.observed.is_full, self.recording.observed.is_held) = (false, false);
    }

    /// Notifies the handler that bytes have passed, and looks whether it takes them.
    pub(super) fn report_observed(&mut self, handler: &mut dyn Handler) {
        let Some(observer) = self.recording.observed.observer.clone() else { return };
        if std::mem::take(&mut observer.lock().is_news) {
            handler.on(self, Event::Observed);
        }
        // The handler has taken some of it by now, which is why the lock is not held above.
        let waiting = observer.lock().waiting;
        let most = if self.recording.observed.is_full { FULL / 4 } else { FULL };
        self.recording.observed.is_full = waiting >= most || self.recording.observed.is_held;
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
                Event::Accepted { id, .. } => pool.observe(id),
                Event::Data { id, bytes } => {
                    assert_ne!(pool.send(id, bytes), crate::event_loop::SendOutcome::Gone);
                }
                Event::Eof { id } => pool.finish(id),
                Event::Closed { .. } => pool.stop(),
                _ => {}
            }
            let passed = std::iter::from_fn(|| pool.take_observed());
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
    fn observers_that_have_ended_keep_nothing() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let id = pool.reserve();
        pool.observe(id);
        let observer = pool.recording.observed.observer.clone().unwrap();
        observer.see(id, Direction::In, vec![b'x'; FULL]);
        assert!(observer.lock().is_news);
        pool.report_observed(&mut |_: &mut Pool, _: Event<'_>| {});
        assert!(pool.is_held_by_recording());
        pool.end_observing();
        observer.see(id, Direction::In, vec![b'x']);
        assert!(!pool.is_held_by_recording() && observer.lock().pieces.is_empty());
        assert_eq!(pool.take_observed(), None);
    }
}
