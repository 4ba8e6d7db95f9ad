use std::io::{self, IoSlice, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::close::CloseReason;
use crate::event_loop::{CloseMode, Directions, SendOutcome, Transport};

#[derive(Default)]
struct Log(Vec<String>);

impl Handler for Log {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        self.0.push(match event {
            Event::Connected { .. } => "connected".to_owned(),
            Event::Data { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            Event::Closed { end, .. } => {
                pool.stop();
                end.reason.to_string()
            }
            Event::Started | Event::Stopping | Event::Stopped => return,
            other => format!("{other:?}"),
        });
    }
}

/// SPEC section 6: what came before an RST is read, even where the RST came before the first
/// look at the connection.
#[test]
fn a_reset_before_the_first_look_costs_nothing() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.pool().connect(&server.local_addr().unwrap().to_string()).unwrap();
    let (mut peer, _) = server.accept().unwrap();
    peer.write_all(b"last words").unwrap();
    while crate::sys::socket::unacknowledged(&peer) > 0 {
        std::thread::yield_now();
    }
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let mut log = Log::default();
    event_loop.run(&mut log).unwrap();
    assert_eq!(log.0, ["connected", "last words", &CloseReason::RESET.to_string()]);
}

/// A sink that takes all there is, as a file does.
struct Bottomless;

impl Transport for Bottomless {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }
}

#[test]
fn a_handler_that_sends_whenever_all_is_written_does_not_hold_the_loop() {
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    let sink = pool.add_channel(Box::new(Bottomless), Directions::Write).unwrap();
    pool.await_flush(sink);
    let (mut drained, mut turns) = (0, 0);
    while turns < 3 {
        let mut on = |pool: &mut Pool, event: Event<'_>| {
            if let Event::Drained { id } = event {
                drained += 1;
                assert!(drained < 100_000, "turn {turns} does not end");
                assert_eq!(pool.send_shared(id, Bytes::from_static(b"x")), SendOutcome::Queued);
                pool.await_flush(id);
            }
        };
        assert!(event_loop.run_once(Duration::from_secs(60), &mut on).unwrap());
        turns += 1;
    }
}

/// The stream to a peer that has this to acknowledge, and has said FIN where it says so.
struct Slow {
    left: Arc<AtomicU64>,
    has_finished: bool,
}

impl Transport for Slow {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        if self.has_finished { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn unacknowledged(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }
}

/// Whoever limits the time without traffic leaves a peer alone that takes its time.
#[test]
fn what_a_peer_takes_of_the_last_bytes_is_traffic() {
    for has_finished in [false, true] {
        let mut event_loop = EventLoop::new().unwrap();
        let left = Arc::new(AtomicU64::new(100));
        let slow = Slow { left: Arc::clone(&left), has_finished };
        let pool = event_loop.pool();
        let (id, start) = (pool.add_channel(Box::new(slow), Directions::Both).unwrap(), pool.now());
        let mut active = Vec::new();
        for (second, unacknowledged) in [(0, 100), (1, 100), (2, 60), (3, 60), (4, 20)] {
            left.store(unacknowledged, Ordering::Relaxed);
            let now = start + Duration::from_secs(second);
            event_loop.turn(now, &mut |_: &mut Pool, _: Event<'_>| {});
            if second == 0 {
                event_loop.pool().close(id, CloseReason::HOST, CloseMode::UntilAcked);
                event_loop.turn(now, &mut |_: &mut Pool, _: Event<'_>| {});
            }
            let last = event_loop.pool().traffic(id).unwrap().last_active;
            active.push(last.saturating_duration_since(start).as_secs());
        }
        assert_eq!(active, [0, 0, 2, 2, 4], "{has_finished}");
    }
}
