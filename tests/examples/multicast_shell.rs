//! Joins and leaves groups and sends to them, as the lines of stdin say: `Multicast.py` of jfSocket.
//!
//! ```text
//! join 239.1.2.3:5000%lo
//! drop 239.1.2.3:5000%lo
//! send 239.1.2.3:5000 some words
//! send 239.1.2.3:5000 -x 00ff10
//! exit
//! ```

use wirecat::{Event, EventLoop, Framing, Id, Pool};

/// Does what a line says; returns what there is to say about it.
fn obey(pool: &mut Pool, sender: Id, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "join" => drop(pool.join(rest)?),
        "drop" => pool.leave(rest)?,
        "send" => {
            let (group, text) = rest.split_once(' ').ok_or("send GROUP:PORT TEXT")?;
            let data = text.strip_prefix("-x ").map_or(Ok(text.into()), hex)?;
            pool.send_to(sender, &data, group)?;
            return Ok(format!("sent {} bytes to {group}", data.len()));
        }
        "exit" => pool.stop(),
        _ => return Err("join, drop, send or exit".into()),
    }
    let groups: Vec<String> = pool.groups().map(|(_, group)| group.to_string()).collect();
    Ok(format!("groups: {}", groups.join(", ")))
}

fn hex(digits: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2).unwrap_or("?"));
    pairs.map(|pair| u8::from_str_radix(pair, 16)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut event_loop = EventLoop::new()?;
    let stdin = event_loop.pool().stdin()?;
    event_loop.pool().frame(stdin, Framing::Line)?;
    let sender = event_loop.pool().datagrams("0.0.0.0:0")?[0];
    event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
        Event::Message { payload, .. } => {
            match obey(pool, sender, &String::from_utf8_lossy(payload)) {
                Ok(words) => println!("{words}"),
                Err(error) => println!("failed: {error}"),
            }
        }
        Event::Datagrams { id, batch } => {
            let group = pool.local(id).unwrap_or_default();
            for datagram in batch {
                println!("{} -> {group}: {}", datagram.from, datagram.payload.escape_ascii());
            }
        }
        Event::Closed { id, .. } if id == stdin => pool.stop(),
        _ => {}
    })?;
    Ok(())
}
