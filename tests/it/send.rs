//! `--send` in place of stdin (SPEC sections 4 and 5).

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;

use crate::support::datagrams::{hear, hear_all, hear_nothing, socket};
use crate::support::net::{connect, peer, read_all, read_exactly};
use crate::support::{PATIENCE, wirecat};

/// The texts go out one after the other; their end half-closes as stdin's does, and the answer
/// that comes after it is read. stdin itself is left alone.
#[test]
fn a_client_sends_texts_and_half_closes() {
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("part");
    std::fs::write(&file, "C:\\n\n").unwrap();
    let part = format!("@{}", file.display());
    let (written, is_written) = mpsc::channel();
    let server = peer(move |mut stream: TcpStream| {
        let question = read_all(&stream);
        // The end of the answer is that of the client.
        is_written.recv_timeout(PATIENCE).unwrap();
        stream.write_all(b"answer").unwrap();
        question
    });
    let args = ["tcp-connect", "--send", "a\\n\\x00", "--send", &part, "--send", "-z"];
    let mut client = wirecat(args.iter().chain(&[server.address.as_str()])).piped().start();
    client.say("not this");
    written.send(()).unwrap();
    assert_eq!(client.wait_open().code(0).text(), "answer");
    assert_eq!(server.join(), b"a\n\0C:\\n\n-z");
}

#[test]
fn each_text_is_a_message_of_its_own() {
    for (frame, wire) in [
        ("u8", &b"\x03a\nb\x00\x01c"[..]),
        ("netstring", b"3:a\nb,0:,1:c,"),
        ("nul", b"a\nb\0\0c\0"),
    ] {
        let server = peer(|stream: TcpStream| read_all(&stream));
        let texts = ["--frame", frame, "--send", "a\\nb", "--send", "", "--send", "c"];
        wirecat([&["tcp-connect"], &texts[..], &[&server.address]].concat()).run().code(0);
        assert_eq!(server.join(), wire, "{frame}");
    }
}

#[test]
fn the_options_of_stdins_end_hold_for_texts() {
    let server = peer(|mut stream: TcpStream| {
        assert_eq!(read_exactly(&stream, 4), b"a\r\nb");
        stream.write_all(b"answer").unwrap();
    });
    let args = ["tcp-connect", "-C", "--keep-open", "--send", "a\nb", &server.address];
    assert_eq!(wirecat(args).run().code(0).text(), "answer");
    server.join();
    // A text of stdin is one message, whatever is in it.
    let server = peer(|stream: TcpStream| read_all(&stream));
    let args = ["tcp-connect", "--frame", "u8", "--send", "@-", &server.address];
    wirecat(args).input("a\nb\n").run().code(0);
    assert_eq!(server.join(), b"\x04a\nb\n");
    // A large one too, through a queue that is full at times.
    let large = vec![b'x'; 3 << 20];
    let server = peer(|stream: TcpStream| read_all(&stream));
    wirecat(["tcp-connect", "--send", "@-", &server.address]).input(large.clone()).run().code(0);
    assert!(server.join() == large);
}

/// Every client of a server is sent all of it when it comes, and then its end.
#[test]
fn each_client_of_a_server_is_sent_the_texts() {
    let args = ["tcp-serve", "--conns", "2", "--greet", "hi ", "--send", "a", "--send", "b", "0"];
    let (server, address) = wirecat(args).serve();
    for word in ["one", "two"] {
        let mut client = connect(&address);
        assert_eq!(read_all(&client), b"hi ab");
        client.write_all(word.as_bytes()).unwrap();
    }
    let ended = server.wait().code(0);
    assert!(["onetwo", "twoone"].contains(&ended.text()), "{}", ended.text());
    let framed = ["tcp-serve", "-1", "--keep-open", "--frame", "u8", "--send", "", "--send", "b"];
    let mut server = wirecat([&framed[..], &["127.0.0.1:0"]].concat()).start();
    let client = connect(&server.address());
    assert_eq!(read_exactly(&client, 3), b"\x00\x01b");
    drop(client);
    server.wait().code(0);
}

#[test]
fn each_text_is_a_datagram() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let args = ["udp-send", "--send", "a\\nb", "--send", "", "--send", "c", "--repeat", "2"];
    wirecat(args.iter().chain(&[address.as_str()])).run().code(0);
    hear_all(&peer, ["a\nb", "a\nb", "", "", "c", "c"]);
    hear_nothing(&peer);
    let asked = wirecat(["udp-send", "--reply", "--send", "ping", &address]).start();
    let (_, from) = hear(&peer);
    peer.send_to(b"pong", from).unwrap();
    assert_eq!(asked.wait().code(0).text(), "pong");
}

/// A listener says them to those that stdin would go to, as soon as there are any.
#[test]
fn a_listener_says_the_texts_to_its_peer() {
    let args = ["udp-listen", "-c", "2", "--send", "one", "--send", "two", "127.0.0.1:0"];
    let mut listener = wirecat(args).start();
    let (address, peer) = (listener.udp_address(), socket());
    peer.send_to(b"a", &address).unwrap();
    hear_all(&peer, ["one", "two"]);
    peer.send_to(b"b", &address).unwrap();
    assert_eq!(listener.wait().code(0).text(), "ab");
}

#[test]
fn what_cannot_go_with_texts_is_refused() {
    let large = "x".repeat(65_508);
    for (args, words) in [
        (&["tcp-connect", "--send", "x", "-n"][..], "cannot use -n: --send stands in the place"),
        (&["tcp-serve", "--send", "x", "--input", "line"], "cannot use --input: --send stands"),
        (&["udp-send", "--send", "x", "--chomp"], "cannot use --chomp: --send stands"),
        (&["tcp-serve", "--send", "x", "--discard"], "this handler does not send stdin"),
        (&["tcp-serve", "--send", "@-", "--greet", "@-"], "for one purpose only"),
        (&["udp-listen", "--send", "@-", "--reply", "@-"], "for one purpose only"),
        (&["udp-send", "--send", "@-", "--send", "@-"], "for one purpose only"),
        (&["udp-send", "--send", &large], "65508 bytes are more than a datagram holds (65507)"),
        (&["tcp-connect", "--send", "a\\nb", "--frame", "line"], "would arrive as two"),
        (&["tcp-serve", "--send", "abc", "--frame", "u8", "--max-frame", "2"], "--max-frame"),
    ] {
        let ended = wirecat(args.iter().copied().chain(["127.0.0.1:9"])).run();
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        ended.says(words);
    }
    let ended = wirecat(["mcast-send", "--test", "--send", "x", "239.1.2.3:5000"]).run().code(2);
    ended.says("--test sends probes");
    wirecat(["mcast-join", "--send", "x", "239.1.2.3:5000"]).run().code(2).says("--send");
    wirecat(["tcp-connect", "--send", "@/nosuch", "9"]).run().code(7).says("cannot read /nosuch");
}
