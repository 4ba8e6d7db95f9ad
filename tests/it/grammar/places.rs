//! Everywhere that messages go: each handler of a server, echo, commands, recordings, `-C`, and the
//! memory of unfinished messages.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use wirecat::framing::{Deframer, Framing};

use super::{MLLP, MODBUS, TPKT, protocols};
use crate::support::net::{connect, peer, read_all, read_exactly};
use crate::support::{Running, wirecat};

fn serve(args: &[&str]) -> (Running, String) {
    wirecat(args.iter().copied().chain(["127.0.0.1:0"])).piped().serve()
}

/// What a client is sent that sends this.
fn asked(address: &str, wire: &[u8]) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(wire).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a FIN");
    read_all(&client)
}

#[test]
fn an_echo_of_messages_is_what_came() {
    for protocol in protocols() {
        let (_echo, address) = serve(&["echo", "--tcp", "--frame", protocol.frame]);
        assert_eq!(asked(&address, &protocol.wire), protocol.wire, "{}", protocol.frame);
    }
    let (_echo, address) = serve(&["echo", "--tcp", "--frame", MLLP, "--prefix", "> "]);
    assert_eq!(asked(&address, b"\x0ba\x1c\r"), b"\x0b> a\x1c\r");
    let (_echo, address) = serve(&["echo", "--tcp", "--frame", "octet", "--quit-word", "bye"]);
    assert_eq!(asked(&address, b"1 a3 bye"), b"1 a");
}

#[test]
fn a_hub_passes_messages_on_whole() {
    for protocol in protocols() {
        let (frame, wire) = (protocol.frame, protocol.wire);
        let (mut server, address) = serve(&["tcp-serve", "--hub", "-v", "--frame", frame]);
        let (listener, mut talker) = (connect(&address), connect(&address));
        server.wait_for("accepted #2");
        // A message comes in two pieces, and others between them from elsewhere.
        let (first, second) = wire.split_at(wire.len() - 1);
        talker.write_all(first).expect("it is taken");
        let mut other = connect(&address);
        other.write_all(&wire).expect("it is taken");
        let before = read_exactly(&listener, wire.len());
        talker.write_all(second).expect("it is taken");
        let all = [before, read_exactly(&listener, wire.len())].concat();
        let mut expected = [&protocol.messages[..], &protocol.messages].concat();
        let mut passed_on = messages(frame, &all);
        expected.sort();
        passed_on.sort();
        assert!(passed_on == expected, "{frame}: {}", all.escape_ascii());
    }
}

/// The messages of a stream.
fn messages(frame: &str, wire: &[u8]) -> Vec<Vec<u8>> {
    let framing: Framing = frame.parse().expect("a framing");
    let mut deframer = Deframer::new(framing.framer(1 << 20).expect("a framing"));
    let mut messages = Vec::new();
    let fed = deframer.feed(wire, true, &mut |frame| messages.push(frame.payload.to_vec()));
    assert_eq!((fed, deframer.pending()), (Ok(()), 0), "{frame}");
    messages
}

#[test]
fn each_message_is_answered_or_saved_or_dropped() {
    let (_server, address) = serve(&["tcp-serve", "--frame", MLLP, "--reply", "MSA|AA\\r"]);
    let answer = &b"\x0bMSA|AA\r\x1c\r"[..];
    assert_eq!(asked(&address, b"\x0ba\x1c\r\x0b\x1c\r"), [answer, answer].concat());
    let (_server, address) = serve(&["tcp-serve", "--frame", TPKT, "--reply", "\\x03\\0\\0\\x05!"]);
    assert_eq!(asked(&address, b"\x03\0\0\x04"), b"\x03\0\0\x05!");

    let folder = crate::support::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let args = ["tcp-serve", "--conns", "1", "--frame", "octet", "--save", path];
    let (server, address) = serve(&args);
    assert_eq!(asked(&address, b"1 a2 bc"), b"");
    server.wait_open().code(0);
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    let saved = files.into_iter().map(|file| std::fs::read(file.expect("a file").path()));
    assert_eq!(saved.map(Result::unwrap).collect::<Vec<_>>(), [b"a\nbc\n"]);

    let args = ["tcp-serve", "--conns", "1", "--frame", "content-length", "--discard", "-c", "2"];
    let (server, address) = serve(&args);
    asked(&address, b"Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\nx");
    server.wait_open().code(0);
}

/// A program that drives wirecat says and sees messages, not frames.
#[test]
fn commands_send_messages_and_events_have_them() {
    let server = peer(|mut stream: TcpStream| {
        let asked = read_exactly(&stream, 12 + 12);
        stream.write_all(b"\x15\x01\0\0\0\x03\xff\x83\x02").expect("it is taken");
        (asked, read_all(&stream))
    });
    let args = ["tcp-connect", "--frame", MODBUS, "--input", "json", "--output", "json"];
    let mut client = wirecat(args.iter().chain(&[server.address.as_str()])).piped().start();
    client.say("{\"hex\":\"1501000000 06ff0300 6b0003\"}\n".replace(' ', ""));
    client.say("{\"send\":\"abc\"}\n{\"hex\":\"15010000000aff03006b0003\"}\n");
    client.say("{\"hex\":\"150200000006ff03006b0003\"}\n");
    let data = client.wait_for_event("data");
    assert_eq!((&data["len"], &data["b64"]), (&9.into(), &"FQEAAAAD/4MC".into()));
    let failed = client.wait_for_events("send-failed", 2);
    let message = |index: usize| failed[index]["message"].as_str().expect("a message").to_owned();
    assert_eq!((&failed[0]["line"], &failed[0]["kind"]), (&2.into(), &"frame".into()));
    assert!(message(0).contains("its length field ends behind byte 6"), "{}", message(0));
    assert!(message(1).contains("its length field makes it 16 bytes long"), "{}", message(1));
    client.say("{\"quit\":true}\n");
    client.wait_open().code(0);
    let (asked, rest) = server.join();
    let request = b"\0\0\0\x06\xff\x03\0\x6b\0\x03";
    assert_eq!(asked, [&b"\x15\x01"[..], request, b"\x15\x02", request].concat());
    assert_eq!(rest, b"");
}

/// The text is converted before it is counted, and the marks are not touched.
#[test]
fn crlf_changes_messages_and_not_their_marks() {
    for (frame, input, wire) in [
        (r"delim:\n", "a\n", &b"a\n"[..]),
        ("octet", "a\n", b"1 a"),
        ("content-length", "a\n", b"Content-Length: 1\r\n\r\na"),
    ] {
        let server = peer(|stream| read_all(&stream));
        wirecat(["tcp-connect", "-C", "--frame", frame, &server.address])
            .input(input)
            .run()
            .code(0);
        assert_eq!(server.join(), wire, "{frame}");
    }
    let server = peer(|stream| read_all(&stream));
    let args = ["tcp-connect", "-C", "--frame", "octet", "--input", "line", &server.address];
    wirecat(args).input("a\nb").run().code(0);
    assert_eq!(server.join(), b"3 a\r\n1 b");
}

/// `--replay` plays bytes, whatever framed them.
#[test]
fn a_recorded_session_is_replayed() {
    let folder = crate::support::tempdir().expect("a folder");
    let file = folder.path().join("session").to_str().expect("UTF-8").to_owned();
    let args = ["tcp-serve", "--conns", "1", "--frame", MLLP, "--reply", "ok", "--record", &file];
    let (server, address) = serve(&args);
    assert_eq!(asked(&address, b"\x0ba\x1c\r"), b"\x0bok\x1c\r");
    server.wait_open().code(0);
    let mut mock = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).start();
    let args = ["tcp-connect", "--frame", MLLP, &mock.address()];
    assert_eq!(wirecat(args).input("a\n").run().code(0).text(), "ok\n");
    mock.wait().code(0);
}
