//! Counts clients and what they send, and closes those that send nothing for a time: `tcpSrv.py` of
//! XAsyncSockets.

use std::time::Duration;

use wirecat::{Event, EventLoop, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("0.0.0.0:12345".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    let (mut accepted, mut received, mut closed) = (0, 0, 0);
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Accepted { id, peer, .. } => {
            accepted += 1;
            println!("{accepted}) accepted {peer}");
            pool.expect_within(id, Duration::from_secs(1));
        }
        Event::Data { id, bytes } => {
            received += 1;
            println!("{received}) received {} bytes: {}", bytes.len(), bytes.escape_ascii());
            pool.expect_within(id, Duration::from_secs(2));
        }
        Event::Eof { id } => pool.finish(id),
        Event::Closed { end, .. } => {
            closed += 1;
            println!("{closed}) closed: {}", end.reason.cause);
        }
        _ => {}
    })?;
    Ok(())
}
