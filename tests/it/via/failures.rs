//! Proxies that refuse, are slow, or do not speak as they should.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::proxy::{Proxy, Speech};
use crate::support::net::{RefusingPort, connect, peer, reset, until_reset};
use crate::support::{Ended, wirecat};

/// Asks a proxy that says this, in pieces of `size`, and closes.
fn ask(speech: Speech, said: &[u8], size: usize) -> Ended {
    let said = said.to_vec();
    let proxy = peer(move |mut stream: TcpStream| {
        stream.set_nodelay(true).unwrap();
        for piece in said.chunks(size) {
            // It may have been enough already.
            if stream.write_all(piece).is_err() {
                return;
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let words = ["tcp-connect", "-z", "--log", "json", "--via", &speech.url(&proxy.address)];
    let program = wirecat(words.into_iter().chain(["x.test:80"]));
    let ended = program.env("WIRECAT_PROXY_PASSWORD", "secret").run();
    proxy.join();
    ended
}

/// The error that a run has ended with.
fn error(ended: &Ended) -> (String, String) {
    let line = ended.stderr.lines().find(|line| line.contains("\"event\":\"error\""));
    let event: serde_json::Value = serde_json::from_str(line.expect("an error")).expect("JSON");
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("message"))
}

#[test]
fn a_refusal_is_reported_in_the_words_of_the_proxy() {
    for (speech, said, kind, words) in [
        (Speech::Socks, &b"\x05\0\x05\x02\0\x01\0\0\0\0\0\0"[..], "proxy-denied", "not allowed by"),
        (Speech::Socks, b"\x05\0\x05\x04\0\x01\0\0\0\0\0\0", "unreachable", "host unreachable (4)"),
        (Speech::Socks, b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0", "refused", "connection refused (5)"),
        (Speech::Socks, b"\x05\xff", "proxy-auth", "--via-password-file"),
        (Speech::SocksLogin, b"\x05\x02\x01\x01", "proxy-auth", "does not accept the user"),
        (Speech::Socks, b"\x04\0", "proxy-reply", "version 4, not 5"),
        (Speech::Http, b"HTTP/1.1 403 Not for you\r\n\r\nno", "proxy-denied", "403 Not for you"),
        (Speech::Http, b"HTTP/1.1 407 Log in\r\n\r\n", "proxy-auth", "--via-password-file"),
        (Speech::HttpLogin, b"HTTP/1.1 407 Log in\r\n\r\n", "proxy-auth", "--via-password-file"),
        (Speech::Http, b"HTTP/1.1 503 Down\r\n\r\n", "proxy-failed", "503 Down"),
        // Words that are not ASCII are words, and a field that is written wrongly is none.
        (
            Speech::Http,
            b"HTTP/1.1 403 Pas permis \xc3\xa0 vous\r\n\r\n",
            "proxy-denied",
            "answers: 403 Pas permis \u{e0} vous",
        ),
        (
            Speech::Http,
            b"HTTP/1.1 407 Log in\r\nProxy-Authenticate : Basic\r\n realm=x\r\n\r\n",
            "proxy-auth",
            "answers: 407 Log in",
        ),
        (Speech::Http, b"\x05\0", "proxy-reply", "if it speaks SOCKS, write socks5://"),
        (
            Speech::Socks,
            b"HTTP/1.0 400 Bad\r\n\r\n",
            "proxy-reply",
            "if it speaks HTTP, write http://",
        ),
    ] {
        for size in [1, 1000] {
            let ended = ask(speech, said, size).code(8);
            let (met, message) = error(&ended);
            assert_eq!(met, kind, "{message}");
            assert!(
                message.contains("connect to x.test:80: the proxy ") && message.contains(words)
            );
            assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        }
    }
}

/// Cut at every byte, by an end and by a reset.
#[test]
fn a_reply_that_is_cut_is_none() {
    for (speech, reply) in [
        (Speech::SocksLogin, &b"\x05\x02\x01\0\x05\0\0\x03\x01a\0\x50"[..]),
        (Speech::Http, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
    ] {
        for end in 0..reply.len() {
            let (kind, message) = error(&ask(speech, &reply[..end], 1000).code(8));
            assert_eq!(kind, "proxy-reply", "{end}");
            assert!(message.contains("closed before its reply was whole"), "{end}: {message}");
        }
    }
    let proxy = peer(|mut stream| {
        stream.write_all(b"\x05").unwrap();
        stream.read_exact(&mut [0; 3]).unwrap();
        reset(stream);
    });
    let via = Speech::Socks.url(&proxy.address);
    let ended = wirecat(["tcp-connect", "-z", "--via", &via, "x.test:80"]).run().code(8);
    proxy.join();
    let _ = ended.says("closed before its reply was whole");
}

#[test]
fn an_endless_reply_is_given_up() {
    let endless = [&b"HTTP/1.1 200 OK\r\nA: "[..], &vec![b'x'; 100_000]].concat();
    let (kind, message) = error(&ask(Speech::Http, &endless, 1000).code(8));
    assert_eq!(kind, "proxy-reply");
    assert!(message.contains("16384 bytes"), "{message}");
}

#[test]
fn a_slow_proxy_is_a_timeout() {
    let (silent, address) = crate::support::net::listener();
    let via = Speech::Socks.url(&address);
    let words = ["tcp-connect", "--connect-timeout", "300ms", "--via", &via, "x.test:80"];
    let ended = wirecat(words).run().code(124);
    assert!(ended.took >= Duration::from_millis(300));
    // Whether x.test is there is not known yet.
    let words = "no answer to the handshake within 300ms (the connection to the proxy is up)";
    let _ = ended.says(&format!("x.test:80 via {via}: {words}"));
    // What dials for a client says the same, and so does what dials as a command asks for it.
    let options = ["--connect-timeout", "300ms", "--via", &via];
    let front = ["tcp-serve", "-1", "--forward", "x.test:80", "127.0.0.1:0"];
    let mut front = wirecat(front.into_iter().chain(options)).start();
    let client = connect(&front.address());
    assert_eq!(until_reset(&client), b"");
    let _ = front.wait().code(124).says(words);
    let pool = ["tcp-connect", "--input", "json", "--output", "json"];
    let mut pool = wirecat(pool.into_iter().chain(options)).piped().start();
    pool.say("{\"connect\":\"x.test:80\"}\n");
    let failed = pool.wait_for_event("connect-failed");
    assert_eq!(failed["message"], "no answer to the handshake within 300ms");
    let _ = pool.wait();
    drop(silent);
}

/// No proxy is there, or nobody behind it; a chain breaks at its second link.
#[test]
fn what_is_not_there_is_named() {
    let nobody = RefusingPort::new();
    let via = Speech::Http.url(&nobody.address);
    let ended = wirecat(["tcp-connect", "-z", "--via", &via, "x.test:80"]).run().code(4);
    let _ = ended.says(&format!("cannot connect to x.test:80 via {via}: connection refused"));
    let ended =
        wirecat(["tcp-connect", "-z", "--via", "socks5://a.invalid:1", "b:2"]).run().code(3);
    let _ = ended.says("cannot resolve a.invalid");
    for speech in [Speech::Socks, Speech::Http] {
        let proxy = Proxy::start(speech);
        let ended = wirecat(["tcp-connect", "-z", "--via", &proxy.url, &nobody.address]).run();
        let _ = ended.code(8).says(&format!("the proxy {} answers: ", proxy.url));
        let chain = format!("{},{via}", proxy.url);
        let ended = wirecat(["tcp-connect", "-z", "--via", &chain, "x.test:80"]).run().code(8);
        let _ =
            ended.says(&format!("the proxy {}, asked for {}, answers", proxy.url, nobody.address));
    }
}
