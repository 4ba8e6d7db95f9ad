//! Clients that connect, send a message, get it back and go; the next takes the place.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::Value;

use super::{Task, Times};
use crate::Fallible;

const MESSAGE: &[u8; 64] = b"connect, echo, close: the life of a client that asks only once.\n";

/// One client at a time in a place.
struct Place {
    stream: TcpStream,
    received: Vec<u8>,
    since: Instant,
}

/// `clients=` at once, `count=` of them in all.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let (clients, count): (usize, usize) = (task.get("clients")?, task.get("count")?);
    let mut poll = Poll::new()?;
    let mut times = Times::new()?;
    let (mut started, mut done) = (0, 0);
    let begin = Instant::now();
    let mut places = (0..clients.min(count))
        .map(|number| {
            started += 1;
            connect(task, &poll, number)
        })
        .collect::<Fallible<Vec<_>>>()?;
    let mut events = Events::with_capacity(256);
    while done < count {
        poll.poll(&mut events, Some(task.left()?))?;
        for event in &events {
            let Some(place) = places.get_mut(event.token().0) else { continue };
            if place.received.len() == MESSAGE.len() || !place.is_answered()? {
                continue;
            }
            times.add(place.since)?;
            done += 1;
            let _ = place.stream.shutdown(Shutdown::Both);
            if started < count {
                started += 1;
                *place = connect(task, &poll, event.token().0)?;
            }
        }
    }
    Ok(times.found(done, begin))
}

fn connect(task: &Task, poll: &Poll, number: usize) -> Fallible<Place> {
    let since = Instant::now();
    let mut stream = task.connect()?;
    stream.write_all(MESSAGE)?;
    poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
    Ok(Place { stream, received: Vec::with_capacity(MESSAGE.len()), since })
}

impl Place {
    fn is_answered(&mut self) -> Fallible<bool> {
        let mut chunk = [0; MESSAGE.len()];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => self.received.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if !MESSAGE.starts_with(&self.received) {
                return Err("another message than the one sent came back".into());
            }
            if self.received.len() == MESSAGE.len() {
                return Ok(true);
            }
        }
    }
}
