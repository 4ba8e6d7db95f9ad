//! The scenes: what both commands of a line have to do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::stage::{Actor, Stage, patiently};
use crate::support::net::uninterrupted;
use crate::support::net::{accept, read_all, read_exactly, read_what_comes};
use crate::support::unix;
use crate::support::{PATIENCE, skip};

pub(super) fn one_client_talks(stage: &Stage) {
    let mut actor = stage.start();
    let mut client = stage.client();
    client.write_all(b"question\n").unwrap();
    actor.0.wait_for_output("question\n");
    actor.0.say("answer\n");
    assert_eq!(read_exactly(&client, 7), b"answer\n");
    actor.0.end_input();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_what_comes(&client), b"");
    actor.ends();
}

pub(super) fn clients_come_one_after_the_other(stage: &Stage) {
    let mut actor = stage.start();
    for word in ["one\n", "two\n"] {
        let mut client = stage.client();
        client.write_all(word.as_bytes()).unwrap();
        actor.0.wait_for_output(word);
    }
    assert!(actor.0.is_running());
}

pub(super) fn a_unix_client_talks(stage: &Stage) {
    let mut actor = stage.start();
    let mut client = stage.unix_client();
    client.write_all(b"question\n").unwrap();
    actor.0.wait_for_output("question\n");
    actor.0.say("answer\n");
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer\n");
}

pub(super) fn a_file_is_received(stage: &Stage) {
    let mut actor = stage.start();
    let mut client = stage.client();
    client.write_all(&[b'x'; 100_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    // nc goes on with its stdin.
    actor.0.end_input();
    actor.ends();
    assert_eq!(stage.content("copy"), [b'x'; 100_000]);
}

pub(super) fn clients_fill_a_log(stage: &Stage) {
    let _actor = stage.start();
    for word in ["one\n", "two\n"] {
        stage.client().write_all(word.as_bytes()).unwrap();
        patiently(|| String::from_utf8(stage.content("log")).ok()?.contains(word).then_some(()));
    }
}

fn exchange(stage: &Stage, question: &[u8], answer: &[u8]) {
    let _actor = stage.start();
    for _ in 0..2 {
        let mut client = stage.client();
        client.write_all(question).unwrap();
        // Not ended before the answer is there: ncat then drops what its command has not written yet.
        assert_eq!(read_exactly(&client, answer.len()), answer);
    }
}

pub(super) fn each_is_echoed(stage: &Stage) {
    exchange(stage, b"hello\n", b"hello\n");
}

pub(super) fn each_is_greeted(stage: &Stage) {
    exchange(stage, b"hello\n", b"hi\nhello\n");
}

pub(super) fn one_hears_the_other(stage: &Stage) {
    let _actor = stage.start();
    let (listener, mut speaker) = (stage.client(), stage.client());
    listener.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut lines = BufReader::new(&listener);
    // The server may not have accepted the first one yet when the second speaks.
    patiently(|| {
        speaker.write_all(b"hello\n").unwrap();
        let mut heard = Vec::new();
        let _ = lines.read_until(b'\n', &mut heard);
        heard.ends_with(b"hello\n").then_some(())
    });
}

pub(super) fn nobody_gets_in(stage: &Stage) {
    let mut actor = stage.start();
    assert_eq!(read_what_comes(&stage.client()), b"");
    assert!(actor.0.is_running());
}

pub(super) fn a_client_is_forwarded(stage: &Stage) {
    let server = TcpListener::bind(("127.0.0.1", stage.port() + 1)).expect("the port is free");
    let _actor = stage.start();
    let mut client = stage.client();
    let far = accept(&server);
    client.write_all(b"question\n").unwrap();
    assert_eq!(read_exactly(&far, 9), b"question\n");
    (&far).write_all(b"answer\n").unwrap();
    assert_eq!(read_exactly(&client, 7), b"answer\n");
}

pub(super) fn a_client_is_forwarded_to_unix(stage: &Stage) {
    let server = UnixListener::bind(stage.path("s")).unwrap();
    let _actor = stage.start();
    let mut client = stage.client();
    client.write_all(b"question\n").unwrap();
    let mut far = unix::accept(&server);
    let mut question = [0; 9];
    far.read_exact(&mut question).unwrap();
    far.write_all(b"answer\n").unwrap();
    assert_eq!(read_exactly(&client, 7), b"answer\n");
}

pub(super) fn a_unix_client_is_forwarded(stage: &Stage) {
    let server = TcpListener::bind(("127.0.0.1", stage.port() + 1)).expect("the port is free");
    let _actor = stage.start();
    let mut client = stage.unix_client();
    let far = accept(&server);
    client.write_all(b"question\n").unwrap();
    assert_eq!(read_exactly(&far, 9), b"question\n");
}

fn ask(mut actor: Actor, server: &TcpListener) {
    let client = accept(server);
    actor.0.say("question\n");
    assert_eq!(read_exactly(&client, 9), b"question\n");
    (&client).write_all(b"answer\n").unwrap();
    actor.0.wait_for_output("answer\n");
    actor.0.end_input();
    drop(client);
    actor.ends();
}

pub(super) fn a_server_is_asked(stage: &Stage) {
    let server = stage.server();
    ask(stage.start(), &server);
}

pub(super) fn a_server_is_asked_by_v6(stage: &Stage) {
    let Ok(server) = TcpListener::bind(("::1", stage.port())) else {
        return skip("from_nc", "no IPv6");
    };
    ask(stage.start(), &server);
}

pub(super) fn a_unix_server_is_asked(stage: &Stage) {
    let server = UnixListener::bind(stage.path("s")).unwrap();
    let mut actor = stage.start();
    let mut client = unix::accept(&server);
    actor.0.say("question\n");
    let mut question = [0; 9];
    client.read_exact(&mut question).unwrap();
    client.write_all(b"answer\n").unwrap();
    actor.0.wait_for_output("answer\n");
}

pub(super) fn a_server_comes_late(stage: &Stage) {
    let actor = stage.start();
    thread::sleep(Duration::from_millis(500));
    let server = stage.server();
    ask(actor, &server);
}

/// The command with `file`, and the client that it is.
pub(super) fn sending(stage: &Stage) -> (Actor, TcpStream) {
    fs::write(stage.path("file"), "question\n").unwrap();
    let server = stage.server();
    let actor = stage.start();
    let client = accept(&server);
    (actor, client)
}

pub(super) fn a_file_is_sent_to_its_end(stage: &Stage) {
    let (mut actor, client) = sending(stage);
    assert_eq!(read_all(&client), b"question\n");
    (&client).write_all(b"answer\n").unwrap();
    drop(client);
    actor.0.wait_for_output("answer\n");
    actor.ends();
}

pub(super) fn a_file_is_sent_and_not_ended(stage: &Stage) {
    let (mut actor, client) = sending(stage);
    assert_eq!(read_exactly(&client, 9), b"question\n");
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(uninterrupted(|| (&client).read(&mut [0])).is_err(), "it has ended");
    (&client).write_all(b"answer\n").unwrap();
    drop(client);
    actor.0.wait_for_output("answer\n");
    actor.ends();
}

/// The server neither answers nor ends.
pub(super) fn a_silent_server_is_left(stage: &Stage) {
    let (mut actor, client) = sending(stage);
    actor.ends();
    drop(client);
}

pub(super) fn nothing_is_waited_for(stage: &Stage) {
    let (mut actor, client) = sending(stage);
    assert_eq!(read_exactly(&client, 9), b"question\n");
    actor.ends();
}

pub(super) fn a_copy_is_fetched(stage: &Stage) {
    let server = stage.server();
    let mut actor = stage.start();
    accept(&server).write_all(&[b'x'; 100_000]).unwrap();
    actor.ends();
    assert_eq!(stage.content("copy"), [b'x'; 100_000]);
}

pub(super) fn lines_end_in_crlf(stage: &Stage) {
    let server = stage.server();
    let mut actor = stage.start();
    let client = accept(&server);
    actor.0.say("one\n");
    assert_eq!(read_exactly(&client, 5), b"one\r\n");
    actor.0.end_input();
    assert_eq!(read_all(&client), b"");
}

pub(super) fn it_comes_from_there(stage: &Stage) {
    let server = stage.server();
    let _actor = stage.start();
    let from = accept(&server).peer_addr().unwrap().to_string();
    assert_eq!(from, format!("127.0.0.2:{}", stage.port() + 1));
}

pub(super) fn a_server_is_echoed(stage: &Stage) {
    let server = stage.server();
    let _actor = stage.start();
    let mut client = accept(&server);
    client.write_all(b"hello\n").unwrap();
    assert_eq!(read_exactly(&client, 6), b"hello\n");
}

pub(super) fn a_port_is_found_open_or_closed(stage: &Stage) {
    let status = || stage.program().run().code;
    assert_ne!(status(), Some(0));
    let _server = stage.server();
    assert_eq!(status(), Some(0));
}

pub(super) fn what_was_said_is_on_record(stage: &Stage) {
    a_server_is_asked(stage);
    let log = String::from_utf8(stage.content("log")).unwrap();
    assert!(log.contains("question") && log.contains("answer"), "{log}");
}

/// `answer` in hexadecimal.
pub(super) fn bytes_are_shown(stage: &Stage) {
    let server = stage.server();
    let running = stage.program().piped().start();
    accept(&server).write_all(b"answer\n").unwrap();
    let ended = running.wait();
    let shown = format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr);
    assert!(shown.contains("61 6e 73 77 65 72"), "{shown}");
}

pub(super) fn a_datagram_is_answered(stage: &Stage) {
    let peer = UdpSocket::bind(("127.0.0.1", stage.port())).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut actor = stage.start();
    actor.0.say("question\n");
    let (count, from) = uninterrupted(|| peer.recv_from(&mut [0; 100])).unwrap();
    assert_eq!(count, 9);
    peer.send_to(b"answer\n", from).unwrap();
    actor.0.wait_for_output("answer\n");
}

/// Sends again and again until the command has shown it: it may not listen yet.
fn until_heard(mut actor: Actor, send: impl Fn() + Sync) {
    let is_heard = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let deadline = Instant::now() + PATIENCE;
            while !is_heard.load(Relaxed) && Instant::now() < deadline {
                send();
                thread::sleep(Duration::from_millis(50));
            }
        });
        actor.0.wait_for_output("hello\n");
        is_heard.store(true, Relaxed);
    });
}

pub(super) fn datagrams_come(stage: &Stage) {
    let actor = stage.start();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(("127.0.0.1", stage.port())).unwrap();
    until_heard(actor, || drop(peer.send(b"hello\n")));
}

pub(super) fn datagrams_are_echoed(stage: &Stage) {
    let _actor = stage.start();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(("127.0.0.1", stage.port())).unwrap();
    peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    patiently(|| {
        let _ = peer.send(b"hello\n");
        let mut bytes = [0; 100];
        let count = peer.recv(&mut bytes).ok()?;
        (bytes[..count] == *b"hello\n").then_some(())
    });
}

fn group() -> Ipv4Addr {
    Ipv4Addr::new(239, 1, 2, 3)
}

pub(super) fn a_group_is_heard(stage: &Stage) {
    let actor = stage.start();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    until_heard(actor, || drop(sender.send_to(b"hello\n", (group(), stage.port()))));
}

pub(super) fn a_group_is_sent_to(stage: &Stage) {
    let member = UdpSocket::bind((group(), stage.port())).unwrap();
    member.join_multicast_v4(&group(), &Ipv4Addr::LOCALHOST).unwrap();
    member.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut actor = stage.start();
    actor.0.say("hello\n");
    actor.0.end_input();
    let mut bytes = [0; 100];
    let (count, _) = uninterrupted(|| member.recv_from(&mut bytes)).unwrap();
    assert_eq!(&bytes[..count], b"hello\n");
    actor.ends();
}
