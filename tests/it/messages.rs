//! Messages: `--frame`, `--input`, `--output` and what goes with them, against bytes that are
//! written here by hand.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::load::Stopwatch;
use crate::support::net::{connect, peer, read_all, read_exactly};
use crate::support::{Ended, wirecat};

/// What a peer receives of this stdin.
fn sent(args: &[&str], input: &[u8]) -> Vec<u8> {
    let server = peer(|stream| read_all(&stream));
    let line = ["tcp-connect"].iter().chain(args).copied().chain([server.address.as_str()]);
    let ended = wirecat(line).input(input).run();
    assert_eq!(ended.code, Some(0), "{args:?}; stderr:\n{}", ended.stderr);
    server.join()
}

/// How a client ends, with stdin at its end, whose peer sends this and closes.
fn received(args: &[&str], bytes: &[u8]) -> Ended {
    let bytes = bytes.to_vec();
    let server = peer(move |mut stream: TcpStream| {
        // A client that has enough may be gone before it has all.
        let _ = stream.write_all(&bytes);
    });
    let line = ["tcp-connect"].iter().chain(args).copied().chain([server.address.as_str()]);
    let ended = wirecat(line).run();
    server.join();
    ended
}

/// 300 bytes, more than one byte of length can say.
fn long(before: &[u8], after: &[u8]) -> Vec<u8> {
    [before, &[b'x'; 300], after].concat()
}

/// Each framing with messages as lines, and the same messages on the wire.
fn framings() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let lines = || long(b"a\n\n", b"\n");
    vec![
        ("none", lines(), lines()),
        ("line", lines(), lines()),
        ("nul", lines(), long(b"a\0\0", b"\0")),
        ("netstring", lines(), long(b"1:a,0:,300:", b",")),
        ("u8", b"a\n\nbc\n".to_vec(), b"\x01a\x00\x02bc".to_vec()),
        ("u16", lines(), long(b"\0\x01a\0\0\x01\x2c", b"")),
        ("u32", lines(), long(b"\0\0\0\x01a\0\0\0\0\0\0\x01\x2c", b"")),
        ("u16le", lines(), long(b"\x01\0a\0\0\x2c\x01", b"")),
        ("u32le", lines(), long(b"\x01\0\0\0a\0\0\0\0\x2c\x01\0\0", b"")),
        ("varint", lines(), long(b"\x01a\x00\xac\x02", b"")),
        ("fixed:2", b"ab\ncd\n".to_vec(), b"abcd".to_vec()),
    ]
}

/// SPEC section 6: by default stdin and stdout are one message a line without its newline.
#[test]
fn every_framing_is_what_its_name_says_in_both_directions() {
    for (name, lines, wire) in framings() {
        assert_eq!(sent(&["--frame", name], &lines), wire, "{name}");
        let ended = received(&["--frame", name], &wire);
        assert_eq!((ended.code, ended.stdout), (Some(0), lines), "{name}: {}", ended.stderr);
    }
}

/// The server's side speaks the same: its stdin to a client, and a client to its stdout.
#[test]
fn a_server_frames_as_a_client_does() {
    for (name, lines, wire) in framings() {
        let server = wirecat(["tcp-serve", "-1", "--frame", name, "127.0.0.1:0"]);
        let mut server = server.input(lines.clone()).start();
        let mut client = connect(&server.address());
        client.write_all(&wire).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), wire, "{name}");
        assert_eq!(server.wait().code(0).stdout, lines, "{name}");
    }
}

/// SPEC section 5: how stdin is cut. The framing shows where.
#[test]
fn every_form_of_input_cuts_where_it_says() {
    let table: [(&[&str], &[u8], &[u8]); 9] = [
        (&["raw"], b"a\nb\n", b"\x04a\nb\n"),
        (&["raw"], b"", b""),
        (&["line"], b"a\n\nb", b"\x02a\n\x01\n\x01b"),
        (&["line", "--chomp"], b"a\n\nb", b"\x01a\x00\x01b"),
        (&["nul"], b"a\0\0b\n", b"\x01a\x00\x02b\n"),
        (&["hex"], b"61 0A\n\nff\t00\n7f", b"\x02a\n\x02\xff\x00\x01\x7f"),
        (&["fixed:2"], b"abcde", b"\x02ab\x02cd\x01e"),
        (&["fixed:5"], b"abcde", b"\x05abcde"),
        (&["fixed:1k"], b"abcde", b"\x05abcde"),
    ];
    for (form, input, wire) in table {
        let args = [&["--frame", "u8", "--input"], form].concat();
        assert_eq!(sent(&args, input), wire, "{form:?}");
    }
    // Without a framing the pieces follow each other.
    assert_eq!(sent(&["--input", "hex"], b"61\n62 63\n"), b"abc");
    assert_eq!(sent(&["--input", "nul"], b"a\0b\0"), b"ab");
    assert_eq!(sent(&["--input", "line", "--chomp"], b"a\nb\n"), b"ab");
}

/// Input that is no hex is a failure of stdin; what came before it was sent.
#[test]
fn bad_input_is_reported_with_its_place() {
    let server = peer(|stream| read_all(&stream));
    let ended = wirecat(["tcp-connect", "--input", "hex", &server.address]).input("61\nxy\n62\n");
    let ended = ended.run();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("line 2"), "{}", ended.stderr);
    assert_eq!(server.join(), b"a");
}

/// SPEC section 5: how messages are written.
#[test]
fn every_form_of_output_writes_as_it_says() {
    let wire = b"\x02a\n\x00\x02b\xff";
    for (form, written) in [
        ("raw", &b"a\nb\xff"[..]),
        ("line", b"a\n\nb\xff\n"),
        ("nul", b"a\n\0\0b\xff\0"),
        ("hex", b"610a\n\n62ff\n"),
        ("none", b""),
    ] {
        let ended = received(&["--frame", "u8", "--output", form], wire).code(0);
        assert_eq!(ended.stdout, written, "{form}");
    }
    let dump = received(&["--frame", "u8", "--output", "dump"], wire).code(0);
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert_eq!(dump.lines().filter(|line| line.contains(" < 127.0.0.1:")).count(), 3, "{dump}");
    for part in [" 2 B\n", " 0 B\n", "0000:   61 0a", "0000:   62 ff"] {
        assert!(dump.contains(part), "{part:?} is not in:\n{dump}");
    }
}

/// SPEC 1.2 and section 8: with `--output json` stdout is NDJSON and nothing else, and ends with
/// the summary.
#[test]
fn output_json_is_a_stream_of_events() {
    let ended = received(&["--frame", "u8", "--output", "json"], b"\x02a\n\x00\x02b\xff").code(0);
    let events: Vec<serde_json::Value> =
        ended.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let data: Vec<_> = events.iter().filter(|event| event["event"] == "data").collect();
    assert_eq!(data.len(), 3);
    assert_eq!((&data[0]["text"], &data[0]["len"]), (&"a\n".into(), &2.into()));
    assert_eq!((&data[1]["text"], &data[1]["len"]), (&"".into(), &0.into()));
    assert_eq!((&data[2]["b64"], &data[2]["len"]), (&"Yv8=".into(), &2.into()));
    let closed = events.iter().find(|event| event["event"] == "closed").unwrap();
    assert_eq!((&closed["reason"], &closed["detail"]), (&"peer".into(), &"fin".into()));
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["code"]), (&"summary".into(), &0.into()));
    assert_eq!((&last["messages_in"], &last["in"]), (&3.into(), &7.into()));
}

/// SPEC section 6: received bytes stay as they are, and what is sent ends in CR LF. With
/// `--frame line` that is the end of each line.
#[test]
fn crlf_is_sent_where_lf_was() {
    let input = b"a\nb\r\n\nc";
    assert_eq!(sent(&["-C"], input), b"a\r\nb\r\n\r\nc");
    assert_eq!(sent(&["-C", "--frame", "line"], b"a\nb\r\n\nc"), b"a\r\nb\r\n\r\nc\r\n");
    assert_eq!(sent(&["-C", "--frame", "u8", "--input", "line"], b"a\nb"), b"\x03a\r\n\x01b");
    assert_eq!(received(&["-C"], b"a\nb\r\n").code(0).stdout, b"a\nb\r\n");
}

/// A line may end in CR LF on the wire, as of telnet and HTTP; `--keep-cr` keeps the CR.
#[test]
fn keep_cr_keeps_it() {
    let wire = b"a\r\nb\nc\r";
    assert_eq!(received(&["--frame", "line"], wire).code(0).stdout, b"a\nb\nc\r\n");
    assert_eq!(received(&["--frame", "line", "--keep-cr"], wire).code(0).stdout, b"a\r\nb\nc\r\n");
}

/// SPEC section 6: a frame over `--max-frame` closes the connection with reason `error`, exit 6
/// on a client; what came before it is delivered.
#[test]
fn a_frame_over_the_limit_is_an_error() {
    for (name, wire) in [
        ("line", &b"abcd\nabcde\n"[..]),
        ("nul", b"abcd\0abcde\0"),
        ("u8", b"\x04abcd\x05abcde"),
        ("netstring", b"4:abcd,5:abcde,"),
        ("u32", b"\0\0\0\x04abcd\xff\xff\xff\xff"),
    ] {
        let ended = received(&["-v", "--frame", name, "--max-frame", "4"], wire).code(6);
        assert_eq!(ended.text(), "abcd\n", "{name}");
        assert!(ended.stderr.contains("(bad frame)"), "{name}: {}", ended.stderr);
    }
    // The default of 16 MiB, of which only the length has to come.
    received(&["--frame", "u32"], b"\x01\0\0\x01").code(6).says("16777217");
    let server = peer(|stream| read_all(&stream));
    let client = wirecat(["tcp-connect", "--frame", "u8", "--max-frame", "4", &server.address]);
    client.input("abcd\nabcde\n").run().code(6).says("message 2 of stdin");
    assert_eq!(server.join(), b"\x04abcd");
}

/// A broken frame and one that is cut by FIN: told, and never delivered.
#[test]
fn a_broken_or_cut_frame_is_not_delivered() {
    for (name, wire, delivered) in [
        ("netstring", &b"1:a,2:bc;"[..], "a\n"),
        ("netstring", b"1:a,x", "a\n"),
        ("netstring", b"1:a,2:b", "a\n"),
        ("u8", b"\x01a\x05bc", "a\n"),
        ("u32", b"\0\0\0\x01a\0\0", "a\n"),
        ("varint", b"\x01a\x80", "a\n"),
        ("fixed:2", b"abc", "ab\n"),
        ("nul", b"a\0bc", "a\n"),
    ] {
        let ended = received(&["--frame", name], wire);
        assert_eq!(ended.code, Some(6), "{name} {wire:?}: {}", ended.stderr);
        assert_eq!(ended.text(), delivered, "{name} {wire:?}");
    }
    // The end of the stream is end enough for a last line, as it is for a file.
    assert_eq!(received(&["--frame", "line"], b"a\nbc").code(0).text(), "a\nbc\n");
    let ended = received(&["--frame", "u8", "--log", "json"], b"\x01a\x05bc").code(6);
    assert!(ended.stderr.contains(r#""undelivered":3"#), "{}", ended.stderr);
}

/// Lines at which nobody looks pass many at a time. Each counts, and ends as it does by itself.
#[test]
fn lines_that_pass_together_are_those_that_pass_alone() {
    let end = |number: u32| if number % 5000 == 77 { "\r\n" } else { "\n" };
    let wire: String = (0..100_000).map(|number| format!("{number}{}", end(number))).collect();
    let wire = format!("{wire}\n\nrest");
    for (args, expected) in [
        (&["--keep-cr"][..], format!("{wire}\n")),
        (&[], format!("{}\n", wire.replace('\r', ""))),
        (&["--max-frame", "100"], format!("{}\n", wire.replace('\r', ""))),
        (&["--expect", "^rest$"], format!("{}\n", wire.replace('\r', ""))),
        (&["--output", "raw"], wire.replace(['\r', '\n'], "")),
        (&["--output", "none"], String::new()),
    ] {
        let args = [&["--frame", "line", "--log", "json"], args].concat();
        let ended = received(&args, wire.as_bytes()).code(0);
        assert!(ended.text() == expected, "{args:?}: {} bytes", ended.stdout.len());
        assert!(ended.stderr.contains(r#""messages_in":100003"#), "{args:?}: {}", ended.stderr);
    }
}

/// SPEC section 5: `-c N` stops with 0 after N messages; ending earlier is exit 1.
#[test]
fn count_is_met_or_an_error() {
    let args = |count| ["--frame", "line", "-c", count];
    let ended = received(&args("2"), b"a\nb\nc\n").code(0);
    assert_eq!(ended.text(), "a\nb\n");
    let ended = received(&args("2"), b"a\n").code(1).says("cannot receive 2 messages: 1 came");
    assert_eq!(ended.text(), "a\n");
    // It need not wait for the peer to close, nor for stdin to end.
    let server = peer(|mut stream: TcpStream| {
        let question = read_exactly(&stream, 9);
        stream.write_all(b"answer\n").unwrap();
        (question, read_all(&stream))
    });
    let client = wirecat(["tcp-connect", "--frame", "line", "-c", "1", &server.address]);
    let mut client = client.piped().start();
    client.say("question\n");
    assert_eq!(client.wait_open().code(0).text(), "answer\n");
    assert_eq!(server.join(), (b"question\n".to_vec(), Vec::new()));
}

/// A peer with Nagle's algorithm on that writes the length and the message apart: the second one
/// waits until the first is acknowledged, some 40 ms a message: 16 s for all of these.
#[test]
fn a_message_in_two_writes_does_not_wait_for_an_acknowledgement() {
    let messages = 400;
    for args in [&["tcp-serve", "--reply", "x"][..], &["echo", "--tcp"]] {
        let args = [args, &["--frame", "u32", "127.0.0.1:0"]].concat();
        let mut server = wirecat(args).start();
        let mut stream = connect(&server.address());
        assert!(!stream.nodelay().expect("an option"));
        let watch = Stopwatch::start(server.pid());
        for _ in 0..messages {
            stream.write_all(b"\0\0\0\x01").expect("it is taken");
            stream.write_all(b"x").expect("it is taken");
            assert_eq!(read_exactly(&stream, 5), b"\0\0\0\x01x");
        }
        let waited = watch.waited();
        let limit = Duration::from_millis(20) * messages;
        assert!(waited < limit, "{waited:?} for {messages} messages");
    }
}
