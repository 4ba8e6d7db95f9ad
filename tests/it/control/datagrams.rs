//! A listener that is told what to do. Its peers go by their addresses.

use super::{answers, driven, expected, named, started};
use crate::support::datagrams::{hear_all, hear_nothing, socket};

/// Whoever was heard can be answered by the `peer` of its message, and all of them at once.
#[test]
fn peers_are_answered_by_their_addresses() {
    let (mut listener, address) = started(driven("udp-listen 127.0.0.1:0"));
    let (one, two, unheard) = (socket(), socket(), socket());
    one.send_to(b"first", &address).expect("it is sent");
    let peer = listener.wait_for_event("data")["peer"].as_str().expect("a peer").to_owned();
    two.send_to(b"second", &address).expect("it is sent");
    listener.wait_for_events("data", 2);
    let name = unheard.local_addr().expect("an address");
    listener.say(format!(
        "{{\"send\":\"to one\",\"to\":\"{peer}\"}}\n{{\"send\":\"to all\"}}\n\
         {{\"hex\":\"\",\"to\":\"{name}\"}}\n{{\"list\":true}}\n"
    ));
    hear_all(&one, ["to one", "to all"]);
    hear_all(&two, ["to all"]);
    hear_all(&unheard, [""]);
    hear_nothing(&two);
    let lists = listener.wait_for_events("list", 3);
    assert_eq!((&lists[0]["peer"], &lists[2]["count"]), (&peer.into(), &2.into()));
    let ended = listener.wait().code(0);
    assert_eq!(answers(&ended), expected(&[(1, "sent"), (2, "sent"), (3, "sent")]));
    let events = ended.events();
    assert_eq!(named(&events, "sent")[1]["count"], 2);
    assert_eq!(events.last().expect("a summary")["messages_out"], 4);
}

#[test]
fn what_a_datagram_cannot_do_is_reported() {
    let (mut listener, address) = started(driven("udp-listen 127.0.0.1:0"));
    listener.say("{\"send\":\"nobody\"}\n");
    listener.wait_for_event("send-failed");
    let one = socket();
    one.send_to(b"hello", &address).expect("it is sent");
    let peer = listener.wait_for_event("data")["peer"].as_str().expect("a peer").to_owned();
    listener.say(format!(
        "{{\"send\":\"x\",\"to\":1}}\n{{\"close\":\"{peer}\"}}\n{{\"join\":\"239.1.2.3:5\"}}\n\
         {{\"send\":\"{}\",\"to\":\"{peer}\"}}\n{{\"send\":\"x\",\"to\":\"[::1]:5000\"}}\n\
         {{\"send\":\"fits\",\"to\":\"{peer}\"}}\n",
        "x".repeat(65508)
    ));
    hear_all(&one, ["fits"]);
    let ended = listener.wait().code(0);
    let (bad, gone) = ("bad-command", "not-connected");
    let kinds = [(1, gone), (2, bad), (3, bad), (4, bad), (5, "too-large"), (6, gone), (7, "sent")];
    assert_eq!(answers(&ended), expected(&kinds));
}

/// In words, what a person types goes to everybody who was heard, as a line.
#[test]
fn a_person_sends_to_all_that_were_received() {
    let args = ["udp-listen", "--input", "commands", "127.0.0.1:0"];
    let mut listener = crate::support::wirecat(args).piped().start();
    let address = listener.udp_address();
    let one = socket();
    one.send_to(b"hello\n", &address).expect("it is sent");
    listener.wait_for_output("hello\n");
    let name = one.local_addr().expect("an address");
    listener.say(format!("hi there\n/to {name} you\n/list\n"));
    hear_all(&one, ["hi there\n", "you\n"]);
    listener.wait_for(&format!("list {name}"));
    listener.wait().code(0);
}
