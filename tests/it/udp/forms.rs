//! Every `--input` and `--output` keeps the boundaries of datagrams (SPEC sections 4 and 5).

use crate::support::datagrams::{hear_all, hear_nothing, socket};
use crate::support::wirecat;

#[test]
fn every_input_form_cuts_stdin_into_datagrams() {
    type Case<'a> = (&'a [&'a str], &'a [u8], &'a [&'a [u8]]);
    let table: [Case<'_>; 11] = [
        (&[], b"a\n\nb", &[b"a\n", b"\n", b"b"]),
        (&["--input=line"], b"a\r\nb\0c\n", &[b"a\r\n", b"b\0c\n"]),
        (&["--chomp"], b"a\n\nb", &[b"a", b"", b"b"]),
        (&["--input=raw"], b"a\nb\n", &[b"a\nb\n"]),
        (&["--input=nul"], b"a\n\0\0b", &[b"a\n", b"", b"b"]),
        (&["--input=hex"], b"00 fF\n\n61\n", &[b"\x00\xff", b"a"]),
        (&["--input=fixed:3"], b"abcde\nfg", &[b"abc", b"de\n", b"fg"]),
        (&["--repeat=2"], b"a\nb\n", &[b"a\n", b"a\n", b"b\n", b"b\n"]),
        (&["--rate=1000/s"], b"a\nb\n", &[b"a\n", b"b\n"]),
        (&[], b"", &[]),
        (&["--input=raw"], b"", &[]),
    ];
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    for (options, input, expected) in table {
        let arguments = [&["udp-send"], options, &[&*address]].concat();
        wirecat(arguments).input(input).run().code(0);
        hear_all(&peer, expected);
    }
    hear_nothing(&peer);
}

/// The largest message of each form, with what ends it beyond the limit of a datagram.
#[test]
fn a_message_of_65507_bytes_passes_in_every_form() {
    let message = vec![b'x'; 65507];
    let with = |end: &[u8]| [&message[..], end].concat();
    let hex = "78".repeat(65507);
    let table = [
        ("raw", message.clone(), false),
        ("line", with(b"\n"), true),
        ("nul", with(b"\0"), false),
        ("hex", hex.into_bytes(), false),
        ("fixed:65507", message.clone(), false),
    ];
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    for (form, input, chomp) in table {
        let arguments = ["udp-send", "--input", form, &address];
        let chomp = chomp.then_some("--chomp");
        wirecat(arguments.into_iter().chain(chomp)).input(input).run().code(0);
        hear_all(&peer, [&message]);
    }
}

#[test]
fn every_output_form_shows_where_a_datagram_ends() {
    let table: [(&str, &[u8]); 5] = [
        ("raw", b"ab\n\xff"),
        ("line", b"a\n\nb\n\xff\n"),
        ("nul", b"a\0\0b\n\0\xff\0"),
        ("hex", b"61\n\n620a\nff\n"),
        ("none", b""),
    ];
    for (form, expected) in table {
        let arguments = ["udp-listen", "--output", form, "-c", "4", "127.0.0.1:0"];
        let mut listener = wirecat(arguments).start();
        let (address, peer) = (listener.udp_address(), socket());
        for datagram in [&b"a"[..], b"", b"b\n", b"\xff"] {
            peer.send_to(datagram, &address).unwrap();
        }
        let ended = listener.wait().code(0);
        assert_eq!(ended.stdout, expected, "{form}: {:?}", String::from_utf8_lossy(&ended.stdout));
    }
}

#[test]
fn a_dump_names_peer_and_length() {
    let mut listener = wirecat(["udp-listen", "--output=dump", "-c", "2", "127.0.0.1:0"]).start();
    let (address, peer) = (listener.udp_address(), socket());
    peer.send_to(b"hello", &address).unwrap();
    peer.send_to(b"", &address).unwrap();
    let (ended, from) = (listener.wait().code(0), peer.local_addr().unwrap());
    let text = ended.text();
    assert!(text.contains(&format!(" < {from} 5 B\n")), "{text}");
    assert!(text.contains("68 65 6c 6c 6f"), "{text}");
    assert!(text.ends_with(&format!(" < {from} 0 B\n")), "{text}");
}

/// SPEC section 8: with `--output json` stdout is NDJSON and nothing else, and ends with the
/// summary, whose code is the exit status.
#[test]
fn json_reports_every_message_with_its_peer() {
    let arguments = ["udp-listen", "--output=json", "--tag", "t1", "-c", "3", "-n", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).start();
    let (address, peer) = (listener.udp_address(), socket());
    for datagram in [&b"one\n"[..], b"", b"\xff"] {
        peer.send_to(datagram, &address).unwrap();
    }
    let events = listener.wait().code(0).events();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["starting", "listening", "data", "data", "data"];
    assert_eq!(names[..5], expected, "{names:?}");
    let from = peer.local_addr().unwrap().to_string();
    for (event, len) in events[2..5].iter().zip([4, 0, 1]) {
        assert_eq!(
            (&event["peer"], &event["len"], &event["tag"]),
            (&from.clone().into(), &len.into(), &"t1".into())
        );
    }
    assert_eq!((&events[2]["text"], &events[4]["b64"]), (&"one\n".into(), &"/w==".into()));
    let summary = events.last().unwrap();
    assert_eq!((&summary["messages_in"], &summary["in"]), (&3.into(), &5.into()));
}

/// The same for a sender, and for ends that are not 0.
#[test]
fn json_ends_with_the_exit_status_of_a_sender() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--output=json", "--reply=300ms", &address];
    let ended = wirecat(arguments).input("a\nb\n").run().code(1);
    let events = ended.events();
    assert!(events.iter().any(|event| event["event"] == "error" && event["kind"] == "reply"));
    assert_eq!(events.last().unwrap()["messages_out"], 2);
}

/// SPEC section 6: `-C` makes CR LF of each LF in a datagram, wherever that comes from. A CR at the end
/// of one has nothing to do with the LF of the next.
#[test]
fn crlf_is_sent_where_lf_was() {
    let listener = socket();
    let address = listener.local_addr().unwrap().to_string();
    wirecat(["udp-send", "-C", &address]).input("a\nb\r\n\nc").run().code(0);
    hear_all(&listener, ["a\r\n", "b\r\n", "\r\n", "c"]);
    let nul = ["udp-send", "-C", "--input", "nul", &address];
    wirecat(nul).input("a\r\0\nb\0").run().code(0);
    hear_all(&listener, ["a\r", "\r\nb"]);
    wirecat(["udp-send", "-C", "--send", "a\\nb\\n", &address]).run().code(0);
    hear_all(&listener, ["a\r\nb\r\n"]);
    for (input, text) in [("line", "x\n".to_owned()), ("commands", format!("/to {address} x\n"))] {
        let to = ["--to", &address];
        let args = ["udp-listen", "-C", "--input", input, "127.0.0.1:0"];
        let args = args.iter().chain(to.iter().filter(|_| input == "line"));
        let mut speaker = wirecat(args).piped().start();
        speaker.say(text);
        hear_all(&listener, ["x\r\n"]);
    }
    let mcast = ["mcast-send", "-C", "--test", "239.77.1.1:5000%lo"];
    wirecat(mcast).run().code(2).says("cannot use --crlf");
    let child = ["udp-listen", "-C", "--exec", "cat", "127.0.0.1:0"];
    wirecat(child).run().code(2).says("CMD | unix2dos");
}
