//! `--output json`: stdout is one JSON object a line, and the last one tells the exit status
//! (SPEC sections 1.2 and 8).

use std::io::Write;
use std::net::TcpListener;

use libc::{SIGINT, SIGTERM};
use serde_json::Value;

use crate::support::net::{RefusingPort, connect, peer, read_all, reset};
use crate::support::{Ended, Running, wirecat};

/// Every line as an event.
#[track_caller]
fn events(ended: &Ended) -> Vec<Value> {
    let text = ended.text();
    assert!(text.ends_with('\n'), "the last line is not whole: {text:?}");
    let event = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
    let events: Vec<Value> = text.lines().map(event).collect();
    for event in &events {
        assert!(event["ts"].is_f64() && event["event"].is_string(), "{event}");
    }
    assert!(events.is_sorted_by_key(|event| event["ts"].as_f64()), "{text}");
    events
}

/// Asserts that the last event is the summary with this code, and that the process says the
/// same, or died of the signal that the code stands for.
#[track_caller]
fn ends_with(ended: &Ended, code: i32) -> Vec<Value> {
    let events = events(ended);
    let last = events.last().expect("an event");
    assert_eq!((&last["event"], &last["code"]), (&"summary".into(), &code.into()), "{last}");
    let summaries = events.iter().filter(|event| event["event"] == "summary").count();
    assert_eq!(summaries, 1);
    let status = ended.code.or(ended.signal.map(|signal| 128 + signal));
    assert_eq!(status, Some(code), "{}", ended.stderr);
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

fn client(address: &str, arguments: &[&str]) -> Running {
    let program = wirecat(["tcp-connect", "-q", "--output", "json", address]);
    program.with(|command| _ = command.args(arguments)).piped().start()
}

fn server(address: &str, arguments: &[&str]) -> Running {
    let program = wirecat(["tcp-serve", "--output", "json", address]);
    program.with(|command| _ = command.args(arguments)).piped().start()
}

#[test]
fn a_session_that_ends_well_is_reported_from_start_to_summary() {
    let peer = peer(|mut stream| {
        assert_eq!(read_all(&stream), b"question");
        stream.write_all(b"bytes \xff and\nlines").expect("it is taken");
    });
    let mut client = client(&peer.address, &["--tag", "t"]);
    client.say("question");
    let ended = client.wait();
    let events = ends_with(&ended, 0);
    peer.join();
    assert_eq!(names(&events)[..3], ["starting", "connected", "data"]);
    assert!(events.iter().all(|event| event["tag"] == "t"));
    assert_eq!(events[2]["b64"], "Ynl0ZXMg/yBhbmQKbGluZXM=");
    let closed = events.iter().find(|event| event["event"] == "closed").expect("an end");
    assert_eq!((&closed["reason"], &closed["detail"]), (&"peer".into(), &"fin".into()));
    assert_eq!((&closed["in"], &closed["out"]), (&17.into(), &8.into()));
}

#[test]
fn other_ends_of_a_client_have_their_code_in_the_summary() {
    let nobody = RefusingPort::new();
    ends_with(&client(&nobody.address, &[]).wait_open(), 4);

    ends_with(&client("127.0.0.1:99999", &[]).wait_open(), 2);

    let resetting = peer(reset);
    let events = ends_with(&client(&resetting.address, &[]).wait_open(), 6);
    let closed = events.iter().find(|event| event["event"] == "closed").expect("an end");
    assert_eq!((&closed["reason"], &closed["detail"]), (&"error".into(), &"reset".into()));
    resetting.join();

    let silent = peer(|stream| read_all(&stream));
    let events = ends_with(&client(&silent.address, &["-w", "200ms"]).wait_open(), 124);
    assert!(names(&events).contains(&"error"));

    let silent = peer(|stream| read_all(&stream));
    let mut client = client(&silent.address, &[]);
    client.wait_for_output("connected");
    client.signal(SIGINT);
    ends_with(&client.wait_open(), 130);
}

#[test]
fn the_ends_of_a_server_have_their_code_in_the_summary() {
    let mut once = server("127.0.0.1:0", &["-1"]);
    connect(&once.address()).write_all(b"bytes").expect("it is taken");
    let ended = once.wait();
    let events = ends_with(&ended, 0);
    assert_eq!(names(&events)[..4], ["starting", "listening", "accepted", "data"]);

    for (signal, code) in [(SIGTERM, 0), (SIGINT, 130)] {
        let mut server = server("127.0.0.1:0", &[]);
        let client = connect(&server.address());
        server.wait_for_output("accepted");
        server.signal(signal);
        let events = ends_with(&server.wait_open(), code);
        let closed = events.iter().find(|event| event["event"] == "closed").expect("an end");
        assert_eq!((&closed["reason"], &closed["detail"]), (&"host".into(), &"signal".into()));
        drop(client);
    }

    let nobody = server("127.0.0.1:0", &["--wait", "100ms"]);
    ends_with(&nobody.wait_open(), 124);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    ends_with(&server(&address, &[]).wait_open(), 5);
}
