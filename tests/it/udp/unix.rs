//! Unix datagram sockets, both ways (SPEC section 3).

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::net::uninterrupted;
use crate::support::proc::unshared;
use crate::support::{PATIENCE, wirecat};

fn bound(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn hear(socket: &UnixDatagram) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let size = uninterrupted(|| socket.recv(&mut buffer)).expect("a datagram in time");
    buffer.truncate(size);
    buffer
}

#[test]
fn a_question_is_answered_over_a_path_and_over_an_abstract_name() {
    let directory = crate::support::tempdir().unwrap();
    let path = format!("unix:{}", directory.path().join("s").display());
    let name = format!("unix:@wirecat-test-udp-{}", std::process::id());
    for address in [path, name] {
        let arguments = ["udp-listen", "-c", "2", "--reply", "pong", "--output=line", &address];
        let mut listener = wirecat(arguments).start();
        listener.wait_for(&format!("listening unix {address}"));
        let arguments = ["udp-send", "--reply=3s", "--chomp", &address];
        let ended = wirecat(arguments).input("a\n\n").run().code(0);
        assert_eq!(ended.text(), "pongpong");
        assert_eq!(listener.wait().code(0).text(), "a\n\n");
    }
    assert!(!directory.path().join("s").exists(), "unlinked on exit");
}

/// A socket of the third type is for neither command, and each says so.
#[test]
fn a_seqpacket_socket_is_named() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(1).unwrap();
    let address = format!("unix:{}", path.display());
    for command in ["udp-send", "tcp-connect"] {
        let ended = wirecat([command, &address]).input("x").run().code(4);
        let ended = ended.says("it is a SEQPACKET socket, which no command supports");
        assert!(!ended.stderr.contains("use "), "{}", ended.stderr);
    }
}

/// SPEC section 5: `--bind` names the socket file of a sender, which is there as long as it runs.
#[test]
fn a_sender_has_the_name_that_it_is_bound_to() {
    let directory = crate::support::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (server, own) = (bound(&at("server")), at("own"));
    // A file that a dead socket has left is replaced.
    unshared(|| drop(UnixDatagram::bind(&own).unwrap()));
    let [to, from] = ["server", "own"].map(|name| format!("unix:{}", at(name).display()));
    let asker = wirecat(["udp-send", "--reply=30s", "-c", "1", "--bind", &from, &to]);
    let asker = asker.input("question").start();
    assert_eq!(hear(&server), b"question");
    server.send_to(b"answer", &own).unwrap();
    assert_eq!(asker.wait().code(0).text(), "answer");
    assert!(!own.exists(), "unlinked on exit");
    let live = bound(&own);
    let refused = wirecat(["udp-send", "--bind", &from, &to]).input("x").run().code(5);
    refused.says("cannot bind to").says("another program listens there");
    drop(live);
    let many = ["udp-send", "--bind", &from, &to, "unix:@nobody"];
    wirecat(many).run().code(2).says("cannot use --bind: a unix name is for one socket");
}

#[test]
fn stdin_goes_to_all_unix_peers() {
    let directory = crate::support::tempdir().unwrap();
    let server = directory.path().join("s");
    let address = format!("unix:{}", server.display());
    let mut listener = wirecat(["udp-listen", "--to=all", &address]).piped().start();
    listener.wait_for("listening unix");
    let peers = ["a", "b"].map(|name| bound(&directory.path().join(name)));
    for (peer, hello) in peers.iter().zip(["one\n", "two\n"]) {
        peer.send_to(hello.as_bytes(), &server).unwrap();
        listener.wait_for_output(hello);
    }
    listener.say("both\n");
    assert!(peers.iter().all(|peer| hear(peer) == b"both\n"));
}

#[test]
fn a_sender_reaches_a_plain_socket_and_reports_where_there_is_none() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("peer");
    let address = format!("unix:{}", path.display());
    let ended = wirecat(["udp-send", &address]).input("x").run().code(4);
    ended.says("no such file or directory").says("nothing listens there");
    let peer = bound(&path);
    // More than the queue of a unix socket holds: the sender waits, and loses nothing.
    let input: String = (0..5000).map(|number| format!("{number}\n")).collect();
    let sender = wirecat(["udp-send", &address]).input(input).start();
    for number in 0..5000 {
        assert_eq!(hear(&peer), format!("{number}\n").as_bytes());
    }
    sender.wait().code(0);
}

/// SPEC 1.3: an answer that cannot go out is said, and the listener goes on.
#[test]
fn a_peer_without_a_name_cannot_be_answered_and_that_is_said() {
    let directory = crate::support::tempdir().unwrap();
    let server = directory.path().join("s");
    let address = format!("unix:{}", server.display());
    let mut listener = wirecat(["udp-listen", "--reply", "pong", &address]).start();
    listener.wait_for("listening unix");
    let nameless = UnixDatagram::unbound().unwrap();
    nameless.send_to(b"one", &server).unwrap();
    listener.wait_for("no name to answer to");
    nameless.send_to(b"two", &server).unwrap();
    listener.wait_for_output("onetwo");
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
}

#[test]
fn a_live_socket_file_is_not_taken_and_a_dead_one_is_replaced() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let live = bound(&path);
    let ended = wirecat(["udp-listen", &address]).run().code(5);
    ended.says("another program listens there");
    unshared(|| drop(live));
    let mut listener = wirecat(["udp-listen", "-c", "1", &address]).start();
    listener.wait_for("listening unix");
    UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
    assert_eq!(listener.wait().code(0).text(), "x");
}

/// SPEC 1.7: one bad peer never hurts another. A unix peer whose queue is full misses messages,
/// and that is told; the other one has them all.
#[test]
fn a_unix_peer_that_reads_nothing_does_not_hold_up_the_others() {
    let directory = crate::support::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let address = format!("unix:{}", path("server").display());
    let mut listener =
        wirecat(["udp-listen", "--to", "all", "--output", "line", &address]).piped().start();
    listener.wait_for("listening unix");
    let [_deaf, good] = ["deaf", "good"].map(|name| {
        let peer = UnixDatagram::bind(path(name)).unwrap();
        peer.send_to(name.as_bytes(), path("server")).unwrap();
        listener.wait_for_output(name);
        peer
    });
    good.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    // Far more than the queue of a unix datagram socket holds (net.unix.max_dgram_qlen).
    for number in 0..2000 {
        let line = format!("{number}\n");
        listener.say(&line);
        let count = uninterrupted(|| good.recv(&mut buffer)).unwrap();
        assert_eq!(&buffer[..count], line.as_bytes());
    }
    listener.wait_for("deaf");
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
}

/// SPEC section 7: what is larger than 64 KiB, as only a unix datagram can be, is cut; that is told
/// and counted, and the next one is whole.
#[test]
fn a_datagram_that_is_cut_is_reported_and_counted() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let arguments = ["udp-listen", "-c", "3", "--stats", "--log=json", &address];
    let mut listener = wirecat(arguments).start();
    listener.wait_for("listening");
    let sender = UnixDatagram::unbound().unwrap();
    socket2::SockRef::from(&sender).set_send_buffer_size(400_000).unwrap();
    for size in [65_536, 200_000, 5] {
        uninterrupted(|| sender.send_to(&vec![b'x'; size], &path)).unwrap();
    }
    let ended = listener.wait().code(0);
    assert_eq!(ended.stdout.len(), 2 * 65_536 + 5);
    let events: Vec<Value> =
        ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = events.iter().filter(|event| event["kind"] == "truncated").collect();
    assert_eq!(told.len(), 1, "{}", ended.stderr);
    assert_eq!(told[0]["event"], "warning");
    assert!(
        told[0]["message"].as_str().unwrap().ends_with("was cut to 65536 bytes"),
        "{}",
        told[0]
    );
    let stats = events.iter().rev().find(|event| event["event"] == "stats").unwrap();
    assert_eq!((&stats["messages"], &stats["truncated"]), (&3.into(), &1.into()));
}
