//! `pause`, `resume` and `finish`, and with `--paused` one message for each `read`.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use serde_json::Value;
use socket2::SockRef;

use super::{answers, client, driven, expected, named, server, started};
use crate::support::net::{connect, peer, read_all, read_exactly, reset, wait_for_delivery};
use crate::support::proc::wait_until;
use crate::support::{Running, proc, wirecat};

/// Asks for a message.
pub(super) fn read(server: &mut Running, conn: u64, form: &str) {
    let form = if form.is_empty() { String::new() } else { format!(",\"as\":\"{form}\"") };
    server.say(format!("{{\"read\":{conn}{form},\"within\":\"30s\"}}\n"));
}

/// Sends as much as the kernel takes; returns how much that was.
fn fill(mut stream: &TcpStream) -> usize {
    stream.set_nonblocking(true).expect("a mode");
    let mut sent = 0;
    while let Ok(count) = stream.write(&[b'x'; 65536]) {
        sent += count;
    }
    stream.set_nonblocking(false).expect("a mode");
    sent
}

/// The texts of what came on one connection.
fn texts(events: &[Value], conn: u64) -> Vec<String> {
    let data = events.iter().filter(|event| event["event"] == "data" && event["conn"] == conn);
    data.map(|event| event["text"].as_str().expect("text").to_owned()).collect()
}

/// A line, 10 bytes and a line, each asked for, however the stream is cut.
#[test]
fn line_bytes_and_line_come_one_by_one_wherever_they_are_cut() {
    let (mut server, address) = server("--paused");
    let wire = b"hello\r\n0123456\n89second line\nrest";
    let (mut conn, mut line) = (0, 0);
    for cut in 0..=wire.len() {
        let mut one = client(&mut server, &address);
        one.set_nodelay(true).expect("no delay");
        conn += 1;
        one.write_all(&wire[..cut]).expect("it is taken");
        read(&mut server, conn, "line");
        // What it answers stands behind what was obeyed before.
        server.say("{\"list\":true}\n");
        server.wait_for_output(format!("\"line\":{},\"count\"", line + 2));
        one.write_all(&wire[cut..]).expect("it is taken");
        line += 2;
        for (before, form) in (1..).zip(["fixed:10", "line", "raw"]) {
            server.wait_for_events("data", (conn as usize - 1) * 4 + before);
            read(&mut server, conn, form);
            line += 1;
        }
        let last = server.wait_for_events("data", conn as usize * 4).pop().expect("data");
        assert_eq!((&last["conn"], &last["line"]), (&conn.into(), &line.into()));
        server.say(format!("{{\"close\":{conn}}}\n"));
        line += 1;
        drop(one);
    }
    let ended = server.wait().code(0);
    let events = ended.events();
    for conn in 1..=conn {
        let got = texts(&events, conn);
        assert_eq!(got[..3], ["hello", "0123456\n89", "second line"], "#{conn}");
        // It is what there is: all of it, or what came first.
        assert!(!got[3].is_empty() && "rest".starts_with(&got[3]), "#{conn} {got:?}");
    }
}

/// Without `as`, a read takes a message of `--frame`, be it made or negotiated.
#[test]
fn a_read_takes_a_message_of_the_framing() {
    for framing in ["u16", "obj", "tinyproto", "none"] {
        let (mut server, address) = server(&format!("--paused --frame {framing}"));
        let arguments = ["tcp-connect", "--frame", framing, "--input", "json", "--output", "json"];
        let mut one = wirecat([&arguments[..], &[&address]].concat()).piped().start();
        one.wait_for_event("connected");
        server.wait_for_event("accepted");
        one.say("{\"send\":\"[1,2]\"}\n{\"send\":\"[3]\"}\n");
        read(&mut server, 1, "");
        let first = server.wait_for_event("data");
        if framing == "none" {
            assert!(first["text"].as_str().expect("text").starts_with("[1,2]"));
        } else {
            read(&mut server, 1, "");
            let second = server.wait_for_events("data", 2).remove(1);
            assert_eq!((&first["text"], &first["line"]), (&"[1,2]".into(), &1.into()), "{framing}");
            assert_eq!((&second["text"], &second["line"]), (&"[3]".into(), &2.into()), "{framing}");
        }
        // What the other side says behind our last word is delivered.
        server.say("{\"send\":\"[4]\",\"to\":1}\n{\"finish\":1}\n{\"send\":\"[5]\",\"to\":1}\n");
        assert_eq!(server.wait_for_event("send-failed")["kind"], "finished", "{framing}");
        assert_eq!(one.wait_for_event("data")["text"], "[4]", "{framing}");
        one.say("{\"send\":\"[6]\"}\n");
        if framing != "none" {
            read(&mut server, 1, "");
            assert_eq!(server.wait_for_events("data", 3)[2]["text"], "[6]", "{framing}");
        } else {
            server.say("{\"resume\":1}\n");
        }
        one.say("{\"close\":1}\n");
        one.wait_open().code(0);
        server.wait_for_event("closed");
        server.wait().code(0);
    }
}

/// Whatever is wrong is an error with its line and its kind, and ends nothing.
#[test]
fn a_read_that_cannot_be_is_an_error() {
    let (mut server, address) = server("--paused --max-frame 100");
    let mut one = client(&mut server, &address);
    let lines = [
        "{\"read\":1,\"as\":\"words\"}",
        "{\"read\":1,\"as\":\"fixed:0\"}",
        "{\"read\":1,\"as\":\"fixed:101\"}",
        "{\"read\":1,\"as\":5}",
        "{\"read\":\"1\"}",
        "{\"read\":4294967296}",
        "{\"read\":18446744073709551616}",
        "{\"read\":7}",
        "{\"read\":1,\"within\":\"soon\"}",
        "{\"read\":1,\"within\":\"0s\"}",
        "{\"pause\":7}",
        "{\"resume\":\"127.0.0.1:1\"}",
        "{\"finish\":7}",
        "{\"read\":1,\"as\":\"line\"}",
        "{\"read\":1,\"as\":\"line\"}",
        "{\"list\":true}",
    ];
    server.say(lines.join("\n") + "\n");
    server.wait_for_event("list");
    one.write_all(b"a line\n").expect("it is taken");
    assert_eq!(server.wait_for_event("data")["line"], 14);
    one.shutdown(Shutdown::Write).expect("a FIN");
    server.wait_for_event("eof");
    server.say("{\"read\":1}\n{\"send\":\"bye\",\"to\":1}\n");
    server.wait_for_event("sent");
    // What is unread when a socket is closed makes the kernel answer with a reset.
    assert_eq!(read_exactly(&one, 3), b"bye");
    drop(one);
    let ended = server.wait().code(0);
    let (bad, gone) = ("bad-command", "not-connected");
    let kinds = [bad, bad, bad, bad, bad, gone, bad, gone, bad, bad, gone, gone, gone];
    let kinds = (1..).zip(kinds).chain([(15, bad), (17, "finished"), (18, "sent")]);
    assert_eq!(answers(&ended), expected(&kinds.collect::<Vec<_>>()));
    ended
        .says("fixed:101 is more than the 100 bytes of --max-frame")
        .says("is armed on it already");
    // Without --paused there is nothing to ask for.
    let mut other = driven("tcp-serve 127.0.0.1:0").start();
    other.say("{\"read\":null}\n{\"read\":1}\n{\"pause\":null}\n");
    let ended = other.wait().code(0);
    assert_eq!(answers(&ended), expected(&[(1, gone), (2, gone), (3, gone)]));
}

/// A peer that does not say all of it in time is closed, and the others live.
#[test]
fn a_read_has_a_deadline_of_its_own() {
    let (mut server, address) = server("--paused");
    let (mut one, mut two) = (client(&mut server, &address), client(&mut server, &address));
    one.write_all(b"half").expect("it is taken");
    server.say("{\"read\":1,\"as\":\"line\",\"within\":\"1s\"}\n{\"read\":2,\"as\":\"line\"}\n");
    assert_eq!(read_all(&one), b"");
    drop(one);
    let closed = server.wait_for_event("closed");
    assert_eq!((&closed["conn"], &closed["reason"]), (&1.into(), &"timeout".into()));
    assert_eq!((&closed["detail"], &closed["undelivered"]), (&"read-timeout".into(), &4.into()));
    two.write_all(b"whole\n").expect("it is taken");
    assert_eq!(server.wait_for_event("data")["text"], "whole");
    server.wait().code(124);
}

/// The end is an event of its own where nothing precedes it; what precedes it can still be read.
#[test]
fn the_end_of_a_paused_connection_comes_behind_all_that_precedes_it() {
    let (mut server, address) = server("--paused");
    let (one, mut two) = (client(&mut server, &address), client(&mut server, &address));
    let (three, mut four) = (client(&mut server, &address), client(&mut server, &address));
    drop(one);
    assert_eq!(server.wait_for_event("eof")["conn"], 1);
    two.write_all(b"a\nb").expect("it is taken");
    drop(two);
    reset(three);
    let closed = server.wait_for_event("closed");
    assert_eq!((&closed["conn"], &closed["detail"]), (&3.into(), &"reset".into()));
    four.write_all(b"a\nb\n").expect("it is taken");
    wait_for_delivery(&four);
    reset(four);
    for conn in [2, 4] {
        read(&mut server, conn, "line");
    }
    server.wait_for_events("data", 2);
    for conn in [2, 4] {
        read(&mut server, conn, "line");
    }
    server.wait_for_events("data", 4);
    server.wait_for_events("eof", 2);
    server.wait_for_events("closed", 2);
    let ended = server.wait().code(6);
    let events = ended.events();
    assert_eq!(
        (texts(&events, 2), texts(&events, 4)),
        (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()])
    );
    let order = |conn: u64| {
        let mine = events.iter().filter(|event| event["conn"] == conn);
        mine.filter_map(|event| event["event"].as_str()).collect::<Vec<_>>()
    };
    assert_eq!(order(2), ["accepted", "data", "data", "eof", "closed"]);
    assert_eq!(order(4), ["accepted", "data", "data", "closed"]);
}

/// A connection that is not read costs memory once a read of it was asked for, and little then: the
/// rest waits in the kernel, and is there when it is read.
#[test]
fn connections_that_are_paused_hold_nothing() {
    const COUNT: usize = 40;
    let (mut server, address) = server("--paused");
    let clients: Vec<TcpStream> = (0..COUNT)
        .map(|number| {
            let mut client = connect(&address);
            SockRef::from(&client).set_send_buffer_size(8192).expect("a small buffer");
            client.write_all(format!("{number}\n").as_bytes()).expect("it is taken");
            client
        })
        .collect();
    server.wait_for_events("accepted", COUNT);
    server.say("{\"read\":null,\"as\":\"line\"}\n");
    server.wait_for_events("data", COUNT);
    let sent: usize = clients.iter().map(fill).sum();
    assert!(sent > COUNT * 8192, "{sent}");
    let peak = proc::peak_kib(server.pid());
    assert!(peak < 40 * 1024, "{peak} KiB");
    server.say("{\"resume\":null}\n");
    clients.iter().for_each(|client| client.shutdown(Shutdown::Write).expect("a FIN"));
    server.wait_for_events("eof", COUNT);
    server.say("{\"close\":null}\n");
    drop(clients);
    let ended = server.wait().code(0);
    let events = ended.events();
    let raw = named(&events, "data").into_iter().filter(|event| event.get("line").is_none());
    let read: u64 = raw.map(|event| event["len"].as_u64().expect("a length")).sum();
    assert_eq!(read, sent as u64);
}

/// Without `--paused` the same holds back one peer and no other; its silence is not its own.
#[test]
fn a_peer_is_held_back_until_it_is_resumed() {
    let (mut server, address) = server("--idle-timeout 4s");
    let (one, mut two) = (client(&mut server, &address), client(&mut server, &address));
    SockRef::from(&one).set_send_buffer_size(8192).expect("a small buffer");
    server.say("{\"pause\":1}\n{\"list\":true}\n");
    server.wait_for_event("list");
    let sent = fill(&one);
    two.write_all(b"I live").expect("it is taken");
    assert_eq!(server.wait_for_event("data")["conn"], 2);
    // The other one is silent for as long, and that is its end.
    assert_eq!(server.wait_for_event("closed")["conn"], 2);
    server.say("{\"resume\":1}\n");
    one.shutdown(Shutdown::Write).expect("a FIN");
    server.wait_for_event("eof");
    server.say("{\"close\":1}\n");
    assert_eq!(read_all(&one), b"");
    drop((one, two));
    let ended = server.wait();
    let events = ended.events();
    let read = named(&events, "data").into_iter().filter(|event| event["conn"] == 1);
    let read: u64 = read.map(|event| event["len"].as_u64().expect("a length")).sum();
    assert_eq!(read, sent as u64);
}

/// To pause gives a read up, and what has come of its message is for the next one.
#[test]
fn a_read_that_is_given_up_loses_nothing() {
    let (mut server, address) = server("--paused");
    let mut one = client(&mut server, &address);
    one.write_all(b"half a li").expect("it is taken");
    server.say("{\"read\":1,\"as\":\"line\"}\n");
    let mut lists = 0;
    wait_until("all that was sent has come", || {
        server.say("{\"list\":true}\n");
        lists += 2;
        server.wait_for_events("list", lists).remove(lists - 2)["in"] == 9
    });
    server.say("{\"pause\":1}\n{\"read\":1,\"as\":\"fixed:4\"}\n");
    assert_eq!(server.wait_for_event("data")["text"], "half");
    server.say("{\"read\":1,\"as\":\"line\"}\n");
    one.write_all(b"ne\nrest").expect("it is taken");
    assert_eq!(server.wait_for_events("data", 2)[1]["text"], " a line");
    server.say("{\"resume\":1}\n");
    one.write_all(b" of it").expect("it is taken");
    one.shutdown(Shutdown::Write).expect("a FIN");
    server.wait_for_event("eof");
    let ended = server.wait().code(0);
    assert_eq!(texts(&ended.events(), 1)[2..].concat(), "rest of it");
}

/// A client asks as a server does, and `--count` counts what is read.
#[test]
fn a_client_reads_what_it_asks_for() {
    let peer = peer(|mut stream| {
        stream.write_all(b"one\ntwo\nthree\n").expect("it is taken");
        assert_eq!(read_exactly(&stream, 4), b"ask\n");
        let _ = read_all(&stream);
    });
    let mut client = driven(&format!("tcp-connect --paused --count 2 {}", peer.address)).start();
    client.wait_for_event("connected");
    client.say("{\"send\":\"ask\\n\"}\n");
    read(&mut client, 1, "line");
    assert_eq!(client.wait_for_event("data")["text"], "one");
    client.say("{\"read\":null,\"as\":\"fixed:3\"}\n");
    let ended = client.wait_open().code(0);
    assert_eq!(texts(&ended.events(), 1), ["one", "two"]);
    peer.join();
}

/// Where it makes no sense it is refused.
#[test]
fn paused_needs_a_program_that_asks_and_reads() {
    let json = ["--input", "json", "--output", "json"];
    for (options, cause) in [
        (&["--output", "json"][..], "a command asks for each message"),
        (&["--input", "json"], "events bring the messages"),
        (&[&json[..], &["--hub"]].concat(), "a hub passes on"),
        (&["--reply", "x", "--output", "json"], "a command asks for each message"),
    ] {
        let arguments = [&["tcp-serve", "--paused", "127.0.0.1:0"], options].concat();
        wirecat(arguments).run().code(2).says("cannot use --paused").says(cause);
    }
    let (server, address) =
        started(driven("tcp-serve --paused --max-frame-total 64M --keep-cr 127.0.0.1:0"));
    drop(connect(&address));
    server.wait().code(0);
}
