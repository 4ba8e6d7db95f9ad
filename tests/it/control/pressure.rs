//! Queues that are full, and a program that does not read: nothing is lost, and nothing grows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::SockRef;

use super::{answers, client, driven, named, server};
use crate::support::net::{connect, connect_narrow, read_exactly};
use crate::support::pipes::pipe;
use crate::support::{PATIENCE, Running, proc};

const COUNT: usize = 2_000;

/// Commands with numbered messages of 1000 bytes for a client.
fn flood(conn: u64) -> String {
    let line = |number| format!("{{\"send\":\"{number:01000}\",\"to\":{conn}}}\n");
    (0..COUNT).map(line).collect()
}

/// A client with a small receive buffer, which reads nothing yet.
fn narrow(server: &mut Running, address: &str) -> TcpStream {
    let client = connect_narrow(address);
    server.wait_for_event("accepted");
    client
}

/// Where a client does not read, `sent` says what waits, and `drained` comes once all is written.
#[test]
fn drained_comes_when_everything_is_written() {
    let (mut server, address) = server("-O sndbuf=32k --queue 4M");
    let one = narrow(&mut server, &address);
    let text = "x".repeat(1_000_000);
    server.say(format!("{{\"send\":\"{text}\",\"to\":1}}\n{{\"send\":\"y\",\"to\":1}}\n"));
    let sent = server.wait_for_events("sent", 2);
    let queued = |event: &Value| event["queued"].as_u64().expect("something waits");
    assert!(queued(&sent[0]) < 1_000_000);
    assert_eq!(queued(&sent[1]), queued(&sent[0]) + 1);
    server.say("{\"list\":true}\n");
    assert_eq!(queued(&server.wait_for_event("list")), queued(&sent[1]));
    assert_eq!(read_exactly(&one, 1_000_001).last(), Some(&b'y'));
    assert_eq!(server.wait_for_event("drained")["conn"], 1);
    server.say("{\"send\":\"z\",\"to\":1}\n");
    assert!(server.wait_for_events("sent", 3)[2].get("queued").is_none());
    let ended = server.wait().code(0);
    assert_eq!(named(&ended.events(), "drained").len(), 1);
}

/// A full queue pauses the commands, as it pauses stdin: what is for somebody else comes later,
/// and is not lost.
#[test]
fn a_full_queue_pauses_the_commands() {
    let (mut server, address) = server("-O sndbuf=32k --queue 64k --slow block --frame line");
    let one = narrow(&mut server, &address);
    let two = client(&mut server, &address);
    let mut stdin = server.stdin.take().expect("a pipe");
    let commands = flood(1) + "{\"send\":\"for two\",\"to\":2}\n{\"list\":true}\n";
    let told = thread::spawn(move || stdin.write_all(commands.as_bytes()).map(|()| stdin));
    server.wait_for_event("sent");
    wait_until_idle(&server);
    assert!(!told.is_finished(), "the commands were not paused");
    let peak = proc::peak_kib(server.pid());
    let got = read_exactly(&one, COUNT * 1001);
    for (number, line) in got.split(|byte| *byte == b'\n').take(COUNT).enumerate() {
        assert!(line == format!("{number:01000}").as_bytes(), "message {number}");
    }
    assert_eq!(read_exactly(&two, 8), b"for two\n");
    // Its end would be that of the server.
    let stdin = told.join().expect("the thread").expect("everything was read");
    let grown = proc::peak_kib(server.pid()).saturating_sub(peak);
    assert!(grown < 1024, "{grown} KiB more");
    drop(stdin);
    let ended = server.wait_open().code(0);
    let all_sent = (1..=COUNT as u64 + 1).map(|line| (line, "sent".to_owned()));
    assert!(answers(&ended).into_iter().eq(all_sent));
}

/// Among several, one that drains nothing meets the policy; what it misses is told line by line.
#[test]
fn what_a_slow_client_misses_is_reported() {
    let options = "-O sndbuf=32k --queue 64k --slow drop --slow-after 100ms --frame line";
    let (mut server, address) = server(options);
    let one = narrow(&mut server, &address);
    let two = client(&mut server, &address);
    server.say(flood(1));
    server.say("{\"send\":\"for two\",\"to\":2}\n");
    assert_eq!(read_exactly(&two, 8), b"for two\n");
    drop(one);
    server.wait_for_event("closed");
    let ended = server.wait().code(6);
    let answers = answers(&ended);
    assert_eq!(answers.len(), COUNT + 1);
    assert!((1..).zip(&answers).all(|(line, answer)| answer.0 == line));
    let slow = answers.iter().filter(|answer| answer.1 == "slow").count();
    assert!(slow > 0, "nothing was missed");
    assert_eq!(answers.last().map(|answer| answer.1.as_str()), Some("sent"));
}

/// A program that stops reading its events pauses the reading of its clients, and loses none; new
/// clients, whose events could not be told either, wait.
#[test]
fn a_program_that_does_not_read_pauses_its_clients() {
    const CLIENTS: usize = 4;
    const MESSAGES: usize = 10_000;
    let (events, stdout) = pipe().expect("a pipe");
    let options = "tcp-serve --frame line --greet hi -O rcvbuf=64k 127.0.0.1:0";
    let mut server = driven(options).stdout(stdout).start();
    let mut events = BufReader::new(events);
    let mut next = || {
        let mut line = String::new();
        events.read_line(&mut line).expect("a line");
        serde_json::from_str::<Value>(&line).expect("an event")
    };
    let address = loop {
        if let Some(address) = next()["local"].as_str() {
            break address.to_owned();
        }
    };
    let talkers: Vec<_> = (0..CLIENTS).map(|_| talk(&address, MESSAGES)).collect();
    wait_until_idle(&server);
    assert!(talkers.iter().all(|talker| !talker.is_finished()), "the clients were not paused");
    let peak = proc::peak_kib(server.pid());
    assert!(peak < 32 * 1024, "{peak} KiB");
    let late = connect(&address);
    late.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    (&late).read_exact(&mut [0]).expect_err("it is not served yet");
    late.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut seen = [0; CLIENTS + 1];
    while seen.iter().sum::<usize>() < CLIENTS * MESSAGES {
        let event = next();
        if event["event"] == "data" {
            let conn = event["conn"].as_u64().expect("a number") as usize;
            let number: usize = event["text"].as_str().expect("text").parse().expect("a number");
            assert_eq!(number, seen[conn], "of client {conn}");
            seen[conn] += 1;
        }
    }
    for talker in talkers {
        // A greeting that is not read would make a reset of its end.
        assert_eq!(read_exactly(&talker.join().expect("it is taken"), 3), b"hi\n");
    }
    assert_eq!(read_exactly(&late, 3), b"hi\n");
    drop(late);
    server.say("{\"quit\":true}\n");
    while next()["event"] != "summary" {}
    server.wait().code(0);
}

/// A question may have a long answer, and there may be many questions: none is taken while the
/// answers before it are not read.
#[test]
fn questions_wait_until_their_answers_are_read() {
    const QUESTIONS: usize = 4_000;
    const CLIENTS: usize = 50;
    let (events, stdout) = pipe().expect("a pipe");
    let mut server = driven("tcp-serve 127.0.0.1:0").stdout(stdout).start();
    let mut lines = BufReader::new(events).lines().map(|line| line.expect("a line"));
    let listening = lines.find(|line| line.contains("listening")).expect("an event");
    let listening: Value = serde_json::from_str(&listening).expect("JSON");
    let address = listening["local"].as_str().expect("an address");
    let clients: Vec<_> = (0..CLIENTS).map(|_| connect(address)).collect();
    let accepted = lines.by_ref().filter(|line| line.contains("accepted"));
    assert_eq!(accepted.take(CLIENTS).count(), CLIENTS);
    // The pipe of stdin may be a short one, and they are not taken until some answers are read.
    let mut stdin = server.stdin.take().expect("a pipe");
    let asking =
        thread::spawn(move || stdin.write_all("{\"list\":true}\n".repeat(QUESTIONS).as_bytes()));
    wait_until_idle(&server);
    let peak = proc::peak_kib(server.pid());
    assert!(peak < 20 * 1024, "{peak} KiB");
    let (mut entries, mut sums) = (0, 0);
    for line in lines.by_ref().filter(|line| line.contains("\"event\":\"list\"")) {
        entries += usize::from(line.contains("\"conn\":"));
        sums += usize::from(line.contains("\"count\":50"));
    }
    assert_eq!((entries, sums), (QUESTIONS * CLIENTS, QUESTIONS));
    asking.join().expect("a thread").expect("all are taken");
    drop(clients);
    server.wait().code(0);
}

/// A client that writes numbered messages, and for as long as they are not read waits.
fn talk(address: &str, count: usize) -> JoinHandle<TcpStream> {
    let mut stream = connect(address);
    SockRef::from(&stream).set_send_buffer_size(65536).expect("a small buffer");
    thread::spawn(move || {
        for number in 0..count {
            stream.write_all(format!("{number:0200}\n").as_bytes()).expect("it is taken");
        }
        stream
    })
}

/// Waits until a process that has begun to work has nothing to do any more. On a loaded machine a
/// moment without work may be one without a turn.
fn wait_until_idle(running: &Running) {
    let deadline = Instant::now() + PATIENCE;
    let (mut before, mut quiet) = (Duration::MAX, 0);
    while quiet < 4 {
        assert!(Instant::now() < deadline, "it goes on and on");
        thread::sleep(Duration::from_millis(250));
        let now = proc::cpu_time(running.pid());
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}
