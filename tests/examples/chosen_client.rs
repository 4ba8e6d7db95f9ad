//! Four threads send to one client, and each of their messages arrives whole: the server of ESocketS.
//! The client is chosen by the line that it sends.

use std::thread;
use std::time::Duration;

use wirecat::{Event, EventLoop, Framing, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("0.0.0.0:1234".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        event_loop.pool().frame(listener, Framing::Line)?;
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    let sender = event_loop.pool().sender();
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Accepted { peer, .. } => println!("client connected: {peer}"),
        Event::Message { id, payload: b"chosen", .. } => {
            for worker in 0..4 {
                let sender = sender.clone();
                let say = move |number| {
                    let text = format!("worker {worker} says {number}");
                    sender.send_message(id, text.as_bytes(), Duration::from_secs(10)).is_ok()
                };
                thread::spawn(move || (0..1000).all(say));
            }
        }
        Event::Message { payload, .. } => println!("message: {}", payload.escape_ascii()),
        Event::Eof { id } => pool.finish(id),
        Event::Closed { end, .. } => println!("client disconnected: {}", end.reason),
        _ => {}
    })?;
    Ok(())
}
