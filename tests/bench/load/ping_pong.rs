//! Clients that each send a message, wait for all of it to come back, and send the next.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::Value;

use super::{Task, Times};
use crate::Fallible;

const CHUNK: usize = 256 * 1024;
/// The number of the client and that of the message, which make each message another one.
const HEADER: usize = 8;

struct Client {
    stream: TcpStream,
    number: u32,
    /// The number of the message that is on its way.
    message: u32,
    sent: usize,
    received: usize,
    since: Instant,
}

/// The messages, of which all have the same size.
struct Messages {
    text: Vec<u8>,
    chunk: Vec<u8>,
}

impl Messages {
    fn new(size: usize) -> Self {
        // Lowercase letters, so that a message is a line wherever it is cut.
        let mut text: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
        if let Some(last) = text.last_mut() {
            *last = b'\n';
        }
        Self { text, chunk: vec![0; CHUNK.min(size)] }
    }

    /// The message that a client sends now.
    fn of(&mut self, client: &Client) -> &[u8] {
        let mark = format!("{:04x}{:04x}", client.number & 0xFFFF, client.message & 0xFFFF);
        let end = self.text.len().saturating_sub(1).min(HEADER);
        let places = self.text.iter_mut().take(end);
        places.zip(mark.bytes()).for_each(|(place, byte)| *place = byte);
        &self.text
    }
}

impl Client {
    fn write(&mut self, messages: &mut Messages) -> Fallible<()> {
        let message = messages.of(self);
        while let Some(rest @ [_, ..]) = message.get(self.sent..) {
            match self.stream.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there; whether the message is back.
    fn read(&mut self, messages: &mut Messages) -> Fallible<bool> {
        let size = messages.text.len();
        while self.received < size {
            let room = messages.chunk.len().min(size - self.received);
            let place = messages.chunk.get_mut(..room).unwrap_or_default();
            let count = match self.stream.read(place) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let chunk = std::mem::take(&mut messages.chunk);
            let same =
                messages.of(self).get(self.received..self.received + count) == chunk.get(..count);
            messages.chunk = chunk;
            if !same {
                return Err("another message than the one sent came back".into());
            }
            self.received += count;
        }
        Ok(true)
    }

    fn next(&mut self, messages: &mut Messages) -> Fallible<()> {
        (self.sent, self.received) = (0, 0);
        self.message = self.message.wrapping_add(1);
        self.since = Instant::now();
        self.write(messages)
    }
}

/// `clients=`, `size=` of a message, `count=` of round trips in all.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let (count, size): (usize, usize) = (task.get("count")?, task.get("size")?);
    let mut poll = Poll::new()?;
    let mut clients = (0..task.get::<u32>("clients")?)
        .map(|number| {
            let mut stream = task.connect()?;
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number as usize), both)?;
            let since = Instant::now();
            Ok(Client { stream, number, message: 0, sent: 0, received: 0, since })
        })
        .collect::<Fallible<Vec<_>>>()?;
    let mut messages = Messages::new(size);
    let mut times = Times::new()?;
    let (mut started, mut done) = (0, 0);
    let begin = Instant::now();
    for client in clients.iter_mut().take(count) {
        client.next(&mut messages)?;
        started += 1;
    }
    let mut events = Events::with_capacity(1024);
    while done < count {
        poll.poll(&mut events, Some(task.left()?))?;
        for event in &events {
            let Some(client) = clients.get_mut(event.token().0) else { continue };
            if client.message == 0 {
                continue;
            }
            if client.sent < size {
                client.write(&mut messages)?;
            }
            if !client.read(&mut messages)? {
                continue;
            }
            times.add(client.since)?;
            done += 1;
            if started < count {
                started += 1;
                client.next(&mut messages)?;
            } else {
                // It has nothing on its way, and what else is ready of it is no answer.
                client.message = 0;
            }
        }
    }
    Ok(times.found(done, begin))
}
