//! Prints datagrams and their senders: `udpRecv.py` of XAsyncSockets.

use wirecat::{Event, EventLoop, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("0.0.0.0:12345".into());
    let mut event_loop = EventLoop::new()?;
    for id in event_loop.pool().datagrams(&address)? {
        println!("local address {}", event_loop.pool().local(id).unwrap_or_default());
    }
    event_loop.run(&mut |_: &mut Pool, event: Event<'_>| {
        if let Event::Datagrams { batch, .. } = event {
            for datagram in batch {
                println!("{}: {}", datagram.from, datagram.payload.escape_ascii());
            }
        }
    })?;
    Ok(())
}
