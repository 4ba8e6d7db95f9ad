//! `--frame tinyproto`: the exchange byte by byte, against plain sockets that keep it by hand.

mod troubles;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::net::{connect, is_silent, peer, read_all, read_exactly, read_what_comes};
use crate::support::{Running, wirecat};

/// A client with these options.
fn client(args: &[&str], address: &str) -> crate::support::Program {
    wirecat([&["tcp-connect", "--frame", "tinyproto"], args, &[address]].concat())
}

fn serve(args: &[&str]) -> (Running, String) {
    let args = [&["tcp-serve", "--frame", "tinyproto"], args, &["127.0.0.1:0"]].concat();
    wirecat(args).piped().serve()
}

#[track_caller]
fn say(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("it is taken");
}

#[track_caller]
fn hear(stream: &TcpStream, bytes: &[u8]) {
    let heard = read_exactly(stream, bytes.len());
    assert_eq!(heard, bytes, "{} and not {}", heard.escape_ascii(), bytes.escape_ascii());
}

/// Says no more than this, and closes when the client has: a close that leaves its hello unread is a reset.
fn end_with(mut stream: &TcpStream, hello: &[u8]) {
    let _ = stream.write_all(hello);
    let _ = stream.shutdown(Shutdown::Write);
    read_what_comes(stream);
}

/// The capture of `WIRE.md`, with wirecat as its client.
#[test]
fn a_client_offers_its_messages_and_answers_offers() {
    let server = peer(|stream| {
        hear(&stream, b"\xff");
        assert!(is_silent(&stream), "it waits for our hello");
        say(&stream, b"\xff");
        hear(&stream, b"\0\0\0\x05");
        assert!(is_silent(&stream), "it waits for go");
        say(&stream, b"\xff");
        hear(&stream, b"\0\x01\x02\x03\x04");
        say(&stream, b"\0\0\0\x05");
        hear(&stream, b"\xff");
        say(&stream, b"\0\x01\x02\x03\x04");
        say(&stream, b"\0\0\0\0");
        hear(&stream, b"\xff");
        assert!(is_silent(&stream), "stdin has ended, and yet there is no FIN");
    });
    let args = ["--input", "raw", "--output", "hex"];
    let ended = client(&args, &server.address).input(*b"\0\x01\x02\x03\x04").run().code(0);
    assert_eq!(ended.text(), "0001020304\n\n");
    server.join();
}

/// The same with wirecat as the server.
#[test]
fn a_server_takes_messages_and_offers_replies() {
    let (server, address) = serve(&["--reply", "pong", "--conns", "1"]);
    let stream = connect(&address);
    hear(&stream, b"\xff");
    say(&stream, b"\xff\0\0\0\x05");
    hear(&stream, b"\xff");
    say(&stream, b"hello");
    hear(&stream, b"\0\0\0\x04");
    assert!(is_silent(&stream), "it waits for go");
    say(&stream, b"\xff");
    hear(&stream, b"pong");
    drop(stream);
    assert_eq!(server.wait().code(0).text(), "hello\n");
}

#[test]
fn a_peer_that_takes_nobody_is_one_that_refuses() {
    for hello in [&[0_u8; 254][..], b"\xfe"] {
        let server = peer(move |stream| end_with(&stream, hello));
        let ended = client(&["--log", "json"], &server.address).run().code(4);
        ended.says("\"kind\":\"refused\"");
        server.join();
    }
}

#[test]
fn a_peer_that_speaks_something_else_is_an_error() {
    for (hello, words) in
        [(&b"HTTP"[..], "not tinyproto: it begins with 0x48"), (b"", "before its hello")]
    {
        let server = peer(move |stream| end_with(&stream, hello));
        client(&[], &server.address).run().code(6).says(words);
        server.join();
    }
}

#[test]
fn a_peer_that_never_says_hello_is_out_of_time() {
    let server = peer(|stream| read_what_comes(&stream));
    client(&["--connect-timeout", "300ms"], &server.address)
        .run()
        .code(124)
        .says("no answer within");
    assert_eq!(server.join(), b"\xff");
}

#[test]
fn a_client_without_a_proper_hello_harms_nobody() {
    let (mut server, address) = serve(&["--conns", "2"]);
    let good = connect(&address);
    let bad = connect(&address);
    say(&bad, b"GET / HTTP/1.1\r\n\r\n");
    server.wait_for("not tinyproto");
    say(&good, b"\xff\0\0\0\x02");
    hear(&good, b"\xff\xff");
    say(&good, b"ok");
    server.wait_for_output("ok\n");
    drop((good, bad));
    server.wait().code(6);
}

#[test]
fn a_message_that_is_too_large_is_refused_and_ends_the_connection() {
    let (mut server, address) = serve(&["--conns", "1", "--max-frame", "10"]);
    let stream = connect(&address);
    say(&stream, b"\xff\0\0\0\x0b");
    hear(&stream, b"\xff\0");
    assert_eq!(read_what_comes(&stream), b"");
    server.wait_for("11 bytes long, and the limit is 10");
    server.wait().code(6);
}

#[test]
fn a_refused_message_is_a_loss() {
    let server = peer(|stream| {
        hear(&stream, b"\xff");
        say(&stream, b"\xff");
        hear(&stream, b"\0\0\0\x05");
        say(&stream, b"\0");
    });
    let ended = client(&["--log", "json"], &server.address).input("hello\n").run().code(6);
    let ended = ended.says("the peer refused a message of 5 bytes");
    ended.says("5 bytes of input were not sent");
    server.join();
}

#[test]
fn a_message_cut_by_fin_is_undelivered() {
    for (offer, answers, rest, cut) in [
        (&b"\0\0\0\x05"[..], &b"\xff\xff"[..], &b"he"[..], 6),
        (b"\0\0\0", b"\xff", b"", 3),
        (b"\0", b"\xff", b"", 1),
    ] {
        let server = peer(move |stream| {
            say(&stream, b"\xff");
            say(&stream, offer);
            hear(&stream, answers);
            say(&stream, rest);
        });
        let ended = client(&["--log", "json"], &server.address).run().code(6);
        assert_eq!(ended.text(), "");
        ended.says(&format!("\"undelivered\":{cut}"));
        server.join();
    }
}

#[test]
fn a_peer_that_closes_in_place_of_go_is_a_loss() {
    let server = peer(|stream| {
        say(&stream, b"\xff");
        hear(&stream, b"\xff\0\0\0\x05");
    });
    client(&[], &server.address).input("hello\n").run().code(6).says("before it took everything");
    server.join();
}

/// A peer that knows no collisions: it offers in place of go, sends, and then says go.
#[test]
fn a_collision_costs_nothing() {
    let server = peer(|stream| {
        say(&stream, b"\xff");
        hear(&stream, b"\xff\0\0\0\x05");
        say(&stream, b"\0\0\0\x03");
        hear(&stream, b"\xff");
        say(&stream, b"abc");
        assert!(is_silent(&stream), "it goes on waiting for go");
        say(&stream, b"\xff");
        hear(&stream, b"hello");
    });
    let ended = client(&[], &server.address).input("hello\n").run().code(0);
    assert_eq!(ended.text(), "abc\n");
    server.join();
}

/// Two wirecats that both have 10,000 messages for each other.
#[test]
fn ten_thousand_messages_cross_each_other() {
    let lines = |side: &str| -> String { (0..10_000).map(|n| format!("{side} {n}\n")).collect() };
    let (ours, theirs) = (lines("client"), lines("server"));
    let (mut server, address) = serve(&["--conns", "1"]);
    let mut near = client(&["--quit-after", "0"], &address).piped().start();
    let mut input = server.stdin.take().expect("a pipe");
    let far = std::thread::spawn(move || {
        input.write_all(lines("server").as_bytes()).expect("it is read");
        input
    });
    near.say(&ours);
    near.wait_for_length(theirs.len());
    server.wait_for_length(ours.len());
    let ended = near.wait().code(0);
    assert!(ended.text() == theirs, "{} of {} bytes", ended.stdout.len(), theirs.len());
    drop(far.join().expect("all is written"));
    let ended = server.wait().code(0);
    assert!(ended.text() == ours, "{} of {} bytes", ended.stdout.len(), ours.len());
}

/// A client is read no further while its replies wait; but its go is, or they would for ever.
#[test]
fn replies_larger_than_the_queue_get_through() {
    let (server, address) = serve(&["--reply", "0123456789", "--queue", "5", "--conns", "1"]);
    let stream = connect(&address);
    say(&stream, b"\xff");
    hear(&stream, b"\xff");
    for _ in 0..100 {
        say(&stream, b"\0\0\0\x01");
        hear(&stream, b"\xff");
        say(&stream, b"x");
        hear(&stream, b"\0\0\0\x0a");
        say(&stream, b"\xff");
        hear(&stream, b"0123456789");
    }
    // A second message while the first reply is offered, from a peer that is read no further.
    say(&stream, b"\0\0\0\x01");
    hear(&stream, b"\xff");
    say(&stream, b"x");
    hear(&stream, b"\0\0\0\x0a");
    say(&stream, b"\0\0\0\x01");
    hear(&stream, b"\xff");
    say(&stream, b"\xffx");
    hear(&stream, b"0123456789\0\0\0\x0a");
    say(&stream, b"\xff");
    hear(&stream, b"0123456789");
    stream.shutdown(Shutdown::Write).expect("a FIN");
    read_all(&stream);
    server.wait().code(0);
}

/// stdin has ended, which the peer cannot be told: the user is.
#[test]
fn a_client_says_what_it_waits_for() {
    let server = peer(|stream| {
        say(&stream, b"\xff");
        read_all(&stream);
    });
    let mut near = client(&[], &server.address).start();
    near.wait_for("waiting for the peer to close (--quit-after limits this)");
    near.signal(libc::SIGTERM);
    near.wait();
    server.join();
    let server = peer(|stream| {
        say(&stream, b"\xff");
        read_all(&stream)
    });
    client(&["--quit-after", "0"], &server.address).run().code(0);
    assert_eq!(server.join(), b"\xff");
}

/// SPEC section 10.7, although each message that is sent needs an answer to be read.
#[test]
fn a_blocked_stdout_does_not_hold_up_stdin() {
    let lines =
        |count: usize| -> String { (0..count).map(|n| format!("number {n:060}\n")).collect() };
    let (ours, theirs) = (lines(5_000), lines(60_000));
    let (mut stdout, blocked) = crate::support::pipes::pipe().expect("a pipe");
    let (mut server, address) = serve(&["--conns", "1"]);
    let mut input = server.stdin.take().expect("a pipe");
    let far = std::thread::spawn(move || {
        input.write_all(lines(60_000).as_bytes()).expect("it is read");
        input
    });
    let mut near = client(&["--quit-after", "0"], &address).stdout(blocked).piped().start();
    near.say(&ours);
    server.wait_for_length(ours.len());
    let reader = std::thread::spawn(move || {
        let mut bytes = vec![0; theirs.len()];
        stdout.read_exact(&mut bytes).expect("all of it comes");
        (bytes == theirs.as_bytes(), stdout)
    });
    let (whole, _stdout) = reader.join().expect("it is read");
    assert!(whole, "what was held up comes whole");
    near.wait().code(0);
    drop(far.join().expect("all is written"));
    assert!(server.wait().code(0).stdout == ours.as_bytes());
}

/// A program may send a greeting of its own once the hellos are exchanged, before any message: of each
/// client one event says so, and none of a client that says no hello.
#[test]
fn the_end_of_the_hello_is_an_event_of_a_server() {
    let args = ["--input", "json", "--output", "json"];
    let server =
        wirecat([&["tcp-serve", "--frame", "tinyproto"], &args[..], &["127.0.0.1:0"]].concat());
    let mut server = server.piped().start();
    let local = server.wait_for_event("listening")["local"].as_str().expect("a name").to_owned();
    let (silent, client) = (connect(&local), connect(&local));
    server.wait_for_events("accepted", 2);
    hear(&client, b"\xff");
    server.say("{\"list\":true}\n");
    server.wait_for_event("list");
    assert_eq!(server.wait_for_events("negotiated", 0), [serde_json::Value::Null; 0], "no hello");
    // The offer comes with the hello, and the message right behind the go.
    say(&client, b"\xff\0\0\0\x05");
    hear(&client, b"\xff");
    say(&client, b"hello");
    let event = server.wait_for_event("negotiated");
    let name = client.local_addr().expect("a name").to_string();
    assert_eq!((&event["conn"], &event["peer"]), (&2.into(), &name.into()));
    server.wait_for_event("data");
    drop((silent, client));
    server.wait_for_events("closed", 2);
    let ended = server.wait();
    let names: Vec<_> = ended.events().iter().map(|event| event["event"].clone()).collect();
    let place = |name: &str| names.iter().position(|one| one == name).expect(name);
    assert!(place("accepted") < place("negotiated") && place("negotiated") < place("data"));
    assert_eq!(names.iter().filter(|name| *name == "negotiated").count(), 1);
}
