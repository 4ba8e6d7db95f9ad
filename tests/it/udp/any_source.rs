//! Answers from other addresses than the one that was asked: of a broadcast, and with
//! `--any-source` (SPEC section 7).

use crate::support::datagrams::{ClosedPort, hear, hear_all, socket, socket_on};
use crate::support::wirecat;

#[test]
fn answers_to_a_broadcast_are_received() {
    let mut listener = wirecat(["udp-listen", "-4", "--reply", "pong\\n", ":0"]).start();
    let port = listener.udp_port();
    for patience in ["--reply=20s", "--wait=20s"] {
        let address = format!("127.255.255.255:{port}");
        let arguments = ["udp-send", "--broadcast", patience, "-c", "1", &address];
        assert_eq!(wirecat(arguments).input("ping\n").run().code(0).text(), "pong\n");
    }
}

/// Every member may answer, and each answer is told with its sender.
#[test]
fn several_members_answer_one_broadcast() {
    let ours = socket_on("0.0.0.0:0");
    let port = ours.local_addr().unwrap().port();
    let address = format!("127.255.255.255:{port}");
    let arguments = ["udp-send", "--broadcast", "--reply", "--output", "json", "-c", "2", &address];
    let sender = wirecat(arguments).input("who\n").start();
    let from = hear(&ours).1;
    let members = [socket_on("127.0.0.2:0"), socket_on("127.0.0.3:0")];
    for member in &members {
        member.send_to(b"me", from).unwrap();
    }
    let ended = sender.wait().code(0);
    let data = ended.events().into_iter().filter(|event| event["event"] == "data");
    let peers: Vec<_> = data.map(|event| event["peer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(peers, members.map(|member| member.local_addr().unwrap().to_string()));
}

/// As TFTP does it (RFC 1350): the server answers each request from a port of its own.
#[test]
fn an_answer_from_another_port_is_received_if_asked() {
    for (option, code) in [(&[][..], 1), (&["--any-source"], 0)] {
        let (known, other) = (socket(), socket());
        let address = known.local_addr().unwrap().to_string();
        let patience = if code == 0 { "--reply=20s" } else { "--reply=300ms" };
        let arguments = [&["udp-send", patience, "-c", "1"], option, &[&address]].concat();
        let sender = wirecat(arguments).input("read\n").start();
        let (request, from) = hear(&known);
        assert_eq!(request, b"read\n");
        other.send_to(b"block 1", from).unwrap();
        let ended = sender.wait().code(code);
        assert_eq!(ended.text(), if code == 0 { "block 1" } else { "" });
    }
}

/// A socket that hears everybody notices a closed port all the same, and takes the other family.
#[test]
fn a_closed_port_is_noticed_and_the_next_address_of_the_name_is_used() {
    let closed = ClosedPort::new();
    let both = ["--any-source", "--broadcast"];
    for option in both {
        let address = format!("127.0.0.1:{}", closed.port);
        let arguments = ["udp-send", option, "--reply=20s", &address];
        wirecat(arguments).input("a\nb\nc\n").run().code(4).says("nothing listens there");
    }
    for host in ["127.0.0.1", "[::1]"] {
        let closed = ClosedPort::new();
        let peer = closed.open(host);
        let port = closed.port.to_string();
        let arguments = ["udp-send", "--any-source", "--reply=20s", "-c", "1", &port];
        let sender = wirecat(arguments).input("a\nb\n").start();
        hear_all(&peer, ["a\n"]);
        peer.send_to(b"enough", hear(&peer).1).unwrap();
        assert_eq!(sender.wait().code(0).text(), "enough", "{host}");
    }
}

#[test]
fn it_sends_from_where_bind_says() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--any-source", "--reply", "-c", "1", "--bind", "127.0.0.5:0"];
    let sender = wirecat(arguments.into_iter().chain([&*address])).input("a").start();
    let from = hear(&peer).1;
    assert_eq!(from.ip().to_string(), "127.0.0.5");
    socket().send_to(b"b", from).unwrap();
    assert_eq!(sender.wait().code(0).text(), "b");
}

#[test]
fn it_needs_somebody_who_listens_and_an_internet_address() {
    let ended = wirecat(["udp-send", "--any-source", "127.0.0.1:9"]).input("x").run().code(2);
    ended.says("cannot use --any-source: without --reply nothing is received");
    let arguments = ["udp-send", "--any-source", "--reply", "unix:/x"];
    wirecat(arguments).input("x").run().code(2).says("cannot use --any-source");
}

/// SPEC section 5: `--idle-timeout` of a client is 124, unless `--count` or `--expect` is met.
#[test]
fn silence_ends_a_sender() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--idle-timeout", "2s", &address];
    let mut sender = wirecat(arguments).piped().start();
    sender.say("a\n");
    hear_all(&peer, ["a\n"]);
    sender.wait_open().code(124).says("no traffic for 2s");
    let arguments = ["udp-send", "--reply=20s", "--idle-timeout", "3s", &address];
    let sender = wirecat(arguments).input("b\n").start();
    peer.send_to(b"answer", hear(&peer).1).unwrap();
    assert_eq!(sender.wait().code(124).text(), "answer");
}
