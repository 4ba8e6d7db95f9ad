//! Sends one line and prints the lines of the answer, however the stream cuts them.
//!
//! ```sh
//! cargo run --example line_client -- mail.example.org:25 HELP
//! ```

use wirecat::{Event, EventLoop, Framing, Pool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let address = words.next().ok_or("line_client ADDRESS [WORD]...")?;
    let question: Vec<String> = words.collect();
    let mut event_loop = EventLoop::new()?;
    let pool = event_loop.pool();
    let server = pool.connect(&address)?;
    pool.frame(server, Framing::Line.max_frame(65_536))?;
    let _ = pool.send_message(server, question.join(" ").as_bytes())?;
    pool.finish(server);
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Message { payload, .. } => println!("{}", payload.escape_ascii()),
        Event::ConnectFailed { error, .. } => {
            eprintln!("cannot connect to {address}: {error}");
            pool.stop();
        }
        Event::Closed { end, .. } => {
            println!("closed: {}", end.reason);
            pool.stop();
        }
        _ => {}
    })?;
    Ok(())
}
