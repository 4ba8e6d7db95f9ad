//! SPEC 7: `--allow` and `--deny` of echo and of the host of a chat. `udp/peers.rs` has those of
//! udp-listen.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

use rustix::process::Signal;

use crate::support::datagrams::{hear_all, hear_nothing, socket_on};
use crate::support::net::{connect_from, try_connect_from, until_turned_away};
use crate::support::wirecat;

/// The last number of 127.0.0.N of those who are let in, of 1 to 3.
const TABLE: [(&[&str], &[u8]); 5] = [
    (&["--allow", "127.0.0.2"], &[2]),
    (&["--deny", "::ffff:127.0.0.2"], &[1, 3]),
    (&["--allow", "localhost"], &[1]),
    (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.2/31"], &[1]),
    (&["--deny", "::/0"], &[1, 2, 3]),
];

#[test]
fn echo_answers_those_who_are_let_in() {
    for (options, admitted) in TABLE {
        let arguments = [&["echo"], options, &["127.0.0.1:0"]].concat();
        let (server, address) = wirecat(arguments).serve();
        for host in 1..=3 {
            let is_admitted = admitted.contains(&host);
            let expected: &[u8] = if is_admitted { b"x\n" } else { b"" };
            let mut client = match try_connect_from([127, 0, 0, host].into(), &address) {
                Ok(client) => client,
                Err(error) => {
                    let is_reset = error.kind() == ErrorKind::ConnectionReset;
                    assert!(is_reset && !is_admitted, "{options:?} {host}: {error}");
                    continue;
                }
            };
            // One that is not let in may be closed before.
            let written = client.write_all(b"x\n");
            assert!(written.is_ok() || !is_admitted, "{options:?} {host}");
            let _ = client.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let read = client.read_to_end(&mut answer);
            assert!(read.is_ok() || !is_admitted, "{options:?} {host}");
            assert_eq!(answer, expected, "{options:?} {host}");
        }
        let peers = [1, 2, 3].map(|host| socket_on(&format!("127.0.0.{host}:0")));
        for peer in &peers {
            peer.send_to(b"x", &address).expect("a datagram goes out");
        }
        for (host, peer) in (1..).zip(&peers) {
            match admitted.contains(&host) {
                true => hear_all(peer, ["x"]),
                false => hear_nothing(peer),
            }
        }
        server.signal(Signal::TERM.as_raw());
        let _ = server.wait().code(0);
    }
}

#[test]
fn a_room_has_members_that_are_let_in() {
    let arguments = ["chat", "--host", "--headless", "--deny", "127.0.0.2", "127.0.0.1:0"];
    let (mut host, address) = wirecat(arguments).serve();
    let mut member = BufReader::new(connect_from([127, 0, 0, 1].into(), &address));
    let mut line = String::new();
    member.read_line(&mut line).expect("the room greets");
    assert!(!line.is_empty());
    let refused = try_connect_from([127, 0, 0, 2].into(), &address);
    assert_eq!(until_turned_away(refused), b"");
    host.wait_for("127.0.0.2:");
    host.signal(Signal::TERM.as_raw());
    let _ = host.wait().code(0);
    let mut rest = String::new();
    member.read_to_string(&mut rest).expect("the room ends in order");
    assert!(!rest.contains("127.0.0.2"), "{rest}");
}
