//! What a message costs in steady state is no allocation: the commands run in this process, whose
//! allocator counts, against clients that allocate nothing.

// A test that cannot go on has failed.
#![allow(clippy::expect_used)]

use std::alloc::System;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use wirecat::commands::{self, Parsed};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MESSAGES: usize = 2000;
/// Allocations that so many messages may cost together: a timer, a table that grows.
const FEW: usize = MESSAGES / 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a command in a thread that lives as long as the test, and returns the port that it has.
fn start(words: &[&str]) -> u16 {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("port");
    let words = ["wirecat"].iter().chain(words).map(OsString::from);
    let words: Vec<OsString> = words.chain(["--port-file".into(), file.clone().into()]).collect();
    thread::spawn(move || {
        let parsed = Parsed::of(words).expect("a command line");
        commands::run(&parsed)
    });
    let until = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()) {
            Some(port) => return port,
            None => assert!(Instant::now() < until, "it is not ready"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a server of streams with these options, and returns so many clients.
fn serve(words: &[&str], count: usize) -> Vec<TcpStream> {
    let port = start(&[words, &["-q", "127.0.0.1:0"]].concat());
    let clients = (0..count).map(|_| {
        let client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        client.set_nodelay(true).expect("no delay");
        client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        client
    });
    clients.collect()
}

/// Counts what messages cost behind the first ones.
fn count(name: &str, mut message: impl FnMut()) {
    (0..200).for_each(|_| message());
    let region = Region::new(ALLOCATOR);
    (0..MESSAGES).for_each(|_| message());
    let change = region.change();
    let made = change.allocations + change.reallocations;
    println!("{name}: {made} allocations of {} bytes", change.bytes_allocated);
    assert!(made <= FEW, "{name}: {change:?}");
}

/// One after the other, for the allocator counts all threads.
#[test]
fn a_message_in_steady_state_allocates_nothing() {
    let mut buffer = [0; 256];
    let line = &[b"x".repeat(63).as_slice(), b"\n"].concat()[..];
    let mut exchange = |name: &str, from: &TcpStream, to: &[TcpStream]| {
        count(name, || {
            let (mut from, into) = (from, &mut buffer[..line.len()]);
            from.write_all(line).expect("a write");
            for mut client in to {
                client.read_exact(into).expect("a message");
                assert_eq!(into, line);
            }
        });
    };
    for framing in ["none", "line"] {
        let clients = serve(&["echo", "--tcp", "--frame", framing], 1);
        exchange(&format!("echo of {framing}"), &clients[0], &clients);
    }
    let clients = serve(&["tcp-serve", "-n", "--hub", "--frame", "line", "--output", "none"], 4);
    // All are in before the first message.
    thread::sleep(Duration::from_millis(500));
    exchange("hub", &clients[0], &clients[1..]);

    let upstream = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = upstream.local_addr().expect("its address").to_string();
    thread::spawn(move || {
        let (mut stream, _) = upstream.accept().expect("the relay");
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).expect("a write");
        }
    });
    let clients = serve(&["tcp-serve", "-n", "--forward", &address], 1);
    exchange("forward", &clients[0], &clients);

    let port = start(&["echo", "--udp", "-q", "127.0.0.1:0"]);
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.connect(("127.0.0.1", port)).expect("a peer");
    client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    count("datagrams", || {
        client.send(line).expect("a write");
        let got = client.recv(&mut buffer).expect("an answer");
        assert_eq!(&buffer[..got], line);
    });
}
