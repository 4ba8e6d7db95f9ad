//! The recipes that take no test of many lines.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use libc::SIGTERM;

use super::{Kitchen, end_group, local};
use crate::support::data::noise;
use crate::support::load::in_some_try;
use crate::support::net::{
    accept, connect, read_all, read_exactly, read_what_comes, uninterrupted,
};
use crate::support::proc::wait_until;
use crate::support::{PATIENCE, Running, skip};

/// A server of a recipe that listens.
fn serving(kitchen: &Kitchen, words: &str) -> Running {
    let mut server = kitchen.recipe(words).start();
    server.wait_for("listening");
    server
}

/// What connects stands, as long as nobody has come to close it.
#[test]
fn it_waits_for_a_server_that_stands() {
    in_some_try(Option::is_some, || {
        let mut waits = Kitchen::new().recipe("-z --wait").start();
        waits.wait_for("retry");
        let listener = TcpListener::bind(local(7001)).unwrap();
        drop(accept(&listener));
        listener.set_nonblocking(true).unwrap();
        let mut stands = None;
        wait_until("another try, or the end", || {
            stands = listener.accept().ok();
            stands.is_some() || !waits.is_running()
        });
        // It was not closed in time if there is none.
        let stands = stands?;
        waits.wait().code(0);
        Some(stands)
    });
}

/// Takes a client for each question, which it has to say, and answers it.
///
/// One listener takes all of them: a process that another test is about to start has a copy of it for a
/// moment, in which its port is taken.
fn answering<const N: usize>(
    port: u16,
    talk: [(&'static [u8], &'static [u8]); N],
) -> thread::JoinHandle<()> {
    let listener = TcpListener::bind(local(port)).unwrap();
    thread::spawn(move || {
        for (question, answer) in talk {
            let mut client = accept(&listener);
            assert_eq!(read_exactly(&client, question.len()), question);
            client.write_all(answer).unwrap();
        }
    })
}

/// A client that says this, and then no more.
fn say(port: u16, bytes: &[u8]) -> TcpStream {
    let mut client = connect(&local(port).to_string());
    client.write_all(bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client
}

#[test]
fn a_directory_arrives() {
    let (here, there) = (Kitchen::new(), Kitchen::new());
    fs::create_dir(here.path("docs")).unwrap();
    fs::write(here.path("docs/page"), "text").unwrap();
    let receiver = there.recipe("| tar x").start();
    here.recipe("tar c docs").run().code(0);
    receiver.wait().code(0);
    assert_eq!(fs::read(there.path("docs/page")).unwrap(), b"text");
}

#[test]
fn each_client_has_a_file_of_its_own() {
    let kitchen = Kitchen::new();
    let server = serving(&kitchen, "--save uploads");
    for word in ["one", "two"] {
        assert_eq!(read_all(&say(7015, word.as_bytes())), b"");
    }
    server.signal(SIGTERM);
    server.wait().code(0);
    assert_eq!(kitchen.path("uploads").read_dir().unwrap().count(), 2);
}

#[test]
fn a_question_is_answered() {
    let server = answering(7016, [(b"ruok\n", b"imok")]);
    assert_eq!(Kitchen::new().recipe("echo ruok").run().code(0).text(), "imok");
    server.join().unwrap();
    let server = answering(7017, [(b"ping\n", b"pong\n"), (b"ping\n", b"")]);
    assert_eq!(Kitchen::new().recipe("echo ping").run().code(0).text(), "pong\n");
    Kitchen::new().recipe("echo ping").run().code(1);
    server.join().unwrap();
    let server = answering(7037, [(b"", b"")]);
    // An object goes out; the server has none to say.
    Kitchen::new().recipe("--frame obj").run();
    server.join().unwrap();
}

#[test]
fn what_comes_is_looked_at() {
    let server = answering(7018, [(b"", b"\xff\x01")]);
    let ended = Kitchen::new().recipe("-n --output dump").run().code(0);
    assert!(ended.text().contains("ff 01"), "{}", ended.text());
    server.join().unwrap();
}

/// Also bytes that are no text.
#[test]
fn what_comes_is_cut_by_jq() {
    if crate::support::proc::output(Command::new("jq").arg("--version")).is_err() {
        return skip("recipes::jq", "jq is not installed");
    }
    let listener = TcpListener::bind(local(7019)).unwrap();
    let bytes: Vec<u8> = noise(10_000).into_iter().filter(|byte| *byte != b'\n').collect();
    let said = [&b"one\n"[..], &bytes, b"\ntwo\n"].concat();
    let server = thread::spawn(move || accept(&listener).write_all(&said).unwrap());
    let ended = Kitchen::new().recipe("| jq").run().code(0);
    let lines: Vec<&str> = ended.text().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "one", "two"), "{lines:?}");
    assert_eq!(data_encoding::BASE64.decode(lines[1].as_bytes()).unwrap(), bytes);
    server.join().unwrap();
}

#[test]
fn each_client_has_a_command() {
    let kitchen = Kitchen::new();
    let server = serving(&kitchen, "'sort -u'");
    assert_eq!(read_all(&say(7020, b"b\na\nb\n")), b"a\nb\n");
    server.signal(SIGTERM);
    server.wait().code(0);
}

#[test]
fn the_port_is_in_a_file() {
    let kitchen = Kitchen::new();
    let mut server = serving(&kitchen, "--port-file");
    let port = server.port().to_string();
    let deadline = Instant::now() + PATIENCE;
    while !kitchen.path("port").exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(fs::read_to_string(kitchen.path("port")).unwrap().lines().next(), Some(&*port));
}

#[test]
fn a_mock_answers_everybody() {
    let kitchen = Kitchen::new();
    let mut server = serving(&kitchen, "--reply 'HTTP");
    assert!(read_all(&say(7021, b"GET / HTTP/1.1\r\n\r\n")).ends_with(b"\r\n\r\nok\n"));
    server.wait_for_output("GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn datagrams_are_sent_and_answered() {
    let peer = |port| {
        let socket = UdpSocket::bind(local(port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let hear = |socket: &UdpSocket| {
        let mut bytes = [0; 100];
        let (count, from) = uninterrupted(|| socket.recv_from(&mut bytes)).unwrap();
        (String::from_utf8_lossy(&bytes[..count]).into_owned(), from)
    };
    let socket = peer(7022);
    Kitchen::new().recipe("| wirecat udp-send localhost").run().code(0);
    assert_eq!([(); 3].map(|()| hear(&socket).0).concat(), "a\nb\nc\n");
    let socket = peer(7023);
    let asking = Kitchen::new().recipe("--reply=2s").start();
    let (question, from) = hear(&socket);
    assert_eq!(question, "status\n");
    socket.send_to(b"fine", from).unwrap();
    assert_eq!(asking.wait().code(0).text(), "fine");
}

#[test]
fn datagrams_are_received_and_answered() {
    let kitchen = Kitchen::new();
    let mut server = kitchen.recipe("udp-listen 70").piped().start();
    server.wait_for("listening udp");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(b"hello", local(7024)).unwrap();
    server.wait_for_output("hello");
    server.say("there\n");
    let mut bytes = [0; 10];
    let count = uninterrupted(|| socket.recv(&mut bytes)).unwrap();
    assert_eq!(&bytes[..count], b"there\n");
}

#[test]
fn the_loss_of_rtp_is_counted() {
    let kitchen = Kitchen::new();
    let mut server = serving(&kitchen, "--seq rtp");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for sequence in [1, 2, 4] {
        let packet = [0x80, 0, 0, sequence, 0, 0, 0, 0, 1, 2, 3, 4];
        socket.send_to(&packet, local(7025)).unwrap();
    }
    server.wait_for("(25.00 %)");
}

#[test]
fn the_loss_of_a_group_is_measured() {
    let kitchen = Kitchen::new();
    let mut member = kitchen.recipe("--stats --max-loss").start();
    member.wait_for("joined");
    Kitchen::new().recipe("--duration 1s").run().code(0);
    member.wait().code(0);
    // Nobody sends to this one.
    let ended = Kitchen::new().recipe("--wait 5s").run().code(124);
    ended.says("cannot receive a message: none within 5s");
}

#[test]
fn the_way_is_measured() {
    let kitchen = Kitchen::new();
    let _server = serving(&kitchen, "wirecat echo 70");
    Kitchen::new().recipe("--interval 10ms").run().code(0);
    // Under load a datagram may be late.
    let ended = Kitchen::new().recipe("--conns 50").run();
    assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.stderr);
}

#[test]
fn a_server_may_be_slow_or_polite() {
    let kitchen = Kitchen::new();
    let _slow = serving(&kitchen, "--delay");
    let _answer = read_what_comes(&say(7029, b"hello\n"));
    let _polite = serving(&kitchen, "--prefix");
    let answer = read_all(&say(7030, b"hello\nbye\n"));
    assert!(answer.starts_with(b"you said hello\n"), "{}", answer.escape_ascii());
}

#[test]
fn a_chat_has_a_host_and_guests() {
    let kitchen = Kitchen::new();
    let mut host = kitchen.recipe("chat --host").piped().start();
    host.wait_for("listening tcp");
    let mut guest = kitchen.recipe("chat localhost").piped().start();
    guest.wait_for_output("here: ");
    guest.say("hello\n");
    host.wait_for_output("hello\n");
    let mut alone = kitchen.recipe("chat 239").piped().start();
    alone.wait_for("joined");
    // A room without a host goes on when its guest has said all.
    end_group(&alone);
    guest.wait().code(0);
    end_group(&host);
}

#[test]
fn lines_go_to_all_others() {
    let kitchen = Kitchen::new();
    let mut server = serving(&kitchen, "--hub --frame line 70");
    let [first, mut second] = [(); 2].map(|()| connect(&local(7033).to_string()));
    let mut lines = BufReader::new(&first).lines();
    second.write_all(b"hello\n").unwrap();
    // Both may have come before the first one was accepted.
    server.wait_for_output("hello\n");
    second.write_all(b"there\n").unwrap();
    assert!(lines.any(|line| line.unwrap() == "there"));
}

#[test]
fn protocols_are_spoken() {
    let kitchen = Kitchen::new();
    let mut hl7 = serving_json(&kitchen, "delim:");
    let _client = say(7034, b"\x0bMSH|1\x1c\r");
    hl7.wait_for_output(r#""text":"MSH|1""#);
    let mut syslog = serving(&kitchen, "octet");
    let _client = say(7035, b"7 <1>word");
    syslog.wait_for_output("<1>word\n");
    end_group(&hl7);
    end_group(&syslog);
    let listener = TcpListener::bind(local(7036)).unwrap();
    let plc = thread::spawn(move || {
        let mut client = accept(&listener);
        let mut question = [0; 12];
        client.read_exact(&mut question).unwrap();
        assert_eq!(question[..6], [0x15, 1, 0, 0, 0, 6]);
        client.write_all(&[0x15, 1, 0, 0, 0, 3, 0xff, 3, 0]).unwrap();
    });
    let ended = Kitchen::new().recipe("u16@4").run().code(0);
    assert_eq!(ended.text(), "150100000003ff0300\n");
    plc.join().unwrap();
}

/// One whose events are on stdout.
fn serving_json(kitchen: &Kitchen, words: &str) -> Running {
    let mut server = kitchen.recipe(words).start();
    server.wait_for_event("listening");
    server
}
