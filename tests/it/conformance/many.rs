//! Ten thousand clients of one hub: all are served, and memory is bounded.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::data::noise;
use crate::support::net::{connect, connect_narrow, read_what_comes};
use crate::support::{PATIENCE, Running, proc, skip, wirecat};

const CLIENTS: usize = 10_000;
const STUCK: usize = 100;
/// What all clients may cost together, beside a server without any, whose size depends on how the
/// compiler has optimized: 5 to 13 MiB.
const MEMORY_KIB: u64 = 10 * 1024;
/// A message, and how many of them follow the first: more than what the kernel and the queue
/// below hold for a client that does not read.
const MESSAGE: usize = 16 * 1024;
const MESSAGES: usize = 16;

/// The clients, on one poll, and what they are to receive.
struct Crowd {
    poll: Poll,
    clients: Vec<Client>,
    script: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    got: usize,
}

impl Crowd {
    /// The first clients have small receive buffers.
    fn connect(address: &str, script: Vec<u8>) -> Self {
        let poll = Poll::new().expect("a poll");
        let client = |number| {
            let narrow = (1..=STUCK).contains(&number);
            let stream = if narrow { connect_narrow(address) } else { connect(address) };
            stream.set_nonblocking(true).expect("a socket");
            let mut stream = TcpStream::from_std(stream);
            let registry = poll.registry();
            registry.register(&mut stream, Token(number), Interest::READABLE).expect("room");
            Client { stream, got: 0 }
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { poll, clients, script }
    }

    /// The first client says this part of the script; it does not hear itself.
    fn say(&mut self, from: usize, to: usize) {
        let speaker = &mut self.clients[0];
        speaker.stream.write_all(&self.script[from..to]).expect("it is taken");
        speaker.got = to;
    }

    /// Reads until every client that is watched has this much of the script, and nothing else.
    fn hear(&mut self, up_to: usize) {
        let mut missing = self.clients.iter().filter(|client| client.got < up_to).count();
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        let deadline = Instant::now() + 2 * PATIENCE;
        while missing > 0 {
            assert!(Instant::now() < deadline, "{missing} clients have not heard all");
            if let Err(error) = self.poll.poll(&mut events, Some(Duration::from_secs(1))) {
                assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
                continue;
            }
            for event in &events {
                let client = &mut self.clients[event.token().0];
                if client.got < up_to {
                    client.read(&self.script, &mut buffer);
                    missing -= usize::from(client.got >= up_to);
                }
            }
        }
    }

    /// Takes the clients out that will not be read any more.
    fn take_stuck(&mut self) -> Vec<TcpStream> {
        let stuck = self.clients[1..=STUCK].iter_mut().map(|client| {
            self.poll.registry().deregister(&mut client.stream).expect("it was registered");
            // Whoever waits for the crowd does not wait for it.
            client.got = usize::MAX;
            // The children of other tests must not inherit it.
            let stream = rustix::io::fcntl_dupfd_cloexec(&client.stream, 0).expect("a descriptor");
            TcpStream::from_std(stream.into())
        });
        stuck.collect()
    }
}

impl Client {
    fn read(&mut self, script: &[u8], buffer: &mut [u8]) {
        loop {
            match self.stream.read(buffer) {
                Ok(count) => {
                    assert!(count > 0, "a client was dropped after {} bytes", self.got);
                    let wanted = &script[self.got..self.got + count];
                    assert!(buffer[..count] == *wanted, "wrong bytes after {}", self.got);
                    self.got += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a client was lost after {} bytes: {error}", self.got),
            }
        }
    }
}

/// Whether this process may have that many sockets; the server is a process of its own.
fn raise_limit() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let enough = limit.maximum.is_none_or(|most| most >= CLIENTS as u64 + 2000);
    enough && setrlimit(Resource::Nofile, raised).is_ok()
}

fn assert_small(server: &Running, alone: u64, when: &str) {
    let grown = proc::peak_kib(server.pid()).saturating_sub(alone);
    assert!(grown <= MEMORY_KIB, "{grown} KiB more than {alone} KiB {when}");
}

/// The queue and the send buffer are small, so that a client is known to be stuck
/// before gigabytes have been sent to the others.
#[test]
fn ten_thousand_clients_talk_on_a_hub_and_a_hundred_that_stop_reading_harm_nobody() {
    if !raise_limit() {
        let name = "ten_thousand_clients_talk_on_a_hub";
        return skip(name, "it takes 12,000 descriptors (ulimit -n)");
    }
    let hub = ["tcp-serve", "-v", "--hub", "--queue", "64KiB", "-O", "sndbuf=16384"];
    let mut server = wirecat(hub.into_iter().chain(["127.0.0.1:0"])).start();
    let script = noise(MESSAGE * (1 + MESSAGES));
    let address = server.address();
    let alone = proc::peak_kib(server.pid());
    let mut crowd = Crowd::connect(&address, script);
    server.wait_for(&format!("accepted #{CLIENTS} "));

    crowd.say(0, MESSAGE);
    crowd.hear(MESSAGE);
    assert_small(&server, alone, "with everybody there");

    let stuck = crowd.take_stuck();
    for said in (MESSAGE..).step_by(MESSAGE).take(MESSAGES) {
        crowd.say(said, said + MESSAGE);
        crowd.hear(said + MESSAGE);
    }
    assert_small(&server, alone, "after all is said");
    let script = crowd.script.clone();
    for stream in stuck {
        let stream = std::net::TcpStream::from(std::os::fd::OwnedFd::from(stream));
        stream.set_nonblocking(false).expect("a socket");
        // A start of the script, and then the end of the connection.
        let rest = read_what_comes(&stream);
        assert!(script[MESSAGE..].starts_with(&rest) && rest.len() < MESSAGE * MESSAGES);
    }
    drop(crowd);
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let kicked = ended.stderr.lines().filter(|line| line.contains("(too slow)")).count();
    assert_eq!(kicked, STUCK);
    assert!(ended.stdout == script, "stdout of the hub has what was said");
}
