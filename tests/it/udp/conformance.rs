//! SPEC section 10, numbers 10, 11 and 15.

use rustix::process::Signal;

use crate::support::datagrams::{ClosedPort, hear_all, hear_nothing, socket};
use crate::support::wirecat;

/// Number 10: the largest and the smallest datagram, byte-exact, and the listener stays.
#[test]
fn datagrams_of_65507_and_0_bytes_arrive_byte_for_byte() {
    let largest: Vec<u8> = (0..65507_u32).map(|at| (at * 31 % 251) as u8).collect();
    let mut listener = wirecat(["udp-listen", "--output", "hex", "-c", "4", "127.0.0.1:0"]).start();
    let (address, peer) = (listener.udp_address(), socket());
    for datagram in [&largest[..], b"", &largest[..], b"alive"] {
        peer.send_to(datagram, &address).unwrap();
    }
    let hex: String = largest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(listener.wait().code(0).text(), format!("{hex}\n\n{hex}\n616c697665\n"));
}

/// Number 10: an empty datagram is data: it is shown, counted, and answered.
#[test]
fn an_empty_datagram_is_a_message() {
    let arguments = ["udp-listen", "--output", "json", "-c", "1", "--reply", "here", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).start();
    let peer = socket();
    peer.send_to(b"", listener.udp_address()).unwrap();
    hear_all(&peer, ["here"]);
    let ended = listener.wait().code(0);
    assert_eq!(ended.texts(), [""]);
}

/// Number 10: everybody is heard.
#[test]
fn three_peers_are_received() {
    let mut listener = wirecat(["udp-listen", "-c", "6", "127.0.0.1:0"]).start();
    let address = listener.udp_address();
    let peers = [socket(), socket(), socket()];
    for round in 0..2 {
        for (number, peer) in peers.iter().enumerate() {
            peer.send_to(format!("{round}{number}\n").as_bytes(), &address).unwrap();
        }
    }
    assert_eq!(listener.wait().code(0).text(), "00\n01\n02\n10\n11\n12\n");
}

/// Number 11: three lines are three datagrams, every time, and then it exits.
#[test]
fn three_lines_are_three_datagrams_a_hundred_times() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    for _ in 0..100 {
        wirecat(["udp-send", &address]).input("a\nb\nc\n").run().code(0);
        hear_all(&peer, ["a\n", "b\n", "c\n"]);
    }
    hear_nothing(&peer);
}

/// Number 11: a closed port is exit 4, over both families and by name, with any number of
/// datagrams.
#[test]
fn a_closed_port_is_exit_4() {
    let closed = ClosedPort::new();
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        for input in ["a\nb\nc\n", "a\n"] {
            let address = format!("{host}:{}", closed.port);
            let ended = wirecat(["udp-send", &address]).input(input).run().code(4);
            let words = format!("cannot send to {address}: connection refused");
            ended.says(&words).says("nothing listens there");
        }
    }
}

/// Number 11: a refusal ends it at once, whatever would still have been sent or waited for.
#[test]
fn a_closed_port_ends_a_paced_sender_at_once() {
    let closed = ClosedPort::new();
    let address = format!("127.0.0.1:{}", closed.port);
    for option in ["--rate=1/s", "--reply=1m"] {
        let ended = wirecat(["udp-send", option, &address]).input("a\n".repeat(100)).run().code(4);
        assert!(ended.took.as_secs() < 20, "{option}: {:?}", ended.took);
    }
}

/// Number 15: SIGTERM of a listener is 0, ^C is 130, by the signal itself.
#[test]
fn signals_end_a_listener() {
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).start();
    listener.udp_port();
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).start();
    listener.udp_port();
    listener.signal(Signal::INT.as_raw());
    assert_eq!(listener.wait().signal, Some(Signal::INT.as_raw()));
}

/// SPEC section 9: SIGTERM ends a client by the signal itself; section 8: SIGUSR1 tells figures.
#[test]
fn signals_end_a_sender_and_ask_it() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let mut sender = wirecat(["udp-send", &address]).piped().start();
    sender.say("one\n");
    hear_all(&peer, ["one\n"]);
    sender.signal(Signal::USR1.as_raw());
    sender.wait_for("out 4 B");
    sender.signal(Signal::TERM.as_raw());
    assert_eq!(sender.wait_open().signal, Some(Signal::TERM.as_raw()));
}

/// SPEC section 8: SIGUSR1 prints `stats` and goes on.
#[test]
fn a_listener_reports_its_figures_when_asked() {
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).start();
    let (address, peer) = (listener.udp_address(), socket());
    peer.send_to(b"one\n", &address).unwrap();
    listener.wait_for_output("one\n");
    listener.signal(Signal::USR1.as_raw());
    listener.wait_for("in 4 B");
    peer.send_to(b"two\n", &address).unwrap();
    listener.wait_for_output("two\n");
}
