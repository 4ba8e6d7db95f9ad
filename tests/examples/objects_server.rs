//! Sends each Python object back, as JSON in between: the echo server of obj-over-tcp.

use wirecat::{Event, EventLoop, Framing, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("0.0.0.0:10000".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        event_loop.pool().frame(listener, Framing::Obj)?;
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Accepted { peer, .. } => println!("client connected: {peer}"),
        Event::Message { id, payload, .. } => match pool.send_message(id, payload) {
            Ok(_) => println!("object {} was echoed", String::from_utf8_lossy(payload)),
            Err(error) => println!("object not sent: {error}"),
        },
        Event::Eof { id } => pool.finish(id),
        Event::Closed { end, .. } => println!("client disconnected: {}", end.reason),
        _ => {}
    })?;
    Ok(())
}
