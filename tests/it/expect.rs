//! `--expect` on every command that receives (SPEC section 5).

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::data::file_of;
use crate::support::datagrams::{hear, socket};
use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, narrow_listener, peer, read_all, read_what_comes};
use crate::support::{Program, wirecat};

fn client(args: &[&str], address: &str) -> Program {
    wirecat([&["tcp-connect"], args, &[address]].concat())
}

/// A match across reads ends the run at once, though both sides are still there.
#[test]
fn a_match_across_reads_ends_the_client_at_once() {
    let server = peer(|mut stream: TcpStream| {
        for part in ["booting\nrea", "dy", " or not\n"] {
            if stream.write_all(part.as_bytes()).is_err() {
                break;
            }
            // The parts are to come in reads of their own.
            std::thread::sleep(Duration::from_millis(50));
        }
        read_what_comes(&stream)
    });
    let mut client = client(&["--expect", "r..dy"], &server.address).piped().start();
    client.say("start\n");
    let ended = client.wait_open().code(0);
    // All of the read in which the match was.
    assert!(ended.text().starts_with("booting\nready"), "{}", ended.text());
    assert_eq!(server.join(), b"start\n");
}

#[test]
fn an_end_without_a_match_is_exit_1() {
    let server = peer(|mut stream: TcpStream| stream.write_all(b"not yet\n").unwrap());
    let ended = client(&["-n", "--expect", "^ready"], &server.address).run().code(1);
    let ended = ended.says(
        "cannot receive a match of \"^ready\": nothing that came matches; it was \"not yet\\n\"",
    );
    assert_eq!(ended.text(), "not yet\n");
    server.join();
    let server = peer(|mut stream: TcpStream| stream.write_all(b"a\nb\n").unwrap());
    let json = ["-n", "--expect", "ab", "--frame", "line", "--output", "json"];
    let ended = client(&json, &server.address).run().code(1);
    let ended = ended.says("nothing that came matches; it was ");
    assert!(ended.text().contains(r#""kind":"expect""#), "{}", ended.text());
    server.join();
}

/// Hundreds of thousands of reads of a byte are searched in one go, and not each time from the start.
#[test]
fn a_long_stream_in_single_bytes_is_searched_in_time() {
    let server = peer(|mut stream: TcpStream| {
        stream.set_nodelay(true).unwrap();
        for byte in std::iter::repeat_n(b"x", 300_000) {
            stream.write_all(byte).unwrap();
        }
        stream.write_all(b"END").unwrap();
        read_what_comes(&stream)
    });
    let args = ["-n", "-w", "60", "--output", "none", "--expect", "(x[^y]*)+END$"];
    client(&args, &server.address).run().code(0);
    server.join();
}

/// With frames each message is searched by itself; what comes behind the match is not delivered.
#[test]
fn each_message_is_searched_by_itself() {
    let server = peer(|mut stream: TcpStream| {
        stream.write_all(b"a\nb\nab\nc\n").unwrap();
        read_what_comes(&stream)
    });
    let framed = ["-n", "--frame", "line", "--expect", "^ab$"];
    assert_eq!(client(&framed, &server.address).run().code(0).text(), "a\nb\nab\n");
    server.join();
}

/// `^` and `$` are the ends of lines, however these end, on streams, in messages and in datagrams.
#[test]
fn the_ends_of_lines_are_those_of_protocols() {
    for frame in [&[][..], &["--frame", "line"], &["--frame", "line", "--keep-cr"]] {
        let server = peer(|mut stream: TcpStream| {
            stream.write_all(b"busy\r\nOK\r\n").unwrap();
            read_what_comes(&stream)
        });
        let args = [frame, &["-n", "--output", "none", "--expect", "^OK$"]].concat();
        client(&args, &server.address).run().code(0);
        server.join();
    }
    let server = peer(|mut stream: TcpStream| {
        stream.write_all(b"6:busy\r\n,4:OK\r\n,").unwrap();
        read_what_comes(&stream)
    });
    let args = ["-n", "--frame", "netstring", "--output", "none", "--expect", "^OK$"];
    client(&args, &server.address).run().code(0);
    server.join();
    let mut listener = wirecat(["udp-listen", "--expect", "^OK$", "127.0.0.1:0"]).start();
    let (address, socket) = (listener.udp_address(), socket());
    socket.send_to(b"first\r\nOK\r\n", &address).unwrap();
    listener.wait_open().code(0);
    // The ends of the text have signs of their own.
    let server = peer(|mut stream: TcpStream| stream.write_all(b"a\nOK\r\n").unwrap());
    client(&["-n", "--expect", r"\AOK|OK\z"], &server.address).run().code(1);
    server.join();
}

/// With --count: the match ends it; N messages without one are exit 1.
#[test]
fn count_bounds_the_messages_to_search() {
    for (count, code, text) in [("4", 0, "a\nb\n"), ("2", 0, "a\nb\n"), ("1", 1, "a\n")] {
        let server = peer(|mut stream: TcpStream| {
            stream.write_all(b"a\nb\nc\n").unwrap();
            read_what_comes(&stream)
        });
        let args = ["-n", "--frame", "line", "--expect", "b", "-c", count];
        let ended = client(&args, &server.address).run().code(code);
        assert_eq!(ended.text(), text, "-c {count}");
        server.join();
    }
}

/// A peer that takes nothing cannot keep a client that has heard what it was for. What stdin held by then
/// is unsent, unless the kernel has taken all of it.
#[test]
fn a_peer_that_does_not_read_cannot_hold_the_end_up() {
    for (length, code) in [(32 << 20, 6), (1000, 0)] {
        let (listener, address) = narrow_listener();
        let args = ["--expect", "ready", "-O", "sndbuf=4k"];
        // Not a pipe, which may be a short one, and empty for a moment.
        let stdin = file_of(&vec![b'x'; length]);
        let client = client(&args, &address).stdin(stdin).start();
        let mut peer = accept(&listener);
        // Behind its first byte the client holds more than the kernel takes.
        assert_eq!(uninterrupted(|| peer.peek(&mut [0])).unwrap(), 1);
        peer.write_all(b"ready\n").unwrap();
        let ended = client.wait().code(code);
        assert_eq!(ended.stderr.contains("were not sent"), code == 6, "{}", ended.stderr);
    }
}

/// On a server any connection may match, and each is a stream of its own.
#[test]
fn any_client_of_a_server_may_match() {
    for handler in [&[][..], &["--discard"], &["--reply", "hi"], &["--hub"]] {
        let args = [&["tcp-serve", "--expect", "ready"], handler, &["127.0.0.1:0"]].concat();
        let (mut server, address) = wirecat(args).serve();
        let (mut first, mut second) = (connect(&address), connect(&address));
        first.write_all(b"rea").unwrap();
        second.write_all(b"dy").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(server.is_running());
        first.write_all(b"dy").unwrap();
        server.wait().code(0);
        read_what_comes(&second);
    }
    let mut server = wirecat(["tcp-serve", "-1", "--expect", "ready", "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    client.write_all(b"steady").unwrap();
    drop(client);
    server.wait().code(1).says("cannot receive a match of \"ready\"");
}

/// SPEC 1.3: SIGTERM is the end of a listener, but not what it was to hear.
#[test]
fn a_listener_that_is_stopped_without_its_match_has_failed() {
    for args in [["tcp-serve", "--expect", "x"], ["udp-listen", "--expect", "x"]] {
        let mut server = wirecat([&args[..], &["127.0.0.1:0"]].concat()).start();
        server.wait_for("listening");
        server.signal(libc::SIGTERM);
        server.wait().code(1).says("cannot receive a match");
    }
}

#[test]
fn datagrams_are_searched_one_by_one() {
    let mut listener = wirecat(["udp-listen", "--expect", "^ab", "127.0.0.1:0"]).start();
    let (address, socket) = (listener.udp_address(), socket());
    for datagram in ["a", "b", "xab", "abc", "never"] {
        socket.send_to(datagram.as_bytes(), &address).unwrap();
    }
    assert_eq!(listener.wait().code(0).text(), "abxababc");
    let args = ["udp-listen", "--expect", "z", "--idle-timeout", "3", "127.0.0.1:0"];
    let mut listener = wirecat(args).start();
    socket.send_to(b"a", listener.udp_address()).unwrap();
    listener.wait().code(1).says("nothing that came matches");
}

#[test]
fn answers_are_searched_until_one_matches() {
    for (expected, code) in [("po+ng", 0), ("^ng", 1)] {
        let peer = socket();
        let address = peer.local_addr().unwrap().to_string();
        let sender = wirecat(["udp-send", "--expect", expected, &address]).input("ping").start();
        let (_, from) = hear(&peer);
        for answer in ["wait", "pooong"] {
            peer.send_to(answer.as_bytes(), from).unwrap();
        }
        assert_eq!(sender.wait().code(code).text(), "waitpooong");
    }
}

#[test]
fn a_bad_expression_is_refused_in_its_parsers_words() {
    for (text, words) in [
        ("a(b", "unclosed group"),
        ("[z-a]", "invalid character class range"),
        (r"\w{9999}{99}", "more than 4 MiB"),
        ("(?<a>x)(?<a>y)", "duplicate capture group"),
    ] {
        for command in ["tcp-connect", "tcp-serve", "udp-listen", "udp-send"] {
            let ended = wirecat([command, "--expect", text, "127.0.0.1:9"]).run().code(2);
            ended.says("--expect").says(words);
        }
    }
    // One that would explode as a table of states is as good as any other.
    let server = peer(|mut stream: TcpStream| {
        stream.write_all(&b"01".repeat(10_000)).unwrap();
        stream.write_all(b"!").unwrap();
        read_what_comes(&stream)
    });
    let args = ["-n", "--output", "none", "-w", "60", "--expect", "[01]*1[01]{50}!"];
    client(&args, &server.address).run().code(0);
    server.join();
}

/// What was matched is on stdout before the end, though its reader is slow.
#[test]
fn a_match_is_delivered_before_the_end() {
    let server = peer(|mut stream: TcpStream| {
        stream.write_all(&vec![b'x'; 1 << 20]).unwrap();
        stream.write_all(b"END").unwrap();
        read_all(&stream)
    });
    let ended = client(&["-n", "--expect", "END"], &server.address).run().code(0);
    assert_eq!(ended.stdout.len(), (1 << 20) + 3);
    server.join();
}
