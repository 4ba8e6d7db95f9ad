//! Sends each message back; QUIT ends a client, SRVQUIT the server: the echo
//! server of tinyproto.

use wirecat::{CloseMode, CloseReason, Event, EventLoop, Framing, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:5000".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        event_loop.pool().frame(listener, Framing::Tinyproto)?;
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Message { payload: b"SRVQUIT", .. } => pool.stop(),
        Event::Message { id, payload: b"QUIT", .. } => {
            pool.close(id, CloseReason::HOST, CloseMode::Linger);
        }
        Event::Message { id, payload, .. } => {
            let answer = [b"Echo back: ", payload].concat();
            if let Err(error) = pool.send_message(id, &answer) {
                println!("no answer: {error}");
            }
        }
        Event::Eof { id } => pool.finish(id),
        _ => {}
    })?;
    Ok(())
}
