//! `--wait`, `--idle-timeout` and `--rate`: what takes its time (SPEC section 5 and 7).

use std::time::Duration;

use crate::support::datagrams::{ClosedPort, hear, hear_all, socket};
use crate::support::proc::wait_until;
use crate::support::wirecat;

/// SPEC section 7: resends once a second until the first answer, though the port was closed at
/// first; the answer ends the sending.
#[test]
fn a_listener_that_comes_up_later_is_reached() {
    for (host, opened) in
        [("127.0.0.1:", "127.0.0.1"), ("[::1]:", "[::1]"), ("", "127.0.0.1"), ("", "[::1]")]
    {
        let closed = ClosedPort::new();
        // A bare port is that of both loopback addresses (SPEC section 3).
        let address = format!("{host}{}", closed.port);
        let mut sender =
            wirecat(["udp-send", "--wait", "20s", "-c", "1", "-v", &address]).input("q\n").start();
        sender.wait_for("starting");
        // The first try has met the closed port, or meets it now; either way a later one is heard.
        std::thread::sleep(Duration::from_millis(300));
        let peer = closed.open(opened);
        let (question, from) = hear(&peer);
        assert_eq!(question, b"q\n");
        peer.send_to(b"answer", from).unwrap();
        let ended = sender.wait_open().code(0);
        assert_eq!(ended.text(), "answer", "{host} on {opened}");
    }
}

/// The kernel of this machine knows that nothing listens, and a person who waits wants to.
#[test]
fn a_port_that_stays_closed_is_named_at_the_end() {
    let closed = ClosedPort::new();
    let address = format!("127.0.0.1:{}", closed.port);
    for wait in ["300ms", "2500ms"] {
        let ended = wirecat(["udp-send", "--wait", wait, "--send", "x", &address]).run().code(124);
        ended.says(&format!("({address} refuses them: nothing listens there)"));
    }
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let ended = wirecat(["udp-send", "--wait", "300ms", "--send", "x", &address]).run().code(124);
    assert!(!ended.stderr.contains("refuses"), "{}", ended.stderr);
}

/// What was true of the first try is not said of a server that came up later and is silent.
#[test]
fn a_port_that_opens_later_is_not_called_closed() {
    let closed = ClosedPort::new();
    let address = format!("127.0.0.1:{}", closed.port);
    let words = ["udp-send", "--wait", "2500ms", "--send", "x", "-v", &address];
    let mut sender = wirecat(words).start();
    sender.wait_for("starting");
    // For the first try to meet a closed port. What follows holds where it does not.
    std::thread::sleep(Duration::from_millis(300));
    let peer = closed.open("127.0.0.1");
    let ended = sender.wait_open().code(124);
    peer.set_nonblocking(true).unwrap();
    let is_heard = peer.recv(&mut [0; 9]).is_ok();
    assert_eq!(ended.stderr.contains("refuses"), !is_heard, "{}", ended.stderr);
}

#[test]
fn an_unanswered_message_is_sent_again_once_a_second() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let sender = wirecat(["udp-send", "--wait", "20s", &address]).input("a\nb\n").start();
    hear_all(&peer, ["a\n", "b\n", "a\n", "b\n"]);
    hear_all(&peer, ["a\n"]);
    let (_, from) = hear(&peer);
    peer.send_to(b"yes", from).unwrap();
    let ended = sender.wait().code(0);
    assert_eq!(ended.text(), "yes");
    // The third time comes two seconds behind the first one.
    assert!(ended.took > Duration::from_millis(1900), "{:?}", ended.took);
}

/// A program may write a line in pieces, and the first read ends in its middle.
#[test]
fn a_first_message_that_comes_in_pieces_is_sent() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let mut sender = wirecat(["udp-send", "--wait", "20s", &address]).piped().start();
    sender.say("hel");
    let stdin = sender.stdin.as_ref().expect("a pipe");
    wait_until("the begin is read", || rustix::io::ioctl_fionread(stdin) == Ok(0));
    sender.say("lo\n");
    let (message, from) = hear(&peer);
    assert_eq!(message, b"hello\n");
    peer.send_to(b"yes", from).unwrap();
    sender.end_input();
    assert_eq!(sender.wait().code(0).text(), "yes");
}

#[test]
fn nobody_answers_in_time_is_124() {
    let peer = socket();
    let open = peer.local_addr().unwrap().to_string();
    let closed = ClosedPort::new();
    for address in [open, format!("127.0.0.1:{}", closed.port)] {
        let ended = wirecat(["udp-send", "--wait", "1200ms", &address]).input("q\n").run();
        ended.code(124).says("none within 1s 200ms");
    }
}

#[test]
fn no_first_message_in_time_is_124() {
    let ended = wirecat(["udp-listen", "--wait", "300ms", "127.0.0.1:0"]).run().code(124);
    ended.says("cannot receive a message: none within 300ms");
}

/// A first message ends the wait for it.
#[test]
fn the_wait_is_for_the_first_message_only() {
    let arguments = ["udp-listen", "--wait", "20s", "--idle-timeout", "3s", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).start();
    socket().send_to(b"x", listener.udp_address()).unwrap();
    let ended = listener.wait().code(0);
    assert_eq!(ended.text(), "x");
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
}

/// SPEC section 5: the idle timeout is the normal end of a listener, 0 if a message came, else 1.
#[test]
fn silence_is_exit_1_only_if_nothing_came() {
    let ended = wirecat(["udp-listen", "--idle-timeout", "300ms", "127.0.0.1:0"]).run().code(1);
    ended.says("cannot receive a message: none within 300ms");
    let arguments = ["udp-listen", "--idle-timeout", "3s", "-c", "2", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).start();
    socket().send_to(b"one", listener.udp_address()).unwrap();
    // A count that is not met is exit 1 whatever came.
    listener.wait().code(1).says("1 came");
}

#[test]
fn a_rate_of_messages_and_of_bytes_is_kept() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let line = format!("{}\n", "x".repeat(999));
    for rate in ["20/s", "20kB/s"] {
        let ended = wirecat(["udp-send", "--rate", rate, &address]).input(line.repeat(20)).run();
        let took = ended.code(0).took;
        assert!(took > Duration::from_millis(600), "{rate}: {took:?}");
        hear_all(&peer, std::iter::repeat_n(&line, 20));
    }
}

/// Lines of a pipe that goes on go out as they come.
#[test]
fn a_line_goes_out_while_stdin_is_open() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let mut sender = wirecat(["udp-send", &address]).piped().start();
    for line in ["a\n", "b\n"] {
        sender.say(line);
        hear_all(&peer, [line]);
    }
    sender.wait().code(0);
}
