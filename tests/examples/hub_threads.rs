//! A hub: what a client says goes to all others. Four threads do the work on it, and send the results
//! themselves; what one client says stays in its order.
//!
//! ```sh
//! cargo run --example hub_threads -- :7000
//! ```

use std::sync::mpsc::{Receiver, Sender as Queue, channel};
use std::thread;
use std::time::Duration;

use wirecat::{Event, EventLoop, Framing, Id, IdMap, Pool, Sender};

/// What a client has said, and who is to get it.
type Job = (String, Vec<Id>);

/// Does the work of one thread.
fn work(jobs: Receiver<Job>, sender: Sender) {
    for (text, everybody) in jobs {
        let result = text.to_uppercase();
        for id in everybody {
            // A client that reads nothing for so long misses it.
            if let Err(error) = sender.send_message(id, result.as_bytes(), Duration::from_secs(1)) {
                println!("not sent: {error}");
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let mut event_loop = EventLoop::new()?;
    for listener in event_loop.pool().listen(&address)? {
        event_loop.pool().frame(listener, Framing::Line.max_frame(65_536))?;
        println!("listening on {}", event_loop.pool().local(listener).unwrap_or_default());
    }
    let start = |sender: Sender| {
        let (queue, jobs) = channel();
        thread::spawn(move || work(jobs, sender));
        queue
    };
    let workers: Vec<Queue<Job>> = (0..4).map(|_| start(event_loop.pool().sender())).collect();
    let (mut queues, mut accepted) = (IdMap::default(), 0);
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Accepted { id, .. } => {
            queues.insert(id, workers.get(accepted % workers.len()));
            accepted += 1;
        }
        Event::Message { id, payload, .. } => {
            let others = pool.connections().filter(|one| *one != id).collect();
            let text = String::from_utf8_lossy(payload).into_owned();
            if let Some(Some(queue)) = queues.get(id) {
                let _ = queue.send((text, others));
            }
        }
        Event::Eof { id } => pool.finish(id),
        Event::Closed { id, .. } => {
            queues.remove(id);
        }
        _ => {}
    })?;
    Ok(())
}
