//! `--record -`: the recording on stdout, where that carries no data (SPEC section 5).

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::process::Signal;

use super::{Place, in_short};
use crate::support::net::connect;
use crate::support::pipes::patient;
use crate::support::proc::{unshared, wait_until};
use crate::support::terminal::pty;
use crate::support::wirecat;

/// The first bytes of a capture.
const PCAPNG: &[u8] = b"\n\r\r\n";

/// One client says something to a server, and hears the rest.
fn talk(address: &str) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(b"hello").expect("it is taken");
    client.shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_stdout_without_data_takes_the_recording() {
    let args = ["tcp-serve", "-1", "--discard", "--record", "-", "127.0.0.1:0", "--on"];
    let place = Place::new();
    let file = |name: &str| File::create(place.path(name)).expect("a file");
    // What a hook prints is no part of it.
    let server = wirecat(args.iter().chain(&["accepted=echo from the hook"]));
    let mut server = server.stdout(file("text")).start();
    assert_eq!(talk(&server.address()), b"");
    server.wait().code(0).says("from the hook");
    let lines = in_short(&place.lines("text"));
    assert_eq!(lines[1], "1 data in hello", "{lines:?}");
    let args = ["tcp-serve", "-1", "--discard", "--record", "pcapng:-", "127.0.0.1:0"];
    let mut server = wirecat(args).stdout(file("capture")).start();
    talk(&server.address());
    server.wait().code(0);
    assert!(std::fs::read(place.path("capture")).expect("a file").starts_with(PCAPNG));
}

#[test]
fn a_stdout_with_data_refuses_it() {
    for args in [
        "tcp-serve --record - 127.0.0.1:0",
        "tcp-serve --hub --record ndjson:- 127.0.0.1:0",
        "echo --output json --record - 127.0.0.1:0",
        "udp-listen --record - 127.0.0.1:0",
        "udp-send --reply --send x --record - 127.0.0.1:9",
        "tcp-connect -n --record - 127.0.0.1:9",
    ] {
        let ended = wirecat(args.split_whitespace()).run().code(2);
        ended.says("cannot use --record -: stdout carries the data");
    }
    let place = Place::new();
    let none = ["tcp-serve", "-1", "--output", "none", "--record", "-", "127.0.0.1:0"];
    let change = |command: &mut std::process::Command| _ = command.current_dir(place.path(""));
    let mut server = wirecat(none).with(change).stdout(Stdio::null()).start();
    talk(&server.address());
    server.wait().code(0);
    assert_eq!(std::fs::read_dir(place.path("")).expect("it is there").count(), 0);
}

/// A form without a name, and no name at all, are usage.
#[test]
fn a_recording_has_a_name() {
    for record in ["pcapng:", "ndjson:", ""] {
        let ended = wirecat(["udp-send", "--record", record, "127.0.0.1:9"]).run().code(2);
        ended.says("cannot use --record: the name of the file is missing");
    }
}

#[test]
fn the_form_of_a_recording_can_be_said() {
    let place = Place::new();
    for (form, name, is_capture) in [("pcapng:", "a", true), ("ndjson:", "a.pcapng", false)] {
        let record = format!("{form}{}", place.arg(name));
        let args = ["tcp-serve", "-1", "--discard", "--record", &record, "127.0.0.1:0"];
        let mut server = wirecat(args).start();
        talk(&server.address());
        server.wait().code(0);
        let bytes = std::fs::read(place.path(name)).expect("a recording");
        assert_eq!(bytes.starts_with(PCAPNG), is_capture, "{record}");
    }
}

#[test]
fn a_terminal_that_nobody_reads_does_not_hold_up_the_end() {
    // A terminal has room for some bytes before it has room for all that are to be written; how much
    // is left depends on the length of what went before.
    for extra in 0..6 {
        let (mut person, program) = pty();
        let args = ["tcp-serve", "--discard", "--record", "-", "127.0.0.1:0"];
        let mut server = wirecat(args).stdout(program).start();
        let mut client = connect(&server.address());
        client.write_all(&vec![b'x'; 60_000 + 97 * extra]).expect("it is taken");
        // The first line is there: the recording is under way.
        patient(&mut person).read_exact(&mut [0; 64]).expect("a recording");
        server.signal(Signal::TERM.as_raw());
        server.wait().code(7).says("wait for its reader");
    }
}

/// The reader of a recording leaves, which is its right: the run ends, and a relay goes on.
#[test]
fn a_reader_of_the_recording_may_leave() {
    let args = ["--record", "-", "127.0.0.1:0"];
    for relay in [false, true] {
        let (upstream, target) = crate::support::net::listener();
        let handler = if relay { vec!["--forward", &target] } else { vec!["--discard"] };
        let (reader, stdout) = std::io::pipe().expect("a pipe");
        let command = ["tcp-serve"].iter().chain(&handler).chain(&args);
        let (mut server, address) = wirecat(command).stdout(stdout).serve();
        unshared(|| drop(reader));
        let mut client = connect(&address);
        client.write_all(b"hello").expect("it is taken");
        if relay {
            let far = crate::support::net::accept(&upstream);
            assert_eq!(crate::support::net::read_exactly(&far, 5), b"hello");
            server.signal(Signal::TERM.as_raw());
        }
        // A program that another test starts may have the reader for a moment, until it is executed.
        if !relay {
            wait_until("the end of a recording that nobody reads", || {
                let _ = client.write_all(b"more");
                !server.is_running()
            });
        }
        let ended = server.wait().code(0);
        assert!(!ended.stderr.contains("record"), "{}", ended.stderr);
    }
}

#[test]
fn ports_and_recordings_go_through_free_streams() {
    let mut server =
        wirecat(["tcp-serve", "-1", "--discard", "--port-file", "-", "127.0.0.1:0"]).start();
    let port = server.port();
    server.wait_for_output(format!("{port}\n"));
    talk(&format!("127.0.0.1:{port}"));
    server.wait().code(0);
    let what = "cannot use --port-file -: stdout carries the";
    for (args, why) in [
        ("tcp-serve --port-file - 127.0.0.1:0", "data (--output none frees it)"),
        ("echo --output json --port-file - 127.0.0.1:0", "data"),
        ("tcp-serve --forward 127.0.0.1:9 --output dump --port-file - 127.0.0.1:0", "data"),
        ("tcp-serve --discard --record - --port-file - 127.0.0.1:0", "recording"),
    ] {
        let ended = wirecat(args.split_whitespace()).run().code(2);
        ended.says(&format!("{what} {why}"));
    }

    let place = Place::new();
    let record = place.arg("session");
    let args = ["tcp-serve", "-1", "--reply", "welcome", "--output=none", "--record", &record];
    let mut server = wirecat(args.iter().chain(&["127.0.0.1:0"])).start();
    assert_eq!(talk(&server.address()), b"welcome");
    server.wait().code(0);
    let recording = std::fs::read(place.path("session")).expect("a recording");
    let mut mock = wirecat(["tcp-serve", "--replay", "-", "127.0.0.1:0"]).input(recording).start();
    assert_eq!(talk(&mock.address()), b"welcome");
    mock.wait().code(0);
    let refused = wirecat(["tcp-serve", "-n", "--replay", "-", "127.0.0.1:0"]).run().code(2);
    refused.says("cannot use --replay -: -n says that there is no stdin");
    let ended = wirecat(["tcp-serve", "--replay", "-", "127.0.0.1:0"]).input("nonsense").run();
    ended.code(2).says("cannot replay stdin: ");
}
