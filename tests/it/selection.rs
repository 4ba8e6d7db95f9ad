//! SPEC 5: `--events`: which events are reported, on stdout and on stderr.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use crate::support::net::{RefusingPort, connect, peer};
use crate::support::{Ended, wirecat};

/// A client whose peer says hello and closes.
fn greeted(args: &[&str]) -> Ended {
    let server = peer(|mut stream: TcpStream| stream.write_all(b"hello").unwrap());
    let ended = wirecat([args, &[&server.address]].concat()).run().code(0);
    server.join();
    ended
}

/// The first words of the lines of text.
fn words(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.split([' ', ':']).next()).collect()
}

/// The names of the events in JSON.
fn names(json: &str) -> Vec<String> {
    let name = |line: &str| {
        let event: Value = serde_json::from_str(line).expect(line);
        event["event"].as_str().expect("a name").to_owned()
    };
    json.lines().map(name).collect()
}

#[test]
fn a_program_reads_the_events_that_it_asked_for() {
    let json = ["tcp-connect", "--output", "json", "--events"];
    for (list, expected) in [
        ("data,connected", &["connected", "data", "summary"][..]),
        ("summary", &["summary"]),
        ("-starting,-stopping,-stopped,-eof", &["connected", "data", "closed", "summary"]),
    ] {
        let ended = greeted(&[&json[..], &[list]].concat());
        assert_eq!(names(ended.text()), expected, "{list}");
        // They go to stdout: stderr is as -q and -v say.
        assert_eq!(ended.stderr, "", "{list}");
    }
    let ended = greeted(&["tcp-connect", "--output", "json", "-vv", "--events", "data,closed"]);
    assert_eq!(names(ended.text()), ["data", "closed", "summary"]);
    assert_eq!(words(&ended.stderr), ["data", "closed", "summary"]);
    let ended = greeted(&["tcp-connect", "--output", "json", "-q", "--events", "data"]);
    assert_eq!((names(ended.text()).len(), ended.stderr.as_str()), (2, ""));
}

/// A failure and the end are always reported.
#[test]
fn errors_and_the_summary_stay() {
    let nobody = RefusingPort::new();
    for list in ["data", "-connect-failed", "error"] {
        let args = ["tcp-connect", "--output", "json", "--events", list, &nobody.address];
        let ended = wirecat(args).run().code(4).says("wirecat: cannot connect to");
        let names = names(ended.text());
        let count = |name: &str| names.iter().filter(|one| *one == name).count();
        assert_eq!((count("error"), count("summary")), (1, 1), "{list}: {names:?}");
        assert_eq!(count("connect-failed"), 0, "{list}: {names:?}");
    }
}

/// On stderr what is named needs no `-v`, and what is left out is missing from what `-v` shows. The
/// option may stand before the command; the one behind it wins.
#[test]
fn stderr_shows_what_is_named() {
    for (args, expected) in [
        (&["tcp-connect", "--events", "data,closed"][..], &["data", "closed"][..]),
        (&["tcp-connect", "-v", "--events", "data"], &["data", "summary"]),
        (
            &["tcp-connect", "-v", "--events", "-eof,-starting,-stopping,-stopped"],
            &["connected", "closed", "summary"],
        ),
        (&["--events", "connected", "tcp-connect"], &["connected"]),
        (&["--events", "connected", "tcp-connect", "--events", "eof"], &["eof"]),
        (&["tcp-connect", "--events", "-data"], &[]),
    ] {
        assert_eq!(words(&greeted(args).stderr), expected, "{args:?}");
    }
    let ended = greeted(&["tcp-connect", "--log", "json", "--events", "connected,data"]);
    assert_eq!(names(&ended.stderr), ["connected", "data", "summary"]);
    let args = ["tcp-serve", "-1", "--events", "-listening", "-w", "100ms", "0"];
    assert!(!wirecat(args).run().stderr.contains("listening"));
}

/// Hooks and the transcript are asked for by options of their own, and have what they ask for.
#[test]
fn hooks_and_the_transcript_are_not_selected_from() {
    let directory = crate::support::tempdir().unwrap();
    let record = directory.path().join("record");
    let record = record.to_str().unwrap();
    let args =
        ["tcp-connect", "--events", "closed", "--on", "data=echo took data", "--record", record];
    let ended = greeted(&args);
    assert_eq!(ended.text(), "hello");
    ended.says("took data").says("closed");
    assert!(std::fs::read_to_string(record).unwrap().contains("hello"));
}

/// What a program asks for by a command is an event like any other.
#[test]
fn answers_are_events_too() {
    let args = ["tcp-serve", "--input", "json", "--output", "json", "--events", "listening,-"];
    assert_eq!(wirecat(args).run().code, Some(2));
    let args = ["tcp-serve", "--input", "json", "--output", "json", "--events", "listening,list"];
    let mut server = wirecat(args.iter().chain(&["127.0.0.1:0"])).piped().start();
    let address = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let client = connect(&address);
    server.say("{\"stats\":true}\n{\"send\":1}\n{\"list\":true}\n");
    server.wait_for_event("list");
    server.say("{\"quit\":true}\n");
    drop(client);
    let ended = server.wait_open().code(0);
    let mut names = names(ended.text());
    names.dedup();
    assert_eq!(names, ["listening", "error", "list", "summary"]);
}

#[test]
fn what_cannot_be_selected_is_refused() {
    for (line, why) in [
        ("tcp-serve --events datum 0", "no event is called \"datum\"; the events are starting "),
        ("tcp-serve --events accepted,-data 0", "name the events to report, or with - those to"),
        ("tcp-serve --events -summary 0", "summary is always reported"),
        (
            "--events joined tcp-serve 0",
            "--events joined: tcp-serve never reports it, but starting",
        ),
        (
            "tcp-connect --events -accepted 1",
            "--events accepted: tcp-connect reports it only with --input",
        ),
        ("tcp-connect -z --events data 1", "--events data: tcp-connect reports it only where it"),
        ("tcp-serve --events sent 0", "tcp-serve reports it only with --input commands or json"),
        ("-q tcp-serve --events accepted 0", "cannot use --events: -q shows errors only"),
    ] {
        wirecat(line.split(' ')).run().code(2).says(why);
    }
}
