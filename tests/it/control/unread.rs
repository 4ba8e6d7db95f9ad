//! What has come of a paused connection and was not asked for: listed, left whole by what goes on
//! beside it, and not taken for delivered when the connection is closed.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;

use super::reads::read;
use super::{client, driven, named, server};
use crate::support::Running;
use crate::support::net::{connect, read_all, until_reset};
use crate::support::proc::wait_until;

/// What has come and was not asked for yet is listed, in the kernel or behind the last message: a
/// program sees how much each client has in store, and takes it at its own pace.
#[test]
fn a_list_has_what_is_unread() {
    let (mut server, address) = server("--paused");
    let mut one = client(&mut server, &address);
    one.write_all(b"a line\nand more").expect("it is taken");
    await_unread(&mut server, &[Some(15)]);
    read(&mut server, 1, "line");
    server.wait_for_event("data");
    await_unread(&mut server, &[Some(8)]);
    read(&mut server, 1, "raw");
    server.wait_for_events("data", 2);
    await_unread(&mut server, &[None]);
    server.wait().code(0);
}

/// Waits until the connections have so much unread; on loopback they have it soon.
fn await_unread(server: &mut Running, expected: &[Option<u64>]) {
    wait_until("so much is unread", || {
        let before = server.wait_for_events("list", 0).len();
        server.say("{\"list\":true}\n");
        let lists = server.wait_for_events("list", before + expected.len() + 1);
        let unread = lists[before..].iter().map(|list| list["unread"].as_u64());
        unread.take(expected.len()).eq(expected.iter().copied())
    });
}

/// A transfer that is cut does not look whole: who closes a paused connection over what it has sent
/// resets it, behind what was sent to it. One of which all is read ends with FIN.
#[test]
fn a_close_over_what_is_unread_is_a_reset() {
    for (options, close) in [("--paused", "{\"close\":2}\n"), ("", "{\"close\":null}\n")] {
        let (mut server, address) = server(options);
        let (one, two) = (client(&mut server, &address), client(&mut server, &address));
        server.say("{\"pause\":2}\n");
        server.say("{\"send\":\"bye\"}\n");
        server.wait_for_event("sent");
        (&two).write_all(b"unread").expect("it is taken");
        await_unread(&mut server, &[None, Some(6)]);
        server.say(close);
        assert_eq!(until_reset(&two), b"bye", "{options}");
        server.say("{\"close\":1}\n");
        assert_eq!(read_all(&one), b"bye", "{options}");
        drop((one, two));
        let closed = server.wait_for_events("closed", 2);
        let second = closed.iter().find(|event| event["conn"] == 2).expect("an end");
        assert_eq!(second["reason"], "host");
        server.wait();
    }
    // Of what was read ahead of a message the same holds.
    let (mut server, address) = server("--paused");
    let one = client(&mut server, &address);
    (&one).write_all(b"a line\nand more").expect("it is taken");
    read(&mut server, 1, "line");
    server.wait_for_event("data");
    server.say("{\"close\":1}\n");
    assert_eq!(until_reset(&one), b"");
    server.wait();
}

/// What is read stands in the recording, and no more: what is asked for next is in it only then.
#[test]
fn a_recording_has_what_was_read() {
    let directory = crate::support::tempdir().expect("a directory");
    let file = directory.path().join("record");
    let options = format!("--paused --record {}", file.display());
    let (mut server, address) = server(&options);
    let mut one = client(&mut server, &address);
    one.write_all(b"0123456789").expect("it is taken");
    for (count, (form, text)) in [("fixed:4", "0123"), ("fixed:6", "456789")].iter().enumerate() {
        read(&mut server, 1, form);
        assert_eq!(server.wait_for_events("data", count + 1)[count]["text"], *text);
    }
    drop(one);
    read(&mut server, 1, "raw");
    server.wait_for_event("eof");
    server.wait().code(0);
    let lines = std::fs::read_to_string(file).expect("a recording");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let texts = lines.filter(|line| line["dir"] == "in").filter_map(|line| {
        let text = line["text"].as_str()?;
        Some(text.to_owned())
    });
    assert_eq!(texts.collect::<String>(), "0123456789");
}

/// `--expect` looks at what is asked for: what is only there matches nothing.
#[test]
fn an_expectation_is_met_by_what_was_read() {
    let (mut server, address) = server("--paused --expect needle");
    let mut one = client(&mut server, &address);
    one.write_all(b"hay\nneedle\n").expect("it is taken");
    await_unread(&mut server, &[Some(11)]);
    read(&mut server, 1, "line");
    assert_eq!(server.wait_for_event("data")["text"], "hay");
    // Its answer shows that the run goes on.
    await_unread(&mut server, &[Some(7)]);
    read(&mut server, 1, "line");
    let ended = server.wait_open().code(0);
    let texts =
        named(&ended.events(), "data").iter().map(|data| data["text"].clone()).collect::<Vec<_>>();
    assert_eq!(texts, ["hay", "needle"]);
}

/// A program that is slow to read its events gets each message that it has asked for whole, and once.
#[test]
fn reads_wait_for_a_stdout_that_is_full() {
    const CLIENTS: usize = 20;
    const SIZE: usize = 65_536;
    let (reader, writer) = crate::support::pipes::pipe().expect("a pipe");
    let mut server = driven("tcp-serve --paused 127.0.0.1:0").stdout(writer).start();
    let mut lines = BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON"));
    let listening = lines.find(|event| event["event"] == "listening").expect("a listener");
    let address = listening["local"].as_str().expect("an address");
    let clients = (0..CLIENTS).map(|_| {
        let mut one = connect(address);
        one.write_all(&[b'x'; SIZE]).expect("it is taken");
        one
    });
    let clients: Vec<_> = clients.collect();
    let accepted = lines.by_ref().filter(|event| event["event"] == "accepted");
    assert_eq!(accepted.take(CLIENTS).count(), CLIENTS);
    // They are more than a pipe and the queue of stdout take (64 KiB and 256 KiB).
    server.say(format!("{{\"read\":null,\"as\":\"fixed:{SIZE}\",\"within\":\"60s\"}}\n"));
    // Time has to pass for nobody to read.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut conns = Vec::new();
    while conns.len() < CLIENTS {
        let event = lines.next().expect("all of them come");
        if event["event"] == "data" {
            assert_eq!((&event["len"], &event["line"]), (&SIZE.into(), &1.into()));
            conns.push(event["conn"].as_u64().expect("a number"));
        }
    }
    conns.sort_unstable();
    assert_eq!(conns, (1..=CLIENTS as u64).collect::<Vec<_>>());
    server.say("{\"list\":true}\n");
    assert!(lines.by_ref().any(|event| event["event"] == "list" && event["count"] == CLIENTS));
    drop(clients);
    server.end_input();
    assert!(lines.any(|event| event["event"] == "summary"));
    server.wait_open().code(0);
}
