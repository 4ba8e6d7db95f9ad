use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::event_loop::{Directions, EventLoop, Memory};

/// Counts the calls and answers as no default does.
struct Leaf(Arc<AtomicUsize>);

impl Leaf {
    fn count<T>(&self, answer: T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

impl Transport for Leaf {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.count(Ok(1))
    }
    fn is_empty_after_short_read(&self) -> bool {
        self.count(true)
    }
    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        self.count(Ok(1))
    }
    fn finish(&mut self) -> io::Result<()> {
        self.count(Err(io::ErrorKind::BrokenPipe.into()))
    }
    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        self.count(Ok(None))
    }
    fn addresses(&self) -> (Endpoint, Endpoint) {
        let address = Endpoint::from(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
        self.count((address.clone(), address))
    }
    fn register(&mut self, _: &Registration<'_>) -> io::Result<Readiness> {
        self.count(Ok(Readiness::Evented))
    }
    fn deregister(&mut self, _: &Registry) {
        self.count(());
    }
    fn reset(&mut self) {
        self.count(());
    }
    fn closed(&mut self, _: CloseReason) {
        self.count(());
    }
    fn take_error(&mut self) -> Option<io::Error> {
        self.count(Some(io::ErrorKind::TimedOut.into()))
    }
    fn has_ended(&self) -> io::Result<bool> {
        self.count(Ok(true))
    }
    fn is_deserted(&self) -> bool {
        self.count(true)
    }
    fn keep_alive(&mut self) {
        self.count(());
    }
    fn unread(&self) -> u64 {
        self.count(5)
    }
    fn unacknowledged(&self) -> u64 {
        self.count(7)
    }
    fn set_nodelay(&mut self) {
        self.count(());
    }
    fn acknowledge(&mut self) {
        self.count(());
    }
    fn is_open(&self) -> bool {
        self.count(false)
    }
    fn needs_flush(&self) -> bool {
        self.count(true)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.count(Err(io::ErrorKind::BrokenPipe.into()))
    }
    fn needs_read(&self) -> bool {
        self.count(true)
    }
    fn read_ahead(&mut self) -> io::Result<()> {
        self.count(Err(io::ErrorKind::BrokenPipe.into()))
    }
    fn buffered(&self) -> usize {
        self.count(7)
    }
    fn has_buffered_input(&self) -> bool {
        self.count(true)
    }
}

/// Wraps a transport and changes nothing.
struct Wrapper(Leaf);

impl Transport for Wrapper {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&self.0)
    }
    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut self.0)
    }
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(pieces)
    }
}

#[test]
fn a_wrapper_does_by_default_what_its_inner_transport_does() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut outer = Wrapper(Leaf(Arc::clone(&calls)));
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    let memory = Box::new(Memory::new(bytes::Bytes::new()));
    let id = pool.add_channel(memory, Directions::Read).unwrap();
    let registration = Registration { registry: &pool.registry, mailbox: &pool.mailbox, id };
    assert_eq!((outer.read(&mut []).unwrap(), outer.write(&[]).unwrap()), (1, 1));
    assert!(outer.finish().is_err() && outer.flush().is_err() && outer.read_ahead().is_err());
    assert!(outer.connected().unwrap().is_none());
    assert_eq!(outer.addresses().0.to_string(), "127.0.0.1:9");
    assert_eq!(outer.register(&registration).unwrap(), Readiness::Evented);
    outer.deregister(&pool.registry);
    outer.reset();
    outer.closed(CloseReason::HOST);
    assert!(outer.take_error().is_some() && outer.has_ended().unwrap() && !outer.is_open());
    assert!(outer.is_deserted() && outer.is_empty_after_short_read());
    outer.keep_alive();
    outer.acknowledge();
    assert_eq!((outer.unread(), outer.unacknowledged(), outer.buffered()), (5, 7, 7));
    outer.set_nodelay();
    assert!(outer.needs_flush() && outer.needs_read() && outer.has_buffered_input());
    assert_eq!(calls.load(Ordering::Relaxed), 25);
}
