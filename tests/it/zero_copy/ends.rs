//! All kinds of stdin against all kinds of stdout.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;

use super::{MIB, assert_counts};
use crate::support::data::{PATHS, assert_same, file_of, noise};
use crate::support::net::{accept, connect, connect_narrow, listener, read_all};
use crate::support::unix;
use crate::support::{Ended, Program, wirecat};

/// More than any pipe or socket holds at once.
const LENGTH: usize = MIB + MIB / 2 + 1;

#[derive(Clone, Copy, Debug)]
enum Stdin {
    Pipe,
    File,
    Socket,
    Null,
}

#[derive(Clone, Copy, Debug)]
enum Stdout {
    Pipe,
    File,
    /// A file that only grows, as `>>` gives it; splice(2) refuses it.
    Appended,
    Socket,
    Null,
}

/// What is behind a stdout, to be looked at when all is over.
enum Sink {
    Collected,
    Named(NamedTempFile),
    Reader(JoinHandle<Vec<u8>>),
    Nowhere,
}

const BEFORE: &[u8] = b"what was there before";

fn attach_stdin(program: Program, stdin: Stdin) -> Program {
    let bytes = noise(LENGTH);
    match stdin {
        Stdin::Pipe => program.input(bytes),
        Stdin::File => program.stdin(file_of(&bytes)),
        Stdin::Socket => {
            let (mut ours, theirs) = unix::pair();
            // It is closed behind the last byte.
            thread::spawn(move || ours.write_all(&bytes));
            program.stdin(OwnedFd::from(theirs))
        }
        Stdin::Null => program,
    }
}

fn attach_stdout(program: Program, stdout: Stdout) -> (Program, Sink) {
    match stdout {
        Stdout::Pipe => (program, Sink::Collected),
        Stdout::File | Stdout::Appended => {
            let named = NamedTempFile::new().expect("a file");
            let file = match stdout {
                Stdout::File => named.reopen(),
                _ => {
                    fs::write(named.path(), BEFORE).expect("room for it");
                    File::options().append(true).open(named.path())
                }
            };
            (program.stdout(file.expect("it can be opened")), Sink::Named(named))
        }
        Stdout::Socket => {
            let (mut ours, theirs) = unix::pair();
            let reader = thread::spawn(move || {
                let mut bytes = Vec::new();
                ours.read_to_end(&mut bytes).expect("it ends in order");
                bytes
            });
            (program.stdout(OwnedFd::from(theirs)), Sink::Reader(reader))
        }
        Stdout::Null => {
            let null = File::options().write(true).open("/dev/null").expect("a device");
            (program.stdout(null), Sink::Nowhere)
        }
    }
}

/// What came out at stdout.
fn come_out(sink: Sink, ended: &Ended) -> Option<Vec<u8>> {
    match sink {
        Sink::Collected => Some(ended.stdout.clone()),
        Sink::Named(named) => Some(fs::read(named.path()).expect("a file")),
        Sink::Reader(reader) => Some(reader.join().expect("it is read")),
        Sink::Nowhere => None,
    }
}

/// Sends its part while it reads to the end, and returns what it has read.
fn talk(stream: TcpStream) -> Vec<u8> {
    let mut sender = stream.try_clone().expect("a descriptor");
    let sending = thread::spawn(move || {
        sender.write_all(&noise(LENGTH)).expect("it is taken");
        sender.shutdown(Shutdown::Write).expect("it is open");
    });
    let received = read_all(&stream);
    sending.join().expect("it is sent");
    received
}

/// Runs one of the pairs as a client or as a server, and judges what has come out at both ends.
fn run(serves: bool, path: &[&str], (stdin, stdout): (Stdin, Stdout)) {
    let case = format!("serves {serves}, {path:?}, {stdin:?}, {stdout:?}");
    let words = ["-v", "--log", "json"].iter().chain(path).copied();
    let start = |words: Vec<&str>| {
        let (program, sink) = attach_stdout(wirecat(words), stdout);
        (attach_stdin(program, stdin).start(), sink)
    };
    let (ended, sink, received) = if serves {
        let words = ["tcp-serve", "-1"].into_iter().chain(words).chain(["127.0.0.1:0"]);
        let (mut server, sink) = start(words.collect());
        let address = server.wait_for("\"listening\"");
        let event: serde_json::Value = serde_json::from_str(&address).expect("an event");
        let received = talk(connect(event["local"].as_str().expect("an address")));
        (server.wait_open(), sink, received)
    } else {
        let (listener, address) = listener();
        let words = ["tcp-connect"].into_iter().chain(words).chain([&*address]);
        let (client, sink) = start(words.collect());
        let received = talk(accept(&listener));
        (client.wait_open(), sink, received)
    };
    assert_eq!(ended.code, Some(0), "{case}: {}", ended.stderr);
    let sent = if let Stdin::Null = stdin { 0 } else { LENGTH };
    assert_eq!(received.len(), sent, "{case}");
    assert_same(&received, &noise(LENGTH)[..sent]);
    assert_counts(&ended, LENGTH, sent);
    let Some(written) = come_out(sink, &ended) else { return };
    let before = if let Stdout::Appended = stdout { BEFORE } else { &[] };
    assert!(written.starts_with(before), "{case}");
    assert_same(&written[before.len()..], &noise(LENGTH));
}

fn run_all(serves: bool) {
    for stdin in [Stdin::Pipe, Stdin::File, Stdin::Socket, Stdin::Null] {
        let all = [Stdout::Pipe, Stdout::File, Stdout::Appended, Stdout::Socket, Stdout::Null];
        for stdout in all {
            for path in PATHS {
                run(serves, path, (stdin, stdout));
            }
        }
    }
}

#[test]
fn a_client_passes_each_byte_and_counts_it() {
    run_all(false);
}

#[test]
fn a_server_passes_each_byte_and_counts_it() {
    run_all(true);
}

/// SPEC 1.3: stdin that the only client did not take is unsent, be it a pipe or a file.
#[test]
fn what_an_idle_client_did_not_take_counts_as_unsent() {
    for stdin in [Stdin::Pipe, Stdin::File] {
        let args = ["tcp-serve", "--conns", "1", "--idle-timeout", "2s", "127.0.0.1:0"];
        let bytes = noise(16 * MIB);
        let program = wirecat(args.iter().chain(&["-v", "--log", "json"]));
        let program = match stdin {
            Stdin::Pipe => program.input(bytes),
            _ => program.stdin(file_of(&bytes)),
        };
        let mut server = program.start();
        let line = server.wait_for("\"listening\"");
        let event: serde_json::Value = serde_json::from_str(&line).expect("an event");
        let peer = connect_narrow(event["local"].as_str().expect("an address"));
        let ended = server.wait().code(6);
        drop(peer);
        for name in ["closed", "summary"] {
            let event = super::last(&ended, name);
            assert!(event["unsent"].as_u64() > Some(0), "{stdin:?}: {event}");
        }
    }
}
