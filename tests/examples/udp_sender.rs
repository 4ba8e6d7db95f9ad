//! Sends START, and then NEXT once a second: `udpSend.py` of XAsyncSockets, which sends without a
//! pause.

use std::time::Duration;

use wirecat::{Event, EventLoop, Pool, TimerKey};

const NEXT: TimerKey = TimerKey::global(0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = std::env::args().nth(1).unwrap_or("127.0.0.1:12345".into());
    let mut event_loop = EventLoop::new()?;
    let socket = event_loop.pool().datagrams("0.0.0.0:0")?[0];
    event_loop.pool().send_to(socket, b"START", &peer)?;
    event_loop.pool().arm(NEXT, Duration::from_secs(1));
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
        if let Event::Timer { key: NEXT } = event {
            if let Err(failure) = pool.send_to(socket, b"NEXT", &peer) {
                println!("{failure}");
            }
            pool.arm(NEXT, Duration::from_secs(1));
        }
    })?;
    Ok(())
}
