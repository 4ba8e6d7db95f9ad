//! `tcp-connect --reconnect`: a connection that is lost is made again, nothing is lost without a
//! word, and messages are sent again whole.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::support::net::uninterrupted;
use crate::support::net::{
    RefusingPort, accept, listener, narrow_listener, read_all, read_exactly, reset,
};
use crate::support::wirecat;

/// The server ends in order and is there again: every byte arrives once, and the status is 0.
#[test]
fn a_server_that_comes_back_misses_nothing() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "--reconnect", &address]).piped().start();
    for (word, answer) in [("one\n", "first"), ("two\n", "second"), ("three\n", "third")] {
        let mut peer = accept(&listener);
        client.say(word);
        assert_eq!(read_exactly(&peer, word.len()), word.as_bytes());
        peer.write_all(answer.as_bytes()).unwrap();
        drop(peer);
        client.wait_for_output(answer);
    }
    let peer = accept(&listener);
    client.end_input();
    assert_eq!(read_all(&peer), b"");
    drop(peer);
    let ended = client.wait().code(0).says("retry in").says("peer closed");
    assert_eq!(ended.text(), "firstsecondthird");
}

/// The pauses between attempts grow from 50 ms, and what is typed meanwhile is not lost.
#[test]
fn a_server_may_be_away_for_a_while() {
    let port = RefusingPort::on("127.5.5.9");
    let listener = port.listen();
    let mut client = wirecat(["tcp-connect", "--reconnect", &port.address]).piped().start();
    drop(accept(&listener));
    client.wait_for("connection to 127.5.5.9");
    drop(listener);
    client.wait_for("connection refused");
    client.say("typed while nobody was there\n");
    let peer = accept(&port.listen());
    client.end_input();
    assert_eq!(read_all(&peer), b"typed while nobody was there\n");
    drop(peer);
    client.wait().code(0);
}

/// SPEC section 7: without a server at all, `--wait` limits each search; without it there is none.
#[test]
fn a_search_for_the_server_can_be_limited() {
    let port = RefusingPort::new();
    let listener = port.listen();
    let args = ["tcp-connect", "--reconnect", "--wait", "2s", &port.address];
    let mut client = wirecat(args).piped().start();
    drop(accept(&listener));
    drop(listener);
    client.wait_for("retry in");
    client.wait_open().code(4).says("connection refused");
    let mut client = wirecat(["tcp-connect", "--reconnect", &port.address]).piped().start();
    client.wait_for("retry in");
    // Time has to pass: no attempt but the first may be the last.
    thread::sleep(Duration::from_millis(500));
    assert!(client.is_running());
    client.signal(libc::SIGTERM);
    assert_eq!(client.wait().signal, Some(libc::SIGTERM));
}

/// A message of 100,000 bytes that tells its number with each of them.
fn message(number: u8) -> Vec<u8> {
    let mut message = 100_000_u32.to_be_bytes().to_vec();
    message.resize(100_004, number);
    message
}

/// SPEC section 7: what was in flight at a reset may be lost, and that is said and is 6; but each
/// connection begins with a whole message, and those that were not begun all come.
#[test]
fn messages_are_sent_again_whole() {
    let (listener, address) = listener();
    let input: Vec<u8> = (1..=200).flat_map(|number| message(number)[4..].to_vec()).collect();
    let args =
        ["tcp-connect", "--reconnect", "--frame", "u32", "--input", "fixed:100000", &address];
    let client = wirecat(args).input(input).start();
    let peer = accept(&listener);
    assert_eq!(read_exactly(&peer, 150_000)[..100_004], message(1));
    reset(peer);
    let peer = accept(&listener);
    let received = read_all(&peer);
    drop(peer);
    let client = client.wait().code(6).says("may be lost");
    assert!(client.stderr.contains("bytes sent to 127.0.0.1:"), "{}", client.stderr);
    let numbers: Vec<u8> = received.chunks(100_004).map(|chunk| chunk[chunk.len() - 1]).collect();
    let first = numbers[0];
    assert!(first > 1, "the first message was received twice");
    assert_eq!(numbers, (first..=200).collect::<Vec<_>>());
    for (chunk, number) in received.chunks(100_004).zip(numbers) {
        assert!(chunk == message(number), "message {number} is not whole");
    }
}

/// A reset says that the peer has not read all that it acknowledged: exit 0 would be a lie, though
/// all that follows arrives (SPEC 1.3).
#[test]
fn what_a_peer_did_not_read_may_be_lost() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "-v", "--reconnect", &address]).piped().start();
    let peer = accept(&listener);
    client.say("one\n");
    assert_eq!(uninterrupted(|| peer.peek(&mut [0; 4])).unwrap(), 4);
    // Closed with unread input, which the kernel answers with RST.
    drop(peer);
    let peer = accept(&listener);
    client.say("two\n");
    client.end_input();
    assert_eq!(read_all(&peer), b"two\n");
    drop(peer);
    client.wait().code(6).says("up to 4 bytes sent to").says("may be lost");
}

/// Input that has ended while the connection was lost is still sent, and its end told.
#[test]
fn the_end_of_stdin_reaches_the_next_connection() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "-v", "--reconnect", &address]).piped().start();
    let peer = accept(&listener);
    peer.shutdown(Shutdown::Write).unwrap();
    client.wait_for("eof");
    drop(peer);
    client.say("the last words");
    client.end_input();
    let mut received = Vec::new();
    while received.is_empty() {
        received = read_all(&accept(&listener));
    }
    assert_eq!(received, b"the last words");
    client.wait().code(0);
}

/// What a connection that is being closed does not take any more is sent by the next one, also where
/// the input has ended meanwhile.
#[test]
fn what_a_closing_connection_does_not_take_is_for_the_next_one() {
    let (listener, address) = narrow_listener();
    let args = ["tcp-connect", "-v", "--reconnect", "-O", "sndbuf=4096", &address];
    let mut client = wirecat(args).piped().start();
    let peer = accept(&listener);
    // More than the kernel takes, and less than makes stdin wait.
    let much = "a".repeat(60_000);
    client.say(&much);
    peer.shutdown(Shutdown::Write).unwrap();
    client.wait_for("eof");
    client.say("the rest");
    client.end_input();
    let mut received = read_all(&peer);
    drop(peer);
    while !received.ends_with(b"the rest") {
        received.extend(read_all(&accept(&listener)));
    }
    assert_eq!(received, format!("{much}the rest").as_bytes());
    client.wait().code(0);
}

/// The limit of `--count` holds over all connections.
#[test]
fn count_goes_on_over_connections() {
    let (listener, address) = listener();
    let args = ["tcp-connect", "--reconnect", "--frame", "line", "-c", "3", &address];
    let mut client = wirecat(args).piped().start();
    for text in ["one\n", "two\n", "three\n"] {
        accept(&listener).write_all(text.as_bytes()).unwrap();
        client.wait_for_output(text);
    }
    assert_eq!(client.wait_open().code(0).text(), "one\ntwo\nthree\n");
}
