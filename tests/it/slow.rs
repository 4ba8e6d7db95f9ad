//! Slow clients: `--slow`, `--slow-after` and `--queue` (SPEC section 7, conformance 16). Kernel
//! buffers are kept small, so that it is the server's queue that fills.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::net::{connect, connect_narrow, read_all, read_exactly, read_what_comes};
use crate::support::{PATIENCE, Running, wirecat};

const COUNT: usize = 20_000;
const NARROW: [&str; 3] = ["-v", "-O", "sndbuf=32k"];

/// Numbered lines of 100 bytes, 2 MB of them.
fn lines() -> Vec<u8> {
    (0..COUNT).flat_map(|number| format!("{number:099}\n").into_bytes()).collect()
}

/// The numbers of whole lines; nothing else may be there.
fn numbers(bytes: &[u8]) -> Vec<usize> {
    let lines = std::str::from_utf8(bytes).unwrap().split_terminator('\n');
    lines
        .map(|line| {
            assert_eq!(line.len(), 99, "a line in pieces: {line:?}");
            line.parse().unwrap()
        })
        .collect()
}

/// A server that sends its lines to the clients it gets, and its address.
fn serve(args: &[&str]) -> (Running, String) {
    serve_with_queue("64k", args)
}

fn serve_with_queue(queue: &str, args: &[&str]) -> (Running, String) {
    let line = [&["tcp-serve", "--queue", queue], &NARROW[..], args, &["127.0.0.1:0"]].concat();
    wirecat(line).piped().serve()
}

/// Feeds stdin in a thread; the thread ends when the server has taken everything.
fn feed(server: &mut Running) -> JoinHandle<()> {
    let mut stdin = server.stdin.take().unwrap();
    thread::spawn(move || stdin.write_all(&lines()).unwrap())
}

/// One client that reads nothing, and one that reads everything in a thread of its own.
fn slow_and_good(server: &mut Running, address: &str) -> (TcpStream, JoinHandle<Vec<u8>>) {
    let slow = connect_narrow(address);
    server.wait_for("accepted #1");
    let good = connect(address);
    server.wait_for("accepted #2");
    (slow, thread::spawn(move || read_all(&good)))
}

/// The default among several, and `kick`: closed with reason `slow`, and no good client loses a
/// byte by it.
#[test]
fn a_client_that_drains_nothing_is_kicked() {
    for policy in [&[][..], &["--slow", "kick"]] {
        let args = [policy, &["--slow-after", "2s", "--conns", "2"]].concat();
        let (mut server, address) = serve(&args);
        let (slow, good) = slow_and_good(&mut server, &address);
        let fed = feed(&mut server);
        server.wait_for("warning: #1");
        server.wait_for("was too slow and is closed");
        assert!(good.join().unwrap() == lines(), "{policy:?}");
        fed.join().unwrap();
        assert!(read_what_comes(&slow).len() < lines().len());
        server.wait_open().code(6).says("(too slow)").says("were not sent");
    }
}

/// `drop`: it misses whole messages, which are counted, and stays.
#[test]
fn a_client_that_drains_nothing_may_miss_messages() {
    let args = ["--slow", "drop", "--slow-after", "2s", "--conns", "2", "--frame", "line"];
    let (mut server, address) = serve(&args);
    let (slow, good) = slow_and_good(&mut server, &address);
    let fed = feed(&mut server);
    assert!(good.join().unwrap() == lines());
    fed.join().unwrap();
    let got = numbers(&read_all(&slow));
    assert!(got.is_sorted() && got.len() < COUNT, "{} of {COUNT}", got.len());
    drop(slow);
    let missed = format!("missed {} messages", COUNT - got.len());
    server.wait_open().code(6).says("is too slow and misses messages").says(&missed);
}

/// `block`: everybody waits for it, and nobody loses anything.
#[test]
fn a_client_that_drains_nothing_may_be_waited_for() {
    let (mut server, address) = serve(&["--slow", "block", "--conns", "2"]);
    let (slow, good) = slow_and_good(&mut server, &address);
    let fed = feed(&mut server);
    // Time has to pass for nothing to happen.
    thread::sleep(Duration::from_millis(1500));
    assert!(!fed.is_finished(), "stdin was not paused");
    assert!(read_all(&slow) == lines());
    assert!(good.join().unwrap() == lines());
    drop(slow);
    fed.join().unwrap();
    server.wait_open().code(0);
}

/// The default for one client alone, past any `--slow-after`: nobody else suffers.
#[test]
fn one_client_alone_is_waited_for() {
    let (mut server, address) = serve(&["--slow-after", "100ms", "-1"]);
    let slow = connect_narrow(&address);
    let fed = feed(&mut server);
    thread::sleep(Duration::from_millis(500));
    assert!(!fed.is_finished(), "stdin was not paused");
    assert!(read_all(&slow) == lines());
    drop(slow);
    fed.join().unwrap();
    server.wait_open().code(0);
}

/// A client that is slow and yet drains is not meant: the source is paced by it.
#[test]
fn a_client_that_drains_slowly_is_no_slow_client() {
    let (mut server, address) = serve(&["--slow", "kick", "--slow-after", "4s", "--conns", "1"]);
    let slow = connect_narrow(&address);
    let fed = feed(&mut server);
    let mut received = Vec::new();
    for _ in 0..20 {
        received.extend(read_exactly(&slow, 10_000));
        // Slow, as the name says: all pauses together are longer than the patience.
        thread::sleep(Duration::from_millis(250));
    }
    received.extend(read_all(&slow));
    assert!(received == lines());
    drop(slow);
    fed.join().unwrap();
    server.wait_open().code(0);
}

/// `--queue` is what may wait for one client: with room for everything stdin is not paused.
#[test]
fn the_queue_is_as_large_as_it_was_asked_to_be() {
    let (mut server, address) = serve_with_queue("4M", &["-1"]);
    let slow = connect_narrow(&address);
    server.wait_for("accepted");
    let fed = feed(&mut server);
    let (done, is_done) = channel();
    thread::spawn(move || done.send(fed.join().is_ok()));
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true), "stdin was paused");
    assert!(read_all(&slow) == lines());
    drop(slow);
    server.wait_open().code(0);
}

/// SPEC section 7: in a hub talk is live, so there is no patience (`--slow-after` 0).
#[test]
fn a_hub_has_no_patience() {
    let line = [
        &["tcp-serve", "--hub", "--frame", "line", "--queue", "64k"],
        &NARROW[..],
        &["127.0.0.1:0"],
    ]
    .concat();
    let (mut server, address) = wirecat(line).serve();
    let slow = connect_narrow(&address);
    let (mut speaker, listener) = (connect(&address), connect(&address));
    server.wait_for("accepted #3");
    let (mut said, mut heard) = (0, BufReader::new(listener));
    let mut line = String::new();
    // The listener keeps up with every single line, so only the slow one can be too slow.
    while said < COUNT && !server.has_said("was too slow") {
        // In one piece: the end of a line by itself would be a segment of its own.
        if let Err(error) = speaker.write_all(format!("{said:09999}\n").as_bytes()) {
            panic!("after {said} lines: {error}; the server runs: {}", server.is_running());
        }
        line.clear();
        heard.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end().parse(), Ok(said));
        said += 1;
    }
    assert!(said < COUNT, "nobody was too slow");
    assert!(server.wait_for("was too slow").contains("warning: #1 "));
    drop((slow, speaker, heard));
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// With one receiver alone a speaker is held back: nobody else suffers.
#[test]
fn a_hub_of_two_waits() {
    let line = [
        &["tcp-serve", "--hub", "--frame", "line", "--queue", "64k", "--conns", "2"],
        &NARROW[..],
        &["127.0.0.1:0"],
    ]
    .concat();
    let mut server = wirecat(line).piped().start();
    drop(server.stdin.take());
    let address = server.address();
    let slow = connect_narrow(&address);
    server.wait_for("accepted #1");
    let mut speaker = connect(&address);
    server.wait_for("accepted #2");
    let said = thread::spawn(move || {
        // More than all the buffers on the way hold.
        (0..10).for_each(|_| speaker.write_all(&lines()).unwrap());
        speaker
    });
    // Time has to pass for nothing to happen.
    thread::sleep(Duration::from_millis(1000));
    assert!(!said.is_finished(), "the speaker was not held back");
    let received = read_exactly(&slow, 10 * lines().len());
    assert!(received == lines().repeat(10));
    drop((said.join().unwrap(), slow));
    server.wait_open().code(0);
}
