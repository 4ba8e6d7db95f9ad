//! `--count` and `--expect` end a run only after what stdin held already is sent (SPEC section 1:
//! exit 0 means that nothing was lost).

use std::fs::File;
use std::io::{PipeReader, Write, pipe};

use crate::support::datagrams::{hear, hear_all, hear_nothing, socket};
use crate::support::wirecat;

/// A pipe that holds this and has no writer any more: what comes late would not be waited for.
fn filled(text: &str) -> PipeReader {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader
}

#[test]
fn a_listener_says_its_input_before_the_count_ends_it() {
    let texts = ["--send", "one", "--send", "two"];
    for (options, input) in
        [(&["-c", "1"][..], true), (&["--expect", "ask"], true), (&["-c", "1"], false)]
    {
        let arguments = [&["udp-listen", "127.0.0.1:0"], options].concat();
        let mut listener = match input {
            true => wirecat(arguments).stdin(filled("one\ntwo\n")).start(),
            false => wirecat([arguments, texts.to_vec()].concat()).start(),
        };
        let peer = socket();
        peer.send_to(b"ask", listener.udp_address()).unwrap();
        let end = if input { "\n" } else { "" };
        hear_all(&peer, ["one", "two"].map(|word| word.to_owned() + end));
        assert_eq!(listener.wait().code(0).text(), "ask", "{options:?}");
        hear_nothing(&peer);
    }
}

#[test]
fn all_known_peers_get_it_and_later_ones_do_not_count() {
    let arguments = ["udp-listen", "--to", "all", "-c", "2", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).piped().start();
    let address = listener.udp_address();
    let peers = [socket(), socket()];
    peers[0].send_to(b"first\n", &address).unwrap();
    listener.wait_for_output("first\n");
    listener.say("to both\n");
    hear_all(&peers[0], ["to both\n"]);
    listener.say("to all\n");
    listener.end_input();
    hear_all(&peers[0], ["to all\n"]);
    peers[1].send_to(b"second\n", &address).unwrap();
    assert_eq!(listener.wait().code(0).text(), "first\nsecond\n");
}

/// Nobody knows whether more comes by an open pipe: it is not waited for.
#[test]
fn an_open_stdin_delays_no_end() {
    let mut listener = wirecat(["udp-listen", "-c", "1", "127.0.0.1:0"]).piped().start();
    socket().send_to(b"ask", listener.udp_address()).unwrap();
    assert_eq!(listener.wait_open().code(0).text(), "ask");
}

#[test]
fn an_input_without_end_is_cut_and_the_status_says_so() {
    let arguments = ["udp-listen", "--input", "fixed:60000", "-c", "1", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).stdin(File::open("/dev/zero").unwrap()).start();
    let peer = socket();
    peer.send_to(b"ask", listener.udp_address()).unwrap();
    hear(&peer);
    listener.wait().code(6).says("cannot send the rest of the input");
}

#[test]
fn a_sender_sends_its_input_before_the_count_ends_it() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let lines: String = (0..200).map(|number| format!("{number}\n")).collect();
    let arguments = ["udp-send", "--reply=30s", "-c", "1", "--rate", "2000/s", &address];
    let sender = wirecat(arguments).input(lines).start();
    let (first, from) = hear(&peer);
    assert_eq!(first, b"0\n");
    peer.send_to(b"enough", from).unwrap();
    hear_all(&peer, (1..200).map(|number| format!("{number}\n")));
    assert_eq!(sender.wait().code(0).text(), "enough");
}

#[test]
fn a_sender_that_cannot_send_all_in_time_says_so() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--reply=30s", "-c", "1", "--rate", "1/s", &address];
    let sender = wirecat(arguments).input("a\n".repeat(60)).start();
    peer.send_to(b"enough", hear(&peer).1).unwrap();
    let ended = sender.wait().code(6).says("cannot send the rest of the input");
    assert_eq!(ended.text(), "enough");
}
