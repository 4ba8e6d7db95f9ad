//! Sends back what each client sends, and holds back a client that sends faster than it reads.
//!
//! ```sh
//! cargo run --example echo_server -- :7000
//! ```

use wirecat::{Event, EventLoop, Pool, SendOutcome};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Data { id, bytes } if pool.send(id, bytes) == SendOutcome::Full => pool.pause(id),
        Event::Drained { id } => pool.resume(id),
        Event::Eof { id } => pool.finish(id),
        Event::Closed { end, .. } => println!("closed: {}", end.reason),
        _ => {}
    })?;
    Ok(())
}
