//! Sends each line of stdin as a message and prints what comes back: the echo client of tinyproto.

use wirecat::{Event, EventLoop, Framing, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:5000".into());
    let mut event_loop = EventLoop::new()?;
    let pool = event_loop.pool();
    let server = pool.connect(&address)?;
    pool.frame(server, Framing::Tinyproto)?;
    let stdin = pool.stdin()?;
    pool.frame(stdin, Framing::Line)?;
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Message { id, payload, .. } if id == stdin => {
            if let Err(error) = pool.send_message(server, payload) {
                println!("not sent: {error}");
            }
        }
        Event::Message { payload, .. } => println!("{}", payload.escape_ascii()),
        Event::ConnectFailed { error, .. } => {
            println!("cannot connect: {error}");
            pool.stop();
        }
        Event::Eof { id } | Event::Closed { id, .. } if id == server => pool.stop(),
        _ => {}
    })?;
    Ok(())
}
