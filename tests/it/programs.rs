//! The programs in `tests/programs`: what small Python socket libraries do, with wirecat as the
//! loop that the program drives over two pipes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;

use socket2::SockRef;

use super::multicast::Port;
use super::support::net::{connect, read_all, read_exactly, reset};
use super::support::unix;
use super::support::{Program, Running, program, skip, wirecat_path};

/// A program that tells on stderr what it would tell on stdout; `None` without a Python.
fn python(test: &str, args: &[&str]) -> Option<Running> {
    prepared(test, args).map(Program::start)
}

/// The same, which has not started yet.
pub(super) fn prepared(test: &str, args: &[&str]) -> Option<Program> {
    let python = super::support::proc::output(Command::new("python3").arg("--version"));
    if !python.is_ok_and(|output| output.status.success()) {
        skip(test, "python3 is not installed");
        return None;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "exec python3 \"$@\" >&2", "sh"]).args(args);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs"));
    command.env("WIRECAT", wirecat_path()).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PYTHONUNBUFFERED", "1");
    Some(program(command))
}

fn address(running: &mut Running, word: &str) -> String {
    running.wait_for(word).split_once(' ').expect("an address").1.to_owned()
}

fn lines(stream: &TcpStream) -> impl Iterator<Item = String> {
    BufReader::new(stream.try_clone().unwrap()).lines().map(|line| line.expect("a line"))
}

#[test]
fn lines_come_with_a_deadline_and_ends_with_their_reason() {
    let Some(mut server) = python("programs::lines", &["lines.py", "line"]) else { return };
    let address = address(&mut server, "listening");
    let mut quits = connect(&address);
    server.wait_for("client 1 ");
    quits.write_all(b"hello\nQUIT\n").unwrap();
    assert_eq!(read_all(&quits), b"hello\n");
    server.wait_for("line 1 hello");
    server.wait_for("closed 1 host");
    let leaves = connect(&address);
    leaves.shutdown(Shutdown::Write).unwrap();
    server.wait_for("closed 2 peer");
    let resets = connect(&address);
    server.wait_for("client 3 ");
    reset(resets);
    server.wait_for("closed 3 error");
    let mut slow = connect(&address);
    slow.write_all(b"half a line").unwrap();
    server.wait_for("closed 4 timeout");
}

#[test]
fn blocks_of_a_size_are_lines_of_another_kind() {
    let Some(mut server) = python("programs::blocks", &["lines.py", "fixed:8"]) else { return };
    let address = address(&mut server, "listening");
    let mut client = connect(&address);
    client.write_all(b"eight by").unwrap();
    assert_eq!(read_exactly(&client, 8), b"eight by");
    client.write_all(b"tesQUIT here").unwrap();
    assert_eq!(read_exactly(&client, 8), b"tesQUIT ");
    client.shutdown(Shutdown::Write).unwrap();
    server.wait_for("closed 1 error");
}

#[test]
fn one_client_is_chosen_by_many_threads() {
    let Some(mut server) = python("programs::chosen", &["chosen.py"]) else { return };
    let address = address(&mut server, "listening");
    let [bystander, mut chosen, other] = std::array::from_fn(|_| connect(&address));
    chosen.write_all(b"chosen\n").unwrap();
    let mut next = [0; 4];
    for line in lines(&chosen).take(4000) {
        let words: Vec<&str> = line.split(' ').collect();
        let ["worker", worker, "says", number] = words[..] else { panic!("scrambled: {line}") };
        let expected = &mut next[worker.parse::<usize>().expect("a worker")];
        assert_eq!(number, expected.to_string(), "the lines of worker {worker}");
        *expected += 1;
    }
    assert_eq!(next, [1000; 4]);
    drop(chosen);
    assert_eq!((read_all(&bystander), read_all(&other)), (vec![], vec![]));
    server.wait().code(0);
}

#[test]
fn seven_callbacks_see_the_life_of_a_server() {
    let Some(mut server) = python("programs::server", &["server.py"]) else { return };
    let address = address(&mut server, "started");
    let mut client = connect(&address);
    server.wait_for("connected 1");
    client.write_all(b"echo me\nsend 99\n").unwrap();
    assert_eq!(read_exactly(&client, 8), b"echo me\n");
    for said in ["received 1 echo me", "sent 1", "not sent 1001"] {
        server.wait_for(said);
    }
    client.write_all(b"stop\n").unwrap();
    assert_eq!(read_all(&client), b"");
    server.wait_for("disconnected 1");
    server.wait_for("stopped");
    server.wait().code(0);
}

#[test]
fn a_receiver_joins_and_leaves_groups_while_it_runs() {
    let port = Port::new();
    let [first, second] = [41, 42].map(|last| format!("239.77.0.{last}:{}", port.number));
    let on_lo = |group: &str| format!("{group}%lo");
    let Some(mut receiver) = python("programs::groups", &["groups.py", &on_lo(&first)]) else {
        return;
    };
    receiver.wait_for(&format!("joined {first} lo"));
    let sender = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    sender.set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).unwrap();
    let send = |group: &str, text: &str| {
        let to: SocketAddr = group.parse().unwrap();
        SockRef::from(&sender).send_to(text.as_bytes(), &to.into()).unwrap();
    };
    send(&first, &format!("join {}", on_lo(&second)));
    receiver.wait_for(&format!("joined {second} lo"));
    send(&second, &format!("join {}", on_lo(&second)));
    receiver.wait_for("error 1002");
    send(&second, &format!("leave {}", on_lo(&first)));
    receiver.wait_for(&format!("left {first} lo"));
    send(&second, &format!("leave {}", on_lo(&first)));
    receiver.wait_for("error 1003");
    send(&second, "join 10.0.0.1:5000");
    receiver.wait_for("error 1004");
    let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    send(&second, &format!("join 239.77.0.43:{}%lo", taken.local_addr().unwrap().port()));
    receiver.wait_for("error 1005");
    send(&second, "stop");
    receiver.wait().code(0);
}

#[test]
fn objects_go_and_come_back() {
    let Some(mut server) = python("programs::objects", &["objects.py"]) else { return };
    let address = address(&mut server, "listening");
    let mut client = connect(&address);
    client.write_all("{\"a\": [1, 2.5, null], \"ü\": \"✓\"}\n".as_bytes()).unwrap();
    let line = lines(&client).next().expect("an answer");
    let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer, serde_json::json!({"echo": {"a": [1, 2.5, null], "ü": "✓"}}));
    client.write_all(b"{no object\n").unwrap();
    assert_eq!(read_all(&client), b"");
    server.wait_for("not an object");
}

#[test]
fn an_echo_server_ends_by_the_words_of_its_clients() {
    let Some(mut server) = python("programs::echo", &["chat.py", "echo"]) else { return };
    let address = address(&mut server, "listening");
    let mut client = connect(&address);
    client.write_all(b"hello\nQUIT\n").unwrap();
    assert_eq!(read_all(&client), b"Echo back: hello\n");
    connect(&address).write_all(b"SRVQUIT\n").unwrap();
    server.wait().code(0);
}

#[test]
fn a_chat_room_passes_on_what_one_says() {
    let Some(mut server) = python("programs::chat", &["chat.py", "chat"]) else { return };
    let address = address(&mut server, "listening");
    let first = connect(&address);
    let mut heard = lines(&first);
    let mut second = connect(&address);
    assert_eq!(heard.next().as_deref(), Some("[2] **joined the chat"));
    second.write_all(b"hello\nQUIT\n").unwrap();
    assert_eq!(heard.next().as_deref(), Some("[2] hello"));
    assert_eq!(heard.next().as_deref(), Some("[2] **left the chat"));
    assert_eq!(read_all(&second), b"");
    (&first).write_all(b"SRVQUIT\n").unwrap();
    server.wait().code(0);
}

#[test]
fn a_server_three_clients_and_a_unix_socket_are_one_process() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let name = path.to_str().expect("a path of text");
    let Some(mut pool) = python("programs::pool", &["pool.py", name]) else { return };
    let address = address(&mut pool, "listening 127");
    // 1 and 2 are the listeners, and a client that is accepted has a number as well.
    for _ in 0..3 {
        pool.wait_for("answer HELLO FROM ");
    }
    let mut outside = connect(&address);
    outside.write_all(b"from outside\n").unwrap();
    assert_eq!(read_exactly(&outside, 13), b"FROM OUTSIDE\n");
    let mut by_name = unix::connect(&path);
    by_name.write_all(b"stop\n").unwrap();
    pool.wait().code(0);
    assert!(!path.exists());
}
