//! One client that sends lines, and many that get them from the server.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use super::Task;
use crate::Fallible;

const CHUNK: usize = 64 * 1024;
/// How far the sender is before the slowest receiver at most: all keep up, as they would on a
/// network that the sender does not fill.
const WINDOW: usize = 64 * 1024;
/// Digits at the begin of a line, which are its number.
const DIGITS: usize = 8;

struct Lines {
    size: usize,
    whole: usize,
}

impl Lines {
    /// The bytes of the stream from one place to another.
    fn part(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        out.clear();
        let skip = from % self.size;
        for number in from / self.size..to.div_ceil(self.size) {
            out.extend(format!("{number:0width$}", width = DIGITS).into_bytes());
            out.resize(out.len() + self.size - DIGITS - 1, b'x');
            out.push(b'\n');
        }
        out.drain(..skip);
        out.truncate(to - from);
    }
}

/// `clients=` that listen, `count=` lines of `size=` bytes; `stuck=` clients that read nothing.
pub(super) fn run(task: &Task) -> Fallible<Value> {
    let (count, size): (usize, usize) = (task.get("count")?, task.get("size")?);
    let lines = Lines { size, whole: count * size };
    let mut poll = Poll::new()?;
    let mut receivers = (0..task.get::<usize>("clients")?)
        .map(|number| {
            let mut stream = task.connect()?;
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            Ok((stream, 0_usize))
        })
        .collect::<Fallible<Vec<_>>>()?;
    let stuck = (0..task.get::<usize>("stuck")?).map(|_| task.connect());
    let stuck = stuck.collect::<Fallible<Vec<_>>>()?;
    let mut sender = task.connect()?;
    let all = receivers.len();
    poll.registry().register(&mut sender, Token(all), Interest::WRITABLE)?;
    // A server may take its clients later than the kernel: the first line shows that all are in.
    settle(task, &mut poll, &mut receivers, &mut sender, &lines)?;
    let begin = Instant::now();
    let first = size;
    let mut sent = first;
    let mut events = Events::with_capacity(1024);
    let (mut chunk, mut expected) = (vec![0; CHUNK], Vec::new());
    // Receivers that have less than the sender may go on from.
    let mut behind = 0;
    let mut goal = first;
    while behind > 0 || goal < lines.whole {
        if behind == 0 {
            goal = lines.whole.min(goal + WINDOW / size * size);
            behind = all;
        }
        write(&mut sender, &lines, &mut sent, goal, &mut expected)?;
        poll.poll(&mut events, Some(task.left()?))?;
        for event in &events {
            let Some((stream, received)) = receivers.get_mut(event.token().0) else { continue };
            let before = *received;
            read(stream, received, &lines, &mut chunk, &mut expected)?;
            if before < goal && *received == goal {
                behind -= 1;
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let delivered = all * (count - 1);
    drop(stuck);
    Ok(json!({ "count": delivered, "rate": delivered as f64 / seconds }))
}

/// Sends the first line, and waits until all have it.
fn settle(
    task: &Task,
    poll: &mut Poll,
    receivers: &mut [(TcpStream, usize)],
    sender: &mut TcpStream,
    lines: &Lines,
) -> Fallible<()> {
    // The server accepts in the order in which they came, so that the sender, which is the last,
    // is taken after them.
    let (mut sent, mut expected, mut chunk) = (0, Vec::new(), vec![0; CHUNK]);
    let mut events = Events::with_capacity(1024);
    while receivers.iter().any(|(_, received)| *received < lines.size) {
        write(sender, lines, &mut sent, lines.size, &mut expected)?;
        poll.poll(&mut events, Some(task.left()?))?;
        for event in &events {
            let Some((stream, received)) = receivers.get_mut(event.token().0) else { continue };
            read(stream, received, lines, &mut chunk, &mut expected)?;
        }
    }
    Ok(())
}

fn write(
    sender: &mut TcpStream,
    lines: &Lines,
    sent: &mut usize,
    goal: usize,
    part: &mut Vec<u8>,
) -> Fallible<()> {
    if *sent < goal {
        lines.part(*sent, goal, part);
        match sender.write(part) {
            Ok(count) => *sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads what a receiver has, which are the next bytes of the stream and no others.
fn read(
    stream: &mut TcpStream,
    received: &mut usize,
    lines: &Lines,
    chunk: &mut [u8],
    expected: &mut Vec<u8>,
) -> Fallible<()> {
    loop {
        match stream.read(chunk) {
            Ok(0) => return Err(format!("a receiver was closed after {received} bytes").into()),
            Ok(count) => {
                // The numbers at both ends of it tell whether a line is missing or comes twice.
                let last = count.saturating_sub(lines.size);
                for (from, to) in [(0, lines.size.min(count)), (last, count)] {
                    lines.part(*received + from, *received + to, expected);
                    if chunk.get(from..to) != Some(expected) {
                        return Err(format!("wrong bytes after {received}").into());
                    }
                }
                *received += count;
                if count < chunk.len() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
