//! The urgent byte of a stream (MSG_OOB), which stays in its place among the others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::net::{SendFlags, send};

use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, listener, read_all};
use crate::support::unix;
use crate::support::{skip, wirecat};

/// One urgent byte in the middle; a second one would make TCP forget where the first was.
fn say(mut stream: &TcpStream) {
    stream.write_all(b"before ").unwrap();
    assert_eq!(send(stream, b"!", SendFlags::OOB).unwrap(), 1);
    stream.write_all(b" after\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

const SAID: &str = "before ! after\n";

#[test]
fn the_urgent_byte_reaches_stdout_from_a_dialed_and_from_an_accepted_connection() {
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", &address]).start();
    say(&accept(&listener));
    assert_eq!(client.wait().code(0).text(), SAID);
    for host in ["127.0.0.1", "[::1]"] {
        let mut server = wirecat(["tcp-serve", "-1", &format!("{host}:0")]).start();
        let address = format!("{host}:{}", server.port());
        say(&connect(&address));
        assert_eq!(server.wait().code(0).text(), SAID);
    }
}

/// It passes both ways, and so it is accepted and dialed there.
#[test]
fn the_urgent_byte_passes_a_relay_both_ways_and_comes_back_from_echo() {
    let (upstream, address) = listener();
    let mut relay = wirecat(["tcp-serve", "127.0.0.1:0", "--forward", &address]).start();
    let client = connect(&relay.address());
    let upstream = accept(&upstream);
    say(&client);
    say(&upstream);
    assert_eq!(read_all(&upstream), SAID.as_bytes());
    assert_eq!(read_all(&client), SAID.as_bytes());
    let mut echo = wirecat(["echo", "--tcp", "127.0.0.1:0"]).start();
    let client = connect(&echo.address());
    say(&client);
    assert_eq!(read_all(&client), SAID.as_bytes());
}

#[test]
fn the_urgent_byte_is_part_of_a_line_in_a_chat() {
    let mut host = wirecat(["chat", "--host", "127.0.0.1:0", "--nick", "host"]).piped().start();
    let guest = connect(&host.address());
    say(&guest);
    host.wait_for_output("before ! after");
}

/// As under inetd.
#[test]
fn the_urgent_byte_of_stdin_is_sent_on() {
    let (inner, inner_address) = listener();
    let ours = connect(&inner_address);
    let stdin = OwnedFd::from(accept(&inner));
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", &address]).stdin(stdin).start();
    let peer = accept(&listener);
    say(&ours);
    assert_eq!(read_all(&peer), SAID.as_bytes());
    drop(peer);
    client.wait().code(0);
}

/// Unix sockets have it since Linux 5.15, where the kernel was built with it.
#[test]
fn the_urgent_byte_of_a_unix_socket_stays_in_its_place() {
    let test = "the_urgent_byte_of_a_unix_socket_stays_in_its_place";
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let mut server = wirecat(["tcp-serve", "-1", &address]).start();
    server.wait_for("listening unix");
    let mut client = unix::connect(&path);
    client.write_all(b"before ").unwrap();
    if let Err(error) = send(&client, b"!", SendFlags::OOB) {
        return skip(test, &format!("this kernel has none on unix sockets: {error}"));
    }
    client.write_all(b" after\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let reader = thread::spawn(move || uninterrupted(|| client.read(&mut [0])));
    assert_eq!(server.wait().code(0).text(), SAID);
    reader.join().unwrap().unwrap();
}
