//! A hundred clients in one pool: `tcpCli.py` of XAsyncSockets.

use std::time::Duration;

use wirecat::{Event, EventLoop, Pool, TimerKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or("127.0.0.1:12345".into());
    let seconds = words.next().map_or(Ok(7), |word| word.parse())?;
    let mut event_loop = EventLoop::new()?;
    let pool = event_loop.pool();
    for number in 1..=100 {
        match pool.connect(&address) {
            Ok(_) => println!("client {number} created"),
            Err(failure) => println!("client {number}: {failure}"),
        }
    }
    pool.arm(TimerKey::global(0), Duration::from_secs(seconds));
    let (mut received, mut closed) = (0, 0);
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::ConnectFailed { error, .. } => println!("cannot connect: {error}"),
        Event::Connected { id, .. } => drop(pool.send(id, b"Hello World")),
        Event::Data { bytes, .. } => {
            received += 1;
            println!("{received}) received {} bytes: {}", bytes.len(), bytes.escape_ascii());
        }
        Event::Eof { id } => pool.finish(id),
        Event::Closed { end, .. } => {
            closed += 1;
            println!("{closed}) closed: {}", end.reason.cause);
        }
        Event::Timer { .. } => pool.stop(),
        _ => {}
    })?;
    Ok(())
}
