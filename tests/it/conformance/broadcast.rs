//! One stuck client of a server that sends to all: conformance 16.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::data::{assert_same, noise};
use crate::support::net::{connect, connect_narrow, read_all};
use crate::support::{Running, proc, wirecat};

const MIB: usize = 1024 * 1024;
/// What the server may take beside the program itself, the size of which is that of its build: queues
/// of 1 MiB, a pipe of 1 MiB, and room for what else is needed.
const MEMORY_KIB: u64 = 10 * 1024;

/// A server for three clients, the first of which takes nothing, and its memory before they came.
fn server_and_clients(arguments: &[&str]) -> (Running, u64, TcpStream, [TcpStream; 2]) {
    let server = wirecat(["tcp-serve", "-v", "--conns", "3", "127.0.0.1:0"]);
    let (mut server, address) = server.with(|command| _ = command.args(arguments)).piped().serve();
    let alone = proc::peak_kib(server.pid());
    let stuck = connect_narrow(&address);
    server.wait_for("accepted #1");
    let others = [connect(&address), connect(&address)];
    server.wait_for("accepted #3");
    (server, alone, stuck, others)
}

fn read_all_apart(streams: [TcpStream; 2]) -> Vec<JoinHandle<Vec<u8>>> {
    let reads = |stream| thread::spawn(move || read_all(&stream));
    streams.into_iter().map(reads).collect()
}

/// Conformance 16, as it is by default.
#[test]
fn a_stuck_client_is_kicked_and_the_others_get_everything() {
    let bytes = noise(48 * MIB);
    let (mut server, alone, stuck, others) = server_and_clients(&[]);
    let readers = read_all_apart(others);
    server.say(&bytes);
    let closed = server.wait_for("closed #1");
    assert!(closed.contains("slow"), "{closed}");
    let peak = proc::peak_kib(server.pid());
    server.end_input();
    for reader in readers {
        assert_same(&reader.join().expect("it gets everything"), &bytes);
    }
    assert!(peak <= alone + MEMORY_KIB, "{peak} KiB, {alone} KiB alone");
    // What the stuck one did not get is lost, and the status says so.
    server.wait().code(6).says("was too slow and is closed");
    drop(stuck);
}

/// SPEC section 7: messages are skipped whole, and counted.
#[test]
fn with_slow_drop_a_stuck_client_misses_whole_messages_which_are_counted() {
    const LINES: usize = 300_000;
    let arguments = ["--slow", "drop", "--slow-after", "2s", "--frame", "line"];
    let (mut server, _, stuck, others) = server_and_clients(&arguments);
    let readers = read_all_apart(others);
    let line = |number| format!("line {number:06} of many, each as long as any other\n");
    let lines: String = (0..LINES).map(line).collect();
    server.say(&lines);
    server.wait_for("#1 127.0.0.1:");
    server.wait_for("is too slow and misses messages");
    server.end_input();
    for reader in readers {
        assert_same(&reader.join().expect("it gets everything"), lines.as_bytes());
    }
    // Only now does it read: what was queued for it, in order, and nothing but whole lines.
    let mut got = 0;
    let mut last = String::new();
    for text in BufReader::new(&stuck).lines() {
        let text = text.expect("the stream ends in order") + "\n";
        let number: usize = text[5..11].parse().expect("a number");
        assert_eq!(text, line(number));
        assert!(text > last, "{text:?} after {last:?}");
        (got, last) = (got + 1, text);
    }
    drop(stuck);
    let missed = LINES - got;
    server.wait().code(6).says(&format!("missed {missed} messages"));
}

/// SPEC section 7: nobody loses anything, and everybody waits.
#[test]
fn with_slow_block_a_stuck_client_is_waited_for() {
    let bytes = noise(24 * MIB);
    let (mut server, alone, stuck, others) = server_and_clients(&["--slow", "block"]);
    let readers = read_all_apart(others);
    let (mut stdin, input) = (server.stdin.take().expect("stdin is open"), bytes.clone());
    let writer = thread::spawn(move || stdin.write_all(&input));
    // The pause is what is tested: without --slow block it would be too long by now.
    thread::sleep(Duration::from_millis(1500));
    assert!(!writer.is_finished(), "stdin is taken although nobody can have it");
    let peak = proc::peak_kib(server.pid());
    assert!(peak <= alone + MEMORY_KIB, "{peak} KiB, {alone} KiB alone");
    assert_same(&read_all(&stuck), &bytes);
    drop(stuck);
    writer.join().expect("a thread").expect("all of stdin is taken");
    for reader in readers {
        assert_same(&reader.join().expect("it gets everything"), &bytes);
    }
    let ended = server.wait().code(0);
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}
