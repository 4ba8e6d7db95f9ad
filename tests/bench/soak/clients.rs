//! What clients do to the servers. Each kind goes on until its time is over, one connection after
//! another, and counts what it asked and what was acknowledged; a line that is missing, wrong or out
//! of order ends the run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::PATIENCE;
use super::servers::{ANSWER, CHAT, ECHO, FORWARD, HUB, LISTENER, REPLY};
use crate::Fallible;

/// Pause between two connections of one kind, so that no kind takes all of the machine.
const PAUSE: Duration = Duration::from_millis(10);
/// Time for which a client that stalls reads nothing.
const STALL: Duration = Duration::from_millis(500);
/// Lines of hub and chat that go out together.
const BATCH: u64 = 10;

/// Where the servers are.
pub(super) struct Place {
    pub(super) ports: Vec<u16>,
}

/// What one kind of clients has done.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) name: &'static str,
    pub(super) connections: u64,
    pub(super) asked: u64,
    pub(super) acknowledged: u64,
}

type Client = fn(&Place, Instant) -> Fallible<Count>;

/// All kinds, which run at once.
pub(super) const ALL: &[(&str, Client)] = &[
    ("talk to echo", |place, until| talk("talk to echo", place.port(ECHO), until, same)),
    ("talk to reply", |place, until| talk("talk to reply", place.port(REPLY), until, answer)),
    ("talk to forward", |place, until| talk("talk to forward", place.port(FORWARD), until, same)),
    ("half-close", half_close),
    ("reset", reset),
    ("stall", stall),
    ("datagrams to echo", |place, until| ask("datagrams to echo", place.port(ECHO), until, same)),
    ("datagrams to listener", |place, until| {
        ask("datagrams to listener", place.port(LISTENER), until, answer)
    }),
    ("hub", hub),
    ("chat", chat),
];

fn same(line: &str) -> String {
    line.to_owned()
}

fn answer(_: &str) -> String {
    ANSWER.to_owned()
}

impl Place {
    fn port(&self, server: usize) -> u16 {
        self.ports.get(server).copied().unwrap_or_default()
    }
}

impl Count {
    fn new(name: &'static str) -> Self {
        Self { name, connections: 0, asked: 0, acknowledged: 0 }
    }
}

/// The acknowledgement that has come is the one that is due.
pub(super) fn account(came: &str, due: &str) -> Fallible<()> {
    if came == due { Ok(()) } else { Err(format!("{came:?} came in place of {due:?}").into()) }
}

/// A connection that is read by lines.
struct Talk {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Talk {
    fn open(port: u16) -> Fallible<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let lines = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, lines })
    }

    fn say(&mut self, line: &str) -> Fallible<()> {
        Ok(self.stream.write_all(format!("{line}\n").as_bytes())?)
    }

    fn next(&mut self) -> Fallible<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => Err("the connection has ended".into()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("no line came: {error}").into()),
        }
    }

    /// The server says nothing more.
    fn ends(&mut self) -> Fallible<()> {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest)?;
        account(&String::from_utf8_lossy(&rest), "")
    }

    /// The next line that begins like this, whatever others say in between.
    fn next_of(&mut self, start: &str) -> Fallible<String> {
        loop {
            let line = self.next()?;
            if line.starts_with(start) {
                return Ok(line);
            }
        }
    }
}

/// Asks and waits for the answer, one line after another, and ends in turns by FIN and by
/// leaving at once.
fn talk(name: &'static str, port: u16, until: Instant, due: fn(&str) -> String) -> Fallible<Count> {
    let mut count = Count::new(name);
    while Instant::now() < until {
        let mut talk = Talk::open(port)?;
        count.connections += 1;
        for number in 0..20 {
            let line = format!("{name} {} {number}", count.connections);
            talk.say(&line)?;
            count.asked += 1;
            account(&talk.next()?, &due(&line))?;
            count.acknowledged += 1;
        }
        if count.connections.is_multiple_of(2) {
            talk.stream.shutdown(Shutdown::Write)?;
            talk.ends()?;
        }
        thread::sleep(PAUSE);
    }
    Ok(count)
}

/// Sends a lot, says that this is all, and reads all of it back, through a relay.
fn half_close(place: &Place, until: Instant) -> Fallible<Count> {
    let mut count = Count::new("half-close");
    while Instant::now() < until {
        let mut talk = Talk::open(place.port(FORWARD))?;
        count.connections += 1;
        let text: String =
            (0..4000).map(|line| format!("{} {line}\n", count.connections)).collect();
        let mut writing = talk.stream.try_clone()?;
        let all = text.clone();
        let writer = thread::spawn(move || -> Fallible<()> {
            writing.write_all(all.as_bytes())?;
            Ok(writing.shutdown(Shutdown::Write)?)
        });
        count.asked += 4000;
        let mut back = String::new();
        talk.lines.read_to_string(&mut back)?;
        writer.join().map_err(|_| "the writer panicked")??;
        if back != text {
            let (came, went) = (back.len(), text.len());
            return Err(format!("{came} bytes came back of {went}, or other ones").into());
        }
        count.acknowledged += 4000;
        thread::sleep(PAUSE);
    }
    Ok(count)
}

/// Says something to each server of streams in turn and resets the connection.
fn reset(place: &Place, until: Instant) -> Fallible<Count> {
    let mut count = Count::new("reset");
    while Instant::now() < until {
        for server in [HUB, REPLY, ECHO, CHAT, FORWARD] {
            let mut talk = Talk::open(place.port(server))?;
            count.connections += 1;
            talk.say("reset")?;
            // A linger time of zero makes a close a reset.
            SockRef::from(&talk.stream).set_linger(Some(Duration::ZERO))?;
        }
        thread::sleep(PAUSE);
    }
    Ok(count)
}

/// Sends each server of streams what it takes, reads nothing for a while, and is gone.
fn stall(place: &Place, until: Instant) -> Fallible<Count> {
    let mut count = Count::new("stall");
    let line = format!("stall {}\n", "x".repeat(1000));
    while Instant::now() < until {
        let mut held = Vec::new();
        // Those of a hub are heard by all others, so that one says little.
        for (server, most) in
            [(HUB, 10), (REPLY, 20_000), (ECHO, 20_000), (CHAT, 5), (FORWARD, 20_000)]
        {
            let mut stream = TcpStream::connect(("127.0.0.1", place.port(server)))?;
            stream.set_nonblocking(true)?;
            count.connections += 1;
            for _ in 0..most {
                // It takes no more for now, or has ended what floods it.
                if stream.write(line.as_bytes()).is_err() {
                    break;
                }
            }
            held.push(stream);
        }
        thread::sleep(STALL);
    }
    Ok(count)
}

/// Asks by datagrams, one at a time, from a new port now and then.
fn ask(name: &'static str, port: u16, until: Instant, due: fn(&str) -> String) -> Fallible<Count> {
    let mut count = Count::new(name);
    let mut buffer = [0; 1500];
    while Instant::now() < until {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        count.connections += 1;
        for number in 0..50 {
            let text = format!("{name} {} {number}", count.connections);
            socket.send(text.as_bytes())?;
            count.asked += 1;
            let length = socket.recv(&mut buffer).map_err(|error| format!("no answer: {error}"))?;
            let came = buffer.get(..length).unwrap_or_default();
            account(&String::from_utf8_lossy(came), &due(&text))?;
            count.acknowledged += 1;
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(count)
}

/// Reads whatever comes to somebody who only speaks.
fn ignore(talk: &Talk) -> Fallible<()> {
    let mut reading = talk.stream.try_clone()?;
    thread::spawn(move || std::io::copy(&mut reading, &mut std::io::sink()));
    Ok(())
}

/// One speaks, and three others hear each line in its turn, while more come and go.
fn hub(place: &Place, until: Instant) -> Fallible<Count> {
    let mut count = Count::new("hub");
    let port = place.port(HUB);
    let mut speaker = Talk::open(port)?;
    let mut witnesses = [Talk::open(port)?, Talk::open(port)?, Talk::open(port)?];
    for (number, witness) in witnesses.iter_mut().enumerate() {
        witness.say(&format!("witness {number}"))?;
        // Once it is heard it hears.
        speaker.next_of(&format!("witness {number}"))?;
    }
    ignore(&speaker)?;
    count.connections = 4;
    let mut number = 0;
    while Instant::now() < until {
        for line in number..number + BATCH {
            speaker.say(&format!("speaker {line}"))?;
        }
        for witness in &mut witnesses {
            for line in number..number + BATCH {
                count.asked += 1;
                account(&witness.next_of("speaker ")?, &format!("speaker {line}"))?;
                count.acknowledged += 1;
            }
        }
        number += BATCH;
        let mut passer_by = Talk::open(port)?;
        passer_by.say("passing by")?;
        passer_by.stream.shutdown(Shutdown::Write)?;
        count.connections += 1;
        thread::sleep(PAUSE);
    }
    // For its reader as well, which has a handle of its own.
    speaker.stream.shutdown(Shutdown::Both)?;
    Ok(count)
}

/// Ann speaks as fast as a room allows, and bob hears each line in its turn, while others join, say
/// something and leave.
fn chat(place: &Place, until: Instant) -> Fallible<Count> {
    let mut count = Count::new("chat");
    let port = place.port(CHAT);
    let (mut ann, mut bob) = (Talk::open(port)?, Talk::open(port)?);
    for (nick, talk) in [("ann", &mut ann), ("bob", &mut bob)] {
        talk.say(&format!("/nick {nick}"))?;
        talk.next_of("*** here: ")?;
    }
    ignore(&ann)?;
    count.connections = 2;
    let mut number = 0;
    while Instant::now() < until {
        for line in number..number + BATCH {
            ann.say(&format!("line {line}"))?;
        }
        for line in number..number + BATCH {
            count.asked += 1;
            account(&bob.next_of("<ann> ")?, &format!("<ann> line {line}"))?;
            count.acknowledged += 1;
        }
        number += BATCH;
        let mut guest = Talk::open(port)?;
        guest.say("/nick guest")?;
        guest.say("hello")?;
        guest.say("/quit")?;
        // It may be told of the end before it has read all.
        let mut rest = Vec::new();
        guest.lines.read_to_end(&mut rest)?;
        count.connections += 1;
    }
    ann.stream.shutdown(Shutdown::Both)?;
    Ok(count)
}
