//! Handshakes that are not done: they cost little, end at their deadline, and keep nobody out.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::{SERVER, client, events, serve, stop};
use crate::support::net::{connect, try_connect_from};
use crate::support::proc::{may_open, peak_kib};
use crate::support::{PATIENCE, wirecat};
use crate::tls::certificates::Files;

/// The begin of a ClientHello that says it has 512 bytes.
const HALF: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half of it";
const CLIENTS: usize = 2000;
/// What all of them may cost, the program itself included.
const MOST_KIB: u64 = 40 * 1024;

#[test]
fn half_done_handshakes_cost_little_and_are_gone_at_the_deadline() {
    if !may_open(CLIENTS as u64) {
        return;
    }
    let files = Files::new();
    let (server, port) = serve(&files, &format!("{SERVER} --reply hello"));
    let connect = |at: usize| {
        let mut half = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        half.set_read_timeout(Some(4 * PATIENCE)).expect("a timeout");
        half.write_all(&HALF[..at % HALF.len()]).expect("room for it");
        half
    };
    let halves: Vec<TcpStream> = (0..CLIENTS).map(connect).collect();
    // Meanwhile good clients connect.
    for _ in 0..5 {
        let ended = client(&files, "--tls --tls-ca @ca.pem -n", port).run().code(0);
        assert_eq!(ended.text(), "hello");
    }
    // Each is closed without an answer; what the server has not read makes that a reset.
    for mut half in halves {
        let mut answer = Vec::new();
        let outcome = std::io::Read::read_to_end(&mut half, &mut answer);
        let is_reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(answer.is_empty() && outcome.as_ref().err().is_none_or(is_reset), "{outcome:?}");
    }
    let peak = peak_kib(server.pid());
    assert!(peak < MOST_KIB, "{peak} KiB");
    stop(server);
}

#[test]
fn handshakes_count_among_the_clients_and_say_why_they_fail() {
    let files = Files::new();
    let words = format!("tcp-serve --output json --max-clients 1 {SERVER} 127.0.0.1:0");
    let mut server = wirecat(files.words(&words)).start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let port: u16 = local.rsplit(':').next().unwrap().parse().unwrap();
    let mut first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // The second one waits in the backlog until the first one is refused.
    let second = client(&files, "--tls --tls-ca @ca.pem -n", port).start();
    first.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let warning = server.wait_for_event("warning");
    assert_eq!(warning["kind"], "tls-not-tls");
    server.wait_for_event("accepted");
    second.signal(rustix::process::Signal::TERM.as_raw());
    second.wait();
    let ended = stop(server);
    assert_eq!(events(&ended, "accepted").len(), 1);
}

/// Whoever is kept out by a list, or by the others of its address, holds no place in the meantime.
#[test]
fn who_is_not_let_in_is_closed_before_its_handshake() {
    let files = Files::new();
    let words = "tcp-serve --output json --max-clients 2 --max-per-address 1 --deny 127.0.0.3";
    let words = format!("{words} {SERVER} --reply hello 127.0.0.1:0");
    let mut server = wirecat(files.words(&words)).start();
    let address = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let from = |last| try_connect_from(Ipv4Addr::new(127, 0, 0, last), &address);
    // None of them says anything.
    let _denied = from(3);
    assert_eq!(server.wait_for_event("warning")["kind"], "denied");
    let first = from(2).expect("it is let in");
    let _second = from(2);
    assert_eq!(server.wait_for_events("warning", 2)[1]["kind"], "max-per-address");
    let words = "--tls --tls-ca @ca.pem -n";
    assert_eq!(client(&files, words, port).run().code(0).text(), "hello");
    // Its place is free with its end.
    drop(first);
    server.wait_for_events("warning", 3);
    let words = format!("{words} --bind 127.0.0.2");
    assert_eq!(client(&files, &words, port).run().code(0).text(), "hello");
    let ended = stop(server);
    assert_eq!(events(&ended, "accepted").len(), 2);
}

/// Behind a proxy, the client is the one whom the header names.
#[test]
fn who_is_not_let_in_may_be_named_by_a_proxy() {
    let files = Files::new();
    let words = format!("tcp-serve --output json --accept-proxy --deny 192.0.2.0/24 {SERVER}");
    let words = files.words(&format!("{words} --deny 127.0.0.0/8 127.0.0.1:0"));
    let mut server = wirecat(words).start();
    let address = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let (mut denied, mut other) = (connect(&address), connect(&address));
    denied.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 7 80\r\n").unwrap();
    let warning = server.wait_for_event("warning");
    assert_eq!(warning["message"], "192.0.2.1:7 is not let in (--allow, --deny)");
    other.write_all(b"PROXY TCP4 10.0.0.1 192.0.2.2 7 80\r\nno TLS\n").unwrap();
    assert_eq!(server.wait_for_events("warning", 2)[1]["kind"], "tls-not-tls");
    stop(server);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let files = Files::new();
    let (silent, address) = crate::support::net::listener();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let words = "--tls --tls-ca @ca.pem --output json -n";
    let ended = client(&files, &format!("{words} --connect-timeout 60s"), port).run().code(8);
    assert!(ended.took >= Duration::from_secs(9), "{:?}", ended.took);
    let error = events(&ended, "error").swap_remove(0);
    assert_eq!(error["kind"], "timeout");
    let ended = client(&files, &format!("{words} --connect-timeout 200ms"), port).run().code(124);
    assert_eq!(events(&ended, "error")[0]["kind"], "timeout");
    // What is not there at all sounds different.
    ended.says("no answer to the handshake within 200ms (the connection itself is up)");
    drop(silent);
}
