//! SPEC 7: `--threads N` on tcp-serve and echo: whatever one loop promises, several keep together.

mod ends;
mod handlers;
mod limits;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::support::net::connect;
use crate::support::{Ended, Running, named, wirecat};

/// A server with JSON on stdout and so many threads, and its address.
fn server(threads: usize, words: &str) -> (Running, String) {
    let threads = format!("--threads={threads}");
    let words = words.split(' ').chain([&*threads, "--output=json", "127.0.0.1:0"]);
    let mut server = wirecat(words).start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    (server, local)
}

/// Runs so many clients at once, each with its number. All are connected before one begins: what they
/// send may end the server.
fn clients<T: Send + 'static>(
    count: usize,
    address: &str,
    client: impl Fn(usize, TcpStream) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let streams: Vec<_> = (0..count).map(|_| connect(address)).collect();
    let start = |(number, stream)| {
        let client = client.clone();
        thread::spawn(move || client(number, stream))
    };
    let threads: Vec<_> = streams.into_iter().enumerate().map(start).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Sends this, says FIN, and reads to the end.
fn talk(mut stream: &TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// Each connection from 1 to `count` is accepted and closed once, in this order, with all of its
/// other events between, and the run has one beginning and one end.
fn check_order(ended: &Ended, count: u64) {
    let events = ended.events();
    for name in ["listening", "stopping", "stopped", "summary"] {
        assert_eq!(named(&events, name).len(), 1, "{name}");
    }
    let mut of_each = vec![Vec::new(); count as usize + 1];
    for event in events.iter().filter(|event| event["conn"].is_u64()) {
        of_each[event["conn"].as_u64().unwrap() as usize].push(event["event"].as_str().unwrap());
    }
    for (conn, names) in of_each.iter().enumerate().skip(1) {
        assert_eq!(names.first(), Some(&"accepted"), "#{conn}: {names:?}");
        assert_eq!(names.last(), Some(&"closed"), "#{conn}: {names:?}");
        let is_once = |name| names.iter().filter(|other| **other == name).count() == 1;
        assert!(is_once("accepted") && is_once("closed"), "#{conn}: {names:?}");
    }
    let summary = events.last().unwrap();
    assert_eq!((&summary["event"], &summary["connections"]), (&"summary".into(), &count.into()));
}
