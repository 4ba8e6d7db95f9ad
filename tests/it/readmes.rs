//! The programs of the READMEs of five small Python socket libraries, with wirecat as the loop: each
//! runs, and none is longer than the original.

use std::fs::read_to_string;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::path::Path;
use std::thread;

use crate::multicast::Port;
use crate::programs::prepared;
use crate::support::net::{
    RefusingPort, accept, connect, listener_with_backlog, read_all, read_exactly, reset,
};
use crate::support::{Program, Running, wirecat};

/// Each program, and the lines that the original has.
const ORIGINALS: &[(&str, usize)] = &[
    ("xasyncsockets_tcp_server", 65),
    ("xasyncsockets_tcp_clients", 63),
    ("xasyncsockets_udp_receiver", 15),
    ("xasyncsockets_udp_sender", 17),
    ("esockets_server", 20),
    ("jfsocket_multicast", 137),
    ("obj_over_tcp_client", 16),
    ("obj_over_tcp_server", 14),
    ("tinyproto_echo_server", 33),
    ("tinyproto_echo_client", 19),
];

/// A program with these arguments; `None` without a Python.
fn python(name: &str, args: &[&str]) -> Option<Program> {
    let file = format!("{name}.py");
    prepared(&format!("readmes::{name}"), &[&[&*file], args].concat())
}

fn serving(name: &str, says: &str) -> Option<(Running, String)> {
    let mut running = python(name, &["127.0.0.1:0"])?.start();
    let line = running.wait_for(says);
    let address = line.rsplit(' ').next().expect("an address").to_owned();
    Some((running, address))
}

/// Lines that are neither blank nor a comment.
fn lines(name: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let text = read_to_string(folder.join(format!("{name}.py"))).expect("a program");
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !(line.is_empty() || line.starts_with('#'))).count()
}

#[test]
fn none_is_longer_than_the_original() {
    for (name, most) in ORIGINALS {
        assert!(lines(name) <= *most, "{name} has {} lines, {most} are too many", lines(name));
    }
    assert!(lines("loop") < 30, "the loop has {} lines", lines("loop"));
}

#[test]
fn the_server_of_xasyncsockets_gives_each_read_its_time() {
    let Some((mut server, address)) = serving("xasyncsockets_tcp_server", "SrvAddr") else {
        return;
    };
    let mut client = connect(&address);
    server.wait_for("1) On TCP Server Client Accepted");
    for number in 1..=2 {
        client.write_all(b"Hello World").unwrap();
        server.wait_for(&format!("{number}) On TCP Client Data Recv (11 bytes) : Hello World"));
    }
    client.shutdown(Shutdown::Write).unwrap();
    server.wait_for("1) On TCP Client Closed (closed by peer)");
    let silent = connect(&address);
    server.wait_for("2) On TCP Client Closed (timeout)");
    assert_eq!(read_all(&silent), b"");
    reset(connect(&address));
    server.wait_for("3) On TCP Client Closed (error)");
}

#[test]
fn the_clients_of_xasyncsockets_are_a_hundred_in_one_process() {
    let (listener, address) = listener_with_backlog(100);
    // Their 7 s may be over before all have come.
    let time = "600";
    let Some(clients) = python("xasyncsockets_tcp_clients", &[&address, time]) else { return };
    let mut clients = clients.start();
    let served: Vec<_> = (0..100)
        .map(|_| {
            let mut client = accept(&listener);
            thread::spawn(move || {
                assert_eq!(read_exactly(&client, 11), b"Hello World");
                client.write_all(b"Welcome").unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(read_all(&client), b"");
            })
        })
        .collect();
    clients.wait_for("Client 100 created");
    clients.wait_for("100) On TCP Client Data Recv (7 bytes) : Welcome");
    clients.wait_for("100) On TCP Client Closed (closed by ");
    served.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_client_of_xasyncsockets_may_fail_to_connect() {
    let nobody = RefusingPort::new();
    let Some(clients) = python("xasyncsockets_tcp_clients", &[&nobody.address]) else { return };
    clients.start().wait_for("On TCP Client Fails To Connect");
}

#[test]
fn the_datagrams_of_xasyncsockets_go_one_after_the_other() {
    let Some((mut receiver, address)) = serving("xasyncsockets_udp_receiver", "LocalAddr") else {
        return;
    };
    let mut sender = python("xasyncsockets_udp_sender", &[&address]).expect("a Python").start();
    receiver.wait_for(" : START");
    receiver.wait_for(" : NEXT");
    sender.wait_for("On UDP Datagram Data Sent (3)");
}

#[test]
fn the_server_of_esockets_has_its_eight_callbacks() {
    let Some((mut server, address)) = serving("esockets_server", "Server started on:") else {
        return;
    };
    let mut client = connect(&address);
    let name = client.local_addr().unwrap();
    server.wait_for(&format!("{name} Connected"));
    client.write_all(b"hello").unwrap();
    server.wait_for("hello");
    client.shutdown(Shutdown::Write).unwrap();
    server.wait_for(&format!("{name} Disconnected"));
    reset(connect(&address));
    server.wait_for("Abnormal disconnect:  reset");
}

#[test]
fn the_person_of_jfsocket_joins_and_sends() {
    let port = Port::new();
    let [first, second] = [51, 52].map(|last| format!("239.77.0.{last}:{}", port.number));
    let Some(program) = python("jfsocket_multicast", &[]) else { return };
    let mut person = program.piped().start();
    person.say(format!("start recv {first}%lo\n"));
    person.wait_for(&format!("     -> {first}"));
    // One word at a time: each is answered by a thread of its own, and Python prints in pieces.
    person.say(format!("join {second}%lo\n"));
    person.wait_for(&format!("     -> {second}"));
    person.say(format!("start send {first}%lo\n"));
    person.wait_for("Multicast Sender Started");
    person.say(format!("send {first} hello there\n"));
    person.wait_for(&format!("Data has send to {first}"));
    person.wait_for(&format!("-> {first}"));
    person.wait_for(" : hello there");
    person.say(format!("send {second} -x616263\n"));
    person.wait_for(" : abc");
    person.wait_for(&format!("Data has send to {second}"));
    person.say(format!("drop {second}%lo\n"));
    person.wait_for(&format!("     <- {second}"));
    person.say(format!("nonsense\nstop nothing\nsend {first}\n"));
    person.wait_for("Command Error: KeyError('nothing')");
    person.wait_for("Command Error: IndexError");
    person.say("stop send\n");
    person.wait_for("Multicast Sender Stoped");
    person.say("exit\n");
    person.wait_for("Multicast Receiver Stoped");
    person.wait().code(0);
}

#[test]
fn the_object_of_obj_over_tcp_comes_back() {
    let Some((mut server, address)) = serving("obj_over_tcp_server", "Serving on") else { return };
    let client = python("obj_over_tcp_client", &[&address]).expect("a Python").start();
    let ended = client.wait().code(0);
    for says in ["Connected", "Object {'echo test object': 'message string'} was sent"] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    ended.says("Object received: {'echo test object': 'message string'}");
    server.wait_for("Client connected");
    server.wait_for("was received and echoed");
    server.wait_for("Client disconnected");
}

#[test]
fn the_echo_of_tinyproto_ends_by_its_words() {
    let Some((mut server, address)) = serving("tinyproto_echo_server", "Listening on") else {
        return;
    };
    let client = python("tinyproto_echo_client", &[&address]).expect("a Python");
    let mut client = client.piped().start();
    client.say("hello\n");
    client.wait_for("Response from server: Echo back: hello");
    client.say("QUIT\n");
    client.wait_open().code(0);
    server.wait_for("Connection closed from:");
    // The words of another program that speaks tinyproto are the same.
    let args = ["tcp-connect", "--frame", "tinyproto", "--send", "SRVQUIT", &address];
    wirecat(args).run();
    server.wait().code(0);
}

#[test]
fn a_datagram_of_any_program_is_received() {
    let Some((mut receiver, address)) = serving("xasyncsockets_udp_receiver", "LocalAddr") else {
        return;
    };
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    sender.send_to(b"from elsewhere", &address).unwrap();
    receiver.wait_for(" : from elsewhere");
}
