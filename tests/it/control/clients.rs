//! A client that is told what to do.

use std::io::Write;

use super::{answers, driven, expected, named};
use crate::support::net::{RefusingPort, accept, listener, peer, read_all, read_exactly, reset};

/// The one connection has number 1, a name, and is what a message without `to` goes to.
#[test]
fn a_client_sends_what_a_command_asks_for() {
    let server = peer(|mut stream| {
        stream.write_all(b"welcome\n").expect("it is taken");
        assert_eq!(read_exactly(&stream, 6), b"a\nb\nc\n");
        stream.write_all(b"bye\n").expect("it is taken");
        assert_eq!(read_all(&stream), b"");
    });
    let address = &server.address;
    let mut client = driven(&format!("tcp-connect --frame line {address}")).start();
    assert_eq!(client.wait_for_event("connected")["conn"], 1);
    client.say(format!(
        "{{\"send\":\"a\"}}\n{{\"send\":\"b\",\"to\":1}}\n{{\"send\":\"c\",\"to\":\"{address}\"}}\n\
         {{\"send\":\"x\",\"to\":2}}\n{{\"close\":2}}\n{{\"list\":true}}\n{{\"stats\":true}}\n"
    ));
    assert_eq!(client.wait_for_events("data", 2)[1]["conn"], 1);
    let lists = client.wait_for_events("list", 2);
    assert_eq!((&lists[0]["conn"], &lists[0]["out"]), (&1.into(), &6.into()));
    client.wait_for_event("stats");
    client.say("{\"close\":1}\n");
    let ended = client.wait_open().code(0);
    let gone = "not-connected";
    let answered = [(1, "sent"), (2, "sent"), (3, "sent"), (4, gone), (5, gone)];
    assert_eq!(answers(&ended), expected(&answered));
    assert_eq!(named(&ended.events(), "closed")[0]["conn"], 1);
    server.join();
}

/// What is sent before there is a connection waits for it, and so does the end of the commands.
#[test]
fn a_message_waits_for_its_connection() {
    let port = RefusingPort::new();
    let mut client = driven(&format!("tcp-connect --wait 30s {}", port.address)).start();
    client.say("{\"send\":\"early\"}\n{\"list\":true}\n{\"quit\":true}\n");
    assert_eq!(client.wait_for_event("sent")["queued"], 5);
    assert_eq!(client.wait_for_event("list")["count"], 0);
    assert_eq!(read_all(&accept(&port.listen())), b"early");
    let ended = client.wait_open().code(0);
    assert_eq!(named(&ended.events(), "drained").len(), 1);
}

/// Where no connection comes to be, what waited for it is told as lost.
#[test]
fn a_message_that_waited_in_vain_is_reported() {
    let nobody = RefusingPort::new();
    let mut client = driven(&format!("tcp-connect --wait 4s {}", nobody.address)).start();
    client.say("{\"send\":\"early\"}\n");
    client.wait_for_event("sent");
    let ended = client.wait_open().code(4);
    let events = ended.events();
    let failed = named(&events, "send-failed");
    assert_eq!((&failed[0]["kind"], &failed[0]["unsent"]), (&"unsent".into(), &5.into()));
}

/// A program that has nothing waiting can give up while a connection is being made.
#[test]
fn quit_is_taken_without_a_connection() {
    let nobody = RefusingPort::new();
    let mut client = driven(&format!("tcp-connect --wait 300s {}", nobody.address)).start();
    client.wait_for_event("retry");
    client.wait().code(0);
}

/// A lost connection is followed by another one with the next number, and nothing is sent to it by
/// mistake.
#[test]
fn a_connection_that_is_made_again_has_the_next_number() {
    let (listener, address) = listener();
    let mut client = driven(&format!("tcp-connect --reconnect --frame line {address}")).start();
    reset(accept(&listener));
    let second = accept(&listener);
    assert_eq!(client.wait_for_events("connected", 2)[1]["conn"], 2);
    client.say("{\"send\":\"x\",\"to\":1}\n{\"send\":\"y\",\"to\":2}\n");
    assert_eq!(read_exactly(&second, 2), b"y\n");
    client.say("{\"close\":null}\n");
    assert_eq!(read_all(&second), b"");
    drop(second);
    let ended = client.wait_open();
    assert_eq!(answers(&ended), expected(&[(1, "not-connected"), (2, "sent")]));
}

/// The peer's FIN ends nothing by itself: the program may still have something to say.
#[test]
fn the_peers_fin_leaves_the_last_word_to_the_program() {
    let server = peer(|stream| {
        stream.shutdown(std::net::Shutdown::Write).expect("a FIN");
        assert_eq!(read_all(&stream), b"last word");
    });
    let mut client = driven(&format!("tcp-connect {}", server.address)).start();
    assert_eq!(client.wait_for_event("eof")["conn"], 1);
    client.say("{\"send\":\"last word\"}\n");
    client.wait().code(0);
    server.join();
}
