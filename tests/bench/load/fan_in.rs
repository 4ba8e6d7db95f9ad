//! Clients that all send at once, as fast as the server takes it.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use super::Task;
use crate::Fallible;

/// `clients=` that send `count=` messages of `size=` bytes each, and wait for the server to close.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let (count, size): (usize, usize) = (task.get("count")?, task.get("size")?);
    // Several messages in one write, as a sender that is faster than its server has them.
    let burst = (64 * 1024 / size).clamp(1, count);
    let mut message: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
    if let Some(last) = message.last_mut() {
        *last = b'\n';
    }
    let text = message.repeat(burst);
    let whole = count * size;
    let mut poll = Poll::new()?;
    let mut clients = (0..task.get::<usize>("clients")?)
        .map(|number| {
            let mut stream = task.connect()?;
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number), both)?;
            Ok((stream, 0_usize))
        })
        .collect::<Fallible<Vec<_>>>()?;
    let begin = Instant::now();
    let mut events = Events::with_capacity(1024);
    let mut open = clients.len();
    while open > 0 {
        poll.poll(&mut events, Some(task.left()?))?;
        for event in &events {
            let Some((stream, sent)) = clients.get_mut(event.token().0) else { continue };
            while *sent < whole {
                let at = *sent % text.len();
                let end = text.len().min(at + whole - *sent);
                match stream.write(text.get(at..end).unwrap_or_default()) {
                    Ok(count) => *sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
                if *sent == whole {
                    stream.shutdown(Shutdown::Write)?;
                }
            }
            if *sent == whole && event.is_readable() && is_closed(stream)? {
                poll.registry().deregister(stream)?;
                open -= 1;
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let messages = clients.len() * count;
    Ok(json!({ "count": messages, "rate": messages as f64 / seconds }))
}

fn is_closed(stream: &mut mio::net::TcpStream) -> Fallible<bool> {
    let mut nothing = [0; 64];
    match stream.read(&mut nothing) {
        Ok(0) => Ok(true),
        Ok(_) => Err("the server answered what it is to throw away".into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
