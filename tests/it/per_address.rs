//! SPEC 7: `--max-per-address`: how many connections one IP address may have at once.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::support::net::uninterrupted;
use crate::support::net::{connect, connect_from, read_all};
use crate::support::unix;
use crate::support::{Running, named, wirecat};

fn driven(words: &[&str]) -> (Running, String) {
    let mut server = wirecat(words.iter().chain(&["--output", "json"])).piped().start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    (server, local)
}

/// One connection too many is closed at once, and that is reported once; others live, and so does the
/// next one once there is a place.
#[test]
fn one_address_has_so_many_and_others_have_theirs() {
    let words = ["tcp-serve", "--frame=line", "--input=json", "--max-per-address=2", "127.0.0.1:0"];
    let (mut server, address) = driven(&words);
    let (first, _second) = (connect(&address), connect(&address));
    server.wait_for_events("accepted", 2);
    for _ in 0..3 {
        assert_eq!(read_all(&connect(&address)), b"");
    }
    server.wait_for_event("warning");
    let mut other = connect_from(Ipv4Addr::new(127, 0, 0, 2), &address);
    other.write_all(b"hello\n").unwrap();
    assert_eq!(server.wait_for_event("data")["text"], "hello");
    first.shutdown(std::net::Shutdown::Both).unwrap();
    server.say("{\"close\":1}\n");
    server.wait_for_events("closed", 4);
    let _third = connect(&address);
    server.wait_for_events("accepted", 4);
    assert_eq!(read_all(&connect(&address)), b"");
    server.say("{\"quit\":true}\n");
    let ended = server.wait_open().code(0);
    let events = ended.events();
    let refused = named(&events, "closed").into_iter().filter(|event| event["conn"].is_null());
    let refused: Vec<&Value> = refused.collect();
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|event| event["reason"] == "host" && event["detail"] == "limit"));
    let warnings = named(&events, "warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["kind"], "max-per-address");
    let words = "127.0.0.1 is at --max-per-address 2: more connections from it are closed";
    assert_eq!(warnings[0]["message"], words);
    assert_eq!(named(&events, "summary")[0]["connections"], 4);
}

/// A flood from one address costs no other its place, no memory, and one line of the log.
#[test]
fn a_flood_is_closed_and_reported_once() {
    let (server, address) =
        driven(&["tcp-serve", "--reply", "hi", "--max-per-address", "1", "127.0.0.1:0"]);
    let (mut held, mut byte) = (connect_from(Ipv4Addr::new(127, 0, 0, 9), &address), [0; 2]);
    held.read_exact(&mut byte).unwrap();
    for _ in 0..500 {
        let flood = connect_from(Ipv4Addr::new(127, 0, 0, 9), &address);
        assert_eq!(read_all(&flood), b"");
    }
    assert_eq!(read_all(&connect(&address)), b"hi");
    server.signal(libc::SIGTERM);
    let ended = server.wait_open();
    let events = ended.events();
    assert_eq!(named(&events, "warning").len(), 1);
    assert_eq!(named(&events, "closed").len(), 502);
}

/// One that is not let in is none of `--conns`.
#[test]
fn conns_counts_those_that_are_served() {
    let args = ["tcp-serve", "--conns", "2", "--max-per-address", "1", "-n", "-v", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).serve();
    let mut first = connect(&address);
    server.wait_for("accepted #1");
    assert_eq!(read_all(&connect(&address)), b"");
    let mut second = connect_from(Ipv4Addr::new(127, 0, 0, 3), &address);
    for client in [&mut first, &mut second] {
        client.write_all(b"x").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
    }
    assert_eq!(server.wait_open().code(0).text(), "xx");
}

/// With tinyproto it is sent `fe`, as at `--max-clients`.
#[test]
fn tinyproto_sends_its_refusal() {
    let (mut server, address) =
        driven(&["tcp-serve", "--frame", "tinyproto", "--max-per-address", "1", "127.0.0.1:0"]);
    let _first = connect(&address);
    server.wait_for_event("accepted");
    assert_eq!(read_all(&connect(&address)), b"\xfe");
    assert_eq!(server.wait_for_event("closed")["detail"], "limit");
}

#[test]
fn a_room_has_the_limit_too_and_unix_sockets_have_no_address() {
    let args = ["chat", "--host", "--headless", "--max-per-address", "1", "127.0.0.1:0"];
    let (mut room, address) = wirecat(args).serve();
    let mut first = connect(&address);
    assert!(uninterrupted(|| first.read(&mut [0; 64])).unwrap() > 0, "a greeting");
    assert_eq!(read_all(&connect(&address)), b"");
    room.wait_for("127.0.0.1 is at --max-per-address 1");
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = format!("unix:{}", path.display());
    let args = ["tcp-serve", "--reply", "hi", "--max-per-address", "1", "127.0.0.1:0", &unix];
    let mut server = wirecat(args.iter().chain(&["-v"])).start();
    server.wait_for("listening unix");
    let all: Vec<UnixStream> = (0..3).map(|_| unix::connect(&path)).collect();
    server.wait_for("accepted #3");
    drop(all);
    for (line, why) in [
        ("tcp-serve --max-per-address 1 unix:/x", "it speaks of IP addresses"),
        ("chat --max-per-address 1 unix:/x", "it needs --host"),
        ("chat --host --max-per-address 1 unix:/x", "it speaks of IP addresses"),
        ("tcp-serve --max-per-address 0 0", "is not a count"),
        ("tcp-connect --max-per-address 1 1", "is an option of tcp-serve and chat"),
    ] {
        wirecat(line.split(' ')).run().code(2).says(why);
    }
}
