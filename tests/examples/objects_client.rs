//! Sends a Python object and prints the one that comes back: the echo client of obj-over-tcp.

use wirecat::{Event, EventLoop, Framing, Pool};

const OBJECT: &[u8] = br#"{"echo test object": "message string"}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:10000".into());
    let mut event_loop = EventLoop::new()?;
    let server = event_loop.pool().connect(&address)?;
    event_loop.pool().frame(server, Framing::Obj)?;
    let _ = event_loop.pool().send_message(server, OBJECT)?;
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Connected { peer, .. } => println!("connected to {peer}"),
        Event::Message { payload, .. } => {
            println!("object received: {}", String::from_utf8_lossy(payload));
            pool.stop();
        }
        Event::ConnectFailed { .. } | Event::Closed { .. } => pool.stop(),
        _ => {}
    })?;
    Ok(())
}
