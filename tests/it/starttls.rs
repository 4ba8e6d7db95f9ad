//! SPEC 7, TLS: `--starttls`, with servers that are written here and go over to a TLS of their own.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::support::net::{Peer, accept, connect, listener, peer, read_exactly};
use crate::support::{Ended, Running, wirecat};

/// What a server says, and what it waits for, in turn.
#[derive(Clone, Copy)]
enum Turn {
    Say(&'static [u8]),
    Hear(&'static [u8]),
}
use Turn::{Hear, Say};

const LDAP: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// Protocols, each up to its TLS.
const ALL: [(&str, &[Turn]); 6] = [
    (
        "smtp",
        &[
            Say(b"220 mx.test ESMTP\r\n"),
            Hear(b"EHLO localhost\r\n"),
            Say(b"250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
            Hear(b"STARTTLS\r\n"),
            Say(b"220 Go ahead\r\n"),
        ],
    ),
    (
        "imap",
        &[
            Say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            Hear(b"a1 STARTTLS\r\n"),
            Say(b"* CAPABILITY IMAP4rev1\r\na1 OK Begin TLS\r\n"),
        ],
    ),
    ("pop3", &[Say(b"+OK ready\r\n"), Hear(b"STLS\r\n"), Say(b"+OK begin\r\n")]),
    ("ftp", &[Say(b"220-Hello\r\n220 ready\r\n"), Hear(b"AUTH TLS\r\n"), Say(b"234 go\r\n")]),
    ("ldap", &[Hear(LDAP), Say(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0")]),
    ("postgres", &[Hear(b"\0\0\0\x08\x04\xd2\x16\x2f"), Say(b"S")]),
];

/// Has a conversation, of which the last words end with `more`.
fn converse(mut stream: &TcpStream, turns: &[Turn], more: &[u8]) {
    let last = turns.len() - 1;
    for (at, turn) in turns.iter().enumerate() {
        match turn {
            Hear(words) => assert_eq!(read_exactly(stream, words.len()), *words),
            Say(words) if at == last => stream.write_all(&[words, more].concat()).unwrap(),
            Say(words) => stream.write_all(words).unwrap(),
        }
    }
}

/// A server of TLS that answers `hi` to whoever comes.
fn secure_server() -> (Running, String) {
    serve(&["--tls-self-signed", "--reply", "hi\\n"])
}

/// A server for one client, and its address.
fn serve(options: &[&str]) -> (Running, String) {
    let words = ["tcp-serve", "-1"].iter().chain(options).chain(&["127.0.0.1:0"]);
    let mut server = wirecat(words).start();
    // The pin of its certificate may follow.
    let line = server.wait_for("listening tcp");
    let mut words = line.split_whitespace();
    let address = words.find(|word| word.starts_with("127.0.0.1:")).expect("an address").to_owned();
    (server, address)
}

/// Speaks in plain text, and passes on to the other one what follows.
fn front(turns: &'static [Turn], secure: String) -> Peer<()> {
    peer(move |client| {
        converse(&client, turns, b"");
        let server = connect(&secure);
        thread::scope(|scope| {
            for (mut from, mut to) in [(&client, &server), (&server, &client)] {
                scope.spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
    })
}

#[test]
fn each_protocol_goes_over_to_tls() {
    for (protocol, turns) in ALL {
        let (server, secure) = secure_server();
        let front = front(turns, secure);
        let words = ["tcp-connect", "--starttls", protocol, "--tls-insecure", &front.address];
        let ended = wirecat(words).input("hello").run().code(0);
        assert_eq!(ended.text(), "hi\n", "{protocol}");
        front.join();
        let _ = server.wait().code(0);
    }
}

/// A client that knows no TLS reaches such a server. It is greeted, for the greeting of the server is a
/// part of what precedes TLS.
#[test]
fn a_relay_goes_over_to_tls_for_its_clients() {
    for (protocol, turns) in ALL {
        let greeting = match protocol {
            "smtp" | "ftp" => "220 localhost ready\r\n",
            "imap" => "* OK localhost ready\r\n",
            "pop3" => "+OK localhost ready\r\n",
            _ => "",
        };
        for (greet, greeted) in
            [(&[][..], greeting), (&["--greet", "220 mx.test\\r\\n"], "220 mx.test\r\n")]
        {
            let (server, secure) = secure_server();
            let front = front(turns, secure);
            let to = format!("tls:{}", front.address);
            let options = ["--forward", &to, "--starttls", protocol, "--tls-insecure"];
            let (relay, address) = serve(&[&options, greet].concat());
            let ended = wirecat(["tcp-connect", &address]).input("hello").run().code(0);
            assert_eq!(ended.text(), format!("{greeted}hi\n"), "{protocol}");
            front.join();
            let _ = relay.wait().code(0);
            let _ = server.wait().code(0);
        }
    }
}

/// Through a proxy, and as a probe whose `tls` event tells what was agreed.
#[test]
fn it_works_through_a_proxy() {
    let (server, secure) = secure_server();
    let front = front(ALL[0].1, secure);
    let target = front.address.clone();
    let proxy = peer(move |client| {
        let request = read_exactly(&client, "CONNECT mx.test:25 HTTP/1.1\r\n".len());
        assert!(request.starts_with(b"CONNECT mx.test:25 "));
        let _ = read_exactly(&client, "Host: mx.test:25\r\n\r\n".len());
        (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let upstream = connect(&target);
        thread::scope(|scope| {
            for (mut from, mut to) in [(&client, &upstream), (&upstream, &client)] {
                scope.spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
    });
    let via = format!("http://{}", proxy.address);
    let words =
        ["tcp-connect", "--via", &via, "--starttls", "smtp", "--tls-insecure", "--log", "json"];
    let ended = wirecat(words.into_iter().chain(["-v", "mx.test:25"])).run().code(0);
    assert_eq!(ended.text(), "hi\n");
    assert!(ended.stderr.contains("\"event\":\"tls\""), "{}", ended.stderr);
    assert!(ended.stderr.contains("\"peer\":\"mx.test:25\""), "{}", ended.stderr);
    proxy.join();
    front.join();
    let _ = server.wait().code(0);
}

fn ask(listener: &TcpListener, address: &str, protocol: &str, said: &[u8]) -> Ended {
    let words = ["tcp-connect", "--starttls", protocol, "--tls-insecure", "--log", "json", address];
    let client = wirecat(words).start();
    let mut stream = accept(listener);
    // The client may have had enough before.
    let _ = stream.write_all(said);
    let _ = stream.shutdown(Shutdown::Write);
    let ended = client.wait();
    drop(stream);
    ended
}

/// Bytes that somebody slips in behind the go-ahead would be taken for the server's (CVE-2011-0411).
#[test]
fn what_follows_a_go_ahead_in_plain_text_is_refused() {
    for (protocol, turns) in ALL {
        let server = peer(move |stream| {
            converse(&stream, turns, b"250 PWNED\r\n");
            let _ = crate::support::net::read_what_comes(&stream);
        });
        let words = ["tcp-connect", "--starttls", protocol, "--tls-insecure", &server.address];
        let _ = wirecat(words).run().code(8).says("in plain text after its go-ahead");
        server.join();
    }
}

#[test]
fn a_server_that_refuses_is_quoted() {
    let (listener, address) = listener();
    for (protocol, said, words) in [
        ("smtp", &b"554 Go away\r\n"[..], "the server answers: 554 Go away"),
        ("smtp", b"220 hi\r\n250 mx.test\r\n", "does not offer STARTTLS"),
        ("imap", b"* OK hi\r\na1 NO not here\r\n", "a1 NO not here"),
        ("pop3", b"+OK hi\r\n-ERR unknown command\r\n", "-ERR unknown command"),
        ("ftp", b"220 hi\r\n500 AUTH not understood\r\n", "500 AUTH not understood"),
        ("ldap", b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x34\x04\0\x04\x02no", "result 52 no"),
        ("postgres", b"N", "does not speak TLS"),
        ("postgres", b"", "closed before its answer in plain text was whole"),
        ("smtp", b"220 hi\r\n250-mx", "closed before its answer in plain text was whole"),
        ("smtp", &b"220-more\r\n".repeat(3000), "has no end"),
    ] {
        let ended = ask(&listener, &address, protocol, said).code(8);
        assert!(ended.stderr.contains("\"kind\":\"starttls\""), "{}", ended.stderr);
        let _ = ended.says(words);
    }
}

#[test]
fn a_slow_server_is_a_timeout_and_bad_words_are_usage() {
    let (silent, address) = listener();
    let words =
        ["tcp-connect", "--starttls", "smtp", "--connect-timeout", "300ms", "--tls-insecure"];
    let _ = wirecat(words.iter().chain([&&*address])).run().code(124);
    drop(silent);
    for (words, says) in [
        ("tcp-connect --starttls xmpp h:1", "use smtp, imap, pop3, ftp, ldap or postgres"),
        ("tcp-connect --starttls smtp unix:/x", "--tls=NAME"),
        ("tcp-serve --starttls smtp 0", "--starttls: it needs --forward tls:HOST:PORT"),
        ("tcp-serve --starttls smtp --forward h:25 0", "it needs --forward tls:HOST:PORT"),
        ("tcp-serve --starttls xmpp --forward tls:h:25 0", "use smtp, imap"),
    ] {
        let _ = wirecat(words.split(' ')).run().code(2).says(says);
    }
}
