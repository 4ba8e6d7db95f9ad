//! Prints what is sent to groups.
//!
//! ```sh
//! cargo run --example multicast_receiver -- 239.1.2.3:5000 239.1.2.4:5000%eth0
//! ```

use wirecat::{Event, EventLoop, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut event_loop = EventLoop::new()?;
    for group in std::env::args().skip(1) {
        event_loop.pool().join(&group)?;
    }
    for (_, group) in event_loop.pool().groups() {
        println!("joined {group}");
    }
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
        let Event::Datagrams { id, batch } = event else { return };
        let Some((_, group)) = pool.groups().find(|(joined, _)| *joined == id) else { return };
        for datagram in batch {
            println!("{} to {group}: {}", datagram.from, datagram.payload.escape_ascii());
        }
    })?;
    Ok(())
}
