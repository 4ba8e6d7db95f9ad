//! `--reply` on both sides, `--count`, `--bind` (SPEC sections 5 and 7).

use crate::support::datagrams::{ClosedPort, hear, hear_all, hear_nothing, socket};
use crate::support::wirecat;

#[test]
fn a_question_is_answered_from_one_wirecat_to_another() {
    let mut listener = wirecat(["udp-listen", "--reply", "pong\\n", "127.0.0.1:0"]).start();
    let address = listener.udp_address();
    let arguments = ["udp-send", "--reply=3s", &address];
    let ended = wirecat(arguments).input("one\ntwo\n").run().code(0);
    assert_eq!(ended.text(), "pong\npong\n");
    listener.wait_for_output("one\ntwo\n");
}

/// SPEC section 7: answers are printed until D passes without one; none is exit 1.
#[test]
fn no_answer_is_exit_1() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let ended = wirecat(["udp-send", "--reply=200ms", &address]).input("q\n").run().code(1);
    ended.says("cannot receive an answer: none within 200ms");
}

/// Each answer starts the patience anew.
#[test]
fn an_answer_prolongs_the_wait_for_the_next() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let mut sender = wirecat(["udp-send", "--reply=30s", "-c", "3", &address]).input("q").start();
    let (_, from) = hear(&peer);
    for answer in ["a", "b", "c", "d"] {
        peer.send_to(answer.as_bytes(), from).unwrap();
    }
    sender.wait_for_output("abc");
    assert_eq!(sender.wait().code(0).text(), "abc");
}

/// SPEC section 5: `--count` that is not met is exit 1, and says how many came.
#[test]
fn fewer_answers_than_counted_are_exit_1() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--reply=3s", "-c", "2", &address];
    let sender = wirecat(arguments).input("q").start();
    peer.send_to(b"only", hear(&peer).1).unwrap();
    let ended = sender.wait().code(1).says("1 came");
    assert_eq!(ended.text(), "only");
}

#[test]
fn every_address_gets_every_message_and_one_refusal_takes_nothing_from_the_others() {
    let (first, second, closed) = (socket(), socket(), ClosedPort::new());
    let address = |port: u16| format!("127.0.0.1:{port}");
    let ports =
        [first.local_addr().unwrap().port(), closed.port, second.local_addr().unwrap().port()];
    let arguments = ["udp-send".to_owned()].into_iter().chain(ports.map(address));
    let ended = wirecat(arguments).input("a\nb\nc\n").run().code(4);
    ended.says(&address(closed.port));
    hear_all(&first, ["a\n", "b\n", "c\n"]);
    hear_all(&second, ["a\n", "b\n", "c\n"]);
}

#[test]
fn it_sends_from_where_bind_says() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    wirecat(["udp-send", "--bind", "127.0.0.5:0", &address]).input("a\n").run().code(0);
    let (datagram, from) = hear(&peer);
    assert_eq!((&datagram[..], from.ip().to_string().as_str()), (&b"a\n"[..], "127.0.0.5"));
    let ended = wirecat(["udp-send", "--bind", "[::1]:0", &address]).input("a\n").run().code(4);
    ended.says("no address of this family");
}

/// SPEC section 3: a bare port is that of ::1 and of 127.0.0.1; where only one of them listens, that one
/// hears everything, whatever the other's refusal came to.
#[test]
fn a_name_reaches_the_family_that_listens() {
    for host in ["127.0.0.1", "[::1]"] {
        for _ in 0..5 {
            let closed = ClosedPort::new();
            let peer = closed.open(host);
            let address = closed.port.to_string();
            wirecat(["udp-send", &address]).input("a\nb\nc\n").run().code(0);
            hear_all(&peer, ["a\n", "b\n", "c\n"]);
            hear_nothing(&peer);
        }
    }
}

#[test]
fn the_family_options_choose_of_a_name() {
    let closed = ClosedPort::new();
    let (fourth, sixth) = (closed.open("127.0.0.1"), closed.open("[::1]"));
    let address = closed.port.to_string();
    wirecat(["udp-send", "-4", &address]).input("four").run().code(0);
    wirecat(["udp-send", "-6", &address]).input("six").run().code(0);
    hear_all(&fourth, ["four"]);
    hear_all(&sixth, ["six"]);
}

/// SPEC section 3: a listener's `0` is one port in both families, and -4 and -6 take one of them.
#[test]
fn the_family_options_choose_of_a_listener() {
    let mut listener = wirecat(["udp-listen", "-6", "-c", "1", "0"]).start();
    assert!(listener.wait_for("listening udp").contains("[::1]:"));
    let port = listener.udp_port();
    let closed = wirecat(["udp-send", &format!("127.0.0.1:{port}")]).input("x").run();
    closed.code(4);
    wirecat(["udp-send", &format!("{port}")]).input("x").run().code(0);
    assert_eq!(listener.wait().code(0).text(), "x");
}

#[test]
fn the_time_of_the_whole_run_is_bounded() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let sender = wirecat(["udp-send", "-w", "300ms", &address]).piped().start();
    sender.wait_open().code(124).says("300ms");
    let listener = wirecat(["udp-listen", "-w", "300ms", "127.0.0.1:0"]).run();
    listener.code(124).says("300ms");
}

#[test]
fn socket_options_are_taken() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let options = ["rcvbuf=64k", "sndbuf=128k", "dscp=ef", "ttl=3", "reuseport=on"];
    for option in options {
        wirecat(["udp-send", "-O", option, &address]).input("x").run().code(0);
        hear_all(&peer, ["x"]);
        let mut listener = wirecat(["udp-listen", "-O", option, "-c", "1", "127.0.0.1:0"]).start();
        socket().send_to(b"y", listener.udp_address()).unwrap();
        assert_eq!(listener.wait().code(0).text(), "y", "{option}");
    }
}
