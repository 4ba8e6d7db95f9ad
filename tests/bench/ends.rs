//! The ends of a stream: what feeds it and what takes it, both of which know each byte.

use std::cmp::Ordering;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::process::Process;

/// What the ends move at once, as cat(1) does.
pub(crate) const CHUNK: usize = 128 * 1024;
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may come on a connection of the bench.
const SILENCE: Duration = Duration::from_secs(10);
/// What is looked at of each read, at both of its ends, while it is measured.
const EDGE: usize = 64;
/// A prime, so that no two places of a power of two apart have the same bytes.
const PERIOD: usize = 251;

/// How closely a stream is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// At each byte.
    Whole,
    /// At how many bytes came, and at the ends of each read.
    Edges,
}

/// The bytes of every stream, from any place on.
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    /// `longest`: the most that is asked for at once.
    pub(crate) fn new(longest: usize) -> Self {
        Self((0..longest + PERIOD).map(|number| (number % PERIOD) as u8).collect())
    }

    pub(crate) fn at(&self, place: u64, length: usize) -> &[u8] {
        let start = (place % PERIOD as u64) as usize;
        self.0.get(start..start + length).unwrap_or_default()
    }

    pub(crate) fn check(&self, place: u64, bytes: &[u8], look: Look) -> Fallible<()> {
        let same = if look == Look::Whole {
            self.at(place, bytes.len()) == bytes
        } else {
            let edge = bytes.len().min(EDGE);
            let last = bytes.len() - edge;
            bytes.get(..edge) == Some(self.at(place, edge))
                && bytes.get(last..) == Some(self.at(place + last as u64, edge))
        };
        if same { Ok(()) } else { Err(format!("wrong bytes after {place}").into()) }
    }
}

/// Writes a stream of a size.
pub(crate) fn feed(to: impl Write, size: u64) -> Fallible<()> {
    feed_in(to, size, CHUNK)
}

/// The same in writes of another size.
pub(crate) fn feed_in(mut to: impl Write, size: u64, chunk: usize) -> Fallible<()> {
    let pattern = Pattern::new(chunk);
    let mut sent = 0;
    while sent < size {
        let part = chunk.min(usize::try_from(size - sent)?);
        to.write_all(pattern.at(sent, part))?;
        sent += part as u64;
    }
    Ok(())
}

/// Reads a stream to its end, which must be all of it and nothing else.
pub(crate) fn drain(mut from: impl Read, size: u64, look: Look) -> Fallible<()> {
    let pattern = Pattern::new(CHUNK);
    let mut memory = vec![0; CHUNK];
    let chunk = aligned(&mut memory);
    let mut came = 0;
    loop {
        let count = from.read(chunk)?;
        if count == 0 {
            break;
        }
        pattern.check(came, chunk.get(..count).unwrap_or_default(), look)?;
        came += count as u64;
    }
    arrived(came, size)
}

/// A memory from its first cache line on. Some processors read four times as slowly into what malloc(3)
/// gives, which is a few bytes behind a page; see `event_loop::read_buffer`.
pub(crate) fn aligned(memory: &mut [u8]) -> &mut [u8] {
    let skipped = memory.as_ptr().align_offset(64);
    memory.get_mut(skipped..).unwrap_or_default()
}

/// A stream that ended before all of it had come.
#[derive(Debug)]
pub(crate) struct Cut {
    came: u64,
    size: u64,
}

impl std::error::Error for Cut {}

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} bytes of {} arrived", self.came, self.size)
    }
}

/// What came must be all of a stream, and nothing else.
pub(crate) fn arrived(came: u64, size: u64) -> Fallible<()> {
    match came.cmp(&size) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(Cut { came, size }.into()),
        Ordering::Greater => Err(format!("{came} bytes arrived instead of {size}").into()),
    }
}

/// What a thread of the bench has done; an error in it is an error.
pub(crate) fn join(thread: thread::ScopedJoinHandle<'_, Fallible<()>>) -> Fallible<()> {
    thread.join().map_err(|_| "a thread of the bench failed")?
}

/// Sends a stream on a connection, and FIN behind it.
pub(crate) fn feed_connection(mut to: &TcpStream, size: u64) -> Fallible<()> {
    feed(&mut to, size)?;
    Ok(to.shutdown(Shutdown::Write)?)
}

/// A connection to a port of 127.0.0.1 on which no side waits for ever.
pub(crate) fn connect(port: u16) -> Fallible<TcpStream> {
    patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
}

/// The next client of a listener of the bench; none is an error in the end.
pub(crate) fn accept(listener: &TcpListener) -> Fallible<TcpStream> {
    listener.set_nonblocking(true)?;
    let started = Instant::now();
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                client.set_nonblocking(false)?;
                return patient(client);
            }
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                return Err(error.into());
            }
            Err(_) if started.elapsed() > PATIENCE => return Err("nobody connects".into()),
            Err(_) => thread::sleep(Duration::from_micros(200)),
        }
    }
}

fn patient(stream: TcpStream) -> Fallible<TcpStream> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// Waits until somebody listens on a port. Only looking at the kernel's list does not disturb a
/// server of one connection.
pub(crate) fn wait_for_listener(port: u16, server: &mut Process) -> Fallible<()> {
    // 127.0.0.1 or any address, the port in hexadecimal, any peer, and 0A for LISTEN (proc(5)).
    let behind = format!(":{port:04X} 00000000:0000 0A");
    let started = Instant::now();
    while !fs::read_to_string("/proc/net/tcp")?.contains(&behind) {
        if server.has_ended()? {
            return Err("it ended before it listened".into());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("it does not listen within {PATIENCE:?}").into());
        }
        // The list has no event to wait for.
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
