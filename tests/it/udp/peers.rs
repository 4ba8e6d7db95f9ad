//! Whom a listener hears and whom it talks to (SPEC section 7).

use std::net::UdpSocket;

use rustix::process::Signal;

use crate::support::datagrams::{hear_all, hear_nothing, socket, socket_on};
use crate::support::proc::once_there;
use crate::support::{Running, wirecat};

/// A listener with an open stdin, and three peers that it has heard in this order.
fn with_three_peers(options: &[&str]) -> (Running, [UdpSocket; 3]) {
    let arguments = [&["udp-listen"], options, &["127.0.0.1:0"]].concat();
    let mut listener = wirecat(arguments).piped().start();
    let address = listener.udp_address();
    let peers = [socket(), socket(), socket()];
    for (number, peer) in peers.iter().enumerate() {
        peer.send_to(format!("peer {number}\n").as_bytes(), &address).unwrap();
        listener.wait_for_output(format!("peer {number}\n"));
    }
    (listener, peers)
}

#[test]
fn stdin_goes_to_the_last_peer() {
    for options in [&[][..], &["--to", "last"]] {
        let (mut listener, peers) = with_three_peers(options);
        listener.say("to 2\n");
        hear_all(&peers[2], ["to 2\n"]);
        peers[0].send_to(b"again\n", listener.udp_address()).unwrap();
        listener.wait_for_output("again\n");
        listener.say("to 0\nand more\n");
        hear_all(&peers[0], ["to 0\n", "and more\n"]);
        peers.iter().for_each(hear_nothing);
    }
}

#[test]
fn stdin_goes_to_all_peers() {
    let (mut listener, peers) = with_three_peers(&["--to", "all"]);
    listener.say("hello\nall\n");
    peers.iter().for_each(|peer| hear_all(peer, ["hello\n", "all\n"]));
}

#[test]
fn stdin_goes_to_an_address_that_has_said_nothing() {
    let peer = socket();
    let to = peer.local_addr().unwrap().to_string();
    let mut listener = wirecat(["udp-listen", "--to", &to, "0"]).input("a\nb\n").start();
    hear_all(&peer, ["a\n", "b\n"]);
    listener.udp_port();
    assert!(listener.is_running(), "stdin's end does not end it");
}

/// SPEC section 7: stdin EOF never ends it.
#[test]
fn the_end_of_stdin_ends_nothing() {
    let (mut listener, peers) = with_three_peers(&[]);
    listener.say("bye\n");
    listener.end_input();
    hear_all(&peers[2], ["bye\n"]);
    peers[0].send_to(b"still there?\n", listener.udp_address()).unwrap();
    listener.wait_for_output("still there?\n");
}

/// What was said before anybody was there waits for the first peer.
#[test]
fn stdin_waits_for_the_first_peer() {
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).input("a\nb\n").start();
    let (address, peer) = (listener.udp_address(), socket());
    peer.send_to(b"", &address).unwrap();
    hear_all(&peer, ["a\n", "b\n"]);
}

#[test]
fn only_the_first_peer_is_received_if_asked() {
    let (mut listener, peers) = {
        let mut listener = wirecat(["udp-listen", "--first-peer", "127.0.0.1:0"]).piped().start();
        listener.udp_port();
        (listener, [socket(), socket()])
    };
    let address = listener.udp_address();
    for (peer, text) in [(0, "a\n"), (1, "not me\n"), (0, "b\n")] {
        peers[peer].send_to(text.as_bytes(), &address).unwrap();
    }
    listener.wait_for_output("b\n");
    listener.say("to the first\n");
    hear_all(&peers[0], ["to the first\n"]);
    hear_nothing(&peers[1]);
    listener.signal(Signal::TERM.as_raw());
    assert_eq!(listener.wait().code(0).text(), "a\nb\n");
}

/// SPEC section 7: an allow list refuses all others; deny wins.
#[test]
fn allow_and_deny_choose_the_peers() {
    let table: [(&[&str], &str); 6] = [
        (&["--allow", "127.0.0.2"], "2\n"),
        (&["--deny", "127.0.0.2"], "1\n3\n"),
        (&["--allow", "localhost"], "1\n"),
        (&["--deny", "::ffff:127.0.0.2"], "1\n3\n"),
        (&["--allow", "::ffff:127.0.0.2/127"], "2\n3\n"),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.2/31"], "1\n"),
    ];
    for (options, expected) in table {
        let arguments = [&["udp-listen", "--reply", "heard"], options, &["127.0.0.1:0"]].concat();
        let mut listener = wirecat(arguments).start();
        let address = listener.udp_address();
        let peers = [1, 2, 3].map(|host| socket_on(&format!("127.0.0.{host}:0")));
        for (peer, text) in peers.iter().zip(["1\n", "2\n", "3\n"]) {
            peer.send_to(text.as_bytes(), &address).unwrap();
        }
        for (peer, text) in peers.iter().zip(["1\n", "2\n", "3\n"]) {
            match expected.contains(text) {
                true => hear_all(peer, ["heard"]),
                false => hear_nothing(peer),
            }
        }
        listener.signal(Signal::TERM.as_raw());
        assert_eq!(listener.wait().code(0).text(), expected, "{options:?}");
    }
}

/// SPEC 1.7: one bad peer never hurts another: nobody listens any more where an answer goes.
#[test]
fn a_peer_that_is_gone_does_not_end_the_listener() {
    let (mut listener, mut peers) = with_three_peers(&["--to", "all"]);
    let address = listener.udp_address();
    peers[2] = socket();
    for round in ["x\n", "y\n"] {
        listener.say(round);
        hear_all(&peers[0], [round]);
        hear_all(&peers[1], [round]);
    }
    peers[1].send_to(b"alive\n", &address).unwrap();
    listener.wait_for_output("alive\n");
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
}

/// Several addresses, all heard, each answered by the socket that heard; one port a line in the
/// port file.
#[test]
fn several_addresses_are_listened_on_and_their_ports_written() {
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("ports");
    let path = file.to_str().unwrap();
    let arguments =
        ["udp-listen", "--reply", "r", "--port-file", path, "-c", "2", "127.0.0.1:0", "[::1]:0"];
    let mut listener = wirecat(arguments).start();
    listener.wait_for("listening udp [::1]");
    let ports = once_there(&file);
    let ports: Vec<u16> = ports.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!((ports.len(), ports[0]), (2, listener.udp_port()));
    let (fourth, sixth) = (socket(), socket_on("[::1]:0"));
    fourth.send_to(b"4", ("127.0.0.1", ports[0])).unwrap();
    hear_all(&fourth, ["r"]);
    sixth.send_to(b"6", ("::1", ports[1])).unwrap();
    hear_all(&sixth, ["r"]);
    assert_eq!(listener.wait().code(0).text(), "46");
}
