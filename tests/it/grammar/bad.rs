//! Streams that break a framing of the grammar, and texts that are none.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::{MLLP, MODBUS, POSTGRES, STX_ETX, TPKT};
use crate::support::net::{connect, peer, read_exactly, read_what_comes, reset};
use crate::support::proc::peak_kib;
use crate::support::{PATIENCE, wirecat};

/// A framing, a message in it, bytes that break it, and why.
type Case = (&'static str, &'static [u8], Vec<u8>, &'static str);

const LSP: &[u8] = b"Content-Length: 2\r\n\r\n{}";

/// With `--max-frame 1000`.
fn cases() -> Vec<Case> {
    let mib = |byte: &str| byte.repeat(1 << 20).into_bytes();
    let lsp = |headers: &str| format!("{headers}\r\n\r\n{{}}").into_bytes();
    let digits = b"123456789012345678901234567890 ".to_vec();
    vec![
        (MLLP, b"\x0bok\x1c\r", b"MSH|^~\\&|".to_vec(), "a message begins with `\\x0b`, this one"),
        (MLLP, b"\x0bok\x1c\r", [b"\x0b", &mib("x")[..]].concat(), "longer than the limit of 1000"),
        (STX_ETX, b"\x02ok\x03", b"\x03a".to_vec(), "begins with `\\x02`, this one with"),
        (STX_ETX, b"\x02ok\x03", mib("\u{2}"), "longer than the limit of 1000"),
        ("delim:||", b"ok||", mib("|x"), "longer than the limit of 1000"),
        ("octet", b"2 ok", b"<34>1 2003".to_vec(), "`<` in the length of a message"),
        ("octet", b"2 ok", b"007 sevenbs".to_vec(), "a message length with a leading zero"),
        ("octet", b"2 ok", b"+2 ok".to_vec(), "`+` in the length of a message"),
        ("octet", b"2 ok", b"-2 ok".to_vec(), "`-` in the length of a message"),
        ("octet", b"2 ok", b"0 ".to_vec(), "a message length of 0"),
        ("octet", b"2 ok", b"1001 ".to_vec(), "1001 bytes long, and the limit is 1000"),
        ("octet", b"2 ok", digits, "a message length beyond 64 bits"),
        ("octet", b"2 ok", mib("9"), "a message length beyond 64 bits"),
        (
            MODBUS,
            b"\0\0\0\0\0\x01!",
            b"\0\0\0\0\x03\xe3".to_vec(),
            "1001 bytes long, and the limit",
        ),
        (
            TPKT,
            b"\x03\0\0\x05!",
            b"\x03\0\0\x03\0".to_vec(),
            "a length of 3, less than the 4 bytes",
        ),
        (
            POSTGRES,
            b"Z\0\0\0\x05I",
            b"Z\xff\xff\xff\xff".to_vec(),
            "4294967296 bytes long, and the",
        ),
        ("content-length", LSP, lsp("Content-Length: 1001"), "1001 bytes long, and the limit"),
        ("content-length", LSP, lsp("Content-Type: x"), "headers without Content-Length"),
        (
            "content-length",
            LSP,
            lsp("Content-Length: 2\r\ncontent-length: 2"),
            "headers with Content-Length twice",
        ),
        ("content-length", LSP, lsp("Content-Length: 007"), "a body length with a leading zero"),
        ("content-length", LSP, lsp("Content-Length: -2"), "`-` in the length of a body"),
        ("content-length", LSP, lsp("Content-Length: two"), "`t` in the length of a body"),
        ("content-length", LSP, b"GET / HTTP/1.1\r\n".to_vec(), "`GET / HTTP/1.1` is not a header"),
        ("content-length", LSP, b"Content-Length: 2\n\n{}".to_vec(), "ends with LF alone"),
        ("content-length", LSP, mib("X"), "headers of more than 8192 bytes"),
        ("content-length", LSP, mib("X: y\r\n"), "headers of more than 8192 bytes"),
    ]
}

/// That connection is closed with its reason, and the others live.
#[test]
fn a_broken_stream_costs_its_own_connection_only() {
    for (frame, good, bad, why) in cases() {
        let args = ["tcp-serve", "--hub", "-v", "--log", "json", "--max-frame", "1000"];
        let args = [&args[..], &["--output", "hex", "--frame", frame, "127.0.0.1:0"]].concat();
        let mut server = wirecat(args).start();
        let address = server.wait_for("\"listening\"");
        let address: serde_json::Value = serde_json::from_str(&address).expect("JSON");
        let address = address["local"].as_str().expect("an address").to_owned();
        let (mut talker, listener) = (connect(&address), connect(&address));
        server.wait_for("\"conn\":2");
        let mut breaker = connect(&address);
        // A message first: it is delivered. The server may close before it has read all.
        breaker.write_all(good).expect("it is taken");
        let _ = breaker.write_all(&bad);
        read_what_comes(&breaker);
        let closed = server.wait_for("\"closed\",\"conn\":3");
        let part = "\"reason\":\"error\",\"detail\":\"frame\"";
        assert!(closed.contains(part), "{frame}: {closed}");
        let error = server.wait_for("\"error\"");
        let error: serde_json::Value = serde_json::from_str(&error).expect("JSON");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(why), "{frame}: {why:?} is not in {message:?}");
        assert_eq!(error["kind"], "frame", "{frame}");
        talker.write_all(good).expect("it is taken");
        let both = read_exactly(&listener, 2 * good.len());
        assert_eq!(both, [good, good].concat(), "{frame}");
        assert!(peak_kib(server.pid()) < 64 * 1024, "{frame}");
        server.signal(libc::SIGTERM);
        assert_eq!(server.wait().code(0).text().lines().count(), 2, "{frame}");
    }
}

/// A client delivers what was right, says what was wrong, and ends with 6.
#[test]
fn a_client_with_a_broken_stream_ends_with_6() {
    for (frame, good, bad, why) in cases() {
        let server = peer(move |mut stream: TcpStream| {
            // The client may close before it has read all.
            let _ = stream.write_all(good).and_then(|()| stream.write_all(&bad));
            read_what_comes(&stream);
        });
        let args = ["tcp-connect", "-n", "--max-frame", "1000", "--output", "hex"];
        let args = [&args[..], &["--frame", frame, &server.address]].concat();
        let ended = wirecat(args).run().code(6).says(why);
        assert!(!ended.text().is_empty(), "{frame}: {}", ended.text());
        server.join();
    }
}

/// A frame that is cut by a FIN is counted as undelivered, with what stands around it.
#[test]
fn a_message_that_a_fin_cuts_is_undelivered() {
    for (frame, bytes, undelivered) in [
        (MLLP, &b"\x0ba\x1c\r\x0bbc\x1c"[..], 4),
        (r"delim:\r\n", b"a\r\nbc\r", 3),
        ("octet", b"1 a3 bc", 4),
        (MODBUS, b"\0\0\0\0\0\0\0\0\0", 3),
        ("content-length", b"Content-Length: 0\r\n\r\nContent-Length: 3\r\n\r\nab", 23),
        ("content-length", b"Content-Length: 0\r\n\r\nContent", 7),
    ] {
        let server = peer(move |mut stream: TcpStream| stream.write_all(bytes).expect("room"));
        let args = ["tcp-connect", "-n", "--output", "hex", "--log", "json", "--frame", frame];
        let ended = wirecat(args.iter().chain(&[server.address.as_str()])).run().code(6);
        let part = format!("\"undelivered\":{undelivered}");
        assert!(ended.stderr.contains(&part), "{frame}: {}", ended.stderr);
        assert_eq!(ended.text().lines().count(), 1, "{frame}");
        server.join();
    }
}

/// Messages that wait until their answers fit, too, where a reset comes before.
#[test]
fn messages_that_wait_at_a_reset_are_undelivered() {
    let answer = "x".repeat(100_000);
    let args = ["tcp-serve", "--frame", "octet", "--reply", &answer, "--output", "none"];
    let mut server = wirecat([&args[..], &["-v", "--log", "json", "127.0.0.1:0"]].concat()).start();
    let line = server.wait_for("\"listening\"");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = line["local"].as_str().expect("an address").to_owned();
    // The reset may also come before the server has filled the socket: then no message waits, as it
    // takes all of them and drops the answers. No event tells when it is full.
    let deadline = Instant::now() + PATIENCE;
    let waited = (1..).take_while(|_| Instant::now() < deadline).any(|number| {
        let mut client = connect(&address);
        client.write_all(&b"1 x".repeat(1000)).expect("it is taken");
        read_exactly(&client, 100_000);
        thread::sleep(Duration::from_millis(2 * number));
        reset(client);
        let closed = server.wait_for(&format!("\"closed\",\"conn\":{number},"));
        let closed: serde_json::Value = serde_json::from_str(&closed).expect("JSON");
        let undelivered = closed["undelivered"].as_u64().unwrap_or_default();
        assert!(undelivered.is_multiple_of(3) && undelivered < 3000, "{closed}");
        undelivered > 0
    });
    assert!(waited, "no message waited");
}

/// A message that its framing cannot carry is not sent: of stdin it ends the run, of a command it is
/// answered.
#[test]
fn what_would_arrive_otherwise_is_not_sent() {
    for (frame, message, why) in [
        (MLLP, "a\\x1c\\rb", "a message with `\\x1c\\r` in it (at byte 1) would arrive as two"),
        ("delim:||", "a|", "with `||` behind it this message would end at byte 1"),
        ("octet", "", "an empty message, and octet counting begins at 1"),
        (MODBUS, "abc", "3 bytes long, and its length field ends behind byte 6"),
        (TPKT, "\\x03\\0\\0\\x06!", "5 bytes long, and its length field makes it 6 bytes long"),
        (TPKT, "\\x03\\0\\0\\x03", "4 bytes long, and it has a length of 3, less than the 4 bytes"),
        ("u8@0", "\\x02abc", "4 bytes long, and its length field makes it 3 bytes long"),
    ] {
        let ended = wirecat(["tcp-connect", "--frame", frame, "--send", message, "1"]).run();
        ended.code(2).says(&format!("cannot use --send with --frame {frame}")).says(why);
        let args = ["tcp-serve", "--frame", frame, "--reply", message, "0"];
        wirecat(args).run().code(2).says(why);
    }
    let server = peer(|stream| read_what_comes(&stream));
    let client = wirecat(["tcp-connect", "--frame", TPKT, "--input", "hex", &server.address]);
    let ended = client.input("0300000521\n0300000621\n").run().code(6);
    ended.says("cannot send message 2 of stdin: 5 bytes long, and its length field makes it 6");
    assert_eq!(server.join(), b"\x03\0\0\x05!");
}

#[test]
fn what_is_no_grammar_is_refused_with_what_is_right() {
    for (frame, words) in [
        ("delim:", "nothing would end a message; use delim:END or delim:START,END"),
        ("delim:,", "START is empty; use delim:END or delim:START,END"),
        ("delim:\\x02,", "END is empty; use delim:END or delim:START,END"),
        ("delim:a,b,c", "there is more than one comma; use delim:END or delim:START,END"),
        ("u12@3", "use u8, u16, u24, u32, u64, u16le"),
        ("u16@", "write how many bytes, 0 to 65535, come before the length, as in u16@4"),
        ("u16@65536", "0 to 65535"),
        ("u16@4+65536", "0 to 65535"),
        ("u16@4-", "as in u16@4-6"),
        ("u32@1-999", "no length counts more than the whole message, which is u32@1-5"),
        ("octets", "octet, content-length, obj, tinyproto, fixed:N, delim:END, delim:START,END"),
    ] {
        for command in ["tcp-serve", "tcp-connect", "echo"] {
            wirecat([command, "--frame", frame, "0"]).run().code(2).says(words);
        }
    }
    let header = "cannot use u16@100: the header is more than the 10 bytes of --max-frame";
    for command in ["tcp-serve", "tcp-connect", "echo"] {
        let args = [command, "--frame", "u16@100", "--max-frame", "10", "9"];
        wirecat(args).run().code(2).says(header);
    }
    for (args, words) in [
        ("tcp-serve --frame octet --keep-cr 0", "it needs --frame line"),
        ("tcp-serve --frame octet --forward :1 0", "what is relayed is passed on as it is"),
        ("tcp-serve --frame octet --exec cat 0", "what is relayed is passed on as it is"),
        ("echo --frame u16@4 --prefix x 0", "no message of --frame u16@4 can have one"),
        ("echo --frame u16@4 --quit-word bye 0", "it never comes by --frame"),
        ("chat --host --frame octet 0", "a chat is of lines, or of tinyproto"),
    ] {
        wirecat(args.split(' ')).run().code(2).says(words);
    }
}
