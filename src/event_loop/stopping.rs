//! The end of the loop: in order, with what is queued written first, or at once.
//!
//! ```text
//! Running ── halt ─────────────────────────────────────────────> ended
//!    └────── stop ──> Draining ── all channels closed, 2 s ────> ended
//! ```

use std::time::Duration;

use super::id::Id;
use super::lifecycle::{ChannelPhase, CloseMode};
use super::pool::{Pool, PoolSource};
use crate::close::CloseReason;

/// How long what is queued may take when the loop is stopped. A peer that reads takes 256 KiB, which
/// make a queue full, in far less; one that does not read would take for ever.
pub(super) const DRAIN: Duration = Duration::from_secs(2);

impl Pool {
    /// Ends the loop in order. After this turn the handler gets
    /// [`Event::Stopping`](super::Event::Stopping), in which it may still send to everybody, and then
    /// no more until [`Event::Stopped`](super::Event::Stopped). Listeners and datagram sockets close,
    /// and [`EventLoop::run`](super::EventLoop::run) returns once each channel has written what was
    /// sent to it and is closed with [`CloseMode::NoWait`], or after 2 s. What a peer has not taken by
    /// then is lost.
    pub fn stop(&mut self) {
        (self.stopped, self.drains) = (true, true);
    }

    /// Ends the loop after this turn. What is queued is not waited for, and all sources stay as they
    /// are until the pool is dropped: for a handler that has closed in order what it had, or has no
    /// time to.
    pub fn halt(&mut self) {
        (self.stopped, self.drains) = (true, false);
    }

    /// Has a loop that was halted run again, with another handler.
    pub(crate) fn restart(&mut self) {
        (self.stopped, self.drains) = (false, false);
    }

    /// Whether the handler has ended the loop.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Closes everything in order, but for connections in the making to which something was sent.
    /// Returns whether anything is left that is not closed yet.
    pub(super) fn close_all(&mut self) -> bool {
        self.take_sent();
        let ids: Vec<Id> = self.sources.ids().collect();
        for id in &ids {
            let awaits_connection = matches!(
                self.sources.get(*id),
                Some(PoolSource::Channel(channel))
                    if channel.phase == ChannelPhase::Connecting && !channel.queue.is_empty()
            );
            if !awaits_connection {
                self.close(*id, CloseReason::HOST, CloseMode::NoWait);
            }
        }
        !ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::event_loop::timers::{AnyTimer, OwnPurpose};
    use crate::event_loop::{Event, EventLoop, Handler, SendOutcome};

    fn unheard(_: &mut Pool, _: Event<'_>) {}

    /// Sends so much to the first client that says something, and stops.
    struct Once(usize);

    impl Handler for Once {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            if let Event::Data { id, .. } = event {
                assert_ne!(pool.send(id, &vec![b'x'; self.0]), SendOutcome::Gone);
                pool.stop();
            }
        }
    }

    /// What a client gets of a server that sends so much and stops.
    fn serve(count: usize, client: impl FnOnce(TcpStream) -> usize + Send + 'static) -> usize {
        let mut event_loop = EventLoop::new().unwrap();
        let listeners = event_loop.pool().listen("127.0.0.1:0").unwrap();
        let address = event_loop.pool().local(listeners[0]).unwrap().to_string();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"now").unwrap();
            client(stream)
        });
        event_loop.run(&mut Once(count)).unwrap();
        drop(event_loop);
        client.join().unwrap()
    }

    #[test]
    fn what_is_queued_when_the_loop_is_stopped_is_written() {
        let read_all = |mut stream: TcpStream| stream.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(serve(16 << 20, read_all), 16 << 20);
    }

    /// A socket that is closed over bytes that nobody has read sends RST.
    #[test]
    fn what_the_peer_still_sends_does_not_cut_it() {
        let count = serve(3, |mut stream| {
            let mut bytes = [0; 3];
            stream.read_exact(&mut bytes).unwrap();
            while stream.write_all(&[0; 65536]).is_ok() {}
            bytes.len()
        });
        assert_eq!(count, 3);
    }

    /// The other end is dropped only when the loop has ended.
    #[test]
    fn a_peer_that_does_not_read_holds_the_end_up_no_longer_than_allowed() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let count = serve(64 << 20, move |stream| {
            sender.send(stream).unwrap();
            0
        });
        assert_eq!((count, receiver.try_recv().is_ok()), (0, true));
    }

    #[test]
    fn what_was_sent_before_the_connection_is_up_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let id = pool.connect(&listener.local_addr().unwrap().to_string()).unwrap();
        assert_eq!(pool.send(id, b"bye"), SendOutcome::Queued);
        pool.stop();
        event_loop.run(&mut unheard).unwrap();
        drop(event_loop);
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"bye");
    }

    #[test]
    fn a_halt_leaves_everything_as_it_is() {
        let mut event_loop = EventLoop::new().unwrap();
        let listeners = event_loop.pool().listen("127.0.0.1:0").unwrap();
        event_loop.pool().halt();
        event_loop.run(&mut unheard).unwrap();
        assert!(event_loop.pool().local(listeners[0]).is_some());
        event_loop.pool().restart();
        event_loop.pool().stop();
        event_loop.run(&mut unheard).unwrap();
        assert!(event_loop.pool().local(listeners[0]).is_none());
        assert!(!event_loop.pool().timers.is_set(AnyTimer::own(None, OwnPurpose::Stop)));
    }
}
